/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define PRELUDE_TYPE "application/vnd.awslambda.http-integration-response"
#define GET "GET /functions/flow/\nhost: h"

static void init(struct fixture *f, enum invoke_mode mode)
{
    struct function *function = fixture_function("flow", URL_A);

    fixture_init(f, NULL);
    fixture_permit(function);
    function->url.mode = mode;
    fixture_put(f, function);
}

static void begin(struct fixture *f, const char *type)
{
    fixture_request(f, GET, "");
    f->invoked->streamed = true;
    f->invoked->sink->on_begin(f->invoked, text_of(type));
}

static bool send_chunk(struct fixture *f, struct text chunk)
{
    return f->invoked->sink->on_chunk(f->invoked, chunk);
}

TEST(chunks_pass_through_as_they_come)
{
    struct fixture f;

    init(&f, INVOKE_RESPONSE_STREAM);
    begin(&f, "text/event-stream");
    CHECK(!f.begun);
    CHECK(send_chunk(&f, TEXT("one,")));
    CHECK(f.begun && f.status == 200);
    CHECK_TEXT(fixture_field(&f, "content-type"), "text/event-stream");
    CHECK(fixture_field(&f, "x-amzn-requestid").len == UUID_LEN);
    CHECK(send_chunk(&f, TEXT("two")));
    CHECK_TEXT(buffer_text(&f.body), "one,two");
    fixture_finish(&f, INVOCATION_OK);
    CHECK(f.ended && !f.aborted);

    begin(&f, "");
    fixture_finish(&f, INVOCATION_OK); /* an empty stream is an empty answer */
    CHECK(f.ended && f.status == 200);
    CHECK_TEXT(fixture_field(&f, "content-type"), "application/octet-stream");
    fixture_done(&f);
}

#define HEAD "{\"statusCode\":201,\"headers\":{\"X-A\":\"1\"},\"cookies\":[\"c=d\"]}"

TEST(a_prelude_is_found_wherever_it_is_cut)
{
    struct text all = TEXT(HEAD "\0\0\0\0\0\0\0\0body\0\0\0\0\0\0\0\0rest");
    struct text body = TEXT("body\0\0\0\0\0\0\0\0rest");
    struct fixture f;

    init(&f, INVOKE_RESPONSE_STREAM);
    for (size_t first = 0; first <= all.len; first++)
        for (size_t second = first; second <= all.len; second += 7) {
            begin(&f, PRELUDE_TYPE);
            CHECK(send_chunk(&f, text_slice(all, 0, first)));
            CHECK(send_chunk(&f, text_slice(all, first, second)));
            CHECK(send_chunk(&f, text_skip(all, second)));
            fixture_finish(&f, INVOCATION_OK);
            CHECK_MSG(f.ended && f.status == 201, "cut at %zu and %zu", first, second);
            CHECK(text_equal(buffer_text(&f.body), body));
            CHECK_TEXT(fixture_field(&f, "x-a"), "1");
            CHECK_TEXT(fixture_field(&f, "set-cookie"), "c=d");
            CHECK_TEXT(fixture_field(&f, "content-type"), "application/octet-stream");
        }
    begin(&f, PRELUDE_TYPE "; charset=utf-8"); /* byte by byte */
    for (size_t at = 0; at < all.len; at++)
        CHECK(send_chunk(&f, text_slice(all, at, at + 1)));
    fixture_finish(&f, INVOCATION_OK);
    CHECK(f.ended && text_equal(buffer_text(&f.body), body));
    fixture_done(&f);
}

TEST(a_prelude_that_is_none_is_a_failed_function)
{
    static char long_prelude[PRELUDE_BYTES_MAX + 100];
    const struct text preludes[] = {
        TEXT("not json\0\0\0\0\0\0\0\0body"),
        TEXT("\0\0\0\0\0\0\0\0"),
        TEXT("{\"statusCode\":7}\0\0\0\0\0\0\0\0"),
        text_from(long_prelude, sizeof long_prelude),
    };
    struct fixture f;

    memset(long_prelude, ' ', sizeof long_prelude);
    init(&f, INVOKE_RESPONSE_STREAM);
    for (size_t i = 0; i < COUNT_OF(preludes); i++) {
        begin(&f, PRELUDE_TYPE);
        CHECK(send_chunk(&f, preludes[i]));
        CHECK_MSG(f.answered && f.status == 502, "prelude %zu", i);
        CHECK(send_chunk(&f, TEXT("more"))); /* the function goes on, nobody listens */
        fixture_finish(&f, INVOCATION_OK);
    }
    begin(&f, PRELUDE_TYPE);
    CHECK(send_chunk(&f, TEXT("{\"statusCode\":200}\0\0\0")));
    fixture_finish(&f, INVOCATION_OK);
    CHECK(f.answered && f.status == 502);
    fixture_done(&f);
}

TEST(the_longest_prelude_is_accepted_whatever_its_pieces)
{
    static char padded[PRELUDE_BYTES_MAX + PRELUDE_SEPARATOR_LEN];
    struct fixture f;

    init(&f, INVOKE_RESPONSE_STREAM);
    memset(padded, ' ', PRELUDE_BYTES_MAX);
    memcpy(padded, "{}", 2);
    for (size_t piece = 1; piece <= sizeof padded; piece = piece * 5 + 1) {
        begin(&f, PRELUDE_TYPE);
        for (size_t at = 0; at < sizeof padded; at += piece)
            CHECK(send_chunk(&f, text_slice(text_from(padded, sizeof padded), at, at + piece)));
        CHECK(send_chunk(&f, TEXT("x")));
        fixture_finish(&f, INVOCATION_OK);
        CHECK_MSG(f.ended, "pieces of %zu", piece);
        CHECK_TEXT(buffer_text(&f.body), "x");
    }
    fixture_done(&f);
}

TEST(a_slow_client_stops_the_function_and_starts_it_again)
{
    struct fixture f;

    init(&f, INVOKE_RESPONSE_STREAM);
    begin(&f, "text/plain");
    f.is_slow = true;
    CHECK(!send_chunk(&f, TEXT("a")));
    gateway_app.on_writable(&f.stream);
    CHECK(f.resumes == 1);
    gateway_app.on_writable(&f.stream);
    CHECK(f.resumes == 1);
    f.is_slow = false;
    CHECK(send_chunk(&f, TEXT("b")));
    fixture_finish(&f, INVOCATION_OK);

    begin(&f, "text/plain"); /* it leaves while the function waits for it */
    f.is_slow = true;
    CHECK(!send_chunk(&f, TEXT("a")));
    fixture_close(&f, true);
    CHECK(f.resumes == 2);
    CHECK(send_chunk(&f, TEXT("dropped")));
    fixture_finish(&f, INVOCATION_OK);

    begin(&f, "text/plain"); /* it ends while it is slow */
    f.is_slow = true;
    CHECK(!send_chunk(&f, TEXT("a")));
    fixture_finish(&f, INVOCATION_OK);
    CHECK(f.ended && f.resumes == 2);
    fixture_done(&f);
}

TEST(a_failure_before_the_first_byte_is_told_and_later_cut_off)
{
    struct fixture f;

    init(&f, INVOKE_RESPONSE_STREAM);
    begin(&f, "text/plain");
    fixture_finish(&f, INVOCATION_FUNCTION_ERROR);
    CHECK(f.answered && f.status == 502);

    begin(&f, "text/plain");
    send_chunk(&f, TEXT("a"));
    fixture_finish(&f, INVOCATION_FUNCTION_ERROR);
    CHECK(f.aborted && !f.ended);

    fixture_request(&f, GET, "");
    fixture_finish(&f, INVOCATION_THROTTLED);
    CHECK(f.answered && f.status == 429);
    fixture_done(&f);
}

TEST(a_stream_ends_at_its_limit)
{
    static char megabyte[1 << 20];
    struct fixture f;

    init(&f, INVOKE_RESPONSE_STREAM);
    begin(&f, "text/plain");
    for (int64_t sent = 0; sent < LIMIT_STREAM_RESPONSE; sent += (int64_t)sizeof megabyte) {
        CHECK(!f.aborted && send_chunk(&f, text_from(megabyte, sizeof megabyte)));
        buffer_clear(&f.body);
    }
    CHECK(!f.aborted && send_chunk(&f, TEXT("x")));
    CHECK(f.aborted && send_chunk(&f, TEXT("x")));
    fixture_finish(&f, INVOCATION_OK);
    fixture_done(&f);
}

TEST(what_a_function_returns_in_stream_mode_is_not_interpreted)
{
    struct fixture f;

    init(&f, INVOKE_RESPONSE_STREAM);
    fixture_request(&f, GET, "");
    fixture_return(&f, "{\"statusCode\":404,\"body\":\"x\"}");
    CHECK(f.status == 200);
    CHECK_TEXT(buffer_text(&f.body), "{\"statusCode\":404,\"body\":\"x\"}");
    CHECK_TEXT(fixture_field(&f, "content-type"), "application/json");
    fixture_done(&f);
}

/* Mode BUFFERED: the invoker has collected the stream. */
static void return_collected(struct fixture *f, const char *type, struct text all)
{
    fixture_request(f, GET, "");
    CHECK(!f->invoked->sink->on_begin);
    f->invoked->streamed = true;
    snprintf(f->invoked->content_type, sizeof f->invoked->content_type, "%s", type);
    buffer_add_text(&f->invoked->response, all);
    fixture_finish(f, INVOCATION_OK);
}

TEST(a_collected_stream_is_its_own_answer)
{
    struct fixture f;

    init(&f, INVOKE_BUFFERED);
    return_collected(&f, "text/html", TEXT("<p>"));
    CHECK(f.status == 200);
    CHECK_TEXT(fixture_field(&f, "content-type"), "text/html");
    CHECK_TEXT(buffer_text(&f.body), "<p>");

    return_collected(&f, PRELUDE_TYPE, TEXT(HEAD "\0\0\0\0\0\0\0\0body"));
    CHECK(f.status == 201);
    CHECK_TEXT(fixture_field(&f, "x-a"), "1");
    CHECK_TEXT(buffer_text(&f.body), "body");

    return_collected(&f, PRELUDE_TYPE, TEXT(HEAD "\0\0\0\0\0\0\0\0"));
    CHECK(f.status == 201 && f.body.len == 0);
    return_collected(&f, PRELUDE_TYPE, TEXT(HEAD));
    CHECK(f.status == 502);
    fixture_done(&f);
}
