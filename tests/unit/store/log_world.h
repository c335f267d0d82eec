/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <semaphore.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/log_store_priv.h"
#include "test.h"

#define ACCOUNT "000000000000"
#define REGION "us-east-1"
#define GROUP "/aws/lambda/thumbnail"
#define STREAM "2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef"
#define BASE_MS INT64_C(1769860800000)

static const struct log_place place = {TEXT(ACCOUNT), TEXT(REGION), TEXT(GROUP)};

/* A data folder, a store, and a writer on a loop of its own. What a step does runs on that
 * loop; the test goes on when all of it has been flushed. */
struct fixture {
    char folder[64];
    struct log_store *store;
    struct loop *loop;
    struct log_writer *writer;
    struct log_stream *stream;
    struct loop_message message;
    void (*step)(struct fixture *fixture, const void *arg);
    const void *arg;
    bool returned; /* log_writer_flush() has */
    sem_t flushed;
};

static inline void on_flushed(void *arg)
{
    struct fixture *fixture = arg;

    assert(fixture->returned);
    sem_post(&fixture->flushed);
}

static inline void on_step(struct loop_message *message)
{
    struct fixture *fixture = container_of(message, struct fixture, message);

    fixture->step(fixture, fixture->arg);
    fixture->returned = false;
    log_writer_flush(fixture->writer, on_flushed, fixture);
    fixture->returned = true;
}

static inline void run(struct fixture *fixture,
                       void (*step)(struct fixture *fixture, const void *arg), const void *arg)
{
    fixture->step = step;
    fixture->arg = arg;
    fixture->message.run = on_step;
    loop_post(fixture->loop, &fixture->message);
    while (sem_wait(&fixture->flushed) < 0)
        ;
}

static inline void open_writer(struct fixture *fixture, const void *arg)
{
    fixture->writer = log_writer_new(fixture->store, fixture->loop);
}

static inline void open_named(struct fixture *fixture, const void *arg)
{
    fixture->stream = log_stream_open(fixture->writer, place.account, place.region, place.group,
                                      text_of(arg ? arg : STREAM));
}

static inline void close_stream(struct fixture *fixture, const void *arg)
{
    log_stream_close(take(fixture->stream));
}

static inline void add_text(struct fixture *fixture, const void *arg)
{
    log_stream_add(fixture->stream, BASE_MS, text_of(arg));
}

static inline void fixture_init(struct fixture *fixture)
{
    struct error err;

    memcpy(fixture->folder, "/tmp/evoke-logs-XXXXXX", 23);
    CHECK(mkdtemp(fixture->folder));
    CHECK(sem_init(&fixture->flushed, 0, 0) == 0);
    fixture->store = log_store_open(fixture->folder, &err);
    CHECK_MSG(fixture->store, "%s", err.text);
    fixture->loop = loop_new("logs");
    CHECK(loop_start(fixture->loop, &err) == 0);
    run(fixture, open_writer, NULL);
}

static inline void fixture_done(struct fixture *fixture)
{
    struct error err;

    loop_stop(fixture->loop);
    loop_join(fixture->loop);
    log_writer_free(fixture->writer);
    loop_free(fixture->loop);
    log_store_free(fixture->store);
    sem_destroy(&fixture->flushed);
    CHECK(path_remove_tree(fixture->folder, &err) == 0);
}

/* What a stream holds: "ms:message\n" for each record, ms counted from BASE_MS. */
struct reading {
    struct buffer text;
    size_t count, stop_after;
    uint64_t next, last_offset;
};

static inline int on_record(void *arg, const struct log_record *record)
{
    struct reading *reading = arg;

    buffer_add_format(&reading->text, "%lld:%.*s\n", (long long)(record->at_ms - BASE_MS),
                      TEXT_ARG(record->message));
    reading->last_offset = record->offset;
    return ++reading->count == reading->stop_after;
}

static inline void reading_done_scoped(struct reading *reading)
{
    buffer_done(&reading->text);
}

static inline struct reading read_from(const struct fixture *fixture, const char *stream,
                                       uint64_t offset, int64_t from, int64_t to)
{
    struct reading reading = {0};
    struct error err = {0};

    CHECK_MSG(log_store_read(fixture->store, &place, text_of(stream), offset, from, to, on_record,
                             &reading, &reading.next, &err) == 0,
              "%s", err.text);
    if (!reading.text.at)
        buffer_add(&reading.text, "", 0);
    return reading;
}

static inline struct reading read_whole(const struct fixture *fixture)
{
    return read_from(fixture, STREAM, 0, 0, INT64_MAX);
}

static inline char *stream_file(const struct fixture *fixture, const char *stream)
{
    scoped(free) char *group = log_group_path(fixture->store, &place);

    return log_stream_path(group, text_of(stream));
}

static inline void add_three(struct fixture *fixture, const void *arg)
{
    open_named(fixture, arg);
    log_stream_add(fixture->stream, BASE_MS + 5, TEXT("START\n"));
    char *room = log_stream_begin(fixture->stream, 100);
    memcpy(room, "in place", 8);
    log_stream_end(fixture->stream, BASE_MS + 7, 8);
    log_stream_add(fixture->stream, BASE_MS + 9, TEXT_NONE);
    close_stream(fixture, NULL);
}
