/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "base/clock.h"
#include "model/note.h"
#include "store/event_store.h"
#include "store/function_event.h"

/* Evoke's own actions on the events that wait for a function. They run on the home of the
 * function's lane. */

#define LIST_MAX 1000

struct looking {
    struct text lane;
    uint64_t id;
    struct event_read read;
    struct call *call;
};

/* Goes on at the lane's home. The function need not be there: its events may be. */
static void look(struct call *call, call_f *then)
{
    struct looking *looking = arena_zalloc(&call->arena, sizeof *looking);
    struct target target;
    int64_t id = 0;

    if (!lambda_target(call, &target))
        return;
    if (text_is_set(call->path_values[1]) &&
        !text_to_int(call->path_values[1], 1, INT64_MAX, &id)) {
        call_fail(call, "ValidationException", "An event's id is a number.");
        return;
    }
    looking->id = (uint64_t)id;
    looking->call = call;
    looking->lane = function_lane(call->api->account, call->api->region, target.name, &call->arena);
    call->state = looking;
    call_go(call, engine_events_home(call->api->engine, looking->lane), then);
}

/* --- list --- */

struct listing {
    struct writer writer;
    struct arena *arena;
    int64_t left;
    bool more;
};

static bool on_event(void *arg, const struct engine_event *event)
{
    struct listing *listing = arg;
    struct writer *writer = &listing->writer;
    struct note note = {0};
    struct error err;
    char time[32];

    listing->more = listing->left-- == 0;
    if (listing->more)
        return false;
    (void)note_parse(event->note, listing->arena, &note, &err);
    write_open(writer, NULL, '{');
    write_int(writer, "Id", (int64_t)event->id);
    write_text(writer, "RequestId", note.request_id);
    write_string(writer, "State", event->state);
    write_string(writer, "Arrived", clock_format_iso(event->arrived_ms, time));
    if (event->due_ms > 0)
        write_string(writer, "Due", clock_format_iso(event->due_ms, time));
    write_int(writer, "Attempts", note.attempts);
    if (note.error_message.len)
        write_text(writer, "Error", note.error_message);
    write_int(writer, "Bytes", (int64_t)event->body_len);
    write_close(writer, '}');
    return true;
}

static void list_here(struct call *call)
{
    const struct looking *looking = call->state;
    int64_t max = call_query_int(call, "MaxItems", LIST_MAX);
    struct listing listing = {.writer = call_writer(call),
                              .arena = &call->arena,
                              .left = max < LIST_MAX ? max : LIST_MAX};

    write_open(&listing.writer, NULL, '{');
    write_open(&listing.writer, "Events", '[');
    engine_events_each(call->api->engine, looking->lane, on_event, &listing);
    write_close(&listing.writer, ']');
    write_bool(&listing.writer, "More", listing.more);
    write_close(&listing.writer, '}');
    call_reply(call, 200);
}

static void list_events(struct call *call)
{
    look(call, list_here);
}

/* --- show --- */

struct finding {
    uint64_t id;
    bool is_found;
};

static bool on_find(void *arg, const struct engine_event *event)
{
    struct finding *finding = arg;

    finding->is_found = event->id == finding->id;
    return !finding->is_found;
}

static void on_read(struct event_read *read, bool failed, const struct error *err)
{
    struct looking *looking = container_of(read, struct looking, read);
    struct call *call = looking->call;

    if (failed) {
        buffer_done(&read->body);
        call_fail(call, "ResourceNotFoundException", "%s", err->text);
        return;
    }
    buffer_done(&call->answer);
    call->answer = buffer_take(&read->body);
    call_reply(call, 200);
}

static void show_here(struct call *call)
{
    struct looking *looking = call->state;
    struct finding finding = {.id = looking->id};

    engine_events_each(call->api->engine, looking->lane, on_find, &finding);
    if (!finding.is_found) {
        call_fail(call, "ResourceNotFoundException", "No event with the id %llu waits.",
                  (unsigned long long)looking->id);
        return;
    }
    looking->read = (struct event_read){.done = on_read, .loop = loop_current(), .id = looking->id};
    event_store_read(call->api->options->events, &looking->read);
}

static void show_event(struct call *call)
{
    look(call, show_here);
}

/* --- changes --- */

static void reply_count(struct call *call, int64_t count)
{
    struct writer writer = call_writer(call);

    write_open(&writer, NULL, '{');
    write_int(&writer, "Count", count);
    write_close(&writer, '}');
    call_reply(call, 200);
}

static void retry_here(struct call *call)
{
    const struct looking *looking = call->state;

    reply_count(call, engine_events_retry(call->api->engine, looking->lane));
}

static void retry_events(struct call *call)
{
    look(call, retry_here);
}

static void remove_here(struct call *call)
{
    const struct looking *looking = call->state;
    int64_t count = engine_events_remove(call->api->engine, looking->lane, looking->id);

    if (looking->id && count == 0)
        call_fail(call, "ResourceNotFoundException",
                  "No event with the id %llu waits; one that runs cannot be taken away.",
                  (unsigned long long)looking->id);
    else
        reply_count(call, count);
}

static void remove_events(struct call *call)
{
    look(call, remove_here);
}

/* --- the table --- */

#define PATH_EVENTS "/_evoke/events/{FunctionName}"

const struct action admin_event_actions[] = {
    {"ListEvents", LAMBDA, METHOD_GET, PATH_EVENTS, BODY_NONE, 0, ACCESS_SIGNED, PLACE_SHARD,
     lambda_namespaced_params, list_events, NULL},
    {"GetEvent", LAMBDA, METHOD_GET, PATH_EVENTS "/{Id}", BODY_NONE, 0, ACCESS_SIGNED, PLACE_SHARD,
     lambda_namespaced_params, show_event, NULL},
    {"RetryEvents", LAMBDA, METHOD_POST, PATH_EVENTS "/retry", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_SHARD, lambda_namespaced_params, retry_events, NULL},
    {"PurgeEvents", LAMBDA, METHOD_DELETE, PATH_EVENTS, BODY_NONE, 0, ACCESS_SIGNED, PLACE_SHARD,
     lambda_namespaced_params, remove_events, NULL},
    {"DeleteEvent", LAMBDA, METHOD_DELETE, PATH_EVENTS "/{Id}", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_SHARD, lambda_namespaced_params, remove_events, NULL},
    {0},
};
