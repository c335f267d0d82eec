/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

#include "model/schedule.h"

/* PutRule, DescribeRule, ListRules, DeleteRule, EnableRule, DisableRule,
 * ListRuleNamesByTarget. A rule's document holds its targets. */

static const char *const shown[] = {
    "EventPattern", "State", "Description", "ScheduleExpression", "RoleArn", "ManagedBy", NULL};

/* --- PutRule --- */

static void reply_rule_arn(struct call *call)
{
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_string(
        &writer, "RuleArn",
        events_rule_arn(call, events_bus_name(call, "EventBusName"), call_input(call, "Name")));
    write_close(&writer, '}');
    call_reply(call, 200);
}

static bool check_schedule(struct call *call, struct text bus)
{
    struct text schedule = call_input(call, "ScheduleExpression");
    struct schedule parsed;
    struct error err;

    if (schedule.len == 0)
        return true;
    if (!text_equal(bus, EVENTS_DEFAULT)) {
        events_fail_invalid(call, "ScheduleExpression is supported only on the default event bus.");
        return false;
    }
    if (schedule_parse(schedule, SCHEDULE_RULE, &parsed, &err) == 0)
        return true;
    events_fail_invalid(call, "Parameter ScheduleExpression is not valid.");
    return false;
}

static bool may_add_rule(struct call *call, struct text bus)
{
    if (buses_rule_count(call->api->buses, events_key(call, bus)) < LIMIT_RULES)
        return true;
    call_fail(call, "LimitExceededException",
              "The requested resource exceeds the maximum number allowed.");
    return false;
}

/* Since when its schedule counts: from when it was put or enabled. */
static void set_scheduled_since(json_t *rule, const json_t *before)
{
    const json_t *since = json_object_get(before, "ScheduledSince");
    bool goes_on = text_equal(json_text(rule, "ScheduleExpression"),
                              json_text(before, "ScheduleExpression")) &&
                   text_equal(json_text(rule, "State"), json_text(before, "State"));

    if (json_text(rule, "ScheduleExpression").len == 0)
        return;
    if (goes_on && since)
        json_object_set_new(rule, "ScheduledSince", json_integer(json_integer_value(since)));
    else
        events_set_time(rule, "ScheduledSince");
}

/* What the request says, and of the rule it replaces what no PutRule changes. */
static json_t *make_rule(struct call *call, struct text bus, const json_t *before)
{
    static const char *const given[] = {
        "EventPattern", "ScheduleExpression", "State", "Description", "RoleArn", NULL};
    static const char *const kept[] = {"Targets", "Tags", "CreationTime", NULL};
    scoped(json_decref) json_t *rule = json_object();

    events_set_text(rule, "Name", call_input(call, "Name"));
    events_set_text(rule, "EventBusName", bus);
    events_set_text(rule, "State", TEXT("ENABLED"));
    events_take_members(rule, call->input, given);
    if (before)
        events_take_members(rule, before, kept);
    else if (!events_take_tags(call, rule))
        return NULL;
    else
        events_set_time(rule, "CreationTime");
    set_scheduled_since(rule, before);
    return take(rule);
}

static void put_rule(struct call *call)
{
    struct text bus = events_bus_name(call, "EventBusName"), name = call_input(call, "Name");
    struct text key = events_rule_key(call, bus, name);
    const json_t *before = events_find(call, BUSES_RULE, key);

    if (call_input(call, "EventPattern").len == 0 &&
        call_input(call, "ScheduleExpression").len == 0) {
        events_fail_invalid(call, "Parameter(s) EventPattern or ScheduleExpression must be "
                                  "specified.");
        return;
    }
    if (!check_schedule(call, bus) || !events_find_bus(call, bus) ||
        !events_check_condition(call, call_input(call, "EventPattern")) ||
        (!before && !may_add_rule(call, bus)))
        return;
    json_t *rule = make_rule(call, bus, before);
    if (rule)
        events_save(call, BUSES_RULE, key, rule, reply_rule_arn);
}

/* --- DescribeRule, ListRules --- */

static void write_rule(struct call *call, struct writer *writer, const json_t *rule)
{
    struct text name = json_text(rule, "Name"), bus = json_text(rule, "EventBusName");

    write_text(writer, "Name", name);
    write_string(writer, "Arn", events_rule_arn(call, bus, name));
    events_write_members(writer, rule, shown);
    write_text(writer, "EventBusName", bus);
}

static void describe_rule(struct call *call)
{
    const json_t *rule =
        events_find_rule(call, events_bus_name(call, "EventBusName"), call_input(call, "Name"));
    struct writer writer = call_writer(call);

    if (!rule)
        return;
    write_open(&writer, NULL, '{');
    write_rule(call, &writer, rule);
    write_text(&writer, "CreatedBy", call->api->account);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void write_rule_item(struct call *call, struct writer *writer, struct text name,
                            const json_t *rule)
{
    write_open(writer, NULL, '{');
    write_rule(call, writer, rule);
    write_close(writer, '}');
}

static void list_rules(struct call *call)
{
    struct text bus = events_bus_name(call, "EventBusName");
    const struct events_list list = {BUSES_RULE, "Rules", events_rule_key(call, bus, TEXT("")),
                                     NULL, write_rule_item};

    if (events_find_bus(call, bus))
        events_reply_list(call, &list);
}

/* --- DeleteRule, EnableRule, DisableRule --- */

static void delete_rule(struct call *call)
{
    struct text bus = events_bus_name(call, "EventBusName");
    struct text key = events_rule_key(call, bus, call_input(call, "Name"));

    if (!events_find_bus(call, bus))
        return;
    const json_t *rule = events_find(call, BUSES_RULE, key);
    if (rule && json_array_size(json_object_get(rule, "Targets")) > 0)
        events_fail_invalid(call, "Rule can't be deleted since it has targets.");
    else
        events_delete(call, BUSES_RULE, key, events_reply_empty);
}

static void set_state(struct call *call, struct text state)
{
    struct text bus = events_bus_name(call, "EventBusName"), name = call_input(call, "Name");
    const json_t *rule = events_find_rule(call, bus, name);

    if (!rule)
        return;
    json_t *changed = json_copy((json_t *)(uintptr_t)rule);
    events_set_text(changed, "State", state);
    set_scheduled_since(changed, rule);
    events_save(call, BUSES_RULE, events_rule_key(call, bus, name), changed, events_reply_empty);
}

static void enable_rule(struct call *call)
{
    set_state(call, TEXT("ENABLED"));
}

static void disable_rule(struct call *call)
{
    set_state(call, TEXT("DISABLED"));
}

/* --- ListRuleNamesByTarget --- */

static bool has_target(struct call *call, const json_t *rule)
{
    struct text arn = call_input(call, "TargetArn");
    const json_t *target;
    size_t index;

    json_array_foreach(json_object_get(rule, "Targets"), index, target)
    {
        if (text_equal(json_text(target, "Arn"), arn))
            return true;
    }
    return false;
}

static void write_name(struct call *call, struct writer *writer, struct text name,
                       const json_t *rule)
{
    write_text(writer, NULL, name);
}

static void list_rule_names_by_target(struct call *call)
{
    struct text bus = events_bus_name(call, "EventBusName");
    const struct events_list list = {BUSES_RULE, "RuleNames", events_rule_key(call, bus, TEXT("")),
                                     has_target, write_name};

    if (events_find_bus(call, bus))
        events_reply_list(call, &list);
}

/* --- the table --- */

#define STATES "DISABLED, ENABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

static const struct param put_rows[] = {
    ROW_NAME("Name", "name", 64),
    ROW_TEXT("ScheduleExpression", "scheduleExpression", 0, 256),
    ROW_TEXT("EventPattern", "eventPattern", 0, 4096),
    {PARAM_BODY, PARAM_STRING, "State", "state", .values = STATES},
    ROW_TEXT("Description", "description", 0, 512),
    ROW_TEXT("RoleArn", "roleArn", 1, 1600),
    ROW_TAGS,
    ROW_BUS_OR_ARN,
    {0},
};
static const struct param name_rows[] = {ROW_NAME("Name", "name", 64), ROW_BUS_OR_ARN, {0}};
static const struct param list_rows[] = {ROW_PREFIX(64), ROW_BUS_OR_ARN, ROW_PAGE, {0}};
static const struct param by_target_rows[] = {
    ROW_TEXT_NEEDED("TargetArn", "targetArn", 1, 1600), ROW_BUS_OR_ARN, ROW_PAGE, {0}};

const struct action events_rule_actions[] = {
    {"PutRule", EVENTS, PLACE_CONTROL, put_rows, put_rule, NULL},
    {"DescribeRule", EVENTS, PLACE_CONTROL, name_rows, describe_rule, NULL},
    {"ListRules", EVENTS, PLACE_CONTROL, list_rows, list_rules, NULL},
    {"DeleteRule", EVENTS, PLACE_CONTROL, name_rows, delete_rule, NULL},
    {"EnableRule", EVENTS, PLACE_CONTROL, name_rows, enable_rule, NULL},
    {"DisableRule", EVENTS, PLACE_CONTROL, name_rows, disable_rule, NULL},
    {"ListRuleNamesByTarget", EVENTS, PLACE_CONTROL, by_target_rows, list_rule_names_by_target,
     NULL},
    {0},
};
