/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_priv.h"

#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/broadcast.h"

/*
 * Changes of functions, on the control thread. A change is applied to the master at once
 * (so that the next one sees it), stored, and only then answered; if it cannot be stored
 * the master goes back. What shards serve changes by publication, and a deployment is
 * published only after its version was loaded once.
 *
 *     engine_deploy -> stored -> answered -> trial load -> Active, Successful: stored
 *                   -> published -> old instances drain
 *     engine_save   -> stored -> published -> answered
 */

/* --- publication to every shard --- */

struct publication {
    struct engine *engine;
    const struct function *function; /* counted; NULL: remove key */
    char *key;
    void (*done)(struct publication *publication);
    void *owner;
};

static void on_published_everywhere(void *arg)
{
    struct publication *publication = arg;

    if (publication->done)
        publication->done(publication);
    function_unref(publication->function);
    free(publication->key);
    free(publication);
}

static void apply_publication(void *arg, int index)
{
    struct publication *publication = arg;
    struct shard *shard = &publication->engine->shards[index];

    if (publication->function)
        shard_publish(shard, publication->function);
    else
        shard_unpublish(shard, text_of(publication->key));
}

static void publish(struct engine *engine, const struct function *function, const char *key,
                    void (*done)(struct publication *publication), void *owner)
{
    struct publication *publication = mem_new(struct publication);

    publication->engine = engine;
    publication->function = function ? function_ref(function) : NULL;
    publication->key = mem_strdup(key);
    publication->done = done;
    publication->owner = owner;
    loop_broadcast(engine->options.shard_loops, engine->shard_count, apply_publication,
                   on_published_everywhere, publication);
}

/* --- entries --- */

static char *key_of(const struct function *function)
{
    return function_key(text_of(function->account), text_of(function->region),
                        text_of(function->name));
}

static struct entry *find_entry(const struct engine *engine, const char *key)
{
    return map_find(&engine->functions, text_of(key));
}

static void set_function(struct engine *engine, struct entry *entry,
                         const struct function *function)
{
    const struct function *before = entry->function;

    if (before)
        route_claims_remove(&engine->routes, before);
    entry->function = function_ref(function);
    route_claims_put(&engine->routes, function);
    function_unref(before);
}

static bool is_deploying(const struct function *function)
{
    return function->state == STATE_PENDING || function->update_status == UPDATE_IN_PROGRESS;
}

/* What the shards may see now: while an update is in progress, the version before it. */
static const struct function *visible(const struct entry *entry)
{
    if (!entry->is_deploying)
        return function_ref(entry->function);
    if (!entry->served)
        return NULL;
    struct function *view = function_edit(entry->function);
    version_unref(view->latest);
    view->latest = (struct version *)(uintptr_t)version_ref(entry->served->latest);
    return view;
}

/* --- one change --- */

struct change {
    struct store_write write;
    struct engine *engine;
    struct engine_change *caller;
    char *key;
    const struct function *before, *after; /* counted, may be NULL */
    const struct function *served;         /* by what is deleted; counted */
    bool then_load;
    struct loop_message late; /* an early failure is told late */
    struct error err;
};

static void load(struct engine *engine, const char *key);

static void tell(struct change *change, bool failed, const struct error *err)
{
    if (change->caller)
        change->caller->done(change->caller, failed ? NULL : change->after, failed, err);
}

static void free_change(struct change *change)
{
    function_unref(change->before);
    function_unref(change->after);
    function_unref(change->served);
    free(change->key);
    free(change);
}

static void on_published(struct publication *publication)
{
    struct change *change = publication->owner;

    tell(change, false, NULL);
    free_change(change);
}

/* The shards' view of an entry becomes the current one. */
static void serve(struct engine *engine, struct entry *entry, const char *key,
                  void (*done)(struct publication *publication), void *owner)
{
    const struct function *view = visible(entry), *before = entry->served;

    if (before && (!view || view->latest->serial != before->latest->serial))
        collect_later(engine, before->latest);
    entry->served = view;
    function_unref(before);
    publish(engine, view, key, done, owner);
}

/* The disk refused: the master goes back to what is stored. */
static void undo(struct change *change)
{
    struct engine *engine = change->engine;
    struct entry *entry = find_entry(engine, change->key);

    /* A later change stands on it; the store decides that one's fate. */
    if (change->after ? !entry || entry->function != change->after : entry != NULL)
        return;
    if (change->before && entry) {
        set_function(engine, entry, change->before);
        entry->is_deploying = is_deploying(change->before);
    } else if (change->before) {
        entry = mem_new(struct entry);
        set_function(engine, entry, change->before);
        entry->is_deploying = is_deploying(change->before);
        entry->served = take(change->served);
        (void)map_put(&engine->functions, text_of(change->key), entry);
        engine->function_count++;
    } else if (entry) {
        (void)map_remove(&engine->functions, text_of(change->key));
        engine->function_count--;
        route_claims_remove(&engine->routes, entry->function);
        function_unref(entry->function);
        function_unref(entry->served);
        free(entry);
    }
}

static void on_stored(struct store_write *write, bool failed, const struct error *err)
{
    struct change *change = container_of(write, struct change, write);
    struct engine *engine = change->engine;

    if (failed) {
        log_error("a change could not be stored", LOG_TEXT("function", change->key),
                  LOG_ERROR(err));
        /* That a version serves is true even if the disk does not know: it is found out
         * again at the next start. */
        if (change->caller)
            undo(change);
        tell(change, true, err);
        free_change(change);
        return;
    }
    struct entry *entry = find_entry(engine, change->key);
    if (change->then_load) {
        tell(change, false, NULL);
        if (entry)
            load(engine, change->key);
        free_change(change);
        return;
    }
    if (!change->after)
        publish(engine, NULL, change->key, on_published, change);
    else if (entry)
        serve(engine, entry, change->key, on_published, change);
    else
        on_published(&(struct publication){.owner = change});
}

static void on_late(struct loop_message *message)
{
    struct change *change = container_of(message, struct change, late);

    tell(change, true, &change->err);
    free_change(change);
}

static void fail_late(struct change *change)
{
    change->late.run = on_late;
    loop_post(change->engine->options.control, &change->late);
}

static struct change *change_new(struct engine *engine, const char *key,
                                 struct engine_change *caller)
{
    struct change *change = mem_new(struct change);

    change->engine = engine;
    change->caller = caller;
    change->key = mem_strdup(key);
    change->write.done = on_stored;
    change->write.loop = engine->options.control;
    return change;
}

static void store_change(struct change *change)
{
    struct store_change *item = &change->write.changes[0];

    change->write.count = 1;
    item->kind = mem_strdup("function");
    item->key = mem_strdup(change->key);
    item->action = change->after ? STORE_PUT : STORE_DELETE;
    if (change->after) {
        json_t *json = function_to_json(change->after);
        char *text = json_write(json);
        buffer_add_text(&item->body, text_of(text));
        free(text);
        json_decref(json);
    }
    store_write(change->engine->options.store, &change->write);
}

static void give_serials(struct function *function)
{
    if (function->latest->serial == 0)
        function->latest->serial = version_next_serial();
    for (size_t i = 0; i < function->version_count; i++)
        if (function->versions[i]->serial == 0)
            function->versions[i]->serial = version_next_serial();
}

static int check_deploy(const struct entry *entry, const char *arn, const char *name, bool create,
                        struct error *err)
{
    if (create && entry)
        return error_set(err, ERROR_CONFLICT, "Function already exist: %s", name);
    if (!create && !entry)
        return error_set(err, ERROR_NOT_FOUND, "Function not found: %s", arn);
    if (entry && entry->is_deploying)
        return error_set(err, ERROR_CONFLICT,
                         "The operation cannot be performed at this time. An update is in progress "
                         "for resource: %s",
                         arn);
    return 0;
}

void engine_deploy(struct engine *engine, struct function **function, bool create,
                   struct engine_change *caller)
{
    scoped(function_unref) struct function *after = take(*function);
    scoped(free) char *key = key_of(after);
    struct entry *entry = find_entry(engine, key);
    struct change *change = change_new(engine, key, caller);

    if (check_deploy(entry, after->arn, after->name, create, &change->err) < 0 ||
        route_claims_check(&engine->routes, after, &change->err) < 0) {
        fail_late(change);
        return;
    }
    give_serials(after);
    if (entry) {
        change->before = function_ref(entry->function);
    } else {
        entry = mem_new(struct entry);
        (void)map_put(&engine->functions, text_of(key), entry);
        engine->function_count++;
    }
    set_function(engine, entry, after);
    entry->is_deploying = true;
    change->after = take(after);
    change->then_load = true;
    store_change(change);
}

void engine_save(struct engine *engine, struct function **function, struct engine_change *caller)
{
    scoped(function_unref) struct function *after = take(*function);
    scoped(free) char *key = key_of(after);
    struct entry *entry = find_entry(engine, key);
    struct change *change = change_new(engine, key, caller);

    if (!entry) {
        (void)error_set(&change->err, ERROR_NOT_FOUND, "Function not found: %s", after->arn);
        fail_late(change);
        return;
    }
    give_serials(after);
    change->before = function_ref(entry->function);
    set_function(engine, entry, after);
    change->after = take(after);
    store_change(change);
}

void engine_delete(struct engine *engine, struct text account, struct text region, struct text name,
                   struct engine_change *caller)
{
    scoped(free) char *key = function_key(account, region, name);
    struct entry *entry = find_entry(engine, key);
    struct change *change = change_new(engine, key, caller);

    if (!entry) {
        (void)error_set(&change->err, ERROR_NOT_FOUND, "Function not found: %.*s", TEXT_ARG(name));
        fail_late(change);
        return;
    }
    (void)map_remove(&engine->functions, text_of(key));
    engine->function_count--;
    change->before = function_ref(entry->function);
    collect_later(engine, entry->function->latest);
    for (size_t i = 0; i < entry->function->version_count; i++)
        collect_later(engine, entry->function->versions[i]);
    change->served = entry->served;
    route_claims_remove(&engine->routes, entry->function);
    function_unref(entry->function);
    free(entry);
    store_change(change);
}

/* --- loading a new version once, then serving it --- */

struct loading {
    struct trial trial;
    struct loop_message message; /* to the shard, and back */
    struct engine *engine;
    struct shard *shard;
    const struct version *version; /* counted */
    char *key;
    char *load_error;
};

static void finish_loading(struct engine *engine)
{
    if (engine->starting_up > 0 && --engine->starting_up == 0)
        engine->ready(engine->ready_arg);
}

/* The newest snapshot as it is once its version serves. */
static struct function *in_service(const struct function *function)
{
    struct function *after = function_edit(function);

    after->state = STATE_ACTIVE;
    after->update_status = UPDATE_SUCCESSFUL;
    model_set(&after->state_reason, TEXT_NONE);
    model_set(&after->state_reason_code, TEXT_NONE);
    model_set(&after->update_reason, TEXT_NONE);
    model_set(&after->update_reason_code, TEXT_NONE);
    return after;
}

static void free_loading(struct loading *loading)
{
    version_unref(loading->version);
    free(loading->key);
    free(loading->load_error);
    free(loading);
}

/* The entry, if the version that was loaded is still the one being deployed. */
static struct entry *find_loaded(const struct loading *loading)
{
    struct entry *entry = find_entry(loading->engine, loading->key);

    return entry && entry->function->latest->serial == loading->version->serial ? entry : NULL;
}

/* Every shard has it: only now it is called Successful. */
static void on_serving(struct publication *publication)
{
    struct loading *loading = publication->owner;
    struct entry *entry = find_loaded(loading);

    if (entry) {
        struct function *after = in_service(entry->function);
        struct change *change = change_new(loading->engine, loading->key, NULL);

        change->before = function_ref(entry->function);
        set_function(loading->engine, entry, after);
        entry->is_deploying = false;
        change->after = after;
        store_change(change);
    }
    collect_memory(loading->engine);
    free_loading(loading);
}

/* On the shard: the version will never be published there, so nothing else ends its pool. */
static void on_abandoned(struct loop_message *message)
{
    struct loading *loading = container_of(message, struct loading, message);

    shard_retire(loading->shard, loading->version);
    free_loading(loading);
}

static void on_loaded(struct loop_message *message)
{
    struct loading *loading = container_of(message, struct loading, message);
    struct entry *entry = find_loaded(loading);
    if (!entry) {
        loading->message.run = on_abandoned;
        loop_post(loading->shard->loop, &loading->message);
        return;
    }

    scoped(function_unref) struct function *after = in_service(entry->function);
    const struct function *before = entry->served;
    /* Shards never read these two, and they have not seen this version yet. */
    model_set(&after->latest->load_error, text_of(loading->load_error));
    crypto_uuid(after->latest->revision_id);
    if (loading->load_error[0])
        log_warn("a function did not load", LOG_TEXT("function", after->arn),
                 LOG_TEXT("error", loading->load_error));
    if (before)
        collect_later(loading->engine, before->latest);
    entry->served = function_ref(after);
    function_unref(before);
    publish(loading->engine, after, loading->key, on_serving, loading);
}

/* On the shard. */
static void on_trial_done(struct trial *trial, struct text load_error)
{
    struct loading *loading = container_of(trial, struct loading, trial);

    if (loading->shard->is_draining && load_error.len > 0) {
        /* It was stopped, or may have been: the next start of the daemon loads it again. */
        free_loading(loading);
        return;
    }
    loading->load_error = text_dup(load_error);
    loading->message.run = on_loaded;
    loop_post(loading->engine->options.control, &loading->message);
}

static void on_load(struct loop_message *message)
{
    struct loading *loading = container_of(message, struct loading, message);

    shard_trial(loading->shard, loading->version, &loading->trial);
}

static void load(struct engine *engine, const char *key)
{
    const struct entry *entry = find_entry(engine, key);
    struct loading *loading = mem_new(struct loading);

    loading->engine = engine;
    loading->key = mem_strdup(key);
    loading->version = version_ref(entry->function->latest);
    loading->shard = &engine->shards[loading->version->serial % (uint64_t)engine->shard_count];
    loading->trial.done = on_trial_done;
    loading->message.run = on_load;
    loop_post(loading->shard->loop, &loading->message);
}

/* --- reading --- */

const struct function *engine_find(const struct engine *engine, struct text account,
                                   struct text region, struct text name)
{
    scoped(free) char *key = function_key(account, region, name);
    const struct entry *entry = find_entry(engine, key);

    return entry ? entry->function : NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct function *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

const struct function **engine_list(const struct engine *engine, struct text account,
                                    struct text region, size_t *ret_count)
{
    const struct function **list =
        mem_zalloc((engine->functions.count + 1) * sizeof(const struct function *));
    struct map_cursor cursor = {0};
    size_t count = 0;

    while (map_next(&engine->functions, &cursor)) {
        const struct entry *entry = cursor.value;
        if (text_equal(text_of(entry->function->account), account) &&
            text_equal(text_of(entry->function->region), region))
            list[count++] = entry->function;
    }
    if (count > 1)
        qsort(list, count, sizeof *list, by_name);
    *ret_count = count;
    return list;
}

/* --- start --- */

static void on_started_one(struct publication *publication)
{
    finish_loading(publication->engine);
}

static void on_start(struct loop_message *message)
{
    struct engine *engine = container_of(message, struct engine, start_message);
    struct map_cursor cursor = {0};

    engine->starting_up = 1;
    collect_unused(engine);
    while (map_next(&engine->functions, &cursor)) {
        struct entry *entry = cursor.value;
        scoped(free) char *key = text_dup(cursor.key);
        entry->is_deploying = is_deploying(entry->function);
        if (entry->is_deploying) {
            load(engine, key);
            continue;
        }
        engine->starting_up++;
        serve(engine, entry, key, on_started_one, NULL);
    }
    finish_loading(engine);
}

void engine_start(struct engine *engine, void (*ready)(void *arg), void *arg)
{
    engine->ready = ready;
    engine->ready_arg = arg;
    engine->start_message.run = on_start;
    loop_post(engine->options.control, &engine->start_message);
}
