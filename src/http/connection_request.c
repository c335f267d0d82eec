/* SPDX-License-Identifier: Apache-2.0 */
#include "http/connection_priv.h"

void connection_stop_reading(struct connection *c)
{
    c->closing = true;
    c->unread = c->reading != READ_DONE;
    c->reading = READ_NOTHING;
}

static void start_head(struct connection *c)
{
    request_parser_init(&c->parser, &c->stream.request, c->block->fields);
    c->stream.began_us = connection_now_us(c);
}

static void init_stream(struct connection *c)
{
    struct http_stream *stream = &c->stream;

    stream->transport = &connection_transport;
    stream->compress = NULL;
    stream->app = c->app;
    stream->owner = NULL;
    stream->is_half_closed = c->ended;
    stream->body_max = c->server->limits.body_max;
    stream->status = 0;
    stream->sent_bytes = 0;
    stream->joins_next = false;
    stream->arena = http_pool_take_arena(c->server->pool);
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
        c->stream.app->on_end(&c->stream);
}

static void ask_for_body(struct connection *c)
{
    c->expecting = false;
    if (c->start == c->end && c->writing == WRITE_NONE)
        buffer_add_literal(connection_output(c), "HTTP/1.1 100 Continue\r\n\r\n");
}

static void begin_request(struct connection *c)
{
    const struct http_request *request = &c->stream.request;

    c->reading = READ_BODY;
    c->chunked = (struct chunked){0};
    c->body_left = request->content_length;
    c->body_received = 0;
    c->body_began_us = connection_now_us(c);
    c->keep_alive = c->parser.keep_alive;
    c->has_served = true;
    c->expecting = c->parser.expect_continue && request->content_length != 0;
    if (request->content_length == 0)
        c->reading = READ_DONE; /* an answer within on_request ends a complete request */
    init_stream(c);
    request_target_encode(&c->stream.request, &c->stream.arena);
    c->live = true;
    c->app->on_request(&c->stream);
    if (!c->live || c->closed)
        return;
    if (request->content_length > c->stream.body_max)
        connection_refuse(c, 413, "The body is too large.");
    else if (request->content_length == 0)
        finish_request(c);
    else if (c->expecting)
        ask_for_body(c);
}

/* A plain connection that begins like HTTP/2 is (RFC 9113 3.3). PARSE_BAD: it does not. */
static enum parse_result look_for_preface(struct connection *c)
{
    static const struct text preface = TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    struct text start = text_from(c->block->bytes + c->start, c->end - c->start);

    if (c->has_served || c->wire.ssl || start.at[0] != 'P' ||
        !text_starts(preface, text_slice(start, 0, preface.len)))
        return PARSE_BAD;
    if (c->stream.began_us == 0) /* one deadline, however it trickles in */
        c->stream.began_us = connection_now_us(c);
    return start.len < preface.len ? PARSE_MORE : PARSE_DONE;
}

/* False when nothing more can be done with what is there. */
static bool read_head(struct connection *c)
{
    size_t used;

    if (c->start == c->end)
        return false;
    if (c->parser.scanned == 0) {
        enum parse_result preface = look_for_preface(c);
        if (preface == PARSE_DONE)
            connection_h2_begin(c);
        if (preface != PARSE_BAD)
            return false;
        start_head(c);
    }
    char *at = c->block->bytes + c->start;
    switch (request_parse(&c->parser, at, c->end - c->start, &used)) {
    case PARSE_MORE:
        return false;
    case PARSE_BAD:
        connection_refuse(c, c->parser.status, c->parser.reason);
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
            connection_stop_reading(c);
        return;
    }
    if (c->body_received > c->stream.body_max) {
        connection_refuse(c, 413, "The body is too large.");
        return;
    }
    bool more = c->stream.app->on_body(&c->stream, piece);
    if (!more && c->live && !c->closed) {
        c->paused = true;
        c->paused_us = connection_now_us(c);
    }
}

void connection_read_known(struct connection *c, struct text piece)
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
            connection_refuse(c, 400, "The chunked body is malformed.");
        else
            connection_stop_reading(c);
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
    connection_read_known(c, piece);
    return true;
}

/* False when nothing more can be done with what is there. */
static bool read_tunnel(struct connection *c)
{
    if (c->paused || c->start == c->end)
        return false;
    struct text piece = text_from(c->block->bytes + c->start, c->end - c->start);
    c->start = c->end;
    deliver(c, piece);
    return true;
}

static bool next_request(struct connection *c)
{
    if (c->live)
        return false;
    arena_done(&c->stream.arena);          /* trailers of a dropped body */
    c->received_us = connection_now_us(c); /* idle from here */
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
    case READ_TUNNEL:
        return read_tunnel(c);
    case READ_NOTHING:
    case READ_LINGER:
        return false;
    }
    return false;
}

void connection_advance(struct connection *c)
{
    while (!c->closed && !c->broken && !c->h2) {
        if (c->out.len >= OUT_HIGH && c->reading == READ_HEAD) {
            connection_flush(c);
            if (c->out.len >= OUT_HIGH)
                return;
        }
        if (!advance_once(c))
            return;
    }
}
