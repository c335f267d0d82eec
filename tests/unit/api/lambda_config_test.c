/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/mem.h"
#include "model/manifest.h"
#include "test.h"

static struct function *make_function(void)
{
    struct function *function = function_new();
    struct version *version = version_new();

    model_set(&function->name, TEXT("fn"));
    model_set(&function->arn, TEXT("arn:aws:lambda:us-east-1:000000000000:function:fn"));
    model_set(&version->region, TEXT("us-east-1"));
    model_set(&version->number, TEXT("$LATEST"));
    memcpy(version->revision_id, "rev", 4);
    function->latest = version;
    function->state = STATE_ACTIVE;
    return function;
}

/* Applies a request's JSON to a configuration. */
static bool apply(struct function_config *config, const char *request)
{
    struct error err;
    struct call call = {.input = json_parse(text_of(request), &err)};
    bool right = config_apply_request(&call, config, TEXT("fn"));

    json_decref(call.input);
    return right;
}

static json_t *show(const struct function *function, const struct version *version, unsigned flags)
{
    scoped(buffer_done) struct buffer out = {0};
    struct writer writer = {.out = &out};
    struct error err;

    config_write(&writer, NULL, function, version, flags);
    return json_parse(buffer_text(&out), &err);
}

TEST(a_new_function_has_lambdas_defaults)
{
    scoped(function_unref) struct function *function = make_function();
    struct function_config *config = &function->latest->config;

    CHECK(apply(config, "{\"Runtime\":\"python3.12\",\"Handler\":\"a.b\"}"));
    config_apply_manifest(config, NULL);
    scoped(json_decref) json_t *json = show(function, function->latest, 0);
    CHECK(json_int(json, "Timeout", 0) == 3 && json_int(json, "MemorySize", 0) == 128);
    CHECK(json_int(json_object_get(json, "EphemeralStorage"), "Size", 0) == 512);
    CHECK_TEXT(json_text(json_object_get(json, "TracingConfig"), "Mode"), "PassThrough");
    CHECK_TEXT(json_text(json_object_get(json, "LoggingConfig"), "LogGroup"), "/aws/lambda/fn");
    CHECK_TEXT(json_text(json_object_get(json, "LoggingConfig"), "LogFormat"), "Text");
    CHECK(!json_object_get(json, "Environment"));
    CHECK_TEXT(json_text(json, "LastUpdateStatus"), "Successful");
    CHECK(!json_object_get(json, "StateReason"));
}

TEST(an_environment_that_was_given_empty_is_shown)
{
    scoped(function_unref) struct function *function = make_function();

    CHECK(apply(&function->latest->config, "{\"Environment\":{\"Variables\":{}}}"));
    scoped(json_decref) json_t *json = show(function, function->latest, 0);
    const json_t *variables = json_object_get(json_object_get(json, "Environment"), "Variables");
    CHECK(json_is_object(variables) && json_object_size(variables) == 0);
}

TEST(log_levels_come_and_go_with_json)
{
    scoped(function_unref) struct function *function = make_function();
    struct function_config *config = &function->latest->config;

    CHECK(apply(config, "{\"LoggingConfig\":{\"LogFormat\":\"JSON\","
                        "\"ApplicationLogLevel\":\"DEBUG\"}}"));
    CHECK_TEXT(text_of(config->application_log_level), "DEBUG");
    CHECK_TEXT(text_of(config->system_log_level), "INFO");
    CHECK(apply(config, "{\"LoggingConfig\":{\"SystemLogLevel\":\"WARN\"}}"));
    CHECK_TEXT(text_of(config->application_log_level), "DEBUG");
    CHECK_TEXT(text_of(config->system_log_level), "WARN");
    CHECK(apply(config, "{\"LoggingConfig\":{\"LogFormat\":\"Text\",\"LogGroup\":\"mine\"}}"));
    CHECK_TEXT(text_of(config->application_log_level), "");
    CHECK_TEXT(text_of(config->log_group), "mine");
}

TEST(the_api_beats_the_file_and_the_file_beats_the_default)
{
    struct error err;
    scoped(manifest_free) struct manifest *first =
        manifest_parse(TEXT("runtime: nodejs\nhandler: a.b\nmemory: 256\ntimeout: 20\n"
                            "environment: {LEVEL: debug}\ncalls: [other]\nqueues: [q.fifo]\nlog-format: json\n"),
                       &err);
    scoped(manifest_free) struct manifest *second =
        manifest_parse(TEXT("runtime: nodejs\nhandler: c.d\n"), &err);
    scoped(function_unref) struct function *function = make_function();
    struct function_config *config = &function->latest->config;

    CHECK(first && second);
    CHECK(apply(config, "{\"MemorySize\":512}"));
    config_apply_manifest(config, first);
    CHECK_TEXT(text_of(config->runtime), "nodejs");
    CHECK(config->memory_mb == 512 && config->timeout_s == 20);
    CHECK(config->variable_count == 1 && config->call_count == 1);
    CHECK(config->log_format == LOG_FORMAT_JSON);
    CHECK(version_may_send(function->latest, TEXT("q.fifo")));
    CHECK(!version_may_send(function->latest, TEXT("q")));

    /* A key that left the file has its default again. */
    config_apply_manifest(config, second);
    CHECK_TEXT(text_of(config->handler), "c.d");
    CHECK(config->memory_mb == 512 && config->timeout_s == 3);
    CHECK(config->variable_count == 0 && config->call_count == 0 && config->queue_count == 0 && !config->has_environment);
    CHECK(config->log_format == LOG_FORMAT_TEXT && !*config->system_log_level);
}

TEST(a_function_being_made_is_in_progress)
{
    scoped(function_unref) struct function *function = make_function();

    function->state = STATE_PENDING;
    model_set(&function->state_reason, TEXT("The function is being created."));
    model_set(&function->state_reason_code, TEXT("Creating"));
    scoped(json_decref) json_t *json = show(function, function->latest, 0);
    CHECK_TEXT(json_text(json, "State"), "Pending");
    CHECK_TEXT(json_text(json, "StateReasonCode"), "Creating");
    CHECK_TEXT(json_text(json, "LastUpdateStatus"), "InProgress");

    scoped(json_decref) json_t *created = show(function, function->latest, CONFIG_WITHOUT_UPDATE);
    CHECK(!json_object_get(created, "LastUpdateStatus"));
    CHECK_TEXT(json_text(created, "State"), "Pending");
}

TEST(lists_leave_the_state_away)
{
    scoped(function_unref) struct function *function = make_function();
    scoped(json_decref) json_t *json =
        show(function, function->latest, CONFIG_QUALIFIED | CONFIG_WITHOUT_STATE);

    CHECK(!json_object_get(json, "State") && !json_object_get(json, "LastUpdateStatus"));
    CHECK_TEXT(json_text(json, "FunctionArn"),
               "arn:aws:lambda:us-east-1:000000000000:function:fn:$LATEST");
}

TEST(a_version_is_numbered_once_for_what_did_not_change)
{
    scoped(function_unref) struct function *function = make_function();

    const struct version *first = lambda_publish(function, "mine");
    CHECK_TEXT(text_of(first->number), "1");
    CHECK_TEXT(text_of(first->config.description), "mine");
    CHECK(lambda_publish(function, NULL) == first && function->version_count == 1);

    function->latest->modified_ms++;
    const struct version *second = lambda_publish(function, NULL);
    CHECK_TEXT(text_of(second->number), "2");
    CHECK(second->serial != function->latest->serial);
    scoped(json_decref) json_t *json = show(function, second, CONFIG_QUALIFIED);
    CHECK_TEXT(json_text(json, "LastUpdateStatus"), "Successful");
}

TEST(an_edit_keeps_instances_but_not_the_revision)
{
    scoped(function_unref) struct function *function = make_function();
    scoped(function_unref) struct function *edited = lambda_edit(function);

    CHECK(edited->latest->serial == function->latest->serial);
    CHECK(strcmp(edited->latest->revision_id, function->latest->revision_id) != 0);
}
