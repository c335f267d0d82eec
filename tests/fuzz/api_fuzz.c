/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"
#include "base/json_check.h"
#include "api/log_filter.h"
#include "model/lineage.h"
#include "base/json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct text no_value(void *arg, enum param_place place, const char *name)
{
    return *(struct text *)arg;
}

/* Every action's constraints, with the value for each parameter outside the body. */
static void fuzz_validate(struct text value, const json_t *body)
{
    const struct param_source source = {no_value, &value, body};

    for (const struct action *action = routes_next(NULL); action; action = routes_next(action)) {
        scoped(buffer_done) struct buffer out = {0};
        (void)validate(action->params, &source, &out);
    }
}

static void fuzz_filter(struct text pattern, struct text message)
{
    struct error err;
    scoped(log_filter_free) struct log_filter *filter = log_filter_compile(pattern, &err);

    if (filter)
        (void)log_filter_matches(filter, message);
}

/* Input: a path, name or pattern up to the first newline, then a body. What the quick JSON
 * check accepts, the parser accepts too, but for duplicate names, depth and huge numbers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text body = text_from(data, size), head;
    char trace[LINEAGE_TRACE_MAX];
    struct error err;
    scoped(buffer_done) struct buffer why = {0};

    if (!text_split(&body, '\n', &head))
        return 0;
    struct call call = {.path = head};
    (void)routes_find_path(&call, (enum http_method)(size % METHOD_OTHER));
    arena_done(&call.arena);
    scoped(json_decref) json_t *json = json_parse(body, &err);
    bool right = json_check(body, &why);
    if (json && !right)
        abort();
    fuzz_validate(head, json_is_object(json) ? json : NULL);
    fuzz_filter(head, body);
    lineage_make(head, 1, trace);
    return 0;
}
