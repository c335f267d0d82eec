/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"

/*
 * A shard: the invoker of its loop. An invocation holds one unit of the account's
 * concurrency from here to its answer, wherever it waits. Instances never change shard;
 * an invocation may, once: it then travels to the shard with an idle instance, and its
 * answer comes back the same way.
 */

/* --- concurrency and memory --- */

static bool take_unit(struct engine *engine)
{
    int limit = (int)engine->options.settings->concurrency;

    if (atomic_fetch_add_explicit(&engine->concurrency_used, 1, memory_order_relaxed) < limit)
        return true;
    atomic_fetch_sub_explicit(&engine->concurrency_used, 1, memory_order_relaxed);
    return false;
}

static void give_unit(struct engine *engine, struct invocation *invocation)
{
    atomic_fetch_sub_explicit(&engine->concurrency_used, 1, memory_order_relaxed);
    if (invocation->holds_quota)
        atomic_fetch_sub_explicit(&invocation->version->quota->running, 1, memory_order_relaxed);
    invocation->holds_quota = false;
}

/* Those that began before there was a limit do not count: nothing is counted without one. */
static bool take_quota(struct invocation *invocation)
{
    struct quota *quota = invocation->version->quota;
    int limit = atomic_load_explicit(&quota->limit, memory_order_relaxed);

    if (limit < 0)
        return true;
    if (atomic_fetch_add_explicit(&quota->running, 1, memory_order_relaxed) < limit) {
        invocation->holds_quota = true;
        return true;
    }
    atomic_fetch_sub_explicit(&quota->running, 1, memory_order_relaxed);
    return false;
}

static bool take_memory(struct engine *engine, int64_t bytes)
{
    if (atomic_fetch_add(&engine->memory_used, bytes) + bytes <= engine->memory_limit)
        return true;
    atomic_fetch_sub(&engine->memory_used, bytes);
    return false;
}

/* Idle instances make room. What they hold is claimed first, so that no two starts count on
 * the same ones. */
static bool claim_idle(struct engine *engine, int64_t bytes)
{
    if (atomic_fetch_sub(&engine->memory_idle, bytes) >= bytes)
        return true;
    atomic_fetch_add(&engine->memory_idle, bytes);
    return false;
}

struct shed {
    struct loop_message message;
    struct shard *shard;
    int64_t bytes; /* claimed and still to be freed */
    int visited;
};

/* Ends idle instances of this shard, the one that was used longest ago first. Returns how
 * much is still to be freed elsewhere. */
static int64_t shed_here(struct shard *shard, int64_t bytes)
{
    while (bytes > 0 && !list_empty(&shard->idle_by_use)) {
        struct instance *instance =
            container_of(shard->idle_by_use.next, struct instance, used_link);
        int64_t held = instance->pool->memory_bytes;
        instance_stop(instance); /* takes what it held out of the idle sum: the claim may go */
        atomic_fetch_add(&shard->engine->memory_idle, held < bytes ? held : bytes);
        bytes -= held;
    }
    return bytes > 0 ? bytes : 0;
}

/* From shard to shard, until enough is freed or all were asked. */
static void on_shed(struct loop_message *message)
{
    struct shed *shed = container_of(message, struct shed, message);
    struct engine *engine = shed->shard->engine;

    shed->bytes = shed_here(shed->shard, shed->bytes);
    if (shed->bytes == 0 || ++shed->visited == engine->shard_count) {
        atomic_fetch_add(&engine->memory_idle, shed->bytes);
        free(shed);
        return;
    }
    shed->shard = &engine->shards[(shed->shard->index + 1) % engine->shard_count];
    loop_post(shed->shard->loop, &shed->message);
}

bool shard_reserve_memory(struct shard *shard, int64_t bytes)
{
    struct engine *engine = shard->engine;

    if (take_memory(engine, bytes))
        return true;
    if (!claim_idle(engine, bytes))
        return false;
    /* Theirs is given back when they have ended, so for a moment the sum may exceed the
     * limit by what is ending. */
    struct shed *shed = mem_new(struct shed);
    shed->shard = shard;
    shed->bytes = bytes;
    shed->message.run = on_shed;
    on_shed(&shed->message);
    atomic_fetch_add(&engine->memory_used, bytes);
    return true;
}

void shard_release_memory(struct shard *shard, int64_t bytes)
{
    atomic_fetch_sub(&shard->engine->memory_used, bytes);
}

/* --- answers --- */

static void on_returned(struct loop_message *message)
{
    struct invocation *invocation = container_of(message, struct invocation, message);

    invocation->sink->on_done(invocation);
}

void shard_finish(struct shard *shard, struct invocation *invocation)
{
    struct shard_counters *counters = &shard->counters;
    struct tally *tally = &invocation->version->quota->tally;
    int64_t us = invocation->ended_us - invocation->began_us;
    int bucket = 0;

    while (bucket < DURATION_BUCKETS && us > DURATION_BUCKET_US(bucket))
        bucket++;
    counter_add(&counters->invocations, 1);
    counter_add(&counters->duration_us_sum, us);
    counter_add(&counters->duration_bucket[bucket], 1);
    tally_add(&tally->duration_us, us);
    tally_add(&tally->ran[bucket], 1);
    if (invocation->outcome == INVOCATION_FUNCTION_ERROR)
        tally_add(&tally->errors, 1);
    give_unit(shard->engine, invocation);
    shard->running_count--;

    if (invocation->home == shard->loop) {
        invocation->sink->on_done(invocation);
    } else {
        invocation->message.run = on_returned;
        loop_post(invocation->home, &invocation->message);
    }
    shard_check_drained(shard);
}

static void on_refuse(struct loop_task *task)
{
    struct shard *shard = container_of(task, struct shard, refuse);
    struct list *node;

    while ((node = list_pop(&shard->refused))) {
        struct invocation *invocation = container_of(node, struct invocation, link);
        invocation->sink->on_done(invocation);
    }
}

static void refuse(struct shard *shard, struct invocation *invocation,
                   enum invocation_outcome outcome, const char *throttle_reason, const char *reason)
{
    if (outcome == INVOCATION_THROTTLED) {
        counter_add(&shard->counters.throttles, 1);
        tally_add(&invocation->version->quota->tally.throttles, 1);
    }
    invocation->outcome = outcome;
    invocation->throttle_reason = throttle_reason;
    snprintf(invocation->reason, sizeof invocation->reason, "%s", reason);
    if (invocation->home != shard->loop) {
        invocation->message.run = on_returned;
        loop_post(invocation->home, &invocation->message);
        return;
    }
    list_push(&shard->refused, &invocation->link);
    loop_defer(shard->loop, &shard->refuse);
}

void shard_refuse(struct shard *shard, struct invocation *invocation,
                  enum invocation_outcome outcome, const char *throttle_reason, const char *reason)
{
    give_unit(shard->engine, invocation);
    shard->running_count--;
    refuse(shard, invocation, outcome, throttle_reason, reason);
}

/* --- invoking --- */

static void on_handed_over(struct loop_message *message)
{
    struct invocation *invocation = container_of(message, struct invocation, message);
    struct shard *shard = invocation->place;

    shard->running_count++;
    if (shard->is_drained || shard->is_cut_off)
        shard_refuse(shard, invocation, INVOCATION_FAILED, NULL, "the daemon is stopping");
    else
        pool_submit(pool_find_or_new(shard, invocation->version), invocation);
}

bool shard_hand_over(struct shard *shard, struct invocation *invocation)
{
    struct engine *engine = shard->engine;

    if (invocation->hand_overs > 0 || invocation->sink->on_begin)
        return false;
    for (int i = 0; i < engine->shard_count; i++) {
        if (i == shard->index ||
            atomic_load_explicit(&invocation->version->idle_on[i], memory_order_relaxed) <= 0)
            continue;
        invocation->hand_overs++;
        counter_add(&shard->counters.hand_overs, 1);
        shard->running_count--;
        invocation->place = &engine->shards[i];
        invocation->message.run = on_handed_over;
        loop_post(engine->shards[i].loop, &invocation->message);
        return true;
    }
    return false;
}

static void invoke(struct invoker *invoker, struct invocation *invocation)
{
    struct shard *shard = container_of(invoker, struct shard, invoker);

    loop_assert_here(shard->loop);
    invocation->home = shard->loop;
    invocation->queued_us = loop_now_us(shard->loop);
    if (shard->is_draining) {
        refuse(shard, invocation, INVOCATION_FAILED, NULL, "the daemon is stopping");
        return;
    }
    if (!take_unit(shard->engine)) {
        refuse(shard, invocation, INVOCATION_THROTTLED, "ConcurrentInvocationLimitExceeded",
               "Rate Exceeded.");
        return;
    }
    if (!take_quota(invocation)) {
        give_unit(shard->engine, invocation);
        refuse(shard, invocation, INVOCATION_THROTTLED,
               "ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.");
        return;
    }
    shard->running_count++;
    pool_submit(pool_find_or_new(shard, invocation->version), invocation);
}

/* --- streams: never handed over, so that back-pressure is a call --- */

void shard_stream_begin(struct instance *instance, struct invocation *invocation, struct text type)
{
    invocation->streamed = true;
    invocation->place = instance;
    if (invocation->sink->on_begin)
        invocation->sink->on_begin(invocation, type);
}

bool shard_stream_chunk(struct invocation *invocation, struct text chunk)
{
    if (invocation->sink->on_begin)
        return invocation->sink->on_chunk(invocation, chunk);
    /* Nobody reads along: it becomes a buffered answer, as large as one may be. */
    if (invocation->response.len + chunk.len <= LIMIT_PAYLOAD)
        buffer_add_text(&invocation->response, chunk);
    return true;
}

static void resume(struct invoker *invoker, struct invocation *invocation)
{
    struct instance *instance = invocation->place;

    (void)invoker;
    if (instance && invocation->streamed)
        environment_resume(instance->environment);
}

/* --- what is served --- */

void shard_retire(struct shard *shard, const struct version *version)
{
    struct pool *pool =
        map_find(&shard->pools, text_from(&version->serial, sizeof version->serial));

    if (pool)
        pool_retire(pool);
}

static bool has_version(const struct function *function, const struct version *version)
{
    if (function->latest->serial == version->serial)
        return true;
    for (size_t i = 0; i < function->version_count; i++)
        if (function->versions[i]->serial == version->serial)
            return true;
    return false;
}

bool shard_serves(const struct shard *shard, const struct version *version)
{
    const struct function *function =
        directory_find(&shard->directory, text_of(version->account), text_of(version->region),
                       text_of(version->name));

    return function && has_version(function, version);
}

static void retire_gone(struct shard *shard, const struct function *before,
                        const struct function *after)
{
    if (!after || !has_version(after, before->latest))
        shard_retire(shard, before->latest);
    for (size_t i = 0; i < before->version_count; i++)
        if (!after || !has_version(after, before->versions[i]))
            shard_retire(shard, before->versions[i]);
}

void shard_publish(struct shard *shard, const struct function *function)
{
    const struct function *before =
        directory_find(&shard->directory, text_of(function->account), text_of(function->region),
                       text_of(function->name));
    if (before)
        (void)function_ref(before);

    directory_put(&shard->directory, function);
    atomic_store_explicit(&function->latest->quota->limit, (int)function->reserved_concurrency,
                          memory_order_relaxed);
    if (before)
        retire_gone(shard, before, function);
    function_unref(before);
    scoped(free) char *key = function_key(text_of(function->account), text_of(function->region),
                                          text_of(function->name));
    async_function_changed(shard->async, text_of(key));
}

void shard_unpublish(struct shard *shard, struct text key)
{
    const struct function *before = map_find(&shard->directory.by_key, key);
    if (!before)
        return;

    (void)function_ref(before);
    directory_remove(&shard->directory, key);
    retire_gone(shard, before, NULL);
    function_unref(before);
}

void shard_trial(struct shard *shard, const struct version *version, struct trial *trial)
{
    struct pool *pool = pool_find_or_new(shard, version);

    pool->is_retired = false; /* it will be served, or retired when that comes to nothing */
    if (!instance_start(pool, NULL, trial))
        trial->done(trial,
                    TEXT("{\"errorType\":\"Evoke.NoMemory\",\"errorMessage\":\"there is no memory "
                         "left for an instance to load it\"}"));
}

/* --- the end --- */

static void on_drain_over(struct loop_timer *timer)
{
    struct shard *shard = container_of(timer, struct shard, drain_timer);
    struct map_cursor cursor = {0};

    log_warn("running invocations are cut off", LOG_NUM("count", shard->running_count));
    shard->is_cut_off = true;
    while (map_next(&shard->pools, &cursor)) {
        struct pool *pool = cursor.value;
        pool->is_retired = true;
        pool_serve(pool);
        list_each (node, &pool->busy)
            instance_stop(container_of(node, struct instance, link));
        list_each (other, &pool->starting)
            instance_stop(container_of(other, struct instance, link));
    }
    shard_check_drained(shard);
}

static void stop_idle(struct shard *shard)
{
    while (!list_empty(&shard->idle_by_use))
        instance_stop(container_of(shard->idle_by_use.next, struct instance, used_link));
}

void shard_check_drained(struct shard *shard)
{
    if (!shard->is_draining || shard->is_drained || shard->running_count > 0 ||
        !async_is_settled(shard->async))
        return;
    stop_idle(shard);
    struct map_cursor cursor = {0};
    while (map_next(&shard->pools, &cursor)) {
        struct pool *pool = cursor.value;
        list_each (node, &pool->starting)
            instance_stop(container_of(node, struct instance, link));
    }
    if (shard->instance_count > 0)
        return;
    loop_timer_clear(&shard->drain_timer);
    shard->is_drained = true;
    struct engine *engine = shard->engine;
    if (atomic_fetch_sub(&engine->draining_shards, 1) == 1)
        loop_post(engine->options.control, &engine->drained_message);
}

static void on_drain(struct loop_message *message)
{
    struct shard *shard = container_of(message, struct shard, drain_message);

    shard->is_draining = true;
    async_drain(shard->async);
    shard->drain_timer.fire = on_drain_over;
    loop_timer_set(shard->loop, &shard->drain_timer, shard->engine->drain_limit_ms);
    shard_check_drained(shard);
}

static void on_drained(struct loop_message *message)
{
    struct engine *engine = container_of(message, struct engine, drained_message);

    engine->drained(engine->drained_arg);
}

void engine_drain(struct engine *engine, int64_t limit_ms, void (*drained)(void *arg), void *arg)
{
    engine->drained = drained;
    engine->drained_arg = arg;
    engine->drained_message.run = on_drained;
    engine->drain_limit_ms = limit_ms;
    atomic_store(&engine->draining_shards, engine->shard_count);
    for (int i = 0; i < engine->shard_count; i++) {
        engine->shards[i].drain_message.run = on_drain;
        loop_post(engine->shards[i].loop, &engine->shards[i].drain_message);
    }
}

/* --- outside --- */

void shard_init(struct shard *shard, struct engine *engine, int index, struct loop *loop,
                int spawner_socket)
{
    shard->engine = engine;
    shard->index = index;
    shard->loop = loop;
    shard->launcher = launcher_new(loop, spawner_socket);
    shard->logs = log_writer_new(engine->options.logs, loop);
    shard->async = async_new(shard);
    shard->invoker = (struct invoker){.invoke = invoke, .resume = resume};
    shard->refuse.run = on_refuse;
    list_init(&shard->idle_by_use);
    list_init(&shard->refused);
}

void shard_done(struct shard *shard)
{
    struct map_cursor cursor = {0};

    assert(shard->instance_count == 0);
    while (map_next(&shard->pools, &cursor))
        pool_free(cursor.value);
    map_done(&shard->pools);
    async_free(shard->async);
    directory_done(&shard->directory);
    log_writer_free(shard->logs);
    launcher_free(shard->launcher);
}

struct shard *engine_shard(struct engine *engine, int index)
{
    assert(index >= 0 && index < engine->shard_count);
    return &engine->shards[index];
}

struct loop *shard_loop(const struct shard *shard)
{
    return shard->loop;
}

int shard_index(const struct shard *shard)
{
    return shard->index;
}

const struct directory *shard_directory(const struct shard *shard)
{
    return &shard->directory;
}

struct invoker *shard_invoker(struct shard *shard)
{
    return &shard->invoker;
}

struct log_writer *shard_log_writer(struct shard *shard)
{
    return shard->logs;
}

void shard_set_doors(struct shard *shard, const struct http_app *api_app, void *api_service,
                     const struct http_app *gateway_app, void *gateway_service)
{
    shard->api_app = api_app;
    shard->api_service = api_service;
    shard->gateway_app = gateway_app;
    shard->gateway_service = gateway_service;
}
