/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "base/text.h"

/*
 * What a proxy says before anything else of a connection: from where the client came to it, and
 * where to (PROXY protocol, versions 1 and 2: haproxy.org/download/3.0/doc/proxy-protocol.txt).
 */

#define PROXY_HEADER_MAX 2048 /* bytes; of version 1 107, of version 2 what its extensions take */

struct proxy_header {
    /* AF_INET or AF_INET6 both; AF_UNSPEC: the proxy speaks for itself (LOCAL) or does not know
     * (UNKNOWN), so the connection's own addresses hold. */
    struct sockaddr_storage source, destination;
};

enum proxy_result {
    PROXY_MORE, /* it is not complete; every byte so far belongs to it */
    PROXY_DONE,
    PROXY_BAD, /* it is none */
};

/* bytes: the connection's from its first one on. *ret_used: how many of them the header is. */
enum proxy_result proxy_header_parse(struct text bytes, struct proxy_header *ret, size_t *ret_used);
