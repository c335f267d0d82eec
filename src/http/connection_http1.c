/* SPDX-License-Identifier: Apache-2.0 */
#include "http/connection_priv.h"

#include <sys/socket.h>

#include "base/mem.h"

#define LINGER_MS 2000 /* for a client to read the answer that ends it */

void connection_end_stream(struct connection *c, bool reset)
{
    c->live = false;
    c->paused = c->told_full = false;
    c->stream.app->on_close(&c->stream, reset);
    http_pool_give_arena(c->server->pool, &c->stream.arena);
}

void connection_close_now(struct connection *c)
{
    if (c->closed)
        return;
    c->closed = true;
    c->server->unsent -= c->unsent;
    list_remove(&c->link);
    loop_timer_clear(&c->timer);
    loop_cancel(&c->task);
    if (c->live)
        connection_end_stream(c, true);
    if (c->h2)
        h2_close_streams(c->h2);
    loop_io_stop(&c->io);
}

static void on_closed(struct loop_io *io)
{
    struct connection *c = container_of(io, struct connection, io);
    struct http_server *server = c->server;
    const struct linger abort = {.l_onoff = 1};

    if (c->reset)
        (void)setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    else if (c->wire.ssl)
        wire_finish(&c->wire);
    if (c->h2)
        h2_done(c->h2);
    wire_done(&c->wire);
    close(io->fd);
    if (c->block)
        http_pool_give_block(server->pool, c->block);
    buffer_done(&c->out);
    arena_done(&c->stream.arena);
    free(c->proxy);
    free(c);
    server_closed_one(server, true);
}

/* The end of the input ends what is not complete. Whatever could be done with what is
 * there has been done, unless somebody else holds it up. */
static void meet_end(struct connection *c)
{
    if ((c->reading == READ_BODY || c->reading == READ_TUNNEL) && !c->paused)
        c->broken = true;
    else if (c->reading == READ_LINGER || (c->reading == READ_HEAD && c->out.len < OUT_HIGH))
        connection_stop_reading(c);
}

/* A close with unread input resets the connection and may take the answer along. */
static bool must_linger(const struct connection *c)
{
    return !c->ended && (c->unread || c->start < c->end);
}

static void linger(struct connection *c)
{
    wire_finish(&c->wire);
    c->closing = false;
    c->reading = READ_LINGER;
    c->body_received = 0;
    c->linger_us = connection_now_us(c);
    c->start = c->end = c->floor;
}

static void finish_closing(struct connection *c)
{
    if (must_linger(c))
        linger(c);
    else
        connection_close_now(c);
}

static void tell_writable(struct connection *c)
{
    c->told_full = false;
    if (!c->stream.app->on_writable)
        return;
    c->entered = true;
    c->stream.app->on_writable(&c->stream);
    c->entered = false;
    if (c->closed)
        return;
    connection_flush(c);
    loop_defer(c->server->loop, &c->task); /* it may wait for the next call already */
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
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
    int64_t grace_us = limits->rate_grace_ms * 1000;
    return earlier(idle, c->body_began_us + (worth_us > grace_us ? worth_us : grace_us));
}

static bool is_shaking(const struct connection *c)
{
    return c->wire.ssl && !c->wire.shaken;
}

static int64_t read_deadline(const struct connection *c)
{
    const struct http_limits *limits = &c->server->limits;

    if (c->proxy || is_shaking(c))
        return limit(c->opened_us, limits->head_ms);
    switch (c->reading) {
    case READ_HEAD:
        if (c->start < c->end)
            return limit(c->stream.began_us, limits->head_ms);
        return c->out.len > 0 ? INT64_MAX
                              : limit(later(c->received_us, c->sent_us), limits->idle_ms);
    case READ_BODY:
        return c->paused ? INT64_MAX : body_deadline(c);
    case READ_LINGER:
        return limit(c->linger_us, LINGER_MS);
    case READ_DONE:
    case READ_NOTHING:
    case READ_TUNNEL:
        break;
    }
    return INT64_MAX;
}

static void arm(struct connection *c)
{
    int64_t due_us = earlier(read_deadline(c), connection_take_deadline(c));

    if (due_us == INT64_MAX || (loop_timer_is_set(&c->timer) && c->timer_due_us <= due_us))
        return;
    c->timer_due_us = due_us;
    loop_timer_set(c->server->loop, &c->timer, (due_us - connection_now_us(c) + 999) / 1000);
}

static void release_block(struct connection *c)
{
    if (!c->block || c->live || c->start < c->end || c->reading == READ_BODY)
        return;
    http_pool_give_block(c->server->pool, c->block);
    c->block = NULL;
    c->start = c->end = c->floor = 0;
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

/* Whether what is gathered goes out with the answer that the application owes. */
static bool is_joined(const struct connection *c)
{
    return c->joins_next && c->live && c->writing == WRITE_NONE && c->reading == READ_DONE &&
           !c->ended && c->out.len < OUT_LOW;
}

static void settle(struct connection *c)
{
    if (c->h2) {
        if (!c->closed)
            h2_settle(c);
        return;
    }
    if (!is_joined(c))
        connection_flush(c);
    if (!c->closed && is_over(c))
        connection_close_now(c);
    if (!c->closed && c->told_full && c->out.len <= OUT_LOW)
        tell_writable(c);
    if (!c->closed && c->closing && c->out.len == 0)
        finish_closing(c);
    if (c->closed)
        return;

    if (c->out.len == 0 && c->out.capacity)
        http_pool_give_output(c->server->pool, &c->out);
    connection_note_unsent(c, (int64_t)c->out.len);
    if (c->closed)
        return;
    release_block(c);
    bool unsent = (c->out.len > 0 && !is_joined(c)) || c->wire.wants_write;
    bool wanted = connection_wants_input(c);
    loop_io_watch(&c->io, (wanted ? LOOP_READ : 0) | (unsent ? LOOP_WRITE : 0));
    if (wanted && wire_has_input(&c->wire))
        loop_defer(c->server->loop, &c->task);
    arm(c);
}

static void receive(struct connection *c)
{
    connection_receive(c);
    if (c->ended && c->live && c->reading == READ_DONE && c->app->on_half_close)
        c->app->on_half_close(&c->stream);
}

static void shake(struct connection *c)
{
    int done = wire_shake(&c->wire);

    c->received_us = connection_now_us(c);
    if (done < 0)
        c->broken = true;
    if (done <= 0)
        return;
    receive(c); /* the first request often comes with the end of the handshake */
    if (wire_speaks_h2(&c->wire))
        connection_h2_begin(c);
    else
        connection_advance(c);
}

static void on_ready(struct loop_io *io, int events)
{
    struct connection *c = container_of(io, struct connection, io);

    c->entered = true;
    if (c->proxy) {
        connection_proxy_read(c);
    } else if (is_shaking(c)) {
        shake(c);
    } else {
        if (events & LOOP_WRITE)
            connection_flush(c);
        if (((events & LOOP_READ) || c->wire.wants_write) && connection_wants_input(c))
            receive(c);
        connection_advance(c);
    }
    c->entered = false;
    settle(c);
}

static void on_task(struct loop_task *task)
{
    struct connection *c = container_of(task, struct connection, task);

    c->entered = true;
    connection_flush(c);
    if (wire_has_input(&c->wire) && connection_wants_input(c))
        receive(c);
    connection_advance(c);
    c->entered = false;
    settle(c);
}

static void expire_read(struct connection *c)
{
    if (c->proxy)
        connection_proxy_fail(c, "it did not come in time");
    else if (!is_shaking(c) && c->reading == READ_HEAD && c->start < c->end)
        connection_refuse(c, 408, "The request did not come in time.");
    else if (c->reading == READ_BODY && c->live)
        connection_refuse(c, 408, "The body did not come in time.");
    else
        connection_close_now(c);
}

static void on_timer(struct loop_timer *timer)
{
    struct connection *c = container_of(timer, struct connection, timer);

    c->entered = true;
    if (connection_now_us(c) >= connection_take_deadline(c) && connection_takes_little(c)) {
        c->reset = true;
        connection_close_now(c);
    } else if (connection_now_us(c) >= read_deadline(c)) {
        expire_read(c);
    }
    c->entered = false;
    settle(c);
}

static void take_handlers(struct connection *c)
{
    c->io.ready = on_ready;
    c->timer.fire = on_timer;
    c->task.run = on_task;
}

void connection_leave_h2(struct connection *c)
{
    h2_done(take(c->h2));
    loop_timer_clear(&c->timer);
    take_handlers(c);
    linger(c);
    settle(c);
}

void connection_open(struct http_server *server, int fd, const struct sockaddr_storage *peer,
                     const struct http_door *door)
{
    struct connection *c = mem_new(struct connection);

    c->server = server;
    c->app = door->app;
    c->wire.fd = fd;
    if (door->tls)
        wire_secure(&c->wire, door);
    c->stream.tls = c->wire.ssl;
    c->stream.transport = &connection_transport;
    c->stream.app = door->app;
    c->stream.context = door->context;
    c->stream.loop = c->server->loop;
    c->stream.peer = *peer;
    c->stream.port = door->port;
    take_handlers(c);
    c->io.closed = on_closed;
    c->opened_us = c->received_us = c->sent_us = connection_now_us(c);
    list_push(&c->server->connections, &c->link);
    loop_io_start(c->server->loop, &c->io, fd, LOOP_READ);
    if (door->proxies)
        connection_proxy_begin(c, door);
    if (!c->closed)
        arm(c);
}

void connection_close(struct list *link)
{
    struct connection *c = container_of(link, struct connection, link);

    if (!is_shaking(c))
        connection_flush(c);
    connection_close_now(c);
}

void connection_drain(struct list *link)
{
    struct connection *c = container_of(link, struct connection, link);

    if (c->h2)
        h2_drain(c->h2);
    else if (c->reading == READ_TUNNEL && c->live && c->stream.app->on_drain)
        c->stream.app->on_drain(&c->stream);
    else if (is_idle(c) && !c->entered)
        connection_close_now(c);
    else
        loop_defer(c->server->loop, &c->task);
}
