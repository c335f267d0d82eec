/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * Handing out messages. What is taken is in flight from that moment; bodies that are not in
 * memory are read then, and a message that was deleted meanwhile is left out of the answer.
 * A receive that waits is in the queue's list, and is looked at again when something became
 * visible: at the end of the iteration, so that a batch that came together goes together.
 */

#define SEQUENCE_DIGITS 19 /* behind a leading one */

void queue_sequence(uint64_t id, char out[static 24])
{
    snprintf(out, 24, "1%0*" PRIu64, SEQUENCE_DIGITS, id);
}

/* --- bodies from disk --- */

struct body_read {
    struct event_read read;
    struct queue_fetch *fetch;
    struct queue_delivery *delivery;
};

struct queue_fetch {
    struct queue_receive *receive;
    size_t open; /* reads under way, and one while they are begun */
    struct body_read *reads;
};

static void finish(struct queue_receive *receive)
{
    scoped(queue_unref) struct queue *queue = receive->queue;

    receive->done(receive);
}

/* Leaves out what could not be read. */
static void compact(struct queue_receive *receive)
{
    size_t kept = 0;

    for (size_t i = 0; i < receive->count; i++) {
        if (receive->deliveries[i].handle.id != 0)
            receive->deliveries[kept++] = receive->deliveries[i];
        else
            buffer_done(&receive->deliveries[i].body);
    }
    receive->count = kept;
}

static void close_fetch(struct queue_fetch *fetch)
{
    struct queue_receive *receive = fetch->receive;

    if (--fetch->open > 0)
        return;
    free(fetch->reads);
    free(fetch);
    compact(receive);
    finish(receive);
}

static void on_body(struct event_read *read, bool failed, const struct error *err)
{
    struct body_read *body = container_of(read, struct body_read, read);

    if (failed) {
        log_warn("a message of a queue could not be read", LOG_NUM("record", read->id),
                 LOG_ERROR(err));
        body->delivery->handle.id = 0;
        buffer_done(&read->body);
    } else {
        body->delivery->body = read->body;
    }
    close_fetch(body->fetch);
}

static bool has_body(const struct queue_delivery *delivery)
{
    return delivery->body.at != NULL;
}

static void fetch_bodies(struct queue_receive *receive, size_t missing)
{
    struct queue_fetch *fetch = mem_new(struct queue_fetch);
    size_t next = 0;

    fetch->receive = receive;
    fetch->open = missing + 1;
    fetch->reads = mem_zalloc(missing * sizeof *fetch->reads);
    for (size_t i = 0; i < receive->count; i++) {
        if (has_body(&receive->deliveries[i]))
            continue;
        struct body_read *body = &fetch->reads[next++];
        *body = (struct body_read){
            .read = {.done = on_body,
                     .loop = loop_current(),
                     .id = receive->deliveries[i].handle.id},
            .fetch = fetch,
            .delivery = &receive->deliveries[i],
        };
        event_store_read(receive->queue->shard->queues->options.store, &body->read);
    }
    close_fetch(fetch);
}

/* --- ending --- */

static void on_complete(struct loop_task *task)
{
    struct queue_receive *receive = container_of(task, struct queue_receive, task);
    size_t missing = 0;

    for (size_t i = 0; i < receive->count; i++)
        missing += !has_body(&receive->deliveries[i]);
    if (missing > 0)
        fetch_bodies(receive, missing);
    else
        finish(receive);
}

static void complete(struct queue_receive *receive)
{
    list_remove(&receive->link);
    loop_timer_clear(&receive->timer);
    receive->task.run = on_complete;
    loop_defer(receive->queue->shard->loop, &receive->task);
}

/* --- taking --- */

struct message *queue_first_visible(struct queue *queue)
{
    if (queue->settings->is_fifo) {
        if (list_empty(&queue->ready))
            return NULL;
        struct group *group = container_of(queue->ready.next, struct group, link);
        return container_of(group->messages.next, struct message, link);
    }
    return list_empty(&queue->visible) ? NULL
                                       : container_of(queue->visible.next, struct message, link);
}

/* The one behind it in its group, when that can be handed out along with it. */
static struct message *next_of_group(const struct message *message)
{
    struct list *next = message->link.next;

    if (!message->group || next == &message->group->messages)
        return NULL;
    struct message *follower = container_of(next, struct message, link);
    return follower->state == MESSAGE_VISIBLE ? follower : NULL;
}

static bool is_to_die(const struct queue *queue, const struct message *message)
{
    const struct queue_settings *settings = queue->settings;

    return settings->max_receives > 0 && message->receives >= settings->max_receives &&
           queues_find(queue->shard->queues, text_of(settings->dead_letter_lane));
}

/* True: it is not to be handed out, and on its way out. */
static bool is_sorted_out(struct queue *queue, struct message *message, int64_t now_ms)
{
    if (queue_is_expired(queue, message, now_ms))
        queue_leave_behind(queue, &message, 1);
    else if (is_to_die(queue, message))
        queue_move_dead(queue, message);
    else
        return false;
    return true;
}

static bool take_note(struct queue_receive *receive, struct message *message,
                      struct queue_delivery *delivery)
{
    if (!message_note(message, &receive->arena, &delivery->note))
        return false;
    delivery->note.receives = message->receives;
    delivery->note.first_received_ms = message->first_received_ms;
    delivery->handle = (struct queue_handle){message->id, message->receives};
    if (receive->queue->settings->is_fifo)
        queue_sequence(message->id, delivery->sequence);
    return true;
}

/* Into the receive; the body in memory goes, as it is not likely to be asked for again. */
static void take_message(struct queue_receive *receive, struct message *message, int64_t now_ms)
{
    struct queue *queue = receive->queue;
    struct queue_delivery *delivery = &receive->deliveries[receive->count];

    message->receives++;
    message->received_ms = now_ms;
    if (message->first_received_ms == 0)
        message->first_received_ms = now_ms;
    receive->count += take_note(receive, message, delivery);
    if (message->body)
        buffer_add(&delivery->body, message->body, message->body_len);
    message_drop_body(queue, message);
    if (message->due_ms <= now_ms)
        queue_set_state(queue, message, MESSAGE_VISIBLE, 0);
}

static bool has_room(const struct queue_receive *receive, const struct message *message,
                     size_t count, size_t bytes)
{
    return count < receive->max && (receive->max_bytes == 0 || count == 0 ||
                                    bytes + message->body_len <= receive->max_bytes);
}

static bool is_over_limit(const struct queue *queue)
{
    return queue->counts[MESSAGE_IN_FLIGHT] >= QUEUE_IN_FLIGHT_MAX;
}

/* Chooses, and takes what was chosen only then: with a visibility of 0 a message is visible
 * again at once, and would be chosen twice. */
static size_t choose(struct queue_receive *receive, struct message **chosen, int64_t now_ms)
{
    struct queue *queue = receive->queue;
    struct message *message = queue_first_visible(queue), *follower;
    int64_t visibility_s =
        receive->visibility_s >= 0 ? receive->visibility_s : queue->settings->visibility_s;
    size_t count = 0, bytes = 0, sorted_out = 0;

    while (message && has_room(receive, message, count, bytes) && sorted_out < QUEUE_WRITE_MAX &&
           !is_over_limit(queue)) {
        follower = next_of_group(message);
        if (is_sorted_out(queue, message, now_ms)) {
            sorted_out++;
            follower = NULL; /* the group waits until it is gone */
        } else {
            queue_set_state(queue, message, MESSAGE_IN_FLIGHT, now_ms + visibility_s * 1000);
            bytes += message->body_len;
            chosen[count++] = message;
        }
        message = follower ? follower : queue_first_visible(queue);
    }
    return count;
}

/* What is visible now. */
static void collect(struct queue_receive *receive)
{
    struct queue *queue = receive->queue;
    size_t visible = queue->counts[MESSAGE_VISIBLE];
    size_t most = visible < receive->max ? visible : receive->max;
    int64_t now_ms = clock_now_ms();

    receive->over_limit = is_over_limit(queue);
    if (most == 0 || queue->is_gone || receive->over_limit)
        return;
    scoped(free) struct message **chosen = mem_alloc(most * sizeof *chosen);
    size_t count = choose(receive, chosen, now_ms);
    if (count == 0)
        return;
    receive->deliveries = arena_zalloc(&receive->arena, count * sizeof *receive->deliveries);
    for (size_t i = 0; i < count; i++)
        take_message(receive, chosen[i], now_ms);
    queue_store_states(queue, chosen, count);
}

/* --- waiting --- */

static void on_timeout(struct loop_timer *timer)
{
    complete(container_of(timer, struct queue_receive, timer));
}

static void on_serve(struct loop_task *task)
{
    struct queue *queue = container_of(task, struct queue, serve);

    while (!list_empty(&queue->waiters) && queue->counts[MESSAGE_VISIBLE] > 0) {
        struct queue_receive *receive =
            container_of(queue->waiters.next, struct queue_receive, link);
        collect(receive);
        if (receive->count == 0)
            return;
        complete(receive);
    }
}

void queue_wake(struct queue *queue)
{
    if (list_empty(&queue->waiters))
        return;
    queue->serve.run = on_serve;
    loop_defer(queue->shard->loop, &queue->serve);
}

void queue_receive(struct queue *queue, struct queue_receive *receive)
{
    assert(receive->max > 0 && receive->max <= QUEUE_BATCH_MAX);
    receive->queue = queue_ref(queue);
    receive->deliveries = NULL;
    receive->count = 0;
    receive->arena = (struct arena){0};
    receive->link = (struct list){0};
    receive->timer = (struct loop_timer){.fire = on_timeout};
    receive->task = (struct loop_task){0};
    collect(receive);
    if (receive->count > 0 || receive->wait_ms <= 0 || receive->over_limit || queue->is_gone ||
        queue->shard->is_draining) {
        complete(receive);
        return;
    }
    list_push(&queue->waiters, &receive->link);
    loop_timer_set(queue->shard->loop, &receive->timer, receive->wait_ms);
}

void queue_receive_cancel(struct queue_receive *receive)
{
    if (list_linked(&receive->link))
        complete(receive);
}

void queue_end_receives(struct queue *queue)
{
    list_each (node, &queue->waiters)
        complete(container_of(node, struct queue_receive, link));
}

void queue_receive_done(struct queue_receive *receive)
{
    for (size_t i = 0; i < receive->count; i++)
        buffer_done(&receive->deliveries[i].body);
    receive->count = 0;
    arena_done(&receive->arena);
}
