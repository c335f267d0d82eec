/* SPDX-License-Identifier: Apache-2.0 */
#include "http/connection_priv.h"

#include <errno.h>

#define DIRECT_BODY_MIN (16 << 10) /* sent from where it is, not gathered */

static struct connection *of_stream(struct http_stream *stream)
{
    struct connection *connection = container_of(stream, struct connection, stream);

    assert(connection->live);
    return connection;
}

struct buffer *connection_output(struct connection *c)
{
    if (!c->out.capacity)
        c->out = http_pool_take_output(c->server->pool);
    return &c->out;
}

/* How much of count was sent, by its return value; false when the client is gone. */
static bool sent(struct connection *c, ssize_t count, size_t *ret_count)
{
    *ret_count = count > 0 ? (size_t)count : 0;
    if (count > 0)
        c->sent_us = connection_now_us(c);
    else if (count < 0 && errno != EAGAIN && errno != EINTR)
        c->broken = true;
    return !c->broken;
}

void connection_flush(struct connection *c)
{
    size_t count;

    if (c->out.len == 0 || c->broken || c->closed)
        return;
    if (sent(c, wire_send(&c->wire, buffer_text(&c->out), TEXT_NONE), &count))
        buffer_consume(&c->out, count);
}

/* Who holds much and took nothing for longest. */
static struct connection *find_slowest(struct http_server *server)
{
    struct connection *slowest = NULL;

    list_each (link, &server->connections) {
        struct connection *c = container_of(link, struct connection, link);
        if (c->unsent > OUT_LOW && (!slowest || c->sent_us < slowest->sent_us))
            slowest = c;
    }
    return slowest;
}

void connection_note_unsent(struct connection *c, int64_t unsent)
{
    struct http_server *server = c->server;
    struct connection *slowest;

    server->unsent += unsent - c->unsent;
    c->unsent = unsent;
    if (c->out.len > 0 && !c->stuck) {
        c->sent_us = c->taken_us = connection_now_us(c);
        c->taken = -1;
    }
    c->stuck = c->out.len > 0;
    if (server->limits.unsent_max == 0 || server->unsent <= server->limits.unsent_max)
        return;
    slowest = find_slowest(server);
    if (slowest) {
        slowest->reset = true;
        connection_close_now(slowest);
    }
}

static int64_t rate_deadline(const struct connection *c)
{
    return c->server->limits.take_rate_min > 0 && c->writing != WRITE_TUNNEL
               ? c->taken_us + c->server->limits.rate_grace_ms * 1000
               : INT64_MAX;
}

int64_t connection_take_deadline(const struct connection *c)
{
    int64_t idle_ms = c->server->limits.write_idle_ms;
    int64_t idle_us = idle_ms > 0 ? c->sent_us + idle_ms * 1000 : INT64_MAX;
    int64_t rate_us = rate_deadline(c);

    if (c->out.len == 0)
        return INT64_MAX;
    return idle_us < rate_us ? idle_us : rate_us;
}

/* A client that reads a few bytes now and then makes the socket take more each time. What it
 * really took is asked of the kernel, and only here: the first time there is nothing to compare
 * it with. */
bool connection_takes_little(struct connection *c)
{
    int64_t now_us = connection_now_us(c), idle_ms = c->server->limits.write_idle_ms;
    int64_t before = c->taken;

    if (idle_ms > 0 && now_us >= c->sent_us + idle_ms * 1000)
        return true;
    if (now_us < rate_deadline(c))
        return false;
    c->taken = wire_taken(&c->wire);
    int64_t due = c->server->limits.take_rate_min * (now_us - c->taken_us) / 1000000;
    c->taken_us = now_us;
    return before >= 0 && c->taken >= 0 && c->taken - before < due;
}

/* Gathered, or when it is large sent from where it is, as far as the socket takes it. */
static void put_body(struct connection *c, struct text body)
{
    size_t count;

    c->stream.sent_bytes += (int64_t)body.len;
    if (body.len < DIRECT_BODY_MIN || c->broken) {
        buffer_add_text(connection_output(c), body);
        return;
    }
    if (!sent(c, wire_send(&c->wire, buffer_text(&c->out), body), &count))
        return;
    size_t gathered = count < c->out.len ? count : c->out.len;
    buffer_consume(&c->out, gathered);
    if (count - gathered < body.len)
        buffer_add_text(connection_output(c), text_skip(body, count - gathered));
}

/* Whether the connection can stay after this answer. */
static bool may_stay(const struct connection *c)
{
    /* Unsent so far, the body may come or not: nobody can tell where the next head is. */
    if (c->expecting || !c->keep_alive || c->server->draining)
        return false;
    return c->reading != READ_BODY || c->body_left <= DROP_MAX;
}

static void put_head(struct connection *c, int status, const struct http_field *fields,
                     size_t count, int64_t content_length)
{
    bool bodiless = response_has_no_body(status);
    bool unknown = content_length < 0 && !bodiless;
    bool http_1_0 = c->stream.request.http_1_0;
    struct response_head head = {
        .status = status < 200 || status > 999 ? 500 : status,
        .fields = fields,
        .count = count,
        .content_length = bodiless ? -1 : content_length,
        .chunked = unknown && !http_1_0,
        .keep_alive = may_stay(c) && !(unknown && http_1_0),
        .http_1_0 = http_1_0,
    };

    assert(c->writing == WRITE_NONE);
    response_write_head(c->server->pool, connection_output(c), &head);
    c->keep_alive = head.keep_alive;
    c->stream.status = head.status;
    c->write_left = content_length;
    if (bodiless || c->stream.request.method == METHOD_HEAD)
        c->writing = WRITE_NO_BODY;
    else if (unknown)
        c->writing = http_1_0 ? WRITE_UNTIL_CLOSE : WRITE_CHUNKED;
    else
        c->writing = WRITE_LENGTH;
}

static void put_chunk(struct connection *c, struct text chunk)
{
    c->stream.sent_bytes += (int64_t)chunk.len;
    response_write_chunk(connection_output(c), chunk);
}

/* The answer is complete. A body that is not is dropped to keep the connection. */
static void finish_answer(struct connection *c)
{
    c->joins_next = c->stream.joins_next;
    c->writing = WRITE_NONE;
    c->body_received = 0;
    c->body_began_us = connection_now_us(c);
    if (!c->keep_alive)
        connection_stop_reading(c);
    connection_end_stream(c, c->broken);
}

/* After a call of the application: what does not happen on the way to settle(). */
static void left(struct connection *c)
{
    if (c->entered || c->closed)
        return;
    if (c->out.len >= OUT_LOW)
        connection_flush(c);
    loop_defer(c->server->loop, &c->task);
}

static void respond(struct http_stream *stream, int status, const struct http_field *fields,
                    size_t count, struct text body)
{
    struct connection *c = of_stream(stream);

    put_head(c, status, fields, count, (int64_t)body.len);
    if (c->writing == WRITE_LENGTH && body.len > 0)
        put_body(c, body);
    finish_answer(c);
    left(c);
}

static void switch_to(struct http_stream *stream, struct text protocol,
                      const struct http_field *fields, size_t count)
{
    struct connection *c = of_stream(stream);
    struct response_head head = {
        .status = 101,
        .fields = fields,
        .count = count,
        .content_length = -1,
        .keep_alive = true,
        .upgrade = protocol,
    };

    assert(c->writing == WRITE_NONE && c->reading == READ_DONE && !stream->request.http_1_0);
    response_write_head(c->server->pool, connection_output(c), &head);
    stream->status = head.status;
    stream->body_max = INT64_MAX;
    c->reading = READ_TUNNEL;
    c->writing = WRITE_TUNNEL;
    c->keep_alive = false;
    left(c);
}

static void begin(struct http_stream *stream, int status, const struct http_field *fields,
                  size_t count, int64_t content_length)
{
    struct connection *c = of_stream(stream);

    put_head(c, status, fields, count, content_length);
    left(c);
}

static bool write_piece(struct http_stream *stream, struct text chunk)
{
    struct connection *c = of_stream(stream);

    assert(c->writing != WRITE_NONE);
    if (c->writing == WRITE_LENGTH && (int64_t)chunk.len > c->write_left)
        chunk.len = (size_t)c->write_left; /* more would be read as the next answer */
    if (chunk.len == 0 || c->writing == WRITE_NO_BODY)
        return true;
    if (c->writing == WRITE_CHUNKED)
        put_chunk(c, chunk);
    else
        put_body(c, chunk);
    c->write_left -= c->writing == WRITE_LENGTH ? (int64_t)chunk.len : 0;
    left(c);
    c->told_full = c->out.len >= OUT_HIGH;
    return !c->told_full;
}

static void cut(struct http_stream *stream)
{
    struct connection *c = of_stream(stream);

    connection_flush(c);
    /* Where the end of the connection would be the end of the body, only a reset tells. */
    c->reset = c->writing == WRITE_UNTIL_CLOSE;
    connection_close_now(c);
}

static void end(struct http_stream *stream, const struct http_field *trailers, size_t count)
{
    struct connection *c = of_stream(stream);

    assert(c->writing != WRITE_NONE);
    if (c->writing == WRITE_LENGTH && c->write_left > 0) {
        cut(stream);
        return;
    }
    if (c->writing == WRITE_CHUNKED)
        response_write_last_chunk(connection_output(c), trailers, count);
    finish_answer(c);
    left(c);
}

static void resume(struct http_stream *stream)
{
    struct connection *c = of_stream(stream);

    if (!c->paused)
        return;
    c->paused = false;
    c->received_us = connection_now_us(c);
    c->body_began_us += c->received_us - c->paused_us;
    left(c);
}

/* What is left of the stream before, if nothing was read of a head since. */
static void forget_last(struct connection *c)
{
    c->stream.sent_bytes = 0;
    if (c->parser.scanned == 0)
        c->stream.request = (struct http_request){0};
}

void connection_refuse(struct connection *c, int status, const char *reason)
{
    static const struct http_field fields[] = {
        {TEXT("Content-Type"), TEXT("text/plain; charset=utf-8")},
    };
    struct text body = text_of(reason);

    if (c->writing != WRITE_NONE) {
        c->reset = c->writing == WRITE_UNTIL_CLOSE;
        c->broken = true;
        return;
    }
    c->keep_alive = false;
    if (!c->live)
        forget_last(c);
    put_head(c, status, fields, COUNT_OF(fields), (int64_t)body.len);
    if (c->writing == WRITE_LENGTH)
        put_body(c, body);
    c->writing = WRITE_NONE;
    connection_stop_reading(c);
    if (c->live)
        connection_end_stream(c, true);
    else if (c->app->on_refused)
        c->app->on_refused(&c->stream, reason);
}

const struct http_transport connection_transport = {
    .switch_to = switch_to,
    .respond = respond,
    .begin = begin,
    .write = write_piece,
    .end = end,
    .abort = cut,
    .resume = resume,
};
