/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include "base/mem.h"

/*
 * Measures as Prometheus text. Those of the daemon are sums of what each shard counts for
 * itself. Those of a function are its tally, which all shards add to; there is a set of
 * lines for each function that was used, up to LIMIT_METRICS_FUNCTIONS: whoever stores them
 * pays for every label.
 */

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
        total += engine_sum(engine, offsetof(struct shard_counters, duration_bucket) +
                                        (size_t)i * sizeof(int64_t));
        buffer_add_format(out, "evoke_invocation_duration_seconds_bucket{le=\"%g\"} %lld\n",
                          (double)DURATION_BUCKET_US(i) / 1e6, (long long)total);
    }
    total += engine_sum(engine, offsetof(struct shard_counters, duration_bucket) +
                                    DURATION_BUCKETS * sizeof(int64_t));
    buffer_add_format(out,
                      "evoke_invocation_duration_seconds_bucket{le=\"+Inf\"} %lld\n"
                      "evoke_invocation_duration_seconds_sum %.6f\n"
                      "evoke_invocation_duration_seconds_count %lld\n",
                      (long long)total, (double)ENGINE_SUM(engine, duration_us_sum) / 1e6,
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
                ENGINE_SUM(engine, invocations));
    add_counter(out, "evoke_errors_total", "counter", "Invocations whose function failed.",
                ENGINE_SUM(engine, errors));
    add_counter(out, "evoke_throttles_total", "counter", "Invocations refused for lack of room.",
                ENGINE_SUM(engine, throttles));
    add_counter(out, "evoke_timeouts_total", "counter", "Invocations that timed out.",
                ENGINE_SUM(engine, timeouts));
    add_counter(out, "evoke_cold_starts_total", "counter", "Instances started.",
                ENGINE_SUM(engine, cold_starts));
    add_counter(out, "evoke_sandbox_failures_total", "counter", "Instances that could not start.",
                ENGINE_SUM(engine, sandbox_failures));
    add_counter(out, "evoke_hand_overs_total", "counter", "Invocations given to a sibling shard.",
                ENGINE_SUM(engine, hand_overs));
    add_counter(out, "evoke_queued", "gauge", "Invocations waiting for an instance.",
                ENGINE_SUM(engine, queued));
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

/* --- of functions --- */

#define OTHERS "other functions" /* no function has a blank in its name */

/* What was in a tally, or in several. */
struct row {
    const char *name;
    int64_t errors, throttles, cold_starts, duration_us;
    int64_t ran[DURATION_BUCKETS + 1];
    int64_t invocations;
};

static int64_t read_counter(const _Atomic int64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* False when nothing was counted yet. */
static bool read_tally(const struct function *function, struct row *ret)
{
    const struct tally *tally = &function->latest->quota->tally;

    *ret = (struct row){
        .name = function->name,
        .errors = read_counter(&tally->errors),
        .throttles = read_counter(&tally->throttles),
        .cold_starts = read_counter(&tally->cold_starts),
        .duration_us = read_counter(&tally->duration_us),
    };
    for (int i = 0; i <= DURATION_BUCKETS; i++) {
        ret->ran[i] = read_counter(&tally->ran[i]);
        ret->invocations += ret->ran[i];
    }
    return ret->invocations + ret->throttles + ret->cold_starts > 0;
}

static void add_row(struct row *to, const struct row *row)
{
    to->errors += row->errors;
    to->throttles += row->throttles;
    to->cold_starts += row->cold_starts;
    to->duration_us += row->duration_us;
    to->invocations += row->invocations;
    for (int i = 0; i <= DURATION_BUCKETS; i++)
        to->ran[i] += row->ran[i];
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->name, ((const struct row *)b)->name);
}

/* In the order of their names; those beyond the limit together in one more. The caller
 * frees the array. */
static struct row *read_rows(const struct directory *directory, struct text account,
                             struct text region, size_t *ret_count)
{
    struct row *rows = mem_zalloc((directory->by_key.count + 1) * sizeof *rows);
    struct map_cursor cursor = {0};
    size_t count = 0;

    while (map_next(&directory->by_key, &cursor)) {
        const struct function *function = cursor.value;
        if (text_equal(text_of(function->account), account) &&
            text_equal(text_of(function->region), region))
            count += read_tally(function, &rows[count]);
    }
    qsort(rows, count, sizeof *rows, by_name);
    for (; count > LIMIT_METRICS_FUNCTIONS + 1; count--)
        add_row(&rows[count - 2], &rows[count - 1]);
    if (count > LIMIT_METRICS_FUNCTIONS)
        rows[LIMIT_METRICS_FUNCTIONS].name = OTHERS;
    *ret_count = count;
    return rows;
}

static void add_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_add_format(out, "# HELP evoke_function_%s %s\n# TYPE evoke_function_%s %s\n", name, help,
                      name, type);
}

static void add_column(struct buffer *out, const struct row *rows, size_t count, size_t offset,
                       const char *name, const char *help)
{
    add_head(out, name, "counter", help);
    for (size_t i = 0; i < count; i++)
        buffer_add_format(out, "evoke_function_%s{function=\"%s\"} %lld\n", name, rows[i].name,
                          (long long)*(const int64_t *)((const char *)&rows[i] + offset));
}
#define ADD_COLUMN(field, name, help) \
    add_column(out, rows, count, offsetof(struct row, field), name, help)

static void add_durations(struct buffer *out, const struct row *row)
{
    int64_t total = 0;

    for (int i = 0; i < DURATION_BUCKETS; i++) {
        total += row->ran[i];
        buffer_add_format(
            out, "evoke_function_duration_seconds_bucket{function=\"%s\",le=\"%g\"} %lld\n",
            row->name, (double)DURATION_BUCKET_US(i) / 1e6, (long long)total);
    }
    buffer_add_format(out,
                      "evoke_function_duration_seconds_bucket{function=\"%s\",le=\"+Inf\"} %lld\n"
                      "evoke_function_duration_seconds_sum{function=\"%s\"} %.6f\n"
                      "evoke_function_duration_seconds_count{function=\"%s\"} %lld\n",
                      row->name, (long long)row->invocations, row->name,
                      (double)row->duration_us / 1e6, row->name, (long long)row->invocations);
}

void engine_function_metrics(const struct directory *directory, struct text account,
                             struct text region, struct buffer *out)
{
    size_t count;
    scoped(free) struct row *rows = read_rows(directory, account, region, &count);

    ADD_COLUMN(invocations, "invocations_total", "Invocations that ran, by function.");
    ADD_COLUMN(errors, "errors_total", "Invocations that failed, by function.");
    ADD_COLUMN(throttles, "throttles_total", "Invocations refused for lack of room, by function.");
    ADD_COLUMN(cold_starts, "cold_starts_total", "Instances started, by function.");
    add_head(out, "duration_seconds", "histogram", "How long invocations ran, by function.");
    for (size_t i = 0; i < count; i++)
        add_durations(out, &rows[i]);
}
