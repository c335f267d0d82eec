/* SPDX-License-Identifier: Apache-2.0 */
#include "http/connection_priv.h"

#include <errno.h>

#define LINGER_BYTES_MAX (16 << 20)

static void received(struct connection *c, ssize_t count)
{
    if (count > 0)
        c->received_us = connection_now_us(c);
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
    ssize_t count = wire_receive(&c->wire, c->block->bytes + c->end, room);

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
    ssize_t count = wire_receive(&c->wire, pool->scratch, max);

    received(c, count);
    if (count > 0)
        connection_read_known(c, text_from(pool->scratch, (size_t)count));
}

static void receive_to_drop(struct connection *c)
{
    struct http_pool *pool = c->server->pool;
    ssize_t count = wire_drop(&c->wire, pool->scratch, sizeof pool->scratch);

    received(c, count);
    c->body_received += count > 0 ? count : 0;
    if (c->body_received > LINGER_BYTES_MAX)
        c->ended = true;
}

void connection_receive(struct connection *c)
{
    if (c->reading == READ_LINGER)
        receive_to_drop(c);
    else if (c->reading == READ_BODY && c->start == c->end && c->stream.request.content_length > 0)
        receive_to_scratch(c);
    else
        receive_to_block(c);
}

bool connection_wants_input(const struct connection *c)
{
    if (c->ended || c->broken)
        return false;
    switch (c->reading) {
    case READ_HEAD:
        return c->out.len < OUT_HIGH;
    case READ_BODY:
    case READ_TUNNEL:
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
