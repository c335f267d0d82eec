/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_frame_priv.h"

#include "base/mem.h"
#include "base/scoped.h"
#include "test.h"

#define SALT 0x5eed5a17
#define LONG 40000 /* a body that a batch borrows rather than copies */

static inline void event_batch_done_scoped(struct event_batch *batch)
{
    event_batch_done(batch);
}

static const struct event_stamp stamp = {.salt = SALT, .sequence = 7, .durable = 5};

static struct event_record put_record(struct text body)
{
    return (struct event_record){.action = EVENT_PUT,
                                 .id = 1234567890123,
                                 .arrived_ms = 1790000000000,
                                 .due_ms = -1,
                                 .lane = TEXT("queue/0/r/work"),
                                 .note = TEXT("{\"n\":1}"),
                                 .body = body};
}

static void check_record(const struct event_record *got, const struct event_record *want)
{
    CHECK(got->action == want->action && got->id == want->id);
    CHECK(got->arrived_ms == want->arrived_ms && got->due_ms == want->due_ms);
    CHECK(text_equal(got->lane, want->lane));
    CHECK(text_equal(got->note, want->note));
    CHECK(text_equal(got->body, want->body));
}

/* What would be written, from a byte of the batch on, gathered by max pieces at a time. */
static void gather(const struct event_batch *batch, size_t from, int max, struct buffer *out)
{
    while (from < batch->len) {
        struct iovec pieces[8];
        int count = event_batch_pieces(batch, from, pieces, max);
        CHECK(count > 0 && count <= max);
        for (int i = 0; i < count; i++) {
            buffer_add(out, pieces[i].iov_base, pieces[i].iov_len);
            from += pieces[i].iov_len;
        }
    }
}

/* One frame with all kinds of records. */
static void make_frame(struct event_batch *batch, struct text body)
{
    const struct event_record put = put_record(body);
    const struct event_record set = {.action = EVENT_SET,
                                     .id = 9,
                                     .due_ms = 12,
                                     .lane = TEXT("queue/0/r/work"),
                                     .note = TEXT("later")};
    const struct event_record gone = {.action = EVENT_DELETE, .id = 8};

    event_frame_begin(batch, stamp);
    (void)event_frame_add(batch, &put);
    (void)event_frame_add(batch, &set);
    (void)event_frame_add(batch, &gone);
    event_frame_end(batch);
}

TEST(a_frame_is_read_as_it_was_written)
{
    scoped(free) char *body = mem_zalloc(LONG);
    const size_t lens[] = {0, 1, 7, 8, 16384, 16385, LONG};

    for (size_t i = 0; i < COUNT_OF(lens); i++) {
        struct text text = text_from(body, lens[i]);
        const struct event_record want = put_record(text);
        scoped(event_batch_done) struct event_batch batch = {0};
        scoped(buffer_done) struct buffer bytes = {0};
        struct event_frame frame;
        struct event_record got;
        size_t at;

        memset(body, 'a' + (int)i, LONG);
        make_frame(&batch, text);
        gather(&batch, 0, 8, &bytes);
        CHECK(bytes.len == batch.len && bytes.len % FRAME_ALIGN == 0);
        CHECK(event_frame_len(buffer_text(&bytes), SALT) == bytes.len);
        CHECK(event_frame_parse(buffer_text(&bytes), SALT, &frame));
        CHECK(frame.sequence == 7 && frame.durable == 5 && frame.records == 3);
        CHECK(event_frame_next(&frame, &got, &at) && at == FRAME_HEAD);
        check_record(&got, &want);

        struct event_body found;
        CHECK(event_body_find(text_skip(buffer_text(&bytes), at), &found));
        CHECK(found.id == want.id && found.len == text.len);
        CHECK(event_body_is_sound(&found, got.body));
        CHECK(event_frame_next(&frame, &got, &at) && got.action == EVENT_SET && got.due_ms == 12);
        CHECK_TEXT(got.note, "later");
        CHECK(event_frame_next(&frame, &got, &at) && got.action == EVENT_DELETE && got.id == 8);
        CHECK(!event_frame_next(&frame, &got, &at));
    }
}

TEST(every_changed_bit_of_a_frame_is_noticed)
{
    scoped(event_batch_done) struct event_batch batch = {0};
    scoped(buffer_done) struct buffer bytes = {0};
    struct event_frame frame;

    make_frame(&batch, TEXT("some body"));
    gather(&batch, 0, 8, &bytes);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        bytes.at[bit / 8] ^= (char)(1 << bit % 8);
        CHECK_MSG(!event_frame_parse(buffer_text(&bytes), SALT, &frame), "bit %zu", bit);
        bytes.at[bit / 8] ^= (char)(1 << bit % 8);
    }
    CHECK(event_frame_parse(buffer_text(&bytes), SALT, &frame));
}

TEST(a_frame_that_is_cut_off_or_of_another_segment_is_none)
{
    scoped(event_batch_done) struct event_batch batch = {0};
    scoped(buffer_done) struct buffer bytes = {0};
    struct event_frame frame;

    make_frame(&batch, TEXT("some body"));
    gather(&batch, 0, 8, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        /* A copy of its own, so that a sanitizer sees a read behind its end. */
        scoped(free) char *copy = mem_copy(bytes.at, len ? len : 1);
        CHECK_MSG(!event_frame_parse(text_from(copy, len), SALT, &frame), "%zu bytes", len);
    }
    CHECK(!event_frame_parse(buffer_text(&bytes), SALT + 1, &frame));
}

TEST(what_is_left_of_a_batch_is_the_same_wherever_a_write_stopped)
{
    scoped(free) char *body = mem_zalloc(LONG);
    scoped(event_batch_done) struct event_batch batch = {0};
    scoped(buffer_done) struct buffer whole = {0};

    for (size_t i = 0; i < LONG; i++)
        body[i] = (char)(i * 31);
    make_frame(&batch, text_from(body, LONG));
    make_frame(&batch, TEXT("short"));
    make_frame(&batch, text_from(body, LONG));
    gather(&batch, 0, 8, &whole);
    for (size_t from = 0; from < batch.len; from += 997) {
        scoped(buffer_done) struct buffer rest = {0};
        gather(&batch, from, 1 + (int)(from % 4), &rest);
        CHECK_MSG(text_equal(buffer_text(&rest), text_skip(buffer_text(&whole), from)),
                  "from byte %zu", from);
    }

    size_t len = batch.len;
    event_batch_clear(&batch);
    CHECK(batch.len == 0);
    make_frame(&batch, text_from(body, LONG));
    CHECK(batch.len < len);
}

TEST(a_head_of_a_record_is_read_without_its_body)
{
    const struct event_record want = put_record(TEXT("some body"));
    scoped(event_batch_done) struct event_batch batch = {0};
    scoped(buffer_done) struct buffer bytes = {0};
    struct event_record got;
    struct event_body body;

    event_frame_begin(&batch, stamp);
    size_t at = event_frame_add(&batch, &want);
    event_frame_end(&batch);
    gather(&batch, 0, 8, &bytes);
    size_t head = RECORD_HEAD_LONG + want.lane.len + want.note.len;
    struct text record = text_slice(buffer_text(&bytes), at, at + head);

    CHECK(event_record_parse_head(record, &got));
    CHECK(text_equal(got.note, want.note));
    CHECK(got.body.len == want.body.len && !got.body.at);
    for (size_t len = 0; len < head; len++)
        CHECK(!event_record_parse_head(text_slice(record, 0, len), &got));
    CHECK(event_body_find(record, &body) && body.at == head);
    CHECK(!event_body_is_sound(&body, TEXT("some bodx")));
    CHECK(!event_body_is_sound(&body, TEXT("some bod")));
}

TEST(the_head_of_a_segment_is_read_as_it_was_written)
{
    const struct segment_head want = {3, 1ull << 40, 77, SALT};
    char bytes[SEGMENT_HEAD];
    struct segment_head got;
    struct error err;

    segment_head_format(&want, bytes);
    CHECK(segment_head_parse(text_from(bytes, sizeof bytes), &got, &err) == 0);
    CHECK(got.number == 3 && got.next_id == 1ull << 40 && got.last_sequence == 77 &&
          got.salt == SALT);
    CHECK(segment_head_parse(text_from(bytes, sizeof bytes - 1), &got, &err) < 0);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        CHECK_MSG(segment_head_parse(text_from(bytes, sizeof bytes), &got, &err) < 0, "bit %zu",
                  bit);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
}
