/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/async_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/alias.h"
#include "model/lineage.h"

#define LOADS_MAX 4096      /* events of one lane looked at in one iteration */
#define ASYNC_WINDOW_MIN 32 /* events of one lane running at first */

/*
 * Lanes: which event is given out next, and when.
 *
 * An event's body is in memory from shortly before it runs until it is done with; a backlog
 * costs its notes only. Bodies are read a few ahead, and what is read waits in `loaded` in
 * order, so that a slow read delays the lane and never lets one event overtake another.
 *
 * How many events of a lane run at a time is found out by trying: `window` falls to what ran
 * when the invoker had no room, and rises by one with each event done. With nothing running
 * the lane pauses instead, so that there is always something that makes it go on.
 */

#define LOADED_ENOUGH(async) ((async)->loaded_bytes >= ASYNC_BYTES_MAX)

/* --- tasks --- */

static void release_body(struct async *async, struct event *event)
{
    async->loaded_bytes -= (int64_t)event->body_len;
}

void task_free(struct task *task)
{
    if (task->event) {
        release_body(task->lane->async, task->event);
        event_free(task->event);
    }
    loop_timer_clear(&task->timer);
    buffer_done(&task->record);
    arena_done(&task->arena);
    free(task);
}

void lane_return(struct task *task)
{
    struct lane *lane = task->lane;
    struct event *event = take(task->event);

    release_body(lane->async, event);
    event_drop_body(event);
    list_push(&lane->again, &event->link);
    task_free(task);
    lane_look(lane);
}

/* --- pauses --- */

static void on_pause_over(struct loop_timer *timer)
{
    lane_look(container_of(timer, struct lane, pause));
}

void lane_pause(struct lane *lane)
{
    const struct settings *settings = lane->async->shard->engine->options.settings;
    int64_t next_ms = lane->backoff_ms ? 2 * lane->backoff_ms : settings->async_backoff_ms;

    if (loop_timer_is_set(&lane->pause))
        return;
    lane->backoff_ms =
        next_ms < settings->async_backoff_max_ms ? next_ms : settings->async_backoff_max_ms;
    loop_timer_set(lane->async->shard->loop, &lane->pause, lane->backoff_ms);
}

/* --- is the function there? --- */

struct question {
    struct loop_message message;
    struct async *async;
    char *name;
    bool is_there;
};

static void on_answer(struct loop_message *message)
{
    struct question *question = container_of(message, struct question, message);
    struct async *async = question->async;
    struct lane *lane = map_find(&async->lanes, text_of(question->name));

    if (lane) {
        lane->is_asking = false;
        lane->is_gone = !question->is_there;
        if (lane->is_gone)
            log_warn("the events of a function that is gone are dropped",
                     LOG_TEXT("lane", lane->name));
        else
            lane_pause(lane);
        lane_look(lane);
    }
    free(question->name);
    free(question);
    async->open--;
    shard_check_drained(async->shard);
}

static void on_question(struct loop_message *message)
{
    struct question *question = container_of(message, struct question, message);
    struct shard *shard = question->async->shard;
    struct function_lane names;

    question->is_there =
        function_lane_parse(text_of(question->name), &names) &&
        engine_find(shard->engine, names.account, names.region, names.name) != NULL;
    question->message.run = on_answer;
    loop_post(shard->loop, &question->message);
}

/* Shards serve what is Active; whether there is such a function at all the control thread
 * knows. */
static void ask(struct lane *lane)
{
    struct question *question = mem_new(struct question);

    lane->is_asking = true;
    lane->async->open++;
    question->async = lane->async;
    question->name = mem_strdup(lane->name);
    question->message.run = on_question;
    loop_post(lane->async->shard->engine->options.control, &question->message);
}

/* --- running --- */

/* More at a time as long as nothing waits for an instance: what waits there delays the
 * synchronous calls that come after it. */
static void adjust_window(struct lane *lane, const struct version *version)
{
    const struct pool *pool = pool_find_or_new(lane->async->shard, version);
    int instances = pool->idle_count + pool->busy_count + pool->starting_count;

    if (pool->waiting_count == 0)
        lane->window++;
    else if (pool->waiting_count > instances && lane->window > ASYNC_WINDOW_MIN)
        lane->window--;
}

static void on_done(struct invocation *invocation)
{
    struct task *task = invocation->owner;
    struct lane *lane = task->lane;
    bool has_run =
        invocation->outcome == INVOCATION_OK || invocation->outcome == INVOCATION_FUNCTION_ERROR;

    list_remove(&task->link);
    lane->running_count--;
    lane_look(lane);
    if (has_run) {
        lane->backoff_ms = 0;
        adjust_window(lane, invocation->version);
        async_conclude(task);
    } else {
        lane->window = lane->running_count > 0 ? lane->running_count : 1;
        if (lane->running_count == 0)
            lane_pause(lane);
        task->invocation = NULL;
        lane_return(task);
    }
    invocation_free(invocation);
}

static const struct invocation_sink sink = {.on_done = on_done};

static void invoke(struct task *task, const struct version *version)
{
    struct shard *shard = task->lane->async->shard;
    struct invocation *invocation = task->invocation = invocation_new(version);

    invocation->sink = &sink;
    invocation->owner = task;
    invocation->kind = INVOKE_EVENT;
    invocation->hops = (int)task->note.hops;
    invocation_by(invocation, task->note.qualifier);
    if (task->note.request_id.len == UUID_LEN)
        memcpy(invocation->request_id, task->note.request_id.at, UUID_LEN);
    lineage_make(task->note.trace, invocation->hops, invocation->trace);
    buffer_add_text(&invocation->payload, buffer_text(&task->event->body));
    buffer_add_text(&invocation->client_context, task->note.client_context);
    list_push(&task->lane->running, &task->link);
    task->lane->running_count++;
    shard->invoker.invoke(&shard->invoker, invocation);
}

static const struct function *find_function(const struct lane *lane)
{
    return directory_find(&lane->async->shard->directory, lane->names.account, lane->names.region,
                          lane->names.name);
}

#define RECURSION_ERROR "RecursiveInvocationException"

/* Runs it, or says why not. Takes the task. */
static void start(struct task *task, const struct function *function)
{
    const struct version *version = alias_route(function, task->note.qualifier);

    if (!version) {
        log_warn("an event for a version that is gone is dropped",
                 LOG_TEXT("lane", task->lane->name),
                 LOG_TEXT("version", arena_string(&task->arena, task->note.qualifier)));
        async_abandon(task);
    } else if (function->reserved_concurrency == 0)
        async_give_up(task, function, "ZeroReservedConcurrency", TEXT("429"),
                      TEXT("Rate Exceeded."));
    else if (task->note.hops >= LIMIT_HOPS && !function->may_recurse)
        async_give_up(task, function, RECURSION_ERROR, TEXT("400"),
                      TEXT(RECURSION_ERROR ": " RECURSION_MESSAGE));
    else if (clock_now_ms() - task->note.first_ms >= async_max_age_ms(function, &task->note))
        async_give_up(task, function, "EventAgeExceeded", TEXT("429"),
                      text_is_set(task->note.error_message)
                          ? task->note.error_message
                          : TEXT("The event waited for too long."));
    else
        invoke(task, version);
}

/* --- loading --- */

static void unload(struct task *task)
{
    list_remove(&task->link);
    task->lane->loaded_count--;
}

static void on_read(struct event_read *read, bool failed, const struct error *err)
{
    struct task *task = container_of(read, struct task, read);
    struct lane *lane = task->lane;
    struct async *async = lane->async;

    task->is_reading = false;
    lane_look(lane);
    if (failed) {
        /* Gone, by a purge, or damaged: nothing that could be tried. */
        log_error("an event could not be read", LOG_TEXT("lane", lane->name), LOG_ERROR(err));
        buffer_done(&read->body);
        unload(task);
        task_free(task);
    } else {
        buffer_done(&task->event->body);
        task->event->body = buffer_take(&read->body);
        task->event->has_body = true;
    }
    async->open--;
    shard_check_drained(async->shard);
}

static void read_body(struct task *task)
{
    struct async *async = task->lane->async;

    task->is_reading = true;
    async->open++;
    task->read =
        (struct event_read){.done = on_read, .loop = async->shard->loop, .id = task->event->id};
    event_store_read(async->shard->engine->options.events, &task->read);
}

static void load(struct lane *lane, struct event *event)
{
    struct task *task = mem_new(struct task);
    struct error err;

    task->lane = lane;
    task->event = event;
    lane->async->loaded_bytes += (int64_t)event->body_len;
    if (event->has_body)
        lane->async->kept_bytes -= (int64_t)event->body_len;
    if (note_parse(buffer_text(&event->note), &task->arena, &task->note, &err) < 0) {
        log_error("an event was dropped that cannot be understood", LOG_TEXT("lane", lane->name),
                  LOG_ERROR(&err));
        async_delete(lane->async, event->id);
        task_free(task);
        return;
    }
    if (task->note.first_ms == 0)
        task->note.first_ms = event->arrived_ms;
    if (lane->is_gone && task->note.dead_letter.len == 0) {
        async_abandon(task); /* without its body */
        return;
    }
    list_push(&lane->loaded, &task->link);
    lane->loaded_count++;
    if (!event->has_body)
        read_body(task);
}

static struct event *next_event(struct lane *lane)
{
    struct list *node = list_pop(&lane->again);

    if (!node)
        node = list_pop(&lane->ready);
    return node ? container_of(node, struct event, link) : NULL;
}

static bool may_load(const struct lane *lane)
{
    return lane->loaded_count < ASYNC_AHEAD && !LOADED_ENOUGH(lane->async);
}

static int busy(const struct lane *lane)
{
    return lane->running_count + lane->moving_count;
}

/* Whether the invoker would take another one. */
static bool has_room(const struct lane *lane, const struct function *function)
{
    const struct engine *engine = lane->async->shard->engine;
    const struct quota *quota = function->latest->quota;
    int limit = atomic_load_explicit(&quota->limit, memory_order_relaxed);

    return atomic_load_explicit(&engine->concurrency_used, memory_order_relaxed) <
               engine->options.settings->concurrency &&
           (limit <= 0 || atomic_load_explicit(&quota->running, memory_order_relaxed) < limit);
}

/* Something runs, so that there is a moment when it is looked again. */
static bool waits_for_room(struct lane *lane, const struct function *function)
{
    if (busy(lane) > 0 && busy(lane) >= lane->window)
        return true;
    if (!function || has_room(lane, function))
        return false;
    if (lane->running_count == 0)
        lane_pause(lane);
    return true;
}

/* --- looking at a lane --- */

static bool is_held(const struct lane *lane)
{
    return lane->async->is_draining || lane->is_asking || loop_timer_is_set(&lane->pause);
}

static void run_loaded(struct lane *lane)
{
    while (!list_empty(&lane->loaded) && !is_held(lane)) {
        struct task *task = container_of(lane->loaded.next, struct task, link);
        const struct function *function = find_function(lane);

        if (task->is_reading || waits_for_room(lane, function))
            return;
        if (!function && !lane->is_gone) {
            ask(lane);
            return;
        }
        unload(task);
        if (function)
            start(task, function);
        else
            async_abandon(task);
    }
}

static bool is_empty(const struct lane *lane)
{
    return list_empty(&lane->again) && list_empty(&lane->ready) && list_empty(&lane->delayed) &&
           lane->loaded_count + busy(lane) == 0 && !lane->is_asking;
}

static void lane_free(struct lane *lane)
{
    loop_timer_clear(&lane->pause);
    list_remove(&lane->link);
    free(lane->name);
    free(lane);
}

static void look(struct lane *lane)
{
    struct event *event;
    int loads = 0;

    while (!is_held(lane)) {
        while (may_load(lane) && loads++ < LOADS_MAX && (event = next_event(lane)))
            load(lane, event);
        if (loads > LOADS_MAX)
            loop_timer_set(lane->async->shard->loop, &lane->pause, 0); /* others have a turn */
        int before = lane->loaded_count;
        run_loaded(lane);
        if (lane->loaded_count == before)
            break;
    }
    if (!is_empty(lane))
        return;
    (void)map_remove(&lane->async->lanes, text_of(lane->name));
    lane_free(lane);
}

static void on_look(struct loop_task *task)
{
    struct async *async = container_of(task, struct async, look);
    struct list *node;

    while ((node = list_pop(&async->active)))
        look(container_of(node, struct lane, link));
    async_flush(async);
}

void lane_look(struct lane *lane)
{
    struct async *async = lane->async;

    if (!list_linked(&lane->link))
        list_push(&async->active, &lane->link);
    loop_defer(async->shard->loop, &async->look);
}

/* --- arrival --- */

static struct lane *lane_find_or_new(struct async *async, struct text name)
{
    struct lane *lane = map_find(&async->lanes, name);

    if (lane)
        return lane;
    lane = mem_new(struct lane);
    lane->async = async;
    lane->name = text_dup(name);
    lane->window = ASYNC_WINDOW_MIN;
    lane->pause.fire = on_pause_over;
    list_init(&lane->again);
    list_init(&lane->ready);
    list_init(&lane->delayed);
    list_init(&lane->running);
    list_init(&lane->loaded);
    if (!function_lane_parse(text_of(lane->name), &lane->names))
        lane->is_gone = true;
    (void)map_put(&async->lanes, name, lane);
    return lane;
}

static void on_due(struct loop_timer *timer)
{
    struct delayed *delayed = container_of(timer, struct delayed, timer);
    struct lane *lane = delayed->lane;

    list_push(&lane->again, &delayed->event->link);
    list_remove(&delayed->link);
    free(delayed);
    lane_look(lane);
}

static void delay(struct lane *lane, struct event *event)
{
    struct delayed *delayed = mem_new(struct delayed);
    int64_t after_ms = event->due_ms - clock_now_ms();

    delayed->lane = lane;
    delayed->event = event;
    delayed->timer.fire = on_due;
    list_push(&lane->delayed, &delayed->link);
    loop_timer_set(lane->async->shard->loop, &delayed->timer, after_ms > 0 ? after_ms : 0);
}

static void take_in(struct async *async, struct event *event)
{
    struct lane *lane = lane_find_or_new(async, text_of(event->lane));

    if (event->has_body && async->kept_bytes + (int64_t)event->body_len > ASYNC_KEPT_MAX)
        event_drop_body(event);
    if (event->due_ms > clock_now_ms()) {
        event_drop_body(event);
        delay(lane, event);
        return;
    }
    if (event->has_body)
        async->kept_bytes += (int64_t)event->body_len;
    list_push(&lane->ready, &event->link);
    lane_look(lane);
}

void async_delay(struct task *task, int64_t due_ms)
{
    struct lane *lane = task->lane;
    struct event *event = take(task->event);
    scoped(buffer_done) struct buffer note = {0};

    note_format(&task->note, &note);
    buffer_done(&event->note);
    event->note = buffer_take(&note);
    event->due_ms = due_ms;
    release_body(lane->async, event);
    event_drop_body(event);
    async_set(lane->async, event->id, due_ms, &task->note);
    delay(lane, event);
    task_free(task);
}

/* --- the receiver --- */

static int home_index(const struct engine *engine, struct text lane)
{
    return (int)(map_hash(lane) % (uint64_t)engine->shard_count);
}

struct async *async_home(struct engine *engine, struct text lane)
{
    return engine->shards[home_index(engine, lane)].async;
}

struct loop *engine_events_home(struct engine *engine, struct text lane)
{
    return async_home(engine, lane)->shard->loop;
}

static struct loop *home(struct event_receiver *receiver, struct text lane)
{
    return engine_events_home(container_of(receiver, struct engine, receiver), lane);
}

static void arrived(struct event_receiver *receiver, struct list *events)
{
    struct engine *engine = container_of(receiver, struct engine, receiver);
    struct list *node;

    while ((node = list_pop(events))) {
        struct event *event = container_of(node, struct event, link);
        take_in(async_home(engine, text_of(event->lane)), event);
    }
}

void async_subscribe(struct engine *engine)
{
    engine->receiver =
        (struct event_receiver){.kind = LANE_FUNCTION, .home = home, .arrived = arrived};
    event_store_subscribe(engine->options.events, &engine->receiver);
}

/* --- life --- */

struct async *async_new(struct shard *shard)
{
    struct async *async = mem_new(struct async);

    async->shard = shard;
    async->look.run = on_look;
    list_init(&async->active);
    return async;
}

void async_function_changed(struct async *async, struct text key)
{
    scoped(free) char *name = mem_format(LANE_FUNCTION "/%.*s", TEXT_ARG(key));
    struct lane *lane = map_find(&async->lanes, text_of(name));

    if (!lane)
        return;
    lane->is_gone = false;
    lane->backoff_ms = 0;
    loop_timer_clear(&lane->pause);
    lane_look(lane);
}

void async_drain(struct async *async)
{
    async->is_draining = true;
}

bool async_is_settled(const struct async *async)
{
    return async->open == 0 && !async->batch;
}

static void free_events(struct list *events)
{
    struct list *node;

    while ((node = list_pop(events)))
        event_free(container_of(node, struct event, link));
}

static void drop_lane(struct lane *lane)
{
    struct list *node;

    free_events(&lane->again);
    free_events(&lane->ready);
    while ((node = list_pop(&lane->delayed))) {
        struct delayed *delayed = container_of(node, struct delayed, link);
        loop_timer_clear(&delayed->timer);
        event_free(delayed->event);
        free(delayed);
    }
    while ((node = list_pop(&lane->loaded)))
        task_free(container_of(node, struct task, link));
    lane_free(lane);
}

void async_free(struct async *async)
{
    struct map_cursor cursor = {0};

    if (!async)
        return;
    while (map_next(&async->lanes, &cursor))
        drop_lane(cursor.value);
    map_done(&async->lanes);
    free(async);
}
