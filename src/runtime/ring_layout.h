/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/*
 * The ring: one sealed shared memory between a shard and one instance, with events in
 * one direction and answers in the other (single producer, single consumer each). This
 * header is the whole contract between the daemon and the runtimes; it includes nothing
 * of either.
 *
 * Descriptors in the instance: 3 is the memory (struct ring, RING_BYTES), 4 the reading
 * end of a pipe that wakes the instance, 5 the writing end of one that wakes the shard:
 * 8 bytes for each time, several of which one read may take. The environment variable
 * _EVOKE_RING holds "1" (the version of this layout) when they are there, and
 * _EVOKE_FUNCTION_ARN what all events of this instance are invoked as. Descriptor 6 is a
 * connected stream socket on which the Runtime API is spoken, quicker than by its address;
 * _EVOKE_API_SOCKET holds "1" when it is there.
 *
 * Producer: write the record into data (contiguous; skip to offset 0 when it does not
 * fit before the end), fill the slot, store head + 1 (release), and when
 * exchange(waiting, 0) was 1, write to the consumer's pipe.
 * Consumer: while tail != head (acquire) take slots and store tail + 1 (release) when
 * the record is no longer needed: slots and data are freed in order. Before sleeping:
 * store waiting = 1, check head again (sequentially consistent), then block or poll on
 * the pipe.
 *
 * Life: the instance sets `attached` to 1 and wakes the shard (write to 5) as soon as
 * it knows that it will use the ring; it loads the handler; it sends ANSWER_READY or
 * ANSWER_INIT_ERROR (and exits), once; then each event gets exactly one ANSWER_RESPONSE or
 * ANSWER_ERROR, or is answered through the Runtime API (ANSWER_BY_API closes it in the
 * ring after the API call has succeeded).
 *
 * Events wait in the ring. Before it begins one, the instance must move slot.claim from
 * CLAIM_READY to CLAIM_TAKEN by compare-and-swap; when that fails the shard has taken
 * the event back (CLAIM_REVOKED) and the instance skips it without an answer.
 *
 * The shard trusts nothing in here: it keeps its own copies of what it wrote, bounds
 * every index, and copies before it looks.
 */
#define RING_VERSION 1u
#define RING_SLOTS 128u
#define RING_DATA_BYTES (256u << 10)
#define RING_RECORD_MAX (64u << 10)

#define RING_FD_MEMORY 3
#define RING_FD_WAKE 4
#define RING_FD_REPLY 5
#define RUNTIME_API_FD 6

enum ring_claim { CLAIM_READY = 1, CLAIM_TAKEN = 2, CLAIM_REVOKED = 3 };

/* An event. Its record is payload, client context (JSON, may be empty), trace header,
 * in this order. */
struct ring_event {
    _Atomic uint32_t claim;
    uint32_t flags;      /* RING_EVENT_BY_API */
    uint64_t sequence;   /* counts events of this instance from 1; keys log frames */
    int64_t deadline_ms; /* wall clock, ms since 1970 */
    uint32_t offset;     /* of the record in data */
    uint32_t payload_len, context_len, trace_len;
    char request_id[36];
    char reserved[52];
};
/* The event does not fit the ring, or has an ARN of its own: fetch it by GET
 * .../invocation/next. */
#define RING_EVENT_BY_API 1u

enum ring_answer_kind {
    ANSWER_READY = 1,  /* initialised; sequence 0, no record */
    ANSWER_INIT_ERROR, /* record: error JSON, error type */
    ANSWER_RESPONSE,   /* record: payload */
    ANSWER_ERROR,      /* record: error JSON, error type */
    ANSWER_BY_API,     /* answered through the Runtime API; no record */
};

struct ring_answer {
    uint32_t kind;
    uint32_t flags; /* 0 */
    uint64_t sequence;
    int64_t began_us, ended_us; /* CLOCK_MONOTONIC; the shard clamps them to what it saw */
    uint32_t offset;
    uint32_t payload_len, type_len;
    uint32_t reserved[5];
};

struct ring_counters {
    _Atomic uint32_t head; /* next slot to fill; written by the producer */
    char pad0[60];
    _Atomic uint32_t tail; /* next slot to read; written by the consumer */
    char pad1[60];
    _Atomic uint32_t waiting; /* the consumer sleeps */
    char pad2[60];
};

struct ring {
    uint32_t version; /* RING_VERSION, set by the shard */
    _Atomic uint32_t attached;
    char pad[56];
    struct ring_counters in, out;
    struct ring_event events[RING_SLOTS]; /* slot = counter % RING_SLOTS */
    struct ring_answer answers[RING_SLOTS];
    char event_data[RING_DATA_BYTES];
    char answer_data[RING_DATA_BYTES];
};
#define RING_BYTES sizeof(struct ring)

_Static_assert(sizeof(struct ring_event) == 128, "an event slot is two cache lines");
_Static_assert(sizeof(struct ring_answer) == 64, "an answer slot is one cache line");

/*
 * A log frame, written to descriptor 1 or 2 with one write() of at most 4096 bytes (so
 * that the pipe keeps it whole): what a handler printed, and the event it belongs to.
 * Text without a frame is taken as it is and belongs to the running event.
 */
#define RING_LOG_MAGIC 0xf5ee4c01u
#define RING_LOG_TEXT_MAX (4096u - 16u)
struct ring_log_frame {
    uint32_t magic;
    uint32_t len;      /* of the text that follows */
    uint64_t sequence; /* 0: none, as during initialisation */
};
