/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

#include <errno.h>
#include <sys/mount.h>

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

/* A receiver whose lanes' home takes its time: the store's thread waits for it. */
struct gate {
    struct event_receiver receiver;
    struct world *world;
    sem_t reached, open;
};

static struct loop *wait_at_gate(struct event_receiver *receiver, struct text lane)
{
    struct gate *gate = container_of(receiver, struct gate, receiver);

    if (text_equal(lane, TEXT("function/slow"))) {
        sem_post(&gate->reached);
        wait_for(&gate->open, 1);
    }
    return gate->world->home;
}

static void arrived_behind_gate(struct event_receiver *receiver, struct list *events)
{
    struct gate *gate = container_of(receiver, struct gate, receiver);

    gate->world->receiver.arrived(&gate->world->receiver, events);
}

TEST(writes_during_a_commit_share_the_next)
{
    enum { COUNT = 200 };
    static struct event_change changes[COUNT];
    static struct waiting waiting[COUNT];
    struct event_change slow = put_of("function/slow", "", TEXT("x"));
    struct waiting first;
    struct world world;
    struct gate gate = {
        .world = &world,
        .receiver = {.kind = LANE_FUNCTION, .home = wait_at_gate, .arrived = arrived_behind_gate}};

    CHECK(sem_init(&gate.reached, 0, 0) == 0 && sem_init(&gate.open, 0, 0) == 0);
    world_init(&world);
    world_settle(&world); /* the start is over */
    event_store_subscribe(world.store, &gate.receiver);
    begin(&world, &first, &slow, 1);
    wait_for(&gate.reached, 1);
    for (size_t i = 0; i < COUNT; i++) {
        changes[i] = put_of("function/a", "", TEXT("x"));
        begin(&world, &waiting[i], &changes[i], 1);
    }
    sem_post(&gate.open);
    wait_for(&world.answered, COUNT + 1);
    for (size_t i = 0; i < COUNT; i++)
        CHECK(changes[i].id == slow.id + 1 + i);
    struct event_counters counters = event_store_counters(world.store);
    CHECK_MSG(counters.puts == COUNT + 1 && counters.commits == 2, "%d commits",
              (int)counters.commits);
    wait_for(&world.delivered, COUNT + 1);
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
    enum { COUNT = 200 };
    static struct event_change changes[COUNT];
    static struct waiting waiting[COUNT];
    struct world world;

    world_init(&world);
    for (size_t i = 0; i < COUNT; i++) {
        changes[i] = put_of("queue/a", "", TEXT("x"));
        begin(&world, &waiting[i], &changes[i], 1);
    }
    world_close(&world);
    wait_for(&world.answered, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        CHECK(!waiting[i].failed);
    wait_for(&world.delivered, COUNT);
    world_forget(&world);
    world_must_open(&world);
    CHECK(event_store_counters(world.store).live_records == COUNT);
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

static int64_t disk_bytes(struct world *world)
{
    return event_store_counters(world->store).disk_bytes;
}

static void reopen_with_segments(struct world *world, int64_t segment_bytes)
{
    world_close(world);
    world_forget(world);
    world->options.segment_bytes = segment_bytes;
    world_must_open(world);
}

/* Puts and deletes records until about that many bytes went through the log. */
static void churn(struct world *world, size_t bytes)
{
    enum { AT_ONCE = 20, BODY = 1000 };
    static const char body[BODY];
    struct event_change changes[AT_ONCE];

    for (size_t done = 0; done < bytes; done += sizeof changes) {
        for (size_t i = 0; i < AT_ONCE; i++)
            changes[i] = put_of("queue/churn", "", text_from(body, BODY));
        CHECK(commit(world, changes, AT_ONCE) == 0);
        for (size_t i = 0; i < AT_ONCE; i++)
            changes[i] = (struct event_change){.action = EVENT_DELETE, .id = changes[i].id};
        CHECK(commit(world, changes, AT_ONCE) == 0);
        done += AT_ONCE * BODY;
    }
}

/* What happens beside writes comes to its end when nothing changes any more. */
static void wait_for_disk(struct world *world, int64_t most)
{
    for (int i = 0; i < 10000 && disk_bytes(world) > most; i++)
        churn(world, 1);
    CHECK_MSG(disk_bytes(world) <= most, "%lld bytes", (long long)disk_bytes(world));
}

TEST(what_lives_long_does_not_keep_the_dead_around_it)
{
    enum { SEGMENT = 65536 };
    struct world world;
    char large[20000];

    world_init(&world);
    reopen_with_segments(&world, SEGMENT);
    memset(large, 'x', sizeof large);
    uint64_t first = put(&world, "queue/first", "old note", TEXT("first"));
    churn(&world, 2 * SEGMENT);
    uint64_t second = put(&world, "queue/second", "n", text_from(large, sizeof large));
    set(&world, first, "new note", 5);
    churn(&world, 8 * SEGMENT);
    wait_for_disk(&world, 5 * SEGMENT);
    check_body(&world, first, TEXT("first"));
    check_body(&world, second, text_from(large, sizeof large));
    world_reopen(&world);
    check_arrived(&world, "queue/first new note 5;queue/second n 20000;");
    CHECK(container_of(world.arrived.next, struct event, link)->due_ms == 5);
    check_body(&world, first, TEXT("first"));
    delete (&world, second);
    set(&world, first, "newest note", 6);
    churn(&world, 8 * SEGMENT);
    wait_for_disk(&world, 5 * SEGMENT);
    world_reopen(&world);
    check_arrived(&world, "queue/first newest note 5;");
    check_body(&world, first, TEXT("first"));
    world_done(&world);
}

TEST(much_that_lives_is_moved_step_by_step)
{
    enum { SEGMENT = 1 << 20, COUNT = 500, BODY = 5000 };
    struct world world;
    struct event_change changes[COUNT];
    static char bodies[COUNT][BODY];

    world_init(&world);
    for (int i = 0; i < COUNT; i++) {
        memset(bodies[i], 'a' + i % 26, BODY);
        changes[i] = put_of("queue/long", "note", text_from(bodies[i], BODY));
        CHECK(commit(&world, &changes[i], 1) == 0);
    }
    churn(&world, 8 * SEGMENT);
    wait_for_disk(&world, 8 * SEGMENT);
    world_reopen(&world);
    wait_for(&world.delivered, COUNT);
    for (int i = 0; i < COUNT; i++)
        check_body(&world, changes[i].id, text_from(bodies[i], BODY));
    uint64_t before = 0;
    list_each (node, &world.arrived) {
        const struct event *event = container_of(node, struct event, link);
        CHECK(event->id > before);
        before = event->id;
    }
    world_done(&world);
}

/* A world on a disk of its own; false when this process may not mount one. */
static bool world_init_small(struct world *world, const char *size)
{
    char folder[] = "/tmp/evoke-events-XXXXXX";
    scoped(free) char *options = mem_format("size=%s", size);

    CHECK(mkdtemp(folder));
    if (mount("none", folder, "tmpfs", 0, options) < 0) {
        print_message("skipped: no small disk can be mounted: %s\n", strerror(errno));
        CHECK(rmdir(folder) == 0);
        return false;
    }
    world_init_at(world, folder);
    world->options.segment_bytes = 65536;
    world_must_open(world);
    return true;
}

static void world_done_small(struct world *world)
{
    world_close(world);
    CHECK(umount2(world->folder, MNT_DETACH) == 0);
    world_done(world);
}

/* Puts until the disk is full; the ids, and how many there are. */
static size_t fill(struct world *world, uint64_t *ids, size_t most)
{
    static const char body[1000];

    for (size_t count = 0; count < most; count++) {
        struct event_change change = put_of("queue/a", "", text_from(body, sizeof body));
        int code = commit(world, &change, 1);
        CHECK(code == 0 || code == ERROR_LIMIT);
        if (code)
            return count;
        ids[count] = change.id;
    }
    CHECK_MSG(false, "the disk never became full");
    return most;
}

TEST(a_full_disk_refuses_puts_but_lets_everything_end)
{
    struct world world;
    uint64_t ids[1000];

    if (!world_init_small(&world, "512k"))
        skip();
    size_t count = fill(&world, ids, COUNT_OF(ids));
    CHECK(count > 200);
    world_reopen(&world);
    world_settle(&world);
    CHECK(event_store_counters(world.store).live_records == (int64_t)count);
    for (size_t i = 0; i < count; i++)
        set(&world, ids[i], "note", 1);
    CHECK(fill(&world, ids + count, 1) == 0);
    for (size_t i = 0; i < count; i++)
        delete (&world, ids[i]);
    world_reopen(&world);
    check_arrived(&world, "");
    CHECK(fill(&world, ids, COUNT_OF(ids)) > 200);
    world_done_small(&world);
}

TEST(a_store_opens_on_a_full_disk)
{
    struct world world;
    uint64_t ids[1000];

    if (!world_init_small(&world, "512k"))
        skip();
    size_t count = fill(&world, ids, COUNT_OF(ids));
    scoped(free) char *reserve = path_join(world.folder, "events/reserve");
    for (int i = 0; i < 2000 && access(reserve, F_OK) == 0; i++)
        set(&world, ids[count - 1], "so often that the reserve is begun", 1);
    CHECK(access(reserve, F_OK) < 0);
    world_reopen(&world);
    world_settle(&world);
    struct event_change change = put_of("queue/a", "", TEXT("x"));
    CHECK(commit(&world, &change, 1) == ERROR_LIMIT);
    for (size_t i = 0; i < count; i++)
        delete (&world, ids[i]);
    CHECK(commit(&world, &change, 1) == 0);
    CHECK(access(reserve, F_OK) == 0);
    world_done_small(&world);
}
