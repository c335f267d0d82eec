/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/uio.h>

#include "base/buffer.h"
#include "base/text.h"
#include "store/event_store.h"

/*
 * The format of the event log's files. All numbers are little-endian.
 *
 * segment:  head (64 bytes), frames, then zeros or what a crash left
 *     head:   "EvokeEvt" version:4 number:4 next_id:8 last_sequence:8 salt:4, zeros,
 *             crc:4 of the rest
 * frame:    one write, all or nothing; padded with zeros to a multiple of 8
 *     head:   "EvFr" length:4 sequence:8 durable:8 records:4 crc:4 of salt and these
 *     record: crc:4 of sequence and the rest without body, action:1 0:1 lane_len:2 id:8
 *             PUT and SET also: arrived_ms:8 due_ms:8 note_len:4 body_len:4 body_crc:4 0:4,
 *             lane, note, body
 *
 * Sequences rise from frame to frame, over all segments, and no number is given twice: what
 * is left of a write that failed can never be taken for one of those that came after it.
 * `durable` is the last sequence that was on disk for certain when the frame was written: it
 * tells a torn tail (nothing behind it was acknowledged) from damage. The salt is random: an
 * event whose body is made to look like a frame is not taken for one.
 *
 * The CRC is zlib's CRC-32: it is at hand, and what it costs does not show beside the rest.
 */
#define SEGMENT_HEAD 64
#define FRAME_HEAD 32
#define FRAME_ALIGN 8
#define RECORD_HEAD 16
#define RECORD_HEAD_LONG 48   /* of PUT and SET */
#define FRAME_MAX (256 << 20) /* bytes of one write */

uint32_t event_crc(uint32_t crc, const void *at, size_t len);

struct segment_head {
    uint32_t number;
    uint64_t next_id;       /* all ids below were given before */
    uint64_t last_sequence; /* of the last frame of the segment before */
    uint32_t salt;          /* of all frames of this one */
};
void segment_head_format(const struct segment_head *head, char out[static SEGMENT_HEAD]);
int segment_head_parse(struct text bytes, struct segment_head *ret, struct error *err);

struct event_record {
    enum event_action action;
    uint64_t id;
    int64_t arrived_ms, due_ms;
    struct text lane, note, body; /* SET: note only; DELETE: none */
};
size_t event_record_size(const struct event_record *record);

/* What tells a frame from any other: see above. */
struct event_stamp {
    uint32_t salt;
    uint64_t sequence, durable;
};

/* Frames on their way to disk: short pieces are copied, long ones borrowed. {0} is empty. */
struct event_batch {
    struct buffer copied;
    struct event_piece *pieces;
    size_t piece_count, piece_capacity;
    size_t len;                 /* of all frames */
    size_t frame_at, frame_len; /* the open frame: head in copied, bytes so far */
    uint32_t records;           /* of the open frame, as is the rest */
    struct event_stamp stamp;
};
void event_batch_clear(struct event_batch *batch); /* keeps memory */
void event_batch_done(struct event_batch *batch);
void event_frame_begin(struct event_batch *batch, struct event_stamp stamp);
/* Where the record starts, counted from the start of the batch. */
size_t event_frame_add(struct event_batch *batch, const struct event_record *record);
void event_frame_end(struct event_batch *batch);
/* The bytes from `from` on, at most max pieces; returns how many. Valid until the next add. */
int event_batch_pieces(const struct event_batch *batch, size_t from, struct iovec *out, int max);

/* A frame as it is read. */
struct event_frame {
    struct text bytes; /* all of it, padding too */
    uint64_t sequence, durable;
    uint32_t records;
    size_t at; /* of the next record; private from here */
    uint32_t next;
};
/* How long the frame is whose head bytes begins with; 0: that is no head. */
size_t event_frame_len(struct text bytes, uint32_t salt);
/* False unless bytes begin with a whole and sound frame. */
bool event_frame_parse(struct text bytes, uint32_t salt, struct event_frame *ret);
/* The next record of a sound frame and where in the frame it starts; false at the end. */
bool event_frame_next(struct event_frame *frame, struct event_record *ret, size_t *ret_at);

/* A record's head, lane and note, where what follows is not at hand: body has no bytes but its
 * length. False when bytes do not hold them. Damage is not found. */
bool event_record_parse_head(struct text bytes, struct event_record *ret);

/* Of a PUT record's head: where its body is (from the start of the record), and whether these
 * bytes are it. */
struct event_body {
    uint64_t id;
    size_t at, len;
    uint32_t crc;
};
bool event_body_find(struct text record_head, struct event_body *ret);
bool event_body_is_sound(const struct event_body *body, struct text bytes);
