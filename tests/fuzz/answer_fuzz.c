/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "gateway/gateway_priv.h"
#include "base/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* jansson refuses some JSON that is scanned: what is not UTF-8, and numbers it cannot hold.
 * Whatever it reads must be scanned too, unless it is nested deeper than we go; or has a
 * NUL, which ends the input for jansson. */
static void compare(struct text json)
{
    struct scan_value whole;
    json_error_t error;
    json_t *tree = json_loadb(json.at, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    size_t brackets = 0;

    for (size_t i = 0; i < json.len; i++)
        brackets += json.at[i] == '[' || json.at[i] == '{';
    if (tree && brackets < SCAN_DEPTH_MAX && !text_contains(json, '\0'))
        assert(scan_document(json, NULL, NULL, &whole));
    json_decref(tree);
}

/* Any input may be refused; none may crash, and what is answered can be read. */
static void read_answer(struct text json, bool is_prelude)
{
    struct http_field fields[ANSWER_FIELDS_MAX];
    struct answer answer = {.fields = fields};
    scoped(buffer_done) struct buffer copy = {0}, scratch = {0};
    volatile size_t sum = 0;

    buffer_add_text(&copy, json);
    if (!(is_prelude ? answer_read_prelude(&copy, copy.len, &answer)
                     : answer_read(&copy, &scratch, &answer)))
        return;
    assert(answer.status >= 200 && answer.status <= 599 && answer.count <= ANSWER_FIELDS_MAX);
    for (size_t i = 0; i < answer.body.len; i++)
        sum += (uint8_t)answer.body.at[i];
    for (size_t i = 0; i < answer.count; i++)
        sum += map_hash(fields[i].name) + map_hash(fields[i].value);
    (void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text json = text_from(data, size);

    compare(json);
    read_answer(json, false);
    read_answer(json, true);
    return 0;
}
