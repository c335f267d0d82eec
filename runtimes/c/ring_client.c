/* SPDX-License-Identifier: Apache-2.0 */
#include "ring_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* How long to leave the shard to make room, when it is behind with our answers. */
#define ROOM_RETRY_MS 1

static int64_t mono_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void wake_shard(void)
{
    uint64_t one = 1;
    /* It can only fail when earlier ones are still unread, and then the shard is awake. */
    if (write(RING_FD_REPLY, &one, sizeof one) < 0)
        return;
}

bool evoke_ring_offered(void)
{
    const char *version = getenv("_EVOKE_RING");
    return version && strcmp(version, "1") == 0;
}

int evoke_ring_open(struct evoke_ring *ring)
{
    void *at = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, RING_FD_MEMORY, 0);
    if (at == MAP_FAILED)
        return -1;
    struct ring *shared = at;
    if (shared->version != RING_VERSION) {
        (void)munmap(at, RING_BYTES);
        errno = EPROTO;
        return -1;
    }

    /* What the function starts must not inherit its way to the daemon. */
    for (int fd = RING_FD_MEMORY; fd <= RUNTIME_API_FD; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);

    *ring = (struct evoke_ring){.shared = shared};
    atomic_store(&shared->attached, 1);
    wake_shard();
    return 0;
}

/* Arms the wake-up, then looks again: the shard may have sent an event in between. */
static bool is_empty(struct evoke_ring *ring)
{
    struct ring_counters *in = &ring->shared->in;

    if (atomic_load_explicit(&in->head, memory_order_acquire) != ring->in_tail)
        return false;
    atomic_store(&in->waiting, 1);
    if (atomic_load(&in->head) == ring->in_tail)
        return true;
    atomic_store_explicit(&in->waiting, 0, memory_order_relaxed);
    return false;
}

static void release_slot(struct evoke_ring *ring)
{
    ring->in_tail++;
    atomic_store_explicit(&ring->shared->in.tail, ring->in_tail, memory_order_release);
}

const struct ring_event *evoke_ring_take(struct evoke_ring *ring)
{
    while (!is_empty(ring)) {
        struct ring_event *event = &ring->shared->events[ring->in_tail % RING_SLOTS];
        uint32_t ready = CLAIM_READY;

        if (atomic_compare_exchange_strong(&event->claim, &ready, CLAIM_TAKEN)) {
            ring->sequence = event->sequence;
            ring->began_us = mono_us();
            ring->is_open = true;
            return event;
        }
        release_slot(ring);
    }
    return NULL;
}

const char *evoke_ring_record(const struct evoke_ring *ring, const struct ring_event *event)
{
    return ring->shared->event_data + event->offset;
}

void evoke_ring_block_wake(void)
{
    int flags = fcntl(RING_FD_WAKE, F_GETFL);
    if (flags >= 0)
        (void)fcntl(RING_FD_WAKE, F_SETFL, flags & ~O_NONBLOCK);
}

int evoke_ring_wait(void)
{
    char count[64];

    for (;;) {
        if (read(RING_FD_WAKE, count, sizeof count) >= 0)
            return 0;
        if (errno != EAGAIN)
            return -1;
        struct pollfd wake = {.fd = RING_FD_WAKE, .events = POLLIN};
        if (poll(&wake, 1, -1) < 0)
            return -1;
    }
}

void evoke_ring_drain_wake(void)
{
    char count[64];
    if (read(RING_FD_WAKE, count, sizeof count) < 0)
        return;
}

/* Believes the shard's tail only within what was sent. */
static void refresh_tail(struct evoke_ring *ring)
{
    uint32_t tail = atomic_load_explicit(&ring->shared->out.tail, memory_order_acquire);

    if (tail == ring->out_tail || tail - ring->out_tail > ring->out_head - ring->out_tail)
        return;
    ring->out_tail = tail;
    ring->data_tail = ring->ends[(tail - 1) % RING_SLOTS];
}

size_t evoke_ring_space(struct evoke_ring *ring, size_t want, char **ret_at)
{
    refresh_tail(ring);
    if (ring->out_head - ring->out_tail >= RING_SLOTS)
        return 0;

    uint64_t place = ring->data_head;
    size_t before_end = RING_DATA_BYTES - place % RING_DATA_BYTES;
    if (before_end < want) {
        place += before_end;
        before_end = RING_DATA_BYTES;
    }

    uint64_t used = place - ring->data_tail;
    size_t room = used < RING_DATA_BYTES ? (size_t)(RING_DATA_BYTES - used) : 0;
    if (room > before_end)
        room = before_end;
    if (room < want)
        return 0;
    ring->place = place;
    *ret_at = ring->shared->answer_data + place % RING_DATA_BYTES;
    return room;
}

char *evoke_ring_room(struct evoke_ring *ring, size_t len)
{
    char *at;

    if (len > RING_RECORD_MAX)
        return NULL;
    while (evoke_ring_space(ring, len ? len : 1, &at) == 0)
        (void)poll(NULL, 0, ROOM_RETRY_MS);
    return at;
}

void evoke_ring_answer(struct evoke_ring *ring, enum ring_answer_kind kind, size_t payload_len,
                       size_t type_len)
{
    bool is_event = kind != ANSWER_READY && kind != ANSWER_INIT_ERROR;
    uint32_t slot = ring->out_head % RING_SLOTS;

    ring->shared->answers[slot] = (struct ring_answer){
        .kind = kind,
        .sequence = is_event ? ring->sequence : 0,
        .began_us = is_event ? ring->began_us : 0,
        .ended_us = mono_us(),
        .offset = (uint32_t)(ring->place % RING_DATA_BYTES),
        .payload_len = (uint32_t)payload_len,
        .type_len = (uint32_t)type_len,
    };
    ring->data_head = ring->place += payload_len + type_len;
    ring->ends[slot] = ring->data_head;
    ring->out_head++;
    atomic_store_explicit(&ring->shared->out.head, ring->out_head, memory_order_release);

    /* Only now: until its answer is there, the event's slot is how the shard knows it. */
    if (is_event) {
        ring->is_open = false;
        release_slot(ring);
    }
    if (atomic_exchange(&ring->shared->out.waiting, 0) == 1)
        wake_shard();
}

bool evoke_ring_send(struct evoke_ring *ring, enum ring_answer_kind kind, const char *payload,
                     size_t payload_len, const char *type, size_t type_len)
{
    if (payload_len > RING_RECORD_MAX || type_len > RING_RECORD_MAX)
        return false;
    char *at = evoke_ring_room(ring, payload_len + type_len);
    if (!at)
        return false;
    if (payload_len > 0)
        memcpy(at, payload, payload_len);
    if (type_len > 0)
        memcpy(at + payload_len, type, type_len);
    evoke_ring_answer(ring, kind, payload_len, type_len);
    return true;
}

static size_t frame_len(const char *text, size_t len)
{
    if (len <= RING_LOG_TEXT_MAX)
        return len;
    const char *newline = memrchr(text, '\n', RING_LOG_TEXT_MAX);
    if (newline)
        return (size_t)(newline - text) + 1;

    /* Not within a character: its first byte is no 10xxxxxx. */
    size_t cut = RING_LOG_TEXT_MAX;
    while (cut > RING_LOG_TEXT_MAX - 4 && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut--;
    return cut;
}

/* One write: at most PIPE_BUF bytes, which a pipe keeps together. */
static int write_frame(int fd, uint64_t sequence, const char *text, size_t len)
{
    struct ring_log_frame head = {RING_LOG_MAGIC, (uint32_t)len, sequence};
    char frame[sizeof head + RING_LOG_TEXT_MAX];

    memcpy(frame, &head, sizeof head);
    memcpy(frame + sizeof head, text, len);
    for (;;) {
        if (write(fd, frame, sizeof head + len) >= 0)
            return 0;
        struct pollfd pipe = {.fd = fd, .events = POLLOUT};
        if (errno == EAGAIN)
            (void)poll(&pipe, 1, -1);
        else if (errno != EINTR)
            return -1;
    }
}

void evoke_ring_log(int fd, uint64_t sequence, const char *text, size_t len)
{
    while (len > 0) {
        size_t part = frame_len(text, len);
        if (write_frame(fd, sequence, text, part) < 0)
            return;
        text += part;
        len -= part;
    }
}
