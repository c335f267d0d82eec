/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_frame_priv.h"

#include <endian.h>
#include <zlib.h>

#include "base/mem.h"

#define SEGMENT_MAGIC "EvokeEvt"
#define FRAME_MAGIC "EvFr"
#define VERSION 1
#define COPY_MAX 16384 /* longer texts are borrowed rather than copied */

/* Where things stand in a frame's head and in a record. */
enum {
    FRAME_LENGTH = 4,
    FRAME_SEQUENCE = 8,
    FRAME_DURABLE = 16,
    FRAME_RECORDS = 24,
    FRAME_CRC = 28
};
enum {
    RECORD_CRC = 0,
    RECORD_ACTION = 4,
    RECORD_LANE_LEN = 6,
    RECORD_ID = 8,
    RECORD_ARRIVED = 16,
    RECORD_DUE = 24,
    RECORD_NOTE_LEN = 32,
    RECORD_BODY_LEN = 36,
    RECORD_BODY_CRC = 40,
};

struct event_piece {
    const char *at; /* NULL: in copied, at offset */
    size_t offset, len;
};

static void put16(char *at, uint16_t number)
{
    number = htole16(number);
    memcpy(at, &number, sizeof number);
}

static void put32(char *at, uint32_t number)
{
    number = htole32(number);
    memcpy(at, &number, sizeof number);
}

static void put64(char *at, uint64_t number)
{
    number = htole64(number);
    memcpy(at, &number, sizeof number);
}

static uint16_t get16(const char *at)
{
    uint16_t number;

    memcpy(&number, at, sizeof number);
    return le16toh(number);
}

static uint32_t get32(const char *at)
{
    uint32_t number;

    memcpy(&number, at, sizeof number);
    return le32toh(number);
}

static uint64_t get64(const char *at)
{
    uint64_t number;

    memcpy(&number, at, sizeof number);
    return le64toh(number);
}

uint32_t event_crc(uint32_t crc, const void *at, size_t len)
{
    return len ? (uint32_t)crc32_z(crc, at, len) : crc;
}

static size_t align(size_t len)
{
    return (len + FRAME_ALIGN - 1) & ~(size_t)(FRAME_ALIGN - 1);
}

/* --- segments --- */

void segment_head_format(const struct segment_head *head, char out[static SEGMENT_HEAD])
{
    memset(out, 0, SEGMENT_HEAD);
    memcpy(out, SEGMENT_MAGIC, 8);
    put32(out + 8, VERSION);
    put32(out + 12, head->number);
    put64(out + 16, head->next_id);
    put64(out + 24, head->last_sequence);
    put32(out + 32, head->salt);
    put32(out + SEGMENT_HEAD - 4, event_crc(0, out, SEGMENT_HEAD - 4));
}

int segment_head_parse(struct text bytes, struct segment_head *ret, struct error *err)
{
    const char *at = bytes.at;

    if (bytes.len < SEGMENT_HEAD || memcmp(at, SEGMENT_MAGIC, 8) != 0 ||
        get32(at + SEGMENT_HEAD - 4) != event_crc(0, at, SEGMENT_HEAD - 4))
        return error_set(err, ERROR_SYSTEM, "its head is damaged");
    if (get32(at + 8) != VERSION)
        return error_set(err, ERROR_SYSTEM,
                         "it has format %u and this Evoke knows %d; use a newer one", get32(at + 8),
                         VERSION);
    *ret = (struct segment_head){.number = get32(at + 12),
                                 .next_id = get64(at + 16),
                                 .last_sequence = get64(at + 24),
                                 .salt = get32(at + 32)};
    return 0;
}

/* --- writing --- */

size_t event_record_size(const struct event_record *record)
{
    if (record->action == EVENT_DELETE)
        return RECORD_HEAD;
    return RECORD_HEAD_LONG + record->lane.len + record->note.len + record->body.len;
}

void event_batch_clear(struct event_batch *batch)
{
    buffer_clear(&batch->copied);
    batch->piece_count = 0;
    batch->len = 0;
}

void event_batch_done(struct event_batch *batch)
{
    buffer_done(&batch->copied);
    free(batch->pieces);
    *batch = (struct event_batch){0};
}

static struct event_piece *add_piece(struct event_batch *batch)
{
    if (batch->piece_count == batch->piece_capacity) {
        batch->piece_capacity = batch->piece_capacity ? batch->piece_capacity * 2 : 64;
        batch->pieces = mem_realloc(batch->pieces, batch->piece_capacity * sizeof *batch->pieces);
    }
    return &batch->pieces[batch->piece_count++];
}

/* Room for len bytes at the end of the batch; they count as added. */
static char *add_room(struct event_batch *batch, size_t len)
{
    struct event_piece *last = batch->piece_count ? &batch->pieces[batch->piece_count - 1] : NULL;
    char *room = buffer_room(&batch->copied, len);

    if (last && !last->at)
        last->len += len;
    else
        *add_piece(batch) = (struct event_piece){.offset = batch->copied.len, .len = len};
    buffer_added(&batch->copied, len);
    batch->len += len;
    batch->frame_len += len;
    return room;
}

static void add_text(struct event_batch *batch, struct text text)
{
    if (text.len == 0)
        return;
    if (text.len <= COPY_MAX) {
        memcpy(add_room(batch, text.len), text.at, text.len);
        return;
    }
    *add_piece(batch) = (struct event_piece){.at = text.at, .len = text.len};
    batch->len += text.len;
    batch->frame_len += text.len;
}

void event_frame_begin(struct event_batch *batch, struct event_stamp stamp)
{
    batch->stamp = stamp;
    batch->frame_len = 0;
    batch->records = 0;
    batch->frame_at = batch->copied.len;
    memset(add_room(batch, FRAME_HEAD), 0, FRAME_HEAD);
}

static size_t format_head(const struct event_record *record, char *head)
{
    size_t len = record->action == EVENT_DELETE ? RECORD_HEAD : RECORD_HEAD_LONG;

    memset(head, 0, len);
    head[RECORD_ACTION] = (char)record->action;
    put64(head + RECORD_ID, record->id);
    if (record->action == EVENT_DELETE)
        return len;
    put16(head + RECORD_LANE_LEN, (uint16_t)record->lane.len);
    put64(head + RECORD_ARRIVED, (uint64_t)record->arrived_ms);
    put64(head + RECORD_DUE, (uint64_t)record->due_ms);
    put32(head + RECORD_NOTE_LEN, (uint32_t)record->note.len);
    put32(head + RECORD_BODY_LEN, (uint32_t)record->body.len);
    put32(head + RECORD_BODY_CRC, event_crc(0, record->body.at, record->body.len));
    return len;
}

/* The sequence ties the record to its frame. */
static uint32_t record_crc(uint64_t sequence, const char *head, size_t head_len, struct text lane,
                           struct text note)
{
    uint32_t crc = event_crc((uint32_t)sequence, head + sizeof crc, head_len - sizeof crc);

    return event_crc(event_crc(crc, lane.at, lane.len), note.at, note.len);
}

size_t event_frame_add(struct event_batch *batch, const struct event_record *record)
{
    char head[RECORD_HEAD_LONG];
    size_t at = batch->len, len = format_head(record, head);
    bool is_delete = record->action == EVENT_DELETE;
    struct text lane = is_delete ? TEXT_NONE : record->lane;
    struct text note = is_delete ? TEXT_NONE : record->note;

    put32(head + RECORD_CRC, record_crc(batch->stamp.sequence, head, len, lane, note));
    memcpy(add_room(batch, len), head, len);
    add_text(batch, lane);
    add_text(batch, note);
    if (!is_delete)
        add_text(batch, record->body);
    batch->records++;
    return at;
}

void event_frame_end(struct event_batch *batch)
{
    size_t padding = align(batch->frame_len) - batch->frame_len;

    if (padding)
        memset(add_room(batch, padding), 0, padding);
    char *head = batch->copied.at + batch->frame_at;
    memcpy(head, FRAME_MAGIC, 4);
    put32(head + FRAME_LENGTH, (uint32_t)batch->frame_len);
    put64(head + FRAME_SEQUENCE, batch->stamp.sequence);
    put64(head + FRAME_DURABLE, batch->stamp.durable);
    put32(head + FRAME_RECORDS, batch->records);
    put32(head + FRAME_CRC, event_crc(batch->stamp.salt, head, FRAME_CRC));
}

int event_batch_pieces(const struct event_batch *batch, size_t from, struct iovec *out, int max)
{
    int count = 0;

    for (size_t i = 0; i < batch->piece_count && count < max; i++) {
        const struct event_piece *piece = &batch->pieces[i];
        const char *at = piece->at ? piece->at : batch->copied.at + piece->offset;

        if (from >= piece->len) {
            from -= piece->len;
            continue;
        }
        /* pwritev() does not write to it. */
        out[count++] = (struct iovec){(void *)(uintptr_t)(at + from), piece->len - from};
        from = 0;
    }
    return count;
}

/* --- reading --- */

size_t event_frame_len(struct text bytes, uint32_t salt)
{
    if (bytes.len < FRAME_HEAD || memcmp(bytes.at, FRAME_MAGIC, 4) != 0 ||
        get32(bytes.at + FRAME_CRC) != event_crc(salt, bytes.at, FRAME_CRC))
        return 0;
    size_t len = get32(bytes.at + FRAME_LENGTH);
    return len >= FRAME_HEAD && len <= FRAME_MAX && len % FRAME_ALIGN == 0 ? len : 0;
}

/* Without the body; SIZE_MAX: there is no telling. */
static size_t head_len(struct text bytes)
{
    if (bytes.len < RECORD_HEAD || (uint8_t)bytes.at[RECORD_ACTION] > EVENT_DELETE)
        return SIZE_MAX;
    if (bytes.at[RECORD_ACTION] == EVENT_DELETE)
        return RECORD_HEAD;
    if (bytes.len < RECORD_HEAD_LONG)
        return SIZE_MAX;
    return RECORD_HEAD_LONG + (size_t)get16(bytes.at + RECORD_LANE_LEN) +
           get32(bytes.at + RECORD_NOTE_LEN);
}

bool event_record_parse_head(struct text bytes, struct event_record *ret)
{
    const char *at = bytes.at;

    if (head_len(bytes) > bytes.len)
        return false;
    *ret = (struct event_record){.action = (enum event_action)at[RECORD_ACTION],
                                 .id = get64(at + RECORD_ID)};
    if (ret->action == EVENT_DELETE)
        return true;
    ret->arrived_ms = (int64_t)get64(at + RECORD_ARRIVED);
    ret->due_ms = (int64_t)get64(at + RECORD_DUE);
    ret->lane = text_from(at + RECORD_HEAD_LONG, get16(at + RECORD_LANE_LEN));
    ret->note = text_from(ret->lane.at + ret->lane.len, get32(at + RECORD_NOTE_LEN));
    ret->body.len = get32(at + RECORD_BODY_LEN);
    return true;
}

/* The record at the start of bytes and its size; false when it is not whole or is none. */
static bool parse_record(struct text bytes, struct event_record *ret, size_t *ret_len)
{
    if (!event_record_parse_head(bytes, ret))
        return false;
    *ret_len = event_record_size(ret);
    if (*ret_len > bytes.len)
        return false;
    ret->body.at = bytes.at + (*ret_len - ret->body.len);
    return true;
}

static bool is_record_sound(uint64_t sequence, const char *at, const struct event_record *record)
{
    size_t head = record->action == EVENT_DELETE ? RECORD_HEAD : RECORD_HEAD_LONG;

    if (get32(at + RECORD_CRC) != record_crc(sequence, at, head, record->lane, record->note))
        return false;
    return record->action == EVENT_DELETE ||
           get32(at + RECORD_BODY_CRC) == event_crc(0, record->body.at, record->body.len);
}

static bool are_records_sound(const struct event_frame *frame)
{
    struct text rest = text_skip(frame->bytes, FRAME_HEAD);
    struct event_record record;
    size_t len;

    for (uint32_t i = 0; i < frame->records; i++) {
        if (!parse_record(rest, &record, &len) ||
            !is_record_sound(frame->sequence, rest.at, &record))
            return false;
        rest = text_skip(rest, len);
    }
    if (rest.len >= FRAME_ALIGN)
        return false;
    for (size_t i = 0; i < rest.len; i++)
        if (rest.at[i])
            return false;
    return true;
}

bool event_frame_parse(struct text bytes, uint32_t salt, struct event_frame *ret)
{
    size_t len = event_frame_len(bytes, salt);

    if (len == 0 || len > bytes.len)
        return false;
    *ret = (struct event_frame){
        .bytes = text_slice(bytes, 0, len),
        .sequence = get64(bytes.at + FRAME_SEQUENCE),
        .durable = get64(bytes.at + FRAME_DURABLE),
        .records = get32(bytes.at + FRAME_RECORDS),
        .at = FRAME_HEAD,
    };
    return are_records_sound(ret);
}

bool event_frame_next(struct event_frame *frame, struct event_record *ret, size_t *ret_at)
{
    size_t len;

    if (frame->next == frame->records)
        return false;
    bool parsed = parse_record(text_skip(frame->bytes, frame->at), ret, &len);
    assert(parsed); /* the frame is sound */
    *ret_at = frame->at;
    frame->at += len;
    frame->next++;
    return true;
}

bool event_body_find(struct text head, struct event_body *ret)
{
    if (head.len < RECORD_HEAD_LONG || head.at[RECORD_ACTION] != EVENT_PUT)
        return false;
    *ret = (struct event_body){
        .id = get64(head.at + RECORD_ID),
        .at = RECORD_HEAD_LONG + (size_t)get16(head.at + RECORD_LANE_LEN) +
              get32(head.at + RECORD_NOTE_LEN),
        .len = get32(head.at + RECORD_BODY_LEN),
        .crc = get32(head.at + RECORD_BODY_CRC),
    };
    return true;
}

bool event_body_is_sound(const struct event_body *body, struct text bytes)
{
    return bytes.len == body->len && event_crc(0, bytes.at, bytes.len) == body->crc;
}
