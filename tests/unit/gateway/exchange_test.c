/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "fixture.h"

#define GET "GET /urls/" URL_A "/x\nhost: h"

TEST(a_request_becomes_an_invocation_and_its_answer_a_response)
{
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    fixture_request(&f, GET, "");
    CHECK(f.invoked && !f.answered);
    CHECK(f.invoked->kind == INVOKE_URL && f.invoked->payload.len > 0);
    char id[sizeof f.invoked->request_id], trace[sizeof f.invoked->trace];
    memcpy(id, f.invoked->request_id, sizeof id);
    memcpy(trace, f.invoked->trace, sizeof trace);
    fixture_return(&f, "{\"statusCode\":201,\"headers\":{\"Content-Type\":\"text/plain\"},"
                       "\"body\":\"hi\"}");
    CHECK(f.answered && f.status == 201);
    CHECK_TEXT(buffer_text(&f.body), "hi");
    CHECK_TEXT(fixture_field(&f, "content-type"), "text/plain");
    CHECK_TEXT(fixture_field(&f, "x-amzn-requestid"), id);
    CHECK_TEXT(fixture_field(&f, "x-amzn-trace-id"), trace);
    fixture_done(&f);
}

TEST(each_way_to_fail_has_the_answer_aws_gives)
{
    static const struct {
        const char *head;
        int status;
        const char *type, *body;
    } cases[] = {
        {"GET /\nhost: h", 404, "NotFoundException", "{\"message\":\"Not Found\"}"},
        {"OPTIONS *\nhost: h", 404, "NotFoundException", "{\"message\":\"Not Found\"}"},
        {"GET /urls/none/\nhost: h", 403, "AccessDeniedException", "{\"Message\":null}"},
        {"GET /functions/none/\nhost: h", 403, "AccessDeniedException", "{\"Message\":null}"},
        {"GET /functions/no-url/\nhost: h", 403, "AccessDeniedException", "{\"Message\":null}"},
        {"GET /functions/closed/\nhost: h", 403, "AccessDeniedException",
         "{\"Message\":\"Forbidden. For troubleshooting Function URL authorization issues, see: "
         "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html\"}"},
        {"GET /functions/hello/%zz\nhost: h", 400, "BadRequestException",
         "{\"message\":\"Bad Request\"}"},
        {"BREW /functions/hello/\nhost: h", 405, "MethodNotAllowedException",
         "{\"message\":\"Method Not Allowed\"}"},
        {"POST /functions/hello/\nhost: h\ncontent-length: 6291557", 413,
         "RequestTooLargeException",
         "{\"Message\":\"Request must be smaller than 6291456 bytes for the InvokeFunction "
         "operation\"}"},
    };
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    fixture_put(&f, fixture_function("closed", URL_B));
    fixture_put(&f, fixture_function("no-url", ""));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture_request(&f, cases[i].head, "");
        CHECK_MSG(f.answered && f.status == cases[i].status, "%s: %d", cases[i].head, f.status);
        CHECK_TEXT(fixture_field(&f, "x-amzn-errortype"), cases[i].type);
        CHECK_TEXT(fixture_field(&f, "content-type"), "application/json");
        CHECK(fixture_field(&f, "x-amzn-requestid").len == UUID_LEN);
        CHECK_TEXT(buffer_text(&f.body), cases[i].body);
    }
    CHECK(f.invocations == 0);
    fixture_done(&f);
}

TEST(each_outcome_has_its_status)
{
    static const struct {
        enum invocation_outcome outcome;
        const char *response;
        int status;
        const char *body;
    } cases[] = {
        {INVOCATION_OK, "{\"a\":1}", 200, "{\"a\":1}"},
        {INVOCATION_OK, "not json", 502, "Internal Server Error"},
        {INVOCATION_FUNCTION_ERROR, "{\"errorMessage\":\"x\"}", 502, "Internal Server Error"},
        {INVOCATION_THROTTLED, "", 429,
         "{\"Reason\":\"ConcurrentInvocationLimitExceeded\",\"Type\":\"User\",\"message\":\"Rate "
         "Exceeded.\"}"},
        {INVOCATION_FAILED, "", 503, "{\"message\":\"Service Unavailable\"}"},
    };
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture_request(&f, GET, "");
        buffer_add_text(&f.invoked->response, text_of(cases[i].response));
        fixture_finish(&f, cases[i].outcome);
        CHECK_MSG(f.status == cases[i].status, "%zu: %d", i, f.status);
        CHECK_TEXT(buffer_text(&f.body), cases[i].body);
        CHECK(fixture_field(&f, "x-amzn-requestid").len == UUID_LEN);
        CHECK((f.status == 429) == (fixture_field(&f, "retry-after").len > 0));
    }
    fixture_done(&f);
}

static json_t *event_of(const struct fixture *f)
{
    struct error err = {0};
    json_t *event = json_parse(buffer_text(&f->invoked->payload), &err);

    CHECK_MSG(event, "%s", err.text);
    return event;
}

TEST(a_body_is_the_same_in_whatever_pieces_it_comes)
{
    static const char *const heads[] = {
        "POST /functions/hello/\nhost: h\ncontent-type: text/plain\ncontent-length: 11",
        "POST /functions/hello/\nhost: h\ncontent-type: text/plain\ntransfer-encoding: chunked",
    };
    struct text body = TEXT("h\xc3\xa9llo \"w\"!"); /* 11 bytes, a character of two */
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    for (size_t i = 0; i < COUNT_OF(heads); i++)
        for (size_t cut = 0; cut <= body.len; cut++) {
            fixture_begin(&f, heads[i]);
            fixture_body(&f, text_slice(body, 0, cut));
            if (!f.invoked)
                fixture_body(&f, text_skip(body, cut));
            if (!f.invoked)
                fixture_end(&f);
            scoped(json_decref) json_t *event = event_of(&f);
            CHECK(text_equal(json_text(event, "body"), body));
            CHECK_TEXT(json_text(json_object_get(event, "headers"), "content-length"), "11");
            fixture_return(&f, "1");
        }
    fixture_done(&f);
}

TEST(bodies_and_events_beyond_six_megabytes_are_refused)
{
    static char large[LIMIT_PAYLOAD - 100];
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    memset(large, 'a', sizeof large);

    fixture_begin(&f, "POST /functions/hello/\nhost: h\ntransfer-encoding: chunked");
    fixture_body(&f, text_from(large, sizeof large));
    CHECK(!f.answered);
    fixture_body(&f, text_from(large, 200));
    CHECK(f.answered && f.status == 413);

    /* It fits, but not as an event. */
    fixture_begin(&f, "POST /functions/hello/\nhost: h\ncontent-type: text/plain\n"
                      "transfer-encoding: chunked");
    fixture_body(&f, text_from(large, sizeof large));
    fixture_end(&f);
    CHECK(f.answered && f.status == 413 && f.invocations == 0);

    /* In base64 a third of it is added. */
    fixture_begin(&f, "POST /functions/hello/\nhost: h\ntransfer-encoding: chunked");
    fixture_body(&f, text_from(large, 5 << 20));
    fixture_end(&f);
    CHECK(f.answered && f.status == 413);

    fixture_begin(&f, "POST /functions/hello/\nhost: h\ncontent-type: text/plain\n"
                      "transfer-encoding: chunked");
    fixture_body(&f, text_from(large, 5 << 20));
    fixture_end(&f);
    CHECK(!f.answered);
    fixture_return(&f, "1");
    fixture_done(&f);
}

TEST(an_invocation_goes_on_when_its_client_leaves)
{
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    fixture_request(&f, GET, "");
    fixture_close(&f, true);
    CHECK(f.invoked);
    fixture_return(&f, "{\"statusCode\":200}");
    CHECK(!f.answered);

    fixture_begin(&f, "POST /functions/hello/\nhost: h\ncontent-length: 5");
    fixture_body(&f, TEXT("ab"));
    fixture_close(&f, true);
    CHECK(f.invocations == 1);
    fixture_done(&f);
}

TEST(a_slow_body_meets_the_function_as_it_is_when_the_body_is_there)
{
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    fixture_begin(&f, "POST /functions/hello/\nhost: h\ncontent-length: 2");
    fixture_body(&f, TEXT("a"));
    fixture_add(&f, "hello", URL_A);
    ((struct exchange *)f.stream.owner)->found_us--; /* it was another iteration */
    fixture_body(&f, TEXT("b"));
    fixture_end(&f);
    CHECK(f.invoked->version == directory_find_url(&f.directory, TEXT(URL_A))->latest);
    fixture_return(&f, "1");

    fixture_begin(&f, "POST /functions/hello/\nhost: h\ncontent-length: 2");
    directory_remove(&f.directory, TEXT("000000000000/us-east-1/hello"));
    ((struct exchange *)f.stream.owner)->found_us--;
    fixture_body(&f, TEXT("ab"));
    CHECK(f.answered && f.status == 403 && f.invocations == 1);
    fixture_done(&f);
}

TEST(a_function_cannot_set_what_the_gateway_sets)
{
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    fixture_request(&f, GET, "");
    fixture_return(&f, "{\"statusCode\":200,\"headers\":{\"X-Amzn-RequestId\":\"mine\","
                       "\"x-amzn-trace-id\":\"mine\",\"X-Own\":\"1\"},\"cookies\":[\"a=1\","
                       "\"b=2; Path=/\"]}");
    CHECK(fixture_field(&f, "x-amzn-requestid").len == UUID_LEN);
    CHECK(text_starts(fixture_field(&f, "x-amzn-trace-id"), TEXT("Root=1-")));
    CHECK_TEXT(fixture_field(&f, "x-own"), "1");
    size_t ids = 0, cookies = 0;
    for (size_t i = 0; i < f.field_count; i++) {
        ids += text_equal_nocase(f.fields[i].name, TEXT("x-amzn-requestid"));
        cookies += text_equal_nocase(f.fields[i].name, TEXT("set-cookie"));
    }
    CHECK(ids == 1 && cookies == 2);
    CHECK_TEXT(fixture_field(&f, "content-type"), "application/json");
    fixture_done(&f);
}

static void add_cors_function(struct fixture *f)
{
    struct function *function = fixture_function("cors", URL_B);

    fixture_permit(function);
    function->url.cors.is_set = function->url.cors.has_origins = true;
    function->url.cors.allow_origins = mem_zalloc(sizeof(char *));
    function->url.cors.allow_origins[0] = mem_strdup("https://site.test");
    function->url.cors.origin_count = 1;
    fixture_put(f, function);
}

TEST(a_preflight_is_answered_without_the_function)
{
    struct fixture f;

    fixture_init(&f, NULL);
    add_cors_function(&f);
    fixture_request(&f,
                    "OPTIONS /functions/cors/\nhost: h\norigin: https://site.test\n"
                    "access-control-request-method: PUT",
                    "");
    CHECK(f.status == 204 && f.invocations == 0);
    CHECK_TEXT(fixture_field(&f, "access-control-allow-origin"), "https://site.test");
    CHECK(!text_is_set(fixture_field(&f, "content-type")));

    fixture_request(&f, "OPTIONS /functions/cors/\nhost: h\norigin: https://site.test", "");
    CHECK(f.invocations == 1); /* not a preflight: the function's */
    fixture_return(&f, "1");
    fixture_done(&f);
}

TEST(cors_headers_are_the_gateways_once_they_are_configured)
{
    static const char *const answer =
        "{\"statusCode\":200,\"headers\":{\"Access-Control-Allow-Origin\":\"*\"}}";
    struct fixture f;

    fixture_init(&f, NULL);
    add_cors_function(&f);
    fixture_add(&f, "plain", URL_A);
    fixture_request(&f, "GET /functions/cors/\nhost: h\norigin: https://site.test", "");
    fixture_return(&f, answer);
    CHECK_TEXT(fixture_field(&f, "access-control-allow-origin"), "https://site.test");
    fixture_request(&f, "GET /functions/cors/\nhost: h\norigin: https://other.test", "");
    fixture_return(&f, answer);
    CHECK(!text_is_set(fixture_field(&f, "access-control-allow-origin")));
    fixture_request(&f, "GET /functions/plain/\nhost: h\norigin: https://other.test", "");
    fixture_return(&f, answer);
    CHECK_TEXT(fixture_field(&f, "access-control-allow-origin"), "*");
    fixture_done(&f);
}

TEST(functions_that_call_each_other_come_to_an_end)
{
    static const struct {
        const char *lineage;
        bool is_inside;
        int hops; /* -1: refused */
    } cases[] = {
        {"Lineage=3:0:0", false, 0},  {"Lineage=99:0:0", false, 0}, {"", true, 1},
        {"Lineage=14:0:0", true, 15}, {"Lineage=15:0:0", true, -1},
    };
    struct version *version = version_new();
    struct fixture f;

    fixture_init(&f, NULL);
    fixture_add(&f, "hello", URL_A);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char head[200];
        snprintf(head, sizeof head, GET "\nx-amzn-trace-id: %s", cases[i].lineage);
        f.origin.inside = cases[i].is_inside ? version : NULL;
        fixture_request(&f, head, "");
        CHECK_MSG(f.answered == (cases[i].hops < 0), "%s", cases[i].lineage);
        if (f.answered) {
            CHECK(f.status == 400);
            continue;
        }
        CHECK(f.invoked->hops == cases[i].hops);
        CHECK(trace_hops(text_of(f.invoked->trace)) == cases[i].hops);
        fixture_return(&f, "1");
    }
    version_unref(version);
    fixture_done(&f);
}

/* Its answer goes out in turns, and what is told of it at the end is told of its invocation. */
TEST(a_long_answer_that_is_compressed_keeps_its_invocation)
{
    struct fixture f;
    scoped(buffer_done) struct buffer body = {0};

    fixture_init(&f, NULL);
    fixture_add(&f, "long", URL_A);
    f.gateway->options.compresses = true;
    buffer_add_char(&body, '[');
    while (body.len < 2 * COMPRESS_SLICE_BYTES)
        buffer_add_literal(&body, "[1,2,3],");
    buffer_add_literal(&body, "4]");
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        fixture_request(&f, "GET /functions/long/\nhost: h\naccept-encoding: gzip", "");
        fixture_return(&f, body.at);
        CHECK(f.begun && !f.closed && f.status == 200);
        CHECK_TEXT(fixture_field(&f, "content-encoding"), "gzip");
        CHECK(f.gateway->compressing.encoders == 1);
        if (is_reset)
            fixture_close(&f, true);
        else
            http_abort(&f.stream);
        CHECK(f.closed && f.gateway->compressing.encoders == 0);
    }
    fixture_done(&f);
}
