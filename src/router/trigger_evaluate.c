/* SPDX-License-Identifier: Apache-2.0 */
#include "router/trigger_priv.h"

#include "router/cloudevents_priv.h"

/* What a filter compares: an attribute under one of Knative's names for it. */
struct subject {
    struct text value;
    bool is_string;
};

static bool find_subject(const struct cloud_event *event, struct text name, struct arena *arena,
                         struct subject *ret)
{
    struct text content_type = cloudevents_text(event, TEXT("datacontenttype"));

    if (text_equal(name, TEXT("datamediatype")) && text_is_set(content_type)) {
        *ret = (struct subject){cloud_media_type(content_type), true};
        return true;
    }
    if (text_equal(name, TEXT("schemaurl")))
        name = TEXT("dataschema");
    const struct cloud_attribute *attribute = cloudevents_find(event, name);
    if (!attribute)
        return false;
    *ret = (struct subject){attribute->value, attribute->kind == CLOUD_STRING};
    if (text_equal(name, TEXT("time")))
        ret->value = cloud_time_normal(attribute->value, arena);
    return true;
}

static bool holds(enum filter_kind kind, const struct subject *subject, struct text wanted)
{
    if (kind == FILTER_PREFIX)
        return text_starts(subject->value, wanted);
    if (kind == FILTER_SUFFIX)
        return text_ends(subject->value, wanted);
    if (kind == FILTER_EXACT)
        return text_equal(subject->value, wanted);
    /* FILTER_ATTRIBUTES compares types too, and nothing means anything. */
    if (wanted.len == 0)
        return subject->value.len > 0;
    return subject->is_string && text_equal(subject->value, wanted);
}

static enum trigger_result evaluate_pairs(const struct filter *filter,
                                          const struct cloud_event *event, struct arena *arena)
{
    struct subject subject;

    for (size_t i = 0; i < filter->pair_count; i++)
        if (!find_subject(event, filter->pairs[i].name, arena, &subject) ||
            !holds(filter->kind, &subject, filter->pairs[i].value))
            return TRIGGER_FAIL;
    return TRIGGER_PASS;
}

static enum trigger_result evaluate(const struct filter *filter, const struct cloud_event *event,
                                    struct arena *arena);

/* What decides all is one that fails, what decides any is one that passes. */
static enum trigger_result evaluate_list(const struct filter *filter,
                                         const struct cloud_event *event, struct arena *arena)
{
    enum trigger_result decisive = filter->kind == FILTER_ALL ? TRIGGER_FAIL : TRIGGER_PASS;
    enum trigger_result result = TRIGGER_NO_FILTER;

    for (size_t i = 0; i < filter->inner_count && result != decisive; i++) {
        enum trigger_result one = evaluate(filter->inner[i], event, arena);
        if (one != TRIGGER_NO_FILTER)
            result = one;
    }
    return result;
}

static enum trigger_result evaluate_not(const struct filter *filter,
                                        const struct cloud_event *event, struct arena *arena)
{
    return evaluate(filter->inner[0], event, arena) == TRIGGER_PASS ? TRIGGER_FAIL : TRIGGER_PASS;
}

static enum trigger_result evaluate(const struct filter *filter, const struct cloud_event *event,
                                    struct arena *arena)
{
    if (filter->is_void)
        return TRIGGER_NO_FILTER;
    switch (filter->kind) {
    case FILTER_NONE:
        return TRIGGER_NO_FILTER;
    case FILTER_ATTRIBUTES:
    case FILTER_EXACT:
    case FILTER_PREFIX:
    case FILTER_SUFFIX:
        return evaluate_pairs(filter, event, arena);
    case FILTER_ALL:
    case FILTER_ANY:
        return evaluate_list(filter, event, arena);
    case FILTER_NOT:
        return evaluate_not(filter, event, arena);
    case FILTER_CESQL:
        return cesql_passes(filter->cesql, event, arena) ? TRIGGER_PASS : TRIGGER_FAIL;
    }
    return TRIGGER_NO_FILTER;
}

enum trigger_result trigger_evaluate(const struct trigger *trigger, const struct cloud_event *event,
                                     struct arena *arena)
{
    return evaluate(trigger->root, event, arena);
}

bool trigger_passes(const struct trigger *trigger, const struct cloud_event *event,
                    struct arena *arena)
{
    return trigger_evaluate(trigger, event, arena) != TRIGGER_FAIL;
}
