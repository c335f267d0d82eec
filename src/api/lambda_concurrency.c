/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

/* Reserved concurrency and the recursion config: what holds for all versions of a function. */

#define UNRESERVED_MIN 100 /* Lambda: what reservations must leave to the other functions */

/* The function itself, not a version of it. NULL: answered; where there is none AWS shows the
 * ARN with the qualifier that the action works on. */
static const struct function *find_unqualified(struct call *call, struct text shown)
{
    struct target target;

    if (!lambda_target(call, &target))
        return NULL;
    if (!text_is_set(target.qualifier)) {
        target.qualifier = shown;
        return lambda_find(call, &target);
    }
    call_fail(call, "InvalidParameterValueException",
              "This operation is permitted on Lambda functions only. Aliases and versions do not "
              "support this operation. Please specify either a function name or an unqualified "
              "function ARN.");
    return NULL;
}

static void reply_deleted(struct call *call)
{
    call_reply(call, 204);
}

/* --- concurrency --- */

int64_t lambda_unreserved(const struct api *api, const struct function *except)
{
    int64_t left = api->options->settings->concurrency;
    size_t count;
    scoped(free) const struct function **list =
        engine_list(api->engine, api->account, api->region, &count);

    for (size_t i = 0; i < count; i++)
        if (list[i] != except && list[i]->reserved_concurrency > 0)
            left -= list[i]->reserved_concurrency;
    return left;
}

static void reply_concurrency(struct call *call, const struct function *function)
{
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    if (function->reserved_concurrency >= 0)
        write_int(&writer, "ReservedConcurrentExecutions", function->reserved_concurrency);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void reply_put_concurrency(struct call *call)
{
    reply_concurrency(call, call->saved);
}

static void put_concurrency(struct call *call)
{
    int64_t wanted = json_int(call->input, "ReservedConcurrentExecutions", 0);
    const struct function *function = find_unqualified(call, TEXT("$LATEST"));

    if (!function)
        return;
    int64_t left = lambda_unreserved(call->api, function), keep = UNRESERVED_MIN;
    if (call->api->options->settings->concurrency <= keep)
        keep = 0; /* an account that small has nothing to keep */
    if (wanted > 0 && left - wanted < keep) {
        call_fail(call, "InvalidParameterValueException",
                  "Specified ReservedConcurrentExecutions for function decreases account's "
                  "UnreservedConcurrentExecution below its minimum value of [%lld].",
                  (long long)keep);
        return;
    }
    struct function *changed = function_edit(function);
    changed->reserved_concurrency = wanted;
    lambda_save(call, changed, reply_put_concurrency);
}

static void get_concurrency(struct call *call)
{
    const struct function *function = find_unqualified(call, TEXT_NONE);

    if (function)
        reply_concurrency(call, function);
}

static void delete_concurrency(struct call *call)
{
    const struct function *function = find_unqualified(call, TEXT_NONE);

    if (!function)
        return;
    struct function *changed = function_edit(function);
    changed->reserved_concurrency = -1;
    lambda_save(call, changed, reply_deleted);
}

/* --- loops --- */

static void reply_recursion(struct call *call, const struct function *function)
{
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_string(&writer, "RecursiveLoop", function->may_recurse ? "Allow" : "Terminate");
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void reply_put_recursion(struct call *call)
{
    reply_recursion(call, call->saved);
}

static void put_recursion(struct call *call)
{
    const struct function *function = find_unqualified(call, TEXT_NONE);

    if (!function)
        return;
    struct function *changed = function_edit(function);
    changed->may_recurse = text_equal(call_input(call, "RecursiveLoop"), TEXT("Allow"));
    lambda_save(call, changed, reply_put_recursion);
}

static void get_recursion(struct call *call)
{
    const struct function *function = find_unqualified(call, TEXT_NONE);

    if (function)
        reply_recursion(call, function);
}

/* --- the table --- */

/* clang-format off */
static const struct param name_params[] = {ROW_FUNCTION(PARAM_PATH), {0}};
static const struct param concurrency_params[] = {
    ROW_FUNCTION(PARAM_PATH),
    {PARAM_BODY, PARAM_INT, "ReservedConcurrentExecutions", "reservedConcurrentExecutions",
     .required = true, .max = INT32_MAX},
    {0},
};
static const struct param recursion_params[] = {
    ROW_FUNCTION(PARAM_PATH),
    {PARAM_BODY, PARAM_STRING, "RecursiveLoop", "recursiveLoop", .required = true,
     .values = "Terminate, Allow"},
    {0},
};
/* clang-format on */

#define PATH_CONCURRENCY(date) "/" date "/functions/{FunctionName}/concurrency"
#define PATH_RECURSION "/2024-08-31/functions/{FunctionName}/recursion-config"

const struct action lambda_concurrency_actions[] = {
    {"PutFunctionConcurrency", LAMBDA, METHOD_PUT, PATH_CONCURRENCY("2017-10-31"), BODY_JSON,
     API_JSON_MAX, ACCESS_SIGNED, PLACE_CONTROL, concurrency_params, put_concurrency, NULL},
    {"GetFunctionConcurrency", LAMBDA, METHOD_GET, PATH_CONCURRENCY("2019-09-30"), BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, name_params, get_concurrency, NULL},
    {"DeleteFunctionConcurrency", LAMBDA, METHOD_DELETE, PATH_CONCURRENCY("2017-10-31"), BODY_NONE,
     0, ACCESS_SIGNED, PLACE_CONTROL, name_params, delete_concurrency, NULL},
    {"PutFunctionRecursionConfig", LAMBDA, METHOD_PUT, PATH_RECURSION, BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, recursion_params, put_recursion, NULL},
    {"GetFunctionRecursionConfig", LAMBDA, METHOD_GET, PATH_RECURSION, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, name_params, get_recursion, NULL},
    {0},
};
