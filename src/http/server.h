/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "http/http.h"
#include "http/tls.h"

/*
 * Listeners and connections of one loop. HTTP/2 by ALPN, or by its preface on plain sockets;
 * else HTTP/1.1. Keep-alive, pipelining (answers in
 * order, one request at a time handed to the application), chunked both ways, Expect:
 * 100-continue, HTTP/1.0. Deadlines and limits on everything. Ambiguous framing is
 * answered 400 and the connection closed (RFC 9112).
 */
struct http_server;

struct http_limits {
    int64_t head_ms;       /* for a whole request head, from its first byte; 408 and close */
    int64_t idle_ms;       /* between requests on a connection */
    int64_t body_idle_ms;  /* between two pieces of a body */
    int64_t write_idle_ms; /* a client that takes nothing for so long is dropped */
    int64_t body_max;      /* default of stream->body_max */
    int connections_max;   /* of this server; further ones wait in the backlog */
    int64_t rate_grace_ms; /* after which these rates hold, in bytes a second, 0: any */
    int64_t body_rate_min; /* a body must come with */
    int64_t take_rate_min; /* a client must take what waits for it with */
    int64_t unsent_max;    /* bytes of answers that wait for their clients, 0: any */
};
extern const struct http_limits http_limits_public;   /* for the gateway and API ports */
extern const struct http_limits http_limits_instance; /* Runtime API: no idle or write deadline */

struct http_server *http_server_new(struct loop *loop, const struct http_limits *limits);
/* Closes listeners at once; connections after the answer under way. drained() (may be
 * NULL) is called when the last one is gone; then http_server_free() is allowed. */
void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg);
/* Closes everything now; streams get on_close(reset). The server is gone later, on its
 * own; the caller forgets it. */
void http_server_close(struct http_server *server);
void http_server_free(struct http_server *server);

/* Serves a listening socket (ownership passes to the server). context becomes
 * stream->context of its requests. */
void http_listen(struct http_server *server, int fd, const struct http_app *app, void *context);

/* What belongs to a listener beyond its socket. It may be changed between two calls of the
 * loop: connections that are accepted later get what it says then. */
struct http_door {
    const struct http_app *app;
    void *context;
    struct tls *tls; /* NULL: plain */
    /* Of a name that a client asks for: NULL, unless it has clients of its own. Optional; borrowed
     * for the call. */
    const struct tls_clients *(*clients)(void *context, struct text name);
    uint16_t port; /* becomes stream->port */
    /* Not NULL: connections begin with a header of the PROXY protocol, which says peer and port,
     * and come from these networks. All others are closed. */
    const struct ranges *proxies;
};
/* The same with a door, which must live as long as the server. */
void http_listen_door(struct http_server *server, int fd, const struct http_door *door);

/* Serves a connected stream socket (ownership passes to the server), as one that was
 * accepted. */
void http_adopt(struct http_server *server, int fd, const struct http_app *app, void *context);

/* Makes a TCP listener with SO_REUSEPORT (and IPV6_V6ONLY). address is "127.0.0.1:9000",
 * "[::1]:9000"; port 0 picks one. Returns the descriptor, *ret_port the port. */
int http_bind(struct text address, uint16_t *ret_port, struct error *err);

/* Whether nobody listens there yet: http_bind() alone would share the port with them. An
 * address that http_bind() will refuse passes. ERROR_CONFLICT: in use;
 * ERROR_SYSTEM: not ours to bind. */
int http_check_unused(struct text address, struct error *err);
