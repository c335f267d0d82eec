/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

#include "api/sqs_form.h"
#include "http/uri.h"

/* All tables, in the order they are searched: what is called most comes first. */
static const struct action *const tables[] = {
    lambda_invoke_actions,
    lambda_function_actions,
    lambda_code_actions,
    lambda_version_actions,
    lambda_alias_actions,
    lambda_url_actions,
    lambda_permission_actions,
    lambda_tag_actions,
    lambda_event_invoke_actions,
    lambda_concurrency_actions,
    lambda_runtime_actions,
    events_put_actions,
    events_bus_actions,
    events_rule_actions,
    events_target_actions,
    events_permission_actions,
    events_tag_actions,
    events_archive_actions,
    events_replay_actions,
    events_connection_actions,
    events_destination_actions,
    scheduler_schedule_actions,
    scheduler_group_actions,
    scheduler_tag_actions,
    lambda_mapping_actions,
    logs_actions,
    sqs_actions,
    sts_actions,
    admin_actions,
    admin_event_actions,
    admin_api_actions,
    apigateway_api_actions,
    apigateway_route_actions,
    apigateway_integration_actions,
    apigateway_authorizer_actions,
    apigateway_response_actions,
    apigateway_model_actions,
    apigateway_stage_actions,
    apigateway_deployment_actions,
    apigateway_domain_actions,
    apigateway_tag_actions,
    apigateway_import_actions,
    apigateway_key_actions,
    apigateway_plan_actions,
    apigateway_usage_actions,
    apigateway_unserved_actions,
    lambda_unserved_actions,
    events_unserved_actions,
    logs_unserved_actions,
};

const struct action *routes_next(const struct action *action)
{
    size_t table = 0;

    if (action && action[1].name)
        return action + 1;
    for (size_t i = 0; action && i < COUNT_OF(tables); i++)
        for (const struct action *a = tables[i]; a->name; a++)
            if (a == action)
                table = i + 1;
    return table < COUNT_OF(tables) ? tables[table] : NULL;
}

/* Segment by segment; a segment in braces takes any value that is not empty. */
static bool matches(const char *pattern, struct text path, struct text values[API_PATH_VALUES])
{
    struct text rest = text_of(pattern), want, have;
    size_t count = 0;

    while (uri_segment_next(&rest, &want)) {
        if (!uri_segment_next(&path, &have))
            return false;
        if (!text_starts(want, TEXT("{"))) {
            if (!text_equal(want, have))
                return false;
        } else if (have.len > 0 && count < API_PATH_VALUES) {
            values[count++] = have;
        } else {
            return false;
        }
    }
    /* "/functions/" is "/functions": older models have the one, newer the other. */
    return !uri_segment_next(&path, &have) || (have.len == 0 && !uri_segment_next(&path, &have));
}

static bool decode_values(struct call *call)
{
    for (size_t i = 0; i < API_PATH_VALUES; i++)
        if (text_is_set(call->path_values[i]) &&
            !uri_decode(&call->arena, call->path_values[i], false, &call->path_values[i]))
            return false;
    return true;
}

const struct action *routes_find_path(struct call *call, enum http_method method)
{
    for (const struct action *action = routes_next(NULL); action; action = routes_next(action)) {
        struct text values[API_PATH_VALUES] = {{0}};
        if (!action->path || action->method != method || !matches(action->path, call->path, values))
            continue;
        memcpy(call->path_values, values, sizeof values);
        return decode_values(call) ? action : NULL;
    }
    return NULL;
}

static const struct action *find_name(const struct action *actions, struct text name)
{
    for (const struct action *action = actions; action->name; action++)
        if (text_equal(text_of(action->name), name))
            return action;
    return NULL;
}

const struct action *routes_find_target(struct text target)
{
    static const struct {
        const char *prefix;
        const struct action *actions;
    } services[] = {
        {"AmazonSQS.", sqs_actions},
        {"AWSEvents.", events_put_actions},
        {"AWSEvents.", events_bus_actions},
        {"AWSEvents.", events_rule_actions},
        {"AWSEvents.", events_target_actions},
        {"AWSEvents.", events_permission_actions},
        {"AWSEvents.", events_tag_actions},
        {"AWSEvents.", events_archive_actions},
        {"AWSEvents.", events_replay_actions},
        {"AWSEvents.", events_connection_actions},
        {"AWSEvents.", events_destination_actions},
        {"AWSEvents.", events_unserved_actions},
        {"Logs_20140328.", logs_actions},
        {"Logs_20140328.", logs_unserved_actions},
    };

    for (size_t i = 0; i < COUNT_OF(services); i++) {
        struct text prefix = text_of(services[i].prefix);
        const struct action *action =
            text_starts(target, prefix)
                ? find_name(services[i].actions, text_skip(target, prefix.len))
                : NULL;
        if (action)
            return action;
    }
    return NULL;
}

const struct action *routes_find_query(enum protocol protocol, struct text name)
{
    return find_name(protocol == PROTOCOL_SQS_QUERY ? sqs_actions : sts_actions, name);
}

/* Whom the signature is for: what stands in "KEY/DATE/REGION/SERVICE/aws4_request". */
static bool is_signed_for(struct call *call, const struct http_request *request,
                          struct text service)
{
    struct text header = http_header(request, TEXT("authorization"));
    struct text credential = text_is_set(header) ? header : call_query(call, "X-Amz-Credential");

    return text_find_text(credential, service) < credential.len;
}

const struct action *routes_find_form(struct call *call, const struct http_request *request)
{
    static const struct action sqs_form = {
        .name = "",
        .protocol = PROTOCOL_SQS_QUERY,
        .service = "sqs",
        .body = BODY_FORM,
        .body_max = API_SQS_MAX,
        .access = ACCESS_FUNCTIONS,
    };

    return sqs_is_queue_path(call->path) || is_signed_for(call, request, TEXT("/sqs/aws4_request"))
               ? &sqs_form
               : sts_actions;
}
