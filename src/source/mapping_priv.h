/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "router/pattern.h"
#include "source/mapping.h"

/* What the files of event source mappings share. */

/* A document, parsed; shared by threads, counted, never changed. */
struct mapping {
    _Atomic int references;
    char *key;
    char *queue_arn, *lane;
    char *account, *region, *name, *qualifier; /* of the function */
    size_t batch;
    int64_t window_ms;
    int concurrency; /* 0: not limited by the mapping */
    bool is_partial, is_enabled;
    struct pattern **filters;
    size_t filter_count;
};
/* NULL and ERROR_INVALID: not a document. */
const struct mapping *mapping_parse(struct text key, const json_t *document, struct error *err);
const struct mapping *mapping_ref(const struct mapping *mapping);
void mapping_unref(const struct mapping *mapping); /* NULL does nothing */

/* --- the control thread's side: mappings.c --- */

enum phase {
    PHASE_SETTLED,
    PHASE_CREATING,
    PHASE_UPDATING,
    PHASE_ENABLING,
    PHASE_DISABLING,
    PHASE_DELETING,
};

struct mappings {
    struct mappings_options options;
    struct mapping_place *places;
    struct map *pollers; /* of each place: key -> struct poller; on its loop */
    struct map entries;  /* key -> struct entry; control thread */
    atomic_bool is_draining;
};

/* What the home of a queue is told, and tells when it acts by it. */
struct publication {
    struct loop_message message;
    struct mappings *mappings;
    const struct mapping *mapping;
    bool is_wanted; /* false: disabled, or deleted */
    uint64_t serial;
};
void publication_done(struct publication *publication); /* on the home; takes it */

/* --- the home's side: mapping_poller.c --- */

struct poller {
    struct mappings *mappings;
    const struct mapping_place *place;
    const struct mapping *mapping; /* counted */
    struct receipt *receiving;     /* of the receive under way */
    struct batch *gathering;       /* not full, and its window is open */
    struct loop_timer retry;       /* the queue is not there */
    struct list batches;           /* every other batch: running, or waiting for room */
    int batch_count, writes;       /* writes: of dead letters */
    int limit;                     /* how many at a time; rises with each that succeeded */
    bool is_stopping;
    struct publication *leaving; /* told when the last batch has ended */
};
void poller_publish(struct publication *publication);
void poller_free(struct poller *poller);
/* After a batch has ended, when there may be more to receive, or nothing is left to do. */
void poller_look(struct poller *poller);

/* What one receive brought; its arena holds the notes until the batch is done. */
struct receipt {
    struct list link; /* in the batch */
    struct poller *poller;
    struct queue_receive receive;
    int64_t began_us;
};

/* --- batches: mapping_batch.c --- */

struct batch {
    struct poller *poller;
    struct list link;
    struct list receipts;
    struct buffer payload; /* {"Records":[... */
    struct queue_item *items;
    struct text *ids; /* MessageIds, in the receipts' arenas */
    size_t count, capacity;
    int64_t opened_us, expires_us; /* of the first message: received, visible again */
    int64_t hops;
    char trace[160];
    int64_t backoff_ms;
    struct loop_timer timer;
    struct queue_delete delete;
};
struct batch *batch_new(struct poller *poller);
/* False: it is full without that message. */
bool batch_add(struct batch *batch, const struct queue_delivery *delivery);
void batch_run(struct batch *batch); /* takes it: it ends by itself */
void batch_free(struct batch *batch);

/* --- messages: mapping_record.c --- */

/* The message as an element of Records, as SQS gives it to Lambda. */
void record_add(struct buffer *out, const struct poller *poller,
                const struct queue_delivery *delivery);
/* Whether one of the mapping's filters takes it. */
bool record_is_wanted(const struct poller *poller, const struct queue_delivery *delivery);

/* --- ReportBatchItemFailures: mapping_answer.c --- */

/* Marks which of the messages failed. False: the answer cannot be understood, and so all. */
bool answer_failures(struct text answer, const struct text *ids, size_t count, bool *failed);
