/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/environment_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Input: what an instance does to its ring, step by step. The low bits of a byte say what:
 * write a run of bytes anywhere into the memory, or into the counters and slots, or let the
 * shard look, send an event or take one back. Whatever it is, the shard answers each of its
 * events at most once, finds the same ones when it takes all back, and reads and writes
 * nothing else.
 */

#define EVENTS_MAX 300

static struct invocation events[EVENTS_MAX];
static bool is_open[EVENTS_MAX];

static void close_event(struct invocation *invocation)
{
    size_t index = (size_t)(invocation - events);

    assert(index < EVENTS_MAX && is_open[index]);
    is_open[index] = false;
    assert(invocation->response.len <= RING_RECORD_MAX);
    buffer_done(&invocation->response);
    buffer_done(&invocation->payload);
}

static void on_ready(struct environment *environment)
{
}

static void on_init_failed(struct environment *environment, struct text type, struct text json)
{
    assert(type.len <= 255 && json.len <= RING_RECORD_MAX);
}

static void on_answered(struct environment *environment, struct invocation *invocation,
                        bool is_error, struct text type)
{
    assert(type.len <= 255 && invocation->began_us <= invocation->ended_us);
    close_event(invocation);
}

static const struct environment_calls calls = {
    .ready = on_ready,
    .init_failed = on_init_failed,
    .answered = on_answered,
    .idle = on_ready,
};

static void send_event(struct environment *environment, size_t *count, uint8_t how)
{
    static const size_t sizes[] = {0, 1, 500, 30000, 60000, 64000, RING_RECORD_MAX, 100000};
    size_t len = sizes[how % COUNT_OF(sizes)];

    if (*count == EVENTS_MAX || environment_room(environment, len) == 0 ||
        !environment->ring.attached)
        return;
    struct invocation *invocation = &events[*count];
    *invocation = (struct invocation){0};
    is_open[(*count)++] = true;
    memset(buffer_room(&invocation->payload, len), 'p', len);
    buffer_added(&invocation->payload, len);
    environment_send(environment, invocation);
}

/* One step; how many bytes of the input it used. */
static size_t step(struct environment *environment, const uint8_t *data, size_t size, size_t *count)
{
    char *memory = (char *)environment->ring.shared;
    size_t slots = offsetof(struct ring, event_data), len, at;
    struct invocation *taken;

    switch (data[0] % 8) {
    case 0:
    case 1:
        if (size < 5)
            return size;
        at = (size_t)data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16;
        at %= data[0] % 8 == 0 ? RING_BYTES : slots;
        len = data[4] < size - 5 ? data[4] : size - 5;
        len = len < RING_BYTES - at ? len : RING_BYTES - at;
        memcpy(memory + at, data + 5, len);
        return 5 + len;
    case 2:
        send_event(environment, count, data[0] >> 3);
        return 1;
    case 3:
        taken = environment_take(environment);
        if (taken)
            close_event(taken);
        return 1;
    case 4: { /* as an instance that keeps to the rules: begin, answer, free */
        struct ring *ring = environment->ring.shared;
        uint32_t tail = atomic_load(&ring->in.tail), head = atomic_load(&ring->out.head);
        struct ring_event *event = &ring->events[tail % RING_SLOTS];
        atomic_store(&event->claim, CLAIM_TAKEN);
        ring->answers[head % RING_SLOTS] =
            (struct ring_answer){.kind = ANSWER_RESPONSE, .sequence = event->sequence};
        atomic_store(&ring->in.tail, tail + 1);
        atomic_store(&ring->out.head, head + 1);
        return 1;
    }
    default:
        if (!environment->kill_sent)
            ring_drain(environment);
        return 1;
    }
}

static void attach(struct environment *environment)
{
    struct ring *ring = environment->ring.shared;

    atomic_store(&ring->attached, 1);
    ring->answers[0] = (struct ring_answer){.kind = ANSWER_READY};
    atomic_store(&ring->out.head, 1);
    ring_drain(environment);
    assert(environment->is_ready);
}

static struct launcher *launcher;
static struct loop *loop;
static int spawner;

static void start_once(void)
{
    int ends[2];
    if (loop)
        return;

    (void)signal(SIGPIPE, SIG_IGN);
    log_configure(LEVEL_ERROR, false);
    int failed = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
    assert(!failed);
    spawner = ends[1];
    loop = loop_new("fuzz");
    launcher = launcher_new(loop, ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char arn[] = "arn";
    struct environment environment = {
        .launcher = NULL, .calls = &calls, .state = ENVIRONMENT_RUNNING, .function_arn = arn};
    struct invocation *invocation;
    struct error err;
    size_t count = 0, left = 0;
    bool begun;
    char drop[256];

    start_once();
    environment.launcher = launcher;
    environment.loop = loop;
    list_init(&environment.events);
    ring_init(&environment);
    int failed = ring_open(&environment, &err);
    assert(!failed);
    attach(&environment);
    while (size > 0) {
        size_t used = step(&environment, data, size, &count);
        data += used;
        size -= used;
    }
    while ((invocation = environment_take_oldest(&environment, &begun)))
        close_event(invocation);
    for (size_t i = 0; i < count; i++)
        left += is_open[i];
    assert(left == 0);
    ring_close(&environment);
    (void)!read(spawner, drop, sizeof drop);
    return 0;
}
