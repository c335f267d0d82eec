/* SPDX-License-Identifier: Apache-2.0 */
#include "model/function.h"

#include "base/json.h"
#include "base/mem.h"
#include "test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char **strings_of(const char *a, const char *b)
{
    char **strings = mem_alloc(2 * sizeof *strings);

    strings[0] = mem_strdup(a);
    strings[1] = mem_strdup(b);
    return strings;
}

static struct version *a_version(const char *number)
{
    struct version *version = version_new();

    model_set(&version->account, TEXT("000000000000"));
    model_set(&version->region, TEXT("us-east-1"));
    model_set(&version->name, TEXT("thumbnail"));
    model_set(&version->number, text_of(number));
    model_set(&version->arn, TEXT("arn:aws:lambda:us-east-1:000000000000:function:thumbnail"));
    memcpy(version->code, DIGEST, sizeof DIGEST);
    memcpy(version->code_sha256, "ABEiM0RV", 9);
    version->code_bytes = 4711;
    version->modified_ms = 1700000000123;
    model_set(&version->config.runtime, TEXT("python3.12"));
    model_set(&version->config.handler, TEXT("app.handler"));
    version->config.timeout_s = 30;
    version->config.given_by_api = 1 << CONFIG_TIMEOUT;
    version->config.has_environment = true;
    version->config.log_format = LOG_FORMAT_JSON;
    version->config.variables = mem_zalloc(2 * sizeof *version->config.variables);
    version->config.variables[0] = (struct variable){mem_strdup("LEVEL"), mem_strdup("debug")};
    version->config.variables[1] = (struct variable){mem_strdup("UTF"), mem_strdup("\u00e4\u20ac")};
    version->config.variable_count = 2;
    version->config.calls = strings_of("resize", "store");
    version->config.call_count = 2;
    return version;
}

static struct function *a_function(void)
{
    struct function *function = function_new();

    model_set(&function->account, TEXT("000000000000"));
    model_set(&function->region, TEXT("us-east-1"));
    model_set(&function->name, TEXT("thumbnail"));
    function->state = STATE_INACTIVE;
    function->update_status = UPDATE_IN_PROGRESS;
    function->next_version = 3;
    function->latest = a_version("$LATEST");
    function->versions = mem_zalloc(2 * sizeof *function->versions);
    function->versions[0] = a_version("1");
    function->versions[1] = a_version("2");
    function->version_count = 2;
    memcpy(function->url.id, "abcdefghijklmnopqrstuvwxyz012345", 33);
    function->url.auth = URL_AUTH_IAM;
    function->url.mode = INVOKE_RESPONSE_STREAM;
    function->url.mode_given = true;
    function->url.cors.is_set = function->url.cors.has_origins = true;
    function->url.cors.allow_origins = strings_of("*", "https://example.com");
    function->url.cors.origin_count = 2;
    function->permissions = mem_zalloc(sizeof *function->permissions);
    function->permission_count = 1;
    struct permission *permission = &function->permissions[0];
    permission->qualifier = mem_strdup("2");
    permission->statement_id = mem_strdup("public");
    permission->action = mem_strdup("lambda:InvokeFunctionUrl");
    permission->principal = mem_strdup("*");
    permission->source_arn = mem_strdup("");
    permission->source_account = mem_strdup("");
    permission->function_url_auth_type = mem_strdup("NONE");
    permission->event_source_token = mem_strdup("");
    permission->principal_org_id = mem_strdup("");
    permission->has_invoked_via_function_url = permission->invoked_via_function_url = true;
    function_set_tag(function, TEXT("team"), TEXT("blue"));
    function_set_event_invoke(function, TEXT("2"))->max_age_s = 60;
    struct event_invoke *latest = function_set_event_invoke(function, TEXT_NONE);
    latest->max_retries = 0;
    model_set(&latest->on_failure, TEXT("arn:aws:sqs:us-east-1:000000000000:dead"));
    function->may_recurse = true;
    function->reserved_concurrency = 0;
    return function;
}

TEST(a_function_survives_json)
{
    struct error err = {0};
    scoped(function_unref) struct function *function = a_function();
    scoped(json_decref) json_t *json = function_to_json(function);
    scoped(free) char *text = json_write(json);
    scoped(json_decref) json_t *parsed = json_parse(text_of(text), &err);
    CHECK_MSG(parsed, "%s", err.text);
    scoped(function_unref) struct function *back = function_from_json(parsed, &err);
    CHECK_MSG(back, "%s", err.text);
    scoped(json_decref) json_t *again = function_to_json(back);

    CHECK(json_equal(json, again));
    CHECK(back->state == STATE_INACTIVE && back->update_status == UPDATE_IN_PROGRESS);
    CHECK(back->url.auth == URL_AUTH_IAM && back->url.mode == INVOKE_RESPONSE_STREAM);
    CHECK(back->url.cors.max_age_s == -1);
    CHECK(back->version_count == 2 && back->next_version == 3);
    CHECK(back->latest->config.given_by_api == 1 << CONFIG_TIMEOUT);
    CHECK(back->latest->config.timeout_s == 30 && back->latest->config.memory_mb == 128);
    CHECK_TEXT(text_of(version_variable(back->latest, TEXT("UTF"))), "\u00e4\u20ac");
    CHECK_TEXT(text_of(back->latest->config.calls[1]), "store");
    CHECK_TEXT(text_of(back->permissions[0].function_url_auth_type), "NONE");
    CHECK(back->event_invoke_count == 2);
    CHECK(function_event_invoke(back, TEXT("$LATEST"))->max_retries == 0);
    CHECK(function_event_invoke(back, TEXT("2"))->max_retries == -1);
    CHECK(back->may_recurse && back->reserved_concurrency == 0);
    CHECK(back->versions[1]->quota == back->latest->quota);
    CHECK(back->latest->serial != function->latest->serial);
    CHECK(back->latest->serial != back->versions[0]->serial);
}

TEST(event_settings_are_found_by_qualifier)
{
    scoped(function_unref) struct function *function = function_new();
    static const char *const qualifiers[] = {"7", "$LATEST", "live", "12"};

    CHECK(!function_event_invoke(function, TEXT_NONE));
    for (int64_t i = 0; i < 4; i++)
        function_set_event_invoke(function, text_of(qualifiers[i]))->max_age_s = 100 + i;
    CHECK(function->event_invoke_count == 4);
    for (int64_t i = 0; i < 4; i++)
        CHECK(function_event_invoke(function, text_of(qualifiers[i]))->max_age_s == 100 + i);
    CHECK(function_event_invoke(function, TEXT_NONE)->max_age_s == 101);

    function_remove_event_invoke(function, TEXT("12"));
    function_remove_event_invoke(function, TEXT("gone"));
    CHECK(function->event_invoke_count == 3 && !function_event_invoke(function, TEXT("12")));
    CHECK(function_event_invoke(function, TEXT("live"))->max_age_s == 102);
}

TEST(an_edit_leaves_the_original_alone_and_shares_versions)
{
    scoped(function_unref) struct function *function = a_function();
    scoped(function_unref) struct function *edit = function_edit(function);
    scoped(json_decref) json_t *before = function_to_json(function);
    scoped(json_decref) json_t *copied = function_to_json(edit);

    CHECK(json_equal(before, copied));
    CHECK(edit->latest == function->latest && edit->versions[1] == function->versions[1]);
    CHECK(atomic_load(&edit->latest->refs) == 2);

    model_set(&edit->state_reason, TEXT("changed"));
    function_set_tag(edit, TEXT("team"), TEXT("red"));
    function_set_tag(edit, TEXT("tier"), TEXT("1"));
    model_set(&edit->url.cors.allow_origins[0], TEXT("x"));
    model_set(&edit->permissions[0].action, TEXT("y"));
    function_remove_event_invoke(edit, TEXT("2"));
    model_set(&function_set_event_invoke(edit, TEXT_NONE)->on_failure, TEXT("z"));
    scoped(json_decref) json_t *after = function_to_json(function);
    CHECK(json_equal(before, after));
}

TEST(a_version_copy_has_no_serial_and_its_own_strings)
{
    scoped(version_unref) struct version *version = a_version("$LATEST");
    scoped(version_unref) struct version *copy = version_copy(version);

    CHECK(copy->serial == 0 && version->serial != 0);
    CHECK(copy->config.variables != version->config.variables);
    CHECK_TEXT(text_of(version_variable(copy, TEXT("LEVEL"))), "debug");
    CHECK(version_variable(copy, TEXT("LEVELS")) == NULL);
    CHECK_TEXT(text_of(copy->code), DIGEST);
}

TEST(a_qualifier_finds_its_version)
{
    scoped(function_unref) struct function *function = a_function();

    CHECK(function_version(function, TEXT_NONE) == function->latest);
    CHECK(function_version(function, TEXT("")) == function->latest);
    CHECK(function_version(function, TEXT("$LATEST")) == function->latest);
    CHECK(function_version(function, TEXT("2")) == function->versions[1]);
    CHECK(function_version(function, TEXT("3")) == NULL);
    CHECK(function_version(function, TEXT("$latest")) == NULL);
}

TEST(tags_are_replaced_and_removed)
{
    scoped(function_unref) struct function *function = function_new();

    function_set_tag(function, TEXT("a"), TEXT("1"));
    function_set_tag(function, TEXT("b"), TEXT("2"));
    function_set_tag(function, TEXT("c"), TEXT("3"));
    function_set_tag(function, TEXT("b"), TEXT("22"));
    function_remove_tag(function, TEXT("a"));
    function_remove_tag(function, TEXT("none"));
    CHECK(function->tag_count == 2);
    CHECK_TEXT(text_of(function->tags[0].key), "b");
    CHECK_TEXT(text_of(function->tags[0].value), "22");
    CHECK_TEXT(text_of(function->tags[1].value), "3");
}

TEST(a_document_of_before_routes_had_methods_is_read)
{
    struct error err;
    scoped(json_decref) json_t *json =
        json_parse(TEXT("{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\", "
                        "\"route\": \"/a/{b+}\"}"),
                   &err);
    scoped(function_unref) struct function *function = function_from_json(json, &err);

    CHECK(function && function->route_count == 1);
    CHECK_TEXT(text_of(function->routes[0]), "ANY /a/{b+}");
}

TEST(a_document_that_is_not_ours_is_refused)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"format\": 2, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\"}",
        "{\"format\": 1}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\"}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": 5}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"a\\u0000b\"}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\", \"state\": \"X\"}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\", \"tags\": {}}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\", \"tags\": "
        "[[\"a\"]]}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\", \"latest\": {}}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\","
        " \"latest\": {\"number\": \"$LATEST\", \"code\": \"../../etc\"}}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\","
        " \"versions\": [{\"number\": \"1\", \"config\": {\"timeout_s\": \"3\"}}]}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\","
        " \"url\": {\"id\": \"0123456789012345678901234567890123456789\"}}",
        "{\"format\": 1, \"account\": \"1\", \"region\": \"r\", \"name\": \"n\","
        " \"permissions\": [{\"action\": null}]}",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        scoped(json_decref) json_t *json = json_parse(text_of(bad[i]), &err);
        CHECK_MSG(json, "%s: %s", bad[i], err.text);
        scoped(function_unref) struct function *function = function_from_json(json, &err);
        CHECK_MSG(!function, "accepted: %s", bad[i]);
        CHECK(err.code == ERROR_INVALID && err.text[0]);
    }
}

TEST(names_are_those_of_aws)
{
    CHECK_TEXT(text_of(function_state_name(STATE_PENDING)), "Pending");
    CHECK_TEXT(text_of(function_state_name(STATE_FAILED)), "Failed");
    CHECK_TEXT(text_of(update_status_name(UPDATE_SUCCESSFUL)), "Successful");
    CHECK_TEXT(text_of(update_status_name(UPDATE_IN_PROGRESS)), "InProgress");
    scoped(free) char *key = function_key(TEXT("1"), TEXT("eu"), TEXT("f"));
    CHECK_TEXT(text_of(key), "1/eu/f");
}
