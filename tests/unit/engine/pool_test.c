/* SPDX-License-Identifier: Apache-2.0 */
#include "functions.h"
#include "invocations.h"

/* Which instance gets an invocation, and when there is none. */

TEST(each_concurrent_invocation_of_unknown_length_gets_an_instance)
{
    struct world *world = world_start();
    static struct pending pending[5];

    deploy(world, "f", "");
    for (size_t i = 0; i < COUNT_OF(pending); i++)
        invoke_on(world, &pending[i], "f", "gate", 0);
    wait_metric(world, "evoke_instances{state=\"busy\"}", COUNT_OF(pending));
    CHECK(atomic_load(&world->fakes.starts) == COUNT_OF(pending));
    CHECK(metric(world, "evoke_concurrency") == COUNT_OF(pending));
    open_gate(world->fakes.gate, COUNT_OF(pending));
    for (size_t i = 0; i < COUNT_OF(pending); i++) {
        finish(&pending[i]);
        CHECK(pending[i].outcome == INVOCATION_OK);
    }
    wait_metric(world, "evoke_instances{state=\"idle\"}", COUNT_OF(pending));
    world_end(world);
}

TEST(events_wait_behind_a_quick_one_and_are_rescued_from_a_slow_one)
{
    static const char *const payloads[] = {"gate", "a", "b", "c"};
    struct world *world = world_start();
    struct pending pending[4] = {0};

    deploy(world, "f", "");
    CHECK(send_burst(world, pending, payloads, 4, 50).queued == 4);
    /* The first is slower than those before: the others do not wait for it. */
    for (int i = 1; i < 4; i++) {
        finish(&pending[i]);
        CHECK(pending[i].outcome == INVOCATION_OK && strcmp(pending[i].response, payloads[i]) == 0);
    }
    CHECK(!is_answered(&pending[0]));
    open_gate(world->fakes.gate, 1);
    finish(&pending[0]);
    CHECK(atomic_load(&world->fakes.starts) >= 2);
    world_end(world);
}

static void do_measure_nothing(struct world *world, void *arg)
{
    struct pool *pool = pool_of(world, 0, "f");

    pool_measured(pool, 0);
    *(double *)arg = pool->quick_us;
}

TEST(a_call_too_quick_for_the_clock_is_known_to_be_quick)
{
    struct world *world = world_start();
    double quick_us = 0;

    deploy(world, "f", "");
    call_on(world, world->loops[0], do_measure_nothing, &quick_us);
    CHECK(quick_us > 0 && quick_us < 1);
    world_end(world);
}

/* Three at once for three idle instances without a ring. */
static struct burst burst_without_ring(int64_t quick_us)
{
    static const char *const payloads[] = {"a", "b", "c"};
    struct world *world = world_start();
    struct pending pending[3] = {0};

    deploy(world, "f", "api");
    (void)send_burst(world, pending, payloads, 3, 0);
    for (int i = 0; i < 3; i++)
        finish(&pending[i]);
    wait_metric(world, "evoke_instances{state=\"idle\"}", 3);

    memset(pending, 0, sizeof pending);
    struct burst burst = send_burst(world, pending, payloads, 3, quick_us);
    for (int i = 0; i < 3; i++) {
        finish(&pending[i]);
        CHECK(pending[i].outcome == INVOCATION_OK && strcmp(pending[i].response, payloads[i]) == 0);
    }
    world_end(world);
    return burst;
}

TEST(without_a_ring_events_wait_for_a_quick_one_that_is_busy)
{
    struct burst quick = burst_without_ring(20), slow = burst_without_ring(5000);

    CHECK_MSG(quick.busy == 1 && quick.waiting == 2, "%d busy, %d waiting", quick.busy,
              quick.waiting);
    CHECK_MSG(slow.busy == 3 && slow.waiting == 0, "%d busy, %d waiting", slow.busy, slow.waiting);
}

TEST(concurrency_has_a_limit)
{
    struct world *world = world_new();
    struct pending pending[4] = {0};

    world->settings.concurrency = 2;
    world_run(world);
    deploy(world, "f", "");
    for (int i = 0; i < 4; i++)
        invoke_on(world, &pending[i], "f", "gate", 0);
    for (int i = 2; i < 4; i++) {
        finish(&pending[i]);
        CHECK(pending[i].outcome == INVOCATION_THROTTLED);
    }
    open_gate(world->fakes.gate, 2);
    for (int i = 0; i < 2; i++) {
        finish(&pending[i]);
        CHECK(pending[i].outcome == INVOCATION_OK);
    }
    CHECK(metric(world, "evoke_throttles_total") == 2);
    CHECK(invoke(world, "f", "again").outcome == INVOCATION_OK);
    world_end(world);
}

TEST(memory_has_a_limit_and_idle_instances_make_room)
{
    struct world *world = world_new();
    struct pending pending[3] = {0};

    world->settings.memory = 256 << 20;
    world_run(world);
    deploy(world, "f", "");
    deploy(world, "g", "");
    /* Both are full with what was loaded; f needs g's place too. */
    for (int i = 0; i < 2; i++)
        invoke_on(world, &pending[i], "f", "gate", 0);
    wait_metric(world, "evoke_instances{state=\"busy\"}", 2);
    CHECK(atomic_load(&world->fakes.starts) == 3);
    invoke_on(world, &pending[2], "g", "hello", 0);
    finish(&pending[2]);
    CHECK(pending[2].outcome == INVOCATION_THROTTLED && has(pending[2].reason, "memory"));
    open_gate(world->fakes.gate, 2);
    finish(&pending[0]);
    finish(&pending[1]);
    CHECK(pending[0].outcome == INVOCATION_OK && pending[1].outcome == INVOCATION_OK);
    CHECK(invoke(world, "g", "hello").outcome == INVOCATION_OK);
    world_end(world);
    /* A larger one needs several places. */
    world = world_new();
    world->settings.memory = 512 << 20;
    world_run(world);
    for (int i = 0; i < 4; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        deploy(world, name, "");
    }
    CHECK(metric(world, "evoke_instances{state=\"idle\"}") == 4);
    deploy_sized(world, "large", "", 384);
    CHECK(look_at(world, "large").load_error[0] == '\0');
    wait_metric(world, "evoke_instances{state=\"idle\"}", 2);
    wait_metric(world, "evoke_instances{state=\"starting\"}", 0);
    CHECK(atomic_load(&world->engine->memory_idle) == 512 << 20);
    /* The place of those who end is theirs until they have ended. */
    for (int looks = 0; atomic_load(&world->engine->memory_used) != 512 << 20;)
        CHECK_MSG(patience_lasts(&looks), "%lld bytes are used",
                  (long long)atomic_load(&world->engine->memory_used));
    world_end(world);
}

static void start_many(struct world *world, void *arg)
{
    for (int i = 0; i < 8; i++)
        invoke_here(world, (struct pending *)arg + i);
}

TEST(a_burst_counts_on_a_siblings_idle_memory_only_once)
{
    struct world *world = world_new();
    struct pending pending[9] = {0};

    world->settings.shards = 2;
    world->settings.memory = 512 << 20;
    world_run(world);
    for (int i = 0; i < 4; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        deploy(world, name, "");
    }
    /* All idle ones on the other shard: those of this one are used up. */
    deploy(world, "f", "");
    wait_metric(world, "evoke_instances{state=\"idle\"}", 4);
    for (int i = 0; i < 8; i++)
        begin(world, &pending[i], "f", "gate", 1);
    call_on(world, world->loops[1], start_many, pending);
    open_gate(world->fakes.gate, 8);
    for (int i = 0; i < 8; i++)
        finish(&pending[i]);
    /* The trials, and one for each place that can have become free. */
    CHECK_MSG(atomic_load(&world->fakes.starts) <= 5 + 4 + 4, "%d starts",
              atomic_load(&world->fakes.starts));
    wait_metric(world, "evoke_instances{state=\"busy\"}", 0);
    world_end(world);
}

TEST(a_sibling_with_an_idle_instance_serves)
{
    struct world *world = world_new();
    struct pending pending = {.want_log = true};

    world->settings.shards = 2;
    world_run(world);
    deploy(world, "f", ""); /* loaded on one of them */
    for (int i = 0; i < 2; i++) {
        wait_metric(world, "evoke_instances{state=\"idle\"}", 1);
        invoke_on(world, &pending, "f", "hello", i);
        finish(&pending); /* checks that the answer comes home */
        CHECK(pending.outcome == INVOCATION_OK && strcmp(pending.response, "hello") == 0);
    }
    CHECK(atomic_load(&world->fakes.starts) == 1 && metric(world, "evoke_hand_overs_total") == 1);
    CHECK(metric(world, "evoke_concurrency") == 0);
    world_end(world);
}
