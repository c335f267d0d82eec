/* SPDX-License-Identifier: Apache-2.0 */
#include "store/queue_message.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/scoped.h"
#include "model/note.h"
#include "test.h"

TEST(a_lane_and_the_arn_of_its_queue_name_each_other)
{
    scoped(arena_done) struct arena arena = {0};
    struct text arn = TEXT("arn:aws:sqs:eu-west-1:123456789012:orders.fifo");
    struct text lane = queue_lane_of_arn(arn, &arena);

    CHECK_TEXT(lane, "queue/123456789012/eu-west-1/orders.fifo");
    CHECK(text_equal(queue_arn_of_lane(lane, &arena), arn));
}

/* A "/" in an ARN would make the lane of another queue of it. */
TEST(what_is_no_queue_has_no_lane)
{
    static const char *const arns[] = {
        "",
        "arn:aws:sqs:",
        "arn:aws:sqs:r:1",
        "arn:aws:sqs:r:1:",
        "arn:aws:sqs::1:q",
        "arn:aws:sqs:r::q",
        "arn:aws:sqs:r:1:q:x",
        "arn:aws:sqs:r:1:a/b",
        "arn:aws:sqs:r/1:2:q",
        "arn:aws:sns:r:1:q",
        "arn:aws:lambda:r:1:function:f",
    };
    static const char *const lanes[] = {"",          "queue",      "queue/",        "queue/1",
                                        "queue/1/r", "queue/1/r/", "function/1/r/f"};
    scoped(arena_done) struct arena arena = {0};

    for (size_t i = 0; i < COUNT_OF(arns); i++)
        CHECK_MSG(!text_is_set(queue_lane_of_arn(text_of(arns[i]), &arena)), "'%s'", arns[i]);
    for (size_t i = 0; i < COUNT_OF(lanes); i++)
        CHECK_MSG(!text_is_set(queue_arn_of_lane(text_of(lanes[i]), &arena)), "'%s'", lanes[i]);
}

TEST(a_message_is_put_with_all_that_is_said_of_it)
{
    const struct queue_message message = {
        .lane = TEXT("queue/123456789012/eu-west-1/dead"),
        .body = TEXT("{\"a\":1}"),
        .message_id = TEXT("11111111-2222-3333-4444-555555555555"),
        .attributes = TEXT("{\"x\":{}}"),
        .group = TEXT("g"),
        .dedup = TEXT("d"),
        .hops = 3,
        .delay_s = 5,
        .source_arn = TEXT("arn:s"),
        .dead_letter = TEXT("arn:d"),
        .origin_arn = TEXT("arn:o"),
    };
    scoped(arena_done) struct arena arena = {0};
    struct event_change change;
    struct note note;
    struct error err;
    int64_t before_ms = clock_now_ms();

    queue_message_put(&message, &arena, &change);
    int64_t after_ms = clock_now_ms();
    CHECK(change.action == EVENT_PUT);
    CHECK(text_equal(change.lane, message.lane));
    CHECK(text_equal(change.body, message.body));
    CHECK(change.due_ms >= before_ms + 5000 && change.due_ms <= after_ms + 5000);
    CHECK(note_parse(change.note, &arena, &note, &err) == 0);
    CHECK(text_equal(note.request_id, message.message_id));
    CHECK(text_equal(note.attributes, message.attributes));
    CHECK_TEXT(note.group, "g");
    CHECK_TEXT(note.dedup, "d");
    CHECK_TEXT(note.source_arn, "arn:s");
    CHECK_TEXT(note.dead_letter, "arn:d");
    CHECK_TEXT(note.origin_arn, "arn:o");
    CHECK(note.hops == 3 && note.sent_ms >= before_ms && note.sent_ms <= after_ms);
    CHECK_TEXT(note.sender, "123456789012"); /* the lane's account */
}

TEST(a_message_without_an_id_or_a_delay_has_its_own)
{
    const struct queue_message message = {
        .lane = TEXT("queue/1/r/q"), .sender = TEXT("me"), .delay_s = -1};
    scoped(arena_done) struct arena arena = {0};
    struct event_change one, two;
    struct note first, second;
    struct error err;

    queue_message_put(&message, &arena, &one);
    queue_message_put(&message, &arena, &two);
    CHECK(one.due_ms == 0); /* the queue's own says when */
    CHECK(note_parse(one.note, &arena, &first, &err) == 0);
    CHECK(note_parse(two.note, &arena, &second, &err) == 0);
    CHECK(first.request_id.len == 36 && !text_equal(first.request_id, second.request_id));
    CHECK_TEXT(first.sender, "me");
}

TEST(attributes_are_json_whatever_is_in_them)
{
    scoped(buffer_done) struct buffer json = {0};
    struct error err;

    queue_attributes_end(&json);
    CHECK(json.len == 0);
    queue_attributes_add(&json, TEXT("ErrorMessage"), TEXT("String"), TEXT("say \"no\"\n\\"));
    queue_attributes_add(&json, TEXT("n"), TEXT("Number"), TEXT("1"));
    queue_attributes_end(&json);

    scoped(json_decref) json_t *parsed = json_parse(buffer_text(&json), &err);
    CHECK_MSG(parsed, "%s", err.text);
    const json_t *message = json_object_get(parsed, "ErrorMessage");
    CHECK_TEXT(json_text(message, "StringValue"), "say \"no\"\n\\");
    CHECK_TEXT(json_text(message, "DataType"), "String");
    CHECK_TEXT(json_text(json_object_get(parsed, "n"), "StringValue"), "1");
    CHECK(json_object_size(parsed) == 2);
}
