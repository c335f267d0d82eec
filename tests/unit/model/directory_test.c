/* SPDX-License-Identifier: Apache-2.0 */
#include "model/directory.h"

#include "model/alias.h"
#include "test.h"

static const struct function *a_function(const char *name, const char *url_id)
{
    struct function *function = function_new();

    model_set(&function->account, TEXT("1"));
    model_set(&function->region, TEXT("eu"));
    model_set(&function->name, text_of(name));
    memcpy(function->url.id, url_id, strlen(url_id) + 1);
    return function;
}

static void put(struct directory *directory, const char *name, const char *url_id)
{
    const struct function *function = a_function(name, url_id);

    directory_put(directory, function);
    function_unref(function);
}

static const struct function *find(const struct directory *directory, const char *name)
{
    return directory_find(directory, TEXT("1"), TEXT("eu"), text_of(name));
}

TEST(a_directory_finds_by_name_and_by_url)
{
    struct directory directory = {0};

    CHECK(!find(&directory, "a"));
    CHECK(!directory_find_url(&directory, TEXT("url1")));
    put(&directory, "a", "url1");
    put(&directory, "b", "");
    CHECK_TEXT(text_of(find(&directory, "a")->name), "a");
    CHECK(directory_find_url(&directory, TEXT("url1")) == find(&directory, "a"));
    CHECK(find(&directory, "b") && !find(&directory, "c"));
    CHECK(!directory_find_url(&directory, TEXT("")));
    CHECK(!directory_find(&directory, TEXT("2"), TEXT("eu"), TEXT("a")));
    CHECK(!directory_find(&directory, TEXT_NONE, TEXT_NONE, TEXT_NONE));
    scoped(free) char *key = function_key(TEXT("1"), TEXT("eu"), TEXT("a"));
    CHECK(directory_find_key(&directory, text_of(key), map_hash(text_of(key))) ==
          find(&directory, "a"));
    directory_done(&directory);
}

TEST(a_name_longer_than_any_is_absent)
{
    struct directory directory = {0};
    char name[1000];

    memset(name, 'a', sizeof name);
    put(&directory, "a", "");
    CHECK(!directory_find(&directory, TEXT("1"), TEXT("eu"), text_from(name, sizeof name)));
    directory_done(&directory);
}

TEST(a_new_snapshot_replaces_the_old_with_its_url)
{
    struct directory directory = {0};
    const struct function *first = a_function("a", "url1");

    directory_put(&directory, first);
    put(&directory, "a", "url2");
    CHECK(atomic_load(&first->refs) == 1);
    CHECK(!directory_find_url(&directory, TEXT("url1")));
    CHECK(directory_find_url(&directory, TEXT("url2")) == find(&directory, "a"));

    put(&directory, "a", "");
    CHECK(!directory_find_url(&directory, TEXT("url2")));
    CHECK(directory.by_key.count == 1);
    function_unref(first);
    directory_done(&directory);
}

/* With a URL, and an alias with one. */
static const struct function *with_alias(const char *url_id, const char *alias_url_id)
{
    const struct function *function = a_function("a", url_id);
    struct function *copy = function_edit(function);

    memcpy(alias_put(copy, TEXT("live"))->url.id, alias_url_id, strlen(alias_url_id) + 1);
    function_unref(function);
    return copy;
}

TEST(urls_of_aliases_lead_to_their_function)
{
    struct directory directory = {0};
    const struct function *first = with_alias("url1", "url2");
    const struct function *second = with_alias("url1", "url3");

    directory_put(&directory, first);
    CHECK(directory_find_url(&directory, TEXT("url1")) == first);
    CHECK(directory_find_url(&directory, TEXT("url2")) == first);
    directory_put(&directory, second);
    CHECK(directory_find_url(&directory, TEXT("url1")) == second);
    CHECK(!directory_find_url(&directory, TEXT("url2")));
    CHECK(directory_find_url(&directory, TEXT("url3")) == second);
    directory_remove(&directory, TEXT("1/eu/a"));
    CHECK(!directory_find_url(&directory, TEXT("url3")));
    function_unref(first);
    function_unref(second);
    directory_done(&directory);
}

TEST(putting_the_same_snapshot_again_changes_nothing)
{
    struct directory directory = {0};
    const struct function *function = a_function("a", "url1");

    directory_put(&directory, function);
    directory_put(&directory, function);
    CHECK(atomic_load(&function->refs) == 2);
    CHECK(directory_find_url(&directory, TEXT("url1")) == function);
    directory_done(&directory);
    CHECK(atomic_load(&function->refs) == 1);
    function_unref(function);
}

TEST(a_removed_function_is_gone_with_its_url)
{
    struct directory directory = {0};

    put(&directory, "a", "url1");
    put(&directory, "b", "url2");
    directory_remove(&directory, TEXT("1/eu/a"));
    directory_remove(&directory, TEXT("1/eu/none"));
    CHECK(!find(&directory, "a") && !directory_find_url(&directory, TEXT("url1")));
    CHECK(find(&directory, "b") && directory_find_url(&directory, TEXT("url2")));
    directory_done(&directory);
}

static void put_route(struct directory *directory, const char *name, const char *route)
{
    struct function *function = function_new();
    char *routes[] = {(char *)(uintptr_t)route};

    model_set(&function->account, TEXT("1"));
    model_set(&function->region, TEXT("eu"));
    model_set(&function->name, text_of(name));
    function_set_routes(function, routes, route ? 1 : 0);
    directory_put(directory, function);
    function_unref(function);
}

static const char *route_owner(const struct directory *directory, const char *path)
{
    struct route_match match;
    const struct route_claim *claim =
        route_claims_find(&directory->routes, TEXT("GET"), text_of(path), &match);

    return claim ? claim->function->name : "";
}

TEST(routes_come_and_go_with_their_functions)
{
    struct directory directory = {0};

    put_route(&directory, "a", "GET /a");
    put_route(&directory, "b", "ANY /b/{id}");
    CHECK_TEXT(text_of(route_owner(&directory, "/a")), "a");
    CHECK_TEXT(text_of(route_owner(&directory, "/b/1")), "b");
    put_route(&directory, "a", "GET /c");
    CHECK_TEXT(text_of(route_owner(&directory, "/a")), "");
    CHECK_TEXT(text_of(route_owner(&directory, "/c")), "a");
    put_route(&directory, "a", NULL);
    CHECK_TEXT(text_of(route_owner(&directory, "/c")), "");
    directory_remove(&directory, TEXT("1/eu/b"));
    CHECK_TEXT(text_of(route_owner(&directory, "/b/1")), "");
    put_route(&directory, "left", "GET /left");
    directory_done(&directory);
}
