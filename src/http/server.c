/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "http/http_priv.h"

/* Connections taken in one turn, so that a flood of them leaves time for requests. */
#define ACCEPTS_MAX 64
/* Out of descriptors or memory: how long to leave new connections in the backlog. */
#define ACCEPT_RETRY_MS 100
#define BACKLOG 4096
/* Of an answer; what is under way to the client comes on top. Without it the kernel takes
 * megabytes for a client that reads nothing, and the limits here see nothing wait. */
#define KERNEL_UNSENT (128 << 10)

const struct http_limits http_limits_public = {
    .head_ms = 10000,
    .idle_ms = 75000,
    .body_idle_ms = 30000,
    .write_idle_ms = 60000,
    .body_max = 10 << 20,
    .connections_max = 16384,
    .rate_grace_ms = 10000,
    .body_rate_min = 500,
    .take_rate_min = 500,
    .unsent_max = 512 << 20,
};

/* The other end may be frozen at any point of what it sends, and harms only itself. */
const struct http_limits http_limits_instance = {
    .body_max = 8 << 20,
    .connections_max = 64,
};

static void on_drained(struct loop_task *task)
{
    struct http_server *server = container_of(task, struct http_server, drained_task);
    void (*drained)(void *arg) = server->drained;

    server->drained = NULL;
    if (drained)
        drained(server->drained_arg);
}

struct http_server *http_server_new(struct loop *loop, const struct http_limits *limits)
{
    struct http_server *server = mem_new(struct http_server);

    loop_assert_here(loop);
    server->loop = loop;
    server->limits = *limits;
    server->pool = http_pool_ref(loop);
    server->drained_task.run = on_drained;
    list_init(&server->listeners);
    list_init(&server->connections);
    return server;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    assert(server->open_count == 0);
    loop_cancel(&server->drained_task);
    http_pool_unref(server->pool);
    free(server);
}

static void watch_listeners(struct http_server *server, int events)
{
    list_each (link, &server->listeners) {
        struct listener *listener = container_of(link, struct listener, link);
        if (!loop_timer_is_set(&listener->retry))
            loop_io_watch(&listener->io, events);
    }
}

static void check_full(struct http_server *server)
{
    bool full = server->connection_count >= server->limits.connections_max;

    if (full == server->full)
        return;
    server->full = full;
    watch_listeners(server, full ? 0 : LOOP_READ);
}

void server_closed_one(struct http_server *server, bool connection)
{
    server->open_count--;
    server->connection_count -= connection;
    if (!server->draining && !server->closing)
        check_full(server);
    if (server->open_count > 0)
        return;
    if (server->closing)
        http_server_free(server);
    else if (server->draining)
        loop_defer(server->loop, &server->drained_task);
}

static void pause_accepting(struct listener *listener)
{
    log_warn("new connections have to wait", LOG_TEXT("error", strerror(errno)));
    loop_io_watch(&listener->io, 0);
    loop_timer_set(listener->server->loop, &listener->retry, ACCEPT_RETRY_MS);
}

static void on_retry(struct loop_timer *timer)
{
    struct listener *listener = container_of(timer, struct listener, retry);

    if (!listener->server->full)
        loop_io_watch(&listener->io, LOOP_READ);
}

static void open_connection(struct http_server *server, int fd, const struct sockaddr_storage *peer,
                            const struct http_door *door)
{
    server->connection_count++;
    server->open_count++;
    connection_open(server, fd, peer, door);
    check_full(server);
}

/* Whether to go on. */
static bool accept_one(struct listener *listener)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof peer;
    int fd = accept4(listener->io.fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
            peer = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
        open_connection(listener->server, fd, &peer, listener->door);
        return !listener->server->full;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        pause_accepting(listener);
    /* Else it is the failure of that one connection (accept(2)). */
    return errno != EAGAIN && !loop_timer_is_set(&listener->retry);
}

static void on_connection(struct loop_io *io, int events)
{
    struct listener *listener = container_of(io, struct listener, io);

    for (int i = 0; i < ACCEPTS_MAX && accept_one(listener); i++)
        ;
}

static void on_listener_closed(struct loop_io *io)
{
    struct listener *listener = container_of(io, struct listener, io);
    struct http_server *server = listener->server;

    close(io->fd);
    free(listener);
    server_closed_one(server, false);
}

static void listen_at(struct http_server *server, int fd, struct listener *listener)
{
    int on = 1, unsent = KERNEL_UNSENT;

    listener->server = server;
    listener->io.ready = on_connection;
    listener->io.closed = on_listener_closed;
    listener->retry.fire = on_retry;
    list_push(&server->listeners, &listener->link);
    server->open_count++;
    /* Accepted sockets inherit it. It fails for what is not TCP and does not need it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    loop_io_start(server->loop, &listener->io, fd, server->full ? 0 : LOOP_READ);
}

void http_listen(struct http_server *server, int fd, const struct http_app *app, void *context)
{
    struct listener *listener = mem_new(struct listener);

    listener->own = (struct http_door){.app = app, .context = context};
    listener->door = &listener->own;
    listen_at(server, fd, listener);
}

void http_listen_door(struct http_server *server, int fd, const struct http_door *door)
{
    struct listener *listener = mem_new(struct listener);

    listener->door = door;
    listen_at(server, fd, listener);
}

void http_adopt(struct http_server *server, int fd, const struct http_app *app, void *context)
{
    const struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};

    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    open_connection(server, fd, &peer, &(struct http_door){.app = app, .context = context});
}

static void stop_listening(struct http_server *server)
{
    list_each (link, &server->listeners) {
        struct listener *listener = container_of(link, struct listener, link);
        list_remove(link);
        loop_timer_clear(&listener->retry);
        loop_io_stop(&listener->io);
    }
}

void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg)
{
    loop_assert_here(server->loop);
    server->draining = true;
    server->drained = drained;
    server->drained_arg = arg;
    stop_listening(server);
    list_each (link, &server->connections)
        connection_drain(link);
    if (server->open_count == 0)
        loop_defer(server->loop, &server->drained_task);
}

void http_server_close(struct http_server *server)
{
    loop_assert_here(server->loop);
    assert(!server->closing);
    server->closing = true;
    server->open_count++; /* not before this function is done with it */
    stop_listening(server);
    while (!list_empty(&server->connections))
        connection_close(server->connections.next);
    server_closed_one(server, false);
}

static bool parse_address(struct text address, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    size_t colon = address.len;
    int64_t port;
    char host[INET6_ADDRSTRLEN];

    while (colon > 0 && address.at[colon - 1] != ':')
        colon--;
    if (colon == 0 || !text_to_int(text_skip(address, colon), 0, 65535, &port))
        return false;
    struct text name = text_slice(address, 0, colon - 1);
    bool bracketed = name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']';
    if (bracketed)
        name = text_slice(name, 1, name.len - 1);
    if (name.len >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", TEXT_ARG(name));

    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    *ret = (struct sockaddr_storage){.ss_family = bracketed ? AF_INET6 : AF_INET};
    *ret_len = bracketed ? sizeof *v6 : sizeof *v4;
    if (bracketed) {
        v6->sin6_port = htons((uint16_t)port);
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
    }
    v4->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/* Others may listen on what was bound with SO_REUSEPORT, if they set it too: without it the
 * kernel says whether somebody does. */
int http_check_unused(struct text address, struct error *err)
{
    struct sockaddr_storage bound;
    socklen_t len;
    int on = 1;

    if (!parse_address(address, &bound, &len))
        return 0;
    scoped(close) int fd = socket(bound.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (bound.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind(fd, (const struct sockaddr *)&bound, len) < 0) {
        if (errno == EADDRINUSE)
            return error_set(err, ERROR_CONFLICT, "another program listens on %.*s",
                             TEXT_ARG(address));
        return error_system(err, "cannot listen on %.*s", TEXT_ARG(address));
    }
    return 0;
}

static bool listen_on(int fd, const struct sockaddr_storage *address, socklen_t len)
{
    int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
           (address->ss_family != AF_INET6 ||
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
           bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, BACKLOG) == 0;
}

int http_bind(struct text address, uint16_t *ret_port, struct error *err)
{
    struct sockaddr_storage bound;
    socklen_t len;

    if (!parse_address(address, &bound, &len))
        return error_set(err, ERROR_INVALID,
                         "'%.*s' is not an address and port such as 127.0.0.1:9000 or [::1]:9000",
                         TEXT_ARG(address));
    scoped(close) int fd = socket(bound.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !listen_on(fd, &bound, len))
        return error_system(err, "cannot listen on %.*s", TEXT_ARG(address));
    len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len) < 0)
        return error_system(err, "cannot listen on %.*s", TEXT_ARG(address));
    *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    return take_fd(fd);
}
