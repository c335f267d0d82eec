/* SPDX-License-Identifier: Apache-2.0 */
#include "functions.h"
#include "invocations.h"

/* The engine as a whole: its end, and the next start on what is stored. */

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
    open_gate(world->fakes.gate, 1);
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
    atomic_store(&world->fakes.inits_to_fail, 2);
    deploy(world, "g", "may-fail");
    /* One that initialises within an invocation, and one that waits for a start. */
    struct deployment update = {.function = make_function("h", "load-gate", 128), .create = true};
    bool ok = change(world, &update);
    CHECK(ok);
    open_gate(world->fakes.load_gate, 1);
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
    open_gate(world->fakes.load_gate, 1);
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
