/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* open and secret have URLs; "routed" serves /r/{proxy+} and "exact" /e/x. */
static void add_functions(struct directory *directory)
{
    static const struct {
        const char *name, *url, *route;
    } functions[] = {
        {"open", URL_A, ""},
        {"secret", URL_B, ""},
        {"no-url", "", ""},
        {"routed", "cccccccccccccccccccccccccccccccc", "ANY /r/{proxy+}"},
        {"exact", "dddddddddddddddddddddddddddddddd", "ANY /e/x"},
        {"route-only", "", "ANY /n/{proxy+}"},
    };

    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        struct function *function = fixture_function(functions[i].name, functions[i].url);
        char *route = (char *)(uintptr_t)functions[i].route;
        function_set_routes(function, &route, route[0] ? 1 : 0);
        directory_put(directory, function);
        function_unref(function);
    }
}

struct found {
    int status;
    const char *name; /* "" for none */
    struct text raw_path, path;
};

static struct found find(const struct directory *directory, const char *host, struct text path,
                         struct arena *arena)
{
    const struct gateway_options options = {
        .directory = directory,
        .account = "000000000000",
        .region = "us-east-1",
    };
    const struct http_request request = {.path = path, .host = text_of(host)};
    struct route route;
    int status = route_find(&options, &request, arena, &route);

    return (struct found){status, status == 0 ? route.function->name : "", route.raw_path,
                          route.path};
}

TEST(a_function_is_found_by_host_by_url_by_name_and_by_route)
{
    static const struct {
        const char *host, *path;
        int status;
        const char *name, *raw_path, *decoded;
    } cases[] = {
        {URL_A ".localhost", "/", 0, "open", "/", "/"},
        {URL_A ".localhost:8080", "/a/b", 0, "open", "/a/b", "/a/b"},
        {URL_A ".localhost.:8080", "/", 0, "open", "/", "/"},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.LocalHost", "/", 0, "open", "/", "/"},
        {URL_A ".lambda-url.us-east-1.localhost:8080", "/x", 0, "open", "/x", "/x"},
        {URL_A ".lambda-url.eu-west-1.localhost", "/", 404, "", "", ""},
        {URL_A ".localhost", "/urls/" URL_B "/", 0, "open", "/urls/" URL_B "/", "/urls/" URL_B "/"},
        {URL_A ".localhost", "/functions/secret/", 0, "open", "/functions/secret/",
         "/functions/secret/"},
        {URL_A ".localhost", "/a%20b%2Fc", 0, "open", "/a%20b%2Fc", "/a b/c"},
        {URL_A ".localhost", "/a/../b", 0, "open", "/a/../b", "/a/../b"},
        {"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.localhost", "/", 403, "", "", ""},
        {"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.localhost", "/functions/open/", 403, "", "", ""},
        {URL_A ".localhost.evil.test", "/", 404, "", "", ""},
        {"x" URL_A ".localhost", "/", 404, "", "", ""},
        {"localhost:8080", "/", 404, "", "", ""},
        {"", "/", 404, "", "", ""},
        {"h", "/urls/" URL_A, 0, "open", "/", "/"},
        {"h", "/urls/" URL_A "/", 0, "open", "/", "/"},
        {"h", "/urls/" URL_A "/a%20b/", 0, "open", "/a%20b/", "/a b/"},
        {"h", "/urls/" URL_A "//a", 0, "open", "//a", "//a"},
        {"h", "/urls/", 403, "", "", ""},
        {"h", "/urls", 404, "", "", ""},
        {"h", "/urls//x", 403, "", "", ""},
        {"h", "/functions/open", 0, "open", "/", "/"},
        {"h", "/functions/open/a/b", 0, "open", "/a/b", "/a/b"},
        {"h", "/functions/Open/", 403, "", "", ""},
        {"h", "/functions/no-url/", 403, "", "", ""},
        {"h", "/functions/none/", 403, "", "", ""},
        {"h", "/%66unctions/%6fpen/x", 0, "open", "/x", "/x"},
        {"h", "/r/one", 0, "routed", "/r/one", "/r/one"},
        {"h", "/r/one/two%2Fthree", 0, "routed", "/r/one/two%2Fthree", "/r/one/two/three"},
        {"h", "/%72/one", 0, "routed", "/%72/one", "/r/one"},
        {"h", "/r", 404, "", "", ""},
        {"h", "/r/", 404, "", "", ""},
        {"h", "/e/x", 0, "exact", "/e/x", "/e/x"},
        {"h", "/e/x/", 404, "", "", ""},
        {"h", "/e%2Fx", 404, "", "", ""},
        {"h", "/e%2fx", 404, "", "", ""},
        {"h", "/n/x", 403, "", "", ""},
        {"h", "*", 404, "", "", ""},
        {"h", "/urls/" URL_A "/%zz", 400, "", "", ""},
        {"h", "/r/%00", 400, "", "", ""},
        {"h", "/r/%", 400, "", "", ""},
        {URL_A ".localhost", "/%00", 400, "", "", ""},
    };
    struct directory directory = {0};

    add_functions(&directory);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = {0};
        struct found found = find(&directory, cases[i].host, text_of(cases[i].path), &arena);
        CHECK_MSG(found.status == cases[i].status && strcmp(found.name, cases[i].name) == 0,
                  "%s %s: %d '%s'", cases[i].host, cases[i].path, found.status, found.name);
        if (found.status == 0) {
            CHECK_TEXT(found.raw_path, cases[i].raw_path);
            CHECK_TEXT(found.path, cases[i].decoded);
        }
        arena_done(&arena);
    }
    directory_done(&directory);
}

/*
 * Every spelling of a way out of the open function's path into the secret one: a part that
 * climbs, a part that separates, and what comes behind. None may reach another function.
 */
TEST(no_encoding_of_a_path_reaches_another_function)
{
    static const char *const dots[] = {
        "..",           "%2e%2e",    ".%2e",      "%2e.",   "%2E%2E",         "%252e%252e",
        "...",          ".",         "%2e",       "..;",    "..;a=b",         "%c0%ae%c0%ae",
        "%c0%2e",       "%e0%80%ae", "..%00",     "..%20",  "%20..",          "..%09",
        "%uff0e%uff0e", "..%0d%0a",  "%2e%2e%2e", "....//", "%%32%65%%32%65",
    };
    static const char *const slashes[] = {
        "/", "%2f", "%2F", "%252f", "\\", "%5c", "%5C", "//", "/./", "%c0%af", "%u2215", "/%2f",
    };
    static const char *const ends[] = {"functions/secret/", "urls/" URL_B "/"};
    static const char *const starts[] = {"/functions/open/", "/urls/" URL_A "/", "/r/x/", "/"};
    struct directory directory = {0};
    size_t tried = 0;

    add_functions(&directory);
    for (size_t d = 0; d < COUNT_OF(dots); d++)
        for (size_t s = 0; s < COUNT_OF(slashes); s++)
            for (size_t e = 0; e < COUNT_OF(ends); e++)
                for (size_t b = 0; b < COUNT_OF(starts); b++) {
                    struct arena arena = {0};
                    const char *path = arena_format(&arena, "%s%s%s%s%s%s", starts[b], dots[d],
                                                    slashes[s], dots[d], slashes[s], ends[e]);
                    struct found found = find(&directory, "h", text_of(path), &arena);
                    CHECK_MSG(strcmp(found.name, "secret") != 0, "%s", path);
                    tried++;
                    arena_done(&arena);
                }
    CHECK(tried > 200);
    directory_done(&directory);
}

TEST(what_only_looks_like_the_secret_path_does_not_reach_it)
{
    static const char *const paths[] = {
        "//functions/secret/",
        "/./functions/secret/",
        "/functions//secret/",
        "/functions/./secret/",
        "/functions%2fsecret/",
        "/functions%2Fsecret%2F",
        "/functions\\secret/",
        "/functions%5csecret/",
        "/functions/secret%2fx/",
        "/functions/secret%00/",
        "/functions/secret%20/",
        "/functions/%20secret/",
        "/functions/secret;x/",
        "/functions/secret%3f/",
        "/functions/secret%23/",
        "/functions/SECRET/",
        "/functions/secre%74%00/",
        "/FUNCTIONS/secret/",
        "/functions/secret./",
        "/functions/%2573ecret/",
        "/functions%00/secret/",
        "/functions/..%2ffunctions%2fsecret/",
        "/urls/%2e%2e/functions/secret/",
        "/x/..;/functions/secret/",
        "/functions/us-east-1%2fsecret/",
        "/functions/000000000000%2fus-east-1%2fsecret/",
        "/functions/open%2f..%2fsecret/",
        "/%2ffunctions/secret/",
        "/%5cfunctions/secret/",
        "/functions/secret%0a/",
        "/functions/secret%2e/",
        "/functions/\xc0\xafsecret/",
        "/functions/secret%ff/",
    };
    struct directory directory = {0};

    add_functions(&directory);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct arena arena = {0};
        struct found found = find(&directory, "h", text_of(paths[i]), &arena);
        CHECK_MSG(found.status != 0, "%s reached '%s'", paths[i], found.name);
        arena_done(&arena);
    }
    directory_done(&directory);
}

static void add_routed(struct directory *directory, const char *name, const char *url,
                       const char *route, bool has_cors)
{
    struct function *function = fixture_function(name, url);
    char *routes[] = {(char *)(uintptr_t)route};

    function->url.cors.is_set = has_cors;
    function_set_routes(function, routes, 1);
    directory_put(directory, function);
    function_unref(function);
}

static int find_by(const struct directory *directory, struct http_request *request,
                   struct arena *arena, struct route *ret)
{
    const struct gateway_options options = {
        .directory = directory, .account = "000000000000", .region = "us-east-1"};

    request->host = TEXT("h");
    return route_find(&options, request, arena, ret);
}

TEST(a_route_of_a_function_has_a_method_a_key_and_parameters)
{
    struct directory directory = {0};
    struct arena arena = {0};
    struct route route;
    struct http_request get = {.method_text = TEXT("GET"), .path = TEXT("/p/a%20b%252F/x/%2F/%252e%252e/y")};
    struct http_request put = {.method_text = TEXT("PUT"), .path = TEXT("/p/a%20b%252F/x/%2F/%252e%252e/y")};

    add_routed(&directory, "f", URL_A, "GET /p/{id}/x/{rest+}", false);
    CHECK(find_by(&directory, &get, &arena, &route) == 0);
    directory_done(&directory); /* what the route has, it has by itself */
    CHECK_TEXT(route.key, "GET /p/{id}/x/{rest+}");
    CHECK(route.parameter_count == 2);
    CHECK_TEXT(route.names[0], "id");
    CHECK_TEXT(route.values[0], "a b%2F");
    CHECK_TEXT(route.names[1], "rest");
    CHECK_TEXT(route.values[1], "//%2e%2e/y");
    CHECK(find_by(&directory, &put, &arena, &route) == 404);
    arena_done(&arena);
}

TEST(a_preflight_finds_the_route_it_is_sent_for)
{
    static const struct {
        const char *path, *asked, *name; /* "": 404 */
    } cases[] = {
        {"/a", "POST", "cors"},
        {"/a", "PUT", "all"},
        {"/b", "POST", "all"},
        {"/c", "POST", "all"},
    };
    struct directory directory = {0};
    struct arena arena = {0};

    add_routed(&directory, "cors", URL_A, "POST /a", true);
    add_routed(&directory, "plain", URL_B, "POST /b", false);
    add_routed(&directory, "all", "cccccccccccccccccccccccccccccccc", "ANY /{proxy+}", true);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_field fields[] = {
            {TEXT("origin"), TEXT("https://a.test")},
            {TEXT("access-control-request-method"), text_of(cases[i].asked)},
        };
        struct http_request request = {.method = METHOD_OPTIONS,
                                       .method_text = TEXT("OPTIONS"),
                                       .path = text_of(cases[i].path),
                                       .fields = fields,
                                       .field_count = COUNT_OF(fields)};
        struct route route;
        int status = find_by(&directory, &request, &arena, &route);
        CHECK_MSG(status == 0 && strcmp(route.function->name, cases[i].name) == 0, "%s %s: %d",
                  cases[i].path, cases[i].asked, status);
    }
    directory_done(&directory);
    arena_done(&arena);
}
