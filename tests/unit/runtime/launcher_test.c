/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* The way to the spawner, while it takes nothing and when it says unusual things. */

#define CROWD 64

static struct world *crowd[CROWD];

/* All on the loop and the launcher of the first. */
static void start_crowd(struct world *world, void *arg)
{
    int *count = arg;

    for (int i = 0; i < *count; i++) {
        crowd[i] = mem_new(struct world);
        pthread_mutex_init(&crowd[i]->lock, NULL);
        pthread_cond_init(&crowd[i]->changed, NULL);
        crowd[i]->loop = world->loop;
        crowd[i]->launcher = world->launcher;
        start_environment(crowd[i], NULL);
    }
}

static void kill_one(struct world *world, void *arg)
{
    environment_kill(crowd[*(int *)arg]->environment);
}

static void drop_one(struct world *world, void *arg)
{
    int i = *(int *)arg;

    drop_environment(crowd[i]);
    free(crowd[i]);
}

TEST(starts_and_ends_wait_while_the_socket_is_full)
{
    struct world *world = world_new();
    struct peer peers[CROWD];
    int count = CROWD, small = 1, started = 0, killed = 0;
    enum request_kind kind;
    struct peer peer;

    /* The smallest there is: a few requests fill it. */
    int failed = setsockopt(world->socket, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    CHECK(!failed);
    call(world, start_crowd, &count);

    /* The last never started; it hears of its end, and the spawner nothing of it. */
    int last = CROWD - 1;
    call(world, kill_one, &last);
    wait_for(crowd[last], NOTED_ENDED, 1);
    CHECK(strcmp(crowd[last]->end.reason, "it was stopped before it started") == 0);
    /* The first was sent before the socket was full, and its end does not fit. */
    int first = 0;
    call(world, kill_one, &first);

    while (started < CROWD - 1 || killed < 1) {
        peer_wait(world->spawner, POLLIN);
        bool got = peer_poll(world->spawner, &peer, &kind);
        CHECK(got);
        if (kind == REQUEST_START)
            peers[started++] = peer;
        else
            CHECK(++killed == 1 && peer.id == 1);
    }
    for (int i = 0; i < started; i++) {
        CHECK(peers[i].id == (uint64_t)i + 1);
        peer_exited(&peers[i], 0);
    }
    for (int i = 0; i < CROWD; i++) {
        wait_for(crowd[i], NOTED_ENDED, 1);
        call(world, drop_one, &i);
    }
    world_free(world);
}

TEST(an_instance_may_end_while_its_kill_waits)
{
    struct world *world = world_new();
    struct peer peers[CROWD];
    int count = CROWD - 1, small = 1;
    enum request_kind kind;

    int failed = setsockopt(world->socket, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    CHECK(!failed);
    call(world, start_crowd, &count);
    int first = 0;
    call(world, kill_one, &first);
    const struct spawner_event event = {.kind = SPAWNER_EXITED,
                                        .id = 1,
                                        .listeners = {-1, -1, -1},
                                        .memory_fd = -1,
                                        .freeze_fd = -1};
    const struct peer by_hand = {.spawner = world->spawner};
    peer_tell(&by_hand, &event);
    wait_for(crowd[0], NOTED_ENDED, 1);
    call(world, drop_one, &first);
    for (int i = 0; i < count; i++) {
        peer_wait(world->spawner, POLLIN);
        bool got = peer_poll(world->spawner, &peers[i], &kind);
        CHECK(got && kind == REQUEST_START);
        if (i == 0)
            peer_release(&peers[i]);
        else
            peer_exited(&peers[i], 0);
    }
    for (int i = 1; i < count; i++) {
        wait_for(crowd[i], NOTED_ENDED, 1);
        call(world, drop_one, &i);
    }
    world_free(world);
}

static void start_too_large(struct world *world, void *arg)
{
    static char program[] = "/bin/true";
    static char *const argv[] = {program, NULL};
    static char large[SANDBOX_PLAN_BYTES_MAX] = "A=";
    static char *const envp[] = {large, NULL};
    const struct environment_options options = {
        .calls = &world_calls,
        .owner = world,
        .function_arn = "arn",
        .plan = {.code = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                 .argv = argv,
                 .envp = envp},
        .runtime_listener = -1,
    };

    memset(large + 2, 'x', sizeof large - 3);
    world->environment = environment_start(world->launcher, &options);
}

TEST(a_plan_that_is_too_large_fails_and_holds_up_nobody)
{
    struct world *world = world_new();
    int count = 1;

    call(world, start_too_large, NULL);
    wait_for(world, NOTED_ENDED, 1);
    CHECK(world->end.reason[0]);
    call(world, start_crowd, &count);
    struct peer peer = peer_accept(world->spawner);
    peer_failed(&peer, "no");
    wait_for(crowd[0], NOTED_ENDED, 1);
    count = 0;
    call(world, drop_one, &count);
    world_free(world);
}

TEST(a_kill_before_it_started_ends_it_once)
{
    struct world *world = world_new();

    call(world, start_environment, NULL);
    struct peer peer = peer_accept(world->spawner);
    call(world, do_kill, NULL);
    call(world, do_kill, NULL);
    peer_expect_kill(&peer);
    CHECK(!peer_has_request(&peer));
    peer_started(&peer); /* was on its way */
    peer_ready(&peer);
    settle(world);
    CHECK(count_of(world, NOTED_READY) == 0 && room(world) == 0);
    peer_exited(&peer, SIGKILL);
    wait_for(world, NOTED_ENDED, 1);
    CHECK(WIFSIGNALED(world->end.status) && count_of(world, NOTED_ENDED) == 1);
    world_free(world);
}

TEST(a_start_that_failed_says_why)
{
    struct world *world = world_new();

    call(world, start_environment, NULL);
    struct peer peer = peer_accept(world->spawner);
    peer_print(&peer, TEXT("nobody was there to print it\n"));
    peer_failed(&peer, "there is no such program");
    wait_for(world, NOTED_ENDED, 1);
    CHECK(strcmp(world->end.reason, "there is no such program") == 0);
    call(world, do_kill, NULL);
    settle(world);
    CHECK(count_of(world, NOTED_ENDED) == 1);
    world_free(world);
}

TEST(a_host_networks_runtime_api_listens_where_it_was_told)
{
    struct world *world = world_new();
    struct error err;
    struct peer_reply reply = {0};
    uint16_t port = 0;
    int listener = http_bind(TEXT("127.0.0.1:0"), &port, &err);

    call(world, start_environment, &listener);
    struct peer peer = peer_accept(world->spawner);
    CHECK(peer.host_network);
    peer_started(&peer); /* the spawner makes one too */
    peer.port = port;
    int api = peer_connect(&peer);
    peer_get_next(api);
    wait_for(world, NOTED_READY, 1);
    send_event(world, "{}");
    peer_read(api, &reply);
    CHECK(reply.status == 200);
    peer_reply_done(&reply);
    (void)close(api);
    finish(world, &peer);
}
