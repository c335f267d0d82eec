/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "world.h"

/* Functions are invoked on shards. */

struct pending {
    struct world *world;
    int shard;
    const char *name;
    char payload[64];
    bool want_log;
    /* What became of it. */
    enum invocation_outcome outcome;
    char response[512], reason[200], log[4200];
    bool ran_at_home;
    sem_t done;
};

static inline void on_done(struct invocation *invocation)
{
    struct pending *pending = invocation->owner;

    pending->ran_at_home = loop_current() == pending->world->loops[pending->shard];
    pending->outcome = invocation->outcome;
    snprintf(pending->response, sizeof pending->response, "%.*s",
             TEXT_ARG(buffer_text(&invocation->response)));
    snprintf(pending->log, sizeof pending->log, "%.*s",
             TEXT_ARG(buffer_text(&invocation->log_tail)));
    snprintf(pending->reason, sizeof pending->reason, "%s", invocation->reason);
    invocation_free(invocation);
    sem_post(&pending->done);
}

static const struct invocation_sink sink = {.on_done = on_done};

/* On the shard's loop. */
static inline void invoke_here(struct world *world, struct pending *pending)
{
    struct shard *shard = engine_shard(world->engine, pending->shard);
    const struct function *function =
        directory_find(shard_directory(shard), TEXT(ACCOUNT), TEXT(REGION), text_of(pending->name));
    struct invoker *invoker = shard_invoker(shard);

    assert(function);
    struct invocation *invocation = invocation_new(function->latest);
    invocation->sink = &sink;
    invocation->owner = pending;
    invocation->want_log_tail = pending->want_log;
    buffer_add_text(&invocation->payload, text_of(pending->payload));
    invoker->invoke(invoker, invocation);
}

static inline void do_invoke(struct world *world, void *arg)
{
    invoke_here(world, arg);
}

static inline void begin(struct world *world, struct pending *pending, const char *name,
                         const char *payload, int shard)
{
    *pending = (struct pending){
        .world = world, .shard = shard, .name = name, .want_log = pending->want_log};
    snprintf(pending->payload, sizeof pending->payload, "%s", payload);
    sem_init(&pending->done, 0, 0);
}

static inline void invoke_on(struct world *world, struct pending *pending, const char *name,
                             const char *payload, int shard)
{
    begin(world, pending, name, payload, shard);
    call_on(world, world->loops[shard], do_invoke, pending);
}

static inline void finish(struct pending *pending)
{
    wait_sem(&pending->done);
    sem_destroy(&pending->done);
    CHECK(pending->ran_at_home);
}

static inline struct pending invoke(struct world *world, const char *name, const char *payload)
{
    struct pending pending = {.want_log = true};

    invoke_on(world, &pending, name, payload, 0);
    finish(&pending);
    return pending;
}

static inline bool is_answered(const struct pending *pending)
{
    int value;

    (void)sem_getvalue((sem_t *)(uintptr_t)&pending->done, &value);
    return value > 0;
}

/* --- several at once --- */

struct burst {
    struct pending *pending;
    const char *const *payloads;
    size_t count;
    int64_t quick_us;
    size_t queued;     /* how many were in the ring of the one busy instance then */
    int busy, waiting; /* instances and invocations then */
};

static inline struct pool *pool_of(struct world *world, int shard, const char *name)
{
    const struct function *function =
        directory_find(shard_directory(engine_shard(world->engine, shard)), TEXT(ACCOUNT),
                       TEXT(REGION), text_of(name));

    return pool_find_or_new(engine_shard(world->engine, shard), function->latest);
}

/* All in one iteration of the loop, with a function that is known to be quick. */
static inline void do_burst(struct world *world, void *arg)
{
    struct burst *burst = arg;
    struct pool *pool = pool_of(world, 0, "f");

    pool->duration_us = pool->quick_us = pool->least_us = (double)burst->quick_us;
    for (size_t i = 0; i < burst->count; i++)
        invoke_here(world, &burst->pending[i]);
    if (!list_empty(&pool->busy))
        burst->queued =
            environment_load(container_of(pool->busy.next, struct instance, link)->environment);
    burst->busy = pool->busy_count;
    burst->waiting = pool->waiting_count;
}

static inline struct burst send_burst(struct world *world, struct pending *pending,
                                      const char *const *payloads, size_t count, int64_t quick_us)
{
    struct burst burst = {pending, payloads, count, quick_us, 0, 0, 0};

    for (size_t i = 0; i < count; i++)
        begin(world, &pending[i], "f", payloads[i], 0);
    call_on(world, world->loops[0], do_burst, &burst);
    return burst;
}
