/* SPDX-License-Identifier: Apache-2.0 */
#include "model/alias.h"

#include "base/json.h"
#include "base/mem.h"
#include "model/invocation.h"
#include "test.h"

static struct version *a_version(const char *number)
{
    struct version *version = version_new();

    model_set(&version->number, text_of(number));
    return version;
}

/* With the versions 1 and 2. */
static struct function *a_function(void)
{
    struct function *function = function_new();

    model_set(&function->account, TEXT("000000000000"));
    model_set(&function->region, TEXT("us-east-1"));
    model_set(&function->name, TEXT("f"));
    function->latest = a_version("$LATEST");
    function->versions = mem_alloc(2 * sizeof *function->versions);
    function->versions[0] = a_version("1");
    function->versions[1] = a_version("2");
    function->version_count = 2;
    return function;
}

static void name(struct function *function, const char *name, const char *version,
                 const char *other, int64_t weight)
{
    struct alias *alias = alias_put(function, text_of(name));

    model_set(&alias->version, text_of(version));
    model_set(&alias->other, text_of(other));
    alias->weight = weight;
}

static const char *number_of(const struct version *version)
{
    return version ? version->number : "none";
}

TEST(aliases_lie_by_name)
{
    scoped(function_unref) struct function *function = a_function();

    name(function, "live", "1", "", 0);
    name(function, "beta", "2", "", 0);
    name(function, "next", "$LATEST", "", 0);
    name(function, "live", "2", "", 0);
    CHECK(function->alias_count == 3);
    CHECK_TEXT(text_of(function->aliases[0].name), "beta");
    CHECK_TEXT(text_of(function->aliases[2].name), "next");
    CHECK_TEXT(text_of(number_of(function_version(function, TEXT("live")))), "2");
    CHECK_TEXT(text_of(number_of(function_version(function, TEXT("next")))), "$LATEST");
    CHECK(!function_version(function, TEXT("liv")));
    CHECK(alias_of_version(function, TEXT("2")) && !alias_of_version(function, TEXT("1")));
    alias_remove(function, TEXT("live"));
    alias_remove(function, TEXT("live"));
    CHECK(function->alias_count == 2 && !alias_find(function, TEXT("live")));
    CHECK(!function_version(function, TEXT("live")));
}

TEST(weights_share_the_invocations)
{
    scoped(function_unref) struct function *function = a_function();
    int seconds = 0;

    name(function, "none", "1", "2", 0);
    name(function, "all", "1", "2", ALIAS_WEIGHT_ALL);
    name(function, "half", "1", "2", ALIAS_WEIGHT_ALL / 2);
    for (int i = 0; i < 1000; i++) {
        CHECK_TEXT(text_of(number_of(alias_route(function, TEXT("none")))), "1");
        CHECK_TEXT(text_of(number_of(alias_route(function, TEXT("all")))), "2");
        seconds += alias_route(function, TEXT("half")) == function->versions[1];
    }
    CHECK_MSG(seconds > 300 && seconds < 700, "%d", seconds);
    CHECK_TEXT(text_of(number_of(function_version(function, TEXT("all")))), "1");
    CHECK_TEXT(text_of(number_of(alias_route(function, TEXT("")))), "$LATEST");
    CHECK_TEXT(text_of(number_of(alias_route(function, TEXT("2")))), "2");
    CHECK(!alias_route(function, TEXT("nosuch")));
}

TEST(aliases_are_kept_with_the_function)
{
    struct error err;
    scoped(function_unref) struct function *function = a_function();

    name(function, "live", "1", "2", 200000000);
    model_set(&alias_put(function, TEXT("live"))->description, TEXT("what is live"));
    scoped(function_unref) struct function *copy = function_edit(function);
    scoped(json_decref) json_t *json = function_to_json(copy);
    scoped(function_unref) struct function *back = function_from_json(json, &err);
    CHECK_MSG(back, "%s", err.text);
    const struct alias *alias = alias_find(back, TEXT("live"));
    CHECK(alias && alias->weight == 200000000);
    CHECK_TEXT(text_of(alias->version), "1");
    CHECK_TEXT(text_of(alias->other), "2");
    CHECK_TEXT(text_of(alias->description), "what is live");
}

TEST(an_alias_may_have_a_url_of_its_own)
{
    struct error err;
    struct text whose;
    scoped(function_unref) struct function *function = a_function();

    name(function, "beta", "2", "", 0);
    name(function, "live", "1", "", 0);
    struct function_url *url = &alias_put(function, TEXT("live"))->url;
    memcpy(url->id, "live0", 6);
    url->auth = URL_AUTH_IAM;
    url->cors.is_set = url->cors.has_methods = true;
    url->cors.allow_methods = mem_alloc(sizeof(char *));
    url->cors.allow_methods[0] = mem_strdup("GET");
    url->cors.method_count = 1;
    scoped(function_unref) struct function *copy = function_edit(function);
    scoped(json_decref) json_t *json = function_to_json(copy);
    scoped(function_unref) struct function *back = function_from_json(json, &err);
    CHECK_MSG(back, "%s", err.text);
    const struct function_url *kept = alias_of_url(back, TEXT("live0"), &whose);
    CHECK(kept && kept == alias_url(back, TEXT("live")) && kept->auth == URL_AUTH_IAM);
    CHECK_TEXT(whose, "live");
    CHECK(kept->cors.method_count == 1 && strcmp(kept->cors.allow_methods[0], "GET") == 0);
    CHECK(!*alias_url(back, TEXT("beta"))->id && !*alias_url(back, TEXT(""))->id);
    CHECK(!alias_url(back, TEXT("nosuch")) && !alias_of_url(back, TEXT("live1"), &whose));
    memcpy(back->url.id, "own00", 6);
    CHECK(alias_of_url(back, TEXT("own00"), &whose) == &back->url && whose.len == 0);
}

/* Looking such a one up would not end. */
TEST(an_alias_of_no_version_is_refused)
{
    static const char *const bad[] = {
        "{\"name\":\"a\",\"version\":\"a\"}",
        "{\"name\":\"a\",\"version\":\"\"}",
        "{\"name\":\"1\",\"version\":\"1\"}",
        "{\"name\":\"$LATEST\",\"version\":\"1\"}",
        "{\"version\":\"1\"}",
        "{\"name\":\"a\",\"version\":1}",
    };
    scoped(function_unref) struct function *function = a_function();

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct error err = {0};
        scoped(json_decref) json_t *json = function_to_json(function);
        json_t *alias = json_parse(text_of(bad[i]), &err);
        CHECK(alias);
        json_array_append_new(json_object_get(json, "aliases"), alias);
        scoped(function_unref) struct function *back = function_from_json(json, &err);
        CHECK_MSG(!back && err.code == ERROR_INVALID, "%s", bad[i]);
    }
}

TEST(an_invocation_is_told_of_an_alias_only)
{
    scoped(function_unref) struct function *function = a_function();
    struct invocation *invocation = invocation_new(function->versions[0]);

    invocation_by(invocation, TEXT("live"));
    CHECK_TEXT(text_of(invocation->alias), "live");
    invocation_by(invocation, TEXT("1"));
    CHECK(!invocation->alias);
    invocation_by(invocation, TEXT(""));
    CHECK(!invocation->alias);
    invocation_by(invocation, TEXT("live"));
    invocation_free(invocation);
}
