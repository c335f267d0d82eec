/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/broadcast.h"

/*
 * All queues: which there are, where they are at home, what arrives for them. The order of a
 * change is: on disk, then known to every shard, then answered; so who was told of a queue
 * finds it wherever the next request comes in.
 */

#define SWEEP_MS 30000     /* between two looks for what is too old */
#define SWEEP_SOON_MS 1000 /* when there was more than one look may take */

/* Not the map's own hash, which differs from start to start: the home of a lane may, too,
 * but a fixed one makes measurements repeatable. */
static int home_index(const struct queues *queues, struct text lane)
{
    static const uint64_t seed[2] = {0x65766f6b65, 0x7175657565};

    return (int)(map_hash_keyed(lane, seed) % (uint64_t)queues->options.loop_count);
}

struct loop *queues_home(const struct queues *queues, struct text lane)
{
    return queues->loops[home_index(queues, lane)];
}

struct queue_shard *queues_shard_here(const struct queues *queues)
{
    struct loop *here = loop_current();

    for (int i = 0; i < queues->options.loop_count; i++)
        if (queues->loops[i] == here)
            return &queues->shards[i];
    assert(!"a shard's loop");
    return NULL;
}

const struct queue_settings *queues_find(const struct queues *queues, struct text lane)
{
    return map_find(&queues_shard_here(queues)->known, lane);
}

struct queue *queues_here(const struct queues *queues, struct text lane)
{
    struct queue_shard *shard = queues_shard_here(queues);

    loop_assert_here(queues_home(queues, lane));
    return map_find(&shard->here, lane);
}

/* --- changes --- */

/* On the shard's loop, or before it runs. */
static void know(struct queue_shard *shard, const struct queue_settings *settings)
{
    struct text lane = text_of(settings->lane);
    const struct queue_settings *before =
        map_put(&shard->known, lane, (void *)(uintptr_t)queue_settings_ref(settings));

    if (queues_home(shard->queues, lane) == shard->loop) {
        struct queue *queue = map_find(&shard->here, lane);
        if (queue)
            queue_set_settings(queue, settings);
        else
            map_put(&shard->here, lane, queue_new(shard, settings));
    }
    queue_settings_unref(before);
}

static void forget(struct queue_shard *shard, struct text lane)
{
    struct queue *queue = map_remove(&shard->here, lane);

    queue_settings_unref(map_remove(&shard->known, lane));
    if (queue)
        queue_end(queue);
}

static void apply_change(void *arg, int index)
{
    struct queues_change *change = arg;
    struct queue_shard *shard = &change->queues->shards[index];
    scoped(free) char *lane = mem_format(LANE_QUEUE "/%s", change->key);

    if (change->settings)
        know(shard, change->settings);
    else
        forget(shard, text_of(lane));
}

static void finish_change(struct queues_change *change, bool failed, const struct error *err)
{
    queue_settings_unref(change->settings);
    free(take(change->key));
    change->done(change, failed, err);
}

static void on_known(void *arg)
{
    finish_change(arg, false, NULL);
}

static void on_stored(struct registry_change *stored, bool failed, const struct error *err)
{
    struct queues_change *change = container_of(stored, struct queues_change, stored);
    struct queues *queues = change->queues;

    if (failed) {
        finish_change(change, true, err);
        return;
    }
    loop_broadcast(queues->loops, queues->options.loop_count, apply_change, on_known, change);
}

void queues_put(struct queues *queues, struct text key, json_t *document,
                struct queues_change *change)
{
    change->queues = queues;
    change->key = text_dup(key);
    change->settings = document ? queue_settings_parse(key, document) : NULL;
    change->stored = (struct registry_change){.done = on_stored};
    if (document)
        registry_put(queues->options.registry, key, document, &change->stored);
    else
        registry_delete(queues->options.registry, key, &change->stored);
}

const json_t *queues_document(const struct queues *queues, struct text key)
{
    return registry_find(queues->options.registry, key);
}

void queues_each(const struct queues *queues, struct text prefix, struct text after,
                 bool (*each)(void *arg, struct text key, const json_t *document), void *arg)
{
    registry_each(queues->options.registry, prefix, after, each, arg);
}

/* --- what arrives --- */

static struct loop *home(struct event_receiver *receiver, struct text lane)
{
    return queues_home(container_of(receiver, struct queues, receiver), lane);
}

/* Takes the event. */
static void sort_in(struct queue *queue, struct event *event, const struct note *note)
{
    if (queue->settings->is_fifo && fifo_learn_sent(queue, event->id, note)) {
        event_free(event);
        return;
    }
    queue_add(queue, event, note);
    queue_wake(queue);
}

static void take_event(struct queue_shard *shard, struct event *event, struct arena *arena)
{
    struct queue *queue = map_find(&shard->here, text_of(event->lane));
    struct note note;
    struct error err;

    if (!queue) {
        queue_lost(shard, event);
        return;
    }
    if (note_parse(buffer_text(&event->note), arena, &note, &err) == 0) {
        sort_in(queue, event, &note);
        return;
    }
    log_error("a message of a queue cannot be read and stays on disk",
              LOG_TEXT("queue", queue->settings->arn), LOG_NUM("record", event->id),
              LOG_ERROR(&err));
    event_free(event);
}

static void arrived(struct event_receiver *receiver, struct list *events)
{
    struct queues *queues = container_of(receiver, struct queues, receiver);
    struct queue_shard *shard = queues_shard_here(queues);
    struct arena arena = {0};
    struct list *node;

    while ((node = list_pop(events))) {
        take_event(shard, container_of(node, struct event, link), &arena);
        arena_reset(&arena);
    }
    arena_done(&arena);
}

/* --- what is too old --- */

static void on_sweep(struct loop_timer *timer)
{
    struct queue_shard *shard = container_of(timer, struct queue_shard, sweep);
    struct map_cursor cursor = {0};
    int64_t now_ms = clock_now_ms();
    bool is_more = false;

    while (map_next(&shard->here, &cursor))
        is_more |= queue_expire(cursor.value, now_ms);
    loop_timer_set(shard->loop, &shard->sweep, is_more ? SWEEP_SOON_MS : SWEEP_MS);
}

/* --- the start --- */

static void on_barrier(struct event_write *barrier, bool failed, const struct error *err)
{
    struct queue_shard *shard = container_of(barrier, struct queue_shard, barrier);
    struct list *node;

    if (failed)
        log_error("queues may not have all their messages", LOG_ERROR(err));
    shard->is_ready = true;
    while ((node = list_pop(&shard->waiting))) {
        struct queues_ready *ready = container_of(node, struct queues_ready, link);
        ready->run(ready);
    }
}

/* The store tells what was left before it answers what is written after that: so a write of
 * nothing is answered when all of it is there. */
static void on_start(struct loop_message *message)
{
    struct queue_shard *shard = container_of(message, struct queue_shard, start);

    shard->sweep.fire = on_sweep;
    loop_timer_set(shard->loop, &shard->sweep, SWEEP_MS);
    shard->nothing = (struct event_change){.action = EVENT_DELETE};
    shard->barrier = (struct event_write){
        .done = on_barrier, .loop = shard->loop, .changes = &shard->nothing, .count = 1};
    event_store_write(shard->queues->options.store, &shard->barrier);
}

void queues_start(struct queues *queues)
{
    for (int i = 0; i < queues->options.loop_count; i++) {
        queues->shards[i].start.run = on_start;
        loop_post(queues->loops[i], &queues->shards[i].start);
    }
}

void queues_when_ready(struct queues *queues, struct queues_ready *ready)
{
    struct queue_shard *shard = queues_shard_here(queues);

    if (shard->is_ready)
        ready->run(ready);
    else
        list_push(&shard->waiting, &ready->link);
}

/* --- the end --- */

static void on_drain(struct loop_message *message)
{
    struct queue_shard *shard = container_of(message, struct queue_shard, drain);
    struct map_cursor cursor = {0};

    shard->is_draining = true;
    loop_timer_clear(&shard->sweep);
    while (map_next(&shard->here, &cursor))
        queue_stop(cursor.value);
}

void queues_drain(struct queues *queues)
{
    for (int i = 0; i < queues->options.loop_count; i++) {
        queues->shards[i].drain.run = on_drain;
        loop_post(queues->loops[i], &queues->shards[i].drain);
    }
}

/* --- life --- */

static bool read_document(void *arg, struct text key, const json_t *document)
{
    struct queues *queues = arg;
    const struct queue_settings *settings = queue_settings_parse(key, document);

    for (int i = 0; i < queues->options.loop_count; i++)
        know(&queues->shards[i], settings);
    queue_settings_unref(settings);
    return true;
}

struct queues *queues_new(const struct queues_options *options)
{
    struct queues *queues = mem_new(struct queues);
    size_t count = (size_t)options->loop_count;

    queues->options = *options;
    queues->loops = mem_copy(options->loops, count * sizeof(struct loop *));
    queues->shards = mem_zalloc(count * sizeof *queues->shards);
    for (size_t i = 0; i < count; i++) {
        struct queue_shard *shard = &queues->shards[i];
        shard->queues = queues;
        shard->loop = queues->loops[i];
        list_init(&shard->waiting);
    }
    registry_each(options->registry, TEXT(""), TEXT_NONE, read_document, queues);
    queues->receiver =
        (struct event_receiver){.kind = LANE_QUEUE, .home = home, .arrived = arrived};
    event_store_subscribe(options->store, &queues->receiver);
    return queues;
}

static void free_shard(struct queue_shard *shard)
{
    struct map_cursor cursor = {0};

    while (map_next(&shard->here, &cursor))
        queue_unref(cursor.value);
    cursor = (struct map_cursor){0};
    while (map_next(&shard->known, &cursor))
        queue_settings_unref(cursor.value);
    map_done(&shard->here);
    map_done(&shard->known);
}

void queues_free(struct queues *queues)
{
    if (!queues)
        return;
    for (int i = 0; i < queues->options.loop_count; i++)
        free_shard(&queues->shards[i]);
    free(queues->shards);
    free(queues->loops);
    free(queues);
}
