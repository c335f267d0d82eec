/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "base/mem.h"
#include "http/server.h"

/* A server with an application, and a client that says something to it. */

/* The client: sends the input in pieces, ends it, and reads to the end. */
struct client {
    struct loop_io io;
    struct loop *loop;
    struct http_server *server;
    struct text left;
    size_t step;
};

static inline void finish(struct client *client)
{
    loop_io_stop(&client->io);
    http_server_close(client->server);
    loop_stop(client->loop);
}

static inline void on_ready(struct loop_io *io, int events)
{
    struct client *client = container_of(io, struct client, io);
    char answer[4096];

    if (events & LOOP_READ && recv(io->fd, answer, sizeof answer, MSG_DONTWAIT) == 0) {
        finish(client);
        return;
    }
    if (!(events & LOOP_WRITE))
        return;
    struct text piece = text_slice(client->left, 0, client->step);
    ssize_t sent = send(io->fd, piece.at, piece.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        client->left = text_skip(client->left, (size_t)sent);
    if (sent < 0 || client->left.len == 0) {
        shutdown(io->fd, SHUT_WR);
        loop_io_watch(io, LOOP_READ);
    }
}

static inline int connect_to(struct http_server *server, const struct http_app *app)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof address;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* A name the kernel picks. */
    assert(bind(listener, (struct sockaddr *)&address, sizeof address.sun_family) == 0);
    assert(listen(listener, 1) == 0);
    assert(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    assert(connect(fd, (struct sockaddr *)&address, len) == 0);
    http_listen(server, listener, app, NULL);
    return fd;
}

/* Returns when the connection has come to an end: input is sent in pieces of step bytes. */
static inline void talk(const struct http_app *app, const struct http_limits *limits,
                        struct text input, size_t step)
{
    struct client client = {.loop = loop_new("fuzz"), .left = input, .step = step};

    client.io.ready = on_ready;
    client.server = http_server_new(client.loop, limits);
    scoped(close) int fd = connect_to(client.server, app);
    loop_io_start(client.loop, &client.io, fd, LOOP_READ | LOOP_WRITE);
    loop_run(client.loop);
    loop_free(client.loop);
}
