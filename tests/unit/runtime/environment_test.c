/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* What belongs to neither transport: its cgroup, and that its end is safe whatever is
 * under way. */

static void freeze(struct world *world, void *arg)
{
    environment_freeze(world->environment);
    environment_freeze(world->environment);
}

static void thaw(struct world *world, void *arg)
{
    environment_thaw(world->environment);
    environment_thaw(world->environment);
}

static void check_freezer(const struct peer *peer, const char *want)
{
    char text[32] = "";
    ssize_t len = pread(peer->freeze, text, sizeof text - 1, 0);

    CHECK(len > 0 && strcmp(text, want) == 0);
}

TEST(the_freezer_is_written_once_for_each_change)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    call(world, freeze, NULL);
    check_freezer(&peer, "FROZEN");
    int failed = ftruncate(peer.freeze, 0);
    CHECK(!failed);
    call(world, thaw, NULL);
    check_freezer(&peer, "THAWED");
    call(world, freeze, NULL);
    check_freezer(&peer, "FROZEN");
    /* Frozen, it could not die. */
    call(world, do_kill, NULL);
    check_freezer(&peer, "THAWED");
    peer_expect_kill(&peer);
    finish(world, &peer);
}

static void read_peak(struct world *world, void *arg)
{
    *(int64_t *)arg = environment_memory_peak(world->environment);
}

TEST(the_peak_of_memory_is_read_from_its_cgroup)
{
    static const char *const nonsense[] = {"", "x", "-1\n", "99999999999999999999\n"};

    for (size_t i = 0; i <= COUNT_OF(nonsense); i++) {
        struct peer peer;
        struct world *world = world_start(&peer);
        int64_t peak = -1;

        peer_ready(&peer);
        wait_for(world, NOTED_READY, 1);
        if (i < COUNT_OF(nonsense)) {
            ssize_t len = (ssize_t)strlen(nonsense[i]);
            int failed = ftruncate(peer.peak, 0);
            CHECK(!failed && pwrite(peer.peak, nonsense[i], (size_t)len, 0) == len);
        }
        call(world, read_peak, &peak);
        CHECK(peak == (i < COUNT_OF(nonsense) ? 0 : PEER_PEAK_BYTES));
        finish(world, &peer);
    }
}

/* --- it ends while much is under way --- */

TEST(it_may_end_with_streams_open)
{
    for (int i = 0; i < 3; i++) {
        struct peer peer;
        struct world *world = world_start(&peer);
        int api = peer_connect(&peer), upload = peer_connect(&peer), idle = peer_connect(&peer);
        struct peer_reply reply = {0};
        char id[40];

        world->free_at_end = true;
        world->pause_stream = i == 2;
        peer_get_next(api);
        wait_for(world, NOTED_READY, 1);
        if (i > 0) {
            send_event(world, "{}");
            peer_read(api, &reply);
            peer_request_id(&reply, id);
            peer_say(upload,
                     "POST " PEER_API "invocation/%s/response HTTP/1.1\r\nHost: x\r\n"
                     "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                     id);
            wait_for_stream(world, strlen("<>abc"));
        }
        peer_say(idle, "POST " PEER_API "init/er");
        settle(world);
        peer_exited(&peer, 0);
        wait_for(world, NOTED_ENDED, 1);
        peer_say(upload, "3\r\nabc\r\n");
        settle(world);
        peer_reply_done(&reply);
        (void)close(api);
        (void)close(upload);
        (void)close(idle);
        world_free(world);
    }
}

TEST(it_may_end_with_a_wake_up_and_output_under_way)
{
    for (int i = 0; i < 20; i++) {
        struct peer peer;
        struct world *world = world_start(&peer);

        world->free_at_end = true;
        peer_ready(&peer);
        wait_for(world, NOTED_READY, 1);
        send_event(world, "{}");
        peer_print(&peer, TEXT("half a line"));
        peer_answer(&peer, ANSWER_RESPONSE, 1, TEXT("unclaimed"), TEXT_NONE);
        peer_exited(&peer, 0);
        wait_for(world, NOTED_ENDED, 1);
        CHECK(count_of(world, NOTED_ANSWERED) == 0);
        world_free(world);
    }
}

static void end_output(struct world *world, void *arg)
{
    world->free_at_end = true;
}

TEST(what_it_printed_last_is_told_before_its_end)
{
    struct peer peer;
    struct world *world = world_start(&peer);
    scoped(buffer_done) struct buffer want = {0};

    call(world, end_output, NULL);
    for (int i = 0; i < 2000; i++) {
        char line[64];
        int len = snprintf(line, sizeof line, "line %d of the last words\n", i);
        peer_print(&peer, text_from(line, (size_t)len));
        buffer_add_format(&want, "[-]%s", line);
    }
    peer_print(&peer, TEXT("and half a line"));
    buffer_add_literal(&want, "[-]and half a line");
    peer_exited(&peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    CHECK(text_equal(buffer_text(&world->text), buffer_text(&want)));
    CHECK(world->end.memory_peak_bytes == PEER_PEAK_BYTES);
    world_free(world);
}

TEST(an_instance_that_cannot_be_woken_is_left_to_its_timeout)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    (void)close(peer.wake);
    (void)close(peer.reply);
    peer.wake = peer.reply = -1;
    atomic_store(&peer.ring->in.waiting, 1);
    send_event(world, "{}");
    settle(world);
    CHECK(!peer_has_request(&peer));
    peer_exited(&peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    world_free(world);
}

TEST(a_wake_up_never_waits)
{
    struct peer peer;
    struct world *world = world_start(&peer);

    peer_ready(&peer);
    wait_for(world, NOTED_READY, 1);
    /* Nobody reads them, each event asks for another, and 512 fill the pipe. */
    int size = fcntl(peer.wake, F_SETPIPE_SZ, 4096);
    CHECK(size == 4096);
    for (int i = 0; i < 3000; i++) {
        atomic_store(&peer.ring->in.waiting, 1);
        send_event(world, "{}");
        peer_respond(&peer, peer_next(&peer), TEXT("1"));
        if (i % 100 == 99)
            wait_for(world, NOTED_ANSWERED, i + 1);
    }
    /* And whatever the instance does to its end of the pipes is its own. */
    (void)fcntl(peer.reply, F_SETFL, 0);
    (void)fcntl(peer.wake, F_SETFL, 0);
    send_event(world, "{}");
    peer_respond(&peer, peer_next(&peer), TEXT("1"));
    wait_for(world, NOTED_ANSWERED, 3001);
    finish(world, &peer);
}
