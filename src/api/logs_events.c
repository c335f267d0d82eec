/* SPDX-License-Identifier: Apache-2.0 */
#include "api/logs_priv.h"

#include <inttypes.h>

#include "base/mem.h"

/* --- events, kept in order --- */

void logs_events_done(struct logs_events *events)
{
    for (size_t i = 0; i < events->count; i++)
        free(events->all[i].message);
    free(events->all);
}

void logs_events_add(struct logs_events *events, const struct log_record *record, size_t stream)
{
    if (events->count == events->capacity) {
        events->capacity = events->capacity ? events->capacity * 2 : 64;
        events->all = mem_realloc(events->all, events->capacity * sizeof *events->all);
    }
    events->all[events->count++] = (struct log_event){
        record->at_ms, record->offset, stream, text_dup(record->message), record->message.len};
    events->bytes += record->message.len;
}

void logs_events_drop_first(struct logs_events *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        events->bytes -= events->all[i].len;
        free(events->all[i].message);
    }
    events->count -= count;
    memmove(events->all, events->all + count, events->count * sizeof *events->all);
}

void logs_write_message(struct writer *writer, const struct log_event *event)
{
    write_int(writer, "timestamp", event->at_ms);
    write_text(writer, "message", text_from(event->message, event->len));
    write_int(writer, "ingestionTime", event->at_ms);
}

/* --- GetLogEvents --- */

struct page {
    struct logs_events events;
    size_t max;
    bool forward;
    bool full;
    uint64_t before; /* backwards: records from this offset on are of the page after */
    uint64_t next;   /* forwards: where the next page begins */
};

static int add_forward(struct page *page, const struct log_record *record)
{
    if (page->events.count == page->max ||
        (page->events.count > 0 && page->events.bytes + record->message.len > LOGS_EVENTS_BYTES)) {
        page->full = true;
        page->next = record->offset;
        return 1;
    }
    logs_events_add(&page->events, record, 0);
    return 0;
}

/* The last ones are kept; they are let go in bulk. */
static int add_backward(struct page *page, const struct log_record *record)
{
    if (record->offset >= page->before)
        return 1;
    logs_events_add(&page->events, record, 0);
    if (page->events.count >= 2 * page->max)
        logs_events_drop_first(&page->events, page->events.count - page->max);
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
    while (drop + 1 < page->events.count && bytes > LOGS_EVENTS_BYTES)
        bytes -= page->events.all[drop++].len;
    logs_events_drop_first(&page->events, drop);
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
        logs_write_message(writer, &page->events.all[i]);
        write_close(writer, '}');
    }
    write_close(writer, ']');
    write_string(writer, "nextForwardToken", forward);
    write_string(writer, "nextBackwardToken", backward);
    write_close(writer, '}');
}

static void page_done_scoped(struct page *page)
{
    logs_events_done(&page->events);
}

static int read_events(struct call *call, struct error *err)
{
    struct log_place place = logs_place(call);
    scoped(page_done) struct page page = {
        .max = (size_t)logs_limit(call, LOGS_EVENTS_MAX),
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

/* Whether the group is missing, or only the stream. */
static int read_or_tell(struct call *call, struct error *err)
{
    scoped(logs_streams_done) struct logs_streams streams = {0};
    struct error group_err;

    if (read_events(call, err) == 0)
        return 0;
    if (err->code == ERROR_NOT_FOUND)
        return error_set(err, ERROR_NOT_FOUND, "%s",
                         logs_streams_list(call, &streams, &group_err) < 0 ? LOGS_NO_GROUP
                                                                           : LOGS_NO_STREAM);
    return -1;
}

void logs_get_events(struct call *call)
{
    if (logs_check_group(call))
        logs_read(call, read_or_tell, NULL);
}
