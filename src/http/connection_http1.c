/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "http/http_priv.h"

/*
 * A connection reads heads into a block and bodies through it (or through the pool's
 * scratch when their length is known), hands one request at a time to the application,
 * and gathers answers in `out`.
 *
 * Everything that happens enters by on_ready, on_task or on_timer ("entered"), does what
 * is possible, and ends in settle(), which sends what was gathered (one send for all
 * answers to pipelined requests) and brings watching, deadline and memory in line with
 * the state. Calls of the application from elsewhere send at once where an answer is
 * complete, and leave the rest to on_task: so a call of the application never leads to
 * another request being handed to it before it returns.
 *
 * Deadlines move without touching the timer: it is set anew when it fires early, or when
 * a deadline is earlier than it.
 */

#define OUT_HIGH (64 << 10) /* gathered beyond this: the client is slow */
#define OUT_LOW (16 << 10)
#define OUT_KEPT_MAX (256 << 10)   /* an empty buffer above this is freed */
#define DIRECT_BODY_MIN (16 << 10) /* sent from where it is, not gathered */
#define DROP_MAX (256 << 10)       /* of a body nobody wants, to keep the connection */
#define LINGER_MS 2000             /* for a client to read the answer that ends it */
#define LINGER_BYTES_MAX (16 << 20)
#define RATE_GRACE_US 10000000

enum reading {
    READ_HEAD,
    READ_BODY,
    READ_DONE,    /* the request is complete; the next is not looked at yet */
    READ_NOTHING, /* no further request will be read */
    READ_LINGER,  /* the answer is out; what comes is dropped until the client closes */
};

enum writing {
    WRITE_NONE,
    WRITE_LENGTH,
    WRITE_CHUNKED,
    WRITE_UNTIL_CLOSE,
    WRITE_NO_BODY,
};

struct connection {
    struct http_stream stream;
    struct loop_io io;
    struct loop_timer timer;
    struct loop_task task;
    struct list link;
    struct http_server *server;
    const struct http_app *app;
    void *context;

    struct input_block *block;
    uint32_t start, end; /* what is unread in the block */
    uint32_t floor;      /* what is before it belongs to the head of the stream */
    enum reading reading;
    struct request_parser parser;
    struct chunked chunked;
    int64_t body_left;     /* of a known length */
    int64_t body_received; /* or dropped */

    struct buffer out;
    enum writing writing;
    int64_t write_left; /* of a known length */

    int64_t received_us, sent_us, body_began_us, paused_us, linger_us;
    int64_t timer_due_us;

    bool live;       /* the application has the stream */
    bool entered;    /* settle() will follow */
    bool paused;     /* the application does not want more body */
    bool expecting;  /* the client waits for 100 Continue */
    bool keep_alive; /* of the request under way */
    bool told_full;  /* http_write() said false */
    bool stuck;      /* the socket took nothing when last asked */
    bool unread;     /* closing before the request was read */
    bool ended;      /* no more input comes */
    bool closing;    /* once `out` is sent */
    bool broken;     /* nothing more can be sent or received */
    bool reset;      /* close so that the client sees an error */
    bool closed;
};

static const struct http_transport transport;

static struct connection *of_stream(struct http_stream *stream)
{
    struct connection *connection = container_of(stream, struct connection, stream);

    assert(connection->live);
    return connection;
}

static int64_t now_us(const struct connection *c)
{
    return loop_now_us(c->server->loop);
}

/* The exchange is over for the application. */
static void end_stream(struct connection *c, bool reset)
{
    struct http_pool *pool = c->server->pool;

    c->live = false;
    c->paused = c->told_full = false;
    c->app->on_close(&c->stream, reset);
    arena_reset(&c->stream.arena);
    if (pool->arena.blocks)
        arena_done(&c->stream.arena);
    else
        pool->arena = c->stream.arena;
    c->stream.arena = (struct arena){0};
}

static void give_up_output(struct connection *c)
{
    struct http_pool *pool = c->server->pool;

    buffer_clear(&c->out);
    if (pool->output.capacity || c->out.capacity > OUT_KEPT_MAX)
        buffer_done(&c->out);
    else
        pool->output = buffer_take(&c->out);
}

static void close_now(struct connection *c)
{
    if (c->closed)
        return;
    c->closed = true;
    list_remove(&c->link);
    loop_timer_clear(&c->timer);
    loop_cancel(&c->task);
    if (c->live)
        end_stream(c, true);
    loop_io_stop(&c->io);
}

static void on_closed(struct loop_io *io)
{
    struct connection *c = container_of(io, struct connection, io);
    struct http_server *server = c->server;
    const struct linger abort = {.l_onoff = 1};

    if (c->reset)
        (void)setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close(io->fd);
    if (c->block)
        http_pool_give_block(server->pool, c->block);
    buffer_done(&c->out);
    arena_done(&c->stream.arena);
    free(c);
    server_closed_one(server, true);
}

/* --- output --- */

static struct buffer *output(struct connection *c)
{
    if (!c->out.capacity)
        c->out = buffer_take(&c->server->pool->output);
    return &c->out;
}

/* How much of count was sent, by its return value; false when the client is gone. */
static bool sent(struct connection *c, ssize_t count, size_t *ret_count)
{
    *ret_count = count > 0 ? (size_t)count : 0;
    if (count > 0)
        c->sent_us = now_us(c);
    else if (count < 0 && errno != EAGAIN && errno != EINTR)
        c->broken = true;
    return !c->broken;
}

static void flush(struct connection *c)
{
    size_t count;

    if (c->out.len == 0 || c->broken || c->closed)
        return;
    if (sent(c, send(c->io.fd, c->out.at, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT), &count))
        buffer_consume(&c->out, count);
}

/* Gathered, or when it is large sent from where it is, as far as the socket takes it. */
static void put_body(struct connection *c, struct text body)
{
    size_t count;

    c->stream.sent_bytes += (int64_t)body.len;
    if (body.len < DIRECT_BODY_MIN || c->broken) {
        buffer_add_text(output(c), body);
        return;
    }
    struct iovec parts[] = {{c->out.at, c->out.len}, {(void *)(uintptr_t)body.at, body.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = COUNT_OF(parts)};
    if (!sent(c, sendmsg(c->io.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT), &count))
        return;
    size_t gathered = count < c->out.len ? count : c->out.len;
    buffer_consume(&c->out, gathered);
    if (count - gathered < body.len)
        buffer_add_text(output(c), text_skip(body, count - gathered));
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
    response_write_head(c->server->pool, output(c), &head);
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
    response_write_chunk(output(c), chunk);
}

static void stop_reading(struct connection *c)
{
    c->closing = true;
    c->unread = c->reading != READ_DONE;
    c->reading = READ_NOTHING;
}

/* The answer is complete. A body that is not is dropped to keep the connection. */
static void finish_answer(struct connection *c)
{
    c->writing = WRITE_NONE;
    c->body_received = 0;
    c->body_began_us = now_us(c);
    if (!c->keep_alive)
        stop_reading(c);
    end_stream(c, c->broken);
}

/* After a call of the application: what does not happen on the way to settle(). */
static void left(struct connection *c, bool send_now)
{
    if (c->entered || c->closed)
        return;
    if (send_now || c->out.len >= OUT_LOW)
        flush(c);
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
    left(c, true);
}

static void begin(struct http_stream *stream, int status, const struct http_field *fields,
                  size_t count, int64_t content_length)
{
    struct connection *c = of_stream(stream);

    put_head(c, status, fields, count, content_length);
    left(c, false);
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
    left(c, false);
    c->told_full = c->out.len >= OUT_HIGH;
    return !c->told_full;
}

static void cut(struct http_stream *stream)
{
    struct connection *c = of_stream(stream);

    flush(c);
    /* Where the end of the connection would be the end of the body, only a reset tells. */
    c->reset = c->writing == WRITE_UNTIL_CLOSE;
    close_now(c);
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
        response_write_last_chunk(output(c), trailers, count);
    finish_answer(c);
    left(c, true);
}

static void resume(struct http_stream *stream)
{
    struct connection *c = of_stream(stream);

    if (!c->paused)
        return;
    c->paused = false;
    c->received_us = now_us(c);
    c->body_began_us += c->received_us - c->paused_us;
    left(c, false);
}

static const struct http_transport transport = {
    .respond = respond,
    .begin = begin,
    .write = write_piece,
    .end = end,
    .abort = cut,
    .resume = resume,
};

/* --- requests --- */

/* Answers for the application, which may have the stream already, and ends the
 * connection. Where an answer has begun, cutting it off is all that is left. */
static void refuse(struct connection *c, int status, const char *reason)
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
    put_head(c, status, fields, COUNT_OF(fields), (int64_t)body.len);
    if (c->writing == WRITE_LENGTH)
        put_body(c, body);
    c->writing = WRITE_NONE;
    stop_reading(c);
    if (c->live)
        end_stream(c, true);
}

static void start_head(struct connection *c)
{
    request_parser_init(&c->parser, &c->stream.request, c->block->fields);
    c->stream.began_us = now_us(c);
}

static void init_stream(struct connection *c)
{
    struct http_stream *stream = &c->stream;

    stream->transport = &transport;
    stream->app = c->app;
    stream->context = c->context;
    stream->owner = NULL;
    stream->loop = c->server->loop;
    stream->is_half_closed = c->ended;
    stream->body_max = c->server->limits.body_max;
    stream->status = 0;
    stream->sent_bytes = 0;
    stream->arena = c->server->pool->arena;
    c->server->pool->arena = (struct arena){0};
}

/* The head begins the block anew, so that behind it there is room for any line of a
 * chunked body. */
static void move_to_front(struct connection *c)
{
    memmove(c->block->bytes, c->block->bytes + c->start, c->end - c->start);
    c->end -= c->start;
    c->start = 0;
}

static void finish_request(struct connection *c)
{
    c->reading = READ_DONE;
    if (c->live)
        c->app->on_end(&c->stream);
}

static void ask_for_body(struct connection *c)
{
    c->expecting = false;
    if (c->start == c->end && c->writing == WRITE_NONE)
        buffer_add_literal(output(c), "HTTP/1.1 100 Continue\r\n\r\n");
}

static void begin_request(struct connection *c)
{
    const struct http_request *request = &c->stream.request;

    c->reading = READ_BODY;
    c->chunked = (struct chunked){0};
    c->body_left = request->content_length;
    c->body_received = 0;
    c->body_began_us = now_us(c);
    c->keep_alive = c->parser.keep_alive;
    c->expecting = c->parser.expect_continue && request->content_length != 0;
    if (request->content_length == 0)
        c->reading = READ_DONE; /* an answer within on_request ends a complete request */
    init_stream(c);
    c->live = true;
    c->app->on_request(&c->stream);
    if (!c->live || c->closed)
        return;
    if (request->content_length > c->stream.body_max)
        refuse(c, 413, "The body is too large.");
    else if (request->content_length == 0)
        finish_request(c);
    else if (c->expecting)
        ask_for_body(c);
}

/* False when nothing more can be done with what is there. */
static bool read_head(struct connection *c)
{
    size_t used;

    if (c->start == c->end)
        return false;
    if (c->parser.scanned == 0)
        start_head(c);
    char *at = c->block->bytes + c->start;
    switch (request_parse(&c->parser, at, c->end - c->start, &used)) {
    case PARSE_MORE:
        return false;
    case PARSE_BAD:
        refuse(c, c->parser.status, c->parser.reason);
        return false;
    case PARSE_DONE:
        break;
    }
    if (c->stream.request.content_length != 0 && c->start > 0) {
        move_to_front(c);
        c->parser.scanned = 0;
        return true; /* once more, at its new place */
    }
    c->start += (uint32_t)used;
    c->floor = c->start;
    begin_request(c);
    return true;
}

static void deliver(struct connection *c, struct text piece)
{
    c->body_received += (int64_t)piece.len;
    if (!c->live) {
        if (c->body_received > DROP_MAX && c->stream.request.content_length < 0)
            stop_reading(c);
        return;
    }
    if (c->body_received > c->stream.body_max) {
        refuse(c, 413, "The body is too large.");
        return;
    }
    bool more = c->app->on_body(&c->stream, piece);
    if (!more && c->live && !c->closed) {
        c->paused = true;
        c->paused_us = now_us(c);
    }
}

/* A piece of a body whose length is known. */
static void read_known(struct connection *c, struct text piece)
{
    c->body_left -= (int64_t)piece.len;
    deliver(c, piece);
}

static void read_chunked_end(struct connection *c)
{
    c->stream.request.trailers = c->chunked.trailers;
    c->stream.request.trailer_count = c->chunked.trailer_count;
    finish_request(c);
}

/* False when nothing more can be done with what is there. */
static bool read_chunked(struct connection *c)
{
    struct text input = text_from(c->block->bytes + c->start, c->end - c->start), piece;
    enum chunked_result result = chunked_next(&c->chunked, &c->stream.arena, &input, &piece);

    c->start = c->end - (uint32_t)input.len;
    switch (result) {
    case CHUNKED_MORE:
        return false;
    case CHUNKED_BAD:
        if (c->live)
            refuse(c, 400, "The chunked body is malformed.");
        else
            stop_reading(c);
        return false;
    case CHUNKED_PIECE:
        deliver(c, piece);
        return true;
    case CHUNKED_END:
        read_chunked_end(c);
        return true;
    }
    return false;
}

static bool read_body(struct connection *c)
{
    if (c->paused)
        return false;
    if (c->body_left == 0) {
        finish_request(c);
        return true;
    }
    if (c->start == c->end)
        return false;
    if (c->stream.request.content_length < 0)
        return read_chunked(c);
    struct text piece = text_from(c->block->bytes + c->start, c->end - c->start);
    piece = text_slice(piece, 0, (size_t)c->body_left);
    c->start += (uint32_t)piece.len;
    read_known(c, piece);
    return true;
}

static bool next_request(struct connection *c)
{
    if (c->live)
        return false;
    arena_done(&c->stream.arena); /* trailers of a dropped body */
    c->received_us = now_us(c);   /* idle from here */
    c->reading = READ_HEAD;
    c->floor = 0;
    c->parser.scanned = 0;
    return true;
}

static bool advance_once(struct connection *c)
{
    switch (c->reading) {
    case READ_HEAD:
        return read_head(c);
    case READ_BODY:
        return read_body(c);
    case READ_DONE:
        return next_request(c);
    case READ_NOTHING:
    case READ_LINGER:
        return false;
    }
    return false;
}

/* As far as the input goes; not while the client does not take its answers. */
static void advance(struct connection *c)
{
    while (!c->closed && !c->broken) {
        if (c->out.len >= OUT_HIGH && c->reading == READ_HEAD) {
            flush(c);
            if (c->out.len >= OUT_HIGH)
                return;
        }
        if (!advance_once(c))
            return;
    }
}

/* --- input --- */

static void received(struct connection *c, ssize_t count)
{
    if (count > 0)
        c->received_us = now_us(c);
    else if (count == 0)
        c->ended = c->stream.is_half_closed = true;
    else if (errno != EAGAIN && errno != EINTR)
        c->broken = true;
}

/* Makes room behind what is unread and must stay. 0 when there is none. */
static size_t make_room(struct connection *c)
{
    if (!c->block) {
        c->block = http_pool_take_block(c->server->pool);
        c->start = c->end = c->floor = 0;
        c->parser.scanned = 0;
    }
    if (c->start == c->end) {
        c->start = c->end = c->floor;
    } else if (c->end == INPUT_BYTES && c->start > c->floor) {
        memmove(c->block->bytes + c->floor, c->block->bytes + c->start, c->end - c->start);
        c->end -= c->start - c->floor;
        c->start = c->floor;
        if (c->reading == READ_HEAD)
            c->parser.scanned = 0; /* it starts again, its texts have moved */
    }
    return INPUT_BYTES - c->end;
}

static void receive_to_block(struct connection *c)
{
    size_t room = make_room(c);
    if (room == 0)
        return;
    ssize_t count = recv(c->io.fd, c->block->bytes + c->end, room, MSG_DONTWAIT);

    received(c, count);
    if (count > 0)
        c->end += (uint32_t)count;
}

/* A body of known length needs no place to stand: at most its rest is read, and handed
 * on at once. */
static void receive_to_scratch(struct connection *c)
{
    struct http_pool *pool = c->server->pool;
    size_t max = sizeof pool->scratch;
    if ((int64_t)max > c->body_left)
        max = (size_t)c->body_left;
    ssize_t count = recv(c->io.fd, pool->scratch, max, MSG_DONTWAIT);

    received(c, count);
    if (count > 0)
        read_known(c, text_from(pool->scratch, (size_t)count));
}

static void receive_to_drop(struct connection *c)
{
    struct http_pool *pool = c->server->pool;
    ssize_t count = recv(c->io.fd, pool->scratch, sizeof pool->scratch, MSG_DONTWAIT);

    received(c, count);
    c->body_received += count > 0 ? count : 0;
    if (c->body_received > LINGER_BYTES_MAX)
        c->ended = true;
}

static void receive(struct connection *c)
{
    if (c->reading == READ_LINGER)
        receive_to_drop(c);
    else if (c->reading == READ_BODY && c->start == c->end && c->stream.request.content_length > 0)
        receive_to_scratch(c);
    else
        receive_to_block(c);
}

static bool wants_input(const struct connection *c)
{
    if (c->ended || c->broken)
        return false;
    switch (c->reading) {
    case READ_HEAD:
        return c->out.len < OUT_HIGH;
    case READ_BODY:
        return !c->paused;
    case READ_DONE: /* to notice that the client is gone; what comes waits in the block */
        return !c->block || c->end < INPUT_BYTES;
    case READ_NOTHING:
        return false;
    case READ_LINGER:
        return true;
    }
    return false;
}

/* --- after all --- */

/* The end of the input ends what is not complete. Whatever could be done with what is
 * there has been done, unless somebody else holds it up. */
static void meet_end(struct connection *c)
{
    if (c->reading == READ_BODY && !c->paused)
        c->broken = true;
    else if (c->reading == READ_LINGER || (c->reading == READ_HEAD && c->out.len < OUT_HIGH))
        stop_reading(c);
}

/* A close with unread input resets the connection and may take the answer along. */
static bool must_linger(const struct connection *c)
{
    return !c->ended && (c->unread || c->start < c->end);
}

static void finish_closing(struct connection *c)
{
    if (!must_linger(c)) {
        close_now(c);
        return;
    }
    shutdown(c->io.fd, SHUT_WR);
    c->closing = false;
    c->reading = READ_LINGER;
    c->body_received = 0;
    c->linger_us = now_us(c);
    c->start = c->end = c->floor;
}

static void tell_writable(struct connection *c)
{
    c->told_full = false;
    if (!c->app->on_writable)
        return;
    c->entered = true;
    c->app->on_writable(&c->stream);
    c->entered = false;
    if (c->closed)
        return;
    flush(c);
    loop_defer(c->server->loop, &c->task); /* it may wait for the next call already */
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* INT64_MAX without a limit. */
static int64_t limit(int64_t since_us, int64_t limit_ms)
{
    return limit_ms > 0 ? since_us + limit_ms * 1000 : INT64_MAX;
}

static int64_t body_deadline(const struct connection *c)
{
    const struct http_limits *limits = &c->server->limits;
    int64_t idle = limit(c->received_us, limits->body_idle_ms);

    if (limits->body_rate_min == 0)
        return idle;
    int64_t worth_us = c->body_received * 1000000 / limits->body_rate_min;
    int64_t grace_us = worth_us > RATE_GRACE_US ? worth_us : RATE_GRACE_US;
    return earlier(idle, c->body_began_us + grace_us);
}

static int64_t read_deadline(const struct connection *c)
{
    const struct http_limits *limits = &c->server->limits;

    switch (c->reading) {
    case READ_HEAD:
        return c->start < c->end ? limit(c->stream.began_us, limits->head_ms)
                                 : limit(c->received_us, limits->idle_ms);
    case READ_BODY:
        return c->paused ? INT64_MAX : body_deadline(c);
    case READ_LINGER:
        return limit(c->linger_us, LINGER_MS);
    case READ_DONE:
    case READ_NOTHING:
        break;
    }
    return INT64_MAX;
}

static int64_t write_deadline(const struct connection *c)
{
    return c->out.len > 0 ? limit(c->sent_us, c->server->limits.write_idle_ms) : INT64_MAX;
}

static void arm(struct connection *c)
{
    int64_t due_us = earlier(read_deadline(c), write_deadline(c));

    if (due_us == INT64_MAX || (loop_timer_is_set(&c->timer) && c->timer_due_us <= due_us))
        return;
    c->timer_due_us = due_us;
    loop_timer_set(c->server->loop, &c->timer, (due_us - now_us(c) + 999) / 1000);
}

static void release_block(struct connection *c)
{
    if (!c->block || c->live || c->start < c->end || c->reading == READ_BODY)
        return;
    http_pool_give_block(c->server->pool, c->block);
    c->block = NULL;
    c->start = c->end = c->floor = 0;
}

static void note_progress(struct connection *c)
{
    if (c->out.len > 0 && !c->stuck)
        c->sent_us = now_us(c); /* the client's time to take it begins */
    c->stuck = c->out.len > 0;
}

static bool is_idle(const struct connection *c)
{
    return c->reading == READ_HEAD && c->start == c->end && c->out.len == 0;
}

/* Whether the connection is to be closed now. */
static bool is_over(struct connection *c)
{
    if (c->ended && !c->broken)
        meet_end(c);
    return c->broken || (c->server->draining && is_idle(c));
}

static void settle(struct connection *c)
{
    flush(c);
    if (!c->closed && is_over(c))
        close_now(c);
    if (!c->closed && c->told_full && c->out.len <= OUT_LOW)
        tell_writable(c);
    if (!c->closed && c->closing && c->out.len == 0)
        finish_closing(c);
    if (c->closed)
        return;

    if (c->out.len == 0 && c->out.capacity)
        give_up_output(c);
    note_progress(c);
    release_block(c);
    loop_io_watch(&c->io, (wants_input(c) ? LOOP_READ : 0) | (c->out.len > 0 ? LOOP_WRITE : 0));
    arm(c);
}

static void on_ready(struct loop_io *io, int events)
{
    struct connection *c = container_of(io, struct connection, io);

    c->entered = true;
    if (events & LOOP_WRITE)
        flush(c);
    if ((events & LOOP_READ) && wants_input(c))
        receive(c);
    advance(c);
    c->entered = false;
    settle(c);
}

static void on_task(struct loop_task *task)
{
    struct connection *c = container_of(task, struct connection, task);

    c->entered = true;
    flush(c);
    advance(c);
    c->entered = false;
    settle(c);
}

static void expire_read(struct connection *c)
{
    if (c->reading == READ_HEAD && c->start < c->end)
        refuse(c, 408, "The request did not come in time.");
    else if (c->reading == READ_BODY && c->live)
        refuse(c, 408, "The body did not come in time.");
    else
        close_now(c);
}

static void on_timer(struct loop_timer *timer)
{
    struct connection *c = container_of(timer, struct connection, timer);

    c->entered = true;
    if (now_us(c) >= write_deadline(c)) {
        c->reset = true;
        close_now(c);
    } else if (now_us(c) >= read_deadline(c)) {
        expire_read(c);
    }
    c->entered = false;
    settle(c);
}

void connection_open(struct listener *listener, int fd, const struct sockaddr_storage *peer)
{
    struct connection *c = mem_new(struct connection);

    c->server = listener->server;
    c->app = listener->app;
    c->context = listener->context;
    c->stream.peer = *peer;
    c->io.ready = on_ready;
    c->io.closed = on_closed;
    c->timer.fire = on_timer;
    c->task.run = on_task;
    c->received_us = c->sent_us = now_us(c);
    list_push(&c->server->connections, &c->link);
    loop_io_start(c->server->loop, &c->io, fd, LOOP_READ);
    arm(c);
}

void connection_close(struct list *link)
{
    close_now(container_of(link, struct connection, link));
}

void connection_drain(struct list *link)
{
    struct connection *c = container_of(link, struct connection, link);

    if (is_idle(c) && !c->entered)
        close_now(c);
    else
        loop_defer(c->server->loop, &c->task);
}
