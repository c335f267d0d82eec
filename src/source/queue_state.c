/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/limits.h"

/*
 * A queue's messages and the states they go through. A message is linked where its state
 * says: visible ones of a standard queue in `visible`, those of a FIFO queue always in their
 * group, delayed and flying ones in the heap too. queue_set_state() keeps all of that and
 * the counts; nothing else changes a state.
 *
 * Times are of the wall clock, as they outlive the process.
 */

/* --- one message --- */

bool message_note(const struct message *message, struct arena *arena, struct note *ret)
{
    struct error err;

    if (note_parse(text_from(message->note, message->note_len), arena, ret, &err) == 0)
        return true;
    log_error("a message of a queue cannot be read", LOG_NUM("record", message->id),
              LOG_ERROR(&err));
    return false;
}

void message_drop_body(struct queue *queue, struct message *message)
{
    if (message->body)
        queue->shard->body_bytes -= message->body_len;
    free(message->body);
    message->body = NULL;
}

static void free_message(struct queue *queue, struct message *message)
{
    message_drop_body(queue, message);
    free(message->note);
    free(message);
}

bool queue_is_expired(const struct queue *queue, const struct message *message, int64_t now_ms)
{
    return message->since_ms + queue->settings->retention_s * 1000 <= now_ms;
}

/* --- states --- */

static bool is_in_heap(enum message_state state)
{
    return state == MESSAGE_DELAYED || state == MESSAGE_IN_FLIGHT;
}

static void arm(struct queue *queue)
{
    if (queue->heap.count == 0 || queue->shard->is_draining) {
        loop_timer_clear(&queue->due);
        return;
    }
    int64_t after_ms = queue->heap.items[0]->due_ms - clock_now_ms();
    loop_timer_set(queue->shard->loop, &queue->due, after_ms > 0 ? after_ms : 0);
}

/* Into the lists of its state, which is set. */
static void link_message(struct queue *queue, struct message *message)
{
    queue->counts[message->state]++;
    if (is_in_heap(message->state)) {
        message_heap_push(&queue->heap, message);
        if (queue->heap.items[0] == message)
            arm(queue);
    }
    if (message->group)
        fifo_refresh(queue, message->group);
    else if (message->state == MESSAGE_VISIBLE)
        list_push(&queue->visible, &message->link);
}

static void unlink_message(struct queue *queue, struct message *message)
{
    queue->counts[message->state]--;
    if (is_in_heap(message->state))
        message_heap_remove(&queue->heap, message);
    if (!message->group)
        list_remove(&message->link);
}

void queue_set_state(struct queue *queue, struct message *message, enum message_state state,
                     int64_t due_ms)
{
    unlink_message(queue, message);
    message->state = state;
    message->due_ms = due_ms;
    link_message(queue, message);
    if (state == MESSAGE_VISIBLE)
        queue_wake(queue);
}

void queue_keep(struct queue *queue, struct message *message)
{
    assert(message->state == MESSAGE_LEAVING);
    if (queue->is_gone)
        queue_forget(queue, message);
    else
        queue_set_state(queue, message, MESSAGE_IN_FLIGHT, clock_now_ms() + QUEUE_RETRY_MS);
}

void queue_forget(struct queue *queue, struct message *message)
{
    unlink_message(queue, message);
    if (message->group)
        fifo_remove(queue, message);
    list_remove(&message->all);
    message_table_remove(&queue->table, message);
    free_message(queue, message);
}

static void on_due(struct loop_timer *timer)
{
    struct queue *queue = container_of(timer, struct queue, due);
    int64_t now_ms = clock_now_ms();

    while (queue->heap.count > 0 && queue->heap.items[0]->due_ms <= now_ms)
        queue_set_state(queue, queue->heap.items[0], MESSAGE_VISIBLE, 0);
    arm(queue);
}

/* --- in --- */

/* On a FIFO queue the delay is the queue's, whatever it was when the message was sent. */
static int64_t first_due(const struct queue *queue, const struct event *event,
                         const struct note *note)
{
    if (note->receives > 0)
        return event->due_ms;
    if (queue->settings->is_fifo || event->due_ms == 0)
        return note->sent_ms + queue->settings->delay_s * 1000;
    return event->due_ms;
}

static struct message *new_message(struct queue *queue, struct event *event,
                                   const struct note *note)
{
    struct queue_shard *shard = queue->shard;
    struct message *message = mem_new(struct message);

    message->id = event->id;
    message->sent_ms = note->sent_ms;
    message->since_ms = queue->settings->is_fifo ? event->arrived_ms : note->sent_ms;
    message->receives = (uint32_t)note->receives;
    message->first_received_ms = note->first_received_ms;
    message->received_ms = clock_now_ms();
    message->note = mem_copy(event->note.at, event->note.len);
    message->note_len = (uint32_t)event->note.len;
    message->body_len = (uint32_t)event->body_len;
    if (event->has_body && shard->body_bytes + message->body_len <= LIMIT_QUEUE_BODIES) {
        message->body =
            event->body.len > 0 ? mem_copy(event->body.at, event->body.len) : mem_zalloc(1);
        shard->body_bytes += message->body_len;
    }
    return message;
}

void queue_add(struct queue *queue, struct event *event, const struct note *note)
{
    struct message *message = new_message(queue, event, note);

    message->due_ms = first_due(queue, event, note);
    message->state = message->due_ms <= clock_now_ms() ? MESSAGE_VISIBLE
                     : note->receives > 0              ? MESSAGE_IN_FLIGHT
                                                       : MESSAGE_DELAYED;
    message_table_put(&queue->table, message);
    list_push(&queue->all, &message->all);
    if (queue->settings->is_fifo)
        fifo_add(queue, message, note->group);
    link_message(queue, message);
    event_free(event);
}

/* --- too old --- */

bool queue_expire(struct queue *queue, int64_t now_ms)
{
    struct message *victims[QUEUE_WRITE_MAX];
    size_t count = 0;

    list_each (node, &queue->all) {
        struct message *message = container_of(node, struct message, all);
        if (message->state == MESSAGE_LEAVING)
            continue;
        if (count == COUNT_OF(victims) || !queue_is_expired(queue, message, now_ms))
            break;
        victims[count++] = message;
    }
    queue_leave_behind(queue, victims, count);
    return count == COUNT_OF(victims);
}

/* --- the queue --- */

struct queue *queue_new(struct queue_shard *shard, const struct queue_settings *settings)
{
    struct queue *queue = mem_new(struct queue);

    queue->shard = shard;
    queue->references = 1;
    queue->due.fire = on_due;
    list_init(&queue->all);
    list_init(&queue->visible);
    list_init(&queue->ready);
    list_init(&queue->waiters);
    list_init(&queue->sent_order);
    list_init(&queue->tasks);
    queue_set_settings(queue, settings);
    return queue;
}

struct queue *queue_ref(struct queue *queue)
{
    queue->references++;
    return queue;
}

static void free_queue(struct queue *queue)
{
    list_each (node, &queue->all)
        queue_forget(queue, container_of(node, struct message, all));
    list_each (node, &queue->sent_order)
        fifo_remove_sent(queue, container_of(node, struct sent_message, order));
    queue_tasks_free(queue);
    loop_timer_clear(&queue->due);
    loop_timer_clear(&queue->forget);
    loop_cancel(&queue->serve);
    map_done(&queue->groups);
    map_done(&queue->sent);
    message_heap_done(&queue->heap);
    message_table_done(&queue->table);
    queue_settings_unref(queue->settings);
    free(queue);
}

void queue_unref(struct queue *queue)
{
    if (--queue->references == 0)
        free_queue(queue);
}

/* Delays of FIFO queues follow the queue's. */
static void delay_again(struct queue *queue)
{
    list_each (node, &queue->all) {
        struct message *message = container_of(node, struct message, all);
        if (message->state == MESSAGE_DELAYED)
            queue_set_state(queue, message, MESSAGE_DELAYED,
                            message->sent_ms + queue->settings->delay_s * 1000);
    }
}

void queue_set_settings(struct queue *queue, const struct queue_settings *settings)
{
    const struct queue_settings *before = queue->settings;

    queue->settings = queue_settings_ref(settings);
    if (before && settings->is_fifo && settings->delay_s != before->delay_s)
        delay_again(queue);
    if (before)
        queue_settings_unref(before);
}

const struct queue_settings *queue_settings(const struct queue *queue)
{
    return queue->settings;
}

struct queue_counts queue_counts(const struct queue *queue)
{
    return (struct queue_counts){
        .visible = (int64_t)queue->counts[MESSAGE_VISIBLE],
        .in_flight = (int64_t)queue->counts[MESSAGE_IN_FLIGHT],
        .delayed = (int64_t)queue->counts[MESSAGE_DELAYED],
    };
}

void queue_end(struct queue *queue)
{
    queue->is_gone = true;
    queue_stop(queue);
    queue_empty(queue);
    queue_unref(queue);
}

void queue_stop(struct queue *queue)
{
    queue_end_receives(queue);
    queue_task_stop(queue);
    loop_timer_clear(&queue->due);
    loop_timer_clear(&queue->forget);
}
