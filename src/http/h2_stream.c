/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "http/field.h"
#include "http/h2_priv.h"
#include "http/request_parser.h"

#define DROPPED_MAX (4 * HTTP_HEAD_BYTES_MAX) /* of a head that is refused already */

static struct h2_stream *find(struct h2 *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}

void h2_stream_end(struct h2_stream *s, bool reset)
{
    s->live = s->paused = s->told_full = false;
    s->h2->tunnel_count -= s->switched;
    list_remove(&s->writable);
    s->stream.app->on_close(&s->stream, reset);
    buffer_done(&s->in);
}

void h2_stream_free(struct h2_stream *s)
{
    if (s->live)
        h2_stream_end(s, true);
    s->h2->unsent -= (int64_t)s->out.len;
    s->h2->open_count--;
    list_remove(&s->link);
    list_remove(&s->writable);
    buffer_done(&s->in);
    buffer_done(&s->out);
    http_pool_give_arena(s->h2->connection->server->pool, &s->stream.arena);
    free(s);
}

/* --- heads --- */

/* The stream is reset; no more of its head is looked at. */
static int drop_head(struct h2 *h2)
{
    h2->head_us = 0;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;
    struct connection *c = h2->connection;

    h2->head_us = connection_now_us(c);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (h2->unsent > H2_UNSENT_MAX || h2_is_over(h2))
        return drop_head(h2);
    struct h2_stream *s = mem_new(struct h2_stream);
    s->h2 = h2;
    s->id = frame->hd.stream_id;
    s->stream = (struct http_stream){
        .transport = &h2_transport,
        .app = c->app,
        .context = c->stream.context,
        .loop = c->stream.loop,
        .peer = c->stream.peer,
        .port = c->stream.port,
        .tls = c->stream.tls,
        .began_us = h2->head_us,
        .body_max = c->server->limits.body_max,
        .arena = http_pool_take_arena(c->server->pool),
    };
    s->fields = arena_alloc(&s->stream.arena, HTTP_FIELDS_MAX * sizeof *s->fields);
    list_push(&h2->streams, &s->link);
    h2->open_count++;
    nghttp2_session_set_stream_user_data(session, s->id, s);
    return 0;
}

static int refuse_later(struct h2_stream *s, int status, const char *reason)
{
    if (!s->refusal) {
        s->refusal = status;
        s->reason = reason;
    }
    return 0;
}

static int add_pseudo(struct h2_stream *s, struct text name, struct text value)
{
    struct http_request *request = &s->stream.request;

    value = arena_copy(&s->stream.arena, value);
    if (text_equal(name, TEXT(":method")))
        request->method_text = value;
    else if (text_equal(name, TEXT(":path")))
        request->target = value;
    else if (text_equal(name, TEXT(":scheme")))
        s->scheme = value;
    else if (text_equal(name, TEXT(":authority")))
        s->authority = value;
    else if (text_equal(name, TEXT(":protocol")))
        request->tunnel = value;
    else
        return refuse_later(s, 501, "This pseudo-header is not served.");
    return 0;
}

/* Cookies may come in crumbs (RFC 9113 8.2.3), hundreds of a byte each. Room is made for as many
 * again, so that not each of them leaves a copy of all before it in the arena. */
static int add_cookie(struct h2_stream *s, struct text crumb)
{
    struct text separator = s->cookie_len > 0 ? TEXT("; ") : TEXT("");
    size_t len = s->cookie_len + separator.len + crumb.len;

    if (len > s->cookie_room) {
        s->cookie_room = 2 * len;
        char *moved = arena_alloc(&s->stream.arena, s->cookie_room);
        s->cookie = memcpy(moved, s->cookie ? s->cookie : "", s->cookie_len);
    }
    if (len > 0)
        memcpy(mempcpy(s->cookie + s->cookie_len, separator.at, separator.len), crumb.at,
               crumb.len);
    s->cookie_len = len;
    return 0;
}

static int add_field(struct h2_stream *s, struct text name, struct text value)
{
    const struct http_field field = {name, text_trim(value)};

    if (!field_is_clean(&field))
        return refuse_later(s, 400, "A header is malformed.");
    if (text_contains(name, '_'))
        return field_looks_like(name, TEXT("content-length")) ||
                       field_looks_like(name, TEXT("transfer-encoding"))
                   ? refuse_later(s, 400, "A header looks like one that frames the body.")
                   : 0;
    if (text_equal(name, TEXT("cookie")))
        return add_cookie(s, field.value);
    if (s->field_count >= HTTP_FIELDS_MAX - 2) /* host and cookie join them */
        return refuse_later(s, 431, "There are too many headers.");
    struct http_field *kept = &s->fields[s->field_count++];
    kept->name = arena_copy(&s->stream.arena, name);
    kept->value = arena_copy(&s->stream.arena, field.value);
    if (text_equal(name, TEXT("host"))) {
        s->host = kept->value;
        s->field_count--; /* put back with the authority */
    } else if (text_equal(name, TEXT("content-length"))) {
        s->has_length = text_to_int(kept->value, 0, INT64_MAX, &s->stream.request.content_length);
    } else if (text_equal(name, TEXT("expect"))) {
        if (!text_equal_nocase(kept->value, TEXT("100-continue")))
            return refuse_later(s, 417, "Only \"100-continue\" can be expected.");
        s->expecting = true;
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name_at,
                     size_t name_len, const uint8_t *value_at, size_t value_len, uint8_t flags,
                     void *arg)
{
    struct h2_stream *s = find(arg, frame->hd.stream_id);
    struct text name = text_from(name_at, name_len), value = text_from(value_at, value_len);

    if (!s || h2_is_over(arg))
        return 0;
    s->head_bytes += name_len + value_len + 32; /* RFC 9113 6.5.2 */
    if (s->head_bytes > DROPPED_MAX)
        return drop_head(arg);
    if (s->head_bytes > HTTP_HEAD_BYTES_MAX + HTTP_FIELDS_MAX * 32)
        return refuse_later(s, 431, "The headers are too long.");
    if (s->has_head) {
        if (s->live)
            add_field(s, name, value);
        return 0;
    }
    return name_len > 0 && name.at[0] == ':' ? add_pseudo(s, name, value)
                                             : add_field(s, name, value);
}

/* RFC 9113 8.2.1: such a request is malformed. The library would leave the field out. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    return drop_head(arg);
}

static bool read_host(struct h2_stream *s)
{
    struct http_request *request = &s->stream.request;

    if (text_is_set(s->authority) && text_is_set(s->host) &&
        !text_equal_nocase(s->authority, s->host))
        return false;
    request->host = text_is_set(s->authority) ? s->authority : s->host;
    s->fields[s->field_count++] = (struct http_field){TEXT("host"), request->host};
    return field_is_host(request->host);
}

/* An extended CONNECT (RFC 8441) is read as the GET that asks for the same by HTTP/1.1. */
static void read_method(struct h2_stream *s)
{
    struct http_request *request = &s->stream.request;
    bool is_tunnel = text_is_set(request->tunnel);

    if (text_equal(request->method_text, TEXT("CONNECT")) &&
        !(is_tunnel && s->stream.app->takes_tunnels))
        refuse_later(s, 501, "CONNECT is not served.");
    else if (is_tunnel && (s->has_length || s->ended_in))
        refuse_later(s, 400, "A tunnel has no body, and a client that sends.");
    if (is_tunnel)
        request->method_text = TEXT("GET");
    request->method = request_method_find(request->method_text);
}

static void read_head(struct h2_stream *s)
{
    struct http_request *request = &s->stream.request;

    read_method(s);
    if (!field_is_token(request->method_text))
        refuse_later(s, 400, "The method is malformed.");
    else if (!text_equal(s->scheme, TEXT("http")) && !text_equal(s->scheme, TEXT("https")))
        refuse_later(s, 400, "The scheme is neither http nor https.");
    else if (request->target.len == 0 ||
             (request->target.at[0] != '/' && !text_equal(request->target, TEXT("*"))) ||
             !request_target_read(request))
        refuse_later(s, 400, "The request target is malformed.");
    else if (!read_host(s))
        refuse_later(s, 400, "The authority is malformed.");
    else
        request_target_encode(request, &s->stream.arena);
    if (s->cookie_len > 0)
        s->fields[s->field_count++] =
            (struct http_field){TEXT("cookie"), text_from(s->cookie, s->cookie_len)};
    request->fields = s->fields;
    request->field_count = s->field_count;
    if (!s->has_length)
        request->content_length = s->ended_in || text_is_set(request->tunnel) ? 0 : -1;
}

static void finish_request(struct h2_stream *s)
{
    s->told_end = true;
    if (s->field_count > s->stream.request.field_count) {
        s->stream.request.trailers = s->fields + s->stream.request.field_count;
        s->stream.request.trailer_count = s->field_count - s->stream.request.field_count;
    }
    s->stream.app->on_end(&s->stream);
}

static void ask_for_body(struct h2_stream *s)
{
    nghttp2_nv nv = {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "100", 7, 3,
                     NGHTTP2_NV_FLAG_NONE};

    if (s->expecting && s->live && !s->ended_in && s->received == 0 && s->writing == WRITE_NONE)
        (void)nghttp2_submit_headers(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, &nv, 1, NULL);
}

static void begin_request(struct h2_stream *s, bool ended)
{
    struct h2 *h2 = s->h2;

    s->has_head = true;
    s->ended_in = ended;
    read_head(s);
    s->received_us = s->body_began_us = connection_now_us(h2->connection);
    if (s->refusal) {
        h2_refuse(s, s->refusal, s->reason);
        return;
    }
    if (++h2->requests == H2_REQUESTS_MAX)
        h2_go_away(h2);
    s->live = true;
    s->paused = text_is_set(s->stream.request.tunnel); /* what comes waits for the answer */
    s->stream.app->on_request(&s->stream);
    if (!s->live)
        return;
    if (s->paused)
        finish_request(s);
    else if (s->stream.request.content_length > s->stream.body_max)
        h2_refuse(s, 413, "The body is too large.");
    else
        ask_for_body(s);
}

/* --- bodies --- */

static void consume(struct h2_stream *s, size_t count)
{
    (void)nghttp2_session_consume_stream(s->h2->session, s->id, count);
}

static void deliver(struct h2_stream *s, struct text piece)
{
    if (!s->stream.app->on_body(&s->stream, piece) && s->live)
        s->paused = true;
}

void h2_stream_advance(struct h2_stream *s)
{
    while (s->live && !s->paused && s->in.len > 0) {
        struct buffer all = buffer_take(&s->in);
        size_t len = all.len;
        deliver(s, buffer_text(&all));
        buffer_done(&all);
        if (!s->ended_in)
            consume(s, len);
    }
    if (s->live && !s->paused && s->ended_in && !s->told_end)
        finish_request(s);
    else if (s->live && !s->paused && s->ended_in && s->switched)
        h2_hang_up(s);
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *at,
                    size_t len, void *arg)
{
    struct h2 *h2 = arg;
    struct h2_stream *s = find(h2, id);

    (void)nghttp2_session_consume_connection(session, len);
    if (!s || h2->connection->closed)
        return 0;
    s->received += (int64_t)len;
    s->received_us = connection_now_us(h2->connection);
    if (!s->live) {
        consume(s, len);
        return 0;
    }
    if (s->received > s->stream.body_max) {
        h2_refuse(s, 413, "The body is too large.");
        consume(s, len);
        return 0;
    }
    if (s->paused) {
        buffer_add(&s->in, at, len); /* no more than the stream's window */
        return 0;
    }
    deliver(s, text_from(at, len));
    consume(s, len);
    return 0;
}

/* --- frames --- */

/* Leaving an id out closes it (RFC 9113 5.1.1); the library would ignore its later use. */
static void check_id(struct h2 *h2, int32_t id)
{
    if (id > h2->last_id) {
        int32_t next = h2->last_id > 0 ? h2->last_id + 2 : 1;
        if (id > next) {
            h2->gap_from = next;
            h2->gap_to = id - 2;
        }
        h2->last_id = id;
        return;
    }
    if (id < h2->gap_from || id > h2->gap_to)
        return;
    h2->over = true;
    (void)nghttp2_session_terminate_session(h2->session, NGHTTP2_PROTOCOL_ERROR);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *arg)
{
    struct h2 *h2 = arg;

    h2->strange = 0;
    switch (head->type) {
    case NGHTTP2_HEADERS:
        if (head->stream_id <= h2->last_id) /* trailers; or of a stream that is closed */
            h2_charge(h2, 5);
        check_id(h2, head->stream_id);
        break;
    case NGHTTP2_DATA:
        if (head->length == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM))
            h2_charge(h2, 5);
        break;
    case NGHTTP2_CONTINUATION:
        h2_charge(h2, 2);
        break;
    case NGHTTP2_RST_STREAM:
        h2_charge(h2, 5);
        break;
    case NGHTTP2_SETTINGS:
        h2_charge(h2, 10);
        break;
    case NGHTTP2_PING:
        h2_charge(h2, 2);
        break;
    default: /* PRIORITY, WINDOW_UPDATE, GOAWAY */
        h2_charge(h2, 1);
        break;
    }
    return 0;
}

/* Whether a frame of DATA that is not empty has nothing in it. */
static bool is_padding(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0 &&
           frame->hd.length == frame->data.padlen && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;
    bool is_head = frame->hd.type == NGHTTP2_HEADERS;

    if (is_head)
        h2->head_us = 0;
    if (is_padding(frame))
        h2_charge(h2, 5);
    h2->said_farewell |= frame->hd.type == NGHTTP2_GOAWAY;
    if (!is_head && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_stream *s = find(h2, frame->hd.stream_id);
    if (!s || h2->connection->closed)
        return 0;
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (is_head && !s->has_head)
        begin_request(s, ended);
    s->ended_in |= ended;
    if (s->ended_in && !h2->connection->closed)
        h2_stream_advance(s);
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code,
                            void *arg)
{
    if (frame->hd.type == NGHTTP2_HEADERS)
        ((struct h2 *)arg)->head_us = 0;
    h2_charge(arg, 5);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    struct h2 *h2 = arg;
    struct h2_stream *s = find(h2, id);

    if (!s)
        return 0;
    h2->connection->received_us = connection_now_us(h2->connection); /* idle from here */
    nghttp2_session_set_stream_user_data(session, id, NULL);
    h2_stream_free(s);
    return 0;
}

void h2_set_request_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
