/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <semaphore.h>

#include "base/path.h"
#include "engine/engine_priv.h"
#include "engine/package.h"
#include "fakes.h"

/*
 * An engine with its control thread and shards, a store in a temporary folder, and behind
 * each shard's socket a host of fakes.
 */

#define ACCOUNT "000000000000"
#define REGION "us-east-1"
#define SHARDS 2

struct world {
    char folder[64];
    struct settings settings;
    struct interpreters *interpreters;
    struct store *store;
    struct event_store *events;
    struct keyring *keyring;
    struct log_store *logs;
    struct loop *control, *loops[SHARDS];
    struct engine *engine;
    struct host hosts[SHARDS];
    int timeout_s; /* of what is deployed from now on */
    struct fakes fakes;
    sem_t ready, drained;
};

/* --- calls on a thread of the engine --- */

struct call {
    struct loop_message message;
    void (*run)(struct world *world, void *arg);
    struct world *world;
    void *arg;
    sem_t done;
};

static inline void on_call(struct loop_message *message)
{
    struct call *call = container_of(message, struct call, message);

    call->run(call->world, call->arg);
    sem_post(&call->done);
}

static inline void wait_sem(sem_t *sem)
{
    bool came = patience_sem(sem);

    assert(came);
}

static inline void call_on(struct world *world, struct loop *loop,
                           void (*run)(struct world *world, void *arg), void *arg)
{
    struct call call = {.message.run = on_call, .run = run, .world = world, .arg = arg};

    sem_init(&call.done, 0, 0);
    loop_post(loop, &call.message);
    wait_sem(&call.done);
    sem_destroy(&call.done);
}

/* --- the engine --- */

static inline void on_engine_ready(void *arg)
{
    sem_post(&((struct world *)arg)->ready);
}

static inline void on_engine_drained(void *arg)
{
    sem_post(&((struct world *)arg)->drained);
}

/* Starts, or starts again on what is stored. */
static inline void world_run(struct world *world)
{
    struct error err;
    int sockets[SHARDS];

    world->store = store_open(world->folder, &err);
    world->keyring = keyring_open(world->folder, &err);
    world->logs = log_store_open(world->folder, &err);
    const struct event_store_options events = {
        .folder = world->folder, .max_bytes = 1 << 30, .segment_bytes = 1 << 20};
    world->events = event_store_open(&events, &err);
    CHECK(world->store && world->keyring && world->logs && world->events);
    world->interpreters = interpreters_find("/nowhere");
    world->control = loop_new("control");
    for (int i = 0; i < world->settings.shards; i++) {
        world->loops[i] = loop_new("shard");
        host_open(&world->fakes, &world->hosts[i], &sockets[i]);
    }
    const struct engine_options options = {
        .settings = &world->settings,
        .store = world->store,
        .events = world->events,
        .logs = world->logs,
        .keyring = world->keyring,
        .interpreters = world->interpreters,
        .control = world->control,
        .shard_loops = world->loops,
        .spawner_sockets = sockets,
        .data_folder = world->folder,
        .api_address = "127.0.0.1:1",
        .gateway_address = "127.0.0.1:2",
    };
    world->engine = engine_new(&options, &err);
    CHECK_MSG(world->engine, "%s", err.text);
    for (int i = 0; i < world->settings.shards; i++)
        CHECK(loop_start(world->loops[i], &err) == 0);
    CHECK(loop_start(world->control, &err) == 0);
    engine_start(world->engine, on_engine_ready, world);
    wait_sem(&world->ready);
}

static inline struct world *world_new(void)
{
    struct world *world = mem_new(struct world);
    struct error err;

    (void)signal(SIGPIPE, SIG_IGN);
    snprintf(world->folder, sizeof world->folder, "/tmp/evoke-engine-XXXXXX");
    CHECK(mkdtemp(world->folder) && package_prepare(world->folder, &err) == 0);
    world->settings = (struct settings){.shards = 1,
                                        .region = (char *)(uintptr_t)REGION,
                                        .account = (char *)(uintptr_t)ACCOUNT,
                                        .concurrency = 100,
                                        .memory = INT64_C(100) << 30,
                                        .idle_timeout_ms = 600000,
                                        .cpu_min_percent = 10};
    world->timeout_s = 60; /* far beyond what anything takes */
    fakes_init(&world->fakes);
    sem_init(&world->ready, 0, 0);
    sem_init(&world->drained, 0, 0);
    return world;
}

static inline struct world *world_start(void)
{
    struct world *world = world_new();

    world_run(world);
    return world;
}

static inline void do_drain(struct world *world, void *arg)
{
    engine_drain(world->engine, *(int *)arg, on_engine_drained, world);
}

static inline void on_flushed(void *arg)
{
    sem_post(arg);
}

struct flush {
    struct shard *shard;
    sem_t done;
};

static inline void do_flush(struct world *world, void *arg)
{
    struct flush *flush = arg;

    log_writer_flush(shard_log_writer(flush->shard), on_flushed, &flush->done);
}

static inline void world_begin_drain(struct world *world, int limit_ms)
{
    call_on(world, world->control, do_drain, &limit_ms);
}

struct marker {
    struct store_write write;
    sem_t done;
};

static inline void on_marked(struct store_write *write, bool failed, const struct error *err)
{
    sem_post(&container_of(write, struct marker, write)->done);
}

static inline void nothing(struct world *world, void *arg)
{
}

/* Everything that was written and what follows of it has been published. */
static inline void settle(struct world *world)
{
    struct marker marker = {.write = {.done = on_marked, .loop = world->control, .count = 1}};

    marker.write.changes[0] = (struct store_change){
        .action = STORE_DELETE, .kind = mem_strdup("marker"), .key = mem_strdup("marker")};
    sem_init(&marker.done, 0, 0);
    store_write(world->store, &marker.write);
    wait_sem(&marker.done);
    sem_destroy(&marker.done);
    for (int i = 0; i < world->settings.shards; i++)
        call_on(world, world->loops[i], nothing, NULL);
    call_on(world, world->control, nothing, NULL);
}

/* After the drain. */
static inline void world_stop(struct world *world)
{
    wait_sem(&world->drained);
    settle(world);
    for (int i = 0; i < world->settings.shards; i++) {
        struct flush flush = {.shard = engine_shard(world->engine, i)};
        sem_init(&flush.done, 0, 0);
        call_on(world, world->loops[i], do_flush, &flush);
        wait_sem(&flush.done);
        sem_destroy(&flush.done);
        loop_stop(world->loops[i]);
        loop_join(world->loops[i]);
    }
    event_store_close(world->events);
    store_close(world->store);
    loop_stop(world->control);
    loop_join(world->control);
    engine_free(world->engine);
    for (int i = 0; i < world->settings.shards; i++) {
        loop_free(world->loops[i]);
        host_close(&world->hosts[i]);
    }
    loop_free(world->control);
    log_store_free(world->logs);
    keyring_free(world->keyring);
    interpreters_free(world->interpreters);
}

static inline void world_free(struct world *world)
{
    struct error err;

    (void)path_remove_tree(world->folder, &err);
    fakes_done(&world->fakes);
    sem_destroy(&world->ready);
    sem_destroy(&world->drained);
    free(world);
}

static inline void world_end(struct world *world)
{
    world_begin_drain(world, 60000);
    world_stop(world);
    world_free(world);
}

/* --- what it tells --- */

static inline bool has(const char *text, const char *needle)
{
    return strstr(text, needle) != NULL;
}

static inline int64_t metric(struct world *world, const char *name)
{
    scoped(buffer_done) struct buffer text = {0};
    int64_t value = -1;

    engine_metrics(world->engine, &text);
    scoped(free) char *line = mem_format("\n%s ", name);
    const char *at = strstr(text.at, line);
    CHECK_MSG(at, "no metric %s", name);
    struct text rest = text_of(at + strlen(line));
    (void)text_to_int(text_slice(rest, 0, text_find(rest, '\n')), 0, INT64_MAX, &value);
    return value;
}

/* Until a metric has that value. */
static inline void wait_metric(struct world *world, const char *name, int64_t want)
{
    int64_t got;

    for (int looks = 0; (got = metric(world, name)) != want;)
        CHECK_MSG(patience_lasts(&looks), "%s stays %lld", name, (long long)got);
}
