/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/event_frame_priv.h"
#include "store/event_index_priv.h"

/*
 * The event log: files NUMBER.log ("segments") in one folder, written at the end of the last
 * and dropped at the front. Numbers are consecutive, so a file that is missing is noticed.
 * One thread at a time.
 *
 * Space of a segment is allocated before the first write that needs it. A file "reserve" has
 * the space of one more: when the disk is full it becomes the last segment, for writes that
 * put nothing, so that there is always room to say that something is done with. While there is
 * no reserve, nothing is put.
 */
struct event_segment {
    uint32_t number;
    int fd;
    uint32_t salt;
    uint32_t size, used; /* bytes allocated, written */
    uint32_t zeroed;     /* up to where blocks were written, if only with zeros */
    uint64_t live;       /* bytes of records that are held */
    bool is_cut;         /* a write failed: nothing more goes into it */
};

struct event_log {
    char *path;
    int folder; /* locked */
    uint32_t segment_bytes;
    struct event_segment *segments; /* oldest first; at least one once open */
    size_t count, capacity;
    uint64_t sequence, durable; /* the last given, the last on disk */
    uint64_t next_id;
    uint64_t used, live; /* over all segments */
    bool has_reserve;
    char *zeros; /* ZERO_BYTES of them */
};
#define ZERO_BYTES (512 << 10)
#define SEGMENT_BYTES_MIN 4096
#define SEGMENT_BYTES_MAX (1 << 30)

/* Opens or creates the log and calls visit() for each record in the order of writing. *log
 * must be {0}; close it also after failure. */
typedef void event_log_visit_f(void *arg, const struct event_record *record,
                               const struct event_place *place);
int event_log_open(struct event_log *log, const char *path, uint32_t segment_bytes,
                   event_log_visit_f *visit, void *arg, struct error *err);
void event_log_close(struct event_log *log);

/* Makes sure that a frame of that length can be written, in a new segment if need be.
 * ERROR_LIMIT: the disk is full. */
int event_log_make_room(struct event_log *log, size_t len, bool is_put, struct error *err);
bool event_log_has_room(struct event_log *log, size_t len); /* in the last segment */

/* Where the next frame goes that is written, and what the next one is given that is made. */
struct event_place event_log_end(const struct event_log *log);
struct event_stamp event_log_stamp(struct event_log *log);
/* Writes frames that there is room for, and waits until they are on disk. After a failure
 * nothing of them will ever be read. */
int event_log_write(struct event_log *log, const struct event_batch *batch, struct error *err);
/* len bytes, appended to out. */
int event_log_read(const struct event_log *log, uint32_t segment, uint32_t at, size_t len,
                   struct buffer *out, struct error *err);

int64_t event_log_disk_bytes(const struct event_log *log); /* of all files, reserve included */

/* Says that the record there is needed, or no longer. {0} is no record. */
void event_log_hold(struct event_log *log, const struct event_place *place);
void event_log_release(struct event_log *log, const struct event_place *place);
/*
 * Removes the oldest segments while nothing in them is held; the last one stays. In that order
 * only: a DELETE may not go before what it deletes.
 */
void event_log_drop(struct event_log *log);

/* What a record does to the index and to what the log must hold; the same when it is written,
 * moved and found at start. A PUT of a record that is there moves it and its note. False: it
 * names a record that is not there, and does nothing. */
bool event_log_apply(struct event_log *log, struct event_index *index,
                     const struct event_record *record, const struct event_place *place);

/* --- within the log --- */

/* A new segment that becomes the last one; size bytes. */
int event_log_add_segment(struct event_log *log, size_t size, bool is_put, struct error *err);
struct event_segment *event_log_push(struct event_log *log, uint32_t number, int fd);
/* Tries to have a reserve. */
void event_log_make_reserve(struct event_log *log);
char *event_log_path(const struct event_log *log, uint32_t number);
#define EVENT_LOG_NAME "%010u.log"
#define EVENT_LOG_RESERVE "reserve"
#define EVENT_LOG_NEW "new"
