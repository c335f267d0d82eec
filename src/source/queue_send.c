/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/clock.h"
#include "base/crypto.h"

/*
 * Putting messages in. On a FIFO queue what was sent within five minutes is answered with
 * what the first one got. It may not be on disk yet: then the repetition waits for a write
 * of its own, which the store ends after the first one's, and is worth what that was.
 */

static void copy_sent(struct queue_entry *entry, const struct sent_message *sent)
{
    memcpy(entry->message_id, sent->message_id, sizeof entry->message_id);
    entry->id = sent->id;
}

/* True: it was sent before, and nothing is to be stored. */
static bool is_repeat(struct queue *queue, struct queue_entry *entry, int64_t now_ms)
{
    struct sent_message *sent;

    if (!queue->settings->is_fifo || entry->dedup.len == 0)
        return false;
    sent = fifo_find_sent(queue, entry->dedup, entry->group);
    if (sent) {
        copy_sent(entry, sent);
        return true;
    }
    sent = fifo_add_sent(queue, entry->dedup, entry->group, now_ms);
    sent->pending = true;
    memcpy(sent->message_id, entry->message_id, sizeof sent->message_id);
    return false;
}

static void put_entry(struct queue_send *send, const struct queue_entry *entry)
{
    struct event_write *write = &send->write;
    const struct queue_message message = {
        .lane = arena_copy(&send->arena, text_of(send->queue->settings->lane)),
        .body = entry->body,
        .message_id = text_of(entry->message_id),
        .attributes = entry->attributes,
        .group = entry->group,
        .dedup = entry->dedup,
        .sender = entry->sender,
        .trace = entry->trace,
        .hops = entry->hops,
        .delay_s = entry->delay_s >= 0 ? entry->delay_s : send->queue->settings->delay_s,
    };

    queue_message_put(&message, &send->arena, &write->changes[write->count++]);
}

/* One of this send's own; after a failure it may be sent again at once. */
static void settle_entry(struct queue *queue, struct queue_entry *entry, bool failed)
{
    struct sent_message *sent = queue->settings->is_fifo && entry->dedup.len > 0
                                    ? fifo_find_sent(queue, entry->dedup, entry->group)
                                    : NULL;

    if (!sent || !sent->pending)
        return;
    sent->pending = false;
    sent->id = entry->id;
    if (failed)
        fifo_remove_sent(queue, sent);
}

/* False: what it repeats was not stored. */
static bool settle_repeat(struct queue *queue, struct queue_entry *entry)
{
    struct sent_message *sent = fifo_find_sent(queue, entry->dedup, entry->group);

    if (!sent)
        return false;
    copy_sent(entry, sent);
    return true;
}

static void on_written(struct event_write *write, bool failed, const struct error *err)
{
    struct queue_send *send = container_of(write, struct queue_send, write);
    scoped(queue_unref) struct queue *queue = send->queue;
    struct error lost = {0};
    bool is_lost = false;
    size_t next = 0;

    for (size_t i = 0; i < send->count; i++)
        if (!send->entries[i].is_repeat) {
            send->entries[i].id = write->changes[next++].id;
            settle_entry(queue, &send->entries[i], failed);
        }
    for (size_t i = 0; i < send->count; i++)
        if (send->entries[i].is_repeat)
            is_lost |= !settle_repeat(queue, &send->entries[i]);
    arena_done(&send->arena);
    if (is_lost && !failed)
        (void)error_set(&lost, ERROR_SYSTEM, "what this message repeats could not be stored");
    send->done(send, failed || is_lost, failed ? err : &lost);
}

void queue_send(struct queue *queue, struct queue_send *send)
{
    int64_t now_ms = clock_now_ms();

    send->queue = queue_ref(queue);
    send->arena = (struct arena){0};
    send->write = (struct event_write){
        .done = on_written,
        .loop = queue->shard->loop,
        .changes = arena_zalloc(&send->arena, (send->count + 1) * sizeof(struct event_change)),
    };
    for (size_t i = 0; i < send->count; i++) {
        struct queue_entry *entry = &send->entries[i];
        crypto_uuid(entry->message_id);
        entry->is_repeat = is_repeat(queue, entry, now_ms);
        if (!entry->is_repeat)
            put_entry(send, entry);
    }
    if (send->write.count == 0) /* to learn when what was written before is on disk */
        send->write.changes[send->write.count++] = (struct event_change){.action = EVENT_DELETE};
    event_store_write(queue->shard->queues->options.store, &send->write);
}
