/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <semaphore.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "source/queue.h"
#include "test.h"

/* Queues over a real store in a folder of their own, on one loop that is home and control.
 * Each step runs there, and the test waits for its answer. */

#define KEY "000000000000/us-east-1/"

struct world {
    char folder[40];
    struct store *store;
    struct event_store *events;
    struct registry *registry;
    struct loop *loop;
    struct queues *queues;
    sem_t answered;
    struct loop_message step;
    void (*run)(struct world *world, void *arg);
    void *arg;
};

static void answer(struct world *world)
{
    sem_post(&world->answered);
}

static void on_step(struct loop_message *message)
{
    struct world *world = container_of(message, struct world, step);

    world->run(world, world->arg);
}

/* run() or what it begins calls answer() once. */
static void step(struct world *world, void (*run)(struct world *world, void *arg), void *arg)
{
    world->run = run;
    world->arg = arg;
    world->step.run = on_step;
    loop_post(world->loop, &world->step);
    while (sem_wait(&world->answered) < 0)
        ;
}

struct readying {
    struct queues_ready ready;
    struct world *world;
};

static void on_ready(struct queues_ready *ready)
{
    answer(container_of(ready, struct readying, ready)->world);
}

static void run_ready(struct world *world, void *arg)
{
    struct readying *readying = arg;

    queues_when_ready(world->queues, &readying->ready);
}

static void world_open(struct world *world)
{
    struct readying readying = {.ready = {.run = on_ready}, .world = world};
    struct error err;
    const struct event_store_options options = {.folder = world->folder,
                                                .max_bytes = INT64_C(1) << 30};

    world->loop = loop_new("home");
    world->store = store_open(world->folder, &err);
    CHECK_MSG(world->store, "%s", err.text);
    world->events = event_store_open(&options, &err);
    CHECK_MSG(world->events, "%s", err.text);
    world->registry = registry_open(world->store, world->loop, "queue", &err);
    CHECK(world->registry);
    const struct queues_options queues = {.store = world->events,
                                          .registry = world->registry,
                                          .control = world->loop,
                                          .loops = &world->loop,
                                          .loop_count = 1};
    world->queues = queues_new(&queues);
    CHECK(loop_start(world->loop, &err) == 0);
    event_store_start(world->events);
    queues_start(world->queues);
    step(world, run_ready, &readying);
}

static void world_init(struct world *world)
{
    *world = (struct world){.folder = "/tmp/evoke-queues-XXXXXX"};
    CHECK(mkdtemp(world->folder));
    CHECK(sem_init(&world->answered, 0, 0) == 0);
    world_open(world);
}

static void world_close(struct world *world)
{
    queues_drain(world->queues);
    event_store_close(world->events);
    store_close(world->store);
    loop_stop(world->loop);
    loop_join(world->loop);
    queues_free(world->queues);
    registry_free(world->registry);
    loop_free(world->loop);
}

static void world_reopen(struct world *world)
{
    world_close(world);
    world_open(world);
}

static void world_done(struct world *world)
{
    struct error err;

    world_close(world);
    sem_destroy(&world->answered);
    CHECK(path_remove_tree(world->folder, &err) == 0);
}

/* --- queues --- */

static struct queue *here(struct world *world, const char *name)
{
    scoped(free) char *lane = mem_format(LANE_QUEUE "/" KEY "%s", name);

    return queues_here(world->queues, text_of(lane));
}

struct making {
    struct world *world;
    const char *name, *attributes;
    struct queues_change change;
};

static void on_made(struct queues_change *change, bool failed, const struct error *err)
{
    CHECK_MSG(!failed, "%s", err->text);
    answer(container_of(change, struct making, change)->world);
}

static void run_make(struct world *world, void *arg)
{
    struct making *making = arg;
    struct error err;
    scoped(free) char *key = mem_format(KEY "%s", making->name);
    json_t *document = NULL;

    if (making->attributes)
        document = json_pack("{s:o}", "attributes", json_parse(text_of(making->attributes), &err));
    queues_put(world->queues, text_of(key), document, &making->change);
}

/* attributes is JSON; NULL deletes the queue. */
static void make(struct world *world, const char *name, const char *attributes)
{
    struct making making = {world, name, attributes, {.done = on_made}};

    step(world, run_make, &making);
}

/* --- messages --- */

struct sending {
    struct world *world;
    const char *queue;
    struct queue_send send;
    struct queue_entry entry;
};

static void on_sent(struct queue_send *send, bool failed, const struct error *err)
{
    CHECK_MSG(!failed, "%s", err->text);
    answer(container_of(send, struct sending, send)->world);
}

static void run_send(struct world *world, void *arg)
{
    struct sending *sending = arg;

    sending->send = (struct queue_send){.done = on_sent, .entries = &sending->entry, .count = 1};
    queue_send(here(world, sending->queue), &sending->send);
}

/* group and dedup may be NULL. The record's id. */
static uint64_t send_one(struct world *world, const char *queue, const char *body,
                         const char *group, const char *dedup)
{
    struct sending sending = {.world = world,
                              .queue = queue,
                              .entry = {.body = text_of(body),
                                        .group = text_of(group),
                                        .dedup = text_of(dedup),
                                        .delay_s = -1}};

    step(world, run_send, &sending);
    return sending.entry.id;
}

struct receiving {
    struct world *world;
    const char *queue;
    struct queue_receive receive;
    char bodies[200]; /* "a b c" */
    struct queue_handle handles[16];
    int64_t receives;
    char origin[100];
    size_t count;
};

static void on_received(struct queue_receive *receive)
{
    struct receiving *receiving = container_of(receive, struct receiving, receive);

    receiving->bodies[0] = '\0';
    for (size_t i = 0; i < receive->count; i++) {
        const struct queue_delivery *delivery = &receive->deliveries[i];
        size_t len = strlen(receiving->bodies);
        snprintf(receiving->bodies + len, sizeof receiving->bodies - len, "%s%.*s",
                 i > 0 ? " " : "", TEXT_ARG(buffer_text(&delivery->body)));
        receiving->handles[i] = delivery->handle;
        receiving->receives = delivery->note.receives;
        snprintf(receiving->origin, sizeof receiving->origin, "%.*s",
                 TEXT_ARG(delivery->note.origin_arn));
    }
    receiving->count = receive->count;
    queue_receive_done(receive);
    answer(receiving->world);
}

static void run_receive(struct world *world, void *arg)
{
    struct receiving *receiving = arg;

    receiving->receive.done = on_received;
    queue_receive(here(world, receiving->queue), &receiving->receive);
}

static struct receiving receive(struct world *world, const char *queue, size_t max,
                                int64_t visibility_s, int64_t wait_ms)
{
    struct receiving receiving = {
        .world = world,
        .queue = queue,
        .receive = {.max = max, .visibility_s = visibility_s, .wait_ms = wait_ms}};

    step(world, run_receive, &receiving);
    return receiving;
}

#define CHECK_RECEIVE(world, queue, max, visibility_s, want)                              \
    do {                                                                                  \
        struct receiving got_ = receive(world, queue, max, visibility_s, 0);              \
        CHECK_MSG(strcmp(got_.bodies, want) == 0, "'%s' is not '%s'", got_.bodies, want); \
    } while (0)

struct deleting {
    struct world *world;
    const char *queue;
    struct queue_delete delete;
    struct queue_item item;
};

static void on_deleted(struct queue_delete *delete, bool failed, const struct error *err)
{
    CHECK_MSG(!failed, "%s", err->text);
    answer(container_of(delete, struct deleting, delete)->world);
}

static void run_delete(struct world *world, void *arg)
{
    struct deleting *deleting = arg;

    deleting->delete =
        (struct queue_delete){.done = on_deleted, .items = &deleting->item, .count = 1};
    queue_delete(here(world, deleting->queue), &deleting->delete);
}

static enum queue_verdict delete_one(struct world *world, const char *queue,
                                     struct queue_handle handle)
{
    struct deleting deleting = {.world = world, .queue = queue, .item = {.handle = handle}};

    step(world, run_delete, &deleting);
    return deleting.item.verdict;
}

static void run_hide(struct world *world, void *arg)
{
    struct deleting *hiding = arg;

    queue_hide(here(world, hiding->queue), &hiding->item, 1);
    answer(world);
}

static enum queue_verdict hide(struct world *world, const char *queue, struct queue_handle handle,
                               int64_t visibility_s)
{
    struct deleting hiding = {
        .world = world, .queue = queue, .item = {.handle = handle, .visibility_s = visibility_s}};

    step(world, run_hide, &hiding);
    return hiding.item.verdict;
}

struct counting {
    const char *queue;
    struct queue_counts counts;
};

static void run_count(struct world *world, void *arg)
{
    struct counting *counting = arg;

    counting->counts = queue_counts(here(world, counting->queue));
    answer(world);
}

static struct queue_counts counts(struct world *world, const char *queue)
{
    struct counting counting = {.queue = queue};

    step(world, run_count, &counting);
    return counting.counts;
}
