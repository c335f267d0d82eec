/* SPDX-License-Identifier: Apache-2.0 */
#include "functions.h"
#include "invocations.h"

/* Functions are deployed, changed and deleted. */

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
    CHECK(atomic_load(&world->fakes.starts) == 2 && atomic_load(&world->fakes.kills) == 0);
    open_gate(world->fakes.gate, 1); /* what runs on the old one may end */
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
    struct deployment second = {.function = make_function("f", "", 128)};
    ok = change(world, &second);
    CHECK(!ok && second.err.code == ERROR_CONFLICT);
    open_gate(world->fakes.load_gate, 1);
    wait_active(world, "f");
    CHECK(strcmp(invoke(world, "f", "new").response, "new") == 0);
    CHECK(atomic_load(&world->fakes.starts) == 2);
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
    open_gate(world->fakes.load_gate, 1);
    wait_pools(world, 0); /* its instance and all that is kept of it are gone */
    deploy(world, "f", "");
    CHECK(invoke(world, "f", "hello").outcome == INVOCATION_OK);
    ok = delete_function(world, "f");
    CHECK(ok);
    wait_pools(world, 0);
    CHECK(metric(world, "evoke_functions") == 0);
    world_end(world);
}

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
    CHECK(!ok && !look_at(world, "f").exists && atomic_load(&world->fakes.starts) == 0);
    CHECK(metric(world, "evoke_functions") == 0);

    deploy(world, "f", "");
    struct deployment update = {.function = make_function("f", "", 128)};
    fatten(update.function);
    ok = change(world, &update);
    CHECK(!ok && look_at(world, "f").is_updated && atomic_load(&world->fakes.starts) == 1);
    CHECK(invoke(world, "f", "hello").outcome == INVOCATION_OK);
    deploy(world, "f", ""); /* nothing is in its way */
    CHECK(atomic_load(&world->fakes.starts) == 2);
    world_end(world);
}
