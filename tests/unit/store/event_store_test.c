/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

TEST(a_record_arrives_once_it_is_on_disk_with_all_it_was_given)
{
    struct world world;
    struct event_change change = put_of("queue/1/a", "{}", TEXT("body"));

    world_init(&world);
    change.due_ms = 123;
    CHECK(commit(&world, &change, 1) == 0);
    wait_for(&world.delivered, 1);
    const struct event *event = container_of(world.arrived.next, struct event, link);
    CHECK(event->id == change.id && change.id > 0);
    CHECK_TEXT(text_of(event->lane), "queue/1/a");
    CHECK_TEXT(buffer_text(&event->note), "{}");
    CHECK_TEXT(buffer_text(&event->body), "body");
    CHECK(event->has_body && event->body_len == 4 && event->due_ms == 123);
    CHECK(event->arrived_ms > 1600000000000);
    world_done(&world);
}

TEST(what_was_left_is_told_again_in_order_without_bodies)
{
    struct world world;

    world_init(&world);
    uint64_t first = put(&world, "queue/a", "one", TEXT("12345"));
    uint64_t second = put(&world, "queue/b", "two", TEXT(""));
    uint64_t third = put(&world, "queue/a", "three", TEXT("1"));
    set(&world, first, "one again", 77);
    delete (&world, second);
    world_reopen(&world);
    check_arrived(&world, "queue/a one again 5;queue/a three 1;");
    struct event *event = container_of(world.arrived.next, struct event, link);
    CHECK(event->id == first && event->due_ms == 77 && !event->has_body && !event->body.at);
    CHECK(event->arrived_ms > 1600000000000);
    check_body(&world, first, TEXT("12345"));
    check_body(&world, third, TEXT("1"));
    uint64_t fourth = put(&world, "queue/c", "four", TEXT(""));
    CHECK(fourth > third);
    check_arrived(&world, "queue/a one again 5;queue/a three 1;queue/c four 0;");
    world_done(&world);
}

TEST(ids_are_not_used_again_after_everything_is_gone)
{
    struct world world;

    world_init(&world);
    uint64_t first = put(&world, "queue/a", "", TEXT("x"));
    delete (&world, first);
    world_reopen(&world);
    CHECK(put(&world, "queue/a", "", TEXT("x")) > first);
    world_done(&world);
}

TEST(a_record_moves_between_lanes_in_one_write)
{
    struct world world;

    world_init(&world);
    uint64_t id = put(&world, "queue/a", "", TEXT("x"));
    struct event_change changes[] = {put_of("queue/dead", "n", TEXT("x")),
                                     {.action = EVENT_DELETE, .id = id},
                                     put_of("queue/more", "", TEXT("yy"))};
    CHECK(commit(&world, changes, COUNT_OF(changes)) == 0);
    CHECK(changes[0].id > id && changes[2].id > changes[0].id);
    world_reopen(&world);
    check_arrived(&world, "queue/dead n 1;queue/more  2;");
    world_done(&world);
}

TEST(a_write_that_cannot_be_stored_leaves_nothing)
{
    struct world world;
    scoped(free) char *large = mem_zalloc(EVENT_BODY_MAX + 1);

    world_init(&world);
    uint64_t id = put(&world, "queue/a", "", TEXT("x"));
    struct event_change changes[] = {
        put_of("queue/b", "", TEXT("x")),
        {.action = EVENT_DELETE, .id = id},
        put_of("queue/b", "", text_from(large, EVENT_BODY_MAX + 1)),
    };
    CHECK(commit(&world, changes, COUNT_OF(changes)) == ERROR_LIMIT);
    changes[2].body.len = 1;
    changes[2].note = text_from(large, EVENT_NOTE_MAX + 1);
    CHECK(commit(&world, changes, COUNT_OF(changes)) == ERROR_LIMIT);
    changes[2].note.len = 1;
    changes[2].lane = text_from(large, LANE_MAX + 1);
    CHECK(commit(&world, changes, COUNT_OF(changes)) == ERROR_LIMIT);
    CHECK(event_store_counters(world.store).failures == 3);
    world_reopen(&world);
    check_arrived(&world, "queue/a  1;");
    world_done(&world);
}

TEST(the_longest_of_everything_is_stored)
{
    struct world world;
    scoped(free) char *large = mem_zalloc(EVENT_BODY_MAX);

    world_init(&world);
    memset(large, 'x', EVENT_BODY_MAX);
    memcpy(large, "queue/", 6);
    struct event_change changes[3];
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        changes[i] = (struct event_change){
            .action = EVENT_PUT,
            .lane = text_from(large, LANE_MAX),
            .note = text_from(large, EVENT_NOTE_MAX),
            .body = text_from(large, EVENT_BODY_MAX),
        };
    CHECK(commit(&world, changes, COUNT_OF(changes)) == 0);
    world_reopen(&world);
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        check_body(&world, changes[i].id, changes[i].body);
    wait_for(&world.delivered, COUNT_OF(changes));
    const struct event *event = container_of(world.arrived.next, struct event, link);
    CHECK(event->note.len == EVENT_NOTE_MAX && strlen(event->lane) == LANE_MAX);
    world_done(&world);
}

TEST(to_delete_or_set_what_is_gone_is_no_error)
{
    struct world world;

    world_init(&world);
    uint64_t id = put(&world, "queue/a", "", TEXT("x"));
    delete (&world, id);
    delete (&world, id);
    delete (&world, UINT64_MAX);
    set(&world, id, "n", 0);
    CHECK(event_store_counters(world.store).deletes == 1);
    world_reopen(&world);
    check_arrived(&world, "");
    CHECK(put(&world, "queue/a", "", TEXT("x")) < 100);
    world_done(&world);
}

TEST(a_body_is_read_while_its_record_lives)
{
    struct world world;
    scoped(buffer_done) struct buffer body = {0};

    world_init(&world);
    uint64_t id = put(&world, "archive/a", "note", TEXT("body"));
    check_body(&world, id, TEXT("body"));
    set(&world, id, "longer note", 0);
    check_body(&world, id, TEXT("body"));
    delete (&world, id);
    CHECK(read_body(&world, id, &body) == ERROR_NOT_FOUND && body.len == 0);
    CHECK(read_body(&world, 99999, &body) == ERROR_NOT_FOUND);
    world_done(&world);
}

TEST(a_kind_without_a_receiver_keeps_its_records)
{
    struct world world;

    world_init(&world);
    uint64_t id = put(&world, "archive/a", "", TEXT("kept"));
    put(&world, "queuex/a", "", TEXT("x"));
    put(&world, "que", "", TEXT("x"));
    world_reopen(&world);
    check_arrived(&world, "");
    check_body(&world, id, TEXT("kept"));
    CHECK(event_store_counters(world.store).live_records == 3);
    world_done(&world);
}

/* Begins many writes from the loop itself, so that they are in the mailbox before the store's
 * thread can take the second. */
struct burst {
    struct loop_message message;
    struct world *world;
    struct event_change changes[200];
    struct waiting waiting[200];
};

static void send_burst(struct loop_message *message)
{
    struct burst *burst = container_of(message, struct burst, message);

    for (size_t i = 0; i < COUNT_OF(burst->changes); i++) {
        burst->changes[i] = put_of("queue/a", "", TEXT("x"));
        begin(burst->world, &burst->waiting[i], &burst->changes[i], 1);
    }
}

TEST(writes_during_a_commit_share_the_next)
{
    static struct burst burst;
    struct world world;

    world_init(&world);
    burst.message.run = send_burst;
    burst.world = &world;
    loop_post(world.home, &burst.message);
    wait_for(&world.answered, COUNT_OF(burst.changes));
    for (size_t i = 1; i < COUNT_OF(burst.changes); i++)
        CHECK(burst.changes[i].id == burst.changes[0].id + i);
    struct event_counters counters = event_store_counters(world.store);
    CHECK(counters.puts == COUNT_OF(burst.changes));
    CHECK_MSG(counters.commits < COUNT_OF(burst.changes) / 2, "%d commits", (int)counters.commits);
    wait_for(&world.delivered, COUNT_OF(burst.changes));
    uint64_t before = 0;
    list_each (node, &world.arrived) {
        const struct event *event = container_of(node, struct event, link);
        CHECK(event->id > before);
        before = event->id;
    }
    world_done(&world);
}

TEST(closing_finishes_what_was_queued)
{
    static struct burst burst;
    struct world world;

    world_init(&world);
    for (size_t i = 0; i < COUNT_OF(burst.changes); i++) {
        burst.changes[i] = put_of("queue/a", "", TEXT("x"));
        begin(&world, &burst.waiting[i], &burst.changes[i], 1);
    }
    world_close(&world);
    wait_for(&world.answered, COUNT_OF(burst.changes));
    for (size_t i = 0; i < COUNT_OF(burst.changes); i++)
        CHECK(!burst.waiting[i].failed);
    world_forget(&world);
    world_must_open(&world);
    CHECK(event_store_counters(world.store).live_records == COUNT_OF(burst.changes));
    world_done(&world);
}

TEST(a_second_opener_is_refused)
{
    struct world world;
    struct error err = {0};

    world_init(&world);
    CHECK(!event_store_open(&world.options, &err) && err.code == ERROR_CONFLICT);
    world_done(&world);
}

TEST(bytes_beyond_the_limit_are_refused_until_there_is_room)
{
    struct world world;
    char body[600] = {0};

    world_init(&world);
    world_close(&world);
    world.options.max_bytes = 1000;
    world_must_open(&world);
    uint64_t id = put(&world, "queue/a", "", text_from(body, 600));
    struct event_change more = put_of("queue/a", "", text_from(body, 401));
    CHECK(commit(&world, &more, 1) == ERROR_LIMIT);
    set(&world, id, "a note of 19 bytes.", 0);
    CHECK(event_store_counters(world.store).live_bytes == 619);
    struct event_change move[] = {put_of("queue/b", "", text_from(body, 600)),
                                  {.action = EVENT_DELETE, .id = id}};
    CHECK(commit(&world, move, 2) == 0);
    CHECK(commit(&world, &more, 1) == ERROR_LIMIT);
    delete (&world, move[0].id);
    CHECK(commit(&world, &more, 1) == 0);
    CHECK(event_store_counters(world.store).live_bytes == 401);
    world_done(&world);
}
