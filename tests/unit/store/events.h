/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <semaphore.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/event_store.h"
#include "test.h"

/* A data folder, a loop that hears the answers and the events of "queue" lanes, and a store. */
struct world {
    char folder[64];
    struct event_store_options options;
    struct event_store *store;
    struct loop *home;
    struct event_receiver receiver;
    struct list arrived;
    size_t arrived_count;
    sem_t answered, delivered;
};

static struct loop *world_home(struct event_receiver *receiver, struct text lane)
{
    return container_of(receiver, struct world, receiver)->home;
}

static void world_arrived(struct event_receiver *receiver, struct list *events)
{
    struct world *world = container_of(receiver, struct world, receiver);

    loop_assert_here(world->home);
    for (struct list *node; (node = list_pop(events));) {
        list_push(&world->arrived, node);
        sem_post(&world->delivered);
    }
}

static void world_forget(struct world *world)
{
    for (struct list *node; (node = list_pop(&world->arrived));)
        event_free(container_of(node, struct event, link));
}

static int world_open(struct world *world, struct error *err)
{
    world->options.folder = world->folder;
    world->store = event_store_open(&world->options, err);
    if (!world->store)
        return -1;
    event_store_subscribe(world->store, &world->receiver);
    event_store_start(world->store);
    return 0;
}

static void world_must_open(struct world *world)
{
    struct error err;

    CHECK_MSG(world_open(world, &err) == 0, "%s", err.text);
}

static void world_init_at(struct world *world, const char *folder)
{
    struct error err;

    *world = (struct world){
        .options = {.max_bytes = INT64_C(1) << 40, .segment_bytes = 1 << 20},
        .receiver = {.kind = LANE_QUEUE, .home = world_home, .arrived = world_arrived}};
    snprintf(world->folder, sizeof world->folder, "%s", folder);
    list_init(&world->arrived);
    CHECK(sem_init(&world->answered, 0, 0) == 0 && sem_init(&world->delivered, 0, 0) == 0);
    world->home = loop_new("home");
    CHECK(loop_start(world->home, &err) == 0);
}

static void world_init(struct world *world)
{
    char folder[] = "/dev/shm/evoke-events-XXXXXX", on_disk[] = "/tmp/evoke-events-XXXXXX";

    /* In memory where there is such a place: there no commit waits for a disk. */
    if (!mkdtemp(folder)) {
        CHECK(mkdtemp(on_disk));
        memcpy(folder, on_disk, sizeof on_disk);
    }
    world_init_at(world, folder);
    world_must_open(world);
}

static void world_close(struct world *world)
{
    event_store_close(world->store);
    world->store = NULL;
}

static void wait_for(sem_t *sem, size_t count)
{
    while (count-- > 0)
        while (sem_wait(sem) < 0)
            ;
}

struct reading {
    struct event_read read;
    struct world *world;
    int code;
};

static void reading_done(struct event_read *read, bool failed, const struct error *err)
{
    struct reading *reading = container_of(read, struct reading, read);

    loop_assert_here(reading->world->home);
    reading->code = failed ? (int)err->code : 0;
    sem_post(&reading->world->answered);
}

/* Appends the body; the answer's code. */
static int read_body(struct world *world, uint64_t id, struct buffer *body)
{
    struct reading reading = {.read = {.done = reading_done, .loop = world->home, .id = id},
                              .world = world};

    event_store_read(world->store, &reading.read);
    wait_for(&world->answered, 1);
    buffer_add_text(body, buffer_text(&reading.read.body));
    buffer_done(&reading.read.body);
    return reading.code;
}

static void check_body(struct world *world, uint64_t id, struct text want)
{
    scoped(buffer_done) struct buffer body = {0};

    CHECK(read_body(world, id, &body) == 0);
    CHECK(text_equal(buffer_text(&body), want));
}

/* All that the store was to tell has been told: its answer comes behind it. */
static void world_settle(struct world *world)
{
    scoped(buffer_done) struct buffer body = {0};

    CHECK(read_body(world, 0, &body) == ERROR_NOT_FOUND);
}

static void world_reopen(struct world *world)
{
    world_settle(world);
    world_close(world);
    world_forget(world);
    while (sem_trywait(&world->delivered) == 0)
        ;
    world_must_open(world);
}

static void world_done(struct world *world)
{
    struct error err;

    world_close(world);
    loop_stop(world->home);
    loop_join(world->home);
    loop_free(world->home);
    world_forget(world);
    sem_destroy(&world->answered);
    sem_destroy(&world->delivered);
    CHECK(path_remove_tree(world->folder, &err) == 0);
}

/* A write and its answer. */
struct waiting {
    struct event_write write;
    struct world *world;
    bool failed;
    struct error err;
};

static void waiting_done(struct event_write *write, bool failed, const struct error *err)
{
    struct waiting *waiting = container_of(write, struct waiting, write);

    loop_assert_here(waiting->world->home);
    waiting->failed = failed;
    if (failed)
        waiting->err = *err;
    sem_post(&waiting->world->answered);
}

static void begin(struct world *world, struct waiting *waiting, struct event_change *changes,
                  size_t count)
{
    *waiting = (struct waiting){
        .world = world,
        .write = {.done = waiting_done, .loop = world->home, .changes = changes, .count = count}};
    event_store_write(world->store, &waiting->write);
}

/* The answer's code, 0 when it is stored. */
static int commit(struct world *world, struct event_change *changes, size_t count)
{
    struct waiting waiting;

    begin(world, &waiting, changes, count);
    wait_for(&world->answered, 1);
    return waiting.failed ? (int)waiting.err.code : 0;
}

static struct event_change put_of(const char *lane, const char *note, struct text body)
{
    return (struct event_change){
        .action = EVENT_PUT, .lane = text_of(lane), .note = text_of(note), .body = body};
}

static uint64_t put(struct world *world, const char *lane, const char *note, struct text body)
{
    struct event_change change = put_of(lane, note, body);

    CHECK(commit(world, &change, 1) == 0);
    return change.id;
}

static void set(struct world *world, uint64_t id, const char *note, int64_t due_ms)
{
    struct event_change change = {
        .action = EVENT_SET, .id = id, .note = text_of(note), .due_ms = due_ms};

    CHECK(commit(world, &change, 1) == 0);
}

static void delete (struct world *world, uint64_t id)
{
    struct event_change change = {.action = EVENT_DELETE, .id = id};

    CHECK(commit(world, &change, 1) == 0);
}

/* What has arrived: "lane note body_len;" for each. */
static void check_arrived(struct world *world, const char *want)
{
    scoped(buffer_done) struct buffer out = {0};

    world_settle(world);
    buffer_add_literal(&out, "");
    list_each (node, &world->arrived) {
        const struct event *event = container_of(node, struct event, link);
        buffer_add_format(&out, "%s %.*s %zu;", event->lane, TEXT_ARG(buffer_text(&event->note)),
                          event->body_len);
    }
    CHECK_TEXT(buffer_text(&out), want);
}
