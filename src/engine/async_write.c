/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/async_priv.h"

#include "base/log.h"
#include "base/mem.h"

static void settle(struct async *async)
{
    async->open--;
    shard_check_drained(async->shard);
}

/* --- deletes and attempts: many in one write --- */

static void on_batch(struct event_write *write, bool failed, const struct error *err)
{
    struct batch *batch = container_of(write, struct batch, write);
    struct async *async = batch->async;

    /* At least once: what could not be noted is found again at the next start. */
    if (failed)
        log_error("what became of events could not be stored: they will be tried again after "
                  "the next start",
                  LOG_NUM("events", batch->count), LOG_ERROR(err));
    arena_done(&batch->arena);
    free(batch->changes);
    free(batch);
    settle(async);
}

static struct event_change *add(struct async *async)
{
    struct batch *batch = async->batch;

    if (!batch) {
        batch = async->batch = mem_new(struct batch);
        batch->async = async;
    }
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity ? 2 * batch->capacity : 16;
        batch->changes = mem_realloc(batch->changes, batch->capacity * sizeof *batch->changes);
    }
    struct event_change *change = &batch->changes[batch->count++];
    *change = (struct event_change){0};
    loop_defer(async->shard->loop, &async->look);
    return change;
}

void async_delete(struct async *async, uint64_t id)
{
    struct event_change *change = add(async);

    change->action = EVENT_DELETE;
    change->id = id;
}

void async_set(struct async *async, uint64_t id, int64_t due_ms, const struct note *note)
{
    struct event_change *change = add(async);
    scoped(buffer_done) struct buffer text = {0};

    note_format(note, &text);
    change->action = EVENT_SET;
    change->id = id;
    change->due_ms = due_ms;
    change->note = arena_copy(&async->batch->arena, buffer_text(&text));
}

void async_flush(struct async *async)
{
    struct batch *batch = take(async->batch);

    if (!batch)
        return;
    async->open++;
    batch->write = (struct event_write){.done = on_batch,
                                        .loop = async->shard->loop,
                                        .changes = batch->changes,
                                        .count = batch->count};
    event_store_write(async->shard->engine->options.events, &batch->write);
}

/* --- moves: off this lane and onto the next, all or nothing --- */

static void write_move(struct task *task);

static void on_rewrite(struct loop_timer *timer)
{
    write_move(container_of(timer, struct task, timer));
}

static void on_moved(struct event_write *write, bool failed, const struct error *err)
{
    struct task *task = container_of(write, struct task, write);
    struct lane *lane = task->lane;
    struct async *async = lane->async;

    if (failed && !async->is_draining) {
        /* It has its result: trying the write again beats trying the function again. */
        log_warn("the result of an event could not be stored", LOG_TEXT("lane", lane->name),
                 LOG_ERROR(err));
        task->timer.fire = on_rewrite;
        loop_timer_set(async->shard->loop, &task->timer, ASYNC_REWRITE_MS);
        settle(async);
        return;
    }
    lane->moving_count--;
    task_free(task);
    lane_look(lane);
    settle(async);
}

static void write_move(struct task *task)
{
    struct async *async = task->lane->async;

    async->open++;
    task->write = (struct event_write){.done = on_moved,
                                       .loop = async->shard->loop,
                                       .changes = task->changes,
                                       .count = task->change_count};
    event_store_write(async->shard->engine->options.events, &task->write);
}

void async_move(struct task *task)
{
    task->lane->moving_count++;
    write_move(task);
}
