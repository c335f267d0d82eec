/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <semaphore.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "loop/loop.h"
#include "router/archive.h"
#include "router/buses.h"
#include "router/dispatch.h"
#include "router/replay.h"
#include "store/event_store.h"
#include "store/store.h"
#include "test.h"

/* Buses, archives and replays over a real store in a folder of their own, on one loop that is
 * shard and control. Each step runs there, and the test waits for its answer. */

#define HEAD "000000000000/us-east-1/"
#define ARN(rest) "arn:aws:events:us-east-1:000000000000:" rest
#define EVENT(id, source)                                                             \
    "{\"version\":\"0\",\"id\":\"" id "\",\"detail-type\":\"t\",\"source\":\"" source \
    "\",\"account\":\"000000000000\",\"time\":\"2026-01-31T12:00:00Z\","              \
    "\"region\":\"us-east-1\",\"resources\":[],\"detail\":{}}"

struct world {
    char folder[40];
    struct store *store;
    struct event_store *events;
    struct loop *loop;
    struct buses *buses;
    struct replays *replays;
    struct directory functions;
    const struct directory *directories[1];
    struct event_receiver receiver; /* of queues: the targets of the tests' rules */
    struct list arrived;
    struct buses_watch ended;    /* replays */
    sem_t answered, ended_count; /* ended_count: replays that came to an end */
    sem_t arrived_count;         /* times that something arrived */
    /* Of a test that has more than buses: before the loop runs, and after it has ended. */
    void (*prepare)(struct world *world);
    void (*dismantle)(struct world *world);
    struct loop_message step;
    void (*run)(struct world *world, void *arg);
    void *arg;
};

static inline void answer(struct world *world)
{
    sem_post(&world->answered);
}

static inline void wait_for(sem_t *sem)
{
    while (sem_wait(sem) < 0)
        ;
}

static inline void on_step(struct loop_message *message)
{
    struct world *world = container_of(message, struct world, step);

    world->run(world, world->arg);
}

/* run() or what it begins calls answer() once. */
static inline void step(struct world *world, void (*run)(struct world *world, void *arg), void *arg)
{
    world->run = run;
    world->arg = arg;
    world->step.run = on_step;
    loop_post(world->loop, &world->step);
    wait_for(&world->answered);
}

static inline struct loop *world_home(struct event_receiver *receiver, struct text lane)
{
    return container_of(receiver, struct world, receiver)->loop;
}

static inline void world_arrived(struct event_receiver *receiver, struct list *events)
{
    struct world *world = container_of(receiver, struct world, receiver);

    for (struct list *node; (node = list_pop(events));)
        list_push(&world->arrived, node);
    sem_post(&world->arrived_count);
}

static inline void on_replay(struct buses_watch *watch, struct text key, const json_t *document)
{
    struct world *world = container_of(watch, struct world, ended);

    if (json_object_get(document, "ReplayEndTime"))
        sem_post(&world->ended_count);
}

static inline void run_start(struct world *world, void *arg)
{
    buses_start(world->buses);
    answer(world);
}

static inline void world_open(struct world *world)
{
    const struct event_store_options options = {.folder = world->folder,
                                                .max_bytes = INT64_C(1) << 30};
    struct error err;

    world->loop = loop_new("home");
    world->store = store_open(world->folder, &err);
    CHECK_MSG(world->store, "%s", err.text);
    world->events = event_store_open(&options, &err);
    CHECK_MSG(world->events, "%s", err.text);
    const struct buses_options buses = {.store = world->store,
                                        .events = world->events,
                                        .control = world->loop,
                                        .loops = &world->loop,
                                        .loop_count = 1,
                                        .account = "000000000000",
                                        .region = "us-east-1"};
    world->buses = buses_open(&buses, &err);
    CHECK_MSG(world->buses, "%s", err.text);
    world->directories[0] = &world->functions;
    world->replays = replays_new(world->buses, world->directories);
    world->ended = (struct buses_watch){.changed = on_replay, .kind = BUSES_REPLAY};
    buses_watch(world->buses, &world->ended);
    world->receiver = (struct event_receiver){LANE_QUEUE, world_home, world_arrived};
    event_store_subscribe(world->events, &world->receiver);
    if (world->prepare)
        world->prepare(world);
    CHECK(loop_start(world->loop, &err) == 0);
    event_store_start(world->events);
    step(world, run_start, NULL);
}

/* {0} but for prepare and dismantle. */
static inline void world_init(struct world *world)
{
    snprintf(world->folder, sizeof world->folder, "/tmp/evoke-buses-XXXXXX");
    CHECK(mkdtemp(world->folder));
    list_init(&world->arrived);
    CHECK(sem_init(&world->answered, 0, 0) == 0 && sem_init(&world->ended_count, 0, 0) == 0);
    CHECK(sem_init(&world->arrived_count, 0, 0) == 0);
    world_open(world);
}

static inline void world_forget(struct world *world)
{
    for (struct list *node; (node = list_pop(&world->arrived));)
        event_free(container_of(node, struct event, link));
}

static inline void world_close(struct world *world)
{
    event_store_close(world->events);
    store_close(world->store);
    loop_stop(world->loop);
    loop_join(world->loop);
    world_forget(world);
    if (world->dismantle)
        world->dismantle(world);
    replays_free(world->replays);
    buses_free(world->buses);
    loop_free(world->loop);
}

static inline void world_done(struct world *world)
{
    struct error err;

    world_close(world);
    directory_done(&world->functions);
    sem_destroy(&world->answered);
    sem_destroy(&world->ended_count);
    sem_destroy(&world->arrived_count);
    CHECK(path_remove_tree(world->folder, &err) == 0);
}

/* --- documents --- */

struct change {
    struct world *world;
    enum buses_kind kind;
    const char *key, *json; /* NULL: deleted */
    struct buses_change stored;
};

static inline void on_changed(struct buses_change *stored, bool failed, const struct error *err)
{
    CHECK_MSG(!failed, "%s", err->text);
    answer(container_of(stored, struct change, stored)->world);
}

static inline void run_change(struct world *world, void *arg)
{
    struct change *change = arg;
    struct error err;

    change->stored = (struct buses_change){.done = on_changed};
    if (!change->json) {
        buses_delete(world->buses, change->kind, text_of(change->key), &change->stored);
        return;
    }
    json_t *document = json_parse(text_of(change->json), &err);
    CHECK_MSG(document, "%s", err.text);
    buses_put(world->buses, change->kind, text_of(change->key), document, &change->stored);
}

static inline void put_document(struct world *world, enum buses_kind kind, const char *key,
                                const char *json)
{
    struct change change = {.world = world, .kind = kind, .key = key, .json = json};

    step(world, run_change, &change);
}

/* --- events --- */

struct putting {
    struct world *world;
    struct bus_event event;
    struct dispatch dispatch;
    struct event_write write;
};

static inline void on_put(struct event_write *write, bool failed, const struct error *err)
{
    CHECK_MSG(!failed, "%s", err->text);
    answer(container_of(write, struct putting, write)->world);
}

static inline void run_put(struct world *world, void *arg)
{
    struct putting *putting = arg;

    dispatch_init(&putting->dispatch, buses_view(world->buses, 0), &world->functions);
    dispatch_event(&putting->dispatch, TEXT(HEAD "default"), &putting->event);
    if (putting->dispatch.count == 0) {
        answer(world);
        return;
    }
    putting->write = (struct event_write){.done = on_put,
                                          .loop = world->loop,
                                          .changes = putting->dispatch.changes,
                                          .count = putting->dispatch.count};
    event_store_write(world->events, &putting->write);
}

/* On the bus "default". */
static inline void put(struct world *world, const char *json, int64_t time_ms)
{
    struct putting putting = {.world = world,
                              .event = {.json = text_of(json),
                                        .id = TEXT("e"),
                                        .accepted_ms = time_ms,
                                        .time_ms = time_ms,
                                        .size = 100}};

    step(world, run_put, &putting);
    dispatch_done(&putting.dispatch);
}

struct settling {
    struct event_read read;
    struct world *world;
};

static inline void on_settled(struct event_read *read, bool failed, const struct error *err)
{
    answer(container_of(read, struct settling, read)->world);
}

static inline void run_settle(struct world *world, void *arg)
{
    struct settling *settling = arg;

    settling->read = (struct event_read){.done = on_settled, .loop = world->loop, .id = 0};
    event_store_read(world->events, &settling->read);
}

/* All that the store was to tell has been told: its answer comes behind it. */
static inline void settle(struct world *world)
{
    struct settling settling = {.world = world};

    step(world, run_settle, &settling);
}
