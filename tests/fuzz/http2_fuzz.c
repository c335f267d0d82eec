/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buffer.h"
#include "base/mem.h"
#include "http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An application that does what the first letter of the path says; all streams that were
 * opened must be closed. */
static int open_count;

static char act(const struct http_stream *stream)
{
    return stream->request.path.len > 1 ? stream->request.path.at[1] : '\0';
}

static void on_request(struct http_stream *stream)
{
    open_count++;
    if (act(stream) == 'n')
        http_respond(stream, 204, NULL, 0, TEXT_NONE);
    else if (act(stream) == 'a')
        http_abort(stream);
    else if (act(stream) == 's')
        stream->body_max = 3;
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    assert(open_count > 0 && chunk.len > 0);
    if (act(stream) == 'b')
        http_respond(stream, 200, NULL, 0, chunk);
    return act(stream) != 'p';
}

static void on_end(struct http_stream *stream)
{
    const struct http_field trailer = {TEXT("x-trailer"), TEXT("t")};

    if (act(stream) != 'c') {
        http_respond(stream, 200, stream->request.fields, stream->request.field_count,
                     stream->request.target);
        return;
    }
    http_begin(stream, 200, NULL, 0, -1);
    http_write(stream, TEXT("piece"));
    http_end(stream, &trailer, 1);
}

static void on_close(struct http_stream *stream, bool reset)
{
    assert(open_count-- > 0);
}

static const struct http_app http_app = {on_request, on_body, on_end, NULL, on_close};

/* The client: sends the input in pieces, ends it, and reads to the end. */
struct client {
    struct loop_io io;
    struct loop *loop;
    struct http_server *server;
    struct text left;
    size_t step;
};

static void finish(struct client *client)
{
    loop_io_stop(&client->io);
    http_server_close(client->server);
    loop_stop(client->loop);
}

static void on_ready(struct loop_io *io, int events)
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

static int connect_to(struct http_server *server)
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
    http_listen(server, listener, &http_app, NULL);
    return fd;
}

/* Input: the size of pieces, frames behind the preface. Every stream must be closed, and the
 * connection must come to an end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_limits limits = {.body_max = 1000, .connections_max = 2};
    scoped(buffer_done) struct buffer input = {0};

    if (size < 2)
        return 0;
    buffer_add_literal(&input, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0");
    buffer_add(&input, data + 1, size - 1);
    struct client client = {.loop = loop_new("fuzz"), .step = (size_t)data[0] * 8 + 1};
    client.io.ready = on_ready;
    client.left = buffer_text(&input);
    client.server = http_server_new(client.loop, &limits);
    scoped(close) int fd = connect_to(client.server);
    loop_io_start(client.loop, &client.io, fd, LOOP_READ | LOOP_WRITE);
    loop_run(client.loop);
    loop_free(client.loop);
    assert(open_count == 0);
    return 0;
}
