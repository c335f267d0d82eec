/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"
#include "loop/loop.h"

/*
 * Function logs: groups of streams of messages, kept in append-only files below
 * DIR/logs, one file a stream (group and stream names are percent-encoded). A record is
 * a line "<ms> <length>\n" (13 and 6 digits), the message, "\n"; a file cut off by a crash
 * loses at most its last record, which readers drop. A file's modification time is the time
 * of its last message.
 *
 * Writing is behind the answer: a loop's writer collects records in memory and the pool
 * appends them, at most LOG_FLUSH_MS later or LOG_FLUSH_BYTES large. Reading sees what has
 * been flushed; log_writer_flush() first makes that everything. Records that the disk does
 * not take are counted and dropped, and a record in their place tells how many.
 */
struct log_store;
struct log_writer; /* one a loop */
struct log_stream; /* one an instance, of a writer */

#define LOG_FLUSH_MS 50
#define LOG_FLUSH_BYTES (256 << 10)

struct log_store *log_store_open(const char *data_folder, struct error *err);
void log_store_free(struct log_store *store);
DEFINE_SCOPED(struct log_store *, log_store_free)

struct log_writer *log_writer_new(struct log_store *store, struct loop *loop);
/* Flushes what is there, then done(arg) on the writer's loop. */
void log_writer_flush(struct log_writer *writer, void (*done)(void *arg), void *arg);
void log_writer_free(struct log_writer *writer); /* after a flush, nothing open */

/* group: "/aws/lambda/thumbnail"; name: "2026/01/31/[$LATEST]0123..." The file is made
 * with the first message. */
struct log_stream *log_stream_open(struct log_writer *writer, struct text account,
                                   struct text region, struct text group, struct text name);
/* Copies; a message beyond LIMIT_LOG_LINE becomes several; cheap (no system call, no allocation but the buffer's growth). Messages of a
 * stream must not go back in time: an earlier at_ms is raised to the last one. */
void log_stream_add(struct log_stream *stream, int64_t at_ms, struct text message);
/* The same in two steps, to format in place: room for max (at most LIMIT_LOG_LINE) bytes,
 * then how many it was. */
char *log_stream_begin(struct log_stream *stream, size_t max);
void log_stream_end(struct log_stream *stream, int64_t at_ms, size_t len);
void log_stream_close(struct log_stream *stream); /* flushed in time, then freed */

/* --- reading: blocks, pool threads only --- */

struct log_place { /* which group; account and region are part of the folder */
    struct text account, region, group;
};

struct log_stream_info {
    char *name;
    int64_t created_ms, first_ms, last_ms, bytes;
};
/* Groups whose name starts with prefix, in name order: each(arg, name, created, bytes). */
int log_store_groups(struct log_store *store, struct text account, struct text region,
                     struct text prefix,
                     int (*each)(void *arg, struct text name, int64_t created_ms, int64_t bytes),
                     void *arg, struct error *err);
/* The streams of a group; the caller frees names and array. ERROR_NOT_FOUND. */
int log_store_streams(struct log_store *store, const struct log_place *place,
                      struct log_stream_info **ret, size_t *ret_count, struct error *err);

/* Records of a stream from a byte offset on, forwards, within [from_ms, to_ms). each()
 * returning 1 stops. *ret_next: the offset after the last record looked at. */
struct log_record {
    int64_t at_ms;
    struct text message;
    uint64_t offset;
};
int log_store_read(struct log_store *store, const struct log_place *place, struct text stream,
                   uint64_t offset, int64_t from_ms, int64_t to_ms,
                   int (*each)(void *arg, const struct log_record *record), void *arg,
                   uint64_t *ret_next, struct error *err);

int log_store_delete_group(struct log_store *store, const struct log_place *place,
                           struct error *err);
/* Removes streams whose last message is older than before_ms. Pool; called hourly. */
int log_store_expire(struct log_store *store, int64_t before_ms, struct error *err);
