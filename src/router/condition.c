/* SPDX-License-Identifier: Apache-2.0 */
#include "router/condition.h"

#include "base/json.h"

/* Nothing but "filter" and "filters". */
static bool is_trigger(const json_t *spec)
{
    size_t known =
        (json_object_get(spec, "filter") != NULL) + (json_object_get(spec, "filters") != NULL);

    return known > 0 && known == json_object_size(spec);
}

static int use_trigger(const json_t *spec, struct condition *ret, struct error *err)
{
    scoped(trigger_free) struct trigger *trigger = trigger_compile(spec, err);
    scoped(buffer_done) struct buffer pattern = {0};

    if (!trigger)
        return -1;
    bool says_all = trigger_pattern(trigger, &pattern);
    ret->pattern = pattern_compile(buffer_text(&pattern), NULL, err);
    if (!ret->pattern)
        return -1;
    ret->trigger = says_all ? NULL : take(trigger);
    return 0;
}

int condition_compile(struct text source, struct condition *ret, struct buffer *ret_message,
                      struct error *err)
{
    scoped(buffer_done) struct buffer message = {0};
    struct error ignored;

    *ret = (struct condition){.pattern = pattern_compile(source, &message, err)};
    if (ret->pattern)
        return 0;
    scoped(json_decref) json_t *spec = json_parse(source, &ignored);
    if (is_trigger(spec)) {
        if (use_trigger(spec, ret, err) == 0)
            return 0;
        buffer_clear(&message);
        buffer_add_format(&message, "Event pattern is not valid. Reason: %s", err->text);
    }
    if (ret_message)
        buffer_add_text(ret_message, buffer_text(&message));
    return -1;
}

void condition_done(struct condition *condition)
{
    pattern_unref(condition->pattern);
    trigger_free(condition->trigger);
    *condition = (struct condition){0};
}
