/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/scan.h"
#include "router/dispatch.h"
#include "router/envelope.h"

/* PutEvents, on the shard the request came to, and TestEventPattern. */

#define ENTRIES_MAX 10            /* AWS's */
#define ENTRIES_BYTES (256 << 10) /* AWS's, of all entries of a request */
/* The envelope is one more, and what a rule makes of it may be another. */
#define DETAIL_DEPTH_MAX (SCAN_DEPTH_MAX - 2)
#define TIME_BYTES 14 /* what AWS counts for a Time */

struct entry {
    char id[UUID_LEN + 1];
    const char *error_code; /* NULL: accepted */
    const char *error_message;
};

struct putting {
    struct call *call;
    struct dispatch dispatch;
    struct event_write write;
    struct entry entries[ENTRIES_MAX];
    size_t count;
};

static void free_putting(void *state)
{
    struct putting *putting = state;

    dispatch_done(&putting->dispatch);
    free(putting);
}

/* --- the answer --- */

static void reply_entries(struct call *call)
{
    const struct putting *putting = call->state;
    struct writer writer = call_writer(call);
    int64_t failed = 0;

    for (size_t i = 0; i < putting->count; i++)
        failed += putting->entries[i].error_code != NULL;
    write_open(&writer, NULL, '{');
    write_int(&writer, "FailedEntryCount", failed);
    write_open(&writer, "Entries", '[');
    for (size_t i = 0; i < putting->count; i++) {
        const struct entry *entry = &putting->entries[i];
        write_open(&writer, NULL, '{');
        if (entry->error_code) {
            write_string(&writer, "ErrorCode", entry->error_code);
            write_string(&writer, "ErrorMessage", entry->error_message);
        } else {
            write_string(&writer, "EventId", entry->id);
        }
        write_close(&writer, '}');
    }
    write_close(&writer, ']');
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* A full store is the client's to wait for: all entries are told to come again. */
static void on_written(struct event_write *write, bool failed, const struct error *err)
{
    struct putting *putting = container_of(write, struct putting, write);

    for (size_t i = 0; failed && i < putting->count; i++) {
        struct entry *entry = &putting->entries[i];
        if (entry->error_code)
            continue;
        entry->error_code = err->code == ERROR_LIMIT ? "ThrottlingException" : "InternalFailure";
        entry->error_message = arena_string(&putting->call->arena, text_of(err->text));
    }
    reply_entries(putting->call);
}

/* --- entries --- */

static size_t entry_size(const json_t *entry)
{
    const json_t *resource;
    size_t index, size = json_object_get(entry, "Time") ? TIME_BYTES : 0;

    size += json_text(entry, "Source").len + json_text(entry, "DetailType").len +
            json_text(entry, "Detail").len;
    json_array_foreach(json_object_get(entry, "Resources"), index, resource)
    {
        size += json_string_length(resource);
    }
    return size;
}

static void refuse(struct entry *entry, const char *code, const char *message)
{
    entry->error_code = code;
    entry->error_message = message;
}

static bool check_entry(struct call *call, const json_t *given, struct entry *entry)
{
    static const char *const needed[] = {"Source", "DetailType", "Detail"};
    struct text json = json_text(given, "Detail");
    struct scan_value detail;

    for (size_t i = 0; i < COUNT_OF(needed); i++) {
        if (json_text(given, needed[i]).len > 0)
            continue;
        refuse(entry, "InvalidArgument",
               arena_format(&call->arena,
                            "Parameter %s is not valid. Reason: %s is a required argument.",
                            needed[i], needed[i]));
        return false;
    }
    if (scan_depth(json) > DETAIL_DEPTH_MAX) {
        refuse(entry, "MalformedDetail",
               arena_format(&call->arena, "Detail nests deeper than %d.", DETAIL_DEPTH_MAX));
        return false;
    }
    if (!scan_document(json, NULL, NULL, &detail) || detail.kind != SCAN_OBJECT) {
        refuse(entry, "MalformedDetail", "Detail is malformed.");
        return false;
    }
    if (text_starts(json_text(given, "Source"), TEXT("aws."))) {
        refuse(entry, "NotAuthorizedForSourceException", "Not authorized for the source.");
        return false;
    }
    return true;
}

/* The entry's own, else the request's. */
static struct text trace_of(const struct call *call, const json_t *given)
{
    struct text trace = json_text(given, "TraceHeader");

    return text_is_set(trace) ? trace : call_trace(call);
}

static struct text write_resources(struct arena *arena, const json_t *given)
{
    const json_t *resources = json_object_get(given, "Resources");
    scoped(free) char *text = resources ? json_write(resources) : NULL;

    return text ? text_of(arena_string(arena, text_of(text))) : TEXT_NONE;
}

static int64_t time_of(const json_t *given, int64_t now_ms)
{
    const json_t *time = json_object_get(given, "Time");
    double seconds = json_number_value(time);

    return json_is_number(time) && seconds >= 0 && seconds < 1e11 ? (int64_t)(seconds * 1000)
                                                                  : now_ms;
}

static struct text bus_key(struct call *call, const json_t *given)
{
    struct text name = json_text(given, "EventBusName"),
                within = events_resource(name, "event-bus");

    if (name.len == 0)
        name = EVENTS_DEFAULT;
    return events_key(call, text_is_set(within) ? within : name);
}

static void put_entry(struct putting *putting, const json_t *given, struct entry *entry)
{
    struct call *call = putting->call;
    struct dispatch *dispatch = &putting->dispatch;
    scoped(buffer_done) struct buffer json = {0};
    int64_t now_ms = clock_now_ms();

    if (!check_entry(call, given, entry))
        return;
    crypto_uuid(entry->id);
    const struct envelope envelope = {
        .id = text_of(entry->id),
        .detail_type = json_text(given, "DetailType"),
        .source = json_text(given, "Source"),
        .account = call->api->account,
        .region = call->api->region,
        .time_ms = time_of(given, now_ms),
        .resources = write_resources(&dispatch->arena, given),
        .detail = json_text(given, "Detail"),
    };
    envelope_write(&envelope, &json);
    struct text trace = trace_of(call, given);
    const struct bus_event event = {
        .json = arena_copy(&dispatch->arena, buffer_text(&json)),
        .id = envelope.id,
        .trace = arena_copy(&dispatch->arena, trace),
        .hops = auth_hops(call, call_trace(call)),
        .accepted_ms = now_ms,
        .time_ms = envelope.time_ms,
        .size = (int64_t)entry_size(given),
    };
    dispatch_event(dispatch, bus_key(call, given), &event);
}

/* --- PutEvents --- */

static bool check_size(struct call *call, const json_t *entries)
{
    const json_t *entry;
    size_t index, size = 0;

    json_array_foreach(entries, index, entry)
    {
        size += entry_size(entry);
    }
    if (size < ENTRIES_BYTES)
        return true;
    events_fail_invalid(call, "Total size of the entries in the request is over the limit.");
    return false;
}

/* A function may put events into the buses that its function.yaml lists. */
static bool may_put(struct call *call, const json_t *entries)
{
    const json_t *entry;
    size_t index;

    if (call->caller != KEY_INSTANCE)
        return true;
    json_array_foreach(entries, index, entry)
    {
        struct text key = bus_key(call, entry),
                    name = text_skip(key, events_key(call, TEXT("")).len);
        if (auth_may_put(call, name))
            continue;
        auth_deny(call, "events:PutEvents", text_of(events_arn(call, "event-bus", name)));
        return false;
    }
    return true;
}

static void put_events(struct call *call)
{
    const json_t *entries = json_object_get(call->input, "Entries"), *given;
    size_t index;

    if (!check_size(call, entries) || !may_put(call, entries))
        return;
    struct putting *putting = mem_new(struct putting);
    putting->call = call;
    call->state = putting;
    call->drop = free_putting;
    dispatch_init(&putting->dispatch, buses_view(call->api->buses, shard_index(call->shard->shard)),
                  shard_directory(call->shard->shard));
    json_array_foreach(entries, index, given)
    {
        put_entry(putting, given, &putting->entries[putting->count++]);
    }
    if (putting->dispatch.count == 0) {
        reply_entries(call);
        return;
    }
    putting->write = (struct event_write){
        .done = on_written,
        .loop = call->shard->loop,
        .changes = putting->dispatch.changes,
        .count = putting->dispatch.count,
    };
    event_store_write(buses_options(call->api->buses)->events, &putting->write);
}

/* --- TestEventPattern --- */

static void note_member(void *arg, const struct scan_value *name, const struct scan_value *value)
{
    static const struct text needed[] = {TEXT("id"),   TEXT("account"), TEXT("source"),
                                         TEXT("time"), TEXT("region"),  TEXT("detail-type")};
    unsigned *seen = arg;

    for (size_t i = 0; i < COUNT_OF(needed); i++)
        if (scan_is(name, needed[i]))
            *seen |= 1u << i;
}

static bool is_event(struct text event)
{
    struct scan_value value;
    unsigned seen = 0;

    return scan_document(event, note_member, &seen, &value) && value.kind == SCAN_OBJECT &&
           seen == 0x3f;
}

static void test_event_pattern(struct call *call)
{
    struct text event = call_input(call, "Event");
    scoped(pattern_unref) struct pattern *pattern = NULL;
    struct writer writer = call_writer(call);
    struct error err;

    pattern = events_compile_pattern(call, call_input(call, "EventPattern"));
    if (!pattern)
        return;
    int matches = is_event(event) ? pattern_test(pattern, event, &err) : -1;
    if (matches < 0) {
        events_fail_invalid(call, "Parameter Event is not valid.");
        return;
    }
    write_open(&writer, NULL, '{');
    write_bool(&writer, "Result", matches);
    write_close(&writer, '}');
    call_reply(call, 200);
}

/* --- the table --- */

static const struct param resource_row = {PARAM_BODY, PARAM_STRING, "", "", .max = 2048};
static const struct param entry_rows[] = {
    {PARAM_BODY, PARAM_NUMBER, "Time", "time"},
    {PARAM_BODY, PARAM_STRING, "Source", "source"},
    {PARAM_BODY, PARAM_LIST, "Resources", "resources", .members = &resource_row},
    {PARAM_BODY, PARAM_STRING, "DetailType", "detailType"},
    {PARAM_BODY, PARAM_STRING, "Detail", "detail"},
    {PARAM_BODY, PARAM_STRING, "EventBusName", "eventBusName", .min = 1, .max = 1600,
     .pattern = PATTERN_BUS_ARN, .matches = name_is_bus_or_arn, .pattern_first = true},
    {PARAM_BODY, PARAM_STRING, "TraceHeader", "traceHeader", .min = 1, .max = 500},
    /* Members of AWS's own, which only the text of a list that is too long shows. */
    {PARAM_BODY, PARAM_STRING, "KmsKeyIdentifier", "kmsKeyIdentifier"},
    {PARAM_BODY, PARAM_STRING, "InternalMetadata", "internalMetadata"},
    {0},
};
static const struct param entry_row = {
    PARAM_BODY, PARAM_OBJECT, "", "", .members = entry_rows, .java_name = "PutEventsRequestEntry"};
static const struct param put_rows[] = {
    {PARAM_BODY, PARAM_LIST, "Entries", "entries", .required = true, .min = 1, .max = ENTRIES_MAX,
     .members = &entry_row},
    ROW_TEXT("EndpointId", "endpointId", 1, 50),
    {0},
};
static const struct param test_rows[] = {
    {PARAM_BODY, PARAM_STRING, "EventPattern", "eventPattern", .required = true, .max = 4096},
    {PARAM_BODY, PARAM_STRING, "Event", "event", .required = true},
    {0},
};

#define PUT_EVENTS                                                                         \
    PROTOCOL_JSON, "events", METHOD_POST, NULL, BODY_JSON, API_JSON_MAX, ACCESS_FUNCTIONS, \
        PLACE_SHARD

const struct action events_put_actions[] = {
    {"PutEvents", PUT_EVENTS, put_rows, put_events, NULL},
    {"TestEventPattern", EVENTS, PLACE_SHARD, test_rows, test_event_pattern, NULL},
    {0},
};
