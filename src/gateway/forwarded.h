/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/ranges.h"
#include "http/http.h"

/*
 * Who the client of a request is, when proxies stand before the gateway. Each appends who it
 * had the request from to X-Forwarded-For (or Forwarded, RFC 7239), so the list is read from the
 * right: what the connection's peer says counts if it is a trusted one, what the one that it names
 * says if that is trusted too, and so on. The first that is not trusted is the client. What stands
 * left of it anybody may have written, and nobody gets to see.
 */
struct forwarding {
    const struct ranges *trusted; /* NULL: nobody */
    bool by_forwarded;            /* which of both headers the proxies write */
};

#define FORWARDED_HOPS_MAX 32
#define FORWARDED_ADDRESS_BYTES 46

struct forwarded {
    const struct sockaddr_storage *client; /* the stream's peer, or in its arena */
    char *address;                         /* its address as text, FORWARDED_ADDRESS_BYTES */
    struct text chain; /* the client and the trusted proxies behind it: "192.0.2.1, 10.0.0.7" */
    bool is_secure;
    uint16_t port; /* that the client came to */
};

/* Before: ret->address is the caller's memory, ret->port the listener's, for what no proxy says
 * otherwise. chain is in the stream's arena, or address. */
void forwarded_read(const struct forwarding *forwarding, struct http_stream *stream,
                    struct forwarded *ret);

/* 127.0.0.1 for what is no TCP socket: it is on this machine. */
void forwarded_format(const struct sockaddr_storage *address,
                      char ret[static FORWARDED_ADDRESS_BYTES]);
