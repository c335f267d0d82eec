/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include <malloc.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/package.h"

/*
 * Code folders go when no function refers to them and no instance runs from them. A
 * version that left service waits here with a reference; once that is the only one, its
 * last instance is gone. Packages being staged hold everything back, because staging finds
 * the same content already there. Memory that deployments have freed goes back from here too.
 */

#define TRIM_MS 500 /* of several deployments once */
#define COLLECT_MS 5000

struct retired {
    struct list link;
    const struct version *version;
};

struct removal {
    struct loop_job job;
    const char *data_folder;
    char code[65];
    struct error err;
    bool failed;
};

static void on_collect(struct loop_timer *timer);

/* --- memory --- */

/* What a deployment needs is a package and much of its JSON, of which little stays: malloc keeps
 * the pages of the rest, most of what the daemon then holds. */
static void give_back(struct loop_job *job)
{
    (void)malloc_trim(0);
}

static void on_given_back(struct loop_job *job)
{
    free(job);
}

static void on_trim(struct loop_timer *timer)
{
    struct engine *engine = container_of(timer, struct engine, trim_timer);
    struct loop_job *job = mem_new(struct loop_job);

    job->work = give_back;
    job->done = on_given_back;
    loop_work(engine->options.control, job);
}

void collect_memory(struct engine *engine)
{
    if (!loop_timer_is_set(&engine->trim_timer))
        loop_timer_set(engine->options.control, &engine->trim_timer, TRIM_MS);
}

/* --- code --- */

void collect_init(struct engine *engine)
{
    list_init(&engine->retired_code);
    engine->collect_timer.fire = on_collect;
    engine->trim_timer.fire = on_trim;
}

void collect_later(struct engine *engine, const struct version *version)
{
    struct retired *retired = mem_new(struct retired);

    retired->version = version_ref(version);
    list_push(&engine->retired_code, &retired->link);
    if (!loop_timer_is_set(&engine->collect_timer))
        loop_timer_set(engine->options.control, &engine->collect_timer, COLLECT_MS);
}

static bool function_uses(const struct function *function, const char *code)
{
    if (strcmp(function->latest->code, code) == 0)
        return true;
    for (size_t i = 0; i < function->version_count; i++)
        if (strcmp(function->versions[i]->code, code) == 0)
            return true;
    return false;
}

static bool is_used(const struct engine *engine, const char *code)
{
    struct map_cursor cursor = {0};

    while (map_next(&engine->functions, &cursor)) {
        const struct entry *entry = cursor.value;
        if (function_uses(entry->function, code) ||
            (entry->served && function_uses(entry->served, code)))
            return true;
    }
    list_each (node, &engine->retired_code) {
        const struct retired *other = container_of(node, struct retired, link);
        if (strcmp(other->version->code, code) == 0)
            return true;
    }
    return false;
}

static void remove_code(struct loop_job *job)
{
    struct removal *removal = container_of(job, struct removal, job);

    removal->failed = package_remove(removal->data_folder, removal->code, &removal->err) < 0;
}

static void on_removed(struct loop_job *job)
{
    struct removal *removal = container_of(job, struct removal, job);

    if (removal->failed)
        log_warn("old code could not be removed", LOG_TEXT("code", removal->code),
                 LOG_ERROR(&removal->err));
    free(removal);
}

static void on_collect(struct loop_timer *timer)
{
    struct engine *engine = container_of(timer, struct engine, collect_timer);

    list_each (node, &engine->retired_code) {
        struct retired *retired = container_of(node, struct retired, link);
        if (engine->code_holds > 0 || atomic_load(&retired->version->refs) > 1)
            continue;
        list_remove(node);
        if (!is_used(engine, retired->version->code)) {
            struct removal *removal = mem_new(struct removal);
            removal->data_folder = engine->options.data_folder;
            memcpy(removal->code, retired->version->code, sizeof removal->code);
            removal->job.work = remove_code;
            removal->job.done = on_removed;
            loop_work(engine->options.control, &removal->job);
        }
        version_unref(retired->version);
        free(retired);
    }
    if (!list_empty(&engine->retired_code))
        loop_timer_set(engine->options.control, &engine->collect_timer, COLLECT_MS);
}

/* --- what a crash has left --- */

static bool is_code_used(void *arg, const char *code)
{
    return is_used(arg, code);
}

void collect_find_unused(struct engine *engine)
{
    struct error err;
    int count = package_set_aside(engine->options.data_folder, is_code_used, engine, &err);

    if (count < 0)
        log_warn("unused code could not be looked for", LOG_ERROR(&err));
    else if (count > 0)
        log_info("code that no function uses is removed", LOG_NUM("count", count));
}

static void remove_aside(struct loop_job *job)
{
    struct removal *removal = container_of(job, struct removal, job);

    removal->failed = package_remove_aside(removal->data_folder, &removal->err) < 0;
}

void collect_unused(struct engine *engine)
{
    struct removal *removal = mem_new(struct removal);

    removal->data_folder = engine->options.data_folder;
    snprintf(removal->code, sizeof removal->code, "unused");
    removal->job.work = remove_aside;
    removal->job.done = on_removed;
    loop_work(engine->options.control, &removal->job);
}

void collect_done(struct engine *engine)
{
    struct list *node;

    while ((node = list_pop(&engine->retired_code))) {
        struct retired *retired = container_of(node, struct retired, link);
        version_unref(retired->version);
        free(retired);
    }
}

void engine_hold_code(struct engine *engine)
{
    engine->code_holds++;
}

void engine_release_code(struct engine *engine)
{
    assert(engine->code_holds > 0);
    engine->code_holds--;
}
