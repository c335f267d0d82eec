/* SPDX-License-Identifier: Apache-2.0 */
#include "api/logs_priv.h"

/*
 * CloudWatch Logs, reading: first every shard's writer is flushed, so that an answer holds
 * what was logged before the question; then the files are read in the pool.
 */

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
        call_fail(call, "ResourceNotFoundException", "%s",
                  reading->missing ? reading->missing : reading->err.text);
    else if (reading->err.code == ERROR_INVALID)
        call_fail(call, "InvalidParameterException", "%s", reading->err.text);
    else
        call_fail(call, "ServiceUnavailableException", "%s", reading->err.text);
}

static void start_reading(struct call *call)
{
    call_work(call, work_reading, after_reading);
}

void logs_read(struct call *call, int (*read)(struct call *call, struct error *err),
               const char *missing)
{
    struct reading *reading = arena_zalloc(&call->arena, sizeof *reading);

    reading->read = read;
    reading->missing = missing;
    call->state = reading;
    flush_all(call, start_reading);
}

struct text logs_group_of(struct text identifier)
{
    size_t at = text_find_text(identifier, TEXT(":log-group:"));

    if (at < identifier.len)
        identifier = text_skip(identifier, at + sizeof ":log-group:" - 1);
    if (text_ends(identifier, TEXT(":*")))
        identifier.len -= 2;
    return identifier;
}

bool logs_check_group(struct call *call)
{
    if (!text_is_set(call_input(call, "logGroupName")) ||
        !text_is_set(call_input(call, "logGroupIdentifier")))
        return true;
    call_fail(call, "ValidationException",
              "LogGroup name and LogGroup ARN are mutually exclusive parameters.");
    return false;
}

struct log_place logs_place(const struct call *call)
{
    struct text group = call_input(call, "logGroupName");

    if (!text_is_set(group))
        group = logs_group_of(call_input(call, "logGroupIdentifier"));
    return (struct log_place){call->api->account, call->api->region, group};
}

int64_t logs_limit(const struct call *call, int64_t most)
{
    int64_t limit = json_int(call->input, "limit", most);

    return limit < most ? limit : most;
}
