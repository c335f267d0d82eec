/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#define FIFO "{\"FifoQueue\":\"true\"}"

TEST(messages_come_in_order_and_once)
{
    struct world world;

    world_init(&world);
    make(&world, "q", "{}");
    send_one(&world, "q", "a", NULL, NULL);
    send_one(&world, "q", "b", NULL, NULL);
    send_one(&world, "q", "c", NULL, NULL);
    CHECK_RECEIVE(&world, "q", 2, -1, "a b");
    CHECK_RECEIVE(&world, "q", 2, -1, "c");
    CHECK_RECEIVE(&world, "q", 2, -1, "");
    struct queue_counts now = counts(&world, "q");
    CHECK(now.visible == 0 && now.in_flight == 3 && now.delayed == 0);
    world_done(&world);
}

TEST(a_receive_stops_before_too_many_bytes_but_takes_one)
{
    struct world world;

    world_init(&world);
    make(&world, "q", "{}");
    send_one(&world, "q", "12345", NULL, NULL);
    send_one(&world, "q", "123", NULL, NULL);
    send_one(&world, "q", "12", NULL, NULL);
    struct receiving first = {
        .world = &world, .queue = "q", .receive = {.max = 10, .max_bytes = 4, .visibility_s = -1}};
    step(&world, run_receive, &first);
    CHECK_TEXT(text_of(first.bodies), "12345");
    first.receive = (struct queue_receive){.max = 10, .max_bytes = 5, .visibility_s = -1};
    step(&world, run_receive, &first);
    CHECK_TEXT(text_of(first.bodies), "123 12");
    world_done(&world);
}

TEST(what_is_in_flight_delayed_and_counted_survives)
{
    struct world world;

    world_init(&world);
    make(&world, "q", "{}");
    make(&world, "late", "{\"DelaySeconds\":\"900\"}");
    send_one(&world, "late", "l", NULL, NULL);
    send_one(&world, "q", "a", NULL, NULL);
    send_one(&world, "q", "b", NULL, NULL);
    struct receiving got = receive(&world, "q", 1, 600, 0);
    CHECK_TEXT(text_of(got.bodies), "a");
    world_reopen(&world);
    CHECK_RECEIVE(&world, "q", 10, -1, "b");
    CHECK_RECEIVE(&world, "late", 10, -1, "");
    CHECK(counts(&world, "late").delayed == 1);
    CHECK(hide(&world, "q", got.handles[0], 0) == QUEUE_OK);
    got = receive(&world, "q", 1, -1, 0);
    CHECK_TEXT(text_of(got.bodies), "a");
    CHECK(got.receives == 2);
    CHECK(delete_one(&world, "q", got.handles[0]) == QUEUE_OK);
    world_reopen(&world);
    CHECK(counts(&world, "q").in_flight == 1);
    world_done(&world);
}

TEST(a_handle_is_good_for_its_receive)
{
    struct world world;

    world_init(&world);
    make(&world, "q", "{}");
    make(&world, "f.fifo", FIFO);
    send_one(&world, "q", "a", NULL, NULL);
    send_one(&world, "f.fifo", "a", "g", "1");
    struct receiving old = receive(&world, "q", 1, 0, 0), now = receive(&world, "q", 1, 60, 0);
    CHECK(hide(&world, "q", old.handles[0], 0) == QUEUE_OK);
    CHECK(hide(&world, "q", old.handles[0], 0) == QUEUE_OK);
    CHECK(counts(&world, "q").visible == 1);
    CHECK(hide(&world, "q", old.handles[0], 5) == QUEUE_OK);
    CHECK(counts(&world, "q").in_flight == 1);
    CHECK(hide(&world, "q", now.handles[0], QUEUE_VISIBILITY_MAX + 1) == QUEUE_TOO_LONG);
    CHECK(hide(&world, "q", now.handles[0], 5) == QUEUE_OK);
    CHECK(delete_one(&world, "q", old.handles[0]) == QUEUE_OK);
    CHECK(delete_one(&world, "q", now.handles[0]) == QUEUE_OK);
    CHECK(hide(&world, "q", now.handles[0], 5) == QUEUE_ABSENT);

    old = receive(&world, "f.fifo", 1, 0, 0);
    CHECK(hide(&world, "f.fifo", old.handles[0], 5) == QUEUE_EXPIRED);
    CHECK(delete_one(&world, "f.fifo", old.handles[0]) == QUEUE_EXPIRED);
    now = receive(&world, "f.fifo", 1, 60, 0);
    CHECK(delete_one(&world, "f.fifo", old.handles[0]) == QUEUE_EXPIRED);
    CHECK(delete_one(&world, "f.fifo", now.handles[0]) == QUEUE_OK);
    CHECK(delete_one(&world, "f.fifo", now.handles[0]) == QUEUE_OK);
    world_done(&world);
}

TEST(a_handle_is_of_its_queue)
{
    char text[QUEUE_HANDLE_LEN + 1];
    struct queue_handle handle = {UINT64_C(1) << 60, 7}, read;

    queue_handle_format(TEXT("queue/a"), handle, text);
    CHECK(queue_handle_parse(TEXT("queue/a"), text_of(text), &read));
    CHECK(read.id == handle.id && read.receives == handle.receives);
    CHECK(!queue_handle_parse(TEXT("queue/b"), text_of(text), &read));
    for (size_t i = 0; i < QUEUE_HANDLE_LEN; i++) {
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        CHECK_MSG(!queue_handle_parse(TEXT("queue/a"), text_of(text), &read), "%zu", i);
        text[i] = kept;
    }
    CHECK(!queue_handle_parse(TEXT("queue/a"), TEXT(""), &read));
    CHECK(!queue_handle_parse(TEXT("queue/a"), TEXT("garbage"), &read));
}

TEST(groups_are_held_back_by_their_first_message)
{
    struct world world;

    world_init(&world);
    make(&world, "f.fifo", FIFO);
    send_one(&world, "f.fifo", "a1", "a", "1");
    send_one(&world, "f.fifo", "b1", "b", "2");
    send_one(&world, "f.fifo", "a2", "a", "3");
    struct receiving got = receive(&world, "f.fifo", 3, -1, 0);
    CHECK_TEXT(text_of(got.bodies), "a1 a2 b1");
    send_one(&world, "f.fifo", "a3", "a", "4");
    CHECK_RECEIVE(&world, "f.fifo", 3, -1, "");
    /* What is hidden in the middle holds back what is behind it, not what is before. */
    CHECK(hide(&world, "f.fifo", got.handles[0], 0) == QUEUE_OK);
    CHECK_RECEIVE(&world, "f.fifo", 3, -1, "a1");
    CHECK(delete_one(&world, "f.fifo", got.handles[1]) == QUEUE_OK);
    CHECK_RECEIVE(&world, "f.fifo", 3, -1, "");
    world_reopen(&world);
    CHECK_RECEIVE(&world, "f.fifo", 3, -1, "");
    CHECK(counts(&world, "f.fifo").visible == 1);
    world_done(&world);
}

TEST(what_was_sent_is_known_after_it_was_deleted_and_a_restart)
{
    struct world world;

    world_init(&world);
    make(&world, "f.fifo", FIFO);
    uint64_t first = send_one(&world, "f.fifo", "a", "g", "same");
    CHECK(send_one(&world, "f.fifo", "b", "h", "same") == first);
    struct receiving got = receive(&world, "f.fifo", 10, -1, 0);
    CHECK_TEXT(text_of(got.bodies), "a");
    CHECK(delete_one(&world, "f.fifo", got.handles[0]) == QUEUE_OK);
    for (int i = 0; i < 2; i++) {
        world_reopen(&world);
        send_one(&world, "f.fifo", "c", "g", "same");
        CHECK_RECEIVE(&world, "f.fifo", 10, -1, "");
    }
    CHECK(send_one(&world, "f.fifo", "d", "g", "other") > first);
    CHECK_RECEIVE(&world, "f.fifo", 10, -1, "d");
    world_done(&world);
}

TEST(a_message_received_too_often_moves_to_the_dead_letter_queue)
{
    struct world world;

    world_init(&world);
    make(&world, "dead", "{}");
    make(&world, "q",
         "{\"RedrivePolicy\":\"{\\\"deadLetterTargetArn\\\":"
         "\\\"arn:aws:sqs:us-east-1:000000000000:dead\\\",\\\"maxReceiveCount\\\":2}\"}");
    send_one(&world, "q", "poison", NULL, NULL);
    send_one(&world, "q", "neighbour", NULL, NULL);
    CHECK_RECEIVE(&world, "q", 1, 0, "poison");
    CHECK_RECEIVE(&world, "q", 1, 60, "neighbour");
    world_reopen(&world); /* the body is read from disk on the way */
    CHECK_RECEIVE(&world, "q", 1, 0, "poison");
    CHECK_RECEIVE(&world, "q", 1, 0, "");
    struct receiving got = receive(&world, "dead", 10, -1, 10000);
    CHECK_TEXT(text_of(got.bodies), "poison");
    CHECK_TEXT(text_of(got.origin), "arn:aws:sqs:us-east-1:000000000000:q");
    CHECK(got.receives == 3);
    world_reopen(&world);
    CHECK(counts(&world, "q").in_flight == 1 && counts(&world, "dead").in_flight == 1);
    world_done(&world);
}

struct putting {
    struct world *world;
    struct event_write write;
    struct event_change change;
    struct queue_message message;
    struct arena arena;
};

static void on_put(struct event_write *write, bool failed, const struct error *err)
{
    CHECK_MSG(!failed, "%s", err->text);
    answer(container_of(write, struct putting, write)->world);
}

static void run_put(struct world *world, void *arg)
{
    struct putting *putting = arg;

    queue_message_put(&putting->message, &putting->arena, &putting->change);
    putting->write = (struct event_write){
        .done = on_put, .loop = world->loop, .changes = &putting->change, .count = 1};
    event_store_write(world->events, &putting->write);
}

static void put(struct world *world, const char *name, const char *body, const char *dead_letter)
{
    struct putting putting = {.world = world};
    struct text arn = text_of(name);

    putting.message = (struct queue_message){.lane = queue_lane_of_arn(arn, &putting.arena),
                                             .body = text_of(body),
                                             .dead_letter = text_of(dead_letter),
                                             .source_arn = TEXT("rule"),
                                             .delay_s = -1};
    CHECK(text_is_set(putting.message.lane));
    step(world, run_put, &putting);
    arena_done(&putting.arena);
}

#define ARN(name) "arn:aws:sqs:us-east-1:000000000000:" name

TEST(anybody_puts_messages_by_a_record)
{
    struct world world;

    world_init(&world);
    make(&world, "q", "{}");
    put(&world, ARN("q"), "by record", NULL);
    struct receiving got = receive(&world, "q", 10, -1, 10000);
    CHECK_TEXT(text_of(got.bodies), "by record");
    world_done(&world);
}

TEST(what_is_for_a_queue_that_is_not_there_goes_to_its_dead_letter_queue)
{
    struct world world;

    world_init(&world);
    make(&world, "dead", "{}");
    put(&world, ARN("nosuch"), "dropped", NULL);
    put(&world, ARN("nosuch"), "saved", ARN("dead"));
    struct receiving got = receive(&world, "dead", 10, -1, 10000);
    CHECK_TEXT(text_of(got.bodies), "saved");
    world_reopen(&world);
    CHECK(event_store_counters(world.events).live_records == 1);
    world_done(&world);
}

TEST(a_deleted_queue_takes_its_messages_with_it)
{
    struct world world;

    world_init(&world);
    make(&world, "f.fifo", FIFO);
    for (int i = 0; i < 5; i++)
        send_one(&world, "f.fifo", "m", "g", (char[]){(char)('a' + i), '\0'});
    struct receiving got = receive(&world, "f.fifo", 2, -1, 0);
    CHECK(delete_one(&world, "f.fifo", got.handles[0]) == QUEUE_OK);
    make(&world, "f.fifo", NULL);
    world_reopen(&world);
    make(&world, "f.fifo", FIFO);
    send_one(&world, "f.fifo", "new", "g", "a");
    CHECK_RECEIVE(&world, "f.fifo", 10, -1, "new");
    CHECK(event_store_counters(world.events).live_records == 1);
    world_done(&world);
}

TEST(a_waiting_receive_is_served_ended_or_cancelled)
{
    struct world world;
    struct receiving got;

    world_init(&world);
    make(&world, "late", "{\"DelaySeconds\":\"1\"}");
    send_one(&world, "late", "a", NULL, NULL);
    got = receive(&world, "late", 10, -1, 10000);
    CHECK_TEXT(text_of(got.bodies), "a");
    got = receive(&world, "late", 10, -1, 1);
    CHECK(got.count == 0);
    /* visibility ends while it waits */
    make(&world, "q", "{}");
    send_one(&world, "q", "b", NULL, NULL);
    CHECK_RECEIVE(&world, "q", 1, 1, "b");
    got = receive(&world, "q", 1, -1, 10000);
    CHECK_TEXT(text_of(got.bodies), "b");
    world_done(&world);
}

TEST(what_is_older_than_the_queue_keeps_is_gone)
{
    struct world world;

    world_init(&world);
    make(&world, "q", "{\"MessageRetentionPeriod\":\"60\"}");
    send_one(&world, "q", "young", NULL, NULL);
    CHECK_RECEIVE(&world, "q", 1, 0, "young");
    make(&world, "q", "{\"MessageRetentionPeriod\":\"0\"}");
    CHECK_RECEIVE(&world, "q", 1, 0, "");
    world_reopen(&world);
    CHECK(event_store_counters(world.events).live_records == 0);
    world_done(&world);
}
