/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

struct reading {
    struct buffer json, scratch;
    struct http_field fields[ANSWER_FIELDS_MAX];
    struct answer answer;
    bool accepted;
};

static void read_answer(struct reading *r, struct text json)
{
    *r = (struct reading){.answer = {.fields = r->fields}};
    buffer_add_text(&r->json, json);
    r->answer.fields = r->fields;
    r->accepted = answer_read(&r->json, &r->scratch, &r->answer);
}

static void reading_done(struct reading *r)
{
    buffer_done(&r->json);
    buffer_done(&r->scratch);
}

TEST(a_response_is_inferred_as_aws_was_seen_to_do_it)
{
    static const struct {
        const char *json;
        int status; /* 0: refused */
        const char *body;
    } cases[] = {
        /* No statusCode: the value is the body */
        {"{\"hello\":\"world\"}", 200, "{\"hello\":\"world\"}"},
        {"{\"body\":\"b\",\"headers\":{\"x\":\"y\"}}", 200,
         "{\"body\":\"b\",\"headers\":{\"x\":\"y\"}}"},
        {"{\"a\":{\"statusCode\":201}}", 200, "{\"a\":{\"statusCode\":201}}"},
        {"{\"k\":\"\\u00e9\"}", 200, "{\"k\":\"\\u00e9\"}"},
        {"{}", 200, "{}"},
        {"[\"hello\",3,true]", 200, "[\"hello\",3,true]"},
        {" { \"hello\" : \"big\\\" : world\" , \"n\": [ ] }\n", 200,
         "{\"hello\":\"big\\\" : world\",\"n\":[]}"},
        {"[\"hello\", 3, true]", 200, "[\"hello\",3,true]"},
        {"\"hello\"", 200, "hello"},
        {"\"a\\n\\\"b\\\"\\u00e9\"", 200, "a\n\"b\"\xc3\xa9"},
        {"\"\"", 200, ""},
        {"3", 200, "3"},
        {"3.1", 200, "3.1"},
        {"true", 200, "true"},
        {"null", 200, "null"},
        {" 3 ", 200, "3"},
        /* With one it says everything */
        {"{\"statusCode\":200,\"body\":\"body123\"}", 200, "body123"},
        {"{\"statusCode\": 200, \"body\": \"{\\\"hello\\\": \\\"world\\\"}\"}", 200,
         "{\"hello\": \"world\"}"},
        {"{\"statusCode\":\"418\",\"body\":\"i'm a teapot\",\"isBase64Encoded\":false}", 418,
         "i'm a teapot"},
        {"{\"statusCode\":204}", 204, ""},
        {"{\"statusCode\":200,\"body\":null,\"headers\":null,\"cookies\":null}", 200, ""},
        {"{\"statusCode\":200,\"body\":{\"a\":[1]}}", 200, "{\"a\":[1]}"},
        {"{\"statusCode\":200,\"body\":12}", 200, "12"},
        {"{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":true}", 200, "hi"},
        {"{\"statusCode\":200,\"body\":\"aGk=\",\"isBase64Encoded\":false}", 200, "aGk="},
        {"{\"isBase64Encoded\":true,\"body\":\"\",\"statusCode\":200}", 200, ""},
        {"{\"\\u0073tatusCode\":201,\"bo\\u0064y\":\"x\"}", 201, "x"},
        {"{\"statusCode\":200,\"statusCode\":201}", 201, ""},
        /* What is no answer */
        {"", 0, ""},
        {"nope", 0, ""},
        {"{\"statusCode\":200", 0, ""},
        {"{\"statusCode\":null}", 0, ""},
        {"{\"statusCode\":\"abc\"}", 0, ""},
        {"{\"statusCode\":99}", 0, ""},
        {"{\"statusCode\":100}", 0, ""},
        {"{\"statusCode\":600}", 0, ""},
        {"{\"statusCode\":200.5}", 0, ""},
        {"{\"statusCode\":-200}", 0, ""},
        {"{\"statusCode\":{}}", 0, ""},
        {"{\"statusCode\":200,\"headers\":[]}", 0, ""},
        {"{\"statusCode\":200,\"headers\":\"x\"}", 0, ""},
        {"{\"statusCode\":200,\"headers\":{\"x\":{}}}", 0, ""},
        {"{\"statusCode\":200,\"headers\":{\"x\":[\"y\"]}}", 0, ""},
        {"{\"statusCode\":200,\"cookies\":\"a=1\"}", 0, ""},
        {"{\"statusCode\":200,\"cookies\":[1]}", 0, ""},
        {"{\"statusCode\":200,\"body\":\"not base64!\",\"isBase64Encoded\":true}", 0, ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading r;
        read_answer(&r, text_of(cases[i].json));
        CHECK_MSG(r.accepted == (cases[i].status != 0), "%s", cases[i].json);
        if (r.accepted) {
            CHECK_MSG(r.answer.status == cases[i].status, "%s", cases[i].json);
            CHECK_TEXT(r.answer.body, cases[i].body);
        }
        reading_done(&r);
    }
}

TEST(headers_and_cookies_are_read_in_order)
{
    struct reading r;

    read_answer(&r, TEXT("{\"cookies\":[\"a=1\",\"b=\\\"2\\\"\"],\"headers\":{\"X-A\":\"1\\t2\","
                         "\"n\":7,\"t\":true,\"gone\":null,\"CONTENT-type\":\"text/css\"},"
                         "\"statusCode\":200}"));
    static const struct {
        const char *name, *value;
    } want[] = {
        {"X-A", "1\t2"},       {"n", "7"},
        {"t", "true"},         {"CONTENT-type", "text/css"},
        {"Set-Cookie", "a=1"}, {"Set-Cookie", "b=\"2\""},
    };
    CHECK(r.accepted && r.answer.count == COUNT_OF(want) && r.answer.has_content_type);
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        CHECK_TEXT(r.answer.fields[i].name, want[i].name);
        CHECK_TEXT(r.answer.fields[i].value, want[i].value);
    }
    reading_done(&r);
}

TEST(an_answer_with_too_many_headers_is_refused)
{
    for (int extra = 0; extra < 2; extra++) {
        scoped(buffer_done) struct buffer json = {0};
        struct reading r;
        buffer_add_literal(&json, "{\"statusCode\":200,\"cookies\":[\"a=1\"");
        for (int i = 1; i < ANSWER_FIELDS_MAX + extra; i++)
            buffer_add_literal(&json, ",\"a=1\"");
        buffer_add_literal(&json, "]}");
        read_answer(&r, buffer_text(&json));
        CHECK(r.accepted == !extra);
        reading_done(&r);
    }
}

TEST(a_prelude_has_a_head_and_no_body)
{
    static const struct {
        const char *json;
        int status; /* 0: refused */
        size_t fields;
    } cases[] = {
        {"{\"statusCode\":201,\"headers\":{\"a\":\"b\"},\"cookies\":[\"c=d\"]}", 201, 2},
        {"{}", 200, 0},
        {"{\"headers\":{\"content-type\":\"text/html\"}}", 200, 1},
        {"", 0, 0},
        {"[]", 0, 0},
        {"\"x\"", 0, 0},
        {"{\"statusCode\":1}", 0, 0},
        {"{\"statusCode\":null}", 0, 0},
        {"{\"headers\":3}", 0, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer json = {0};
        struct http_field fields[ANSWER_FIELDS_MAX];
        struct answer answer = {.fields = fields};
        buffer_add_text(&json, text_of(cases[i].json));
        buffer_add_literal(&json, "\0\0\0\0\0\0\0\0body");
        bool accepted = answer_read_prelude(&json, strlen(cases[i].json), &answer);
        CHECK_MSG(accepted == (cases[i].status != 0), "%s", cases[i].json);
        CHECK(!accepted || (answer.status == cases[i].status && answer.count == cases[i].fields));
    }
}
