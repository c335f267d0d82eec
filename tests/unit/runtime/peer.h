/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "http/server.h"
#include "patience.h"
#include "runtime/ring_layout.h"
#include "sandbox/protocol.h"

/*
 * The other end of the spawner's socket, played by a test: the spawner, and the instances
 * it starts. It blocks, it runs on any thread, and what it cannot do ends the test program.
 */

struct peer {
    int spawner; /* the socket its events go to */
    uint64_t id;
    int log, memory, wake, reply, api; /* what an instance has as 1, 3, 4, 5 and 6 */
    int freeze, peak;                  /* what the daemon writes to and reads of its cgroup */
    uint16_t port;                /* of its Runtime API */
    char handler[64], arn[256];   /* of its environment */
    bool host_network;
    struct ring *ring;
    uint32_t in_tail, out_head, data_head;
};

/* --- the spawner --- */

static inline void peer_wait(int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int got = patience_poll(&ready, 1);

    assert(got == 1);
}

static inline void peer_take_fds(struct msghdr *message, int fds[SANDBOX_FD_COUNT])
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);

    assert(control && control->cmsg_type == SCM_RIGHTS &&
           control->cmsg_len == CMSG_LEN(sizeof(int) * SANDBOX_FD_COUNT));
    memcpy(fds, CMSG_DATA(control), sizeof(int) * SANDBOX_FD_COUNT);
}

static inline void peer_take_variables(struct peer *peer, char *const *variables)
{
    for (; *variables; variables++) {
        if (text_starts(text_of(*variables), TEXT("_HANDLER=")))
            snprintf(peer->handler, sizeof peer->handler, "%s", *variables + 9);
        if (text_starts(text_of(*variables), TEXT("_EVOKE_FUNCTION_ARN=")))
            snprintf(peer->arn, sizeof peer->arn, "%s", *variables + 20);
    }
}

/* One request, if there is one. For a start *peer is the instance to be; for a kill only
 * its id is set. */
static inline bool peer_poll(int spawner, struct peer *peer, enum request_kind *ret_kind)
{
    _Alignas(16) static _Thread_local char bytes[SANDBOX_PLAN_BYTES_MAX];
    static _Thread_local struct request request;
    char control[CMSG_SPACE(sizeof(int) * SANDBOX_FD_COUNT)];
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct error err;
    ssize_t len = recvmsg(spawner, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len <= 0)
        return false;

    int failed = protocol_decode(bytes, (size_t)len, &request, &err);
    assert(!failed);
    *peer = (struct peer){.spawner = spawner, .id = request.id, .freeze = -1, .peak = -1};
    *ret_kind = request.kind;
    if (request.kind == REQUEST_KILL)
        return true;
    int fds[SANDBOX_FD_COUNT];
    peer_take_fds(&message, fds);
    peer->log = fds[SANDBOX_FD_LOG];
    peer->memory = fds[SANDBOX_FD_RING];
    peer->wake = fds[SANDBOX_FD_RING_WAKE];
    peer->reply = fds[SANDBOX_FD_RING_REPLY];
    peer->api = fds[SANDBOX_FD_API];
    peer->host_network = request.plan.host_network;
    peer_take_variables(peer, request.plan.envp);
    void *at = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, peer->memory, 0);
    assert(at != MAP_FAILED);
    peer->ring = at;
    return true;
}

static inline struct peer peer_accept(int spawner)
{
    struct peer peer;
    enum request_kind kind;

    peer_wait(spawner, POLLIN);
    bool got = peer_poll(spawner, &peer, &kind);
    assert(got && kind == REQUEST_START);
    return peer;
}

/* The daemon asks for its end. */
static inline void peer_expect_kill(const struct peer *peer)
{
    struct peer killed;
    enum request_kind kind;

    peer_wait(peer->spawner, POLLIN);
    bool got = peer_poll(peer->spawner, &killed, &kind);
    assert(got && kind == REQUEST_KILL && killed.id == peer->id);
}

static inline bool peer_has_request(const struct peer *peer)
{
    struct pollfd ready = {.fd = peer->spawner, .events = POLLIN};

    return poll(&ready, 1, 0) == 1;
}

static inline void peer_tell(const struct peer *peer, const struct spawner_event *event)
{
    struct event_message bytes = protocol_event(event);
    const int all[EVENT_FD_COUNT] = {event->listeners[0], event->listeners[1], event->listeners[2],
                                     event->memory_fd, event->freeze_fd};
    _Alignas(16) char control[CMSG_SPACE(sizeof all)] = {0};
    struct iovec part = {&bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[EVENT_FD_COUNT];
    size_t count = 0;

    for (size_t i = 0; i < EVENT_FD_COUNT; i++)
        if (all[i] >= 0)
            fds[count++] = all[i];
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    peer_wait(peer->spawner, POLLOUT);
    ssize_t len = sendmsg(peer->spawner, &message, MSG_NOSIGNAL);
    assert(len == (ssize_t)sizeof bytes);
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
}

#define PEER_PEAK_BYTES 44040192 /* 42 MB */

static inline void peer_started(struct peer *peer)
{
    struct error err;
    struct spawner_event event = {.kind = SPAWNER_STARTED,
                                  .id = peer->id,
                                  .pid = 1,
                                  .listeners = {-1, -1, -1},
                                  .memory_fd = memfd_create("peak", MFD_CLOEXEC),
                                  .freeze_fd = memfd_create("freeze", MFD_CLOEXEC)};

    event.listeners[LISTENER_RUNTIME] = http_bind(TEXT("127.0.0.1:0"), &peer->port, &err);
    assert(event.listeners[LISTENER_RUNTIME] >= 0);
    peer->peak = dup(event.memory_fd);
    peer->freeze = dup(event.freeze_fd);
    char text[32];
    int len = snprintf(text, sizeof text, "%d\n", PEER_PEAK_BYTES);
    ssize_t written = pwrite(peer->peak, text, (size_t)len, 0);
    assert(written == len);
    peer_tell(peer, &event);
}

/* What the instance held goes as its process does. */
static inline void peer_release(struct peer *peer)
{
    if (!peer->ring)
        return;
    (void)munmap(peer->ring, RING_BYTES);
    peer->ring = NULL;
    (void)close(peer->log);
    (void)close(peer->memory);
    (void)close(peer->wake);
    (void)close(peer->reply);
    (void)close(peer->api);
    if (peer->freeze >= 0)
        (void)close(peer->freeze);
    if (peer->peak >= 0)
        (void)close(peer->peak);
}

static inline void peer_exited(struct peer *peer, int status)
{
    const struct spawner_event event = {.kind = SPAWNER_EXITED,
                                        .id = peer->id,
                                        .listeners = {-1, -1, -1},
                                        .memory_fd = -1,
                                        .freeze_fd = -1,
                                        .status = status,
                                        .memory_peak_bytes = PEER_PEAK_BYTES};

    peer_tell(peer, &event);
    peer_release(peer);
}

static inline void peer_failed(struct peer *peer, const char *reason)
{
    struct spawner_event event = {.kind = SPAWNER_FAILED,
                                  .id = peer->id,
                                  .listeners = {-1, -1, -1},
                                  .memory_fd = -1,
                                  .freeze_fd = -1};

    snprintf(event.text, sizeof event.text, "%s", reason);
    peer_tell(peer, &event);
    peer_release(peer);
}

/* --- the instance: its ring --- */

static inline void peer_kick(const struct peer *peer)
{
    static const uint64_t one = 1;

    (void)!write(peer->reply, &one, sizeof one);
}

static inline void peer_attach(struct peer *peer)
{
    atomic_store(&peer->ring->attached, 1);
    peer_kick(peer);
}

/* Where a record of len bytes goes, at most three being unread: they fit in any case. */
static inline char *peer_room(struct peer *peer, size_t len)
{
    while (peer->out_head - atomic_load(&peer->ring->out.tail) >= 3)
        sched_yield();
    if (peer->data_head + len > RING_DATA_BYTES)
        peer->data_head = 0;
    return peer->ring->answer_data + peer->data_head;
}

/* As it is given, whether it makes sense or not. */
static inline void peer_publish(struct peer *peer, struct ring_answer answer)
{
    peer->ring->answers[peer->out_head % RING_SLOTS] = answer;
    atomic_store(&peer->ring->out.head, ++peer->out_head);
    if (atomic_exchange(&peer->ring->out.waiting, 0) == 1)
        peer_kick(peer);
}

static inline void peer_answer(struct peer *peer, enum ring_answer_kind kind, uint64_t sequence,
                               struct text payload, struct text type)
{
    char *at = peer_room(peer, payload.len + type.len);

    if (payload.len > 0)
        memcpy(at, payload.at, payload.len);
    if (type.len > 0)
        memcpy(at + payload.len, type.at, type.len);
    peer_publish(peer, (struct ring_answer){.kind = kind,
                                            .sequence = sequence,
                                            .offset = peer->data_head,
                                            .payload_len = (uint32_t)payload.len,
                                            .type_len = (uint32_t)type.len});
    peer->data_head += (uint32_t)(payload.len + type.len);
}

static inline void peer_ready(struct peer *peer)
{
    peer_attach(peer);
    peer_answer(peer, ANSWER_READY, 0, TEXT_NONE, TEXT_NONE);
}

/* The slot of the next event, whether it can be begun or was taken back. NULL: stop_fd
 * (may be -1) became readable first. */
static inline struct ring_event *peer_peek(struct peer *peer, int stop_fd)
{
    struct ring_counters *in = &peer->ring->in;
    char times[64];

    for (;;) {
        if (atomic_load(&in->head) != peer->in_tail)
            return &peer->ring->events[peer->in_tail % RING_SLOTS];
        atomic_store(&in->waiting, 1);
        if (atomic_load(&in->head) != peer->in_tail)
            continue;
        struct pollfd ready[] = {{.fd = peer->wake, .events = POLLIN},
                                 {.fd = stop_fd, .events = POLLIN}};
        int got = patience_poll(ready, 2);
        assert(got > 0);
        if (ready[1].revents)
            return NULL;
        if (ready[0].revents & POLLHUP)
            return NULL; /* the daemon has let go of it */
        (void)!read(peer->wake, times, sizeof times);
    }
}

static inline bool peer_claim(struct ring_event *event)
{
    uint32_t ready = CLAIM_READY;

    return atomic_compare_exchange_strong(&event->claim, &ready, CLAIM_TAKEN);
}

static inline void peer_free_slot(struct peer *peer)
{
    atomic_store(&peer->ring->in.tail, ++peer->in_tail);
}

/* The next event that was not taken back, begun. */
static inline struct ring_event *peer_next_or_stop(struct peer *peer, int stop_fd)
{
    for (;;) {
        struct ring_event *event = peer_peek(peer, stop_fd);
        if (!event || peer_claim(event))
            return event;
        peer_free_slot(peer);
    }
}

static inline struct ring_event *peer_next(struct peer *peer)
{
    struct ring_event *event = peer_next_or_stop(peer, -1);

    assert(event);
    return event;
}

static inline struct text peer_payload(const struct peer *peer, const struct ring_event *event)
{
    return text_from(peer->ring->event_data + event->offset, event->payload_len);
}

/* Answers a begun event and frees its slot. */
static inline void peer_respond(struct peer *peer, const struct ring_event *event,
                                struct text payload)
{
    peer_answer(peer, ANSWER_RESPONSE, event->sequence, payload, TEXT_NONE);
    peer_free_slot(peer);
}

/* --- the instance: its log --- */

static inline void peer_print(const struct peer *peer, struct text text)
{
    while (text.len > 0) {
        ssize_t len = write(peer->log, text.at, text.len);
        assert(len > 0);
        text = text_skip(text, (size_t)len);
    }
}

static inline void peer_frame(const struct peer *peer, uint64_t sequence, struct text text)
{
    struct ring_log_frame head = {RING_LOG_MAGIC, (uint32_t)text.len, sequence};
    char frame[4096];

    assert(sizeof head + text.len <= sizeof frame);
    memcpy(frame, &head, sizeof head);
    memcpy(frame + sizeof head, text.at, text.len);
    peer_print(peer, text_from(frame, sizeof head + text.len));
}

/* --- the instance: the Runtime API, over a blocking connection --- */

struct peer_reply {
    int status; /* 0: the connection ended without an answer */
    struct buffer head, body;
};

static inline void peer_reply_done(struct peer_reply *reply)
{
    buffer_done(&reply->head);
    buffer_done(&reply->body);
    reply->status = 0;
}

static inline int peer_connect(const struct peer *peer)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(peer->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int failed = connect(fd, (struct sockaddr *)&to, sizeof to);

    assert(fd >= 0 && !failed);
    return fd;
}

static inline void peer_send(int fd, struct text text)
{
    while (text.len > 0) {
        ssize_t len = send(fd, text.at, text.len, MSG_NOSIGNAL);
        if (len < 0)
            return; /* it was answered before the end, and closed: the answer tells */
        text = text_skip(text, (size_t)len);
    }
}

__attribute__((format(printf, 2, 3))) static inline void peer_say(int fd, const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    assert(len >= 0);
    peer_send(fd, text_from(text, (size_t)len));
    free(text);
}

static inline bool peer_read_byte(int fd, char *ret)
{
    peer_wait(fd, POLLIN);
    return recv(fd, ret, 1, 0) == 1;
}

/* Reads one answer with a Content-Length. */
static inline void peer_read(int fd, struct peer_reply *reply)
{
    char c;
    int64_t len = 0, status = 0;

    peer_reply_done(reply);
    while (!text_ends(buffer_text(&reply->head), TEXT("\r\n\r\n"))) {
        if (!peer_read_byte(fd, &c))
            return;
        buffer_add_char(&reply->head, c);
    }
    const char *length = strcasestr(reply->head.at, "content-length:");
    if (length)
        (void)text_to_int(text_trim(text_slice(text_of(length + 15), 0,
                                               text_find(text_of(length + 15), (char)13))),
                          0, INT64_MAX, &len);
    while ((int64_t)reply->body.len < len) {
        char *room = buffer_room(&reply->body, (size_t)len);
        peer_wait(fd, POLLIN);
        ssize_t count = recv(fd, room, (size_t)len - reply->body.len, 0);
        if (count <= 0)
            return;
        buffer_added(&reply->body, (size_t)count);
    }
    (void)text_to_int(text_from(reply->head.at + 9, 3), 100, 999, &status);
    reply->status = (int)status;
}

#define PEER_API "/2018-06-01/runtime/"

static inline void peer_get_next(int fd)
{
    peer_say(fd, "GET " PEER_API "invocation/next HTTP/1.1\r\nHost: x\r\n\r\n");
}

static inline void peer_post(int fd, const char *path, const char *fields, struct text body)
{
    peer_say(fd, "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", path,
             fields, body.len);
    peer_send(fd, body);
}

/* The request id of an event that .../next gave out. */
static inline void peer_request_id(const struct peer_reply *reply, char ret[40])
{
    const char *at = strcasestr(reply->head.at, "lambda-runtime-aws-request-id: ");

    assert(at);
    snprintf(ret, 37, "%s", at + 31);
}
