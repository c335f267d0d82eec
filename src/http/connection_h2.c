/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/mem.h"
#include "http/h2_priv.h"

#define TICK_MS 1000 /* how exact the deadlines of streams are */

/* --- what a client may cause --- */

void h2_charge(struct h2 *h2, int cost)
{
    h2->allowance -= cost;
    if (h2->allowance >= 0 || h2->over)
        return;
    int64_t now_us = connection_now_us(h2->connection);
    h2->allowance += (now_us - h2->allowance_us) * H2_ALLOWANCE_PER_S / 1000000;
    h2->allowance_us = now_us;
    if (h2->allowance > H2_ALLOWANCE)
        h2->allowance = H2_ALLOWANCE;
    if (h2->allowance >= 0)
        return;
    h2->over = true;
    (void)nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

void h2_earn(struct h2 *h2, int worth)
{
    h2->allowance += worth;
    if (h2->allowance > H2_ALLOWANCE)
        h2->allowance = H2_ALLOWANCE;
}

bool h2_is_over(const struct h2 *h2)
{
    return h2->over || h2->connection->closed;
}

/* Streams that are open are still answered. */
void h2_go_away(struct h2 *h2)
{
    (void)nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h2->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

/* --- in and out --- */

static void take_in(struct h2 *h2, const char *at, size_t len)
{
    h2->strange += len;
    ssize_t used = nghttp2_session_mem_recv(h2->session, (const uint8_t *)at, len);

    /* Too many CONTINUATION frames, acknowledgements unsent, no HTTP/2; or nothing known. */
    if (used < 0 || h2->strange > H2_STRANGE_MAX)
        h2->over = true;
}

static void receive(struct h2 *h2)
{
    struct connection *c = h2->connection;
    struct http_pool *pool = c->server->pool;
    ssize_t count = wire_receive(&c->wire, pool->scratch, sizeof pool->scratch);

    if (count > 0)
        take_in(h2, pool->scratch, (size_t)count);
    else if (count == 0)
        c->ended = true;
    else if (errno != EAGAIN && errno != EINTR)
        c->broken = true;
}

/* Frames into `out`, as long as the client takes them. */
static void send_all(struct h2 *h2)
{
    struct connection *c = h2->connection;

    for (;;) {
        const uint8_t *at;
        ssize_t count = 1;
        while (c->out.len < OUT_HIGH && !c->closed &&
               (count = nghttp2_session_mem_send(h2->session, &at)) > 0)
            buffer_add(connection_output(c), at, (size_t)count);
        if (count < 0)
            c->broken = true;
        size_t before = c->out.len;
        connection_flush(c);
        if (c->closed || c->broken || c->out.len > 0 || before < OUT_HIGH)
            return;
    }
}

static void tell_writable(struct h2 *h2)
{
    for (struct list *node; (node = list_pop(&h2->writable));) {
        struct h2_stream *s = container_of(node, struct h2_stream, writable);
        s->told_full = false;
        if (s->live && s->stream.app->on_writable)
            s->stream.app->on_writable(&s->stream);
    }
}

/* --- deadlines --- */

static bool is_late(int64_t now_us, int64_t since_us, int64_t limit_ms)
{
    return limit_ms > 0 && now_us >= since_us + limit_ms * 1000;
}

static bool body_is_late(const struct h2_stream *s, const struct http_limits *limits,
                         int64_t now_us)
{
    if (!s->live || s->ended_in || s->paused || s->switched)
        return false;
    if (is_late(now_us, s->received_us, limits->body_idle_ms))
        return true;
    int64_t worth_us =
        limits->body_rate_min > 0 ? s->received * 1000000 / limits->body_rate_min : INT64_MAX / 2;
    int64_t grace_us = limits->rate_grace_ms * 1000;
    return now_us >= s->body_began_us + (worth_us > grace_us ? worth_us : grace_us);
}

static bool lingers_too_long(const struct h2_stream *s, int64_t now_us)
{
    return s->switched && !s->live && s->out.len == 0 && is_late(now_us, s->sent_us, H2_LINGER_MS);
}

static void check_stream(struct h2_stream *s, const struct http_limits *limits, int64_t now_us)
{
    if (lingers_too_long(s, now_us)) {
        (void)nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    } else if (s->out.len > 0 && is_late(now_us, s->sent_us, limits->write_idle_ms)) {
        (void)nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
        if (s->live)
            h2_stream_end(s, true);
    } else if (body_is_late(s, limits, now_us)) {
        h2_refuse(s, 408, "The body did not come in time.");
    }
}

/* Whether the connection is to be closed. */
static bool is_expired(struct h2 *h2, int64_t now_us)
{
    struct connection *c = h2->connection;
    const struct http_limits *limits = &c->server->limits;

    if (now_us >= connection_take_deadline(c) && connection_takes_little(c))
        return true;
    if (h2->head_us && is_late(now_us, h2->head_us, limits->head_ms))
        return true;
    return list_empty(&h2->streams) && is_late(now_us, c->received_us, limits->idle_ms);
}

/* Nothing but tunnels without anything to send: their time is the application's. */
static bool is_quiet(const struct h2 *h2)
{
    return h2->open_count > 0 && h2->open_count == h2->tunnel_count && h2->unsent == 0 &&
           h2->connection->out.len == 0 && !h2->head_us;
}

static void arm(struct h2 *h2)
{
    struct connection *c = h2->connection;

    if (is_quiet(h2))
        return;
    bool is_idle = list_empty(&h2->streams) && c->out.len == 0 && !h2->head_us;
    int64_t idle_ms = c->server->limits.idle_ms;

    if (loop_timer_is_set(&c->timer) && (is_idle || c->timer_due_us == 0))
        return;
    c->timer_due_us = is_idle; /* whether it is the long one */
    int64_t spent_ms = (connection_now_us(c) - c->received_us) / 1000;
    if (!is_idle || idle_ms > 0)
        loop_timer_set(c->server->loop, &c->timer,
                       !is_idle             ? TICK_MS
                       : spent_ms < idle_ms ? idle_ms - spent_ms
                                            : 1);
}

/* --- events --- */

/* Nothing more can come of it: without the client's half nobody can widen windows any more. */
static bool is_cut_off(const struct h2 *h2)
{
    const struct connection *c = h2->connection;

    return c->broken || h2->over || c->ended;
}

static bool is_finished(const struct h2 *h2)
{
    const struct connection *c = h2->connection;

    return c->out.len == 0 && !nghttp2_session_want_read(h2->session) &&
           !nghttp2_session_want_write(h2->session);
}

void h2_settle(struct connection *c)
{
    struct h2 *h2 = c->h2;

    send_all(h2);
    while (!c->closed && !c->broken && !list_empty(&h2->writable)) {
        h2->entered = true;
        tell_writable(h2);
        h2->entered = false;
        send_all(h2);
    }
    if (c->closed)
        return;
    /* What a client sends behind its GOAWAY must not reset the connection, and so take away
     * what it has not read. A flood, which the library ends, has no such claim. */
    if (!is_cut_off(h2) && is_finished(h2) && h2->said_farewell) {
        connection_leave_h2(c);
        return;
    }
    if (is_cut_off(h2) || is_finished(h2)) {
        connection_close_now(c);
        return;
    }
    if (c->out.len == 0 && c->out.capacity)
        http_pool_give_output(c->server->pool, &c->out);
    connection_note_unsent(c, (int64_t)c->out.len + h2->unsent);
    if (c->closed)
        return;
    bool wanted = c->out.len < OUT_HIGH && !c->ended;
    loop_io_watch(&c->io, (wanted ? LOOP_READ : 0) |
                              (c->out.len > 0 || c->wire.wants_write ? LOOP_WRITE : 0));
    if (wanted && wire_has_input(&c->wire))
        loop_defer(c->server->loop, &c->task);
    arm(h2);
}

static void on_ready(struct loop_io *io, int events)
{
    struct connection *c = container_of(io, struct connection, io);
    struct h2 *h2 = c->h2;

    h2->entered = true;
    if (events & LOOP_WRITE)
        connection_flush(c);
    if (((events & LOOP_READ) || c->wire.wants_write) && c->out.len < OUT_HIGH && !c->ended)
        receive(h2);
    h2->entered = false;
    if (!c->closed)
        h2_settle(c);
}

static void advance_all(struct h2 *h2)
{
    list_each (node, &h2->streams)
        h2_stream_advance(container_of(node, struct h2_stream, link));
}

static void on_task(struct loop_task *task)
{
    struct connection *c = container_of(task, struct connection, task);
    struct h2 *h2 = c->h2;

    h2->entered = true;
    advance_all(h2);
    if (!c->closed && wire_has_input(&c->wire) && c->out.len < OUT_HIGH && !c->ended)
        receive(h2);
    h2->entered = false;
    if (!c->closed)
        h2_settle(c);
}

static void on_timer(struct loop_timer *timer)
{
    struct connection *c = container_of(timer, struct connection, timer);
    struct h2 *h2 = c->h2;
    int64_t now_us = connection_now_us(c);

    if (is_expired(h2, now_us)) {
        (void)nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR);
        h2->over = true;
    }
    h2->entered = true;
    list_each (node, &h2->streams)
        check_stream(container_of(node, struct h2_stream, link), &c->server->limits, now_us);
    h2->entered = false;
    if (!c->closed)
        h2_settle(c);
}

void h2_left(struct h2 *h2)
{
    if (!h2->entered && !h2->connection->closed)
        loop_defer(h2->connection->server->loop, &h2->connection->task);
}

/* --- its life --- */

static nghttp2_session *new_session(struct h2 *h2)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *session;
    bool takes_tunnels = h2->connection->app->takes_tunnels;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_BYTES_MAX},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, takes_tunnels},
    };

    int failed = nghttp2_session_callbacks_new(&callbacks) | nghttp2_option_new(&option);
    assert(!failed);
    h2_set_request_callbacks(callbacks);
    h2_set_answer_callbacks(callbacks);
    nghttp2_option_set_no_auto_window_update(option, 1);
    failed = nghttp2_session_server_new2(&session, callbacks, h2, option);
    assert(!failed);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    (void)nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings));
    (void)nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                H2_CONNECTION_WINDOW);
    return session;
}

void connection_h2_begin(struct connection *c)
{
    struct h2 *h2 = mem_new(struct h2);

    h2->connection = c;
    h2->allowance = H2_ALLOWANCE;
    h2->allowance_us = connection_now_us(c);
    list_init(&h2->streams);
    list_init(&h2->writable);
    h2->session = new_session(h2);
    c->h2 = h2;
    c->io.ready = on_ready;
    c->task.run = on_task;
    loop_timer_clear(&c->timer);
    c->timer.fire = on_timer;
    h2->entered = true;
    if (c->start < c->end)
        take_in(h2, c->block->bytes + c->start, c->end - c->start);
    c->start = c->end = c->floor = 0;
    h2->entered = false;
}

void h2_close_streams(struct h2 *h2)
{
    list_each (node, &h2->streams) {
        struct h2_stream *s = container_of(node, struct h2_stream, link);
        if (s->live)
            h2_stream_end(s, true);
    }
}

void h2_done(struct h2 *h2)
{
    nghttp2_session_del(h2->session);
    while (!list_empty(&h2->streams))
        h2_stream_free(container_of(h2->streams.next, struct h2_stream, link));
    free(h2);
}

void h2_drain(struct h2 *h2)
{
    h2_go_away(h2);
    list_each (node, &h2->streams) {
        struct h2_stream *s = container_of(node, struct h2_stream, link);
        if (s->live && s->switched && s->stream.app->on_drain)
            s->stream.app->on_drain(&s->stream);
    }
    loop_defer(h2->connection->server->loop, &h2->connection->task);
}
