/* SPDX-License-Identifier: Apache-2.0 */
#include "model/route_claims.h"

#include "base/mem.h"
#include "model/function.h"
#include "test.h"

/* Routes: separated by ", ". */
static struct function *make(const char *name, const char *routes)
{
    struct function *function = function_new();
    struct text rest = text_of(routes), piece;
    char *list[8];
    size_t count = 0;

    model_set(&function->name, text_of(name));
    while (text_split(&rest, ',', &piece))
        list[count++] = text_dup(text_trim(piece));
    function_set_routes(function, list, count);
    while (count > 0)
        free(list[--count]);
    return function;
}

static const struct route_claim *find(const struct route_claims *claims, const char *method,
                                      const char *path, struct route_match *match)
{
    return route_claims_find(claims, text_of(method), text_of(path), match);
}

static const char *owner(const struct route_claims *claims, const char *method, const char *path)
{
    struct route_match match;
    const struct route_claim *claim = find(claims, method, path, &match);

    return claim ? claim->function->name : "";
}

TEST(the_most_exact_route_of_all_functions_gets_the_request)
{
    static const struct {
        const char *method, *path, *owner;
    } cases[] = {
        {"GET", "/", "rest"},          {"GET", "/pets", "list"},
        {"POST", "/pets", "write"},    {"DELETE", "/pets", "any"},
        {"GET", "/pets/7", "one"},     {"PUT", "/pets/7", "below"},
        {"GET", "/pets/new", "exact"}, {"POST", "/pets/new", "below"},
        {"GET", "/pets/7/a", "below"}, {"GET", "/pets/", "rest"},
        {"GET", "/Pets", "rest"},      {"GET", "pets", "rest"},
        {"BREW", "/pets", "any"},
    };
    const char *const given[][2] = {
        {"list", "GET /pets"},
        {"write", "POST /pets, PATCH /pets"},
        {"any", "ANY /pets"},
        {"one", "GET /pets/{id}"},
        {"exact", "GET /pets/new"},
        {"below", "ANY /pets/{proxy+}"},
        {"rest", "$default, GET /left"},
    };
    struct function *functions[COUNT_OF(given)];
    struct route_claims claims = {0};

    CHECK_TEXT(text_of(owner(&claims, "GET", "/")), "");
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        functions[i] = make(given[i][0], given[i][1]);
        route_claims_put(&claims, functions[i]);
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(strcmp(owner(&claims, cases[i].method, cases[i].path), cases[i].owner) == 0,
                  "%s %s: '%s'", cases[i].method, cases[i].path,
                  owner(&claims, cases[i].method, cases[i].path));
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        route_claims_remove(&claims, functions[i]);
        function_unref(functions[i]);
    }
    CHECK_TEXT(text_of(owner(&claims, "GET", "/pets")), "");
    CHECK(claims.tree.count == 0 && !claims.fallback);
    route_claims_done(&claims);
}

TEST(a_claim_names_its_parameters)
{
    scoped(function_unref) struct function *function =
        make("f", "GET /a/{x}/b/{y}/{rest+}, $default");
    struct route_claims claims = {0};
    struct route_match match;

    route_claims_put(&claims, function);
    const struct route_claim *claim = find(&claims, "GET", "/a/1/b/2/3/4", &match);
    CHECK(claim && claim->name_count == 3 && match.count == 3);
    CHECK_TEXT(claim->key, "GET /a/{x}/b/{y}/{rest+}");
    CHECK_TEXT(claim->names[0], "x");
    CHECK_TEXT(claim->names[1], "y");
    CHECK_TEXT(claim->names[2], "rest");
    CHECK_TEXT(match.values[2], "3/4");
    claim = find(&claims, "GET", "/", &match);
    CHECK(claim && match.count == 0 && claim->name_count == 0);
    CHECK_TEXT(claim->key, "$default");
    route_claims_remove(&claims, function);
    route_claims_done(&claims);
}

TEST(a_route_wanted_twice_goes_to_the_first_name_until_that_is_gone)
{
    scoped(function_unref) struct function *a = make("a", "ANY /r/{z+}, $default");
    scoped(function_unref) struct function *b = make("b", "ANY /r/{x+}, $default");
    scoped(function_unref) struct function *c = make("c", "ANY /r/{y+}, $default");
    struct route_claims claims = {0};
    struct route_match match;

    route_claims_put(&claims, b);
    route_claims_put(&claims, c);
    route_claims_put(&claims, a);
    CHECK_TEXT(text_of(owner(&claims, "GET", "/r/1")), "a");
    CHECK_TEXT(text_of(owner(&claims, "GET", "/else")), "a");
    route_claims_remove(&claims, a);
    CHECK_TEXT(text_of(owner(&claims, "GET", "/r/1")), "b");
    CHECK_TEXT(find(&claims, "GET", "/r/1", &match)->names[0], "x");
    route_claims_remove(&claims, c);
    CHECK_TEXT(text_of(owner(&claims, "GET", "/else")), "b");
    route_claims_remove(&claims, b);
    CHECK_TEXT(text_of(owner(&claims, "GET", "/r/1")), "");
    route_claims_done(&claims);
}

TEST(a_route_of_another_function_is_a_conflict)
{
    static const struct {
        const char *name, *routes, *error;
    } cases[] = {
        {"other", "GET /pets/{name}",
         "the function 'pets' has the route 'GET /pets/{name}' already, as 'GET /pets/{id}'"},
        {"other", "POST /x, $default", "has the route '$default' already"},
        {"other", "ANY /pets/{id}, GET /pets/{id+}, GET /pets", NULL},
        {"pets", "GET /pets/{name}, $default", NULL},
    };
    scoped(function_unref) struct function *pets = make("pets", "GET /pets/{id}, $default");
    struct route_claims claims = {0};

    route_claims_put(&claims, pets);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(function_unref) struct function *function = make(cases[i].name, cases[i].routes);
        struct error err = {0};
        int result = route_claims_check(&claims, function, &err);
        CHECK_MSG((result < 0) == (cases[i].error != NULL), "%s: %s", cases[i].routes, err.text);
        if (result < 0)
            CHECK_MSG(err.code == ERROR_CONFLICT && strstr(err.text, cases[i].error), "%s",
                      err.text);
    }
    route_claims_remove(&claims, pets);
    route_claims_done(&claims);
}
