/* SPDX-License-Identifier: Apache-2.0 */
#include "http/compress.h"

#include "decode.h"
#include "test.h"

/* A stream between a transport that remembers and an application that counts. */
static struct {
    struct http_stream stream;
    struct http_field accept;
    struct compressing compressing;
    struct loop *loop;
    int status, ends, aborts, closes, bodies, writables;
    bool responded, begun, is_slow;
    int64_t length;
    struct arena kept;
    struct http_field fields[32];
    size_t field_count;
    struct buffer body;
    int writes;
} f;

static void keep_head(int status, const struct http_field *fields, size_t count)
{
    f.status = status;
    f.field_count = count;
    for (size_t i = 0; i < count; i++)
        f.fields[i] = (struct http_field){arena_copy(&f.kept, fields[i].name),
                                          arena_copy(&f.kept, fields[i].value)};
}

static void close_stream(bool reset)
{
    f.stream.app->on_close(&f.stream, reset);
    arena_done(&f.stream.arena);
}

static void fake_respond(struct http_stream *stream, int status, const struct http_field *fields,
                         size_t count, struct text body)
{
    keep_head(status, fields, count);
    f.responded = true;
    buffer_add_text(&f.body, body);
    close_stream(false);
}

static void fake_begin(struct http_stream *stream, int status, const struct http_field *fields,
                       size_t count, int64_t content_length)
{
    keep_head(status, fields, count);
    f.begun = true;
    f.length = content_length;
}

static bool fake_write(struct http_stream *stream, struct text chunk)
{
    CHECK(f.begun && f.ends == 0);
    f.writes++;
    buffer_add_text(&f.body, chunk);
    return !f.is_slow;
}

static void fake_end(struct http_stream *stream, const struct http_field *trailers, size_t count)
{
    f.ends++;
    close_stream(false);
}

static void fake_abort(struct http_stream *stream)
{
    f.aborts++;
    close_stream(true);
}

static void fake_resume(struct http_stream *stream)
{
}

static const struct http_transport fake_transport = {
    .respond = fake_respond,
    .begin = fake_begin,
    .write = fake_write,
    .end = fake_end,
    .abort = fake_abort,
    .resume = fake_resume,
};

static bool on_body(struct http_stream *stream, struct text chunk)
{
    f.bodies++;
    return true;
}

static void on_end(struct http_stream *stream)
{
}

static void on_writable(struct http_stream *stream)
{
    f.writables++;
}

static void on_close(struct http_stream *stream, bool reset)
{
    f.closes++;
}

static const struct http_app app = {
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_close,
};

static void open_stream(enum http_method method, const char *accept)
{
    f.accept = (struct http_field){TEXT("accept-encoding"), text_of(accept)};
    f.stream = (struct http_stream){
        .transport = &fake_transport,
        .app = &app,
        .loop = f.loop,
        .request = {.method = method, .fields = &f.accept, .field_count = 1},
    };
    f.responded = f.begun = f.is_slow = false;
    f.ends = f.aborts = f.closes = f.bodies = f.writables = f.writes = 0;
    f.field_count = 0;
    buffer_clear(&f.body);
    arena_reset(&f.kept);
    compress_attach(&f.compressing, &f.stream);
}

static void set_up(void)
{
    f.loop = loop_new("test");
}

static void tear_down(void)
{
    CHECK(f.compressing.encoders == 0);
    buffer_done(&f.body);
    arena_done(&f.kept);
    loop_free(f.loop);
}

static struct text field(const char *name)
{
    for (size_t i = 0; i < f.field_count; i++)
        if (text_equal_nocase(f.fields[i].name, text_of(name)))
            return f.fields[i].value;
    return TEXT_NONE;
}

static struct buffer body_of(size_t len)
{
    struct buffer body = {0};

    for (unsigned i = 0; body.len < len; i++)
        buffer_add_format(&body, "{\"id\":%u,\"name\":\"user %u\"},", i * 2654435761u, i);
    body.len = len;
    return body;
}

static void check_encoded(enum coding coding, struct text body)
{
    scoped(buffer_done) struct buffer back = {0};

    CHECK_TEXT(field("content-encoding"), encoding_name(coding));
    CHECK_TEXT(field("vary"), "accept-encoding");
    CHECK(decode(coding, buffer_text(&f.body), &back) && text_equal(buffer_text(&back), body));
}

#define JSON                                           \
    {                                                  \
        TEXT("Content-Type"), TEXT("application/json") \
    }

TEST(answers_are_compressed_as_the_client_accepts)
{
    static const struct http_field fields[] = {
        JSON, {TEXT("ETag"), TEXT("\"v1\"")}, {TEXT("Accept-Ranges"), TEXT("bytes")}};
    scoped(buffer_done) struct buffer body = body_of(20000);

    set_up();
    open_stream(METHOD_GET, "gzip, br");
    http_respond(&f.stream, 200, fields, COUNT_OF(fields), buffer_text(&body));
    CHECK(f.responded && f.closes == 1 && f.status == 200);
    check_encoded(CODING_BR, buffer_text(&body));
    CHECK_TEXT(field("etag"), "W/\"v1\"");
    CHECK(!text_is_set(field("accept-ranges")));

    open_stream(METHOD_POST, "gzip");
    http_respond(&f.stream, 404, fields, COUNT_OF(fields), buffer_text(&body));
    check_encoded(CODING_GZIP, buffer_text(&body));

    open_stream(METHOD_GET, "deflate");
    http_respond(&f.stream, 200, fields, COUNT_OF(fields), buffer_text(&body));
    CHECK(text_equal(buffer_text(&f.body), buffer_text(&body)));
    CHECK(!text_is_set(field("content-encoding")));
    CHECK_TEXT(field("vary"), "accept-encoding");
    CHECK_TEXT(field("etag"), "\"v1\"");
    CHECK_TEXT(field("accept-ranges"), "bytes");
    tear_down();
}

TEST(answers_that_must_not_change_or_gain_nothing_stay_as_they_are)
{
    static const struct {
        enum http_method method;
        const char *accept;
        int status;
        size_t len;
        struct http_field field;
        bool varies;
    } cases[] = {
        {METHOD_GET, "br", 204, 0, JSON, false},
        {METHOD_GET, "br", 304, 0, JSON, false},
        {METHOD_GET, "br", 206, 5000, JSON, false},
        {METHOD_HEAD, "br", 200, 5000, JSON, true},
        {METHOD_GET, "br", 200, COMPRESS_BYTES_MIN - 1, JSON, false},
        {METHOD_GET, "br", 200, 5000, {TEXT("content-type"), TEXT("image/png")}, false},
        {METHOD_GET, "br", 200, 5000, {TEXT("content-type"), TEXT("video/mp4")}, false},
        {METHOD_GET, "br", 200, 5000, {TEXT("content-type"), TEXT("texts/html")}, false},
        {METHOD_GET, "br", 200, 5000, {TEXT("x-content-type"), TEXT("text/html")}, false},
        {METHOD_GET, "br;q=0", 200, 5000, JSON, true},
        {METHOD_GET, "identity;q=0", 200, 5000, JSON, true},
    };
    static const struct http_field fixing[] = {
        {TEXT("Content-Encoding"), TEXT("gzip")},
        {TEXT("Content-Encoding"), TEXT("identity")},
        {TEXT("Cache-Control"), TEXT("private, No-Transform")},
        {TEXT("Content-Range"), TEXT("bytes 0-4999/6000")},
        {TEXT("Content-MD5"), TEXT("x")},
        {TEXT("Content-Digest"), TEXT("x")},
    };
    scoped(buffer_done) struct buffer body = body_of(5000);

    set_up();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text sent = text_slice(buffer_text(&body), 0, cases[i].len);
        open_stream(cases[i].method, cases[i].accept);
        http_respond(&f.stream, cases[i].status, &cases[i].field, 1, sent);
        CHECK_MSG(text_equal(buffer_text(&f.body), sent), "case %zu", i);
        CHECK_MSG(!text_is_set(field("content-encoding")), "case %zu", i);
        CHECK_MSG(text_is_set(field("vary")) == cases[i].varies, "case %zu", i);
    }
    for (size_t i = 0; i < COUNT_OF(fixing); i++) {
        const struct http_field fields[] = {JSON, fixing[i]};
        open_stream(METHOD_GET, "identity;q=0, br");
        http_respond(&f.stream, 200, fields, COUNT_OF(fields), buffer_text(&body));
        CHECK_MSG(text_equal(buffer_text(&f.body), buffer_text(&body)), "fixing %zu", i);
        CHECK_MSG(f.field_count == 2, "fixing %zu", i);
    }
    tear_down();
}

TEST(types_and_sizes_do_not_matter_to_who_insists)
{
    static const struct http_field png = {TEXT("content-type"), TEXT("image/png")};

    set_up();
    open_stream(METHOD_GET, "gzip, identity;q=0");
    http_respond(&f.stream, 200, &png, 1, TEXT("x"));
    check_encoded(CODING_GZIP, TEXT("x"));
    tear_down();
}

TEST(an_answer_that_would_grow_stays_as_it_is)
{
    static const struct http_field fields[] = {JSON, {TEXT("etag"), TEXT("\"1\"")}};
    char noise[2000];
    unsigned seed = 1;

    set_up();
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
    open_stream(METHOD_GET, "br");
    http_respond(&f.stream, 200, fields, COUNT_OF(fields), text_from(noise, sizeof noise));
    CHECK(text_equal(buffer_text(&f.body), text_from(noise, sizeof noise)));
    CHECK(!text_is_set(field("content-encoding")));
    CHECK_TEXT(field("etag"), "\"1\"");
    tear_down();
}

TEST(vary_is_said_once)
{
    static const struct http_field fields[] = {JSON,
                                               {TEXT("Vary"), TEXT("Origin, Accept-Encoding")}};
    scoped(buffer_done) struct buffer body = body_of(5000);

    set_up();
    open_stream(METHOD_GET, "br");
    http_respond(&f.stream, 200, fields, COUNT_OF(fields), buffer_text(&body));
    CHECK_TEXT(field("vary"), "Origin, Accept-Encoding");
    CHECK(f.field_count == 3);
    tear_down();
}

TEST(each_piece_of_a_stream_goes_out_at_once)
{
    static const struct http_field events = {TEXT("Content-Type"), TEXT("text/event-stream")};
    static const char *const accepts[] = {"gzip", "br"};
    static const enum coding codings[] = {CODING_GZIP, CODING_BR};
    scoped(buffer_done) struct buffer back = {0};

    set_up();
    for (size_t i = 0; i < COUNT_OF(codings); i++) {
        open_stream(METHOD_GET, accepts[i]);
        http_begin(&f.stream, 200, &events, 1, -1);
        CHECK(f.begun && f.length == -1);
        CHECK(http_write(&f.stream, TEXT("data: 1\n\n")));
        CHECK(!decode(codings[i], buffer_text(&f.body), &back));
        CHECK_TEXT(buffer_text(&back), "data: 1\n\n");
        CHECK(http_write(&f.stream, TEXT("")) && f.writes == 1);
        f.is_slow = true;
        CHECK(!http_write(&f.stream, TEXT("data: 2\n\n")));
        f.stream.app->on_writable(&f.stream);
        CHECK(f.writables == 1 && f.stream.app->on_body(&f.stream, TEXT("x")) && f.bodies == 1);
        http_end(&f.stream, NULL, 0);
        CHECK(f.ends == 1 && f.closes == 1);
        check_encoded(codings[i], TEXT("data: 1\n\ndata: 2\n\n"));
    }
    tear_down();
}

TEST(a_promised_length_is_held)
{
    static const struct http_field json = JSON;
    scoped(buffer_done) struct buffer body = body_of(5000);

    set_up();
    open_stream(METHOD_GET, "br");
    http_begin(&f.stream, 200, &json, 1, 4000);
    CHECK(f.length == -1);
    http_write(&f.stream, buffer_text(&body));
    http_end(&f.stream, NULL, 0);
    check_encoded(CODING_BR, text_slice(buffer_text(&body), 0, 4000));

    open_stream(METHOD_GET, "br");
    http_begin(&f.stream, 200, &json, 1, 4000);
    http_write(&f.stream, TEXT("too short"));
    http_end(&f.stream, NULL, 0);
    CHECK(f.aborts == 1 && f.ends == 0 && f.closes == 1);

    open_stream(METHOD_GET, "br"); /* not compressed, it is the transport's to hold */
    http_begin(&f.stream, 200, NULL, 0, 4000);
    CHECK(f.length == 4000);
    http_abort(&f.stream);
    tear_down();
}

TEST(a_client_that_leaves_leaves_no_encoder)
{
    static const struct http_field json = JSON;
    scoped(buffer_done) struct buffer body = body_of(300 << 10);

    set_up();
    open_stream(METHOD_GET, "br");
    http_begin(&f.stream, 200, &json, 1, -1);
    http_write(&f.stream, TEXT("some"));
    CHECK(f.compressing.encoders == 1);
    close_stream(true);
    CHECK(f.compressing.encoders == 0 && f.closes == 1);

    open_stream(METHOD_GET, "br");
    http_respond(&f.stream, 200, &json, 1, buffer_text(&body));
    CHECK(f.compressing.encoders == 1 && f.closes == 0);
    close_stream(true);
    CHECK(f.compressing.encoders == 0 && f.closes == 1);

    open_stream(METHOD_GET, "br");
    http_begin(&f.stream, 200, &json, 1, -1);
    http_abort(&f.stream);
    CHECK(f.aborts == 1 && f.closes == 1);
    tear_down();
}

/* The client takes a piece each time the timer fires. */
static void on_tick(struct loop_timer *timer)
{
    static int writes;

    if (f.ends > 0) {
        loop_stop(f.loop);
        return;
    }
    CHECK(f.writes == writes || f.writes == writes + 1);
    writes = f.writes;
    f.stream.app->on_writable(&f.stream);
    loop_timer_set(f.loop, timer, 1);
}

TEST(a_long_answer_goes_out_in_turns_as_the_client_takes_it)
{
    static const struct http_field json = JSON;
    scoped(buffer_done) struct buffer body = body_of(1 << 20), again = body_of(1 << 20);
    struct loop_timer timer = {.fire = on_tick};

    set_up();
    open_stream(METHOD_GET, "gzip");
    f.is_slow = true;
    http_respond(&f.stream, 200, &json, 1, buffer_text(&body));
    CHECK(f.begun && f.length == -1 && f.writes == 0);
    memset(body.at, 'x', body.len); /* it is the application's again */
    CHECK(f.stream.app->on_body(&f.stream, TEXT("x")) && f.bodies == 0);
    loop_timer_set(f.loop, &timer, 1);
    loop_run(f.loop);
    CHECK(f.closes == 1 && f.writables == 0 && f.writes > 4);
    check_encoded(CODING_GZIP, buffer_text(&again));
    tear_down();
}

TEST(old_clients_get_streams_as_they_are)
{
    static const struct http_field json = JSON;
    scoped(buffer_done) struct buffer body = body_of(300 << 10);

    set_up();
    open_stream(METHOD_GET, "gzip");
    f.stream.request.http_1_0 = true;
    http_begin(&f.stream, 200, &json, 1, -1);
    CHECK(!text_is_set(field("content-encoding")));
    CHECK_TEXT(field("vary"), "accept-encoding");
    http_end(&f.stream, NULL, 0);

    open_stream(METHOD_GET, "gzip");
    f.stream.request.http_1_0 = true;
    http_respond(&f.stream, 200, &json, 1, buffer_text(&body));
    CHECK(f.responded && text_equal(buffer_text(&f.body), buffer_text(&body)));
    tear_down();
}

TEST(there_is_a_limit_to_encoders)
{
    static const struct http_field json = JSON;

    set_up();
    f.compressing.encoders = COMPRESS_ENCODERS_MAX;
    open_stream(METHOD_GET, "gzip");
    http_begin(&f.stream, 200, &json, 1, -1);
    CHECK(!text_is_set(field("content-encoding")));
    http_end(&f.stream, NULL, 0);
    f.compressing.encoders = 0;
    tear_down();
}
