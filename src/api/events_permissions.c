/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"
#include "model/policy.h"

/* PutPermission, RemovePermission: the resource policy of a bus. */

#define NO_STATEMENT "Statement with the provided id does not exist."

static json_t *make_principal(struct call *call, struct text principal)
{
    if (text_equal(principal, TEXT("*")))
        return json_string("*");
    return json_pack("{s:o}", "AWS", json_sprintf("arn:aws:iam::%.*s:root", TEXT_ARG(principal)));
}

static json_t *make_statement(struct call *call, struct text bus)
{
    const json_t *condition = json_object_get(call->input, "Condition");
    json_t *statement = json_object();

    events_set_text(statement, "Sid", call_input(call, "StatementId"));
    events_set_text(statement, "Effect", TEXT("Allow"));
    json_object_set_new(statement, "Principal",
                        make_principal(call, call_input(call, "Principal")));
    events_set_text(statement, "Action", call_input(call, "Action"));
    json_object_set_new(statement, "Resource", json_string(events_arn(call, "event-bus", bus)));
    if (condition) {
        json_t *keys = json_object();
        json_object_set_new(keys, json_text(condition, "Key").at,
                            json_from_text(json_text(condition, "Value")));
        json_object_set_new(statement, "Condition",
                            json_pack("{s:o}", json_text(condition, "Type").at, keys));
    }
    return statement;
}

static size_t find_statement(const json_t *statements, struct text id)
{
    const json_t *statement;
    size_t index;

    json_array_foreach(statements, index, statement)
    {
        if (text_equal(json_text(statement, "Sid"), id))
            return index;
    }
    return json_array_size(statements);
}

/* The policy to change: a copy, with a list of statements. */
static json_t *edit_policy(const json_t *bus)
{
    const json_t *policy = json_object_get(bus, "Policy");
    json_t *changed = policy ? json_deep_copy(policy) : json_pack("{s:s}", "Version", "2012-10-17");
    json_t *statements = json_object_get(changed, "Statement");

    if (json_is_object(statements)) /* a list of one may be written without brackets */
        json_object_set_new(changed, "Statement", json_pack("[O]", statements));
    else if (!json_is_array(statements))
        json_object_set_new(changed, "Statement", json_array());
    return changed;
}

/* Takes policy; NULL removes it. */
static void save_policy(struct call *call, struct text name, const json_t *bus, json_t *policy)
{
    json_t *changed = json_copy((json_t *)(uintptr_t)bus);

    if (policy)
        json_object_set_new(changed, "Policy", policy);
    else
        json_object_del(changed, "Policy");
    events_set_time(changed, "LastModifiedTime");
    events_save(call, BUSES_BUS, events_key(call, name), changed, events_reply_empty);
}

/* The whole document, from the request. NULL: answered. */
static json_t *read_policy(struct call *call, struct text text)
{
    struct error err;
    scoped(json_decref) json_t *policy = json_parse(text, &err);

    if (!policy || !json_is_object(policy) || !json_object_get(policy, "Statement")) {
        events_fail_invalid(call,
                            "Parameter Policy is not valid. Reason: Invalid policy document.");
        return NULL;
    }
    scoped(policy_free) struct policy *compiled = policy_compile(policy, POLICY_OF_RESOURCE, &err);
    if (!compiled) {
        events_fail_invalid(call, "Parameter Policy is not valid. Reason: %s.", err.text);
        return NULL;
    }
    return take(policy);
}

static bool has_statement_members(struct call *call)
{
    const json_t *condition = json_object_get(call->input, "Condition");

    if (!text_is_set(call_input(call, "Action")) || !text_is_set(call_input(call, "Principal")) ||
        !text_is_set(call_input(call, "StatementId"))) {
        events_fail_invalid(call, "Parameter(s) Action, Principal and StatementId, or Policy must "
                                  "be specified.");
        return false;
    }
    if (condition && (!text_equal(json_text(condition, "Type"), TEXT("StringEquals")) ||
                      !text_equal(json_text(condition, "Key"), TEXT("aws:PrincipalOrgID")))) {
        events_fail_invalid(call, "Parameter Condition is not valid. Reason: The condition must "
                                  "be StringEquals on aws:PrincipalOrgID.");
        return false;
    }
    return true;
}

static json_t *add_statement(struct call *call, struct text name, const json_t *bus)
{
    json_t *policy = edit_policy(bus), *statements = json_object_get(policy, "Statement");
    size_t index = find_statement(statements, call_input(call, "StatementId"));

    if (index < json_array_size(statements))
        json_array_set_new(statements, index, make_statement(call, name));
    else
        json_array_append_new(statements, make_statement(call, name));
    return policy;
}

static void put_permission(struct call *call)
{
    struct text name = events_bus_name(call, "EventBusName"), whole = call_input(call, "Policy");
    const json_t *bus = events_find_bus(call, name);

    if (!bus || (!text_is_set(whole) && !has_statement_members(call)))
        return;
    json_t *policy = text_is_set(whole) ? read_policy(call, whole) : add_statement(call, name, bus);
    if (!policy)
        return;
    scoped(free) char *text = json_write(policy);
    if (strlen(text) <= LIMIT_BUS_POLICY) {
        save_policy(call, name, bus, policy);
        return;
    }
    json_decref(policy);
    call_fail(call, "PolicyLengthExceededException",
              "The policy has %zu characters, more than the limit of %d.", strlen(text),
              LIMIT_BUS_POLICY);
}

static void remove_permission(struct call *call)
{
    struct text name = events_bus_name(call, "EventBusName");
    const json_t *bus = events_find_bus(call, name);

    if (!bus)
        return;
    if (json_bool(call->input, "RemoveAllPermissions", false)) {
        save_policy(call, name, bus, NULL);
        return;
    }
    scoped(json_decref) json_t *policy = edit_policy(bus);
    json_t *statements = json_object_get(policy, "Statement");
    size_t index = find_statement(statements, call_input(call, "StatementId"));
    if (index == json_array_size(statements)) {
        call_fail(call, "ResourceNotFoundException", NO_STATEMENT);
        return;
    }
    json_array_remove(statements, index);
    save_policy(call, name, bus, json_array_size(statements) > 0 ? take(policy) : NULL);
}

#define ROW_STATEMENT_ID                                                                      \
    {                                                                                         \
        PARAM_BODY, PARAM_STRING, "StatementId", "statementId",                               \
            .min = 1, .max = 64, .pattern = "[a-zA-Z0-9-_]+", .matches = name_is_statement_id \
    }
#define ROW_BUS                                                                           \
    {                                                                                     \
        PARAM_BODY, PARAM_STRING, "EventBusName", "eventBusName",                         \
            .min = 1, .max = 256, .pattern = PATTERN_NAME, .matches = name_is_event_name, \
            .pattern_first = true                                                         \
    }

static const struct param condition_rows[] = {
    {PARAM_BODY, PARAM_STRING, "Type", "type", .required = true},
    {PARAM_BODY, PARAM_STRING, "Key", "key", .required = true},
    {PARAM_BODY, PARAM_STRING, "Value", "value", .required = true},
    {0},
};
static const struct param put_rows[] = {
    ROW_BUS,
    {PARAM_BODY, PARAM_STRING, "Action", "action", .min = 1, .max = 64,
     .pattern = "events:[a-zA-Z]+", .matches = name_is_events_action},
    {PARAM_BODY, PARAM_STRING, "Principal", "principal", .min = 1, .max = 12,
     .pattern = "(\\d{12}|\\*)", .matches = name_is_account_or_all},
    ROW_STATEMENT_ID,
    {PARAM_BODY, PARAM_OBJECT, "Condition", "condition", .members = condition_rows},
    {PARAM_BODY, PARAM_STRING, "Policy", "policy"},
    {0},
};
static const struct param remove_rows[] = {
    ROW_STATEMENT_ID,
    {PARAM_BODY, PARAM_BOOL, "RemoveAllPermissions", "removeAllPermissions"},
    ROW_BUS,
    {0},
};

const struct action events_permission_actions[] = {
    {"PutPermission", EVENTS, PLACE_CONTROL, put_rows, put_permission, NULL},
    {"RemovePermission", EVENTS, PLACE_CONTROL, remove_rows, remove_permission, NULL},
    {0},
};
