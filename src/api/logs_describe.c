/* SPDX-License-Identifier: Apache-2.0 */
#include "api/logs_priv.h"

#include <inttypes.h>

#include "base/mem.h"

/* --- DescribeLogGroups --- */

struct group_list {
    const struct call *call;
    const struct api *api;
    struct writer writer;
    struct text part;  /* a name must contain */
    struct text after; /* the last name of the page before */
    int64_t left;
    char *last;
    bool more;
};

/* Whether one of the given names or ARNs is the group's; none given: all are. */
static bool is_identified(const struct call *call, struct text name)
{
    const json_t *identifiers = json_object_get(call->input, "logGroupIdentifiers"), *one;
    size_t index;

    json_array_foreach(identifiers, index, one)
    {
        struct text text = text_from(json_string_value(one), json_string_length(one));
        if (text_equal(logs_group_of(text), name))
            return true;
    }
    return json_array_size(identifiers) == 0;
}

static int add_group(void *arg, struct text name, int64_t created_ms, int64_t bytes)
{
    struct group_list *list = arg;
    struct writer *writer = &list->writer;

    if (text_compare(name, list->after) <= 0 && list->after.len > 0)
        return 0;
    bool by_part = list->part.len > 0;
    if ((by_part && text_find_text(name, list->part) == name.len) ||
        !is_identified(list->call, name))
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
    if (!by_part)
        write_int(writer, "storedBytes", bytes);
    write_string(writer, "logGroupClass", "STANDARD");
    write_string(writer, "logGroupArn", arn);
    if (!by_part)
        write_bool(writer, "deletionProtectionEnabled", false);
    write_close(writer, '}');
    return 0;
}

static int read_groups(struct call *call, struct error *err)
{
    struct group_list list = {.call = call,
                              .api = call->api,
                              .writer = call_writer(call),
                              .part = call_input(call, "logGroupNamePattern"),
                              .after = call_input(call, "nextToken"),
                              .left = logs_limit(call, LOGS_DESCRIBE_MAX)};

    struct text prefix = call_input(call, "logGroupNamePrefix"),
                class = call_input(call, "logGroupClass");
    int result = 0;

    if (text_is_set(prefix) && text_is_set(list.part))
        return error_set(err, ERROR_INVALID,
                         "LogGroup name prefix and LogGroup name pattern are "
                         "mutually exclusive parameters.");
    write_open(&list.writer, NULL, '{');
    write_open(&list.writer, "logGroups", '[');
    if (!text_is_set(class) || text_equal(class, TEXT("STANDARD")))
        result = log_store_groups(call->api->options->logs, call->api->account, call->api->region,
                                  prefix, add_group, &list, err);
    write_close(&list.writer, ']');
    if (list.more)
        write_string(&list.writer, "nextToken", list.last);
    write_close(&list.writer, '}');
    free(list.last);
    return result < 0 ? -1 : 0;
}

void logs_describe_groups(struct call *call)
{
    logs_read(call, read_groups, LOGS_NO_GROUP);
}

/* --- DescribeLogStreams --- */

void logs_streams_done(struct logs_streams *streams)
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

int logs_streams_list(struct call *call, struct logs_streams *streams, struct error *err)
{
    struct log_place place = logs_place(call);

    return log_store_streams(call->api->options->logs, &place, &streams->all, &streams->count, err);
}

void logs_streams_sort(struct logs_streams *streams, bool by_time)
{
    if (streams->count > 1)
        qsort(streams->all, streams->count, sizeof *streams->all,
              by_time ? by_last_event : by_name);
}

static void write_stream(struct call *call, struct writer *writer,
                         const struct log_stream_info *info)
{
    struct log_place place = logs_place(call);
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
    int64_t left = logs_limit(call, LOGS_DESCRIBE_MAX), skip = 0, seen = 0;
    struct writer writer = call_writer(call);
    scoped(logs_streams_done) struct logs_streams streams = {0};

    if (logs_streams_list(call, &streams, err) < 0)
        return -1;
    (void)text_to_int(call_input(call, "nextToken"), 0, INT64_MAX, &skip);
    logs_streams_sort(&streams, by_time);
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

void logs_describe_streams(struct call *call)
{
    if (logs_check_group(call))
        logs_read(call, read_streams, LOGS_NO_GROUP);
}
