/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

#include <inttypes.h>

#include "api/log_filter.h"
#include "base/map.h"
#include "base/mem.h"

/*
 * CloudWatch Logs, reading: first every shard's writer is flushed, so that an answer holds
 * what was logged before the question; then the files are read in the pool.
 */

#define DESCRIBE_MAX 50        /* groups or streams in one answer: AWS's */
#define EVENTS_MAX 10000       /* events in one answer: AWS's */
#define EVENTS_BYTES (1 << 20) /* of messages in one answer: AWS's */
#define STREAMS_MAX 100        /* names in logStreamNames: AWS's */
#define NO_GROUP "The specified log group does not exist."
#define NO_STREAM "The specified log stream does not exist."

/* --- flushing --- */

struct flush_part {
    struct loop_message message;
    struct flush *flush;
    struct shard *shard;
};
struct flush {
    struct call *call;
    call_f *then;
    atomic_int missing;
    struct flush_part parts[];
};

/* On each shard. The last one sends the call on. */
static void on_flushed(void *arg)
{
    struct flush_part *part = arg;
    struct flush *flush = part->flush;

    if (atomic_fetch_sub(&flush->missing, 1) == 1)
        call_go(flush->call, flush->call->shard->loop, flush->then);
}

static void on_flush(struct loop_message *message)
{
    struct flush_part *part = container_of(message, struct flush_part, message);

    log_writer_flush(shard_log_writer(part->shard), on_flushed, part);
}

static void flush_all(struct call *call, call_f *then)
{
    const struct api *api = call->api;
    struct flush *flush = arena_zalloc(&call->arena, sizeof *flush + (size_t)api->shard_count *
                                                                         sizeof flush->parts[0]);

    flush->call = call;
    flush->then = then;
    atomic_init(&flush->missing, api->shard_count);
    for (int i = 0; i < api->shard_count; i++) {
        flush->parts[i].flush = flush;
        flush->parts[i].shard = api->shards[i]->shard;
        flush->parts[i].message.run = on_flush;
        loop_post(api->shards[i]->loop, &flush->parts[i].message);
    }
}

/* --- reading in the pool --- */

struct reading {
    int (*read)(struct call *call, struct error *err);
    const char *missing; /* what AWS says of a thing that is not there */
    struct error err;
    bool failed;
};

static void work_reading(struct call *call)
{
    struct reading *reading = call->state;

    reading->failed = reading->read(call, &reading->err) < 0;
}

static void after_reading(struct call *call)
{
    const struct reading *reading = call->state;

    if (!reading->failed)
        call_reply(call, 200);
    else if (reading->err.code == ERROR_NOT_FOUND)
        call_fail(call, "ResourceNotFoundException", "%s", reading->missing);
    else if (reading->err.code == ERROR_INVALID)
        call_fail(call, "InvalidParameterException", "%s", reading->err.text);
    else
        call_fail(call, "ServiceUnavailableException", "%s", reading->err.text);
}

static void start_reading(struct call *call)
{
    call_work(call, work_reading, after_reading);
}

static void begin_reading(struct call *call, int (*read)(struct call *call, struct error *err),
                          const char *missing)
{
    struct reading *reading = arena_zalloc(&call->arena, sizeof *reading);

    reading->read = read;
    reading->missing = missing;
    call->state = reading;
    flush_all(call, start_reading);
}

/* The group by its name, or by its name or ARN ("...:log-group:NAME:*"). */
static struct log_place place_of(const struct call *call)
{
    struct text group = call_input(call, "logGroupName");

    if (!text_is_set(group)) {
        group = call_input(call, "logGroupIdentifier");
        size_t at = text_find_text(group, TEXT(":log-group:"));
        if (at < group.len)
            group = text_skip(group, at + sizeof ":log-group:" - 1);
        if (text_ends(group, TEXT(":*")))
            group.len -= 2;
    }
    return (struct log_place){call->api->account, call->api->region, group};
}

static int64_t limit_of(const struct call *call, int64_t most)
{
    int64_t limit = json_int(call->input, "limit", most);

    return limit < most ? limit : most;
}

/* --- DescribeLogGroups --- */

struct group_list {
    const struct api *api;
    struct writer writer;
    struct text part;  /* a name must contain */
    struct text after; /* the last name of the page before */
    int64_t left;
    char *last;
    bool more;
};

static int add_group(void *arg, struct text name, int64_t created_ms, int64_t bytes)
{
    struct group_list *list = arg;
    struct writer *writer = &list->writer;

    if (text_compare(name, list->after) <= 0 && list->after.len > 0)
        return 0;
    if (list->part.len > 0 && text_find_text(name, list->part) == name.len)
        return 0;
    if (list->left-- == 0) {
        list->more = true;
        return 1;
    }
    free(list->last);
    list->last = text_dup(name);
    scoped(free) char *arn =
        mem_format("arn:aws:logs:%.*s:%.*s:log-group:%s", TEXT_ARG(list->api->region),
                   TEXT_ARG(list->api->account), list->last);
    scoped(free) char *all = mem_format("%s:*", arn);
    write_open(writer, NULL, '{');
    write_text(writer, "logGroupName", name);
    write_int(writer, "creationTime", created_ms);
    write_int(writer, "metricFilterCount", 0);
    write_string(writer, "arn", all);
    write_int(writer, "storedBytes", bytes);
    write_string(writer, "logGroupClass", "STANDARD");
    write_string(writer, "logGroupArn", arn);
    write_close(writer, '}');
    return 0;
}

static int read_groups(struct call *call, struct error *err)
{
    struct group_list list = {.api = call->api,
                              .writer = call_writer(call),
                              .part = call_input(call, "logGroupNamePattern"),
                              .after = call_input(call, "nextToken"),
                              .left = limit_of(call, DESCRIBE_MAX)};

    write_open(&list.writer, NULL, '{');
    write_open(&list.writer, "logGroups", '[');
    int result = log_store_groups(call->api->options->logs, call->api->account, call->api->region,
                                  call_input(call, "logGroupNamePrefix"), add_group, &list, err);
    write_close(&list.writer, ']');
    if (list.more)
        write_string(&list.writer, "nextToken", list.last);
    write_close(&list.writer, '}');
    free(list.last);
    return result < 0 ? -1 : 0;
}

static void describe_groups(struct call *call)
{
    begin_reading(call, read_groups, NO_GROUP);
}

/* --- DescribeLogStreams --- */

struct streams {
    struct log_stream_info *all;
    size_t count;
};

static void streams_done_scoped(struct streams *streams)
{
    for (size_t i = 0; i < streams->count; i++)
        free(streams->all[i].name);
    free(streams->all);
}

static int by_name(const void *a, const void *b)
{
    const struct log_stream_info *left = a, *right = b;

    return strcmp(left->name, right->name);
}

static int by_last_event(const void *a, const void *b)
{
    const struct log_stream_info *left = a, *right = b;

    if (left->last_ms != right->last_ms)
        return left->last_ms < right->last_ms ? -1 : 1;
    return by_name(a, b);
}

static int list_streams(struct call *call, struct streams *streams, struct error *err)
{
    struct log_place place = place_of(call);

    return log_store_streams(call->api->options->logs, &place, &streams->all, &streams->count, err);
}

static void sort_streams(struct streams *streams, bool by_time)
{
    if (streams->count > 1)
        qsort(streams->all, streams->count, sizeof *streams->all,
              by_time ? by_last_event : by_name);
}

static void write_stream(struct call *call, struct writer *writer,
                         const struct log_stream_info *info)
{
    struct log_place place = place_of(call);
    scoped(free) char *arn =
        mem_format("arn:aws:logs:%.*s:%.*s:log-group:%.*s:log-stream:%s", TEXT_ARG(place.region),
                   TEXT_ARG(place.account), TEXT_ARG(place.group), info->name);

    write_open(writer, NULL, '{');
    write_string(writer, "logStreamName", info->name);
    write_int(writer, "creationTime", info->created_ms);
    write_int(writer, "firstEventTimestamp", info->first_ms);
    write_int(writer, "lastEventTimestamp", info->last_ms);
    write_int(writer, "lastIngestionTime", info->last_ms);
    write_string(writer, "arn", arn);
    write_int(writer, "storedBytes", info->bytes);
    write_close(writer, '}');
}

static int read_streams(struct call *call, struct error *err)
{
    bool by_time = text_equal(call_input(call, "orderBy"), TEXT("LastEventTime"));
    bool descending = json_bool(call->input, "descending", false);
    struct text prefix = call_input(call, "logStreamNamePrefix");
    int64_t left = limit_of(call, DESCRIBE_MAX), skip = 0, seen = 0;
    struct writer writer = call_writer(call);
    scoped(streams_done) struct streams streams = {0};

    if (list_streams(call, &streams, err) < 0)
        return -1;
    (void)text_to_int(call_input(call, "nextToken"), 0, INT64_MAX, &skip);
    sort_streams(&streams, by_time);
    write_open(&writer, NULL, '{');
    write_open(&writer, "logStreams", '[');
    for (size_t i = 0; i < streams.count && left >= 0; i++) {
        const struct log_stream_info *info = &streams.all[descending ? streams.count - 1 - i : i];
        if (!text_starts(text_of(info->name), prefix) || seen++ < skip)
            continue;
        if (left-- > 0)
            write_stream(call, &writer, info);
    }
    write_close(&writer, ']');
    if (left < 0) { /* one more was seen than there was room for */
        scoped(free) char *token = mem_format("%" PRId64, seen - 1);
        write_string(&writer, "nextToken", token);
    }
    write_close(&writer, '}');
    return 0;
}

static void describe_streams(struct call *call)
{
    begin_reading(call, read_streams, NO_GROUP);
}

/* --- events, kept in order --- */

struct log_event {
    int64_t at_ms;
    uint64_t offset;
    size_t stream; /* index */
    char *message;
    size_t len;
};

struct events {
    struct log_event *all;
    size_t count, capacity, bytes;
};

static void events_done_scoped(struct events *events)
{
    for (size_t i = 0; i < events->count; i++)
        free(events->all[i].message);
    free(events->all);
}

static void events_add(struct events *events, const struct log_record *record, size_t stream)
{
    if (events->count == events->capacity) {
        events->capacity = events->capacity ? events->capacity * 2 : 64;
        events->all = mem_realloc(events->all, events->capacity * sizeof *events->all);
    }
    events->all[events->count++] = (struct log_event){
        record->at_ms, record->offset, stream, text_dup(record->message), record->message.len};
    events->bytes += record->message.len;
}

static void events_drop_first(struct events *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        events->bytes -= events->all[i].len;
        free(events->all[i].message);
    }
    events->count -= count;
    memmove(events->all, events->all + count, events->count * sizeof *events->all);
}

static void write_message(struct writer *writer, const struct log_event *event)
{
    write_int(writer, "timestamp", event->at_ms);
    write_text(writer, "message", text_from(event->message, event->len));
    write_int(writer, "ingestionTime", event->at_ms);
}

/* --- GetLogEvents --- */

struct page {
    struct events events;
    size_t max;
    bool forward;
    bool full;
    uint64_t before; /* backwards: records from this offset on are of the page after */
    uint64_t next;   /* forwards: where the next page begins */
};

static int add_forward(struct page *page, const struct log_record *record)
{
    if (page->events.count == page->max ||
        (page->events.count > 0 && page->events.bytes + record->message.len > EVENTS_BYTES)) {
        page->full = true;
        page->next = record->offset;
        return 1;
    }
    events_add(&page->events, record, 0);
    return 0;
}

/* The last ones are kept; they are let go in bulk. */
static int add_backward(struct page *page, const struct log_record *record)
{
    if (record->offset >= page->before)
        return 1;
    events_add(&page->events, record, 0);
    if (page->events.count >= 2 * page->max)
        events_drop_first(&page->events, page->events.count - page->max);
    return 0;
}

static int on_page_record(void *arg, const struct log_record *record)
{
    struct page *page = arg;

    return page->forward ? add_forward(page, record) : add_backward(page, record);
}

static void trim_backward(struct page *page)
{
    size_t drop = page->events.count > page->max ? page->events.count - page->max : 0;
    size_t bytes = page->events.bytes;

    for (size_t i = 0; i < drop; i++)
        bytes -= page->events.all[i].len;
    while (drop + 1 < page->events.count && bytes > EVENTS_BYTES)
        bytes -= page->events.all[drop++].len;
    events_drop_first(&page->events, drop);
}

static int read_token(struct text token, struct page *page, uint64_t *ret_offset, struct error *err)
{
    int64_t offset = 0;

    if (!text_is_set(token))
        return 0;
    page->forward = text_starts(token, TEXT("f/"));
    if ((!page->forward && !text_starts(token, TEXT("b/"))) ||
        !text_to_int(text_skip(token, 2), 0, INT64_MAX, &offset))
        return error_set(err, ERROR_INVALID, "The specified nextToken is invalid.");
    if (page->forward)
        *ret_offset = (uint64_t)offset;
    else
        page->before = (uint64_t)offset;
    return 0;
}

/* A token keeps its value when there is nothing more that way: so a client knows the end. */
static void write_page(struct writer *writer, const struct page *page, uint64_t first,
                       uint64_t after)
{
    scoped(free) char *forward = mem_format("f/%020" PRIu64, after);
    scoped(free) char *backward = mem_format("b/%020" PRIu64, first);

    write_open(writer, NULL, '{');
    write_open(writer, "events", '[');
    for (size_t i = 0; i < page->events.count; i++) {
        write_open(writer, NULL, '{');
        write_message(writer, &page->events.all[i]);
        write_close(writer, '}');
    }
    write_close(writer, ']');
    write_string(writer, "nextForwardToken", forward);
    write_string(writer, "nextBackwardToken", backward);
    write_close(writer, '}');
}

static void page_done_scoped(struct page *page)
{
    events_done_scoped(&page->events);
}

static int read_events(struct call *call, struct error *err)
{
    struct log_place place = place_of(call);
    scoped(page_done) struct page page = {
        .max = (size_t)limit_of(call, EVENTS_MAX),
        .forward = json_bool(call->input, "startFromHead", false),
        .before = UINT64_MAX,
    };
    uint64_t from = 0, end = 0;
    struct writer writer = call_writer(call);

    if (read_token(call_input(call, "nextToken"), &page, &from, err) < 0 ||
        log_store_read(call->api->options->logs, &place, call_input(call, "logStreamName"), from,
                       json_int(call->input, "startTime", 0),
                       json_int(call->input, "endTime", INT64_MAX), on_page_record, &page, &end,
                       err) < 0)
        return -1;
    if (!page.forward)
        trim_backward(&page);
    if (!page.full)
        page.next = page.before < end ? page.before : end;
    write_page(&writer, &page,
               page.events.count > 0 ? page.events.all[0].offset
               : page.forward        ? from
                                     : 0,
               page.next);
    return 0;
}

static void get_events(struct call *call)
{
    begin_reading(call, read_events, NO_STREAM);
}

/* --- FilterLogEvents --- */

/* The page's events are the smallest by time, stream and place that come after the last one
 * of the page before. Each page looks at the streams again, from that time on. */
struct search {
    struct events events;
    const struct log_filter *filter;
    const struct streams *streams;
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
    struct events *events = &search->events;
    size_t keep = 0, bytes = 0;

    if (events->count > 1)
        qsort(events->all, events->count, sizeof *events->all, by_time);
    while (keep < events->count && keep < search->max &&
           (keep == 0 || bytes + events->all[keep].len <= EVENTS_BYTES))
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
    events_add(&search->events, record, search->stream);
    if (search->events.count >= 2 * search->max || search->events.bytes > 4 * EVENTS_BYTES)
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
    const struct events *events = &search->events;

    write_open(writer, NULL, '{');
    write_open(writer, "events", '[');
    for (size_t i = 0; i < events->count; i++) {
        const char *stream = search->streams->all[events->all[i].stream].name;
        write_open(writer, NULL, '{');
        write_string(writer, "logStreamName", stream);
        write_message(writer, &events->all[i]);
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
    struct log_place place = place_of(call);
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
    events_done_scoped(&search->events);
}

static int read_search(struct call *call, struct error *err)
{
    scoped(log_filter_free) struct log_filter *filter =
        log_filter_compile(call_input(call, "filterPattern"), err);
    scoped(streams_done) struct streams streams = {0};
    scoped(search_done) struct search search = {
        .filter = filter, .streams = &streams, .max = (size_t)limit_of(call, EVENTS_MAX)};
    struct writer writer = call_writer(call);

    if (!filter || read_search_token(call_input(call, "nextToken"), &search, err) < 0 ||
        list_streams(call, &streams, err) < 0)
        return -1;
    sort_streams(&streams, /* by_time= */ false);
    for (; search.stream < streams.count; search.stream++)
        if (search_stream(call, &search, err) < 0)
            return -1;
    trim_search(&search);
    write_search(&writer, &search);
    return 0;
}

static void filter_events(struct call *call)
{
    begin_reading(call, read_search, NO_GROUP);
}

/* --- DeleteLogGroup --- */

static int delete_group(struct call *call, struct error *err)
{
    struct log_place place = place_of(call);

    return log_store_delete_group(call->api->options->logs, &place, err);
}

static void delete_log_group(struct call *call)
{
    begin_reading(call, delete_group, NO_GROUP);
}

/* --- the table --- */

#define ROW_GROUP(needed)                                                                 \
    {                                                                                     \
        PARAM_BODY, PARAM_STRING, "logGroupName", "logGroupName",                         \
            .required = needed, .min = 1, .max = 512, .pattern = "[\\.\\-_/#A-Za-z0-9]+", \
            .matches = name_is_log_group                                                  \
    }
#define ROW_IDENTIFIER                                                                    \
    {                                                                                     \
        PARAM_BODY, PARAM_STRING, "logGroupIdentifier", "logGroupIdentifier", .min = 1,   \
                                                                              .max = 2048 \
    }
#define ROW_STREAM(name, needed)                                                                 \
    {                                                                                            \
        PARAM_BODY, PARAM_STRING, name, name, .required = needed, .min = 1, .max = 512,          \
                                              .pattern = "[^:*]*", .matches = name_is_log_stream \
    }
#define ROW_TOKEN                                                                 \
    {                                                                             \
        PARAM_BODY, PARAM_STRING, "nextToken", "nextToken", .min = 1, .max = 2048 \
    }
#define ROW_LIMIT(most)                                                \
    {                                                                  \
        PARAM_BODY, PARAM_INT, "limit", "limit", .min = 1, .max = most \
    }
#define ROW_TIME(name)                                                \
    {                                                                 \
        PARAM_BODY, PARAM_INT, name, name, .min = 0, .max = INT64_MAX \
    }

static const struct param group_params[] = {
    {PARAM_BODY, PARAM_STRING, "logGroupNamePrefix", "logGroupNamePrefix", .min = 1, .max = 512,
     .pattern = "[\\.\\-_/#A-Za-z0-9]+", .matches = name_is_log_group},
    {PARAM_BODY, PARAM_STRING, "logGroupNamePattern", "logGroupNamePattern", .max = 512},
    ROW_TOKEN,
    ROW_LIMIT(DESCRIBE_MAX),
    {0},
};
static const struct param stream_params[] = {
    ROW_GROUP(false),
    ROW_IDENTIFIER,
    ROW_STREAM("logStreamNamePrefix", false),
    {PARAM_BODY, PARAM_STRING, "orderBy", "orderBy", .values = "LogStreamName, LastEventTime"},
    {PARAM_BODY, PARAM_BOOL, "descending", "descending"},
    ROW_TOKEN,
    ROW_LIMIT(DESCRIBE_MAX),
    {0},
};
static const struct param event_params[] = {
    ROW_GROUP(false),
    ROW_IDENTIFIER,
    ROW_STREAM("logStreamName", true),
    ROW_TIME("startTime"),
    ROW_TIME("endTime"),
    ROW_TOKEN,
    ROW_LIMIT(EVENTS_MAX),
    {PARAM_BODY, PARAM_BOOL, "startFromHead", "startFromHead"},
    {0},
};
static const struct param stream_name = ROW_STREAM("", false);
static const struct param filter_params[] = {
    ROW_GROUP(false),
    ROW_IDENTIFIER,
    {PARAM_BODY, PARAM_LIST, "logStreamNames", "logStreamNames", .min = 1, .max = STREAMS_MAX,
     .members = &stream_name},
    ROW_STREAM("logStreamNamePrefix", false),
    ROW_TIME("startTime"),
    ROW_TIME("endTime"),
    {PARAM_BODY, PARAM_STRING, "filterPattern", "filterPattern", .max = LOG_FILTER_MAX},
    ROW_TOKEN,
    ROW_LIMIT(EVENTS_MAX),
    {PARAM_BODY, PARAM_BOOL, "interleaved", "interleaved"},
    {0},
};
static const struct param delete_params[] = {ROW_GROUP(true), {0}};

#define LOGS PROTOCOL_JSON, "logs", METHOD_POST, NULL, BODY_JSON, API_JSON_MAX, ACCESS_SIGNED
#define NOT_YET LOGS, PLACE_SHARD, NULL, NULL, NULL

const struct action logs_actions[] = {
    {"FilterLogEvents", LOGS, PLACE_SHARD, filter_params, filter_events, NULL},
    {"GetLogEvents", LOGS, PLACE_SHARD, event_params, get_events, NULL},
    {"DescribeLogStreams", LOGS, PLACE_SHARD, stream_params, describe_streams, NULL},
    {"DescribeLogGroups", LOGS, PLACE_SHARD, group_params, describe_groups, NULL},
    {"DeleteLogGroup", LOGS, PLACE_SHARD, delete_params, delete_log_group, NULL},
    {"CreateLogGroup", NOT_YET},
    {"CreateLogStream", NOT_YET},
    {"DeleteLogStream", NOT_YET},
    {"PutLogEvents", NOT_YET},
    {"PutRetentionPolicy", NOT_YET},
    {"DeleteRetentionPolicy", NOT_YET},
    {"ListTagsForResource", NOT_YET},
    {"ListTagsLogGroup", NOT_YET},
    {"TagLogGroup", NOT_YET},
    {"TagResource", NOT_YET},
    {"UntagLogGroup", NOT_YET},
    {"UntagResource", NOT_YET},
    {"StartQuery", NOT_YET},
    {"GetQueryResults", NOT_YET},
    {"StartLiveTail", NOT_YET},
    {"PutSubscriptionFilter", NOT_YET},
    {"DescribeSubscriptionFilters", NOT_YET},
    {"PutMetricFilter", NOT_YET},
    {"DescribeMetricFilters", NOT_YET},
    {0},
};
