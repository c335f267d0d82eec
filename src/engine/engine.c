/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static int read_function(void *arg, struct text key, struct text body, struct error *err)
{
    struct engine *engine = arg;
    scoped(json_decref) json_t *json = json_parse(body, err);
    struct function *function = json ? function_from_json(json, err) : NULL;
    if (!function)
        return -1;

    struct entry *entry = mem_new(struct entry);
    if (function->latest->serial == 0)
        function->latest->serial = version_next_serial();
    for (size_t i = 0; i < function->version_count; i++)
        if (function->versions[i]->serial == 0)
            function->versions[i]->serial = version_next_serial();
    entry->function = function;
    (void)map_put(&engine->functions, key, entry);
    engine->function_count++;
    return 0;
}

static int64_t machine_memory(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

struct engine *engine_new(const struct engine_options *options, struct error *err)
{
    struct engine *engine = mem_new(struct engine);
    const struct settings *settings = options->settings;

    engine->options = *options;
    engine->shard_count = (int)settings->shards;
    engine->memory_limit = settings->memory > 0 ? settings->memory : 2 * machine_memory();
    engine->shards = mem_zalloc((size_t)engine->shard_count * sizeof *engine->shards);
    collect_init(engine);
    if (store_each(options->store, "function", read_function, engine, err) < 0)
        return NULL;
    collect_find_unused(engine);
    async_subscribe(engine);
    for (int i = 0; i < engine->shard_count; i++)
        shard_init(&engine->shards[i], engine, i, options->shard_loops[i],
                   options->spawner_sockets[i]);
    return engine;
}

void engine_free(struct engine *engine)
{
    struct map_cursor cursor = {0};

    while (map_next(&engine->functions, &cursor)) {
        struct entry *entry = cursor.value;
        function_unref(entry->function);
        function_unref(entry->served);
        free(entry);
    }
    map_done(&engine->functions);
    collect_done(engine);
    for (int i = 0; i < engine->shard_count; i++)
        shard_done(&engine->shards[i]);
    free(engine->shards);
    free(engine);
}

const struct engine_options *engine_options(const struct engine *engine)
{
    return &engine->options;
}

static int64_t sum(const struct engine *engine, size_t offset)
{
    int64_t total = 0;

    for (int i = 0; i < engine->shard_count; i++)
        total +=
            atomic_load_explicit((_Atomic int64_t *)((char *)&engine->shards[i].counters + offset),
                                 memory_order_relaxed);
    return total;
}
#define SUM(engine, field) sum(engine, offsetof(struct shard_counters, field))

struct engine_counts engine_counts(const struct engine *engine)
{
    int64_t frozen = SUM(engine, frozen);

    return (struct engine_counts){
        .starting = SUM(engine, starting),
        .idle = SUM(engine, idle) - frozen,
        .busy = SUM(engine, busy),
        .frozen = frozen,
        .concurrency_used = atomic_load(&engine->concurrency_used),
        .concurrency_limit = engine->options.settings->concurrency,
        .functions = engine->function_count,
    };
}

int64_t engine_instances(const struct engine *engine, const struct function *function)
{
    int64_t total = 0;

    for (int i = 0; i < engine->shard_count; i++)
        total += atomic_load_explicit(&function->latest->idle_on[i], memory_order_relaxed);
    return total;
}

static void add_counter(struct buffer *out, const char *name, const char *type, const char *help,
                        int64_t value)
{
    buffer_add_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", name, help, name, type, name,
                      (long long)value);
}

static void add_histogram(const struct engine *engine, struct buffer *out)
{
    int64_t total = 0;

    buffer_add_literal(out, "# HELP evoke_invocation_duration_seconds How long functions ran.\n"
                            "# TYPE evoke_invocation_duration_seconds histogram\n");
    for (int i = 0; i < DURATION_BUCKETS; i++) {
        total += sum(engine, offsetof(struct shard_counters, duration_bucket) +
                                 (size_t)i * sizeof(int64_t));
        buffer_add_format(out, "evoke_invocation_duration_seconds_bucket{le=\"%g\"} %lld\n",
                          (double)(100ll << i) / 1e6, (long long)total);
    }
    total += sum(engine, offsetof(struct shard_counters, duration_bucket) +
                             DURATION_BUCKETS * sizeof(int64_t));
    buffer_add_format(out,
                      "evoke_invocation_duration_seconds_bucket{le=\"+Inf\"} %lld\n"
                      "evoke_invocation_duration_seconds_sum %.6f\n"
                      "evoke_invocation_duration_seconds_count %lld\n",
                      (long long)total, (double)SUM(engine, duration_us_sum) / 1e6,
                      (long long)total);
}

static void add_instances(const struct engine *engine, struct buffer *out)
{
    struct engine_counts counts = engine_counts(engine);

    buffer_add_format(
        out,
        "# HELP evoke_instances Instances by state.\n# TYPE evoke_instances gauge\n"
        "evoke_instances{state=\"starting\"} %lld\nevoke_instances{state=\"idle\"} %lld\n"
        "evoke_instances{state=\"busy\"} %lld\nevoke_instances{state=\"frozen\"} %lld\n",
        (long long)counts.starting, (long long)counts.idle, (long long)counts.busy,
        (long long)counts.frozen);
}

static void add_events(const struct engine *engine, struct buffer *out)
{
    struct event_counters events = event_store_counters(engine->options.events);

    add_counter(out, "evoke_events_puts_total", "counter", "Events put into a lane.",
                (int64_t)events.puts);
    add_counter(out, "evoke_events_deletes_total", "counter", "Events that were done with.",
                (int64_t)events.deletes);
    add_counter(out, "evoke_events_commits_total", "counter",
                "Commits that writes of events shared.", (int64_t)events.commits);
    add_counter(out, "evoke_events_failures_total", "counter",
                "Writes of events that were refused.", (int64_t)events.failures);
    add_counter(out, "evoke_events", "gauge", "Events that wait in a lane.", events.live_records);
    add_counter(out, "evoke_events_bytes", "gauge", "Bytes of events that wait.",
                events.live_bytes);
    add_counter(out, "evoke_events_disk_bytes", "gauge", "Bytes of the files they are in.",
                events.disk_bytes);
}

void engine_metrics(const struct engine *engine, struct buffer *out)
{
    struct engine_counts counts = engine_counts(engine);
    struct store_counters store = store_counters(engine->options.store);

    add_counter(out, "evoke_invocations_total", "counter", "Invocations that ran.",
                SUM(engine, invocations));
    add_counter(out, "evoke_errors_total", "counter", "Invocations whose function failed.",
                SUM(engine, errors));
    add_counter(out, "evoke_throttles_total", "counter", "Invocations refused for lack of room.",
                SUM(engine, throttles));
    add_counter(out, "evoke_timeouts_total", "counter", "Invocations that timed out.",
                SUM(engine, timeouts));
    add_counter(out, "evoke_cold_starts_total", "counter", "Instances started.",
                SUM(engine, cold_starts));
    add_counter(out, "evoke_sandbox_failures_total", "counter", "Instances that could not start.",
                SUM(engine, sandbox_failures));
    add_counter(out, "evoke_hand_overs_total", "counter", "Invocations given to a sibling shard.",
                SUM(engine, hand_overs));
    add_counter(out, "evoke_queued", "gauge", "Invocations waiting for an instance.",
                SUM(engine, queued));
    add_counter(out, "evoke_concurrency", "gauge", "Units of concurrency in use.",
                counts.concurrency_used);
    add_counter(out, "evoke_functions", "gauge", "Functions deployed.", counts.functions);
    add_counter(out, "evoke_store_writes_total", "counter", "Writes to the store.",
                (int64_t)store.writes);
    add_counter(out, "evoke_store_commits_total", "counter", "Commits they shared.",
                (int64_t)store.commits);
    add_events(engine, out);
    add_instances(engine, out);
    add_histogram(engine, out);
}
