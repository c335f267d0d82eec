/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/list.h"
#include "base/scoped.h"
#include "loop/loop.h"
#include "model/note.h"
#include "store/event_store.h"
#include "store/registry.h"
#include "store/queue_message.h"

/*
 * The built-in queue: Amazon SQS's semantics over lanes of the event store. A message is a
 * record of the lane "queue/ACCOUNT/REGION/NAME"; the queue is what is known about those
 * records in memory: which are visible, delayed, in flight, in what order.
 *
 * Three threads know a queue. The control thread owns its document (attributes, tags) in the
 * registry. Every shard has its settings, an immutable snapshot, to answer "does it exist".
 * Its home, the shard that the hash of its lane names, alone has the struct queue and the
 * messages. A change of the document is complete when every shard has it.
 */
struct queues; /* all of them, one a process */
struct queue;  /* one, on its home loop; borrowed there until the callback returns */

#define QUEUE_IN_FLIGHT_MAX 120000 /* SQS: of one queue */
#define QUEUE_VISIBILITY_MAX 43200 /* s; SQS: also in sum since the receive */
#define QUEUE_BATCH_MAX 10000      /* messages of one receive */
#define QUEUE_HANDLE_LEN 36        /* of a receipt handle */
#define QUEUE_MESSAGE_MAX 1048576  /* bytes; SQS: body and attributes */

/* Member of a queue's document: its deduplication scope as it was made, for SQS does not let a
 * later change of that attribute touch what is sent. */
#define QUEUE_SCOPE "scope"

/* What a queue's document says, parsed. Shared by threads, counted, never changed. */
struct queue_settings {
    _Atomic int references;
    char *lane, *arn;
    const char *name; /* within lane */
    int64_t visibility_s, delay_s, wait_s, retention_s, max_bytes;
    bool is_fifo, content_dedup;
    bool dedup_by_group;   /* DeduplicationScope messageGroup */
    char *dead_letter_arn; /* "": none */
    char *dead_letter_lane;
    int64_t max_receives;
};
void queue_settings_unref(const struct queue_settings *settings);
DEFINE_SCOPED(const struct queue_settings *, queue_settings_unref)

/* --- life: main, before and after the loops run --- */

struct queues_options {
    struct event_store *store;
    struct registry *registry; /* kind "queue"; used on the control thread once loops run */
    struct loop *control, **loops;
    int loop_count;
};
/* Reads the registry and becomes the receiver of LANE_QUEUE: before event_store_start(). */
struct queues *queues_new(const struct queues_options *options);
/* After event_store_start(); any thread. */
void queues_start(struct queues *queues);
/* Any thread: receives that wait end with nothing, and none waits from now on. */
void queues_drain(struct queues *queues);
/* Drained, and after the loops have ended. NULL does nothing. */
void queues_free(struct queues *queues);
DEFINE_SCOPED(struct queues *, queues_free)

/* --- which there are --- */

/* Any thread. */
struct loop *queues_home(const struct queues *queues, struct text lane);
/* On a shard's loop: NULL when there is none. Borrowed until the callback returns. */
const struct queue_settings *queues_find(const struct queues *queues, struct text lane);
/* On its home loop; NULL when there is none. */
struct queue *queues_here(const struct queues *queues, struct text lane);

/* On a shard's loop: calls run(), at once or when all that was left at the last end of the
 * daemon has come back. Before that a queue seems to have lost messages, and to forget what
 * was sent to it. */
struct queues_ready {
    void (*run)(struct queues_ready *ready);
    struct list link; /* private */
};
void queues_when_ready(struct queues *queues, struct queues_ready *ready);

/* Control thread. A document is
 *     {"attributes": {"DelaySeconds": "5", ...}, "tags": {...}, "created": s, "modified": s}
 * with attributes that were set and are valid. done() comes on the control thread when it is
 * on disk and every shard has it. document is taken; NULL deletes the queue and all that is
 * in it. key: "ACCOUNT/REGION/NAME". */
struct queues_change {
    void (*done)(struct queues_change *change, bool failed, const struct error *err);
    /* private */
    struct queues *queues;
    char *key;
    const struct queue_settings *settings; /* NULL: deleted */
    int index;                             /* of the next shard that hears of it */
    struct registry_change stored;
    struct loop_message message;
};
void queues_put(struct queues *queues, struct text key, json_t *document,
                struct queues_change *change);
/* Borrowed until the next change of that key. NULL: absent. */
const json_t *queues_document(const struct queues *queues, struct text key);

/* As registry_each(). */
void queues_each(const struct queues *queues, struct text prefix, struct text after,
                 bool (*each)(void *arg, struct text key, const json_t *document), void *arg);

/* --- messages: on the queue's home loop --- */

const struct queue_settings *queue_settings(const struct queue *queue);

/* Approximate only in that they change while the answer travels. */
struct queue_counts {
    int64_t visible, in_flight, delayed;
};
struct queue_counts queue_counts(const struct queue *queue);

/* One message to send: valid for this queue already. Texts are borrowed until done. */
struct queue_entry {
    struct text body, attributes, group, dedup, sender, trace; /* as in struct queue_message */
    int64_t hops;
    int64_t delay_s; /* -1: the queue's own */
    /* filled when done */
    char message_id[37]; /* of the first, for what was sent before (dedup) */
    uint64_t id;
    bool is_repeat; /* private */
};
/* done() runs on the home loop, never before the call has returned, when the messages are on
 * disk. failed: none of them is, ERROR_LIMIT: the store is full. */
struct queue_send {
    void (*done)(struct queue_send *send, bool failed, const struct error *err);
    struct queue_entry *entries;
    size_t count;
    /* private */
    struct queue *queue;
    struct event_write write;
    struct arena arena;
};
void queue_send(struct queue *queue, struct queue_send *send);
/* FIFO: the SequenceNumber of a record: 20 digits that rise. */
void queue_sequence(uint64_t id, char out[static 24]);

/* Whether the last purge is that long ago. */
bool queue_may_purge(const struct queue *queue, int64_t pause_ms);
/* Deletes all messages, those in flight too, and forgets what was sent (dedup). done() runs
 * on the home loop when they are off the disk. */
struct queue_purge {
    void (*done)(struct queue_purge *purge, bool failed, const struct error *err);
    /* private */
    struct queue *queue;
    uint64_t last; /* what came later stays */
    struct loop_task task;
    bool failed;
    struct error error;
};
void queue_purge(struct queue *queue, struct queue_purge *purge);

/* What a receipt handle stands for: the message, and which of its receives. */
struct queue_handle {
    uint64_t id;
    uint32_t receives;
};
void queue_handle_format(struct text lane, struct queue_handle handle,
                         char out[static QUEUE_HANDLE_LEN + 1]);
/* False: it was not made by this queue. */
bool queue_handle_parse(struct text lane, struct text text, struct queue_handle *ret);

/* A message handed out: in flight until it is deleted or its visibility ends. */
struct queue_delivery {
    struct queue_handle handle;
    struct note note; /* texts in the receive's arena; receives counts this one */
    struct buffer body;
    char sequence[24]; /* FIFO: SequenceNumber */
};

/*
 * Takes up to max messages, or waits for the first. Embedded in what waits. On a FIFO queue
 * what is handed out keeps the order of its groups, and a group is handed out again only
 * when all of it is settled.
 *
 * done() runs on the home loop, once, never before queue_receive() has returned; count is 0
 * when nothing came in time, the queue was deleted, or the daemon stops. Then the receiver
 * calls queue_receive_done(). Receive counts and the end of visibility are stored behind
 * the answer: after a crash within that moment a message may come again as if it had not
 * been received.
 */
struct queue_receive {
    void (*done)(struct queue_receive *receive);
    size_t max;           /* 1 to QUEUE_BATCH_MAX */
    size_t max_bytes;     /* of bodies, beyond the first message; 0: any */
    int64_t wait_ms;      /* 0: answer with what is there */
    int64_t visibility_s; /* -1: the queue's own */
    /* the answer */
    struct queue_delivery *deliveries; /* in arena */
    size_t count;
    bool over_limit; /* QUEUE_IN_FLIGHT_MAX are in flight */
    struct arena arena;
    /* private */
    struct queue *queue;
    struct list link;
    struct loop_timer timer;
    struct loop_task task;
    struct queue_fetch *fetch;
};
void queue_receive(struct queue *queue, struct queue_receive *receive);
/* While it waits for a message: done() comes with nothing. No-op otherwise. */
void queue_receive_cancel(struct queue_receive *receive);
void queue_receive_done(struct queue_receive *receive);

/* What came of one message of a delete or a change of visibility. */
enum queue_verdict {
    QUEUE_OK,       /* also for what was deleted before */
    QUEUE_EXPIRED,  /* FIFO: visibility ended, the handle is worth nothing */
    QUEUE_ABSENT,   /* visibility: no such message */
    QUEUE_TOO_LONG, /* visibility: beyond QUEUE_VISIBILITY_MAX since the receive */
};
struct queue_item {
    struct queue_handle handle;
    int64_t visibility_s;       /* of queue_hide() */
    enum queue_verdict verdict; /* filled by the call itself */
};

/* Deletes messages; done() runs on the home loop, never before the call has returned, when
 * they are off the disk. failed: what was in flight still is. */
struct queue_delete {
    void (*done)(struct queue_delete *delete, bool failed, const struct error *err);
    struct queue_item *items; /* borrowed until done */
    size_t count;
    /* private */
    struct queue *queue;
    struct loop_task task;
};
void queue_delete(struct queue *queue, struct queue_delete *delete);

/* Sets the end of visibility, from now; 0: visible at once. Takes effect in the call, and
 * is stored behind it. */
void queue_hide(struct queue *queue, struct queue_item *items, size_t count);

/* --- move tasks: what is visible in a dead letter queue goes back --- */

enum queue_task_status { TASK_RUNNING, TASK_COMPLETED, TASK_CANCELLED, TASK_FAILED };
struct queue_task_info {
    char id[37];
    enum queue_task_status status;
    struct text destination_arn; /* TEXT_NONE: each message to the queue it died in */
    int64_t per_second;          /* 0: as fast as it goes */
    int64_t moved, to_move, started_ms;
    const char *failure; /* AWS's word, of a failed one */
};
/* One at a time: false when one is under way. It lives in memory: a restart of the daemon
 * ends it, with every message in the one queue or the other. */
bool queue_task_start(struct queue *queue, struct text destination_arn, int64_t per_second,
                      char ret_id[static 37]);
/* False: no such task is under way. */
bool queue_task_cancel(struct queue *queue, struct text id, int64_t *ret_moved);
/* The newest first, at most max; each() returns false to stop. */
void queue_tasks_each(const struct queue *queue,
                      bool (*each)(void *arg, const struct queue_task_info *info), void *arg);
