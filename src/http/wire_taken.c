/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/tcp.h> /* excludes netinet/tcp.h, which libuv includes and which knows less */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "http/wire.h"

int64_t wire_taken(const struct wire *wire)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    if (getsockopt(wire->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_received))
        return -1;
    return (int64_t)info.tcpi_bytes_acked;
}
