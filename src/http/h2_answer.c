/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field.h"
#include "http/h2_priv.h"

#define OWN_FIELDS 3 /* :status, date, content-length */

static struct h2_stream *of_stream(struct http_stream *stream)
{
    struct h2_stream *s = container_of(stream, struct h2_stream, stream);

    assert(s->live);
    return s;
}

static nghttp2_nv pair(struct text name, struct text value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.at, (uint8_t *)(uintptr_t)value.at, name.len,
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

static struct text lower(struct arena *arena, struct text name)
{
    char *low = arena_string(arena, name);

    for (size_t i = 0; i < name.len; i++)
        if (low[i] >= 'A' && low[i] <= 'Z')
            low[i] |= 0x20;
    return text_from(low, name.len);
}

/* The application's fields but those of the connection and those that are not clean. */
static size_t put_fields(nghttp2_nv *out, struct arena *arena, const struct http_field *fields,
                         size_t count, bool *ret_has_date)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (response_field_is_ours(fields[i].name) || !field_is_clean(&fields[i]))
            continue;
        *ret_has_date |= text_equal_nocase(fields[i].name, TEXT("date"));
        out[used++] = pair(lower(arena, fields[i].name), text_trim(fields[i].value));
    }
    return used;
}

/* --- out of a stream: nghttp2 asks for bytes when windows allow --- */

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t max,
                       uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct h2_stream *s = source->ptr;
    size_t count = s->out.len < max ? s->out.len : max;

    if (count == 0 && !s->answered) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!s->answered || count < s->out.len)
        return (ssize_t)count;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s->trailer_count > 0) {
        nghttp2_nv *nv = arena_alloc(&s->stream.arena, s->trailer_count * sizeof *nv);
        bool has_date = false;
        size_t used = put_fields(nv, &s->stream.arena, s->trailers, s->trailer_count, &has_date);
        if (used > 0 && nghttp2_submit_trailer(session, id, nv, used) == 0)
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
    return (ssize_t)count;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t len, nghttp2_data_source *source, void *arg)
{
    struct h2 *h2 = arg;
    struct h2_stream *s = source->ptr;
    struct buffer *out = connection_output(h2->connection);

    if (out->len >= OUT_HIGH)
        return NGHTTP2_ERR_WOULDBLOCK;
    buffer_add(out, head, 9);
    buffer_add(out, s->out.at, len);
    buffer_consume(&s->out, len);
    h2->unsent -= (int64_t)len;
    s->sent_since += (int64_t)len;
    if (s->sent_since >= H2_PROGRESS) {
        s->sent_us = connection_now_us(h2->connection);
        s->sent_since = 0;
    }
    h2_earn(h2, 2);
    if (s->told_full && s->out.len <= OUT_LOW && !list_linked(&s->writable))
        list_push(&h2->writable, &s->writable);
    return 0;
}

/* A request that was answered before its end: the rest is not wanted (RFC 9113 8.1). Resets
 * of ours that the client caused cost it: it had a request read for nothing. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h2 = arg;

    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR)
            h2_charge(h2, frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM ? 5 : 10);
        return 0;
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        struct h2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (s && s->switched) /* a last word of the client's may come */
            s->sent_us = connection_now_us(h2->connection);
        else if (s && !s->ended_in)
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    }
    return 0;
}

void h2_set_answer_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
}

/* --- what the application calls --- */

static void put_head(struct h2_stream *s, int status, const struct http_field *fields, size_t count,
                     int64_t length, bool has_body)
{
    struct arena *arena = &s->stream.arena;
    nghttp2_nv *nv = arena_alloc(arena, (count + OWN_FIELDS) * sizeof *nv);
    const nghttp2_data_provider provider = {.source.ptr = s, .read_callback = on_read};
    bool has_date = false;

    assert(s->writing == WRITE_NONE);
    s->stream.status = status < 200 || status > 999 ? 500 : status;
    size_t used = put_fields(nv + 1, arena, fields, count, &has_date) + 1;
    nv[0] = pair(TEXT(":status"), text_of(arena_format(arena, "%d", s->stream.status)));
    if (!has_date)
        nv[used++] = pair(TEXT("date"), http_pool_date(s->h2->connection->server->pool));
    if (length >= 0 && !response_has_no_body(s->stream.status))
        nv[used++] =
            pair(TEXT("content-length"), text_of(arena_format(arena, "%lld", (long long)length)));
    s->writing = !has_body ? WRITE_NO_BODY : length >= 0 ? WRITE_LENGTH : WRITE_CHUNKED;
    s->write_left = length;
    s->sent_us = connection_now_us(s->h2->connection);
    (void)nghttp2_submit_response(s->h2->session, s->id, nv, used, has_body ? &provider : NULL);
}

static bool may_have_body(const struct h2_stream *s, int status)
{
    return !response_has_no_body(status) && s->stream.request.method != METHOD_HEAD;
}

static void put_body(struct h2_stream *s, struct text body)
{
    if (s->out.len == 0) { /* the client had nothing to take before */
        s->sent_us = connection_now_us(s->h2->connection);
        s->sent_since = 0;
    }
    s->stream.sent_bytes += (int64_t)body.len;
    s->h2->unsent += (int64_t)body.len;
    buffer_add_text(&s->out, body);
    if (s->deferred) {
        s->deferred = false;
        (void)nghttp2_session_resume_data(s->h2->session, s->id);
    }
}

/* The answer is complete; the stream closes when it is sent. */
static void finish(struct h2_stream *s, bool reset)
{
    struct h2 *h2 = s->h2;

    s->answered = true;
    if (s->deferred) {
        s->deferred = false;
        (void)nghttp2_session_resume_data(h2->session, s->id);
    }
    h2_earn(h2, 10);
    h2_stream_end(s, reset);
    h2_left(h2);
}

/* Any 2xx would tell the client that its tunnel is there. */
static int status_of(const struct h2_stream *s, int status)
{
    return text_is_set(s->stream.request.tunnel) && status / 100 == 2 ? 501 : status;
}

static void switch_to(struct http_stream *stream, struct text protocol,
                      const struct http_field *fields, size_t count)
{
    struct h2_stream *s = of_stream(stream);

    assert(text_is_set(stream->request.tunnel) && s->told_end);
    put_head(s, 200, fields, count, /* length= */ -1, /* has_body= */ true);
    s->writing = WRITE_TUNNEL;
    s->switched = true;
    s->paused = false;
    s->h2->tunnel_count++;
    stream->body_max = INT64_MAX;
    loop_defer(stream->loop, &s->h2->connection->task); /* hands on what waits */
}

static void respond(struct http_stream *stream, int status, const struct http_field *fields,
                    size_t count, struct text body)
{
    struct h2_stream *s = of_stream(stream);

    status = status_of(s, status);
    bool has_body = may_have_body(s, status) && body.len > 0;

    put_head(s, status, fields, count, (int64_t)body.len, has_body);
    if (has_body)
        put_body(s, body);
    finish(s, false);
}

static void begin(struct http_stream *stream, int status, const struct http_field *fields,
                  size_t count, int64_t content_length)
{
    struct h2_stream *s = of_stream(stream);

    status = status_of(s, status);
    put_head(s, status, fields, count, content_length, may_have_body(s, status));
    h2_left(s->h2);
}

static bool write_piece(struct http_stream *stream, struct text chunk)
{
    struct h2_stream *s = of_stream(stream);

    assert(s->writing != WRITE_NONE);
    if (s->writing == WRITE_LENGTH && (int64_t)chunk.len > s->write_left)
        chunk.len = (size_t)s->write_left;
    if (chunk.len == 0 || s->writing == WRITE_NO_BODY)
        return true;
    put_body(s, chunk);
    s->write_left -= s->writing == WRITE_LENGTH ? (int64_t)chunk.len : 0;
    s->told_full = s->out.len >= OUT_HIGH;
    h2_left(s->h2);
    return !s->told_full;
}

static void cut(struct http_stream *stream)
{
    struct h2_stream *s = of_stream(stream);
    struct h2 *h2 = s->h2;

    h2_earn(h2, 10); /* our own doing */
    (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
    h2_stream_end(s, true);
    h2_left(h2);
}

static void end(struct http_stream *stream, const struct http_field *trailers, size_t count)
{
    struct h2_stream *s = of_stream(stream);

    assert(s->writing != WRITE_NONE);
    if (s->writing == WRITE_LENGTH && s->write_left > 0) {
        cut(stream);
        return;
    }
    if (s->writing == WRITE_CHUNKED && count > 0) {
        struct arena *arena = &s->stream.arena;
        s->trailers = arena_alloc(arena, count * sizeof *s->trailers);
        for (size_t i = 0; i < count; i++)
            s->trailers[i] = (struct http_field){arena_copy(arena, trailers[i].name),
                                                 arena_copy(arena, trailers[i].value)};
        s->trailer_count = count;
    }
    finish(s, false);
}

static void resume(struct http_stream *stream)
{
    struct h2_stream *s = of_stream(stream);

    if (!s->paused)
        return;
    s->paused = false;
    s->received_us = s->body_began_us = connection_now_us(s->h2->connection);
    loop_defer(stream->loop, &s->h2->connection->task); /* hands on what waits */
}

void h2_hang_up(struct h2_stream *s)
{
    finish(s, true);
}

void h2_refuse(struct h2_stream *s, int status, const char *reason)
{
    static const struct http_field fields[] = {
        {TEXT("content-type"), TEXT("text/plain; charset=utf-8")},
    };
    const struct http_app *app = s->h2->connection->app;
    struct text body = text_of(reason);

    if (s->writing != WRITE_NONE) {
        if (s->live)
            cut(&s->stream);
        return;
    }
    h2_charge(s->h2, 10);
    bool has_body = may_have_body(s, status);
    put_head(s, status, fields, COUNT_OF(fields), (int64_t)body.len, has_body);
    if (has_body)
        put_body(s, body);
    s->answered = true;
    if (s->live)
        h2_stream_end(s, true);
    else if (app->on_refused)
        app->on_refused(&s->stream, reason);
}

const struct http_transport h2_transport = {
    .switch_to = switch_to,
    .respond = respond,
    .begin = begin,
    .write = write_piece,
    .end = end,
    .abort = cut,
    .resume = resume,
};
