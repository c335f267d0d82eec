/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/filter.h"

#include "base/json.h"
#include "base/mem.h"
#include "test.h"

struct request {
    const char *method, *type, *query, *body;
};

/* "STATUS what goes on", "" when nothing was changed. In the arena. */
static const char *run(const struct filter *filter, const struct request *of, struct arena *arena)
{
    const struct http_field fields[] = {{TEXT("x-level"), TEXT("7")},
                                        {TEXT("content-type"), text_of(of->type)}};
    const struct http_request request = {
        .method = strcmp(of->method, "GET") == 0 ? METHOD_GET : METHOD_POST,
        .method_text = text_of(of->method),
        .path = TEXT("/a"),
        .query = text_of(of->query),
        .fields = fields,
        .field_count = of->type ? 2 : 1,
    };
    const struct text name = TEXT("id"), value = TEXT("12");
    const struct filter_input input = {.request = &request,
                                       .path = TEXT("/a"),
                                       .names = &name,
                                       .values = &value,
                                       .parameter_count = 1,
                                       .body = text_of(of->body),
                                       .arena = arena};
    struct filter_result result;

    filter_request(filter, &input, &result);
    if (result.status)
        return arena_format(arena, "%d %.*s", result.status, TEXT_ARG(result.reason));
    if (!result.is_changed)
        return "0";
    return arena_format(arena, "0 %.*s?%.*s", TEXT_ARG(result.body), TEXT_ARG(result.query));
}

static struct filter *compile(const char *source, bool is_typed, struct error *err)
{
    scoped(json_decref) json_t *json = json_parse(text_of(source), err);

    if (!json)
        return NULL;
    return is_typed ? filter_compile_types(json, err) : filter_compile(json, err);
}

#define BLOCK "{\"block\":{\"body\":{\"role\":[\"admin\"]}}}"
#define FORBIDDEN "403 {\"message\":\"Forbidden\"}"

TEST(a_filter_says_what_is_wrong_and_hides_what_it_is_told)
{
    static const struct {
        const char *filter;
        struct request request;
        const char *outcome;
    } cases[] = {
        {"{\"content-types\":[\"application/json\"]}",
         {"POST", "text/plain", "", "x"},
         "415 {\"message\":\"Unsupported Media Type\"}"},
        {"{\"content-types\":[\"text/*\"]}", {"POST", "text/csv; charset=utf-8", "", "x"}, "0"},
        {"{\"size\":3}",
         {"POST", NULL, "", "1234"},
         "413 {\"message\":\"Request Entity Too Large\"}"},
        {"{\"depth\":1}",
         {"POST", NULL, "", "{\"a\":[1]}"},
         "400 {\"message\":\"The request does not fit\",\"errors\":[{\"in\":\"body\",\"at\":\"\","
         "\"message\":\"must not nest deeper than 1\"}]}"},
        {"{\"depth\":2,\"keys\":1}", {"POST", NULL, "", "{\"a\":[1]}"}, "0"},
        {"{\"body\":{\"required\":[\"a\"]}}",
         {"POST", NULL, "", "{"},
         "400 {\"message\":\"The body is not JSON: line 1, column 1: string or '}' expected near "
         "end of file\"}"},
        {"{\"body\":{\"required\":[\"a\"]}}",
         {"POST", NULL, "", "{\"b\":1}"},
         "400 {\"message\":\"The request does not fit\",\"errors\":[{\"in\":\"body\",\"at\":\"/a\","
         "\"message\":\"is required\"}]}"},
        {"{\"body\":{}}",
         {"POST", NULL, "", ""},
         "400 {\"message\":\"The request does not fit\",\"errors\":[{\"in\":\"body\",\"at\":\"\","
         "\"message\":\"is required\"}]}"},
        {"{\"body\":{}}", {"GET", NULL, "", ""}, "0"},
        {"{\"headers\":{\"properties\":{\"X-Level\":{\"type\":\"integer\",\"maximum\":5}}}}",
         {"GET", NULL, "", ""},
         "400 {\"message\":\"The request does not fit\",\"errors\":[{\"in\":\"header\",\"at\":"
         "\"/x-level\",\"message\":\"must be at most 5\"}]}"},
        {"{\"block\":{\"body\":{\"role\":[\"admin\"]}}}",
         {"POST", NULL, "", "{\"role\":\"admin\"}"},
         "403 {\"message\":\"Forbidden\"}"},
        /* What a function may read as JSON is judged whatever its type says, or does not pass. */
        {BLOCK, {"POST", "text/plain", "", "{\"role\":\"admin\"}"}, FORBIDDEN},
        {BLOCK,
         {"POST", "application/x-www-form-urlencoded", "", "{\"role\":\"admin\"}"},
         FORBIDDEN},
        {BLOCK,
         {"POST", "application/json", "", "{\"role\":\"x\",\"role\":\"admin\"}"},
         "400 {\"message\":\"The body is not JSON: line 1, column 18: duplicate object key near "
         "'\\\"role\\\"'\"}"},
        {BLOCK,
         {"POST", "text/plain", "", "\xef\xbb\xbf {\"role\":\"admin\"}"},
         "400 {\"message\":\"The body is not JSON: line 1, column 1: invalid token near "
         "'\xef\xbb\xbf'\"}"},
        {"{\"block\":{\"$or\":[{\"path\":[\"/x\"]},{\"body\":{\"role\":[\"admin\"]}}]}}",
         {"POST", "text/plain", "", "[1e999]"},
         "400 {\"message\":\"The body is not JSON: line 1, column 6: real number overflow near "
         "'1e999'\"}"},
        {BLOCK, {"POST", "text/plain", "", "{name}: [role]"}, "0"},
        {BLOCK, {"POST", NULL, "", "hello"}, "0"},
        {"{\"block\":{\"body\":[\"12\"]}}", {"POST", "text/plain", "", "12"}, FORBIDDEN},
        {"{\"block\":{\"path\":[\"/x\"]}}", {"POST", NULL, "", "{\"a\":1,\"a\":1}"}, "0"},
        {"{\"depth\":1}",
         {"POST", "text/plain", "", "[[1]]"},
         "400 {\"message\":\"The request does not fit\",\"errors\":[{\"in\":\"body\",\"at\":\"\","
         "\"message\":\"must not nest deeper than 1\"}]}"},
        {"{\"depth\":1}", {"POST", "text/plain", "", "hello"}, "0"},
        {"{\"block\":{\"queryStringParameters\":{\"debug\":[{\"exists\":true}]}}}",
         {"GET", NULL, "debug", ""},
         "403 {\"message\":\"Forbidden\"}"},
        {"{\"block\":{\"path\":[{\"prefix\":\"/admin\"}]}}", {"GET", NULL, "", ""}, "0"},
        {"{\"redact\":[\"body.password\"],\"mask\":[\"body.cards.*.number\"],\"remove\":"
         "[\"body.x\"]}",
         {"POST", NULL, "",
          "{\"password\":\"p\",\"cards\":[{\"number\":\"4111111111111111\"}],"
          "\"x\":1,\"y\":2}"},
         "0 {\"password\":\"***\",\"cards\":[{\"number\":\"************1111\"}],\"y\":2}?"},
        {"{\"mask\":[\"body.n\"]}",
         {"POST", NULL, "", "{\"n\":\"12345\"}"},
         "0 {\"n\":\"*****\"}?"},
        /* Characters count, not bytes: three before the last four are too few. */
        {"{\"mask\":[\"body.n\"]}",
         {"POST", NULL, "", "{\"n\":\"一二三四五六七\"}"},
         "0 {\"n\":\"*******\"}?"},
        {"{\"mask\":[\"body.n\"]}",
         {"POST", NULL, "", "{\"n\":\"一二三四五六七八\"}"},
         "0 {\"n\":\"****五六七八\"}?"},
        {"{\"redact\":[\"body.password\"]}", {"POST", NULL, "", "{\"y\":2}"}, "0"},
        /* All but what is hidden stays as it came. */
        {"{\"redact\":[\"body.password\"]}",
         {"POST", NULL, "",
          " { \"n\" : 12345678901234567890123, \"pass\\u0077ord\":{\"a\":[1]} "
          ",\"f\":0.10,\"e\":1E2}\n"},
         "0  { \"n\" : 12345678901234567890123, \"pass\\u0077ord\":\"***\" "
         ",\"f\":0.10,\"e\":1E2}\n?"},
        {"{\"mask\":[\"body.*\"],\"redact\":[\"body.c\"],\"remove\":[\"body.d\"]}",
         {"POST", NULL, "",
          "{\"a\":12345678901234567890123,\"b\":"
          "\"\\\"\\\\\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\","
          "\"c\":\"12345678\",\"d\":1,\"e\":-12345678,\"f\":[1],\"g\":1.5,\"h\":\"\"}"},
         "0 {\"a\":\"*******************0123\",\"b\":\"****éééé\",\"c\":\"***\","
         "\"e\":\"*****5678\",\"f\":\"***\",\"g\":\"***\",\"h\":\"\"}?"},
        {"{\"remove\":[\"body.a\",\"body.b\"]}",
         {"POST", NULL, "", "{\"a\":1 , \"b\":[{}],\"c\":{\"a\":1}}"},
         "0 {\"c\":{\"a\":1}}?"},
        {"{\"remove\":[\"body.a\",\"body.c\",\"body.d\"]}",
         {"POST", NULL, "", "{ \"a\":\"}\" , \"b\":2 , \"c\":3 , \"d\":4 }"},
         "0 { \"b\":2   }?"},
        {"{\"remove\":[\"body.*\"]}", {"POST", NULL, "", "[1,[2],\"]\"]"}, "0 []?"},
        {"{\"remove\":[\"body.l.0\",\"body.l.2\",\"body.x.*.y\"]}",
         {"POST", NULL, "", "{\"l\":[1,2,3],\"x\":[{\"y\":1},{\"z\":2,\"y\":1}]}"},
         "0 {\"l\":[2],\"x\":[{},{\"z\":2}]}?"},
        {"{\"redact\":[\"body.a.b\"]}", {"POST", NULL, "", "{\"a\":\"b\",\"b\":{\"a\":1}}"}, "0"},
        {"{\"redact\":[\"body.a\"]}", {"POST", NULL, "", "7"}, "0"},
        {"{\"body\":{\"properties\":{\"n\":{\"type\":\"integer\",\"maximum\":9}}}}",
         {"POST", NULL, "", "{\"n\":12345678901234567890123}"},
         "400 {\"message\":\"The request does not fit\",\"errors\":[{\"in\":\"body\",\"at\":\"/n\","
         "\"message\":\"must be at most 9\"}]}"},
        {"{\"redact\":[\"body.password\"]}",
         {"POST", "application/x-www-form-urlencoded", "", "password=1"},
         "415 {\"message\":\"Unsupported Media Type: the body must be JSON\"}"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(arena_done) struct arena arena = {0};
        scoped(filter_free) struct filter *filter = compile(cases[i].filter, false, &err);
        CHECK_MSG(filter, "%s: %s", cases[i].filter, err.text);
        const char *outcome = run(filter, &cases[i].request, &arena);
        CHECK_MSG(strcmp(outcome, cases[i].outcome) == 0, "%s: %s", cases[i].filter, outcome);
    }
}

TEST(typed_inputs_are_read_where_they_are_and_filled_in)
{
    static const char types[] =
        "{\"inputs\":{\"name\":{\"type\":\"string\",\"required\":true,\"max\":5},"
        "\"kind\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"],\"default\":\"a\"},"
        "\"page\":{\"type\":\"integer\",\"in\":\"query\",\"default\":1,\"min\":1},"
        "\"tags\":{\"type\":\"list\",\"items\":\"integer\",\"in\":\"query\"},"
        "\"id\":{\"type\":\"integer\",\"in\":\"path\",\"max\":100},"
        "\"X-Level\":{\"type\":\"integer\",\"in\":\"header\"}}}";
    static const struct {
        struct request request;
        const char *outcome;
    } cases[] = {
        {{"POST", NULL, "", "{\"name\":\"x\"}"}, "0 {\"name\":\"x\",\"kind\":\"a\"}?page=1"},
        {{"POST", NULL, "page=2&tags=1,2&tags=3", "{\"name\":\"x\",\"kind\":\"b\"}"}, "0"},
        {{"POST", NULL, "page=0&tags=x", "{\"name\":\"toolong\",\"kind\":\"c\"}"},
         "400 {\"message\":\"The request does not fit\",\"errors\":["
         "{\"in\":\"query\",\"at\":\"/page\",\"message\":\"must be at least 1\"},"
         "{\"in\":\"query\",\"at\":\"/tags/0\",\"message\":\"must be an integer\"},"
         "{\"in\":\"body\",\"at\":\"/name\",\"message\":\"must have at most 5 characters\"},"
         "{\"in\":\"body\",\"at\":\"/kind\",\"message\":\"must be one of \\\"a\\\", "
         "\\\"b\\\"\"}]}"},
        {{"GET", NULL, "page=1", ""},
         "400 {\"message\":\"The request does not fit\",\"errors\":["
         "{\"in\":\"body\",\"at\":\"/name\",\"message\":\"is required\"}]}"},
    };
    struct error err = {0};
    scoped(filter_free) struct filter *filter = compile(types, true, &err);
    CHECK_MSG(filter, "%s", err.text);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        const char *outcome = run(filter, &cases[i].request, &arena);
        CHECK_MSG(strcmp(outcome, cases[i].outcome) == 0, "%zu: %s", i, outcome);
    }
}

TEST(settings_that_make_no_sense_are_refused_by_name)
{
    static const struct {
        const char *source;
        bool is_typed;
        const char *reason;
    } cases[] = {
        {"{\"deph\":1}", false, "filter has no setting 'deph'"},
        {"{\"depth\":0}", false, "filter.depth must be a whole number"},
        {"{\"body\":{\"type\":\"text\"}}", false, "filter.body: the schema's 'type' must be"},
        {"{\"redact\":[\"password\"]}", false, "filter.redact[0] must be a path such as"},
        {"{\"block\":{\"a\":1}}", false, "filter.block is no event pattern"},
        {"{\"response\":{\"size\":1}}", false, "filter.response has no setting 'size'"},
        {"{\"inputs\":{\"a\":\"text2\"}}", true, "inputs.a must be string, integer"},
        {"{\"inputs\":{\"a\":{\"type\":\"integer\",\"min\":\"1\"}}}", true,
         "inputs.a.min must be a number"},
        {"{\"inputs\":{\"a\":{\"min\":1}}}", true, "inputs.a.min says nothing about this type"},
        {"{\"inputs\":{\"a\":{\"type\":\"integer\",\"default\":\"x\"}}}", true,
         "inputs.a.default does not fit: it must be an integer"},
        {"{\"inputs\":{\"a\":{\"requird\":true}}}", true, "inputs.a.requird is not known"},
        {"{\"inputs\":{\"a\":{\"type\":\"object\",\"in\":\"query\"}}}", true,
         "inputs.a.type must not be object outside of the body"},
        {"{\"outputs-strict\":\"yes\"}", true, "outputs-strict must be log or refuse"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(filter_free) struct filter *filter =
            compile(cases[i].source, cases[i].is_typed, &err);
        CHECK_MSG(!filter && text_starts(text_of(err.text), text_of(cases[i].reason)), "%s: %s",
                  cases[i].source, filter ? "accepted" : err.text);
    }
}

TEST(an_answer_is_judged_and_hidden)
{
    struct error err = {0};
    scoped(arena_done) struct arena arena = {0};
    struct filter_result result;
    scoped(filter_free) struct filter *filter =
        compile("{\"response\":{\"redact\":[\"body.secret\"]}}", false, &err);
    scoped(filter_free) struct filter *typed =
        compile("{\"outputs\":{\"n\":{\"type\":\"integer\",\"required\":true}},"
                "\"outputs-strict\":\"refuse\"}",
                true, &err);

    filter_answer(filter, 200, TEXT("application/json"), TEXT("{\"secret\":1,\"a\":2}"), &arena,
                  &result);
    CHECK(result.status == 0 && result.is_changed);
    CHECK_TEXT(result.body, "{\"secret\":\"***\",\"a\":2}");
    filter_answer(filter, 200, TEXT("application/json"), TEXT("{\"secret\":"), &arena, &result);
    CHECK(result.status == 502);
    filter_answer(filter, 200, TEXT("text/html"), TEXT("<p>"), &arena, &result);
    CHECK(result.status == 0 && !result.is_changed);
    filter_answer(typed, 200, TEXT("application/json"), TEXT("{\"n\":\"x\"}"), &arena, &result);
    CHECK(result.status == 502);
    CHECK_TEXT(result.reason, "{\"message\":\"The answer does not fit\",\"errors\":[{\"in\":"
                              "\"answer\",\"at\":\"/n\",\"message\":\"must be an integer\"}]}");
    filter_answer(typed, 404, TEXT("text/plain"), TEXT("no"), &arena, &result);
    CHECK(result.status == 0 && result.reason.len == 0);
}

TEST(a_compressed_body_that_would_be_judged_is_refused)
{
    static const struct http_field fields[] = {{TEXT("content-encoding"), TEXT("identity")},
                                               {TEXT("content-encoding"), TEXT("gzip")},
                                               {TEXT("content-type"), TEXT("text/plain")}};
    const struct http_request request = {.method = METHOD_POST,
                                         .method_text = TEXT("POST"),
                                         .path = TEXT("/a"),
                                         .fields = fields,
                                         .field_count = COUNT_OF(fields)};
    struct error err;
    scoped(arena_done) struct arena arena = {0};
    scoped(filter_free) struct filter *filter = compile(BLOCK, false, &err);
    const struct filter_input input = {
        .request = &request, .path = TEXT("/a"), .body = TEXT("\x1f\x8b"), .arena = &arena};
    struct filter_result result;

    filter_request(filter, &input, &result);
    CHECK(result.status == 415);
}
