/* SPDX-License-Identifier: Apache-2.0 */
#include "source/timer.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/path.h"
#include "model/zone.h"
#include "test.h"

/* A store, a timer on a loop of its own, and a wall clock that stands where it is set. What is
 * fired goes into a queue's lane and is written down when it arrives. */

#define MINUTE INT64_C(60000)
#define START (INT64_C(1800000000) * 1000) /* a whole minute */
#define LANE "queue/000000000000/us-east-1/fired"

static _Atomic int64_t clock_ms;

static int64_t fake_now(void)
{
    return atomic_load(&clock_ms);
}

struct world {
    char folder[64];
    struct event_store *store;
    struct loop *control;
    struct timer *timer;
    struct timer_owner owner;
    struct event_receiver receiver;
    char fired[4096]; /* "KEY DUE EXECUTION\n" of all there were, over restarts */
    char completed[256];
    sem_t done, arrived;
    int64_t max_bytes;
    uint64_t expected; /* of this timer's life */
};

static void fire(struct timer_owner *owner, struct text key, struct timer_firing *firing)
{
    struct event_change *change = timer_change(firing);
    char *body = arena_format(&firing->arena, "%.*s %lld %s\n", TEXT_ARG(key),
                              (long long)(firing->due_ms - START), firing->execution_id);

    change->action = EVENT_PUT;
    change->lane = TEXT(LANE);
    change->body = text_of(body);
    timer_write(firing);
}

static void completed(struct timer_owner *owner, struct text key)
{
    struct world *world = container_of(owner, struct world, owner);
    size_t len = strlen(world->completed);

    snprintf(world->completed + len, sizeof world->completed - len, "%.*s ", TEXT_ARG(key));
}

static struct loop *home(struct event_receiver *receiver, struct text lane)
{
    return container_of(receiver, struct world, receiver)->control;
}

static void arrived(struct event_receiver *receiver, struct list *events)
{
    struct world *world = container_of(receiver, struct world, receiver);

    for (struct list *node; (node = list_pop(events));) {
        struct event *event = container_of(node, struct event, link);
        size_t len = strlen(world->fired);
        if (event->has_body) {
            snprintf(world->fired + len, sizeof world->fired - len, "%.*s", (int)event->body.len,
                     event->body.at);
            sem_post(&world->arrived);
        }
        event_free(event);
    }
}

/* --- calls on the control loop --- */

struct order {
    struct loop_message message;
    struct world *world;
    void (*run)(struct world *world, void *arg);
    void *arg;
};

static void on_order(struct loop_message *message)
{
    struct order *order = container_of(message, struct order, message);

    order->run(order->world, order->arg);
    sem_post(&order->world->done);
}

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) < 0)
        ;
}

static void on_loop(struct world *world, void (*run)(struct world *world, void *arg), void *arg)
{
    struct order order = {{.run = on_order}, world, run, arg};

    loop_post(world->control, &order.message);
    wait_for(&world->done);
}

static void start_timer(struct world *world, void *arg)
{
    timer_start(world->timer);
}

static void stop_timer(struct world *world, void *arg)
{
    timer_stop(world->timer);
}

struct wanted {
    const char *key, *expression, *generation;
    int64_t from_ms, max_age_ms, window_ms;
};

static void set(struct world *world, void *arg)
{
    const struct wanted *wanted = arg;
    struct timer_spec spec = {
        .frame.anchor_ms = START,
        .from_ms = wanted->from_ms,
        .max_age_ms = wanted->max_age_ms ? wanted->max_age_ms : 1440 * MINUTE,
        .window_ms = wanted->window_ms,
        .generation = text_of(wanted->generation),
        .is_enabled = true,
    };
    struct error err = {0};

    CHECK_MSG(schedule_parse(text_of(wanted->expression), SCHEDULE_FULL, &spec.schedule, &err) == 0,
              "%s", err.text);
    timer_set(world->timer, &world->owner, text_of(wanted->key), &spec);
}

static void remove_key(struct world *world, void *arg)
{
    timer_remove(world->timer, text_of(arg));
}

/* Any change makes the timer look at the clock, as its own wake-up does within a minute. */
static void look(struct world *world, void *arg)
{
    const struct timer_spec never = {.generation = TEXT("one")};

    timer_set(world->timer, &world->owner, TEXT("never"), &never);
}

static void set_clock(struct world *world, int64_t since_start_ms)
{
    atomic_store(&clock_ms, START + since_start_ms);
    on_loop(world, look, NULL);
}

/* --- life --- */

static void open_world(struct world *world, const struct wanted *wanted, size_t count)
{
    const struct event_store_options options = {.folder = world->folder,
                                                .max_bytes = world->max_bytes};
    struct error err;

    world->control = loop_new("control");
    world->store = event_store_open(&options, &err);
    CHECK_MSG(world->store, "%s", err.text);
    event_store_subscribe(world->store, &world->receiver);
    const struct timer_options timer = {world->control, world->store, fake_now};
    world->timer = timer_new(&timer);
    world->expected = 0;
    CHECK(loop_start(world->control, &err) == 0);
    for (size_t i = 0; i < count; i++)
        on_loop(world, set, (void *)(uintptr_t)&wanted[i]);
    event_store_start(world->store);
    on_loop(world, start_timer, NULL);
}

static void init_world(struct world *world, const struct wanted *wanted, size_t count)
{
    *world = (struct world){
        .owner = {.fire = fire, .completed = completed},
        .receiver = {.kind = LANE_QUEUE, .home = home, .arrived = arrived},
        .max_bytes = 1 << 30,
    };
    snprintf(world->folder, sizeof world->folder, "/tmp/evoke-timer-XXXXXX");
    CHECK(mkdtemp(world->folder));
    CHECK(sem_init(&world->done, 0, 0) == 0 && sem_init(&world->arrived, 0, 0) == 0);
    atomic_store(&clock_ms, START);
    open_world(world, wanted, count);
}

static void close_world(struct world *world)
{
    on_loop(world, stop_timer, NULL);
    event_store_close(world->store);
    loop_stop(world->control);
    loop_join(world->control);
    timer_free(world->timer);
    loop_free(world->control);
}

static void done_world(struct world *world)
{
    struct error err;

    close_world(world);
    CHECK(path_remove_tree(world->folder, &err) == 0);
}

static void count_fired(struct world *world, void *arg)
{
    *(uint64_t *)arg = timer_fired(world->timer);
}

/* Until so many more have arrived, and the timer knows that they did. */
static void wait_fired(struct world *world, size_t count)
{
    uint64_t known = 0;

    world->expected += count;
    while (count-- > 0)
        wait_for(&world->arrived);
    while (known < world->expected)
        on_loop(world, count_fired, &known);
}

/* Without execution ids. */
static void check_fired(struct world *world, const char *expected)
{
    struct text rest = text_of(world->fired), line;
    scoped(buffer_done) struct buffer all = {0};

    while (text_split(&rest, '\n', &line))
        buffer_add_format(&all, "%.*s;", (int)(line.len - TIMER_EXECUTION_LEN - 1), line.at);
    CHECK_MSG(text_equal(buffer_text(&all), text_of(expected)), "'%.*s' is not '%s'", (int)all.len,
              all.at ? all.at : "", expected);
}

static const struct wanted each_minute = {"a/1", "rate(1 minute)", "one", START, 0, 0};

TEST(an_entry_fires_at_its_times_and_not_before)
{
    struct world world;

    init_world(&world, &each_minute, 1);
    set_clock(&world, MINUTE - 1);
    set_clock(&world, MINUTE);
    wait_fired(&world, 1);
    set_clock(&world, 2 * MINUTE + 700);
    wait_fired(&world, 1);
    set_clock(&world, 3 * MINUTE);
    wait_fired(&world, 1);
    done_world(&world);
    check_fired(&world, "a/1 60000;a/1 120000;a/1 180000;");
}

TEST(what_has_fired_does_not_fire_again_after_a_restart)
{
    struct world world;

    init_world(&world, &each_minute, 1);
    set_clock(&world, MINUTE);
    wait_fired(&world, 1);
    for (int i = 0; i < 3; i++) {
        close_world(&world);
        open_world(&world, &each_minute, 1);
    }
    set_clock(&world, 2 * MINUTE);
    wait_fired(&world, 1);
    done_world(&world);
    check_fired(&world, "a/1 60000;a/1 120000;");
}

TEST(missed_times_are_made_up_for_by_the_latest)
{
    struct world world;
    const struct wanted both[] = {each_minute, {"a/2", "rate(1 hour)", "one", START, 0, 0}};

    init_world(&world, both, 2);
    set_clock(&world, MINUTE);
    wait_fired(&world, 1);
    close_world(&world);
    atomic_store(&clock_ms, START + 130 * MINUTE + 5);
    open_world(&world, both, 2);
    wait_fired(&world, 2);
    done_world(&world);
    CHECK(strstr(world.fired, "a/1 60000 "));
    CHECK(strstr(world.fired, "a/1 7800000 "));
    CHECK(strstr(world.fired, "a/2 7200000 "));
}

TEST(what_was_missed_too_long_ago_does_not_fire)
{
    struct world world;
    struct wanted hourly = {"a/1", "rate(1 hour)", "one", START, 5 * MINUTE, 0};

    init_world(&world, &hourly, 1);
    close_world(&world);
    atomic_store(&clock_ms, START + 66 * MINUTE);
    open_world(&world, &hourly, 1);
    set_clock(&world, 120 * MINUTE);
    wait_fired(&world, 1);
    close_world(&world);
    atomic_store(&clock_ms, START + 184 * MINUTE);
    open_world(&world, &hourly, 1);
    wait_fired(&world, 1);
    done_world(&world);
    check_fired(&world, "a/1 7200000;a/1 10800000;");
}

TEST(a_clock_that_jumps_back_doubles_nothing)
{
    struct world world;

    init_world(&world, &each_minute, 1);
    set_clock(&world, 2 * MINUTE);
    wait_fired(&world, 1);
    set_clock(&world, MINUTE);
    set_clock(&world, 2 * MINUTE);
    set_clock(&world, 3 * MINUTE);
    wait_fired(&world, 1);
    done_world(&world);
    check_fired(&world, "a/1 120000;a/1 180000;");
}

TEST(another_generation_begins_anew)
{
    struct world world;
    const struct wanted once = {"a/1", "at(2027-01-15T08:00:00)", "one", 0, 0, 0};
    struct wanted again = once;

    init_world(&world, &once, 1); /* START is that time */
    wait_fired(&world, 1);
    again.generation = "two";
    on_loop(&world, set, &again);
    wait_fired(&world, 1);
    close_world(&world);
    open_world(&world, &again, 1);
    while (strcmp(world.completed, "a/1 a/1 a/1 ") != 0) /* known again after the restart */
        on_loop(&world, look, NULL);
    done_world(&world);
    check_fired(&world, "a/1 0;a/1 0;");
}

TEST(what_is_removed_does_not_fire_and_begins_anew_when_it_returns)
{
    struct world world;

    init_world(&world, &each_minute, 1);
    set_clock(&world, MINUTE);
    wait_fired(&world, 1);
    on_loop(&world, remove_key, (void *)(uintptr_t) "a/1");
    set_clock(&world, 5 * MINUTE);
    CHECK(timer_count(world.timer) == 1); /* the one of look() */
    close_world(&world);
    open_world(&world, NULL, 0);
    struct wanted again = each_minute;
    again.from_ms = START + 5 * MINUTE;
    on_loop(&world, set, &again);
    set_clock(&world, 6 * MINUTE);
    wait_fired(&world, 1);
    done_world(&world);
    check_fired(&world, "a/1 60000;a/1 360000;");
}

TEST(a_window_delays_within_itself_and_before_the_next_time)
{
    struct world world;
    const struct wanted wide = {"a/1", "rate(1 minute)", "one", START, 0, 1000 * MINUTE};

    init_world(&world, &wide, 1);
    /* In each minute the one of the minute before has fired, and its own may have. */
    for (int i = 1; i <= 10; i++)
        set_clock(&world, i * MINUTE);
    set_clock(&world, 11 * MINUTE - 1);
    while (!strstr(world.fired, "a/1 600000 "))
        wait_fired(&world, 1);
    done_world(&world);
}

/* A start must not be seen among the events that wait. */
TEST(nothing_is_stored_but_what_fires_and_its_cursor)
{
    struct world world;

    init_world(&world, &each_minute, 1);
    set_clock(&world, MINUTE);
    wait_fired(&world, 1);
    CHECK(event_store_counters(world.store).puts == 2);
    done_world(&world);
}

TEST(what_cannot_be_stored_fires_when_it_can)
{
    struct world world;

    init_world(&world, NULL, 0);
    close_world(&world);
    world.max_bytes = 1; /* nothing fits */
    open_world(&world, &each_minute, 1);
    set_clock(&world, MINUTE);
    close_world(&world);
    CHECK(world.fired[0] == '\0');
    world.max_bytes = 1 << 30;
    open_world(&world, &each_minute, 1);
    wait_fired(&world, 1);
    done_world(&world);
    check_fired(&world, "a/1 60000;");
}

TEST(an_execution_has_the_same_id_when_it_is_tried_again_only)
{
    struct world world;

    init_world(&world, &each_minute, 1);
    set_clock(&world, MINUTE);
    wait_fired(&world, 1);
    set_clock(&world, 2 * MINUTE);
    wait_fired(&world, 1);
    done_world(&world);
    const char *first = strchr(world.fired, '\n') - TIMER_EXECUTION_LEN;
    const char *second = strchr(strchr(world.fired, '\n') + 1, '\n') - TIMER_EXECUTION_LEN;
    CHECK(strspn(first, "0123456789abcdef") == TIMER_EXECUTION_LEN);
    CHECK(memcmp(first, second, TIMER_EXECUTION_LEN) != 0);
}
