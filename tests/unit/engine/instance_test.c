/* SPDX-License-Identifier: Apache-2.0 */
#include "functions.h"
#include "invocations.h"

/* From its load to its end; the processes are the test's. */

TEST(a_function_is_loaded_once_and_serves_from_then_on)
{
    struct world *world = world_start();

    deploy(world, "f", "");
    CHECK(atomic_load(&world->fakes.starts) == 1 && look_at(world, "f").load_error[0] == '\0');
    for (int i = 0; i < 5; i++) {
        struct pending got = invoke(world, "f", "hello");
        CHECK(got.outcome == INVOCATION_OK && strcmp(got.response, "hello") == 0);
        CHECK(has(got.log, "START RequestId: ") && has(got.log, "END RequestId: ") &&
              has(got.log, "REPORT RequestId: ") && has(got.log, "Memory Size: 128 MB") &&
              has(got.log, "Max Memory Used: 42 MB"));
        CHECK(has(got.log, "Init Duration: ") == (i == 0));
    }
    CHECK(atomic_load(&world->fakes.starts) == 1);
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

TEST(an_exit_in_the_middle_is_the_running_ones_error_only)
{
    static const char *const payloads[] = {"gate-exit", "a", "b"};
    struct world *world = world_start();
    struct pending pending[3] = {0};

    deploy(world, "f", "");
    CHECK(send_burst(world, pending, payloads, 3, 50).queued == 3);
    open_gate(world->fakes.gate, 1);
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
    CHECK(atomic_load(&world->fakes.starts) == 2);
    world_end(world);
}

TEST(an_instance_that_answers_and_works_on_has_its_timeout_for_both)
{
    struct world *world = world_start();

    world->timeout_s = 1;
    deploy(world, "f", "api");
    CHECK(invoke(world, "f", "last").outcome == INVOCATION_OK);
    CHECK(atomic_load(&world->fakes.kills) == 0);
    wait_metric(world, "evoke_instances{state=\"busy\"}", 0);
    CHECK(metric(world, "evoke_timeouts_total") == 0); /* nobody was kept waiting */
    CHECK(invoke(world, "f", "again").outcome == INVOCATION_OK);
    CHECK(atomic_load(&world->fakes.starts) == 2);
    world_end(world);
}

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
        atomic_store(&world->fakes.inits_to_fail, cases[i].failures);
        deploy(world, "f", cases[i].handler);
        CHECK_MSG(has(look_at(world, "f").load_error, cases[i].error), "%s: %s", cases[i].handler,
                  look_at(world, "f").load_error);
        struct pending got = invoke(world, "f", "hello");
        CHECK_MSG(got.outcome == INVOCATION_FUNCTION_ERROR && has(got.response, cases[i].error),
                  "%s: %s", cases[i].handler, got.response);
        CHECK(atomic_load(&world->fakes.starts) == 3); /* trial, start, and once more within it */
        CHECK(metric(world, "evoke_concurrency") == 0);
        CHECK(metric(world, "evoke_sandbox_failures_total") ==
              (strcmp(cases[i].handler, "fail") == 0 ? 3 : 0));
        world_end(world);
    }
}

TEST(an_initialising_that_fails_once_is_repeated_within_the_invocation)
{
    struct world *world = world_start();

    atomic_store(&world->fakes.inits_to_fail, 2); /* the trial, and the first start */
    deploy(world, "f", "may-fail");
    struct pending got = invoke(world, "f", "hello");
    CHECK(got.outcome == INVOCATION_OK && strcmp(got.response, "hello") == 0);
    CHECK(atomic_load(&world->fakes.starts) == 3);
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
