/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/mapping.h"

#include "base/json.h"
#include "base/mem.h"
#include "fixture.h"

static struct text find(void *arg, struct text name, struct arena *arena)
{
    return text_equal(name, TEXT("context.requestId"))         ? TEXT("id")
           : text_equal(name, TEXT("stageVariables.color"))    ? TEXT("blue")
           : text_equal(name, TEXT("request.path.pet"))        ? TEXT("7")
                                                               : TEXT_NONE;
}

struct world {
    struct arena arena;
    struct http_field fields[HTTP_FIELDS_MAX];
    struct http_request request;
    struct mapping_source source;
    struct text path;
};

static void init(struct world *w, const char *head, const char *body)
{
    *w = (struct world){0};
    fixture_parse(&w->request, w->fields, head);
    w->source = (struct mapping_source){
        .request = &w->request, .path = w->request.path, .body = text_of(body),
        .find = find, .arena = &w->arena};
}

static void map_request(struct world *w, const char *json)
{
    struct error err;
    scoped(json_decref) json_t *parameters = json_parse(text_of(json), &err);
    scoped(mapping_free) struct mapping *mapping =
        mapping_compile(parameters, MAPPING_REQUEST, &err);

    CHECK_MSG(mapping != NULL, "%s", err.text);
    struct http_request source = w->request;
    w->source.request = &source;
    mapping_apply_request(mapping, &w->source, &w->request, &w->path);
}

TEST(values_come_from_all_of_a_request)
{
    static const struct {
        const char *value, *expected; /* NULL: it is not there */
    } cases[] = {
        {"constant", "constant"},
        {"$request.header.X-A", "1,2"},
        {"$request.header.none", NULL},
        {"$request.querystring.q", "a b,c"},
        {"$request.querystring.e", ""},
        {"$request.querystring.none", NULL},
        {"$request.body", "{\"a\":{\"b\":[1,{\"c\":\"x\\u0041\"}]},\"n\":2}"},
        {"$request.body.a.b[1].c", "xA"},
        {"$request.body.a.b", "[1,{\"c\":\"x\\u0041\"}]"},
        {"$request.body.n", "2"},
        {"$request.body.none", NULL},
        {"$request.path", "/p"},
        {"$request.path.pet", "7"},
        {"$context.requestId", "id"},
        {"$context.none", NULL},
        {"$stageVariables.color", "blue"},
        {"${request.path.pet}-${stageVariables.color}/${context.none}.", "7-blue/."},
        {"a${request.header.x-a}", "a1,2"},
    };
    struct world w;
    struct error err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        init(&w, "GET /p?q=a+b&q=c&e=\nhost: h\nx-a: 1\nx-a: 2",
             "{\"a\":{\"b\":[1,{\"c\":\"x\\u0041\"}]},\"n\":2}");
        struct mapping_value *value = mapping_value_compile(text_of(cases[i].value), &err);
        CHECK_MSG(value != NULL, "%s", err.text);
        struct text got = mapping_value_get(value, &w.source);
        CHECK_MSG(text_is_set(got) == (cases[i].expected != NULL), "%s", cases[i].value);
        if (cases[i].expected)
            CHECK_TEXT(got, cases[i].expected);
        mapping_value_free(value);
        arena_done(&w.arena);
    }
}

TEST(a_request_is_mapped)
{
    struct world w;

    init(&w, "GET /p?a=1&b=2&a=3&d=4\nhost: h\nx-a: 1\nx-b: 2\nx-c: 3\nx-d: 4", "");
    map_request(&w, "{\"append:header.x-a\":\"$request.querystring.b\","
                    "\"overwrite:header.X-B\":\"n\\r\\new: 1\",\"remove:header.x-c\":\"''\","
                    "\"append:header.x-none\":\"$request.header.none\","
                    "\"overwrite:header.x-d\":\"$context.authorizer.claims.none\","
                    "\"overwrite:querystring.d\":\"$request.querystring.none\","
                    "\"overwrite:querystring.a\":\"x y\",\"remove:querystring.b\":\"''\","
                    "\"append:querystring.c\":\"&=\",\"overwrite:path\":\"new/$x\"}");
    CHECK_TEXT(w.request.query, "a=x%20y&c=%26%3D");
    CHECK_TEXT(w.path, "/new/$x");
    CHECK(w.request.field_count == 4); /* host, x-a twice, x-b */
    CHECK_TEXT(http_header(&w.request, TEXT("x-b")), "n  ew: 1");
    CHECK(!text_is_set(http_header(&w.request, TEXT("x-c"))));
    CHECK(!text_is_set(http_header(&w.request, TEXT("x-none"))));
    CHECK(!text_is_set(http_header(&w.request, TEXT("x-d")))); /* nothing is no leave to say it */
    arena_done(&w.arena);
}

TEST(an_answer_is_mapped)
{
    struct world w;
    struct error err;
    struct http_field fields[8] = {
        {TEXT("X-A"), TEXT("1")}, {TEXT("X-B"), TEXT("2")}, {TEXT("X-C"), TEXT("3")}};
    size_t count = 3;
    int status = 200;
    scoped(json_decref) json_t *parameters = json_parse(
        TEXT("{\"overwrite:statuscode\":\"403\",\"remove:header.x-a\":\"''\","
             "\"overwrite:header.x-c\":\"$response.header.none\","
             "\"append:header.x-b\":\"${response.header.x-a}-${response.body.m}\"}"),
        &err);
    scoped(mapping_free) struct mapping *mapping =
        mapping_compile(parameters, MAPPING_RESPONSE, &err);

    CHECK(mapping);
    init(&w, "GET /\nhost: h", "");
    w.source.answer_fields = fields;
    w.source.answer_count = count;
    w.source.answer_body = TEXT("{\"m\":true}");
    mapping_apply_response(mapping, &w.source, fields, &count, 8, &status);
    CHECK(status == 403 && count == 2);
    CHECK_TEXT(fields[1].name, "x-b");
    CHECK_TEXT(fields[1].value, "1-true");
    arena_done(&w.arena);
}

TEST(what_is_no_mapping_is_refused)
{
    static const char *const wrong[] = {
        "{\"add:header.x\":\"1\"}",         "{\"append:header.\":\"1\"}",
        "{\"append:path\":\"1\"}",          "{\"append:header.authorization\":\"1\"}",
        "{\"append:header.X-Amz-Y\":\"1\"}", "{\"append:header.x\":1}",
        "{\"append:header.x\":\"$none\"}",  "{\"append:header.x\":\"${request.path\"}",
        "{\"append:header.x\":\"$request.body.a[*]\"}", "{\"overwrite:statuscode\":\"1\"}",
        "{\"append:header.a b\":\"1\"}",
    };
    struct error err;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        scoped(json_decref) json_t *json = json_parse(text_of(wrong[i]), &err);
        CHECK(json);
        struct mapping *mapping = mapping_compile(json, MAPPING_REQUEST, &err);
        CHECK_MSG(!mapping, "%s", wrong[i]);
    }
}
