/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/async.h"

#include "functions.h"
#include "model/note.h"
#include "store/function_event.h"

/* Events in a function's lane, and what is on disk when they are done with. */

#define LANE(name) "function/" ACCOUNT "/" REGION "/" name
#define QUEUE_ARN(name) "arn:aws:sqs:" REGION ":" ACCOUNT ":" name
#define QUEUE_LANE(name) "queue/" ACCOUNT "/" REGION "/" name

/* Starts, or starts again. */
static void run(struct world *world)
{
    world_run(world);
    event_store_start(world->events);
}

static struct world *quick_world(void)
{
    struct world *world = world_new();

    world->settings.async_retry_ms = 1;
    world->settings.async_backoff_ms = 1;
    world->settings.async_backoff_max_ms = 10;
    run(world);
    return world;
}

/* --- putting --- */

struct posting {
    struct event_write write;
    struct event_change change;
    bool failed;
    sem_t done;
};

static void on_posted(struct event_write *write, bool failed, const struct error *err)
{
    struct posting *posting = container_of(write, struct posting, write);

    posting->failed = failed;
    sem_post(&posting->done);
}

static void write_and_wait(struct event_store *events, struct loop *loop, struct posting *posting)
{
    posting->write = (struct event_write){
        .done = on_posted, .loop = loop, .changes = &posting->change, .count = 1};
    sem_init(&posting->done, 0, 0);
    event_store_write(events, &posting->write);
    wait_sem(&posting->done);
    sem_destroy(&posting->done);
    CHECK(!posting->failed);
}

static void post(struct world *world, const char *lane, const char *body, const char *dead_letter)
{
    scoped(arena_done) struct arena arena = {0};
    struct posting posting = {0};
    const struct function_event event = {
        .lane = text_of(lane), .body = text_of(body), .dead_letter = text_of(dead_letter)};

    function_event_put(&event, &arena, &posting.change);
    write_and_wait(world->events, world->control, &posting);
}

/* --- what is left on disk --- */

struct left {
    struct event_receiver receivers[2];
    struct loop *loop;
    struct buffer text; /* "LANE ATTEMPTS BYTES\n" */
};
static struct left left;

static struct loop *left_home(struct event_receiver *receiver, struct text lane)
{
    return left.loop;
}

static void left_arrived(struct event_receiver *receiver, struct list *events)
{
    for (struct list *node; (node = list_pop(events));) {
        struct event *event = container_of(node, struct event, link);
        scoped(arena_done) struct arena arena = {0};
        struct note note = {0};
        struct error ignored;

        (void)note_parse(buffer_text(&event->note), &arena, &note, &ignored);
        buffer_add_format(&left.text, "%s %d ", event->lane, (int)note.attempts);
        if (event->body_len < 100)
            buffer_add_format(&left.text, "%zu\n", event->body_len);
        else
            buffer_add_literal(&left.text, "a record\n");
        event_free(event);
    }
}

/* Of a world that was stopped. */
static void check_left(const struct world *world, const char *want)
{
    const struct event_store_options options = {.folder = world->folder, .max_bytes = 1 << 30};
    struct posting nothing_more = {.change = {.action = EVENT_DELETE, .id = UINT64_MAX}};
    struct error err;
    struct event_store *events = event_store_open(&options, &err);

    CHECK_MSG(events, "%s", err.text);
    left = (struct left){.loop = loop_new("left")};
    left.receivers[0] =
        (struct event_receiver){.kind = LANE_FUNCTION, .home = left_home, .arrived = left_arrived};
    left.receivers[1] =
        (struct event_receiver){.kind = LANE_QUEUE, .home = left_home, .arrived = left_arrived};
    buffer_add(&left.text, "", 0);
    for (size_t i = 0; i < COUNT_OF(left.receivers); i++)
        event_store_subscribe(events, &left.receivers[i]);
    CHECK(loop_start(left.loop, &err) == 0);
    event_store_start(events);
    write_and_wait(events, left.loop, &nothing_more); /* told behind what was left */
    loop_stop(left.loop);
    loop_join(left.loop);
    CHECK_TEXT(buffer_text(&left.text), want);
    event_store_close(events);
    loop_free(left.loop);
    buffer_done(&left.text);
}

static void end_and_check_left(struct world *world, const char *want)
{
    world_begin_drain(world, 60000);
    world_stop(world);
    check_left(world, want);
    world_free(world);
}

/* --- the function's settings --- */

static void deploy_with_queues(struct world *world, const char *name, int64_t reserved)
{
    struct function *function = make_function(name, "", 128);
    struct deployment deployment = {.function = function, .create = true};

    model_set(&function->latest->config.dead_letter, TEXT(QUEUE_ARN("dead")));
    model_set(&function_set_event_invoke(function, TEXT("$LATEST"))->on_failure,
              TEXT(QUEUE_ARN("failures")));
    function->reserved_concurrency = reserved;
    bool ok = change(world, &deployment);
    CHECK_MSG(ok, "%s", deployment.err.text);
    wait_active(world, name);
}

/* --- the tests --- */

TEST(an_event_runs_and_leaves_the_disk)
{
    struct world *world = quick_world();

    deploy(world, "f", "");
    post(world, LANE("f"), "hello", "");
    wait_metric(world, "evoke_events", 0);
    CHECK(metric(world, "evoke_invocations_total") == 1);
    CHECK(metric(world, "evoke_errors_total") == 0);
    end_and_check_left(world, "");
}

TEST(what_fails_three_times_goes_to_both_queues_in_the_same_write)
{
    struct world *world = quick_world();

    deploy_with_queues(world, "f", -1);
    post(world, LANE("f"), "error", "");
    wait_metric(world, "evoke_events", 2);
    CHECK(metric(world, "evoke_invocations_total") == 3);
    CHECK(metric(world, "evoke_events_deletes_total") == 1);
    end_and_check_left(world, QUEUE_LANE("failures") " 0 a record\n" QUEUE_LANE("dead") " 0 5\n");
}

TEST(without_a_try_what_a_function_may_not_run_goes_to_both_queues)
{
    struct world *world = quick_world();

    deploy_with_queues(world, "f", 0);
    post(world, LANE("f"), "hello", "");
    wait_metric(world, "evoke_events", 2);
    CHECK(metric(world, "evoke_invocations_total") == 0);
    end_and_check_left(world, QUEUE_LANE("failures") " 0 a record\n" QUEUE_LANE("dead") " 0 5\n");
}

TEST(the_events_of_a_function_that_is_gone_go_where_their_sender_says)
{
    struct world *world = quick_world();

    post(world, LANE("gone"), "kept", QUEUE_ARN("dead"));
    post(world, LANE("gone"), "dropped", "");
    wait_metric(world, "evoke_events_deletes_total", 2);
    end_and_check_left(world, QUEUE_LANE("dead") " 0 4\n");
}

/* --- over restarts --- */

static bool count_delayed(void *arg, const struct engine_event *event)
{
    *(int *)arg += strcmp(event->state, "delayed") == 0;
    return true;
}

static void do_count_delayed(struct world *world, void *arg)
{
    engine_events_each(world->engine, TEXT(LANE("f")), count_delayed, arg);
}

static void wait_delayed(struct world *world)
{
    struct loop *home = engine_events_home(world->engine, TEXT(LANE("f")));

    for (int looks = 0, count = 0;;) {
        call_on(world, home, do_count_delayed, &count);
        if (count == 1)
            return;
        CHECK_MSG(patience_lasts(&looks), "the event does not wait for its next attempt");
    }
}

static void do_retry(struct world *world, void *arg)
{
    *(int64_t *)arg = engine_events_retry(world->engine, TEXT(LANE("f")));
}

static void retry(struct world *world)
{
    int64_t count;

    call_on(world, engine_events_home(world->engine, TEXT(LANE("f"))), do_retry, &count);
    CHECK(count == 1);
}

static void restart(struct world *world)
{
    world_begin_drain(world, 60000);
    world_stop(world);
    run(world);
}

TEST(attempts_are_counted_over_restarts)
{
    struct world *world = world_new();

    world->settings.async_retry_ms = 3600000;
    world->settings.async_backoff_ms = 1;
    world->settings.async_backoff_max_ms = 10;
    run(world);
    deploy(world, "f", "");
    post(world, LANE("f"), "error", "");
    wait_delayed(world);
    world_begin_drain(world, 60000);
    world_stop(world);
    check_left(world, LANE("f") " 1 5\n");

    run(world);
    wait_delayed(world);
    retry(world);
    wait_metric(world, "evoke_invocations_total", 1);
    wait_delayed(world);
    restart(world);
    wait_delayed(world);
    retry(world);
    wait_metric(world, "evoke_events", 0); /* it was the third */
    CHECK(metric(world, "evoke_invocations_total") == 1);
    end_and_check_left(world, "");
}

TEST(an_attempt_that_the_end_breaks_off_is_made_again)
{
    struct world *world = quick_world();

    deploy(world, "f", "");
    post(world, LANE("f"), "gate", "");
    wait_metric(world, "evoke_instances{state=\"busy\"}", 1);
    world_begin_drain(world, 1);
    world_stop(world);
    run(world);
    open_gate(world->fakes.gate, 1);
    wait_metric(world, "evoke_events", 0);
    CHECK(metric(world, "evoke_invocations_total") == 1);
    CHECK(metric(world, "evoke_errors_total") == 0);
    end_and_check_left(world, "");
}
