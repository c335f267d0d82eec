/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/mem.h"
#include "test.h"

/* An HTTP endpoint on a port of its own: one connection a request, each answered with the next
 * of the answers and kept as it came. */

struct endpoint_answer {
    int status; /* 0: none, the connection is closed */
    const char *body;
};

struct endpoint {
    int listener;
    uint16_t port;
    pthread_t thread;
    const struct endpoint_answer *answers;
    size_t answer_count, served;
    struct buffer requests[8];
    sem_t answered; /* posted after each answer */
};

static inline bool has_all(struct text request)
{
    size_t head = text_find_text(request, TEXT("\r\n\r\n"));
    size_t at = text_find_text(request, TEXT("Content-Length: "));
    int64_t len = 0;

    if (head == request.len)
        return false;
    if (at < head) {
        struct text number = text_skip(request, at + sizeof "Content-Length: " - 1);
        CHECK(text_to_int(text_slice(number, 0, text_find(number, '\r')), 0, 1 << 20, &len));
    }
    return request.len >= head + 4 + (size_t)len;
}

static inline void serve_one(struct endpoint *endpoint, int fd)
{
    struct buffer *request = &endpoint->requests[endpoint->served];
    const struct endpoint_answer *next = &endpoint->answers[endpoint->served];
    char chunk[4096];

    while (!has_all(buffer_text(request))) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        CHECK(got > 0);
        buffer_add(request, chunk, (size_t)got);
    }
    scoped(free) char *text =
        mem_format("HTTP/1.1 %d Said\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                   next->status, strlen(next->body), next->body);
    if (next->status)
        CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(close(fd) == 0);
    endpoint->served++;
    sem_post(&endpoint->answered);
}

static inline void *serve(void *arg)
{
    struct endpoint *endpoint = arg;

    while (endpoint->served < endpoint->answer_count) {
        int fd = accept4(endpoint->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            break;
        serve_one(endpoint, fd);
    }
    return NULL;
}

static inline void endpoint_open(struct endpoint *endpoint, const struct endpoint_answer *answers,
                                 size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    *endpoint = (struct endpoint){.answers = answers, .answer_count = count};
    CHECK(count <= COUNT_OF(endpoint->requests));
    CHECK(sem_init(&endpoint->answered, 0, 0) == 0);
    endpoint->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(endpoint->listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(endpoint->listener, 8) == 0);
    CHECK(getsockname(endpoint->listener, (struct sockaddr *)&address, &len) == 0);
    endpoint->port = ntohs(address.sin_port);
    CHECK(pthread_create(&endpoint->thread, NULL, serve, endpoint) == 0);
}

static inline void endpoint_wait(struct endpoint *endpoint)
{
    while (sem_wait(&endpoint->answered) < 0)
        ;
}

static inline void endpoint_close(struct endpoint *endpoint)
{
    CHECK(shutdown(endpoint->listener, SHUT_RDWR) == 0);
    CHECK(pthread_join(endpoint->thread, NULL) == 0);
    CHECK(close(endpoint->listener) == 0);
    for (size_t i = 0; i < COUNT_OF(endpoint->requests); i++)
        buffer_done(&endpoint->requests[i]);
    sem_destroy(&endpoint->answered);
}
