/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/ring_layout.h"

/*
 * The instance's side of the ring (runtime/ring_layout.h): one file for the C library,
 * the Node addon and the Python extension. It allocates nothing and is used by one
 * thread.
 *
 * Names begin with evoke_ because they are linked into other people's programs.
 */
struct evoke_ring {
    struct ring *shared;
    uint32_t in_tail;   /* of events: the one being worked on, or the next to take */
    uint32_t out_head;  /* of answers: the next slot to fill */
    uint32_t out_tail;  /* of answers: as last seen */
    uint64_t data_head; /* of answer_data, counted on without wrapping */
    uint64_t data_tail;
    uint64_t place;            /* where the record being written begins */
    uint64_t ends[RING_SLOTS]; /* of data, after the record of each slot */
    uint64_t sequence;         /* of the last event taken: keys log frames */
    int64_t began_us;
    bool is_open; /* an event is taken and not answered */
};

/* Whether the environment offers a ring of the version this file speaks. */
bool evoke_ring_offered(void);

/* Maps the ring and tells the shard that it is used. -1 with errno. */
int evoke_ring_open(struct evoke_ring *ring);

/* The next event, now this instance's to answer; NULL when there is none, and then the
 * shard will wake descriptor 4. No event may be open. The slot and its record stay until
 * the answer is given. */
const struct ring_event *evoke_ring_take(struct evoke_ring *ring);

/* Payload of an event; the client context and the trace header follow it. */
const char *evoke_ring_record(const struct evoke_ring *ring, const struct ring_event *event);

/* For a runtime that has nothing to do but wait: descriptor 4 blocks from now on, which
 * makes a wake-up one system call instead of three. */
void evoke_ring_block_wake(void);

/* Blocks until descriptor 4 is written to. -1 with errno, EINTR included. */
int evoke_ring_wait(void);

/* Clears descriptor 4, which must be readable or not block. */
void evoke_ring_drain_wake(void);

/* Where a record of want bytes (at most RING_DATA_BYTES) can be written now. Returns how
 * many bytes there are at *ret_at: at least want, or 0 when there is no such room yet. */
size_t evoke_ring_space(struct evoke_ring *ring, size_t want, char **ret_at);

/* The same, waiting for the shard to read its answers. NULL: more than RING_RECORD_MAX. */
char *evoke_ring_room(struct evoke_ring *ring, size_t len);

/* Publishes an answer whose record was written where evoke_ring_space() or
 * evoke_ring_room() said last, payload first. Any kind but READY and INIT_ERROR closes
 * the open event. */
void evoke_ring_answer(struct evoke_ring *ring, enum ring_answer_kind kind, size_t payload_len,
                       size_t type_len);

/* Room, copy, publish; also for kinds without a record. False, and nothing is sent: the
 * record is too large for the ring. */
bool evoke_ring_send(struct evoke_ring *ring, enum ring_answer_kind kind, const char *payload,
                     size_t payload_len, const char *type, size_t type_len);

/* Writes text as log frames of a sequence: cut at the end of a line, or else between
 * characters. */
void evoke_ring_log(int fd, uint64_t sequence, const char *text, size_t len);
