/* SPDX-License-Identifier: Apache-2.0 */
#include "source/mapping_priv.h"

#include "base/log.h"
#include "base/mem.h"
#include "model/alias.h"
#include "model/lineage.h"
#include "model/limits.h"

/*
 * One batch, from its first message to its end. Messages that the function did are deleted;
 * the others stay in flight until their visibility ends. When there is no room for the
 * function the batch is tried again as long as its messages are invisible.
 */

#define BACKOFF_MS 250       /* until the first new try when there was no room; then doubling */
#define BACKOFF_MAX_MS 10000 /* well within any visibility that makes sense */

struct batch *batch_new(struct poller *poller)
{
    struct batch *batch = mem_new(struct batch);

    batch->poller = poller;
    batch->opened_us = loop_now_us(poller->place->loop);
    list_init(&batch->receipts);
    buffer_add_literal(&batch->payload, "{\"Records\":[");
    return batch;
}

void batch_free(struct batch *batch)
{
    struct list *node;

    loop_timer_clear(&batch->timer);
    while ((node = list_pop(&batch->receipts))) {
        struct receipt *receipt = container_of(node, struct receipt, link);
        queue_receive_done(&receipt->receive);
        free(receipt);
    }
    buffer_done(&batch->payload);
    free(batch->items);
    free(batch->ids);
    free(batch);
}

bool batch_add(struct batch *batch, const struct queue_delivery *delivery)
{
    size_t before = batch->payload.len;

    if (batch->count > 0)
        buffer_add_char(&batch->payload, ',');
    record_add(&batch->payload, batch->poller, delivery);
    if (batch->count > 0 && batch->payload.len + 2 > LIMIT_PAYLOAD) {
        batch->payload.len = before;
        return false;
    }
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity ? 2 * batch->capacity : 16;
        batch->items = mem_realloc(batch->items, batch->capacity * sizeof *batch->items);
        batch->ids = mem_realloc(batch->ids, batch->capacity * sizeof *batch->ids);
    }
    batch->items[batch->count] = (struct queue_item){.handle = delivery->handle};
    batch->ids[batch->count++] = delivery->note.request_id;
    if (delivery->note.hops > batch->hops)
        batch->hops = delivery->note.hops;
    if (!*batch->trace)
        snprintf(batch->trace, sizeof batch->trace, "%.*s", TEXT_ARG(delivery->note.trace));
    return true;
}

static void end(struct batch *batch)
{
    struct poller *poller = batch->poller;

    list_remove(&batch->link);
    poller->batch_count--;
    batch_free(batch);
    poller_look(poller);
}

/* --- deleting --- */

static void on_deleted(struct queue_delete *delete, bool failed, const struct error *err)
{
    struct batch *batch = container_of(delete, struct batch, delete);

    if (failed)
        log_warn("messages that were done could not be deleted, and will come again",
                 LOG_ERROR(err));
    end(batch);
}

/* Deletes those that did not fail. */
static void settle(struct batch *batch, const bool *failed)
{
    const struct poller *poller = batch->poller;
    struct queue *queue =
        queues_here(poller->mappings->options.queues, text_of(poller->mapping->lane));
    size_t count = 0;

    for (size_t i = 0; i < batch->count; i++)
        if (!failed || !failed[i])
            batch->items[count++] = batch->items[i];
    if (!queue || count == 0) {
        end(batch);
        return;
    }
    batch->delete =
        (struct queue_delete){.done = on_deleted, .items = batch->items, .count = count};
    queue_delete(queue, &batch->delete);
}

static void succeed(struct batch *batch, struct text answer)
{
    struct poller *poller = batch->poller;
    scoped(free) bool *failed = NULL;

    if (poller->mapping->is_partial) {
        failed = mem_zalloc(batch->count * sizeof *failed);
        if (!answer_failures(answer, batch->ids, batch->count, failed)) {
            end(batch);
            return;
        }
    }
    if (poller->limit < MAPPING_CONCURRENCY_MAX)
        poller->limit++;
    settle(batch, failed);
}

/* --- running --- */

static void on_over(struct loop_timer *timer)
{
    end(container_of(timer, struct batch, timer));
}

/* Not at once: whoever runs it still needs the poller, which may go with its last batch. */
static void end_soon(struct batch *batch)
{
    batch->timer.fire = on_over;
    loop_timer_set(batch->poller->place->loop, &batch->timer, 0);
}

static void start(struct batch *batch);

static void on_retry(struct loop_timer *timer)
{
    start(container_of(timer, struct batch, timer));
}

static void try_again(struct batch *batch)
{
    struct loop *loop = batch->poller->place->loop;
    int64_t next_ms = batch->backoff_ms ? 2 * batch->backoff_ms : BACKOFF_MS;

    batch->backoff_ms = next_ms < BACKOFF_MAX_MS ? next_ms : BACKOFF_MAX_MS;
    if (loop_now_us(loop) + batch->backoff_ms * 1000 >= batch->expires_us) {
        end_soon(batch); /* its messages come again by themselves */
        return;
    }
    batch->timer.fire = on_retry;
    loop_timer_set(loop, &batch->timer, batch->backoff_ms);
}

static void on_done(struct invocation *invocation)
{
    struct batch *batch = invocation->owner;

    switch (invocation->outcome) {
    case INVOCATION_OK:
        succeed(batch, buffer_text(&invocation->response));
        break;
    case INVOCATION_FUNCTION_ERROR:
        end(batch);
        break;
    case INVOCATION_THROTTLED:
    case INVOCATION_FAILED:
        try_again(batch);
        break;
    }
    invocation_free(invocation);
}

static const struct invocation_sink sink = {.on_done = on_done};

static void invoke(struct batch *batch, const struct version *version)
{
    struct invoker *invoker = batch->poller->place->invoker;
    struct invocation *invocation = invocation_new(version);

    invocation->sink = &sink;
    invocation->owner = batch;
    invocation->kind = INVOKE_EVENT;
    invocation->hops = (int)batch->hops;
    invocation_by(invocation, text_of(batch->poller->mapping->qualifier));
    lineage_make(text_of(batch->trace), invocation->hops, invocation->trace);
    buffer_add_text(&invocation->payload, buffer_text(&batch->payload));
    buffer_add_literal(&invocation->payload, "]}");
    invoker->invoke(invoker, invocation);
}

static void start(struct batch *batch)
{
    const struct poller *poller = batch->poller;
    const struct mapping *mapping = poller->mapping;
    const struct function *function =
        directory_find(poller->place->directory, text_of(mapping->account),
                       text_of(mapping->region), text_of(mapping->name));
    const struct version *version =
        function ? alias_route(function, text_of(mapping->qualifier)) : NULL;

    if (atomic_load(&poller->mappings->is_draining))
        end_soon(batch);
    else if (version)
        invoke(batch, version);
    else
        try_again(batch);
}

void batch_run(struct batch *batch)
{
    const struct receipt *first = container_of(batch->receipts.next, struct receipt, link);

    batch->expires_us = first->began_us + first->receive.visibility_s * 1000000;
    start(batch);
}
