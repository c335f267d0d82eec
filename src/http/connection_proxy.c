/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/ranges.h"
#include "http/connection_priv.h"
#include "http/proxy_header.h"

/*
 * The header of the PROXY protocol comes before all else, TLS too, which reads from the socket
 * itself: so bytes are looked at first and taken when they are known to be the header's. Whoever
 * is no proxy, or says nothing that is understood, is not answered: it did not speak HTTP.
 */

#define WARN_EVERY_US 1000000

struct proxy_reader {
    size_t len;
    char bytes[PROXY_HEADER_MAX];
};

static void format(const struct sockaddr_storage *peer, char out[static INET6_ADDRSTRLEN])
{
    const void *address = peer->ss_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr
                              : &((const struct sockaddr_in *)peer)->sin_addr;

    if (!inet_ntop(peer->ss_family, address, out, INET6_ADDRSTRLEN))
        snprintf(out, INET6_ADDRSTRLEN, "-");
}

void connection_proxy_fail(struct connection *c, const char *reason)
{
    struct http_server *server = c->server;
    int64_t now_us = connection_now_us(c);
    char peer[INET6_ADDRSTRLEN];

    if (!server->warned_us || now_us - server->warned_us >= WARN_EVERY_US) {
        server->warned_us = now_us;
        format(&c->stream.peer, peer);
        log_warn("a connection without a header of the PROXY protocol is closed",
                 LOG_TEXT("peer", peer), LOG_TEXT("reason", reason));
    }
    c->reset = true;
    connection_close_now(c);
}

void connection_proxy_begin(struct connection *c, const struct http_door *door)
{
    address_number peer;

    if (!ranges_address(&c->stream.peer, &peer) || !ranges_find(door->proxies, peer)) {
        connection_proxy_fail(c, "it is not from a trusted proxy");
        return;
    }
    c->proxy = mem_alloc(sizeof *c->proxy);
    c->proxy->len = 0;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                                : ((const struct sockaddr_in *)address)->sin_port);
}

static void finish(struct connection *c, const struct proxy_header *header)
{
    if (header->source.ss_family != AF_UNSPEC) {
        c->stream.peer = header->source;
        c->stream.port = port_of(&header->destination);
    }
    free(c->proxy);
    c->proxy = NULL;
}

static void look(struct connection *c)
{
    struct proxy_reader *reader = c->proxy;
    char *next = reader->bytes + reader->len;
    size_t room = sizeof reader->bytes - reader->len, used;
    struct proxy_header header;
    ssize_t count = recv(c->wire.fd, next, room, MSG_PEEK | MSG_DONTWAIT);

    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        connection_close_now(c); /* a proxy that looks whether we are there */
        return;
    }
    struct text seen = text_from(reader->bytes, reader->len + (size_t)count);
    enum proxy_result result = proxy_header_parse(seen, &header, &used);
    if (result == PROXY_BAD) {
        connection_proxy_fail(c, "what came is none");
        return;
    }
    size_t take = (result == PROXY_DONE ? used : seen.len) - reader->len;
    if (recv(c->wire.fd, next, take, MSG_DONTWAIT) != (ssize_t)take) {
        connection_close_now(c);
        return;
    }
    reader->len += take;
    if (result == PROXY_DONE)
        finish(c, &header);
}

void connection_proxy_read(struct connection *c)
{
    c->received_us = connection_now_us(c);
    look(c);
}
