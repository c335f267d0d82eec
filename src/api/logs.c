/* SPDX-License-Identifier: Apache-2.0 */
#include "api/log_filter.h"
#include "api/logs_priv.h"

#define STREAMS_MAX 100 /* names in logStreamNames: AWS's */

/* --- DeleteLogGroup --- */

static int delete_group(struct call *call, struct error *err)
{
    struct log_place place = logs_place(call);

    return log_store_delete_group(call->api->options->logs, &place, err);
}

static void delete_log_group(struct call *call)
{
    logs_read(call, delete_group, LOGS_NO_GROUP);
}

/* --- the table --- */

static bool is_name_part(struct text text)
{
    return text.len == 0 || name_is_log_group(text);
}

/* Of a name or an ARN. */
static bool is_identifier(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        struct text c = text_slice(text, i, i + 1);
        if (!name_is_log_group(c) && !text_contains(TEXT("+=:,@"), text.at[i]))
            return false;
    }
    return true;
}

#define ROW_GROUP(needed)                                                                 \
    {                                                                                     \
        PARAM_BODY, PARAM_STRING, "logGroupName", "logGroupName",                         \
            .required = needed, .min = 1, .max = 512, .pattern = "[\\.\\-_/#A-Za-z0-9]+", \
            .matches = name_is_log_group                                                  \
    }
#define IDENTIFIER .min = 1, .max = 2048, .pattern = "[\\w#+=/:,.@-]*", .matches = is_identifier
#define ROW_IDENTIFIER                                                                   \
    {                                                                                    \
        PARAM_BODY, PARAM_STRING, "logGroupIdentifier", "logGroupIdentifier", IDENTIFIER \
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

static const struct param identifier = {PARAM_BODY, PARAM_STRING, "", "", IDENTIFIER};
static const struct param group_params[] = {
    {PARAM_BODY, PARAM_STRING, "logGroupNamePrefix", "logGroupNamePrefix", .min = 1, .max = 512,
     .pattern = "[\\.\\-_/#A-Za-z0-9]+", .matches = name_is_log_group},
    {PARAM_BODY, PARAM_STRING, "logGroupNamePattern", "logGroupNamePattern", .max = 512,
     .pattern = "[\\.\\-_/#A-Za-z0-9]*", .matches = is_name_part},
    {PARAM_BODY, PARAM_STRING, "logGroupClass", "logGroupClass",
     .values = "INFREQUENT_ACCESS, STANDARD, DELIVERY"},
    {PARAM_BODY, PARAM_LIST, "logGroupIdentifiers", "logGroupIdentifiers", .min = 1, .max = 50,
     .members = &identifier},
    ROW_TOKEN,
    ROW_LIMIT(LOGS_DESCRIBE_MAX),
    {0},
};
static const struct param stream_params[] = {
    ROW_GROUP(false),
    ROW_IDENTIFIER,
    ROW_STREAM("logStreamNamePrefix", false),
    {PARAM_BODY, PARAM_STRING, "orderBy", "orderBy", .values = "LogStreamName, LastEventTime"},
    {PARAM_BODY, PARAM_BOOL, "descending", "descending"},
    ROW_TOKEN,
    ROW_LIMIT(LOGS_DESCRIBE_MAX),
    {0},
};
static const struct param event_params[] = {
    ROW_GROUP(false),
    ROW_IDENTIFIER,
    ROW_STREAM("logStreamName", true),
    ROW_TIME("startTime"),
    ROW_TIME("endTime"),
    ROW_TOKEN,
    ROW_LIMIT(LOGS_EVENTS_MAX),
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
    ROW_LIMIT(LOGS_EVENTS_MAX),
    {PARAM_BODY, PARAM_BOOL, "interleaved", "interleaved"},
    {0},
};
static const struct param delete_params[] = {ROW_GROUP(true), {0}};

const struct action logs_actions[] = {
    {"FilterLogEvents", LOGS, PLACE_SHARD, filter_params, logs_filter_events, NULL},
    {"GetLogEvents", LOGS, PLACE_SHARD, event_params, logs_get_events, NULL},
    {"DescribeLogStreams", LOGS, PLACE_SHARD, stream_params, logs_describe_streams, NULL},
    {"DescribeLogGroups", LOGS, PLACE_SHARD, group_params, logs_describe_groups, NULL},
    {"DeleteLogGroup", LOGS, PLACE_SHARD, delete_params, delete_log_group, NULL},
    {0},
};
