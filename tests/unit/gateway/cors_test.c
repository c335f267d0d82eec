/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* Snapshots own their strings, so their lists are not const. */
static char https[] = "https://*", localhost[] = "http://localhost:3000", star[] = "*";
static char site_a[] = "https://a.test", site_b[] = "https://b.test";
static char get[] = "GET", put[] = "PUT", one[] = "x-one", two[] = "x-two";
static char *https_any[] = {https, localhost}, *all[] = {star}, *some[] = {site_a, site_b};
static char *methods[] = {get, put}, *headers[] = {one, two};

/* "name: value" lines in the order they were given. */
static const char *fields_of(const struct cors *cors, const char *origin, bool preflight,
                             struct arena *arena)
{
    const struct http_field fields[] = {{TEXT("origin"), text_of(origin)}};
    const struct http_request request = {.fields = fields, .field_count = 1};
    struct http_field out[CORS_FIELDS_MAX];
    size_t count = cors_headers(cors, &request, preflight, arena, out);
    char *all_of_them = arena_format(arena, "%s", "");

    for (size_t i = 0; i < count; i++)
        all_of_them = arena_format(arena, "%s%.*s: %.*s\n", all_of_them, TEXT_ARG(out[i].name),
                                   TEXT_ARG(out[i].value));
    return all_of_them;
}

TEST(an_origin_is_allowed_by_name_by_scheme_or_like_all)
{
    static const struct {
        char **origins;
        size_t count;
        bool credentials;
        const char *origin, *allowed;
    } cases[] = {
        {some, 2, false, "https://a.test", "https://a.test"},
        {some, 2, false, "https://b.test", "https://b.test"},
        {some, 2, false, "https://c.test", NULL},
        {some, 2, false, "https://a.test.evil", NULL},
        {some, 2, false, "http://a.test", NULL},
        {some, 2, false, "null", NULL},
        {all, 1, false, "https://any.test", "*"},
        {all, 1, true, "https://any.test", "https://any.test"},
        {all, 1, false, "", NULL},
        {https_any, 2, false, "https://x.test", "https://x.test"},
        {https_any, 2, false, "http://x.test", NULL},
        {https_any, 2, false, "http://localhost:3000", "http://localhost:3000"},
        {https_any, 2, false, "https://", NULL},
        {NULL, 0, false, "https://x.test", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct cors cors = {
            .is_set = true,
            .allow_origins = cases[i].origins,
            .origin_count = cases[i].count,
            .allow_credentials = cases[i].credentials,
            .max_age_s = -1,
        };
        struct arena arena = {0};
        const char *got = fields_of(&cors, cases[i].origin, false, &arena);
        const char *allowed = cases[i].allowed;
        const char *want =
            !allowed ? ""
                     : arena_format(
                           &arena, "Access-Control-Allow-Origin: %s\n%s%s", allowed,
                           strcmp(allowed, "*") == 0 ? "" : "Vary: Origin\n",
                           cases[i].credentials ? "Access-Control-Allow-Credentials: true\n" : "");
        CHECK_MSG(strcmp(got, want) == 0, "%s: %s", cases[i].origin, got);
        arena_done(&arena);
    }
}

TEST(a_preflight_tells_what_may_be_sent_and_an_answer_what_may_be_read)
{
    const struct cors cors = {
        .is_set = true,
        .allow_origins = all,
        .origin_count = 1,
        .allow_methods = methods,
        .method_count = 2,
        .allow_headers = headers,
        .header_count = 2,
        .expose_headers = headers,
        .expose_count = 2,
        .max_age_s = 300,
    };
    struct arena arena = {0};

    CHECK_TEXT(text_of(fields_of(&cors, "https://x.test", true, &arena)),
               "Access-Control-Allow-Origin: *\nAccess-Control-Allow-Methods: GET,PUT\n"
               "Access-Control-Allow-Headers: x-one,x-two\nAccess-Control-Max-Age: 300\n");
    CHECK_TEXT(text_of(fields_of(&cors, "https://x.test", false, &arena)),
               "Access-Control-Allow-Origin: *\nAccess-Control-Expose-Headers: x-one,x-two\n");
    arena_done(&arena);
}

TEST(a_preflight_is_options_with_both_headers)
{
    static const struct {
        const char *head;
        bool want;
    } cases[] = {
        {"OPTIONS /\norigin: https://x\naccess-control-request-method: GET", true},
        {"OPTIONS /\norigin: https://x", false},
        {"OPTIONS /\naccess-control-request-method: GET", false},
        {"GET /\norigin: https://x\naccess-control-request-method: GET", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_field fields[HTTP_FIELDS_MAX];
        struct http_request request;
        fixture_parse(&request, fields, cases[i].head);
        CHECK_MSG(cors_is_preflight(&request) == cases[i].want, "%s", cases[i].head);
    }
}
