/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "engine/async.h"
#include "engine/engine.h"
#include "model/limits.h"
#include "model/route_claims.h"
#include "runtime/runtime.h"

/* What the files of the engine share. */

/* --- counters a shard keeps; written by its thread, read by anyone --- */

struct shard_counters {
    _Atomic int64_t invocations, errors, throttles, timeouts, cold_starts, sandbox_failures;
    _Atomic int64_t hand_overs, queued;
    _Atomic int64_t starting, idle, busy, frozen;
    _Atomic int64_t duration_us_sum;
    _Atomic int64_t duration_bucket[DURATION_BUCKETS + 1];
};
static inline void counter_add(_Atomic int64_t *counter, int64_t by)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
                          memory_order_relaxed);
}

/* Of a function's tally, which all shards share. */
static inline void tally_add(_Atomic int64_t *counter, int64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* --- instances --- */

enum instance_state {
    INSTANCE_STARTING,
    INSTANCE_IDLE,
    INSTANCE_BUSY,
    INSTANCE_STOPPING,
    INSTANCE_DEAD,
};

/* What deploying waits for: the first load of a version. */
struct trial {
    void (*done)(struct trial *trial, struct text load_error); /* empty: it loaded */
};

struct instance {
    enum instance_state state;
    struct pool *pool;
    struct environment *environment;
    struct list link;        /* in the pool's list of its state */
    struct list used_link;   /* in the shard's list of idle ones, least recently used first */
    struct loop_timer timer; /* init limit, timeout, freezing, idle end: by state */
    int64_t started_us, init_us, idle_since_us;
    bool init_reported, is_frozen, timed_out_init;
    struct invocation *bound; /* initialising is repeated within this invocation */
    struct trial *trial;
    bool short_lived; /* loaded by a deployment and not used since */
    char *init_error; /* what the runtime said */
    char init_error_type[128];
    struct log_stream *log;
    char log_name[80];
    struct instance_key key;
    struct origin api_origin, gateway_origin;
};

/* Every change of state goes through here: the table in instance.c is the whole life. */
void instance_enter(struct instance *instance, enum instance_state next);
struct instance *instance_start(struct pool *pool, struct invocation *bound, struct trial *trial);
/* Room must have been there. */
void instance_give(struct instance *instance, struct invocation *invocation);
/* Its invocation took too long: answers it. */
void instance_time_out(struct instance *instance, struct invocation *invocation);
/* Its environment ended while it initialised, or later: answers what was in it. */
void instance_end_init(struct instance *instance, const struct environment_end *end);
void instance_end_service(struct instance *instance, const struct environment_end *end);
void instance_stop(struct instance *instance); /* idle or starting: kill it */

/* --- pools: the instances of one version on one shard --- */

struct pool {
    struct shard *shard;
    const struct version *version; /* counted */
    struct list idle;              /* most recently used first */
    struct list busy, starting, stopping;
    int idle_count, busy_count, starting_count, stopping_count;
    struct list waiting; /* invocations without an instance, oldest first */
    int waiting_count;
    double duration_us, init_us;      /* moving averages; 0: unknown */
    double quick_us;                  /* the least duration of the last seconds; 0: unknown */
    double least_us, least_before_us; /* of this window and the one before */
    int64_t window_us;                /* when this window began */
    bool is_retired;
    struct loop_timer watch; /* while events queue behind others */
    int64_t memory_bytes;    /* what one instance takes of the engine's memory */
};

struct pool *pool_find_or_new(struct shard *shard, const struct version *version);
void pool_submit(struct pool *pool, struct invocation *invocation);
void pool_serve(struct pool *pool); /* gives waiting invocations to who has room */
void pool_put_back(struct pool *pool, struct invocation *invocation); /* to the front */
/* Tells all who wait that they do so in vain. */
void pool_refuse(struct pool *pool, enum invocation_outcome outcome, const char *throttle_reason,
                 const char *reason);
void pool_retire(struct pool *pool);
void pool_measured(struct pool *pool, int64_t duration_us);
void pool_instance_gone(struct pool *pool); /* may free the pool */
void pool_free(struct pool *pool);          /* without instances, and no longer listed */

/* --- shards --- */

struct shard {
    struct engine *engine;
    int index;
    struct loop *loop;
    struct launcher *launcher;
    struct directory directory;
    struct invoker invoker;
    struct log_writer *logs;
    struct async *async;
    struct map pools;        /* serial -> struct pool */
    struct list idle_by_use; /* instances, least recently used first */
    struct list refused;     /* invocations whose sink hears at the end of the iteration */
    struct loop_task refuse;
    const struct http_app *api_app, *gateway_app;
    void *api_service, *gateway_service;
    struct shard_counters counters;
    int instance_count, running_count;
    bool is_draining, is_drained;
    bool is_cut_off; /* draining took too long: nothing runs any more */
    struct loop_timer drain_timer;
    struct loop_message drain_message;
};

/* Ends an invocation: gives back its concurrency, and tells its sink on its home loop. */
void shard_finish(struct shard *shard, struct invocation *invocation);
void shard_refuse(struct shard *shard, struct invocation *invocation,
                  enum invocation_outcome outcome, const char *throttle_reason, const char *reason);
/* Gives the invocation to a sibling that has an idle instance of its version. */
bool shard_hand_over(struct shard *shard, struct invocation *invocation);
/* Memory of the engine for one more instance; ends idle ones to get it. */
bool shard_reserve_memory(struct shard *shard, int64_t bytes);
void shard_release_memory(struct shard *shard, int64_t bytes);
void shard_trial(struct shard *shard, const struct version *version, struct trial *trial);
void shard_publish(struct shard *shard, const struct function *function);
void shard_unpublish(struct shard *shard, struct text key);
bool shard_serves(const struct shard *shard, const struct version *version);
void shard_retire(struct shard *shard, const struct version *version);
void shard_check_drained(struct shard *shard);

void shard_stream_begin(struct instance *instance, struct invocation *invocation, struct text type);
bool shard_stream_chunk(struct invocation *invocation, struct text chunk);
void shard_init(struct shard *shard, struct engine *engine, int index, struct loop *loop,
                int spawner_socket);
void shard_done(struct shard *shard);

/* --- what an instance is started with: launch.c --- */

struct launch {
    struct sandbox_plan plan;
    int runtime_listener; /* of a function with host network, else -1 */
    struct arena arena;
};
void launch_prepare(struct launch *launch, const struct instance *instance,
                    const struct engine *engine);
void launch_done(struct launch *launch);
#define LAUNCH_BOOTSTRAP "/var/task/bootstrap"
/* What instances of a version run, as they see it; the engine's or constant. */
const char *launch_program(const struct engine *engine, const struct version *version);

/* --- log lines and measures: monitor.c --- */

void monitor_init_start(struct instance *instance);
void monitor_init_failed(struct instance *instance, const char *status, struct text error_type);
/* Writes the line that an invocation began, unless it stands there: before any line about it. */
void monitor_begun(struct instance *instance, struct invocation *invocation);
void monitor_output(struct instance *instance, struct invocation *invocation, struct text text);
/* END and REPORT (START too if nothing was printed). What it needs is copied first, so that
 * it can run after the invocation was answered. */
struct report {
    char request_id[UUID_LEN + 1];
    int64_t began_us, ended_us;
    bool start_logged;
    const char *status; /* "timeout", "error" or NULL */
    const char *error_type;
};
void monitor_report(struct instance *instance, const struct report *report,
                    struct invocation *tail_of);
void monitor_line(struct instance *instance, struct invocation *tail_of, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- the engine --- */

struct entry {
    const struct function *function; /* newest; counted */
    const struct function *served;   /* what shards have; counted; NULL: nothing yet */
    bool is_deploying;               /* Pending or InProgress */
};

struct engine {
    struct engine_options options;
    struct shard *shards;
    int shard_count;
    struct map functions;       /* function_key() -> struct entry; control thread */
    struct route_claims routes; /* of all entries, as they were last applied; likewise */
    atomic_int concurrency_used;
    _Atomic int64_t memory_used, memory_limit, memory_idle;
    _Atomic int64_t function_count;
    int code_holds;                 /* packages being staged: code is not collected meanwhile */
    struct event_receiver receiver; /* of LANE_FUNCTION */
    struct list retired_code;       /* versions whose code may go when nobody runs them */
    struct loop_timer collect_timer, trim_timer;
    atomic_int draining_shards;
    void (*drained)(void *arg);
    void *drained_arg;
    struct loop_message drained_message, start_message;
    void (*ready)(void *arg);
    void *ready_arg;
    int starting_up; /* functions still to be published or loaded at start */
    int64_t drain_limit_ms;
};

/* Of a counter of all shards, by its offset in struct shard_counters. */
int64_t engine_sum(const struct engine *engine, size_t offset);
#define ENGINE_SUM(engine, field) engine_sum(engine, offsetof(struct shard_counters, field))

/* collect.c: code that no function uses any more, and memory that deployments have freed. */
void collect_init(struct engine *engine);
/* What a crash between staging a package and recording it has left: found before anything
 * else can be staged, removed once the loops run. */
void collect_find_unused(struct engine *engine);
void collect_unused(struct engine *engine);
void collect_later(struct engine *engine, const struct version *version);
/* Soon: what deployments have freed. Control thread. */
void collect_memory(struct engine *engine);
void collect_done(struct engine *engine);
