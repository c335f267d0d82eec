/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/list.h"
#include "loop/loop.h"

/*
 * Durable events on their way: everything accepted and not yet done with. A record lives
 * in a lane, "KIND/REST", in order of arrival: the events waiting for one function, the
 * messages of one queue, the deliveries to one HTTP endpoint. A target of the router is
 * a lane: to give an event to a target is to put a record into its lane, in the same
 * all-or-nothing write that takes the event off the lane it came from. So an event is
 * never between two places, and who sends knows nothing of who receives.
 *
 * Each kind of lane has one receiver, which hears of a record on the lane's home loop, after
 * the record is on disk, and has it until it deletes it. What was left when the daemon
 * ended, by any cause, is told again at the next start.
 *
 * Writes are grouped: those that arrive while a commit is under way share the next fsync.
 * All calls may be made on any thread unless said otherwise.
 */
struct event_store;

/* Kinds of lanes and what follows the slash. */
#define LANE_FUNCTION "function" /* ACCOUNT/REGION/NAME: asynchronous invocations */
#define LANE_QUEUE "queue"       /* ACCOUNT/REGION/NAME: messages of the built-in queue */
#define LANE_BUS "bus"           /* ACCOUNT/REGION/NAME: what destinations put on a bus */
#define LANE_TARGET                                                                    \
    "target"                   /* ACCOUNT/REGION/...: what has no lane of its own: API \
                                  destinations, log groups, and retries of those */
#define LANE_ARCHIVE "archive" /* ACCOUNT/REGION/NAME: events kept for replay */
#define LANE_MAX 400           /* bytes of a whole lane name */

#define EVENT_NOTE_MAX 65536     /* bytes */
#define EVENT_BODY_MAX (8 << 20) /* bytes */

/* A record as its receiver holds it. It belongs to the receiver, which frees it with
 * event_free(); freeing deletes nothing on disk. */
struct event {
    struct list link; /* the owner's; first in the store's own hands */
    uint64_t id;      /* order of arrival over all lanes; rises, never used again */
    char *lane;
    int64_t arrived_ms; /* wall clock */
    int64_t due_ms;     /* wall clock; the store keeps it and does nothing with it */
    struct buffer note; /* what the lane's owner must remember about it: see model/note.h */
    struct buffer body; /* unless has_body is false: then event_store_read() gets it */
    size_t body_len;
    bool has_body;
};
void event_free(struct event *event);
/* Lets go of the body in memory; it stays on disk. For those who hold many. */
void event_drop_body(struct event *event);

struct event_receiver {
    const char *kind; /* LANE_* */
    /* The loop whose thread owns that lane; called on any thread, must not block and must
     * always say the same. */
    struct loop *(*home)(struct event_receiver *receiver, struct text lane);
    /* On the home loop: takes all events of the list, in order of arrival. After a start
     * they come without bodies, before any new one. */
    void (*arrived)(struct event_receiver *receiver, struct list *events);
};

struct event_store_options {
    const char *folder;    /* DATA; files go into DATA/events */
    int64_t max_bytes;     /* of records alive, notes and bodies; beyond it puts fail */
    int64_t segment_bytes; /* of one file; 0: 32 MB */
};

/* Opens or creates it and reads what is there; blocks; called by main before loops run.
 * A torn tail (crash, power cut) is cut off: it was never acknowledged. ERROR_SYSTEM: disk
 * trouble, or damage before the tail, told with file and offset. */
struct event_store *event_store_open(const struct event_store_options *options, struct error *err);
/* One for each kind, before the loops run. A kind with records and no receiver keeps them. */
void event_store_subscribe(struct event_store *store, struct event_receiver *receiver);
/* Tells the receivers what was left, by messages to their loops. Once. What is put before it
 * is told by it, after what was left. */
void event_store_start(struct event_store *store);
void event_store_close(struct event_store *store); /* finishes what was queued, then closes */
DEFINE_SCOPED(struct event_store *, event_store_close)

enum event_action {
    EVENT_PUT,    /* lane, due_ms, note, body -> id */
    EVENT_SET,    /* id: new due_ms and note; the body stays. Gone already: nothing is done */
    EVENT_DELETE, /* id; one that is gone already is no error */
};
struct event_change {
    enum event_action action;
    uint64_t id;      /* SET, DELETE: given; PUT: filled when done */
    struct text lane; /* PUT; borrowed until done, as are note and body */
    int64_t due_ms;
    struct text note, body;
};

/*
 * One write: all of it or nothing. Embedded in what waits for it.
 * done() runs on `loop` after it is on disk; put records have been posted to their homes by
 * then, and on the same loop have been told. failed: nothing of it is stored. *err: ERROR_LIMIT when the
 * store is full (max_bytes, or the disk): tell the client to slow down and to try again;
 * ERROR_SYSTEM otherwise. A write of nothing but SET and DELETE finds room also when the
 * store is full.
 */
struct event_write {
    void (*done)(struct event_write *write, bool failed, const struct error *err);
    struct loop *loop;
    struct event_change *changes; /* borrowed until done */
    size_t count;
    /* private */
    struct event_store *store;
    struct loop_message message;
    struct event_write *next;
    bool failed;
    struct error error;
};
void event_store_write(struct event_store *store, struct event_write *write);

/* Gets the bodies of records the caller holds. done() runs on `loop`; failed: the record is
 * gone or the disk could not be read, *err says which. */
struct event_read {
    void (*done)(struct event_read *read, bool failed, const struct error *err);
    struct loop *loop;
    uint64_t id;
    struct buffer body; /* filled; the caller's */
    /* private */
    struct event_store *store;
    struct loop_message message;
    struct event_read *next;
    bool failed;
    struct error error;
};
void event_store_read(struct event_store *store, struct event_read *read);

/* For metrics; any thread. */
struct event_counters {
    uint64_t puts, deletes, commits, failures;
    int64_t live_records, live_bytes; /* bytes count notes and bodies */
    int64_t disk_bytes;               /* of all files */
};
struct event_counters event_store_counters(const struct event_store *store);
