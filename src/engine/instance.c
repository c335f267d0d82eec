/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/*
 * The life of an instance. It initialises (10 s at most, or within an invocation's own
 * timeout when that is repeated), then takes events until it is idle for long, breaks, or
 * its version goes. One timer serves it: what it is for follows from the state.
 */

/* Which state may follow which. */
static const unsigned followers[] = {
    [INSTANCE_STARTING] = 1u << INSTANCE_IDLE | 1u << INSTANCE_STOPPING | 1u << INSTANCE_DEAD,
    [INSTANCE_IDLE] = 1u << INSTANCE_BUSY | 1u << INSTANCE_STOPPING | 1u << INSTANCE_DEAD,
    [INSTANCE_BUSY] = 1u << INSTANCE_IDLE | 1u << INSTANCE_STOPPING | 1u << INSTANCE_DEAD,
    [INSTANCE_STOPPING] = 1u << INSTANCE_DEAD,
    [INSTANCE_DEAD] = 0,
};

#define HINT_BYTES 4096     /* of an error that are looked at */
#define SHORT_LIFE_MS 20000 /* of an instance that a deployment loaded and nobody used */

static struct shard *shard_of(const struct instance *instance)
{
    return instance->pool->shard;
}

static void thaw(struct instance *instance)
{
    if (!instance->is_frozen)
        return;
    instance->is_frozen = false;
    counter_add(&shard_of(instance)->counters.frozen, -1);
    environment_thaw(instance->environment);
}

/* Counts and lists that follow the state. */
static void leave(struct instance *instance)
{
    struct pool *pool = instance->pool;
    struct shard *shard = pool->shard;

    list_remove(&instance->link);
    switch (instance->state) {
    case INSTANCE_STARTING:
        pool->starting_count--;
        counter_add(&shard->counters.starting, -1);
        return;
    case INSTANCE_IDLE:
        thaw(instance);
        pool->idle_count--;
        list_remove(&instance->used_link);
        counter_add(&shard->counters.idle, -1);
        atomic_fetch_sub(&shard->engine->memory_idle, pool->memory_bytes);
        atomic_fetch_sub_explicit(
            &((struct version *)(uintptr_t)pool->version)->idle_on[shard->index], 1,
            memory_order_relaxed);
        return;
    case INSTANCE_BUSY:
        pool->busy_count--;
        counter_add(&shard->counters.busy, -1);
        return;
    case INSTANCE_STOPPING:
        pool->stopping_count--;
        return;
    case INSTANCE_DEAD:
        return;
    }
}

static void arrive(struct instance *instance)
{
    struct pool *pool = instance->pool;
    struct shard *shard = pool->shard;

    switch (instance->state) {
    case INSTANCE_STARTING:
        pool->starting_count++;
        counter_add(&shard->counters.starting, 1);
        list_push(&pool->starting, &instance->link);
        return;
    case INSTANCE_IDLE:
        pool->idle_count++;
        list_push_front(&pool->idle, &instance->link);
        list_push(&shard->idle_by_use, &instance->used_link);
        counter_add(&shard->counters.idle, 1);
        atomic_fetch_add(&shard->engine->memory_idle, pool->memory_bytes);
        atomic_fetch_add_explicit(
            &((struct version *)(uintptr_t)pool->version)->idle_on[shard->index], 1,
            memory_order_relaxed);
        return;
    case INSTANCE_BUSY:
        pool->busy_count++;
        counter_add(&shard->counters.busy, 1);
        list_push(&pool->busy, &instance->link);
        return;
    case INSTANCE_STOPPING:
        pool->stopping_count++;
        list_push(&pool->stopping, &instance->link);
        return;
    case INSTANCE_DEAD:
        return;
    }
}

void instance_enter(struct instance *instance, enum instance_state next)
{
    assert(followers[instance->state] & 1u << next);
    leave(instance);
    instance->state = next;
    arrive(instance);
}

void instance_stop(struct instance *instance)
{
    if (instance->state == INSTANCE_STOPPING || instance->state == INSTANCE_DEAD)
        return;
    instance_enter(instance, INSTANCE_STOPPING);
    loop_timer_clear(&instance->timer);
    environment_kill(instance->environment);
}

/* Events it was given and has not begun go to others; they come first there. */
static void give_back(struct instance *instance)
{
    struct invocation *invocation;

    while ((invocation = environment_take(instance->environment)))
        pool_put_back(instance->pool, invocation);
}

/* --- timers --- */

static void arm_timeout(struct instance *instance)
{
    if (!loop_timer_is_set(&instance->timer))
        loop_timer_set(shard_of(instance)->loop, &instance->timer,
                       instance->pool->version->config.timeout_s * 1000);
}

static void check_timeout(struct instance *instance)
{
    int64_t began_us, now = clock_mono_us();
    struct invocation *invocation = environment_running(instance->environment, &began_us);
    if (!invocation) {
        /* It has answered and does not ask for the next event: what it does instead counts
         * as part of the invocation, and ends with it. */
        instance_stop(instance);
        pool_serve(instance->pool);
        return;
    }

    int64_t left_us = began_us + instance->pool->version->config.timeout_s * 1000000 - now;
    if (left_us > 0) {
        loop_timer_set(shard_of(instance)->loop, &instance->timer, left_us / 1000 + 1);
        return;
    }
    bool begun;
    give_back(instance);
    invocation = environment_take_oldest(instance->environment, &begun);
    struct pool *pool = instance->pool;
    if (invocation) {
        invocation->began_us = began_us;
        instance_time_out(instance, invocation);
    }
    instance_stop(instance);
    pool_serve(pool);
}

static void arm_idle(struct instance *instance)
{
    const struct settings *settings = shard_of(instance)->engine->options.settings;
    int64_t idle_ms = instance->short_lived && settings->idle_timeout_ms > SHORT_LIFE_MS
                          ? SHORT_LIFE_MS
                          : settings->idle_timeout_ms;
    int64_t so_far_ms = (clock_mono_us() - instance->idle_since_us) / 1000;
    int64_t next_ms = idle_ms - so_far_ms;

    if (settings->freeze_after_ms > 0 && !instance->is_frozen &&
        settings->freeze_after_ms < next_ms)
        next_ms = settings->freeze_after_ms - so_far_ms;
    loop_timer_set(shard_of(instance)->loop, &instance->timer, next_ms > 0 ? next_ms : 0);
}

static void check_idle(struct instance *instance)
{
    const struct settings *settings = shard_of(instance)->engine->options.settings;
    int64_t idle_ms = (clock_mono_us() - instance->idle_since_us) / 1000;
    bool is_over =
        idle_ms >= settings->idle_timeout_ms || (instance->short_lived && idle_ms >= SHORT_LIFE_MS);

    if (is_over) {
        instance_stop(instance);
        return;
    }
    if (settings->freeze_after_ms > 0 && !instance->is_frozen &&
        idle_ms >= settings->freeze_after_ms) {
        instance->is_frozen = true;
        counter_add(&shard_of(instance)->counters.frozen, 1);
        environment_freeze(instance->environment);
    }
    arm_idle(instance);
}

static void on_timer(struct loop_timer *timer)
{
    struct instance *instance = container_of(timer, struct instance, timer);

    switch (instance->state) {
    case INSTANCE_STARTING:
        instance->timed_out_init = true;
        environment_kill(instance->environment);
        return;
    case INSTANCE_IDLE:
        check_idle(instance);
        return;
    case INSTANCE_BUSY:
        check_timeout(instance);
        return;
    case INSTANCE_STOPPING:
    case INSTANCE_DEAD:
        return;
    }
}

/* --- events --- */

void instance_give(struct instance *instance, struct invocation *invocation)
{
    if (instance->state == INSTANCE_IDLE) {
        /* From idle to busy the timer changes its meaning; while busy it is left alone
         * and looks at what is running when it fires. */
        loop_timer_clear(&instance->timer);
        instance->short_lived = false;
        instance_enter(instance, INSTANCE_BUSY);
        arm_timeout(instance);
    }
    invocation->deadline_ms =
        loop_wall_ms(shard_of(instance)->loop) + instance->pool->version->config.timeout_s * 1000;
    environment_send(instance->environment, invocation);
}

static struct instance *owner(struct environment *environment)
{
    return environment_owner(environment);
}

static void become_idle(struct instance *instance)
{
    struct pool *pool = instance->pool;

    if (instance->state != INSTANCE_BUSY && instance->state != INSTANCE_STARTING)
        return;
    loop_timer_clear(&instance->timer);
    instance->idle_since_us = clock_mono_us();
    instance_enter(instance, INSTANCE_IDLE);
    if (pool->is_retired && pool->waiting_count == 0) {
        instance_stop(instance);
        return;
    }
    arm_idle(instance);
    pool_serve(pool);
    shard_check_drained(pool->shard);
}

static void on_ready(struct environment *environment)
{
    struct instance *instance = owner(environment);
    struct pool *pool = instance->pool;
    if (instance->state != INSTANCE_STARTING)
        return; /* it is being stopped; on_ended() answers for what waits for it */

    struct invocation *bound = take(instance->bound);
    struct trial *trial = take(instance->trial);
    instance->init_us = clock_mono_us() - instance->started_us;
    pool->init_us = pool->init_us > 0 ? pool->init_us * 0.7 + (double)instance->init_us * 0.3
                                      : (double)instance->init_us;
    if (trial)
        instance->short_lived = true;
    if (bound)
        pool_put_back(pool, bound);
    become_idle(instance);
    if (trial)
        trial->done(trial, TEXT_NONE);
}

static void on_init_failed(struct environment *environment, struct text error_type,
                           struct text error_json)
{
    struct instance *instance = owner(environment);

    free(instance->init_error);
    instance->init_error = text_dup(error_json);
    snprintf(instance->init_error_type, sizeof instance->init_error_type, "%.*s",
             TEXT_ARG(error_type));
}

/* The commonest surprise of new users. In the words of libc, Node.js and Go. */
static void hint_at_network(struct instance *instance, struct invocation *invocation)
{
    static const struct text signs[] = {
        TEXT("name resolution"),        TEXT("EAI_AGAIN"),
        TEXT("Network is unreachable"), TEXT("ENETUNREACH"),
        TEXT("network is unreachable"),
    };
    struct text error = text_slice(buffer_text(&invocation->response), 0, HINT_BYTES);

    if (instance->pool->version->config.host_network)
        return;
    for (size_t i = 0; i < COUNT_OF(signs); i++)
        if (text_find_text(error, signs[i]) < error.len) {
            monitor_output(instance, invocation,
                           TEXT("evoke: functions have no network but the daemon's own endpoints; "
                                "'network: host' in function.yaml gives this one the machine's\n"));
            return;
        }
}

static void on_answered(struct environment *environment, struct invocation *invocation,
                        bool is_error, struct text error_type)
{
    struct instance *instance = owner(environment);
    struct shard *shard = shard_of(instance);
    char type[128];
    struct report report = {.began_us = invocation->began_us, .ended_us = invocation->ended_us};

    memcpy(report.request_id, invocation->request_id, sizeof report.request_id);
    if (is_error) {
        invocation->outcome = INVOCATION_FUNCTION_ERROR;
        snprintf(invocation->error_kind, sizeof invocation->error_kind, "Unhandled");
        counter_add(&shard->counters.errors, 1);
        snprintf(type, sizeof type, "%.*s", TEXT_ARG(error_type));
        report.status = "error";
        report.error_type = type;
        hint_at_network(instance, invocation);
    }
    report.start_logged = invocation->start_logged;
    pool_measured(instance->pool, invocation->ended_us - invocation->began_us);
    if (invocation->want_log_tail) {
        monitor_report(instance, &report, invocation);
        shard_finish(shard, invocation);
        return;
    }
    shard_finish(shard, invocation);
    monitor_report(instance, &report, NULL);
}

static void on_idle(struct environment *environment)
{
    struct instance *instance = owner(environment);
    int64_t began_us;

    if (environment_running(environment, &began_us)) {
        /* By the ring: more events are waiting in it, and there is room for one more. */
        if (instance->pool->waiting_count > 0)
            pool_serve(instance->pool);
        return;
    }
    become_idle(instance);
}

static void on_output(struct environment *environment, struct invocation *invocation,
                      struct text text)
{
    monitor_output(owner(environment), invocation, text);
}

static void on_stream_begin(struct environment *environment, struct invocation *invocation,
                            struct text content_type)
{
    shard_stream_begin(owner(environment), invocation, content_type);
}

static bool on_stream_chunk(struct environment *environment, struct invocation *invocation,
                            struct text chunk)
{
    (void)environment;
    return shard_stream_chunk(invocation, chunk);
}

/* --- the end --- */

static void free_instance(struct instance *instance)
{
    struct shard *shard = shard_of(instance);

    instance_enter(instance, INSTANCE_DEAD);
    loop_timer_clear(&instance->timer);
    keyring_revoke(shard->engine->options.keyring, instance->key.access_key);
    log_stream_close(instance->log);
    environment_free(instance->environment);
    shard_release_memory(shard, instance->pool->memory_bytes);
    shard->instance_count--;
    free(instance->init_error);
    free(instance);
}

static void on_ended(struct environment *environment, const struct environment_end *end)
{
    struct instance *instance = owner(environment);
    struct pool *pool = instance->pool;

    bool was_starting = instance->state == INSTANCE_STARTING || instance->bound || instance->trial;
    if (instance->state != INSTANCE_STOPPING)
        instance_enter(instance, INSTANCE_STOPPING);
    loop_timer_clear(&instance->timer);
    if (was_starting)
        instance_end_init(instance, end);
    else
        instance_end_service(instance, end);
    struct shard *shard = pool->shard;
    free_instance(instance);
    pool_serve(pool);
    pool_instance_gone(pool);
    shard_check_drained(shard);
}

static const struct environment_calls calls = {
    .ready = on_ready,
    .init_failed = on_init_failed,
    .stream_begin = on_stream_begin,
    .stream_chunk = on_stream_chunk,
    .answered = on_answered,
    .idle = on_idle,
    .output = on_output,
    .ended = on_ended,
};

static void open_log(struct instance *instance)
{
    const struct version *version = instance->pool->version;
    char at[32], hex[33];
    uint8_t random[16];

    crypto_random(random, sizeof random);
    crypto_hex(random, sizeof random, hex);
    clock_format_iso(clock_now_ms(), at);
    snprintf(instance->log_name, sizeof instance->log_name, "%.4s/%.2s/%.2s/[%s]%s", at, at + 5,
             at + 8, version->number, hex);
    instance->log = log_stream_open(instance->pool->shard->logs, text_of(version->account),
                                    text_of(version->region), text_of(version->config.log_group),
                                    text_of(instance->log_name));
}

struct instance *instance_start(struct pool *pool, struct invocation *bound, struct trial *trial)
{
    struct shard *shard = pool->shard;
    const struct version *version = pool->version;
    if (!shard_reserve_memory(shard, pool->memory_bytes))
        return NULL;

    struct instance *instance = mem_new(struct instance);
    instance->pool = pool;
    instance->bound = bound;
    instance->trial = trial;
    instance->timer.fire = on_timer;
    instance->started_us = clock_mono_us();
    instance->state = INSTANCE_STARTING;
    arrive(instance);
    shard->instance_count++;
    counter_add(&shard->counters.cold_starts, 1);
    tally_add(&version->quota->tally.cold_starts, 1);

    scoped(free) char *holder =
        function_key(text_of(version->account), text_of(version->region), text_of(version->name));
    keyring_issue(shard->engine->options.keyring, text_of(holder), &instance->key);
    instance->api_origin = (struct origin){shard->api_service, version, instance->key.access_key};
    instance->gateway_origin =
        (struct origin){shard->gateway_service, version, instance->key.access_key};
    open_log(instance);
    monitor_init_start(instance);

    struct launch launch;
    launch_prepare(&launch, instance, shard->engine);
    const struct environment_options options = {
        .calls = &calls,
        .owner = instance,
        .api = {shard->api_app, &instance->api_origin},
        .gateway = {shard->gateway_app, &instance->gateway_origin},
        .function_arn = version->arn,
        .plan = launch.plan,
        .runtime_listener = launch.runtime_listener,
    };
    instance->environment = environment_start(shard->launcher, &options);
    launch_done(&launch);
    loop_timer_set(shard->loop, &instance->timer,
                   bound ? version->config.timeout_s * 1000 : LIMIT_INIT_MS);
    return instance;
}
