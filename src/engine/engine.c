/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "guard/guard.h"

static int read_function(void *arg, struct text key, struct text body, struct error *err)
{
    struct engine *engine = arg;
    scoped(json_decref) json_t *json = json_parse(body, err);
    struct function *function = json ? function_from_json(json, err) : NULL;
    if (!function)
        return -1;

    struct error why;
    if (function->guarded && guard_settle(function->guarded, engine->options.guards, &why) < 0)
        log_error("a function's guard does not compile any more, and nobody may call its URL",
                  LOG_TEXT("function", function->name), LOG_ERROR(&why));
    struct entry *entry = mem_new(struct entry);
    if (function->latest->serial == 0)
        function->latest->serial = version_next_serial();
    for (size_t i = 0; i < function->version_count; i++)
        if (function->versions[i]->serial == 0)
            function->versions[i]->serial = version_next_serial();
    entry->function = function;
    route_claims_put(&engine->routes, function);
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
        route_claims_remove(&engine->routes, entry->function);
        function_unref(entry->function);
        function_unref(entry->served);
        free(entry);
    }
    map_done(&engine->functions);
    route_claims_done(&engine->routes);
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

int64_t engine_sum(const struct engine *engine, size_t offset)
{
    int64_t total = 0;

    for (int i = 0; i < engine->shard_count; i++)
        total +=
            atomic_load_explicit((_Atomic int64_t *)((char *)&engine->shards[i].counters + offset),
                                 memory_order_relaxed);
    return total;
}

struct engine_counts engine_counts(const struct engine *engine)
{
    int64_t frozen = ENGINE_SUM(engine, frozen);

    return (struct engine_counts){
        .starting = ENGINE_SUM(engine, starting),
        .idle = ENGINE_SUM(engine, idle) - frozen,
        .busy = ENGINE_SUM(engine, busy),
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
