/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/environment_priv.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/*
 * The shard's side of the ring. Everything read from the shared memory is copied first
 * and then checked against what this side wrote itself; whatever does not fit ends the
 * environment. Events are numbered; answers come in the order of the events, skipping
 * those that were taken back.
 *
 * The two sides wake each other by pipes, not by eventfds: an eventfd is one open file for
 * both, so the instance could take O_NONBLOCK off it, fill or empty it, and the shard's
 * next write or read would wait for ever. The ends of a pipe are files of their own.
 */

static void on_reply(struct loop_io *io, int events);
static void on_wake(struct loop_task *task);

static void on_reply_closed(struct loop_io *io)
{
    struct environment *environment = container_of(io, struct environment, ring.reply_io);

    (void)close(environment->ring.reply_fd);
    environment->ring.reply_fd = -1;
    environment_closed_handle(environment);
}

void ring_init(struct environment *environment)
{
    struct ring_side *side = &environment->ring;

    side->memory_fd = side->wake_out_fd = side->reply_in_fd = -1;
    side->wake_fd = side->reply_fd = -1;
}

static bool open_pipe(int *ret_out, int *ret_in)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    *ret_out = ends[0];
    *ret_in = ends[1];
    return true;
}

int ring_open(struct environment *environment, struct error *err)
{
    struct ring_side *side = &environment->ring;

    side->memory_fd = memfd_create("evoke-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (side->memory_fd < 0 || !open_pipe(&side->wake_out_fd, &side->wake_fd) ||
        !open_pipe(&side->reply_fd, &side->reply_in_fd))
        return error_system(err, "cannot make a ring");
    if (ftruncate(side->memory_fd, RING_BYTES) < 0 ||
        fcntl(side->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return error_system(err, "cannot size a ring");

    void *at = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, side->memory_fd, 0);
    if (at == MAP_FAILED)
        return error_system(err, "cannot map a ring");
    side->shared = at;
    side->shared->version = RING_VERSION;
    atomic_store(&side->shared->out.waiting, 1);
    side->wake.run = on_wake;
    return 0;
}

void ring_started(struct environment *environment)
{
    struct ring_side *side = &environment->ring;

    side->reply_io.ready = on_reply;
    side->reply_io.closed = on_reply_closed;
    environment->handles++;
    loop_io_start(environment->loop, &side->reply_io, side->reply_fd, LOOP_READ);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(take_fd(*fd));
}

void ring_sent(struct environment *environment)
{
    struct ring_side *side = &environment->ring;

    close_end(&side->memory_fd);
    close_end(&side->wake_out_fd);
    close_end(&side->reply_in_fd);
}

void ring_close(struct environment *environment)
{
    struct ring_side *side = &environment->ring;

    loop_cancel(&side->wake);
    if (side->shared)
        (void)munmap(take(side->shared), RING_BYTES);
    ring_sent(environment);
    close_end(&side->wake_fd);
    if (side->reply_io.open)
        loop_io_stop(&side->reply_io);
    else
        close_end(&side->reply_fd);
}

/* Believes the instance's event tail only within what was sent. */
static bool refresh_tail(struct environment *environment)
{
    struct ring_side *side = &environment->ring;
    uint32_t tail = atomic_load_explicit(&side->shared->in.tail, memory_order_acquire);

    if (tail - side->tail > side->head - side->tail) {
        environment_violated(environment, "moved its event counter out of range");
        return false;
    }
    side->tail = tail;
    return true;
}

/* Where a record of len bytes goes: after the youngest (from), and never up to the oldest
 * in use, so that equal offsets always mean full. RING_DATA_BYTES: nowhere now. */
static uint32_t find_space(bool empty, uint32_t from, uint32_t oldest, uint32_t len)
{
    if (empty)
        return 0;
    if (from < oldest)
        return oldest - from > len ? from : RING_DATA_BYTES;
    if (from == oldest)
        return RING_DATA_BYTES;
    if (RING_DATA_BYTES - from >= len)
        return from;
    return oldest > len ? 0 : RING_DATA_BYTES;
}

/* A record has at least one byte, so that each has an offset of its own. */
static uint32_t record_len(size_t payload_len, size_t context_len, size_t trace_len)
{
    size_t all = payload_len + context_len + trace_len;
    return all > RING_RECORD_MAX || all == 0 ? 1 : (uint32_t)all;
}

/* The oldest event that was not taken back: the one the next answer must be for. */
static struct ring_slot *oldest_slot(struct ring_side *side)
{
    while (side->oldest != side->head && !side->slots[side->oldest % RING_SLOTS].invocation)
        side->oldest++;
    return side->oldest == side->head ? NULL : &side->slots[side->oldest % RING_SLOTS];
}

/* What is believed here is kept, so that the room is still there when it is used. */
size_t ring_room(struct environment *environment, size_t payload_len)
{
    struct ring_side *side = &environment->ring;
    if (!refresh_tail(environment))
        return 0;

    (void)oldest_slot(side);
    uint32_t unread = side->head - side->tail, open = side->head - side->oldest;
    /* A slot that was read may still be owed its answer: its number stays taken. */
    uint32_t used = unread > open ? unread : open;
    if (used >= RING_SLOTS)
        return 0;
    /* The context and trace are bounded to a page together, and what they make too large
     * goes by the Runtime API. */
    size_t most = payload_len > RING_RECORD_MAX          ? 1
                  : payload_len + 4096 > RING_RECORD_MAX ? RING_RECORD_MAX
                                                         : payload_len + 4096;
    uint32_t at = find_space(unread == 0, side->data_head,
                             side->slots[side->tail % RING_SLOTS].offset, (uint32_t)most);
    return at < RING_DATA_BYTES ? RING_SLOTS - used : 0;
}

static struct text bytes_of(const struct buffer *buffer)
{
    return buffer->at ? buffer_text(buffer) : TEXT("");
}

/* What the instance can write to is only written here, never read: it may change at any
 * moment, the lengths that were just put there as well. */
static void fill_record(char *at, struct text payload, struct text context, struct text trace)
{
    at = mempcpy(at, payload.at, payload.len);
    at = mempcpy(at, context.at, context.len);
    memcpy(at, trace.at, trace.len);
}

void ring_send(struct environment *environment, struct invocation *invocation)
{
    struct ring_side *side = &environment->ring;
    struct text payload = bytes_of(&invocation->payload);
    struct text context = bytes_of(&invocation->client_context);
    struct text trace = text_of(invocation->trace);
    uint32_t len = record_len(payload.len, context.len, trace.len);
    /* An event of the ring has the ARN of the instance's version, an alias's goes with it. */
    bool by_api = invocation->alias || payload.len + context.len + trace.len > RING_RECORD_MAX;
    uint32_t at = find_space(side->head == side->tail, side->data_head,
                             side->slots[side->tail % RING_SLOTS].offset, len);
    assert(at < RING_DATA_BYTES && side->head - side->tail < RING_SLOTS &&
           side->head - side->oldest < RING_SLOTS);

    if (by_api)
        payload = context = trace = TEXT("");
    struct ring_event *event = &side->shared->events[side->head % RING_SLOTS];
    event->flags = by_api ? RING_EVENT_BY_API : 0;
    event->sequence = ++side->sequence;
    event->deadline_ms = invocation->deadline_ms;
    event->offset = at;
    event->payload_len = (uint32_t)payload.len;
    event->context_len = (uint32_t)context.len;
    event->trace_len = (uint32_t)trace.len;
    memcpy(event->request_id, invocation->request_id, sizeof event->request_id);
    fill_record(side->shared->event_data + at, payload, context, trace);
    atomic_store_explicit(&event->claim, CLAIM_READY, memory_order_relaxed);

    side->slots[side->head % RING_SLOTS] = (struct ring_slot){invocation, side->sequence, at, len};
    invocation->state = side->head;
    side->data_head = at + len == RING_DATA_BYTES ? 0 : at + len;
    side->head++;
    atomic_store_explicit(&side->shared->in.head, side->head, memory_order_seq_cst);
    loop_defer(environment->loop, &side->wake);
}

static void on_wake(struct loop_task *task)
{
    struct environment *environment = container_of(task, struct environment, ring.wake);

    if (atomic_exchange(&environment->ring.shared->in.waiting, 0) == 0)
        return;
    /* Full: it has wake-ups to read. Closed: it has died, or will have its timeout. */
    static const uint64_t one = 1;
    (void)!write(environment->ring.wake_fd, &one, sizeof one);
}

struct invocation *ring_take_youngest(struct environment *environment)
{
    struct ring_side *side = &environment->ring;

    for (uint32_t at = side->head; at != side->oldest; at--) {
        struct ring_slot *slot = &side->slots[(at - 1) % RING_SLOTS];
        if (!slot->invocation)
            continue;
        uint32_t ready = CLAIM_READY;
        if (!atomic_compare_exchange_strong(&side->shared->events[(at - 1) % RING_SLOTS].claim,
                                            &ready, CLAIM_REVOKED))
            return NULL;
        return take(slot->invocation);
    }
    return NULL;
}

bool ring_has_begun(const struct environment *environment, const struct invocation *invocation)
{
    const struct ring_side *side = &environment->ring;
    uint32_t slot = invocation->state % RING_SLOTS;

    return side->slots[slot].invocation == invocation &&
           atomic_load(&side->shared->events[slot].claim) == CLAIM_TAKEN;
}

void ring_forget(struct environment *environment, const struct invocation *invocation)
{
    struct ring_slot *slot = &environment->ring.slots[invocation->state % RING_SLOTS];

    if (slot->invocation == invocation)
        slot->invocation = NULL;
}

struct invocation *ring_by_sequence(const struct environment *environment, uint64_t sequence)
{
    const struct ring_side *side = &environment->ring;

    for (uint32_t at = side->oldest; at != side->head; at++)
        if (side->slots[at % RING_SLOTS].sequence == sequence)
            return side->slots[at % RING_SLOTS].invocation;
    return NULL;
}

/* A runtime's own time stamps count only within what this side saw. */
static void stamp(struct environment *environment, struct invocation *invocation,
                  const struct ring_answer *answer)
{
    int64_t now = clock_mono_us();
    int64_t floor = invocation->began_us > environment->answered_us ? invocation->began_us
                                                                    : environment->answered_us;
    int64_t ended = answer->ended_us > now || answer->ended_us < floor ? now : answer->ended_us;
    int64_t began = answer->began_us < floor || answer->began_us > ended ? floor : answer->began_us;

    invocation->began_us = began;
    invocation->ended_us = ended;
    environment->answered_us = ended;
}

static void accept_event_answer(struct environment *environment, const struct ring_answer *answer,
                                struct text payload, struct text type)
{
    struct ring_side *side = &environment->ring;
    struct ring_slot *slot = oldest_slot(side);

    if (!slot || slot->sequence != answer->sequence ||
        !ring_has_begun(environment, slot->invocation)) {
        environment_violated(environment, "answered an event that it was not given");
        return;
    }
    struct invocation *invocation = slot->invocation;
    struct api_side *api = &environment->api;
    bool by_api = api->answering == invocation;
    if (by_api != (answer->kind == ANSWER_BY_API) || (by_api && !api->answered)) {
        environment_violated(environment, by_api ? "answered an event in two ways"
                                                 : "announced an answer by the Runtime API without "
                                                   "giving it");
        return;
    }
    slot->invocation = NULL;
    side->oldest++;
    stamp(environment, invocation, answer);
    if (answer->kind == ANSWER_BY_API) {
        bool is_error = api->answered_error;
        api->answering = NULL;
        environment_finish_event(environment, invocation, is_error, text_of(api->error_type));
        return;
    }
    buffer_clear(&invocation->response);
    buffer_add_text(&invocation->response, payload);
    environment_finish_event(environment, invocation, answer->kind == ANSWER_ERROR, type);
}

static void accept_answer(struct environment *environment, const struct ring_answer *answer)
{
    struct ring_side *side = &environment->ring;
    uint64_t len = (uint64_t)answer->payload_len + answer->type_len;
    if (!side->attached) {
        environment_violated(environment, "answered by a ring that it does not use");
        return;
    }
    if (len > RING_RECORD_MAX || answer->type_len > 255 ||
        (uint64_t)answer->offset + len > RING_DATA_BYTES) {
        environment_violated(environment, "sent an answer out of range");
        return;
    }

    /* The type is short and looked at: copied. The payload is copied where it is kept. */
    char type_copy[256];
    const char *record = side->shared->answer_data + answer->offset;
    memcpy(type_copy, record + answer->payload_len, answer->type_len);
    struct text payload = {record, answer->payload_len}, type = {type_copy, answer->type_len};

    bool is_first = !side->initialised;

    if (answer->kind == ANSWER_READY || answer->kind == ANSWER_INIT_ERROR) {
        side->initialised = true;
        if (!is_first) {
            environment_violated(environment, "told twice how its initialising went");
            return;
        }
    }
    switch (answer->kind) {
    case ANSWER_READY:
        if (environment->state == ENVIRONMENT_RUNNING)
            environment_became_ready(environment);
        return;
    case ANSWER_INIT_ERROR: {
        scoped(free) char *copy = text_dup(payload);
        environment->calls->init_failed(environment, type, (struct text){copy, payload.len});
        return;
    }
    case ANSWER_RESPONSE:
    case ANSWER_ERROR:
    case ANSWER_BY_API:
        accept_event_answer(environment, answer, payload, type);
        return;
    }
    environment_violated(environment, "sent an answer of an unknown kind");
}

/* Comes to an end whatever the instance writes: there are as many answers as events, and
 * the word on its initialising. */
void ring_drain(struct environment *environment)
{
    struct ring_side *side = &environment->ring;
    struct ring_counters *out = &side->shared->out;

    /* Which transport it uses is settled before its first event. */
    if (!side->attached && !environment->is_ready && atomic_load(&side->shared->attached))
        side->attached = true;
    uint32_t ready = atomic_load_explicit(&out->head, memory_order_acquire) - side->out_tail;
    if (ready > RING_SLOTS) {
        environment_violated(environment, "moved its answer counter out of range");
        return;
    }
    for (; ready > 0 && !environment->kill_sent; ready--) {
        struct ring_answer answer = side->shared->answers[side->out_tail % RING_SLOTS];
        atomic_signal_fence(memory_order_seq_cst); /* what is checked is this copy */
        accept_answer(environment, &answer);
        if (!side->shared)
            return;
        side->out_tail++;
        atomic_store_explicit(&out->tail, side->out_tail, memory_order_release);
    }
}

static void on_reply(struct loop_io *io, int events)
{
    struct environment *environment = container_of(io, struct environment, ring.reply_io);
    struct ring_side *side = &environment->ring;
    char times[512];

    if (!side->shared || environment->kill_sent || environment->state != ENVIRONMENT_RUNNING) {
        loop_io_watch(io, 0);
        return;
    }
    ssize_t len = read(side->reply_fd, times, sizeof times);
    if (len < 0)
        return;
    if (len == 0) /* every process in there has closed it */
        loop_io_watch(io, 0);

    struct ring_counters *out = &side->shared->out;
    for (;;) {
        /* What was printed before an answer belongs before it. */
        output_drain(environment);
        ring_drain(environment);
        if (!side->shared || environment->kill_sent)
            return;
        atomic_store(&out->waiting, 1);
        if (atomic_load(&out->head) == side->out_tail || atomic_exchange(&out->waiting, 0) == 0)
            return;
    }
}
