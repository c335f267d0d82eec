/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/mem.h"
#include "test.h"

/*
 * A real server on a thread of its own, and blocking clients on real sockets. What the
 * application does with a request is said by the request's path.
 */

#define BIG_BYTES (6 << 20)
#define PIECE_BYTES 10000
#define PIECES 500

struct exchange {
    struct http_stream *stream;
    struct loop_task task;
    struct loop_timer timer;
    struct buffer body;
    int pieces;
    bool paused;
};

static struct counts {
    atomic_int requests, ends, closes, resets, writables;
} counts;

static char *big;
static char listener_context[] = "context";

static void answer(struct http_stream *stream, int status, const char *body)
{
    static const struct http_field fields[] = {{TEXT("Content-Type"), TEXT("text/plain")}};

    http_respond(stream, status, fields, COUNT_OF(fields), text_of(body));
}

static void inject(struct http_stream *stream)
{
    static const struct http_field fields[] = {
        {TEXT("X-Good"), TEXT("yes")},
        {TEXT("X-Bad"), TEXT("a\r\nSet-Cookie: evil=1")},
        {TEXT("X-Bad\r\nSet-Cookie"), TEXT("evil=2")},
        {TEXT("X-Bad"), TEXT("nul\0nul")},
        {TEXT("Content-Length"), TEXT("999")},
        {TEXT("transfer-encoding"), TEXT("chunked")},
        {TEXT("Keep-Alive"), TEXT("timeout=1")},
        {TEXT("Date"), TEXT("its own")},
    };
    http_respond(stream, 299, fields, COUNT_OF(fields), TEXT("x"));
}

static void stream_three(struct http_stream *stream, int64_t length)
{
    static const struct http_field trailers[] = {
        {TEXT("X-Trailer"), TEXT("t")},
        {TEXT("X-Bad"), TEXT("\n")},
        {TEXT("Content-Length"), TEXT("1")},
    };
    http_begin(stream, 200, NULL, 0, length);
    http_write(stream, TEXT("one"));
    http_write(stream, TEXT(""));
    http_write(stream, TEXT("two"));
    http_end(stream, trailers, COUNT_OF(trailers));
}

static void write_pieces(struct exchange *exchange)
{
    while (exchange->pieces++ < PIECES)
        if (!http_write(exchange->stream, text_from(big, PIECE_BYTES)))
            return;
    http_end(exchange->stream, NULL, 0);
}

static void on_later(struct loop_task *task)
{
    answer(container_of(task, struct exchange, task)->stream, 200, "later");
}

static void on_resume(struct loop_timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timer);

    exchange->paused = false;
    http_resume(exchange->stream);
}

static void on_cut(struct loop_timer *timer)
{
    http_abort(container_of(timer, struct exchange, timer)->stream);
}

static void on_request(struct http_stream *stream)
{
    struct exchange *exchange = mem_new(struct exchange);
    struct text path = stream->request.path;

    counts.requests++;
    stream->owner = exchange;
    exchange->stream = stream;
    exchange->task.run = on_later;
    if (text_equal(path, TEXT("/hello")))
        answer(stream, 200, "hello");
    else if (text_equal(path, TEXT("/context")))
        answer(stream, 200, stream->context);
    else if (text_equal(path, TEXT("/missing")))
        answer(stream, 404, "");
    else if (text_equal(path, TEXT("/empty")))
        answer(stream, 204, "must not be sent");
    else if (text_equal(path, TEXT("/inject")))
        inject(stream);
    else if (text_equal(path, TEXT("/later")))
        loop_defer(stream->loop, &exchange->task);
    else if (text_equal(path, TEXT("/chunks")))
        stream_three(stream, -1);
    else if (text_equal(path, TEXT("/length")))
        stream_three(stream, 6);
    else if (text_equal(path, TEXT("/short")))
        stream_three(stream, 7);
    else if (text_equal(path, TEXT("/long")))
        stream_three(stream, 5);
    else if (text_equal(path, TEXT("/big")))
        http_respond(stream, 200, NULL, 0, text_from(big, BIG_BYTES));
    else if (text_equal(path, TEXT("/abort")))
        http_abort(stream);
    else if (text_equal(path, TEXT("/small")))
        stream->body_max = 4;
    else if (text_equal(path, TEXT("/close")))
        http_respond(stream, 200, &(struct http_field){TEXT("connection"), TEXT("close")}, 1,
                     TEXT("bye"));
    else if (text_equal(path, TEXT("/pieces"))) {
        http_begin(stream, 200, NULL, 0, -1);
        write_pieces(exchange);
    } else if (text_equal(path, TEXT("/cut"))) {
        http_begin(stream, 200, NULL, 0, -1);
        http_write(stream, TEXT("some"));
        exchange->timer.fire = on_cut;
        loop_timer_set(stream->loop, &exchange->timer, 1);
    }
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    struct exchange *exchange = stream->owner;

    assert(chunk.len > 0);
    assert(!exchange->paused);
    if (text_equal(stream->request.path, TEXT("/tunnel"))) {
        http_write(stream, chunk);
        if (text_ends(chunk, TEXT("bye")))
            http_end(stream, NULL, 0);
        return true;
    }
    buffer_add_text(&exchange->body, chunk);
    if (!text_equal(stream->request.path, TEXT("/pause")))
        return true;
    exchange->paused = true;
    exchange->timer.fire = on_resume;
    loop_timer_set(stream->loop, &exchange->timer, 1);
    return false;
}

static void on_end(struct http_stream *stream)
{
    struct exchange *exchange = stream->owner;
    struct text path = stream->request.path;

    counts.ends++;
    assert(!exchange->paused);
    if (text_equal(path, TEXT("/tunnel")))
        http_switch(stream, TEXT("echo"), &(struct http_field){TEXT("X-Own"), TEXT("1")}, 1);
    if (text_equal(path, TEXT("/echo")) || text_equal(path, TEXT("/pause")))
        http_respond(stream, 200, NULL, 0, buffer_text(&exchange->body));
    else if (text_equal(path, TEXT("/trailers")))
        http_respond(stream, 200, NULL, 0,
                     http_field_find(stream->request.trailers, stream->request.trailer_count,
                                     TEXT("x-trailer")));
}

static void on_writable(struct http_stream *stream)
{
    counts.writables++;
    write_pieces(stream->owner);
}

static void on_close(struct http_stream *stream, bool reset)
{
    struct exchange *exchange = stream->owner;

    counts.closes++;
    counts.resets += reset;
    loop_cancel(&exchange->task);
    loop_timer_clear(&exchange->timer);
    buffer_done(&exchange->body);
    free(exchange);
}

/* Written by the server's thread, read when that has ended. */
static struct buffer refusals;

static void on_refused(const struct http_stream *stream, const char *reason)
{
    CHECK(stream->context == listener_context && stream->peer.ss_family == AF_INET);
    CHECK(stream->loop && loop_now_us(stream->loop) >= stream->began_us);
    buffer_add_format(&refusals, "%d %.*s %.*s %lld %s\n", stream->status,
                      TEXT_ARG(stream->request.method_text), TEXT_ARG(stream->request.target),
                      (long long)stream->sent_bytes, reason);
}

static void on_half_close(struct http_stream *stream)
{
    if (text_equal(stream->request.path, TEXT("/wait")))
        answer(stream, 200, "hello");
}

static void on_drain(struct http_stream *stream)
{
    http_write(stream, TEXT("the end"));
    http_end(stream, NULL, 0);
}

static const struct http_app app = {on_request, on_body,    on_end,        on_writable,
                                    on_close,   on_refused, on_half_close, on_drain};

/* --- the server's side --- */

struct fixture {
    struct loop *loop;
    struct http_server *server;
    uint16_t port;
    struct loop_message close, drain;
};

static void on_close_message(struct loop_message *message)
{
    http_server_close(container_of(message, struct fixture, close)->server);
}

static void on_drained(void *arg)
{
    struct fixture *fixture = arg;

    http_server_free(fixture->server);
    loop_stop(fixture->loop);
}

static void on_drain_message(struct loop_message *message)
{
    struct fixture *fixture = container_of(message, struct fixture, drain);

    http_server_drain(fixture->server, on_drained, fixture);
}

static void start(struct fixture *fixture, const struct http_limits *limits)
{
    struct error err;

    counts = (struct counts){0};
    buffer_done(&refusals);
    *fixture = (struct fixture){.loop = loop_new("server")};
    fixture->close.run = on_close_message;
    fixture->drain.run = on_drain_message;
    fixture->server = http_server_new(fixture->loop, limits);
    int fd = http_bind(TEXT("127.0.0.1:0"), &fixture->port, &err);
    CHECK_MSG(fd >= 0, "%s", err.text);
    http_listen(fixture->server, fd, &app, listener_context);
    CHECK(loop_start(fixture->loop, &err) == 0);
}

static void check_counts(int requests, int resets)
{
    CHECK_MSG(counts.requests == requests && counts.closes == requests && counts.resets == resets,
              "%d requests, %d closes, %d resets", counts.requests, counts.closes, counts.resets);
}

/* Closes the server and checks what became of all requests. */
static void stop(struct fixture *fixture, int requests, int resets)
{
    loop_post(fixture->loop, &fixture->close);
    loop_stop(fixture->loop);
    loop_join(fixture->loop);
    loop_free(fixture->loop);
    check_counts(requests, resets);
}

/* --- the client's side --- */

static int dial(const struct fixture *fixture)
{
    const struct timeval patience = {.tv_sec = 10};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(fixture->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    return fd;
}

static void say(int fd, const char *text)
{
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static bool hear_some(int fd, struct buffer *heard)
{
    char *room = buffer_room(heard, 65536);
    ssize_t count = recv(fd, room, 65536, 0);

    CHECK_MSG(count >= 0 || errno == ECONNRESET, "nothing came: %s; so far '%.*s'", strerror(errno),
              TEXT_ARG(buffer_text(heard)));
    buffer_added(heard, count > 0 ? (size_t)count : 0);
    return count > 0;
}

/* What was heard without its Date lines, which differ. */
static void leave_out_dates(const struct buffer *heard, struct buffer *out)
{
    struct text rest = buffer_text(heard);

    buffer_clear(out);
    buffer_add(out, "", 0);
    for (size_t at; (at = text_find_text(rest, TEXT("\r\nDate: "))) < rest.len;) {
        buffer_add_text(out, text_slice(rest, 0, at));
        rest = text_skip(rest, at + 2);
        rest = text_skip(rest, text_find(rest, '\r'));
    }
    buffer_add_text(out, rest);
}

/* The next thing that comes, besides dates, is want. */
static void hear(int fd, const char *want)
{
    scoped(buffer_done) struct buffer heard = {0}, plain = {0};

    do {
        CHECK_MSG(hear_some(fd, &heard), "ended after '%.*s'", TEXT_ARG(buffer_text(&heard)));
        leave_out_dates(&heard, &plain);
    } while (plain.len < strlen(want));
    CHECK_TEXT(buffer_text(&plain), want);
}

/* want comes, and then the connection ends. */
static void hear_last(int fd, const char *want)
{
    scoped(buffer_done) struct buffer heard = {0}, plain = {0};

    while (hear_some(fd, &heard))
        ;
    leave_out_dates(&heard, &plain);
    CHECK_TEXT(buffer_text(&plain), want);
    close(fd);
}

/* An answer of that status comes, and then the connection ends. */
static void hear_refusal(int fd, int status)
{
    scoped(buffer_done) struct buffer heard = {0};
    char head[32];

    while (hear_some(fd, &heard))
        ;
    snprintf(head, sizeof head, "HTTP/1.1 %d ", status);
    CHECK_MSG(text_starts(buffer_text(&heard), text_of(head)), "%s expected, got '%.*s'", head,
              TEXT_ARG(buffer_text(&heard)));
    CHECK(text_find_text(buffer_text(&heard), TEXT("\r\nConnection: close\r\n")) < heard.len);
    CHECK(text_find_text(text_skip(buffer_text(&heard), 1), TEXT("HTTP/1.1")) == heard.len - 1);
    close(fd);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
#define LATER "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nlater"
#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n"

TEST(a_connection_serves_many_requests_one_after_another)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    for (int i = 0; i < 100; i++) {
        say(fd, GET("/hello"));
        hear(fd, HELLO);
        say(fd, GET("/later"));
        hear(fd, LATER);
    }
    say(fd, GET("/missing"));
    hear(fd, "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n");
    say(fd, GET("/context"));
    hear(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\ncontext");
    close(fd);
    stop(&fixture, 202, 0);
}

TEST(pipelined_requests_are_answered_in_order)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/hello") GET("/later")
                GET("/hello") "POST /echo HTTP/1.1\r\nHost: a\r\n"
                              "Content-Length: 3\r\n\r\nabc" GET(
                                  "/later") "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                            "chunked\r\n\r\n"
                                            "3\r\ndef\r\n0\r\n\r\n" GET("/hello"));
    hear(fd, HELLO LATER HELLO OK("3") "abc" LATER OK("3") "def" HELLO);
    close(fd);
    stop(&fixture, 7, 0);
}

TEST(a_flood_of_pipelined_requests_is_answered_completely)
{
    enum { COUNT = 3000 };
    struct fixture fixture;
    scoped(buffer_done) struct buffer requests = {0}, heard = {0};

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    for (int i = 0; i < COUNT; i++)
        buffer_add_text(&requests, text_of(i % 3 ? GET("/hello")
                                                 : "POST /echo HTTP/1.1\r\nHost: a\r\n"
                                                   "Transfer-Encoding: chunked\r\n\r\n"
                                                   "5\r\nhello\r\n0\r\n\r\n"));
    for (size_t at = 0; at < requests.len;) { /* both ways at once, or both sides wait */
        ssize_t count = send(fd, requests.at + at, requests.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0)
            at += (size_t)count;
        else
            CHECK(hear_some(fd, &heard));
    }
    shutdown(fd, SHUT_WR);
    while (hear_some(fd, &heard))
        ;
    int answers = 0;
    struct text rest = buffer_text(&heard);
    for (size_t at; (at = text_find_text(rest, TEXT("\r\n\r\nhello"))) < rest.len; answers++)
        rest = text_skip(rest, at + 9);
    CHECK_MSG(answers == COUNT && rest.len == 0, "%d answers", answers);
    close(fd);
    stop(&fixture, COUNT, 0);
}

TEST(bytes_may_come_one_by_one)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                                  "\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n" GET("/hello");
    struct fixture fixture;
    int on = 1;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    CHECK(setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on) == 0);
    for (const char *c = request; *c; c++)
        CHECK(send(fd, c, 1, MSG_NOSIGNAL) == 1);
    hear(fd, OK("5") "abcde" HELLO);
    close(fd);
    stop(&fixture, 2, 0);
}

TEST(answers_are_framed_for_their_request)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {GET("/chunks"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\none\r\n3\r\ntwo\r\n0\r\nX-Trailer: t\r\n\r\n"},
        {GET("/length"), OK("6") "onetwo"},
        {GET("/long"), OK("5") "onetw"},
        {GET("/empty"), "HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n"},
        {"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"},
        {"HEAD /chunks HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"HEAD /short HTTP/1.1\r\nHost: a\r\n\r\n", OK("7")},
        {GET("/inject"), "HTTP/1.1 299 Unknown\r\nX-Good: yes\r\nContent-Length: 1\r\n\r\nx"},
        {"POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\nX-Trailer: yes\r\n\r\n",
         OK("3") "yes"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\n\r\n", OK("0")},
        {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
         "Connection: keep-alive\r\n\r\nhello"},
    };
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        say(fd, cases[i].request);
        hear(fd, cases[i].answer);
    }
    close(fd);
    stop(&fixture, COUNT_OF(cases), 0);
}

TEST(the_last_answer_of_a_connection_says_so)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {"GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/hello"),
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
         "Connection: close\r\n\r\nlater"},
        {"GET /length HTTP/1.0\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nonetwo"},
        {"GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwo"},
        {GET("/close") GET("/hello"),
         "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye"},
        {GET("/hello") GET("/short"), HELLO OK("7") "onetwo"},
        {GET("/cut"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n"},
        {GET("/hello") GET("/abort"), HELLO},
    };
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = dial(&fixture);
        say(fd, cases[i].request);
        hear_last(fd, cases[i].answer);
    }
    stop(&fixture, 9, 3);
}

TEST(a_half_closed_client_still_gets_its_answers)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/later") GET("/hello"));
    shutdown(fd, SHUT_WR);
    hear_last(fd, LATER HELLO);
    stop(&fixture, 2, 0);
}

TEST(the_application_hears_that_a_waiting_client_sent_its_end)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/wait"));
    while (counts.ends == 0)
        sched_yield();
    shutdown(fd, SHUT_WR);
    hear_last(fd, HELLO);
    stop(&fixture, 1, 0);
}

TEST(ambiguous_requests_are_refused_and_the_connection_ends)
{
    static const char *const bad[] = {
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n" GET("/hello"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc" GET(
            "/hello"),
        "GET /hello HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n" GET("/hello"),
        "GET /hello HTTP/1.1\nHost: a\n\n" GET("/hello"),
        "GET /hello HTTP/1.1\r\n\r\n" GET("/hello"),
        "\x16\x03\x01\x02",
    };
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int fd = dial(&fixture);
        say(fd, bad[i]);
        hear_refusal(fd, 400);
    }
    stop(&fixture, 0, 0);
}

TEST(the_application_hears_of_requests_that_never_became_one)
{
    static const struct http_limits limits = {.head_ms = 100, .body_max = 1, .connections_max = 10};
    static const char *const bad[] = {
        GET("/hello") "GET /hello HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET /x HTTP/9.1\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "PUT /late HTTP/1.1\r\nHo",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789", /* a stream */
    };
    struct fixture fixture;
    char answers[4096];

    start(&fixture, &limits);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int fd = dial(&fixture);
        say(fd, bad[i]);
        while (recv(fd, answers, sizeof answers, 0) > 0)
            ;
        close(fd);
    }
    stop(&fixture, 2, 1);
    CHECK_TEXT(buffer_text(&refusals), "400 GET /hello 17 There is no Host.\n"
                                       "400   17 This is not HTTP.\n"
                                       "505 GET /x 43 Only HTTP/1.1 and HTTP/1.0 are spoken here.\n"
                                       "400 POST /x 35 The Content-Length is not a number.\n"
                                       "408 PUT /late 33 The request did not come in time.\n");
}

TEST(a_broken_body_is_refused_or_cut_off)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n");
    hear_refusal(fd, 400);
    fd = dial(&fixture); /* the client goes in the middle */
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    shutdown(fd, SHUT_WR);
    hear_last(fd, "");
    fd = dial(&fixture);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc");
    shutdown(fd, SHUT_WR);
    hear_last(fd, "");
    stop(&fixture, 3, 3);
}

TEST(bodies_beyond_their_limit_are_refused)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    hear_refusal(fd, 413);
    fd = dial(&fixture);
    say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    hear_refusal(fd, 413);
    CHECK(counts.ends == 0);
    stop(&fixture, 2, 2);
}

TEST(a_client_that_asks_is_told_to_continue)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hear(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "abc");
    hear(fd, OK("3") "abc");
    /* It does not wait: no need to tell it. */
    say(fd,
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
    hear(fd, OK("3") "abc");
    /* Nobody wants the body: nobody knows whether it comes, so the connection ends. */
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hear_refusal(fd, 200);
    fd = dial(&fixture);
    say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    hear_refusal(fd, 413);
    fd = dial(&fixture);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: more\r\n\r\n");
    hear_refusal(fd, 417);
    stop(&fixture, 4, 1);
}

TEST(the_body_of_an_early_answer_is_dropped)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    hear(fd, HELLO);
    say(fd, "12345" GET("/later"));
    hear(fd, LATER);
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
    hear(fd, HELLO);
    say(fd, "c\r\n0\r\nX-Y: z\r\n\r\n" GET("/later"));
    hear(fd, LATER);
    /* Too much to drop: the answer says that the connection ends, and arrives. */
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
    CHECK(send(fd, big, 1000000, MSG_NOSIGNAL) == 1000000);
    hear_refusal(fd, 200);
    stop(&fixture, 5, 0);
}

TEST(large_bodies_pass_both_ways)
{
    struct fixture fixture;
    scoped(buffer_done) struct buffer heard = {0};
    char head[128];

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    snprintf(head, sizeof head,
             "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n"
             "Connection: close\r\n\r\n",
             BIG_BYTES);
    say(fd, head);
    CHECK(send(fd, big, BIG_BYTES, MSG_NOSIGNAL) == BIG_BYTES);
    while (hear_some(fd, &heard))
        ;
    struct text body =
        text_skip(buffer_text(&heard), text_find_text(buffer_text(&heard), TEXT("\r\n\r\n")) + 4);
    CHECK(text_equal(body, text_from(big, BIG_BYTES)));
    close(fd);
    stop(&fixture, 1, 0);
}

TEST(a_slow_client_makes_the_application_wait)
{
    struct fixture fixture;
    scoped(buffer_done) struct buffer heard = {0};

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "GET /pieces HTTP/1.0\r\n\r\n");
    while (hear_some(fd, &heard))
        ;
    CHECK_MSG(heard.len > (size_t)PIECE_BYTES * PIECES, "%zu bytes", heard.len);
    CHECK(counts.writables > 0);
    close(fd);
    fd = dial(&fixture); /* and one that goes away meanwhile */
    say(fd, GET("/pieces"));
    CHECK(hear_some(fd, &heard));
    const struct linger abort = {.l_onoff = 1};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
    close(fd);
    stop(&fixture, 2, 1);
}

TEST(a_body_can_be_paused)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /pause HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n" GET("/hello"));
    hear(fd, OK("3") "abc" HELLO);
    say(fd, "POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    say(fd, "cd" GET("/hello"));
    hear(fd, OK("4") "abcd" HELLO);
    close(fd);
    stop(&fixture, 4, 0);
}

#define SWITCHED \
    "HTTP/1.1 101 Switching Protocols\r\nX-Own: 1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

TEST(a_stream_can_carry_another_protocol)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/hello") GET("/tunnel") "early");
    hear(fd, HELLO SWITCHED "early");
    say(fd, GET("/hello"));
    hear(fd, GET("/hello"));
    say(fd, "bye");
    hear_last(fd, "bye");

    int gone = dial(&fixture);
    say(gone, GET("/tunnel"));
    hear(gone, SWITCHED);
    CHECK(shutdown(gone, SHUT_WR) == 0);
    hear_last(gone, "");
    stop(&fixture, 3, 1);
}

TEST(another_protocol_ends_when_the_server_drains)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/tunnel"));
    hear(fd, SWITCHED);
    loop_post(fixture.loop, &fixture.drain);
    hear_last(fd, "the end");
    loop_join(fixture.loop);
    loop_free(fixture.loop);
    check_counts(1, 0);
}

TEST(a_client_that_resets_its_connection_resets_its_stream)
{
    struct fixture fixture;
    const struct linger abort = {.l_onoff = 1};

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/hello") GET("/silence"));
    hear(fd, HELLO);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
    close(fd);
    stop(&fixture, 2, 1);
}

TEST(deadlines_end_what_takes_too_long)
{
    static const struct http_limits limits = {
        .head_ms = 200,
        .idle_ms = 200, /* a client that is held up is not to be taken for an idle one */
        .body_idle_ms = 200,
        .write_idle_ms = 200,
        .body_max = 1000,
        .connections_max = 10,
    };
    struct fixture fixture;

    start(&fixture, &limits);
    hear_last(dial(&fixture), ""); /* idle */
    int fd = dial(&fixture);
    say(fd, GET("/hello"));
    hear_last(fd, HELLO);
    fd = dial(&fixture); /* a head */
    say(fd, "GET /hello HTTP/1.1\r\n");
    hear_refusal(fd, 408);
    fd = dial(&fixture); /* a body */
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na");
    hear_refusal(fd, 408);
    fd = dial(&fixture); /* a body that is dropped */
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na");
    hear_last(fd, HELLO);
    stop(&fixture, 3, 1);
}

TEST(a_head_that_trickles_in_still_has_one_deadline)
{
    static const struct http_limits limits = {.head_ms = 30, .body_max = 1, .connections_max = 10};
    struct fixture fixture;
    int64_t began_us = clock_mono_us();
    char c;

    start(&fixture, &limits);
    int fd = dial(&fixture);
    say(fd, "GET /hello HTTP/1.1\r\n");
    const struct timeval moment = {.tv_usec = 5000};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment) == 0);
    while (recv(fd, &c, 1, 0) < 0 && errno == EAGAIN)
        if (send(fd, "X: y\r\n", 6, MSG_NOSIGNAL) < 0)
            break;
    CHECK(clock_mono_us() - began_us >= 30000);
    close(fd);
    stop(&fixture, 0, 0);
}

TEST(a_client_that_takes_nothing_is_dropped)
{
    static const struct http_limits limits = {.write_idle_ms = 20, .connections_max = 10};
    struct fixture fixture;
    scoped(buffer_done) struct buffer heard = {0};

    start(&fixture, &limits);
    int fd = dial(&fixture), idle = dial(&fixture);
    say(fd, GET("/pieces"));
    while (counts.resets == 0) { /* the other connection is served meanwhile */
        say(idle, GET("/hello"));
        hear(idle, HELLO);
    }
    close(fd);
    close(idle);
    int requests = counts.requests;
    stop(&fixture, requests, 1);
}

/* Each byte that it takes puts the deadline for nothing at all off. */
TEST(a_client_that_takes_too_little_is_dropped)
{
    static const struct http_limits limits = {
        .write_idle_ms = 10000,
        .rate_grace_ms = 10,
        .take_rate_min = INT64_C(1) << 40,
        .connections_max = 10,
    };
    struct fixture fixture;
    size_t count = 0;
    char c;

    start(&fixture, &limits);
    int fd = dial(&fixture), little = 4096;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little) == 0);
    say(fd, GET("/pieces"));
    while (counts.resets == 0 && recv(fd, &c, 1, 0) == 1)
        count++;
    CHECK(count > 0 && count < (size_t)PIECE_BYTES * PIECES);
    close(fd);
    stop(&fixture, 1, 1);
}

TEST(when_too_much_waits_the_slowest_client_is_dropped)
{
    static const struct http_limits limits = {.unsent_max = 1, .connections_max = 10};
    struct fixture fixture;

    start(&fixture, &limits);
    int fd = dial(&fixture), idle = dial(&fixture);
    say(fd, GET("/pieces"));
    while (counts.resets == 0) {
        say(idle, GET("/hello"));
        hear(idle, HELLO);
    }
    close(fd);
    close(idle);
    int requests = counts.requests;
    stop(&fixture, requests, 1);
}

TEST(connections_beyond_the_limit_wait)
{
    static const struct http_limits limits = {.connections_max = 1, .body_max = 1};
    struct fixture fixture;

    start(&fixture, &limits);
    int first = dial(&fixture), second = dial(&fixture);
    say(second, GET("/hello"));
    say(first, GET("/later"));
    hear(first, LATER);
    CHECK(counts.requests == 1);
    close(first);
    hear(second, HELLO);
    close(second);
    stop(&fixture, 2, 0);
}

TEST(a_server_drains_after_the_answers_under_way)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int idle = dial(&fixture), busy = dial(&fixture), streaming = dial(&fixture);
    say(idle, GET("/hello"));
    hear(idle, HELLO);
    say(streaming, GET("/cut"));
    hear(streaming, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
    say(busy,
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hear(busy, "HTTP/1.1 100 Continue\r\n\r\n");
    loop_post(fixture.loop, &fixture.drain);
    hear_last(idle, "");
    say(busy, "abc");
    hear_last(busy, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    hear_last(streaming, "");
    loop_join(fixture.loop); /* drained() has stopped it */
    loop_free(fixture.loop);
    check_counts(3, 1);
}

TEST(a_closed_server_resets_what_is_under_way)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/hello") GET("/silence"));
    hear(fd, HELLO);
    stop(&fixture, 2, 1);
    hear_last(fd, "");
}

TEST(an_address_is_numeric_and_has_a_port)
{
    static const char *const bad[] = {
        "",      "127.0.0.1",   "127.0.0.1:", ":80",   "localhost:80", "::1:80",
        "[::1]", "[::1]:65536", "1.2.3:80",   "[]:80", "127.0.0.1:x"};
    struct error err;
    uint16_t port, same;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_MSG(http_bind(text_of(bad[i]), &port, &err) < 0, "'%s' was accepted", bad[i]);
        CHECK(err.code == ERROR_INVALID);
    }
    int first = http_bind(TEXT("127.0.0.1:0"), &port, &err);
    CHECK_MSG(first >= 0 && port > 0, "%s", err.text);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    int second = http_bind(text_of(address), &same, &err); /* the next shard's */
    CHECK_MSG(second >= 0 && same == port, "%s", err.text);
    close(first);
    close(second);
}

__attribute__((constructor)) static void make_big(void)
{
    big = malloc(BIG_BYTES);
    for (int i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 7 + i / 251);
}
__attribute__((destructor)) static void free_big(void)
{
    free(big);
}
