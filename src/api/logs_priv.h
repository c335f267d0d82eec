/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api_priv.h"

/* What the actions of CloudWatch Logs share. */

#define LOGS PROTOCOL_JSON, "logs", METHOD_POST, NULL, BODY_JSON, API_JSON_MAX, ACCESS_SIGNED
#define LOGS_DESCRIBE_MAX 50        /* groups or streams in one answer: AWS's */
#define LOGS_EVENTS_MAX 10000       /* events in one answer: AWS's */
#define LOGS_EVENTS_BYTES (1 << 20) /* of messages in one answer: AWS's */
#define LOGS_NO_GROUP "The specified log group does not exist."
#define LOGS_NO_STREAM "The specified log stream does not exist."

/* Flushes what was logged, calls read() in the pool, which writes the answer, and answers;
 * missing is what AWS says of a thing that is not there (ERROR_NOT_FOUND); NULL: read() says
 * it itself. */
void logs_read(struct call *call, int (*read)(struct call *call, struct error *err),
               const char *missing);
/* The group by its name, or by its name or ARN ("...:log-group:NAME:*"). */
struct log_place logs_place(const struct call *call);
struct text logs_group_of(struct text identifier); /* the name, of a name or an ARN */
/* False: the request has both, and that was answered. */
bool logs_check_group(struct call *call);
int64_t logs_limit(const struct call *call, int64_t most);

/* --- streams of the group --- */

struct logs_streams {
    struct log_stream_info *all;
    size_t count;
};
void logs_streams_done(struct logs_streams *streams);
static inline void logs_streams_done_scoped(struct logs_streams *streams)
{
    logs_streams_done(streams);
}
int logs_streams_list(struct call *call, struct logs_streams *streams, struct error *err);
void logs_streams_sort(struct logs_streams *streams, bool by_time); /* else by name */

/* --- events, kept in order --- */

struct log_event {
    int64_t at_ms;
    uint64_t offset;
    size_t stream; /* index */
    char *message;
    size_t len;
};

struct logs_events {
    struct log_event *all;
    size_t count, capacity, bytes;
};
void logs_events_done(struct logs_events *events);
void logs_events_add(struct logs_events *events, const struct log_record *record, size_t stream);
void logs_events_drop_first(struct logs_events *events, size_t count);
void logs_write_message(struct writer *writer, const struct log_event *event);

/* --- actions --- */

void logs_describe_groups(struct call *call);
void logs_describe_streams(struct call *call);
void logs_get_events(struct call *call);
void logs_filter_events(struct call *call);
