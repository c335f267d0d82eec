/* SPDX-License-Identifier: Apache-2.0 */
#include "api/logs_priv.h"

#include <inttypes.h>

#include "api/log_filter.h"
#include "base/map.h"
#include "base/mem.h"

/* FilterLogEvents. */

/* The page's events are the smallest by time, stream and place that come after the last one
 * of the page before. Each page looks at the streams again, from that time on. */
struct search {
    struct logs_events events;
    const struct log_filter *filter;
    const struct logs_streams *streams;
    size_t stream; /* being read */
    size_t max;
    int64_t after_ms; /* the last event of the page before */
    uint64_t after_offset;
    struct text after_stream;
    bool has_after, more;
};

static int by_time(const void *a, const void *b)
{
    const struct log_event *left = a, *right = b;

    if (left->at_ms != right->at_ms)
        return left->at_ms < right->at_ms ? -1 : 1;
    if (left->stream != right->stream)
        return left->stream < right->stream ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static bool was_seen(const struct search *search, const struct log_record *record)
{
    if (!search->has_after || record->at_ms != search->after_ms)
        return false; /* earlier ones are not read at all */
    int order =
        text_compare(text_of(search->streams->all[search->stream].name), search->after_stream);
    return order < 0 || (order == 0 && record->offset <= search->after_offset);
}

/* Keeps the first max events within the answer's size. */
static void trim_search(struct search *search)
{
    struct logs_events *events = &search->events;
    size_t keep = 0, bytes = 0;

    if (events->count > 1)
        qsort(events->all, events->count, sizeof *events->all, by_time);
    while (keep < events->count && keep < search->max &&
           (keep == 0 || bytes + events->all[keep].len <= LOGS_EVENTS_BYTES))
        bytes += events->all[keep++].len;
    for (size_t i = keep; i < events->count; i++)
        free(events->all[i].message);
    search->more = search->more || keep < events->count;
    events->count = keep;
    events->bytes = bytes;
}

static int on_search_record(void *arg, const struct log_record *record)
{
    struct search *search = arg;

    if (was_seen(search, record) || !log_filter_matches(search->filter, record->message))
        return 0;
    logs_events_add(&search->events, record, search->stream);
    if (search->events.count >= 2 * search->max || search->events.bytes > 4 * LOGS_EVENTS_BYTES)
        trim_search(search);
    return 0;
}

static bool is_wanted(const struct call *call, const char *name)
{
    const json_t *names = json_object_get(call->input, "logStreamNames");
    size_t index;
    json_t *wanted;

    if (!text_starts(text_of(name), call_input(call, "logStreamNamePrefix")))
        return false;
    json_array_foreach(names, index,
                       wanted) if (strcmp(json_string_value(wanted), name) == 0) return true;
    return json_array_size(names) == 0;
}

/* "<ms>/<offset>/<stream>" */
static int read_search_token(struct text token, struct search *search, struct error *err)
{
    struct text time, offset;
    int64_t number = 0;

    if (!text_is_set(token))
        return 0;
    if (!text_split(&token, '/', &time) || !text_split(&token, '/', &offset) ||
        !text_to_int(time, 0, INT64_MAX, &search->after_ms) ||
        !text_to_int(offset, 0, INT64_MAX, &number))
        return error_set(err, ERROR_INVALID, "The specified nextToken is invalid.");
    search->after_offset = (uint64_t)number;
    search->after_stream = token;
    search->has_after = true;
    return 0;
}

/* Digits only, and the same whenever the event is read: clients tell events apart by it. */
static void write_event_id(struct writer *writer, const struct log_event *event, const char *stream)
{
    static const uint64_t seed[2] = {0x65766f6b65, 0x6c6f6773};
    scoped(free) char *id = mem_format("%013" PRId64 "%020" PRIu64 "%020" PRIu64, event->at_ms,
                                       map_hash_keyed(text_of(stream), seed), event->offset);

    write_string(writer, "eventId", id);
}

static void write_search(struct writer *writer, const struct search *search)
{
    const struct logs_events *events = &search->events;

    write_open(writer, NULL, '{');
    write_open(writer, "events", '[');
    for (size_t i = 0; i < events->count; i++) {
        const char *stream = search->streams->all[events->all[i].stream].name;
        write_open(writer, NULL, '{');
        write_string(writer, "logStreamName", stream);
        logs_write_message(writer, &events->all[i]);
        write_event_id(writer, &events->all[i], stream);
        write_close(writer, '}');
    }
    write_close(writer, ']');
    write_open(writer, "searchedLogStreams", '[');
    write_close(writer, ']');
    if (search->more && events->count > 0) {
        const struct log_event *last = &events->all[events->count - 1];
        scoped(free) char *token =
            mem_format("%" PRId64 "/%" PRIu64 "/%s", last->at_ms, last->offset,
                       search->streams->all[last->stream].name);
        write_string(writer, "nextToken", token);
    }
    write_close(writer, '}');
}

static int search_stream(struct call *call, struct search *search, struct error *err)
{
    struct log_place place = logs_place(call);
    const struct log_stream_info *info = &search->streams->all[search->stream];
    int64_t from_ms = json_int(call->input, "startTime", 0),
            to_ms = json_int(call->input, "endTime", INT64_MAX);
    uint64_t ignored;

    if (search->has_after && search->after_ms > from_ms)
        from_ms = search->after_ms;
    if (info->last_ms < from_ms || !is_wanted(call, info->name))
        return 0;
    if (log_store_read(call->api->options->logs, &place, text_of(info->name), 0, from_ms, to_ms,
                       on_search_record, search, &ignored, err) < 0)
        return err->code == ERROR_NOT_FOUND ? 0 : -1; /* expired meanwhile */
    return 0;
}

static void search_done_scoped(struct search *search)
{
    logs_events_done(&search->events);
}

static int read_search(struct call *call, struct error *err)
{
    scoped(log_filter_free) struct log_filter *filter =
        log_filter_compile(call_input(call, "filterPattern"), err);
    scoped(logs_streams_done) struct logs_streams streams = {0};
    scoped(search_done) struct search search = {
        .filter = filter, .streams = &streams, .max = (size_t)logs_limit(call, LOGS_EVENTS_MAX)};
    struct writer writer = call_writer(call);

    if (!filter || read_search_token(call_input(call, "nextToken"), &search, err) < 0 ||
        logs_streams_list(call, &streams, err) < 0)
        return -1;
    logs_streams_sort(&streams, /* by_time= */ false);
    for (; search.stream < streams.count; search.stream++)
        if (search_stream(call, &search, err) < 0)
            return -1;
    trim_search(&search);
    write_search(&writer, &search);
    return 0;
}

void logs_filter_events(struct call *call)
{
    if (logs_check_group(call))
        logs_read(call, read_search, LOGS_NO_GROUP);
}
