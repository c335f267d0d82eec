/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/mem.h"
#include "test.h"

/* A server on a thread of its own that takes one request, keeps it, and answers with a text. */
struct upstream {
    const char *answer; /* NULL: none, until the client leaves */
    int fd;
    uint16_t port;
    pthread_t thread;
    struct buffer request; /* after upstream_join() */
};

static inline bool upstream_is_whole(const struct buffer *request)
{
    struct text all = buffer_text(request), length = TEXT("\r\nContent-Length: ");
    size_t end = text_find_text(all, TEXT("\r\n\r\n")), at = text_find_text(all, length);
    struct text digits = text_skip(all, at + length.len);
    int64_t body = 0;

    if (end == all.len)
        return false;
    if (at < end)
        CHECK(text_to_int(text_slice(digits, 0, text_find(digits, '\r')), 0, 1 << 20, &body));
    return (int64_t)(all.len - end - 4) >= body;
}

static inline void *upstream_run(void *arg)
{
    struct upstream *upstream = arg;
    int fd = accept(upstream->fd, NULL, NULL);
    ssize_t count = 1;

    while (count > 0 && (!upstream->answer || !upstream_is_whole(&upstream->request))) {
        count = read(fd, buffer_room(&upstream->request, 4096), 4096);
        if (count > 0)
            buffer_added(&upstream->request, (size_t)count);
    }
    if (upstream->answer)
        (void)!write(fd, upstream->answer, strlen(upstream->answer));
    close(fd);
    return NULL;
}

static inline void upstream_start(struct upstream *upstream, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    *upstream = (struct upstream){.answer = answer,
                                  .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(bind(upstream->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
          listen(upstream->fd, 1) == 0 &&
          getsockname(upstream->fd, (struct sockaddr *)&address, &len) == 0);
    upstream->port = ntohs(address.sin_port);
    CHECK(pthread_create(&upstream->thread, NULL, upstream_run, upstream) == 0);
}

/* What was asked, until upstream_done(). */
static inline struct text upstream_join(struct upstream *upstream)
{
    (void)pthread_join(upstream->thread, NULL);
    close(upstream->fd);
    return buffer_text(&upstream->request);
}

static inline void upstream_done(struct upstream *upstream)
{
    buffer_done(&upstream->request);
}
