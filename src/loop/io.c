/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop_priv.h"

static int to_uv(int events)
{
    return (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct loop_io *io = container_of(poll, struct loop_io, poll);

    if (status == 0) {
        io->ready(io,
                  (events & UV_READABLE ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0));
        return;
    }
    /* libuv stopped watching. If the owner goes on nevertheless, so do we. */
    io->ready(io, LOOP_READ | LOOP_WRITE);
    if (io->open && io->events && !uv_is_active((uv_handle_t *)poll))
        uv_poll_start(poll, to_uv(io->events), on_poll);
}

void loop_io_start(struct loop *loop, struct loop_io *io, int fd, int events)
{
    loop_assert_here(loop);
    assert(!io->open);

    int failed = uv_poll_init(&loop->uv, &io->poll, fd);
    assert(!failed); /* the descriptor is not pollable, or watched already */
    io->fd = fd;
    io->events = 0;
    io->open = true;
    loop_io_watch(io, events);
}

void loop_io_watch(struct loop_io *io, int events)
{
    assert(io->open);
    if (events == io->events)
        return;
    io->events = events;
    if (events)
        uv_poll_start(&io->poll, to_uv(events), on_poll);
    else
        uv_poll_stop(&io->poll);
}

static void on_closed(uv_handle_t *handle)
{
    struct loop_io *io = container_of((uv_poll_t *)handle, struct loop_io, poll);

    if (io->closed)
        io->closed(io);
}

void loop_io_stop(struct loop_io *io)
{
    if (!io->open)
        return;
    io->open = false;
    io->events = 0;
    uv_close((uv_handle_t *)&io->poll, on_closed);
}
