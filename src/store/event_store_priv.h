/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "store/event_log_priv.h"

/* What is on its way from the writer to other loops: one message for all of one kind to one
 * loop, as waking a thread costs more than a record does. */
struct event_outbox {
    struct event_receiver *receivers[8];
    size_t receiver_count;
    struct event_delivery **deliveries; /* one for each receiver and loop */
    size_t delivery_count, delivery_capacity;
    struct event_answers *answers; /* one for each loop */
    size_t answer_count, answer_capacity;
};
void event_outbox_done(struct event_outbox *outbox);
/* Makes an event of a PUT record for the receiver of its kind, if there is one. body.at NULL
 * with a length: the event has no body in memory. */
void event_outbox_deliver(struct event_outbox *outbox, const struct event_record *record);
/* Takes a write that is finished. */
void event_outbox_answer(struct event_outbox *outbox, struct event_write *write);
void event_outbox_send(struct event_outbox *outbox);

/* Copies what lives in the oldest segments; see event_compact.c. */
struct event_compaction {
    struct loop_timer timer; /* set: steps are due */
    uint32_t segment, at;    /* what the next step reads */
    struct buffer window;
    struct event_batch batch;
    struct event_move *moves; /* whose frames are in the batch */
    size_t move_count, move_capacity;
    struct arena arena; /* of texts that the batch borrows */
};
/* Starts it when there is need. */
void event_compact_check(struct event_store *store);
void event_compact_done(struct event_compaction *compaction); /* after the writer has ended */

struct event_store {
    struct event_outbox outbox; /* receivers: filled before loops run; the rest is the writer's */
    struct loop *writer;        /* its thread owns all below, but for the counters */
    struct event_log log;
    struct event_index index;
    int64_t max_bytes;
    struct loop_task commit;
    struct event_write *pending, **pending_end; /* what the next commit takes, in order */
    struct event_batch batch;
    struct event_write *staged, **staged_end; /* whose frames are in the batch, in order */
    int64_t staged_growth;                    /* of what lives, once they are written */
    int64_t now_ms;                           /* wall clock of this commit */
    struct loop_message start;
    bool is_started; /* before it events are not delivered: they wait for their elders */
    struct event_compaction compaction;
    struct event_counters counted; /* what others see is copied from it */
    atomic_uint_fast64_t puts, deletes, commits, failures;
    atomic_int_fast64_t live_records, live_bytes, disk_bytes;
};

/* Reads the record's last SET, whose texts are borrowed from bytes. */
int event_store_read_set(const struct event_store *store, const struct event_entry *entry,
                         struct buffer *bytes, struct event_record *ret, struct error *err);
/* Tells others how things stand. */
void event_store_count(struct event_store *store);
