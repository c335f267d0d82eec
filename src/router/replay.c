/* SPDX-License-Identifier: Apache-2.0 */
#include "router/replay.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/scan.h"
#include "router/archive.h"
#include "router/buses.h"
#include "router/dispatch.h"
#include "router/envelope.h"

#define WINDOW 16            /* events of a replay on their way at once */
#define PROGRESS_EVENTS 1000 /* between notes of how far it came */
#define MINUTE_MS (60 * 1000)

struct replays {
    struct buses *buses;
    const struct directory *const *functions;
    struct buses_watch watch;
    struct map running; /* key -> struct run */
};

struct run {
    struct replays *replays;
    char *key, *name, *bus; /* the bus's key */
    json_t *only;           /* FilterArns; NULL: none */
    struct archived *events;
    size_t count, next, in_flight, since_progress;
    int64_t last_ms; /* time of the last one that went out; 0: none */
    bool is_cancelled, is_finishing;
    struct error failure; /* its text is "" while nothing went wrong */
    struct buses_change change;
};

/* One archived event: read, marked, dispatched on a shard, reported back. */
struct step {
    struct run *run;
    int shard;
    int64_t time_ms;
    struct event_read read;
    struct loop_message message;
    struct dispatch dispatch;
    struct event_write write;
    struct buffer json;
    bool failed;
    struct error error;
};

/* --- the document --- */

static const json_t *document_of(const struct run *run)
{
    return registry_find(buses_registry(run->replays->buses, BUSES_REPLAY), text_of(run->key));
}

static json_t *edit(const struct run *run)
{
    json_t *changed = json_copy((json_t *)(uintptr_t)document_of(run));

    if (run->last_ms > 0)
        json_object_set_new(changed, "EventLastReplayedTime", json_integer(run->last_ms));
    return changed;
}

static void free_run(struct run *run)
{
    free(run->key);
    free(run->name);
    free(run->bus);
    json_decref(run->only);
    free(run->events);
    free(run);
}

static void on_finished(struct buses_change *change, bool failed, const struct error *err)
{
    struct run *run = container_of(change, struct run, change);

    if (failed)
        log_warn("the end of a replay could not be stored", LOG_TEXT("replay", run->name),
                 LOG_ERROR(err));
    free_run(run);
}

static void finish(struct run *run)
{
    json_t *changed = edit(run);
    const char *state = run->failure.text[0] ? "FAILED"
                        : run->is_cancelled  ? "CANCELLED"
                                             : "COMPLETED";

    run->is_finishing = true;
    json_object_set_new(changed, "State", json_string(state));
    if (run->failure.text[0])
        json_object_set_new(changed, "StateReason", json_string(run->failure.text));
    json_object_set_new(changed, "ReplayEndTime", json_integer(clock_now_ms()));
    (void)map_remove(&run->replays->running, text_of(run->key));
    run->change = (struct buses_change){.done = on_finished};
    buses_put(run->replays->buses, BUSES_REPLAY, text_of(run->key), changed, &run->change);
}

struct progress {
    struct buses_change change;
};

static void on_progress(struct buses_change *change, bool failed, const struct error *err)
{
    if (failed)
        log_warn("the progress of a replay could not be stored", LOG_ERROR(err));
    free(container_of(change, struct progress, change));
}

static void store_progress(struct run *run, const char *state)
{
    struct progress *progress = mem_new(struct progress);
    json_t *changed = edit(run);

    json_object_set_new(changed, "State", json_string(state));
    progress->change.done = on_progress;
    buses_put(run->replays->buses, BUSES_REPLAY, text_of(run->key), changed, &progress->change);
}

/* --- steps --- */

static void advance(struct run *run);

static void end_step(struct step *step)
{
    struct run *run = step->run;

    if (step->failed)
        run->failure = step->error;
    else if (step->time_ms > run->last_ms)
        run->last_ms = step->time_ms;
    dispatch_done(&step->dispatch);
    buffer_done(&step->json);
    buffer_done(&step->read.body);
    free(step);
    run->in_flight--;
    if (++run->since_progress >= PROGRESS_EVENTS && !run->is_cancelled) {
        run->since_progress = 0;
        store_progress(run, "RUNNING");
    }
    advance(run);
}

static void on_control(struct loop_message *message)
{
    end_step(container_of(message, struct step, message));
}

static void go_back(struct step *step)
{
    step->message.run = on_control;
    loop_post(buses_options(step->run->replays->buses)->control, &step->message);
}

static void on_written(struct event_write *write, bool failed, const struct error *err)
{
    struct step *step = container_of(write, struct step, write);

    step->failed = failed;
    if (failed)
        step->error = *err;
    go_back(step);
}

static void read_id(void *arg, const struct scan_value *name, const struct scan_value *value)
{
    if (scan_is(name, TEXT("id")) && value->kind == SCAN_STRING)
        *(struct text *)arg = value->text;
}

/* On the shard. */
static void on_shard(struct loop_message *message)
{
    struct step *step = container_of(message, struct step, message);
    struct run *run = step->run;
    const struct buses_options *options = buses_options(run->replays->buses);
    struct bus_event event = {.accepted_ms = clock_now_ms(), .is_replay = true, .only = run->only};
    struct scan_value ignored;

    envelope_add_replay(buffer_text(&step->read.body), text_of(run->name), &step->json);
    event.json = buffer_text(&step->json);
    event.time_ms = step->time_ms;
    (void)scan_document(event.json, read_id, &event.id, &ignored);
    dispatch_init(&step->dispatch, buses_view(run->replays->buses, step->shard),
                  run->replays->functions[step->shard]);
    dispatch_event(&step->dispatch, text_of(run->bus), &event);
    if (step->dispatch.count == 0) {
        go_back(step);
        return;
    }
    step->write = (struct event_write){
        .done = on_written,
        .loop = options->loops[step->shard],
        .changes = step->dispatch.changes,
        .count = step->dispatch.count,
    };
    event_store_write(options->events, &step->write);
}

/* What is gone by now was too old for its archive. */
static void on_read(struct event_read *read, bool failed, const struct error *err)
{
    struct step *step = container_of(read, struct step, read);

    if (failed) {
        end_step(step);
        return;
    }
    step->message.run = on_shard;
    loop_post(buses_options(step->run->replays->buses)->loops[step->shard], &step->message);
}

static void begin_step(struct run *run)
{
    const struct buses_options *options = buses_options(run->replays->buses);
    const struct archived *archived = &run->events[run->next];
    struct step *step = mem_new(struct step);

    step->run = run;
    step->shard = (int)(run->next % (size_t)options->loop_count);
    step->time_ms = archived->time_ms;
    step->read = (struct event_read){.done = on_read, .loop = options->control, .id = archived->id};
    run->next++;
    run->in_flight++;
    event_store_read(options->events, &step->read);
}

/* Minutes do not mix: one begins when all of the one before is out. */
static bool may_begin(const struct run *run)
{
    if (run->next == run->count || run->is_cancelled || run->failure.text[0] ||
        run->in_flight >= WINDOW)
        return false;
    return run->in_flight == 0 || run->events[run->next].time_ms / MINUTE_MS ==
                                      run->events[run->next - 1].time_ms / MINUTE_MS;
}

static void advance(struct run *run)
{
    while (may_begin(run))
        begin_step(run);
    if (run->in_flight == 0 && !run->is_finishing)
        finish(run);
}

/* --- beginning --- */

/* What is behind the mark of an ARN: "archive/NAME" has NAME behind ":archive/". */
static struct text after(struct text arn, struct text mark)
{
    size_t at = text_find_text(arn, mark);

    return text_skip(arn, at < arn.len ? at + mark.len : arn.len);
}

static char *key_in_account(const struct replays *replays, struct text name)
{
    const struct buses_options *options = buses_options(replays->buses);

    return mem_format("%s/%s/%.*s", options->account, options->region, TEXT_ARG(name));
}

static void list_events(struct run *run, const json_t *document)
{
    struct buses *buses = run->replays->buses;
    struct text name = after(json_text(document, "EventSourceArn"), TEXT(":archive/"));
    scoped(free) char *key = key_in_account(run->replays, name);
    const json_t *archive = registry_find(buses_registry(buses, BUSES_ARCHIVE), text_of(key));
    int64_t from_ms = json_int(document, "EventStartTime", 0);
    int64_t last_ms = json_int(document, "EventLastReplayedTime", 0);

    if (!archive) {
        (void)error_set(&run->failure, ERROR_NOT_FOUND, "The archive does not exist any more.");
        return;
    }
    if (last_ms > from_ms)
        from_ms = last_ms / MINUTE_MS * MINUTE_MS;
    run->last_ms = last_ms;
    run->events = archive_list(buses_archives(buses), text_of(key), archive, from_ms,
                               json_int(document, "EventEndTime", 0), &run->count);
}

static void begin(struct replays *replays, struct text key, const json_t *document)
{
    const json_t *destination = json_object_get(document, "Destination");
    struct run *run = mem_new(struct run);

    run->replays = replays;
    run->key = text_dup(key);
    run->name = text_dup(json_text(document, "ReplayName"));
    run->bus = key_in_account(replays, after(json_text(destination, "Arn"), TEXT(":event-bus/")));
    run->only = json_incref(json_object_get(destination, "FilterArns"));
    run->is_cancelled = text_equal(json_text(document, "State"), TEXT("CANCELLING"));
    (void)map_put(&replays->running, key, run);
    list_events(run, document);
    if (!run->is_cancelled && run->count > 0)
        store_progress(run, "RUNNING");
    advance(run);
}

static void on_changed(struct buses_watch *watch, struct text key, const json_t *document)
{
    struct replays *replays = container_of(watch, struct replays, watch);
    struct text state = json_text(document, "State");
    struct run *run = map_find(&replays->running, key);

    if (!document)
        return;
    if (run && text_equal(state, TEXT("CANCELLING"))) {
        run->is_cancelled = true;
        advance(run);
    } else if (!run && (text_equal(state, TEXT("STARTING")) || text_equal(state, TEXT("RUNNING")) ||
                        text_equal(state, TEXT("CANCELLING")))) {
        begin(replays, key, document);
    }
}

struct replays *replays_new(struct buses *buses, const struct directory *const *functions)
{
    struct replays *replays = mem_new(struct replays);

    replays->buses = buses;
    replays->functions = functions;
    replays->watch = (struct buses_watch){.changed = on_changed, .kind = BUSES_REPLAY};
    buses_watch(buses, &replays->watch);
    return replays;
}

void replays_free(struct replays *replays)
{
    struct map_cursor cursor = {0};

    if (!replays)
        return;
    while (map_next(&replays->running, &cursor))
        free_run(cursor.value);
    map_done(&replays->running);
    free(replays);
}
