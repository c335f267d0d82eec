/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_form.h"

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a form of SQS's query protocol. Whatever it holds becomes an object that can be
 * written as JSON and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    scoped(arena_done) struct arena arena = {0};
    scoped(json_decref) json_t *object = sqs_form_parse(text_from(data, size), &arena);

    assert(json_is_object(object));
    scoped(free) char *text = json_write(object);
    scoped(json_decref) json_t *again = json_parse(text_of(text), &err);
    assert(json_equal(object, again));
    (void)sqs_is_queue_path(text_from(data, size));
    return 0;
}
