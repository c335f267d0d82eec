/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/manifest.h"

/* Put, Update, Get, Delete and List of EventInvokeConfig: how events for a function are
 * retried, and where their results go. One for each qualifier. */

#define LIST_MAX 50

/* --- showing --- */

static void write_destination(struct writer *writer, const char *key, const char *arn)
{
    write_open(writer, key, '{');
    write_string_if(writer, "Destination", arn);
    write_close(writer, '}');
}

static void write_config(struct writer *writer, const struct function *function,
                         const struct event_invoke *config)
{
    scoped(buffer_done) struct buffer text = {0};

    write_open(writer, NULL, '{');
    buffer_add_format(&text, "%lld.%03d", (long long)(config->modified_ms / 1000),
                      (int)(config->modified_ms % 1000));
    write_json(writer, "LastModified", buffer_text(&text));
    buffer_clear(&text);
    buffer_add_format(&text, "%s:%s", function->arn, config->qualifier);
    write_text(writer, "FunctionArn", buffer_text(&text));
    if (config->max_retries >= 0)
        write_int(writer, "MaximumRetryAttempts", config->max_retries);
    if (config->max_age_s >= 0)
        write_int(writer, "MaximumEventAgeInSeconds", config->max_age_s);
    write_open(writer, "DestinationConfig", '{');
    write_destination(writer, "OnSuccess", config->on_success);
    write_destination(writer, "OnFailure", config->on_failure);
    write_close(writer, '}');
    write_close(writer, '}');
}

/* --- destinations --- */

struct destinations {
    struct text on_success, on_failure;
};

static struct text destination(const json_t *config, const char *half)
{
    return json_text(json_object_get(config, half), "Destination");
}

static struct destinations read_destinations(const struct call *call)
{
    const json_t *config = json_object_get(call->input, "DestinationConfig");

    return (struct destinations){destination(config, "OnSuccess"),
                                 destination(config, "OnFailure")};
}

static void fail_destinations(struct call *call, struct destinations given)
{
    scoped(buffer_done) struct buffer message = {0};

    buffer_add_literal(&message, "The provided destination config DestinationConfig(onSuccess=");
    if (given.on_success.len)
        buffer_add_format(&message, "OnSuccess(destination=%.*s)", TEXT_ARG(given.on_success));
    else
        buffer_add_literal(&message, "null");
    buffer_add_literal(&message, ", onFailure=");
    if (given.on_failure.len)
        buffer_add_format(&message, "OnFailure(destination=%.*s)", TEXT_ARG(given.on_failure));
    else
        buffer_add_literal(&message, "null");
    buffer_add_literal(&message, ") is invalid.");
    call_fail_text(call, "InvalidParameterValueException", buffer_text(&message));
}

static bool fail_destination(struct call *call, struct text arn)
{
    call_fail(call, "InvalidParameterValueException", "The destination ARN %.*s is invalid.",
              TEXT_ARG(arn));
    return false;
}

static bool check_function_destination(struct call *call, struct text name, struct text arn)
{
    struct function_name parts;
    const struct function *function = NULL;

    if (name_parse(arn, NAME_NAMESPACED, &parts))
        function =
            engine_find(call->api->engine, call->api->account, call->api->region, parts.name);
    if (!function)
        return fail_destination(call, arn);
    if (!text_equal(parts.name, name))
        return true;
    call_fail(call, "InvalidParameterValueException",
              "You can't specify the function as a destination for itself.");
    return false;
}

bool lambda_check_destination(struct call *call, struct text arn)
{
    struct text rest = arn, part[6] = {{0}};

    for (size_t i = 0; i < COUNT_OF(part) - 1; i++)
        (void)text_split(&rest, ':', &part[i]);
    if (text_equal(part[2], TEXT("sns")) || text_equal(part[2], TEXT("s3"))) {
        call_fail(call, "InvalidParameterValueException",
                  "Evoke has no %.*s to send to: choose a function, a queue or an event bus "
                  "instead of %.*s.",
                  TEXT_ARG(part[2]), TEXT_ARG(arn));
        return false;
    }
    if (text_equal(part[3], call->api->region) && text_equal(part[4], call->api->account))
        return true;
    return fail_destination(call, arn);
}

/* False: answered. */
static bool check_destination(struct call *call, struct text name, struct text arn,
                              struct destinations all)
{
    static const char *const services[] = {"lambda", "sqs", "events", "sns", "s3"};
    struct text rest = arn, piece = TEXT_NONE;
    bool is_known = false;

    if (arn.len == 0)
        return true;
    for (int i = 0; i < 3; i++)
        (void)text_split(&rest, ':', &piece);
    for (size_t i = 0; i < COUNT_OF(services); i++)
        is_known = is_known || text_equal(piece, text_of(services[i]));
    if (!is_known) {
        fail_destinations(call, all);
        return false;
    }
    return lambda_check_destination(call, arn) &&
           (!text_equal(piece, TEXT("lambda")) || check_function_destination(call, name, arn));
}

/* --- what function.yaml says --- */

/* "queue:NAME" is short for the ARN here. */
static char *long_destination(const struct function *function, const char *given)
{
    static const struct {
        struct text word;
        const char *service, *kind;
    } kinds[] = {
        {TEXT("function:"), "lambda", "function:"},
        {TEXT("queue:"), "sqs", ""},
        {TEXT("bus:"), "events", "event-bus/"},
    };

    for (size_t i = 0; given && i < COUNT_OF(kinds); i++)
        if (text_starts(text_of(given), kinds[i].word))
            return mem_format("arn:aws:%s:%s:%s:%s%s", kinds[i].service, function->region,
                              function->account, kinds[i].kind, given + kinds[i].word.len);
    return mem_strdup(given ? given : "");
}

/* Lets the rule call the function that events_manifest.c makes. */
static void permit_rule(struct function *function, const struct manifest *manifest)
{
    const char *bus = manifest && manifest->events_bus ? manifest->events_bus : "default";
    bool is_default = strcmp(bus, "default") == 0;
    scoped(free) char *arn =
        mem_format("arn:aws:events:%s:%s:rule/%s%s%s", function->region, function->account,
                   is_default ? "" : bus, is_default ? "" : "/", function->name);

    permission_follow_rule(function, manifest && manifest->has_events ? text_of(arn) : TEXT_NONE);
}

/* Of async the file says all whenever it has that section; without one what is there stays, as it
 * may have been made by hand. */
void events_apply_manifest(struct function *function, const struct manifest *manifest)
{
    permit_rule(function, manifest);
    if (!manifest || !manifest->has_async)
        return;
    struct event_invoke *config = function_set_event_invoke(function, TEXT_NONE);
    scoped(free) char *success = long_destination(function, manifest->async_success);
    scoped(free) char *failure = long_destination(function, manifest->async_failure);
    config->max_retries = manifest->async_retries;
    config->max_age_s = manifest->async_max_age_s;
    model_set(&config->on_success, text_of(success));
    model_set(&config->on_failure, text_of(failure));
    config->modified_ms = clock_now_ms();
    scoped(free) char *dead = long_destination(function, manifest->async_dead);
    if (*dead)
        model_set(&function->latest->config.dead_letter, text_of(dead));
}

/* --- Put and Update --- */

static bool is_given(const struct call *call, const char *name)
{
    const json_t *value = json_object_get(call->input, name);

    return value && !json_is_null(value);
}

static void fail_missing(struct call *call, const struct target *target)
{
    call_fail(call, "ResourceNotFoundException",
              "The function %s doesn't have an EventInvokeConfig",
              lambda_arn(call, target->name,
                         text_is_set(target->qualifier) ? target->qualifier : TEXT("$LATEST")));
}

/* What both check, in AWS's order. NULL: answered. */
static const struct function *check_request(struct call *call, struct target *target)
{
    if (!is_given(call, "MaximumRetryAttempts") && !is_given(call, "MaximumEventAgeInSeconds") &&
        !is_given(call, "DestinationConfig")) {
        call_fail(call, "InvalidParameterValueException",
                  "You must specify at least one of error handling or destination setting.");
        return NULL;
    }
    if (!lambda_target(call, target))
        return NULL;
    const struct function *function =
        engine_find(call->api->engine, call->api->account, call->api->region, target->name);
    if (!function || !function_version(function, target->qualifier)) {
        call_fail(call, "ResourceNotFoundException", "The function doesn't exist.");
        return NULL;
    }
    struct destinations given = read_destinations(call);
    if (!check_destination(call, target->name, given.on_failure, given) ||
        !check_destination(call, target->name, given.on_success, given))
        return NULL;
    return function;
}

static void apply(const struct call *call, struct event_invoke *config)
{
    struct destinations given = read_destinations(call);

    config->max_retries = json_int(call->input, "MaximumRetryAttempts", config->max_retries);
    config->max_age_s = json_int(call->input, "MaximumEventAgeInSeconds", config->max_age_s);
    if (text_is_set(given.on_success))
        model_set(&config->on_success, given.on_success);
    if (text_is_set(given.on_failure))
        model_set(&config->on_failure, given.on_failure);
    config->modified_ms = clock_now_ms();
}

static void reply_config(struct call *call)
{
    const struct target *target = call->state;
    struct writer writer = call_writer(call);

    write_config(&writer, call->saved, function_event_invoke(call->saved, target->qualifier));
    call_reply(call, 200);
}

static void put_config(struct call *call)
{
    struct target *target = call->state = arena_zalloc(&call->arena, sizeof *target);
    const struct function *function = check_request(call, target);

    if (!function)
        return;
    struct function *changed = function_edit(function);
    function_remove_event_invoke(changed, target->qualifier);
    apply(call, function_set_event_invoke(changed, target->qualifier));
    lambda_save(call, changed, reply_config);
}

static void update_config(struct call *call)
{
    struct target *target = call->state = arena_zalloc(&call->arena, sizeof *target);
    const struct function *function = check_request(call, target);

    if (!function)
        return;
    if (!function_event_invoke(function, target->qualifier)) {
        fail_missing(call, target);
        return;
    }
    struct function *changed = function_edit(function);
    apply(call, function_set_event_invoke(changed, target->qualifier));
    lambda_save(call, changed, reply_config);
}

/* --- Get, Delete, List --- */

/* NULL: answered. */
static const struct function *find_config(struct call *call, struct target *target)
{
    if (!lambda_target(call, target))
        return NULL;
    const struct function *function =
        engine_find(call->api->engine, call->api->account, call->api->region, target->name);
    if (function && function_event_invoke(function, target->qualifier))
        return function;
    fail_missing(call, target);
    return NULL;
}

static void get_config(struct call *call)
{
    struct target target;
    const struct function *function = find_config(call, &target);
    struct writer writer = call_writer(call);

    if (!function)
        return;
    write_config(&writer, function, function_event_invoke(function, target.qualifier));
    call_reply(call, 200);
}

static void reply_deleted(struct call *call)
{
    call_reply(call, 204);
}

static void delete_config(struct call *call)
{
    struct target target;
    const struct function *function = find_config(call, &target);

    if (!function)
        return;
    struct function *changed = function_edit(function);
    function_remove_event_invoke(changed, target.qualifier);
    lambda_save(call, changed, reply_deleted);
}

static void list_configs(struct call *call)
{
    struct text marker = call_query(call, "Marker");
    int64_t left = call_query_int(call, "MaxItems", LIST_MAX);
    const struct event_invoke *last = NULL;
    struct writer writer = call_writer(call);
    struct target target;
    bool more = false;

    if (!lambda_target(call, &target))
        return;
    const struct function *function =
        engine_find(call->api->engine, call->api->account, call->api->region, target.name);
    if (!function) {
        call_fail(call, "ResourceNotFoundException", "The function doesn't exist.");
        return;
    }
    write_open(&writer, NULL, '{');
    write_open(&writer, "FunctionEventInvokeConfigs", '[');
    for (size_t i = 0; i < function->event_invoke_count && !more; i++) {
        const struct event_invoke *config = &function->event_invokes[i];
        if (marker.len && text_compare(text_of(config->qualifier), marker) <= 0)
            continue;
        more = left-- == 0;
        if (!more)
            write_config(&writer, function, last = config);
    }
    write_close(&writer, ']');
    if (more && last)
        write_string(&writer, "NextMarker", last->qualifier);
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- the table --- */

#define DESTINATION_PATTERN                                                               \
    "$|kafka://([^.]([a-zA-Z0-9\\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:" \
    "((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)"

/* clang-format off */
static const struct param destination_members[] = {
    {PARAM_BODY, PARAM_STRING, "Destination", "destination", .max = 350,
     .pattern = DESTINATION_PATTERN, .matches = name_is_destination},
    {0},
};
static const struct param destination_config_members[] = {
    {PARAM_BODY, PARAM_OBJECT, "OnSuccess", "onSuccess", .members = destination_members},
    {PARAM_BODY, PARAM_OBJECT, "OnFailure", "onFailure", .members = destination_members},
    {0},
};
static const struct param put_params[] = {
    ROW_QUALIFIER,
    ROW_FUNCTION(PARAM_PATH),
    {PARAM_BODY, PARAM_INT, "MaximumRetryAttempts", "maximumRetryAttempts",
     .max = LIMIT_ASYNC_RETRIES},
    {PARAM_BODY, PARAM_INT, "MaximumEventAgeInSeconds", "maximumEventAgeInSeconds",
     .min = LIMIT_ASYNC_AGE_MIN_S, .max = LIMIT_ASYNC_AGE_S},
    {PARAM_BODY, PARAM_OBJECT, "DestinationConfig", "destinationConfig",
     .members = destination_config_members},
    {0},
};
static const struct param name_params[] = {ROW_QUALIFIER, ROW_FUNCTION(PARAM_PATH), {0}};
static const struct param list_params[] = {
    ROW_MAX_ITEMS(LIST_MAX), ROW_FUNCTION(PARAM_PATH), {0}};
/* clang-format on */

#define PATH_CONFIG "/2019-09-25/functions/{FunctionName}/event-invoke-config"

const struct action lambda_event_invoke_actions[] = {
    {"PutFunctionEventInvokeConfig", LAMBDA, METHOD_PUT, PATH_CONFIG, BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, put_params, put_config, NULL},
    {"UpdateFunctionEventInvokeConfig", LAMBDA, METHOD_POST, PATH_CONFIG, BODY_JSON, API_JSON_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, put_params, update_config, NULL},
    {"GetFunctionEventInvokeConfig", LAMBDA, METHOD_GET, PATH_CONFIG, BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_CONTROL, name_params, get_config, NULL},
    {"DeleteFunctionEventInvokeConfig", LAMBDA, METHOD_DELETE, PATH_CONFIG, BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, name_params, delete_config, NULL},
    {"ListFunctionEventInvokeConfigs", LAMBDA, METHOD_GET, PATH_CONFIG "/list", BODY_NONE, 0,
     ACCESS_SIGNED, PLACE_CONTROL, list_params, list_configs, NULL},
    {0},
};
