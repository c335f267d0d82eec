/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* The engine from outside: functions are deployed, invoked, changed and deleted; the
 * instances are the test's. */

TEST(a_function_is_loaded_once_and_serves_from_then_on)
{
    struct world *world = world_start();

    deploy(world, "f", "");
    CHECK(atomic_load(&world->starts) == 1 && look_at(world, "f").load_error[0] == '\0');
    for (int i = 0; i < 5; i++) {
        struct pending got = invoke(world, "f", "hello");
        CHECK(got.outcome == INVOCATION_OK && strcmp(got.response, "hello") == 0);
        CHECK(has(got.log, "START RequestId: ") && has(got.log, "END RequestId: ") &&
              has(got.log, "REPORT RequestId: ") && has(got.log, "Memory Size: 128 MB") &&
              has(got.log, "Max Memory Used: 42 MB"));
        CHECK(has(got.log, "Init Duration: ") == (i == 0));
    }
    CHECK(atomic_load(&world->starts) == 1);
    CHECK(metric(world, "evoke_invocations_total") == 5);
    CHECK(metric(world, "evoke_errors_total") == 0);
    CHECK(metric(world, "evoke_cold_starts_total") == 1);
    CHECK(metric(world, "evoke_invocation_duration_seconds_count") == 5);
    CHECK(metric(world, "evoke_invocation_duration_seconds_bucket{le=\"+Inf\"}") == 5);
    CHECK(metric(world, "evoke_concurrency") == 0 && metric(world, "evoke_functions") == 1);
    wait_metric(world, "evoke_instances{state=\"idle\"}", 1);
    world_end(world);
}

TEST(errors_and_output_find_their_invocation)
{
    struct world *world = world_start();

    deploy(world, "f", "");
    struct pending got = invoke(world, "f", "error");
    CHECK(got.outcome == INVOCATION_FUNCTION_ERROR);
    CHECK(strcmp(got.response, "{\"errorMessage\":\"asked for\"}") == 0);
    CHECK(has(got.log, "Status: error\tError Type: Asked.For"));
    got = invoke(world, "f", "print");
    CHECK(has(got.log, "START") && strstr(got.log, "printed\n") > strstr(got.log, "START") &&
          strstr(got.log, "END") > strstr(got.log, "printed\n"));
    CHECK(metric(world, "evoke_errors_total") == 1);
    world_end(world);
}

TEST(each_concurrent_invocation_of_unknown_length_gets_an_instance)
{
    struct world *world = world_start();
    static struct pending pending[5];

    deploy(world, "f", "");
    for (size_t i = 0; i < COUNT_OF(pending); i++)
        invoke_on(world, &pending[i], "f", "gate", 0);
    wait_metric(world, "evoke_instances{state=\"busy\"}", COUNT_OF(pending));
    CHECK(atomic_load(&world->starts) == COUNT_OF(pending));
    CHECK(metric(world, "evoke_concurrency") == COUNT_OF(pending));
    open_gate(world->gate, COUNT_OF(pending));
    for (size_t i = 0; i < COUNT_OF(pending); i++) {
        finish(&pending[i]);
        CHECK(pending[i].outcome == INVOCATION_OK);
    }
    wait_metric(world, "evoke_instances{state=\"idle\"}", COUNT_OF(pending));
    world_end(world);
}

/* --- behind a quick one, and a slow one --- */

struct burst {
    struct pending *pending;
    const char *const *payloads;
    size_t count;
    int64_t quick_us;
    size_t queued;     /* how many were in the ring of the one busy instance then */
    int busy, waiting; /* instances and invocations then */
};

static struct pool *pool_of(struct world *world, int shard, const char *name)
{
    const struct function *function =
        directory_find(shard_directory(engine_shard(world->engine, shard)), TEXT(ACCOUNT),
                       TEXT(REGION), text_of(name));

    return pool_find_or_new(engine_shard(world->engine, shard), function->latest);
}

/* All in one iteration of the loop, with a function that is known to be quick. */
static void do_burst(struct world *world, void *arg)
{
    struct burst *burst = arg;
    struct pool *pool = pool_of(world, 0, "f");

    pool->duration_us = pool->quick_us = pool->least_us = (double)burst->quick_us;
    for (size_t i = 0; i < burst->count; i++)
        invoke_here(world, &burst->pending[i]);
    if (!list_empty(&pool->busy))
        burst->queued =
            environment_load(container_of(pool->busy.next, struct instance, link)->environment);
    burst->busy = pool->busy_count;
    burst->waiting = pool->waiting_count;
}

static struct burst send_burst(struct world *world, struct pending *pending,
                               const char *const *payloads, size_t count, int64_t quick_us)
{
    struct burst burst = {pending, payloads, count, quick_us, 0, 0, 0};

    for (size_t i = 0; i < count; i++)
        begin(world, &pending[i], "f", payloads[i], 0);
    call_on(world, world->loops[0], do_burst, &burst);
    return burst;
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
    open_gate(world->gate, 1);
    finish(&pending[0]);
    CHECK(atomic_load(&world->starts) >= 2);
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

TEST(an_exit_in_the_middle_is_the_running_ones_error_only)
{
    static const char *const payloads[] = {"gate-exit", "a", "b"};
    struct world *world = world_start();
    struct pending pending[3] = {0};

    deploy(world, "f", "");
    CHECK(send_burst(world, pending, payloads, 3, 50).queued == 3);
    open_gate(world->gate, 1);
    for (int i = 0; i < 3; i++)
        finish(&pending[i]);
    CHECK(pending[0].outcome == INVOCATION_FUNCTION_ERROR);
    CHECK(has(pending[0].response, "Runtime.ExitError") &&
          has(pending[0].response, "exit status 3"));
    for (int i = 1; i < 3; i++)
        CHECK(pending[i].outcome == INVOCATION_OK && strcmp(pending[i].response, payloads[i]) == 0);
    CHECK(invoke(world, "f", "next").outcome == INVOCATION_OK);
    world_end(world);
}

TEST(an_instance_that_never_begins_does_not_keep_its_events_for_ever)
{
    static const char *const handlers[] = {"deaf", "crash-unclaimed"};
    static const char *const errors[] = {"Sandbox.Timedout", "Runtime.ExitError"};

    for (size_t i = 0; i < COUNT_OF(handlers); i++) {
        struct world *world = world_start();
        world->timeout_s = 1;
        deploy(world, "f", handlers[i]);
        struct pending got = invoke(world, "f", "hello");
        CHECK_MSG(got.outcome == INVOCATION_FUNCTION_ERROR && has(got.response, errors[i]),
                  "%s: %s", handlers[i], got.response);
        world_end(world);
    }
}

/* --- timeouts --- */

TEST(a_timeout_ends_the_instance_and_frees_those_behind)
{
    static const char *const payloads[] = {"hang", "a"};
    struct world *world = world_start();
    struct pending pending[2] = {{.want_log = true}};

    world->timeout_s = 1;
    deploy(world, "f", "");
    CHECK(send_burst(world, pending, payloads, 2, 50).queued == 2);
    finish(&pending[1]);
    CHECK(pending[1].outcome == INVOCATION_OK);
    finish(&pending[0]);
    CHECK(pending[0].outcome == INVOCATION_FUNCTION_ERROR);
    CHECK(has(pending[0].response, "\"errorType\":\"Sandbox.Timedout\"") &&
          has(pending[0].response, "Task timed out after 1.00 seconds"));
    CHECK(has(pending[0].log, "Task timed out after 1.00 seconds") &&
          has(pending[0].log, "Status: timeout"));
    CHECK(metric(world, "evoke_timeouts_total") == 1);
    CHECK(invoke(world, "f", "again").outcome == INVOCATION_OK);
    world_end(world);
}

TEST(a_timeout_in_the_middle_of_an_answer_is_one_too)
{
    struct world *world = world_start();

    world->timeout_s = 1;
    deploy(world, "f", "api");
    CHECK(strcmp(invoke(world, "f", "by api").response, "by api") == 0);
    struct pending got = invoke(world, "f", "upload");
    CHECK(got.outcome == INVOCATION_FUNCTION_ERROR && has(got.response, "Sandbox.Timedout"));
    CHECK(invoke(world, "f", "again").outcome == INVOCATION_OK);
    CHECK(atomic_load(&world->starts) == 2);
    world_end(world);
}

TEST(an_instance_that_answers_and_works_on_has_its_timeout_for_both)
{
    struct world *world = world_start();

    world->timeout_s = 1;
    deploy(world, "f", "api");
    CHECK(invoke(world, "f", "last").outcome == INVOCATION_OK);
    CHECK(atomic_load(&world->kills) == 0);
    wait_metric(world, "evoke_instances{state=\"busy\"}", 0);
    CHECK(metric(world, "evoke_timeouts_total") == 0); /* nobody was kept waiting */
    CHECK(invoke(world, "f", "again").outcome == INVOCATION_OK);
    CHECK(atomic_load(&world->starts) == 2);
    world_end(world);
}

/* --- initialising fails --- */

TEST(a_failed_load_is_shown_and_told_to_each_invocation)
{
    static const struct {
        const char *handler, *error;
        int failures;
    } cases[] = {
        {"may-fail", "Init.No", 1000},
        {"may-exit", "Runtime.ExitError", 1000},
        {"fail", "Runtime.Unknown", 1000},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *world = world_start();
        atomic_store(&world->inits_to_fail, cases[i].failures);
        deploy(world, "f", cases[i].handler);
        CHECK_MSG(has(look_at(world, "f").load_error, cases[i].error), "%s: %s", cases[i].handler,
                  look_at(world, "f").load_error);
        struct pending got = invoke(world, "f", "hello");
        CHECK_MSG(got.outcome == INVOCATION_FUNCTION_ERROR && has(got.response, cases[i].error),
                  "%s: %s", cases[i].handler, got.response);
        CHECK(atomic_load(&world->starts) == 3); /* trial, start, and once more within it */
        CHECK(metric(world, "evoke_concurrency") == 0);
        CHECK(metric(world, "evoke_sandbox_failures_total") ==
              (strcmp(cases[i].handler, "fail") == 0 ? 3 : 0));
        world_end(world);
    }
}

TEST(an_initialising_that_fails_once_is_repeated_within_the_invocation)
{
    struct world *world = world_start();

    atomic_store(&world->inits_to_fail, 2); /* the trial, and the first start */
    deploy(world, "f", "may-fail");
    struct pending got = invoke(world, "f", "hello");
    CHECK(got.outcome == INVOCATION_OK && strcmp(got.response, "hello") == 0);
    CHECK(atomic_load(&world->starts) == 3);
    world_end(world);
}

/* --- limits --- */

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
    open_gate(world->gate, 2);
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
    CHECK(atomic_load(&world->starts) == 3);
    invoke_on(world, &pending[2], "g", "hello", 0);
    finish(&pending[2]);
    CHECK(pending[2].outcome == INVOCATION_THROTTLED && has(pending[2].reason, "memory"));
    open_gate(world->gate, 2);
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
    open_gate(world->gate, 8);
    for (int i = 0; i < 8; i++)
        finish(&pending[i]);
    /* The trials, and one for each place that can have become free. */
    CHECK_MSG(atomic_load(&world->starts) <= 5 + 4 + 4, "%d starts", atomic_load(&world->starts));
    wait_metric(world, "evoke_instances{state=\"busy\"}", 0);
    world_end(world);
}

/* --- several shards --- */

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
    CHECK(atomic_load(&world->starts) == 1 && metric(world, "evoke_hand_overs_total") == 1);
    CHECK(metric(world, "evoke_concurrency") == 0);
    world_end(world);
}

/* --- changes --- */

TEST(an_update_serves_before_it_is_called_successful_and_the_old_instances_end)
{
    struct world *world = world_start();
    struct pending slow = {0};

    deploy(world, "f", "");
    CHECK(strcmp(invoke(world, "f", "one").response, "one") == 0);
    invoke_on(world, &slow, "f", "gate", 0);
    wait_metric(world, "evoke_instances{state=\"busy\"}", 1);
    deploy(world, "f", "");
    CHECK(strcmp(invoke(world, "f", "two").response, "two") == 0);
    CHECK(atomic_load(&world->starts) == 2 && atomic_load(&world->kills) == 0);
    open_gate(world->gate, 1); /* what runs on the old one may end */
    finish(&slow);
    CHECK(slow.outcome == INVOCATION_OK);
    wait_metric(world, "evoke_instances{state=\"idle\"}", 1);
    world_end(world);
}

TEST(while_an_update_is_loaded_the_old_version_serves_and_no_other_may_begin)
{
    struct world *world = world_start();

    deploy(world, "f", "");
    struct deployment update = {.function = make_function("f", "load-gate", 128)};
    bool ok = change(world, &update);
    CHECK(ok && !look_at(world, "f").is_updated);
    CHECK(strcmp(invoke(world, "f", "old").response, "old") == 0);
    CHECK(atomic_load(&world->starts) == 2);
    struct deployment second = {.function = make_function("f", "", 128)};
    ok = change(world, &second);
    CHECK(!ok && second.err.code == ERROR_CONFLICT);
    open_gate(world->load_gate, 1);
    wait_active(world, "f");
    CHECK(strcmp(invoke(world, "f", "new").response, "new") == 0);
    world_end(world);
}

TEST(what_does_not_exist_or_exists_is_said)
{
    struct world *world = world_start();
    struct deployment update = {.function = make_function("f", "", 128)};
    struct deployment save = {.function = make_function("f", "", 128), .kind = 1};
    struct deployment removal = {.kind = 2, .name = "f"};
    struct deployment again = {.create = true};

    bool ok = change(world, &update);
    CHECK(!ok && update.err.code == ERROR_NOT_FOUND);
    ok = change(world, &save);
    CHECK(!ok && save.err.code == ERROR_NOT_FOUND);
    ok = change(world, &removal);
    CHECK(!ok && removal.err.code == ERROR_NOT_FOUND);
    deploy(world, "f", "");
    again.function = make_function("f", "", 128);
    ok = change(world, &again);
    CHECK(!ok && again.err.code == ERROR_CONFLICT);
    CHECK(invoke(world, "f", "hello").outcome == INVOCATION_OK);
    world_end(world);
}

static void count_pools(struct world *world, void *arg)
{
    *(int *)arg = (int)engine_shard(world->engine, 0)->pools.count;
}

static void wait_pools(struct world *world, int want)
{
    int count, looks = 0;

    for (;;) {
        call_on(world, world->loops[0], count_pools, &count);
        if (count == want)
            return;
        CHECK_MSG(patience_lasts(&looks), "%d pools stay", count);
    }
}

TEST(a_function_can_be_deleted_while_it_is_loaded)
{
    struct world *world = world_start();
    struct deployment creation = {.function = make_function("f", "load-gate", 128), .create = true};

    bool ok = change(world, &creation);
    CHECK(ok && look_at(world, "f").exists);
    ok = delete_function(world, "f");
    CHECK(ok && !look_at(world, "f").exists);
    open_gate(world->load_gate, 1);
    wait_pools(world, 0); /* its instance and all that is kept of it are gone */
    deploy(world, "f", "");
    CHECK(invoke(world, "f", "hello").outcome == INVOCATION_OK);
    ok = delete_function(world, "f");
    CHECK(ok);
    wait_pools(world, 0);
    CHECK(metric(world, "evoke_functions") == 0);
    world_end(world);
}

/* --- the store fails --- */

static void fatten(struct function *function)
{
    scoped(buffer_done) struct buffer large = {0};

    memset(buffer_room(&large, STORE_BODY_MAX), 'x', STORE_BODY_MAX);
    buffer_added(&large, STORE_BODY_MAX);
    model_set(&function->latest->config.description, buffer_text(&large));
}

TEST(what_cannot_be_stored_has_not_happened)
{
    struct world *world = world_start();
    struct deployment creation = {.function = make_function("f", "", 128), .create = true};

    fatten(creation.function);
    bool ok = change(world, &creation);
    CHECK(!ok && !look_at(world, "f").exists && atomic_load(&world->starts) == 0);
    CHECK(metric(world, "evoke_functions") == 0);

    deploy(world, "f", "");
    struct deployment update = {.function = make_function("f", "", 128)};
    fatten(update.function);
    ok = change(world, &update);
    CHECK(!ok && look_at(world, "f").is_updated && atomic_load(&world->starts) == 1);
    CHECK(invoke(world, "f", "hello").outcome == INVOCATION_OK);
    deploy(world, "f", ""); /* nothing is in its way */
    CHECK(atomic_load(&world->starts) == 2);
    world_end(world);
}

/* --- the end and the next start --- */

TEST(draining_waits_for_what_runs)
{
    struct world *world = world_start();
    struct pending slow = {0}, late = {0};

    deploy(world, "f", "");
    invoke_on(world, &slow, "f", "gate", 0);
    wait_metric(world, "evoke_instances{state=\"busy\"}", 1);
    world_begin_drain(world, 60000);
    invoke_on(world, &late, "f", "late", 0);
    finish(&late);
    CHECK(late.outcome == INVOCATION_FAILED && has(late.reason, "stopping"));
    CHECK(metric(world, "evoke_throttles_total") == 0);
    open_gate(world->gate, 1);
    finish(&slow);
    CHECK(slow.outcome == INVOCATION_OK);
    world_stop(world);
    world_free(world);
}

TEST(draining_ends_in_time_whatever_is_under_way)
{
    static const char *const payloads[] = {"hang", "a", "b"};
    struct world *world = world_start();
    struct pending pending[3] = {0}, bound = {0}, waiting = {0};

    deploy(world, "f", "");
    atomic_store(&world->inits_to_fail, 2);
    deploy(world, "g", "may-fail");
    /* One that initialises within an invocation, and one that waits for a start. */
    struct deployment update = {.function = make_function("h", "load-gate", 128), .create = true};
    bool ok = change(world, &update);
    CHECK(ok);
    open_gate(world->load_gate, 1);
    wait_active(world, "h");
    invoke_on(world, &bound, "h", "hang", 0);
    wait_metric(world, "evoke_instances{state=\"busy\"}", 1);
    invoke_on(world, &waiting, "h", "a", 0);
    CHECK(send_burst(world, pending, payloads, 3, 50).queued >= 1);
    world_begin_drain(world, 1);
    for (int i = 0; i < 3; i++) {
        finish(&pending[i]);
        CHECK(pending[i].outcome != INVOCATION_OK || i > 0);
    }
    finish(&bound);
    finish(&waiting);
    CHECK(bound.outcome == INVOCATION_FUNCTION_ERROR && waiting.outcome != INVOCATION_OK);
    world_stop(world);
    world_free(world);
}

TEST(functions_are_there_again_after_a_restart_and_a_broken_off_load_goes_on)
{
    struct world *world = world_start();
    struct deployment creation = {.function = make_function("g", "load-gate", 128), .create = true};

    deploy(world, "f", "");
    bool ok = change(world, &creation);
    CHECK(ok);
    world_begin_drain(world, 60000); /* g is still being loaded */
    world_stop(world);
    world_run(world);
    CHECK(look_at(world, "f").is_active && !look_at(world, "g").is_active);
    CHECK(invoke(world, "f", "hello").outcome == INVOCATION_OK);
    open_gate(world->load_gate, 1);
    wait_active(world, "g");
    CHECK(invoke(world, "g", "hello").outcome == INVOCATION_OK);
    world_end(world);
}

static char *stored_path(const struct world *world, const char *folder, const char *name,
                         const char *suffix)
{
    uint8_t digest[32];
    char code[65];

    crypto_sha256(text_of(name), digest);
    crypto_hex(digest, sizeof digest, code);
    return mem_format("%s/%s/%s%s", world->folder, folder, code, suffix);
}

static void put_package(const struct world *world, const char *name)
{
    struct error err;
    scoped(free) char *code = stored_path(world, "code", name, "");
    scoped(free) char *file = stored_path(world, "code", name, "/main.py");
    scoped(free) char *zip = stored_path(world, "zip", name, ".zip");

    CHECK(path_make_folders(code, 0755, &err) == 0);
    CHECK(path_write(file, TEXT("x"), 0644, &err) == 0);
    CHECK(path_write(zip, TEXT("x"), 0600, &err) == 0);
}

static bool has_package(const struct world *world, const char *name)
{
    scoped(free) char *code = stored_path(world, "code", name, "");
    scoped(free) char *zip = stored_path(world, "zip", name, ".zip");
    bool has_code = access(code, F_OK) == 0, has_zip = access(zip, F_OK) == 0;

    CHECK(has_code == has_zip);
    return has_code;
}

TEST(code_that_no_function_uses_is_gone_after_the_next_start)
{
    struct world *world = world_start();
    scoped(free) char *aside = mem_format("%s/staging/unused", world->folder);
    scoped(free) char *other = mem_format("%s/code/not-a-digest", world->folder);
    struct error err;

    put_package(world, "f");
    deploy(world, "f", "");
    world_begin_drain(world, 60000);
    world_stop(world);
    put_package(world, "left behind");
    CHECK(path_make_folders(other, 0755, &err) == 0);
    world_run(world);
    CHECK(has_package(world, "f") && !has_package(world, "left behind"));
    CHECK(access(other, F_OK) == 0);
    for (int looks = 0; access(aside, F_OK) == 0;)
        CHECK_MSG(patience_lasts(&looks), "'%s' stays", aside);
    world_end(world);
}

TEST(idle_instances_are_frozen_and_thawed_and_end_in_time)
{
    struct world *world = world_new();

    world->settings.freeze_after_ms = 1;
    world->settings.idle_timeout_ms = 600000;
    world_run(world);
    deploy(world, "f", "");
    wait_metric(world, "evoke_instances{state=\"frozen\"}", 1);
    CHECK(metric(world, "evoke_instances{state=\"idle\"}") == 0);
    CHECK(invoke(world, "f", "hello").outcome == INVOCATION_OK);
    wait_metric(world, "evoke_instances{state=\"frozen\"}", 1);
    world_end(world);

    world = world_new();
    world->settings.idle_timeout_ms = 1;
    world_run(world);
    deploy(world, "f", "");
    wait_metric(world, "evoke_instances{state=\"idle\"}", 0);
    CHECK(invoke(world, "f", "hello").outcome == INVOCATION_OK);
    world_end(world);
}
