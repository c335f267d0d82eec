/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include "base/clock.h"
#include "base/mem.h"

/*
 * Where an invocation goes. In this order: a busy instance whose ring has room, when
 * waiting there is expected to be quicker than waking or starting another; the instance
 * used last that is idle; a sibling shard that has an idle one; a new one. Without a ring
 * nothing waits in an instance: there it waits here, for the same reason, until a busy one
 * asks for its next event (which then travels in one packet with what ended the last). What
 * waits for a call that turns out to be slow is given to others by the watch.
 *
 * Expectation is a moving average of this pool's own durations. Until there is one, each
 * invocation gets an instance of its own, as with Lambda.
 */

#define WAKE_US                                                                                    \
    200 /* the longest expected wait instead of waking an idle one: less than the switch to a cold \
           process costs */
#define QUEUE_US 1000     /* the longest expected wait behind a busy instance */
#define SHARE_US 250      /* the longest expected wait for an instance to become free */
#define PATIENCE_US 20000 /* the longest real wait before another is started after all */
#define WINDOW_US 1000000 /* for how long the quickest call counts */
#define WATCH_MS 2        /* how often queued events are looked at */
#define CANDIDATES 4      /* busy instances looked at */

static void on_watch(struct loop_timer *timer);

static struct text pool_key(const struct version *version)
{
    return text_from(&version->serial, sizeof version->serial);
}

struct pool *pool_find_or_new(struct shard *shard, const struct version *version)
{
    struct pool *pool = map_find(&shard->pools, pool_key(version));
    if (pool)
        return pool;

    pool = mem_new(struct pool);
    pool->shard = shard;
    pool->version = version_ref(version);
    pool->memory_bytes = version->config.memory_mb << 20;
    pool->watch.fire = on_watch;
    /* An invocation that came late, from a version that has left: the pool goes with it. */
    pool->is_retired = !shard_serves(shard, version);
    list_init(&pool->idle);
    list_init(&pool->busy);
    list_init(&pool->starting);
    list_init(&pool->stopping);
    list_init(&pool->waiting);
    (void)map_put(&shard->pools, pool_key(version), pool);
    return pool;
}

void pool_instance_gone(struct pool *pool)
{
    if (pool->idle_count + pool->busy_count + pool->starting_count + pool->stopping_count > 0 ||
        pool->waiting_count > 0 || !pool->is_retired)
        return;
    (void)map_remove(&pool->shard->pools, pool_key(pool->version));
    pool_free(pool);
}

void pool_free(struct pool *pool)
{
    loop_timer_clear(&pool->watch);
    version_unref(pool->version);
    free(pool);
}

/* Of two durations, of which 0 is none. */
static double least(double a, double b)
{
    return a > 0 && (a < b || b <= 0) ? a : b;
}

void pool_measured(struct pool *pool, int64_t duration_us)
{
    /* Less than the clock can tell is still known to be quick: 0 means unknown. */
    double sample = duration_us > 0 ? (double)duration_us : 0.5;

    pool->duration_us = pool->duration_us > 0 ? pool->duration_us * 0.9 + sample * 0.1 : sample;
    /* What it takes when it is not kept waiting by its siblings for a core: durations grow
     * with the number of instances that share one, and would ask for ever more of them. */
    int64_t now_us = loop_now_us(pool->shard->loop);
    if (now_us - pool->window_us >= WINDOW_US) {
        pool->window_us = now_us;
        pool->least_before_us = pool->least_us;
        pool->least_us = 0;
    }
    pool->least_us = least(pool->least_us, sample);
    pool->quick_us = least(pool->least_before_us, pool->least_us);
}

/* How long an event given to this busy instance now would wait, in us. */
static double expected_wait(const struct pool *pool, const struct instance *instance)
{
    int64_t began_us;
    const struct environment *environment = instance->environment;
    if (!environment_running(environment, &began_us))
        return 0;

    double elapsed = (double)(loop_now_us(pool->shard->loop) - began_us);
    double head = elapsed > pool->quick_us ? elapsed : pool->quick_us;
    return head + (double)(environment_load(environment) - 1) * pool->quick_us;
}

static struct instance *choose_busy(struct pool *pool, const struct invocation *invocation)
{
    double limit = list_empty(&pool->idle) ? QUEUE_US : WAKE_US, best = limit;
    struct instance *chosen = NULL;
    int looked = 0;

    if (pool->quick_us <= 0 || pool->quick_us >= limit)
        return NULL;
    list_each (node, &pool->busy) {
        struct instance *instance = container_of(node, struct instance, link);
        if (looked++ == CANDIDATES)
            break;
        if (!environment_is_ring(instance->environment) ||
            environment_room(instance->environment, invocation->payload.len) == 0)
            continue;
        double wait = expected_wait(pool, instance);
        if (wait < best) {
            best = wait;
            chosen = instance;
        }
    }
    return chosen;
}

/* Whether the last of count invocations that wait here is expected to be served soon by
 * those who are busy, so that no idle one is woken for it. */
static bool is_served_soon(const struct pool *pool, int count)
{
    if (list_empty(&pool->busy) || pool->quick_us <= 0)
        return false;
    const struct instance *busy = container_of(pool->busy.next, struct instance, link);
    return !environment_is_ring(busy->environment) &&
           (double)count * pool->quick_us / pool->busy_count < WAKE_US;
}

static struct instance *choose(struct pool *pool, const struct invocation *invocation)
{
    struct instance *instance = choose_busy(pool, invocation);

    if (instance || list_empty(&pool->idle))
        return instance;
    int looked = 0;
    list_each (node, &pool->idle) {
        instance = container_of(node, struct instance, link);
        if (environment_room(instance->environment, invocation->payload.len) > 0)
            return instance;
        if (++looked == CANDIDATES)
            break;
    }
    return NULL;
}

static void give(struct pool *pool, struct instance *instance, struct invocation *invocation)
{
    bool was_busy = instance->state == INSTANCE_BUSY;

    instance_give(instance, invocation);
    if (was_busy && !loop_timer_is_set(&pool->watch))
        loop_timer_set(pool->shard->loop, &pool->watch, WATCH_MS);
}

static int instances(const struct pool *pool)
{
    return pool->idle_count + pool->busy_count;
}

/* Those who wait and for whom nothing has been started. Whoever works fast enough to get
 * to them in time makes starting another unnecessary. */
static int starts_needed(const struct pool *pool)
{
    int needed = pool->waiting_count - pool->starting_count;

    if (needed <= 0)
        return 0;
    if (pool->quick_us > 0 && pool->busy_count > 0 &&
        (double)pool->waiting_count * pool->quick_us / instances(pool) < SHARE_US)
        return 0;
    return needed;
}

void pool_refuse(struct pool *pool, enum invocation_outcome outcome, const char *throttle_reason,
                 const char *reason)
{
    while (!list_empty(&pool->waiting)) {
        struct invocation *invocation =
            container_of(list_pop(&pool->waiting), struct invocation, link);
        pool->waiting_count--;
        counter_add(&pool->shard->counters.queued, -1);
        shard_refuse(pool->shard, invocation, outcome, throttle_reason, reason);
    }
}

static void scale(struct pool *pool)
{
    int needed = starts_needed(pool);

    for (; needed > 0; needed--)
        if (!instance_start(pool, NULL, NULL)) {
            /* Someone who runs will get to them; without anyone nobody would. */
            if (instances(pool) + pool->starting_count == 0)
                pool_refuse(pool, INVOCATION_THROTTLED, "ConcurrentInvocationLimitExceeded",
                            "the memory for instances is used up");
            return;
        }
    if (pool->waiting_count > pool->starting_count && !loop_timer_is_set(&pool->watch))
        loop_timer_set(pool->shard->loop, &pool->watch, WATCH_MS);
}

/* Gives the one that has waited longest to whoever can take it. */
static bool serve_oldest(struct pool *pool)
{
    if (list_empty(&pool->waiting))
        return false;
    struct invocation *invocation = container_of(pool->waiting.next, struct invocation, link);
    struct instance *instance = choose(pool, invocation);
    if (!instance)
        return false;
    list_remove(&invocation->link);
    pool->waiting_count--;
    counter_add(&pool->shard->counters.queued, -1);
    give(pool, instance, invocation);
    return true;
}

static void serve_late(struct pool *pool)
{
    while (!is_served_soon(pool, pool->waiting_count) && serve_oldest(pool))
        continue;
}

static void serve_all(struct pool *pool)
{
    while (serve_oldest(pool))
        continue;
    scale(pool);
}

void pool_submit(struct pool *pool, struct invocation *invocation)
{
    bool waits = !list_empty(&pool->waiting) || is_served_soon(pool, 1);
    struct instance *instance = waits ? NULL : choose(pool, invocation);

    if (instance) {
        give(pool, instance, invocation);
        return;
    }
    if (!waits && pool->idle_count == 0 && shard_hand_over(pool->shard, invocation))
        return;
    list_push(&pool->waiting, &invocation->link);
    pool->waiting_count++;
    counter_add(&pool->shard->counters.queued, 1);
    serve_late(pool);
    scale(pool);
}

void pool_put_back(struct pool *pool, struct invocation *invocation)
{
    list_push_front(&pool->waiting, &invocation->link);
    pool->waiting_count++;
    counter_add(&pool->shard->counters.queued, 1);
}

void pool_serve(struct pool *pool)
{
    if (pool->shard->is_cut_off)
        pool_refuse(pool, INVOCATION_FAILED, NULL, "the daemon is stopping");
    if (serve_oldest(pool))
        serve_late(pool);
    scale(pool);
}

/* Takes back what waits behind a call that runs longer than the calls before it. */
static void relieve(struct pool *pool, struct instance *instance)
{
    int64_t began_us;
    struct invocation *invocation;

    if (!environment_running(instance->environment, &began_us))
        return;
    double elapsed = (double)(loop_now_us(pool->shard->loop) - began_us);
    if (elapsed < QUEUE_US || elapsed < 4 * pool->duration_us)
        return;
    while ((invocation = environment_take(instance->environment)))
        pool_put_back(pool, invocation);
}

static void on_watch(struct loop_timer *timer)
{
    struct pool *pool = container_of(timer, struct pool, watch);
    bool is_queued = false;

    list_each (node, &pool->busy) {
        struct instance *instance = container_of(node, struct instance, link);
        relieve(pool, instance);
        is_queued = is_queued || environment_load(instance->environment) > 1;
    }
    serve_all(pool);
    if (pool->waiting_count > pool->starting_count) {
        /* Whoever is expected to be quick was not. */
        struct invocation *oldest = container_of(pool->waiting.next, struct invocation, link);
        if (clock_mono_us() - oldest->queued_us > PATIENCE_US)
            (void)instance_start(pool, NULL, NULL);
    }
    if ((is_queued || pool->waiting_count > pool->starting_count) &&
        !loop_timer_is_set(&pool->watch))
        loop_timer_set(pool->shard->loop, &pool->watch, WATCH_MS);
}

void pool_retire(struct pool *pool)
{
    pool->is_retired = true;
    if (pool->waiting_count > 0)
        return;
    while (!list_empty(&pool->idle))
        instance_stop(container_of(pool->idle.next, struct instance, link));
    pool_instance_gone(pool);
}
