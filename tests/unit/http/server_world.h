/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/mem.h"
#include "http/server.h"
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

static inline void answer(struct http_stream *stream, int status, const char *body)
{
    static const struct http_field fields[] = {{TEXT("Content-Type"), TEXT("text/plain")}};

    http_respond(stream, status, fields, COUNT_OF(fields), text_of(body));
}

static inline void inject(struct http_stream *stream)
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

static inline void stream_three(struct http_stream *stream, int64_t length)
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

static inline void write_pieces(struct exchange *exchange)
{
    while (exchange->pieces++ < PIECES)
        if (!http_write(exchange->stream, text_from(big, PIECE_BYTES)))
            return;
    http_end(exchange->stream, NULL, 0);
}

static inline void on_later(struct loop_task *task)
{
    answer(container_of(task, struct exchange, task)->stream, 200, "later");
}

static inline void on_resume(struct loop_timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timer);

    exchange->paused = false;
    http_resume(exchange->stream);
}

static inline void on_cut(struct loop_timer *timer)
{
    http_abort(container_of(timer, struct exchange, timer)->stream);
}

static inline void on_request(struct http_stream *stream)
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

static inline bool on_body(struct http_stream *stream, struct text chunk)
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

static inline void on_end(struct http_stream *stream)
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

static inline void on_writable(struct http_stream *stream)
{
    counts.writables++;
    write_pieces(stream->owner);
}

static inline void on_close(struct http_stream *stream, bool reset)
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

static inline void on_refused(const struct http_stream *stream, const char *reason)
{
    CHECK(stream->context == listener_context && stream->peer.ss_family == AF_INET);
    CHECK(stream->loop && loop_now_us(stream->loop) >= stream->began_us);
    buffer_add_format(&refusals, "%d %.*s %.*s %lld %s\n", stream->status,
                      TEXT_ARG(stream->request.method_text), TEXT_ARG(stream->request.target),
                      (long long)stream->sent_bytes, reason);
}

static inline void on_half_close(struct http_stream *stream)
{
    if (text_equal(stream->request.path, TEXT("/wait")))
        answer(stream, 200, "hello");
}

static inline void on_drain(struct http_stream *stream)
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

static inline void on_close_message(struct loop_message *message)
{
    http_server_close(container_of(message, struct fixture, close)->server);
}

static inline void on_drained(void *arg)
{
    struct fixture *fixture = arg;

    http_server_free(fixture->server);
    loop_stop(fixture->loop);
}

static inline void on_drain_message(struct loop_message *message)
{
    struct fixture *fixture = container_of(message, struct fixture, drain);

    http_server_drain(fixture->server, on_drained, fixture);
}

static inline void start(struct fixture *fixture, const struct http_limits *limits)
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

static inline void check_counts(int requests, int resets)
{
    CHECK_MSG(counts.requests == requests && counts.closes == requests && counts.resets == resets,
              "%d requests, %d closes, %d resets", counts.requests, counts.closes, counts.resets);
}

/* Closes the server and checks what became of all requests. */
static inline void stop(struct fixture *fixture, int requests, int resets)
{
    loop_post(fixture->loop, &fixture->close);
    loop_stop(fixture->loop);
    loop_join(fixture->loop);
    loop_free(fixture->loop);
    check_counts(requests, resets);
}

/* --- the client's side --- */

static inline int dial(const struct fixture *fixture)
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

static inline void say(int fd, const char *text)
{
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static inline bool hear_some(int fd, struct buffer *heard)
{
    char *room = buffer_room(heard, 65536);
    ssize_t count = recv(fd, room, 65536, 0);

    CHECK_MSG(count >= 0 || errno == ECONNRESET, "nothing came: %s; so far '%.*s'", strerror(errno),
              TEXT_ARG(buffer_text(heard)));
    buffer_added(heard, count > 0 ? (size_t)count : 0);
    return count > 0;
}

/* What was heard without its Date lines, which differ. */
static inline void leave_out_dates(const struct buffer *heard, struct buffer *out)
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
static inline void hear(int fd, const char *want)
{
    scoped(buffer_done) struct buffer heard = {0}, plain = {0};

    do {
        CHECK_MSG(hear_some(fd, &heard), "ended after '%.*s'", TEXT_ARG(buffer_text(&heard)));
        leave_out_dates(&heard, &plain);
    } while (plain.len < strlen(want));
    CHECK_TEXT(buffer_text(&plain), want);
}

/* want comes, and then the connection ends. */
static inline void hear_last(int fd, const char *want)
{
    scoped(buffer_done) struct buffer heard = {0}, plain = {0};

    while (hear_some(fd, &heard))
        ;
    leave_out_dates(&heard, &plain);
    CHECK_TEXT(buffer_text(&plain), want);
    close(fd);
}

/* An answer of that status comes, and then the connection ends. */
static inline void hear_refusal(int fd, int status)
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
