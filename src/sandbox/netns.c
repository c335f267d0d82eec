/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/netns.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/scoped.h"

int netns_up(struct error *err)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    scoped(close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return error_system(err, "cannot bring up the loopback interface");
    return 0;
}

/* Port 0 takes a free one; *ret_port is what it became. */
static int listen_on(uint16_t port, uint16_t *ret_port, struct error *err)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof address;
    int on = 1;

    /* Accepted sockets inherit it; the function may connect before the daemon can say so,
     * and every other answer would then wait for its delayed acknowledgement. */
    scoped(close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, NETNS_BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return error_system(err, "cannot listen on port %u inside the sandbox", port);
    *ret_port = ntohs(address.sin_port);
    return take_fd(fd);
}

int netns_listen(bool host_network, int ret_listeners[LISTENER_COUNT], uint16_t *ret_port,
                 struct error *err)
{
    static const uint16_t ports[LISTENER_COUNT] = {
        [LISTENER_RUNTIME] = SANDBOX_PORT_RUNTIME,
        [LISTENER_API] = SANDBOX_PORT_API,
        [LISTENER_GATEWAY] = SANDBOX_PORT_GATEWAY,
    };
    uint16_t port;

    for (int i = 0; i < LISTENER_COUNT; i++)
        ret_listeners[i] = -1;
    if (host_network)
        return (ret_listeners[LISTENER_RUNTIME] = listen_on(0, ret_port, err)) < 0 ? -1 : 0;

    /* A failed child ends with what it opened. */
    for (int i = 0; i < LISTENER_COUNT; i++)
        if ((ret_listeners[i] = listen_on(ports[i], &port, err)) < 0)
            return -1;
    *ret_port = SANDBOX_PORT_RUNTIME;
    return 0;
}
