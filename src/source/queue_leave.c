/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* --- behind --- */

/* A write nobody waits for. */
struct behind {
    struct event_write write;
    struct arena arena;
};

static void on_behind(struct event_write *write, bool failed, const struct error *err)
{
    struct behind *behind = container_of(write, struct behind, write);

    if (failed)
        log_warn("the state of a queue's messages was not stored", LOG_ERROR(err));
    arena_done(&behind->arena);
    free(behind);
}

static struct behind *behind_new(struct queue *queue, size_t count)
{
    struct behind *behind = mem_new(struct behind);

    behind->write = (struct event_write){
        .done = on_behind,
        .loop = queue->shard->loop,
        .changes = arena_zalloc(&behind->arena, count * sizeof(struct event_change)),
        .count = count,
    };
    return behind;
}

void queue_write_behind(struct queue *queue, const struct event_change *changes, size_t count)
{
    if (count == 0)
        return;
    struct behind *behind = behind_new(queue, count);
    for (size_t i = 0; i < count; i++) {
        struct event_change *change = &behind->write.changes[i];
        *change = changes[i];
        change->lane = arena_copy(&behind->arena, change->lane);
        change->note = arena_copy(&behind->arena, change->note);
        change->body = arena_copy(&behind->arena, change->body);
    }
    event_store_write(queue->shard->queues->options.store, &behind->write);
}

static bool state_change(const struct message *message, struct arena *arena,
                         struct event_change *ret)
{
    struct note note;
    scoped(buffer_done) struct buffer text = {0};

    if (!message_note(message, arena, &note))
        return false;
    note.receives = message->receives;
    note.first_received_ms = message->first_received_ms;
    note_format(&note, &text);
    *ret = (struct event_change){
        .action = EVENT_SET,
        .id = message->id,
        .due_ms = message->state == MESSAGE_IN_FLIGHT ? message->due_ms : clock_now_ms(),
        .note = arena_copy(arena, buffer_text(&text)),
    };
    return true;
}

void queue_store_states(struct queue *queue, struct message *const *messages, size_t count)
{
    struct behind *behind = behind_new(queue, count);

    behind->write.count = 0;
    for (size_t i = 0; i < count; i++)
        behind->write.count +=
            state_change(messages[i], &behind->arena, &behind->write.changes[behind->write.count]);
    if (behind->write.count > 0) {
        event_store_write(queue->shard->queues->options.store, &behind->write);
        return;
    }
    arena_done(&behind->arena);
    free(behind);
}

/* --- leaving --- */

static void on_left(struct event_write *write, bool failed, const struct error *err)
{
    struct queue_leave *leave = container_of(write, struct queue_leave, write);
    scoped(queue_unref) struct queue *queue = leave->queue;

    for (size_t i = 0; i < leave->count; i++)
        (failed ? queue_keep : queue_forget)(queue, leave->messages[i]);
    arena_done(&leave->arena);
    leave->done(leave, failed, err);
}

static void add_changes(struct queue_leave *leave)
{
    struct event_write *write = &leave->write;

    write->changes = arena_zalloc(&leave->arena, (2 * leave->count) * sizeof(struct event_change));
    for (size_t i = 0; i < leave->count; i++) {
        write->changes[write->count++] =
            (struct event_change){.action = EVENT_DELETE, .id = leave->messages[i]->id};
        write->count += fifo_tombstone(leave->queue, leave->messages[i], &leave->arena,
                                       &write->changes[write->count]);
    }
}

void queue_leave(struct queue *queue, struct queue_leave *leave, struct message *const *messages,
                 size_t count)
{
    leave->queue = queue_ref(queue);
    leave->arena = (struct arena){0};
    leave->write = (struct event_write){.done = on_left, .loop = queue->shard->loop};
    leave->count = count;
    leave->messages = arena_alloc(&leave->arena, count * sizeof(struct message *));
    memcpy(leave->messages, messages, count * sizeof(struct message *));
    add_changes(leave);
    for (size_t i = 0; i < count; i++)
        queue_set_state(queue, messages[i], MESSAGE_LEAVING, 0);
    event_store_write(queue->shard->queues->options.store, &leave->write);
}

static void on_left_behind(struct queue_leave *leave, bool failed, const struct error *err)
{
    if (failed)
        log_warn("messages could not be taken off a queue", LOG_ERROR(err));
    free(leave);
}

void queue_leave_behind(struct queue *queue, struct message *const *messages, size_t count)
{
    if (count == 0)
        return;
    struct queue_leave *leave = mem_new(struct queue_leave);
    leave->done = on_left_behind;
    queue_leave(queue, leave, messages, count);
}

/* --- deleting --- */

struct deletion {
    struct queue_leave leave;
    struct queue_delete *delete;
};

static void on_deleted(struct queue_leave *leave, bool failed, const struct error *err)
{
    struct deletion *deletion = container_of(leave, struct deletion, leave);
    struct queue_delete *delete = deletion->delete;

    free(deletion);
    delete->done(delete, failed, err);
}

static void on_nothing_deleted(struct loop_task *task)
{
    struct queue_delete *delete = container_of(task, struct queue_delete, task);

    delete->done(delete, false, NULL);
}

/* A standard queue takes any handle of the message, whether that is in flight or not; a FIFO
 * queue only that of the receive that still has it, or another consumer's order would break. */
static enum queue_verdict judge(const struct queue *queue, const struct message *message,
                                struct queue_handle handle)
{
    if (!message || message->state == MESSAGE_LEAVING || !queue->settings->is_fifo)
        return QUEUE_OK;
    return message->state == MESSAGE_IN_FLIGHT && message->receives == handle.receives
               ? QUEUE_OK
               : QUEUE_EXPIRED;
}

void queue_delete(struct queue *queue, struct queue_delete *delete)
{
    scoped(free) struct message **victims = mem_alloc((delete->count + 1) * sizeof *victims);
    size_t count = 0;

    for (size_t i = 0; i < delete->count; i++) {
        struct queue_item *item = &delete->items[i];
        struct message *message = message_table_find(&queue->table, item->handle.id);
        item->verdict = judge(queue, message, item->handle);
        if (!message || message->state == MESSAGE_LEAVING || item->verdict != QUEUE_OK)
            continue;
        queue_set_state(queue, message, MESSAGE_LEAVING, 0);
        victims[count++] = message;
    }
    if (count == 0) {
        delete->task.run = on_nothing_deleted;
        loop_defer(queue->shard->loop, &delete->task);
        return;
    }
    struct deletion *deletion = mem_new(struct deletion);
    deletion->leave.done = on_deleted;
    deletion->delete = delete;
    queue_leave(queue, &deletion->leave, victims, count);
}

/* --- hiding --- */

static enum queue_verdict hide(struct queue *queue, struct message *message,
                               const struct queue_item *item, int64_t now_ms)
{
    if (!message || message->state == MESSAGE_LEAVING)
        return QUEUE_ABSENT;
    enum queue_verdict verdict = judge(queue, message, item->handle);
    if (verdict != QUEUE_OK || (message->state == MESSAGE_VISIBLE && item->visibility_s == 0))
        return verdict;
    int64_t due_ms = now_ms + item->visibility_s * 1000;
    if (due_ms > message->received_ms + QUEUE_VISIBILITY_MAX * 1000ll)
        return QUEUE_TOO_LONG;
    queue_set_state(queue, message, item->visibility_s == 0 ? MESSAGE_VISIBLE : MESSAGE_IN_FLIGHT,
                    due_ms);
    return QUEUE_OK;
}

void queue_hide(struct queue *queue, struct queue_item *items, size_t count)
{
    scoped(free) struct message **changed = mem_alloc((count + 1) * sizeof *changed);
    size_t changed_count = 0;
    int64_t now_ms = clock_now_ms();

    for (size_t i = 0; i < count; i++) {
        struct message *message = message_table_find(&queue->table, items[i].handle.id);
        items[i].verdict = hide(queue, message, &items[i], now_ms);
        if (items[i].verdict == QUEUE_OK)
            changed[changed_count++] = message;
    }
    if (changed_count > 0)
        queue_store_states(queue, changed, changed_count);
}

/* --- all of it --- */

static void purge_some(struct queue_purge *purge);

struct purging {
    struct queue_leave leave;
    struct queue_purge *purge;
};

static void on_purged_some(struct queue_leave *leave, bool failed, const struct error *err)
{
    struct purging *purging = container_of(leave, struct purging, leave);
    struct queue_purge *purge = purging->purge;

    free(purging);
    if (failed) {
        purge->failed = true;
        purge->error = *err;
    }
    purge_some(purge);
}

static void on_purged(struct loop_task *task)
{
    struct queue_purge *purge = container_of(task, struct queue_purge, task);
    scoped(queue_unref) struct queue *queue = purge->queue;

    purge->done(purge, purge->failed, &purge->error);
}

/* The oldest that are left, as many as one write takes; what a failed write left is not
 * tried again. */
static void purge_some(struct queue_purge *purge)
{
    struct queue *queue = purge->queue;
    struct message *victims[QUEUE_WRITE_MAX];
    size_t count = 0;

    list_each (node, &queue->all) {
        struct message *message = container_of(node, struct message, all);
        if (count == COUNT_OF(victims) || message->id > purge->last || purge->failed)
            break;
        if (message->state != MESSAGE_LEAVING)
            victims[count++] = message;
    }
    if (count == 0) {
        purge->task.run = on_purged;
        loop_defer(queue->shard->loop, &purge->task);
        return;
    }
    struct purging *purging = mem_new(struct purging);
    purging->leave.done = on_purged_some;
    purging->purge = purge;
    queue_leave(queue, &purging->leave, victims, count);
}

bool queue_may_purge(const struct queue *queue, int64_t pause_ms)
{
    return queue->purged_ms == 0 || queue->purged_ms + pause_ms <= clock_now_ms();
}

void queue_purge(struct queue *queue, struct queue_purge *purge)
{
    queue->purged_ms = clock_now_ms();
    purge->queue = queue_ref(queue);
    purge->failed = false;
    purge->last = UINT64_MAX;
    if (!list_empty(&queue->all))
        purge->last = container_of(queue->all.prev, struct message, all)->id;
    fifo_clear_sent(queue);
    purge_some(purge);
}

static void on_emptied(struct queue_purge *purge, bool failed, const struct error *err)
{
    if (failed)
        log_warn("messages of a deleted queue stay on disk", LOG_ERROR(err));
    free(purge);
}

void queue_empty(struct queue *queue)
{
    struct queue_purge *purge = mem_new(struct queue_purge);

    purge->done = on_emptied;
    queue_purge(queue, purge);
}
