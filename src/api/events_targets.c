/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

#include "router/tags.h"
#include "router/transform.h"

/* PutTargets, ListTargetsByRule, RemoveTargets. Targets are members of their rule's document,
 * as they were given. */

/* --- PutTargets --- */

static bool check_input(struct call *call, const json_t *target, struct text id)
{
    const json_t *transformer = json_object_get(target, "InputTransformer");
    int given = json_is_string(json_object_get(target, "Input")) +
                json_is_string(json_object_get(target, "InputPath")) + json_is_object(transformer);
    struct error err;

    if (given > 1) {
        events_fail_invalid(call,
                            "Only one of Input, InputPath, or InputTransformer must be provided "
                            "for target %.*s.",
                            TEXT_ARG(id));
        return false;
    }
    scoped(transform_free) struct transform *transform = transform_compile(target, &err);
    if (transform)
        return true;
    events_fail_invalid(call, "%s", err.text);
    return false;
}

static bool is_fifo_queue(struct text arn)
{
    return text_find_text(arn, TEXT(":sqs:")) < arn.len && text_ends(arn, TEXT(".fifo"));
}

/* "arn:...:function-tagged:SELECTOR" */
static bool check_selector(struct call *call, struct text arn)
{
    size_t at = text_find_text(arn, TEXT(":function-tagged:"));
    struct error err;

    if (at == arn.len)
        return true;
    scoped(tags_free) struct tag_selector *selector =
        tags_compile(text_skip(arn, at + strlen(":function-tagged:")), &err);
    if (!selector)
        events_fail_invalid(call, "Parameter %.*s is not valid. Reason: %s", TEXT_ARG(arn),
                            err.text);
    return selector;
}

static bool check_target(struct call *call, const json_t *target)
{
    struct text id = json_text(target, "Id"), arn = json_text(target, "Arn");

    if (!name_is_arn(arn)) {
        events_fail_invalid(call,
                            "Parameter %.*s is not valid. Reason: Provided Arn is not in "
                            "correct format.",
                            TEXT_ARG(arn));
        return false;
    }
    if (is_fifo_queue(arn) &&
        json_text(json_object_get(target, "SqsParameters"), "MessageGroupId").len == 0) {
        events_fail_invalid(call, "Parameter(s) SqsParameters must be specified for target: %.*s.",
                            TEXT_ARG(id));
        return false;
    }
    return check_selector(call, arn) && check_input(call, target, id);
}

/* Replaces the target of the same Id. */
static void set_target(json_t *targets, json_t *target)
{
    const json_t *other;
    size_t index;

    json_array_foreach(targets, index, other)
    {
        if (text_equal(json_text(other, "Id"), json_text(target, "Id"))) {
            json_array_set_new(targets, index, json_deep_copy(target));
            return;
        }
    }
    json_array_append_new(targets, json_deep_copy(target));
}

static void reply_none_failed(struct call *call)
{
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_int(&writer, "FailedEntryCount", 0);
    write_open(&writer, "FailedEntries", '[');
    write_close(&writer, ']');
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* The rule the request names, with a list of targets of its own to change. NULL: answered. */
static json_t *edit_targets(struct call *call, json_t **ret_targets)
{
    const json_t *rule =
        events_find_rule(call, events_bus_name(call, "EventBusName"), call_input(call, "Rule"));

    if (!rule)
        return NULL;
    json_t *changed = json_copy((json_t *)(uintptr_t)rule);
    const json_t *targets = json_object_get(rule, "Targets");
    *ret_targets = targets ? json_copy((json_t *)(uintptr_t)targets) : json_array();
    json_object_set_new(changed, "Targets", *ret_targets);
    return changed;
}

static void save_rule(struct call *call, json_t *rule)
{
    struct text key =
        events_rule_key(call, events_bus_name(call, "EventBusName"), call_input(call, "Rule"));

    events_save(call, BUSES_RULE, key, rule, reply_none_failed);
}

static void put_targets(struct call *call)
{
    json_t *targets, *target;
    size_t index;
    scoped(json_decref) json_t *rule = edit_targets(call, &targets);

    if (!rule)
        return;
    json_array_foreach(json_object_get(call->input, "Targets"), index, target)
    {
        if (!check_target(call, target))
            return;
        set_target(targets, target);
    }
    if (json_array_size(targets) > LIMIT_RULE_TARGETS) {
        call_fail(call, "LimitExceededException",
                  "The requested resource exceeds the maximum number allowed.");
        return;
    }
    save_rule(call, take(rule));
}

/* --- RemoveTargets --- */

static bool lists_id(const json_t *ids, struct text id)
{
    const json_t *one;
    size_t index;

    json_array_foreach(ids, index, one)
    {
        if (text_equal(text_from(json_string_value(one), json_string_length(one)), id))
            return true;
    }
    return false;
}

static void remove_targets(struct call *call)
{
    const json_t *ids = json_object_get(call->input, "Ids");
    json_t *targets, *rule = edit_targets(call, &targets);

    if (!rule)
        return;
    for (size_t i = json_array_size(targets); i-- > 0;)
        if (lists_id(ids, json_text(json_array_get(targets, i), "Id")))
            json_array_remove(targets, i);
    save_rule(call, rule);
}

/* --- ListTargetsByRule --- */

static void list_targets_by_rule(struct call *call)
{
    const json_t *rule =
        events_find_rule(call, events_bus_name(call, "EventBusName"), call_input(call, "Rule"));
    struct writer writer = call_writer(call);
    size_t start, limit = events_page_limit(call);

    if (!rule || !events_page_start(call, &start))
        return;
    const json_t *targets = json_object_get(rule, "Targets");
    size_t count = json_array_size(targets);
    write_open(&writer, NULL, '{');
    write_open(&writer, "Targets", '[');
    for (size_t i = start; i < count && i < start + limit; i++) {
        scoped(free) char *text = json_write(json_array_get(targets, i));
        write_json(&writer, NULL, text_of(text));
    }
    write_close(&writer, ']');
    if (start + limit < count)
        events_write_token(call, &writer,
                           text_of(arena_format(&call->arena, "%zu", start + limit)));
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- the table --- */

#define ROW_RULE ROW_NAME("Rule", "rule", 64)

static const struct param put_rows[] = {
    ROW_RULE,
    ROW_BUS_OR_ARN,
    {PARAM_BODY, PARAM_LIST, "Targets", "targets", .required = true, .min = 1, .max = 100,
     .members = &events_target_row},
    {0},
};
static const struct param id_row = {PARAM_BODY,
                                    PARAM_STRING,
                                    "",
                                    "",
                                    .min = 1,
                                    .max = 64,
                                    .pattern = PATTERN_NAME,
                                    .matches = name_is_event_name};
static const struct param remove_rows[] = {
    ROW_RULE,
    ROW_BUS_OR_ARN,
    {PARAM_BODY, PARAM_LIST, "Ids", "ids", .required = true, .min = 1, .max = 100,
     .members = &id_row},
    {PARAM_BODY, PARAM_BOOL, "Force", "force"},
    {0},
};
static const struct param list_rows[] = {ROW_RULE, ROW_BUS_OR_ARN, ROW_PAGE, {0}};

const struct action events_target_actions[] = {
    {"PutTargets", EVENTS, PLACE_CONTROL, put_rows, put_targets, NULL},
    {"RemoveTargets", EVENTS, PLACE_CONTROL, remove_rows, remove_targets, NULL},
    {"ListTargetsByRule", EVENTS, PLACE_CONTROL, list_rows, list_targets_by_rule, NULL},
    {0},
};
