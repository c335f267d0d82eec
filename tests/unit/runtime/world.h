/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "base/clock.h"
#include "peer.h"
#include "runtime/environment_priv.h"
#include "test.h"

/*
 * One environment on a loop of its own thread. The test's thread is the spawner and the
 * instance (peer.h); what it wants of the environment it asks for by call(), and what the
 * environment tells is noted and can be waited for.
 */

#define EVENTS_MAX 4096

enum noted {
    NOTED_READY,
    NOTED_INIT_FAILED,
    NOTED_ANSWERED,
    NOTED_IDLE,
    NOTED_OUTPUT,
    NOTED_STREAM_BEGIN,
    NOTED_ENDED,
    NOTED_KINDS,
};

struct world {
    struct loop *loop;
    int spawner, socket; /* the test's end, and the launcher's */
    struct launcher *launcher;
    struct environment *environment;
    struct version *version;

    /* On the loop's thread. */
    struct invocation *events[EVENTS_MAX]; /* as sent; NULL once they came back */
    int sent, answered_count;
    bool pause_stream, free_at_end;

    /* What was told; under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int counts[NOTED_KINDS];
    int answered[EVENTS_MAX]; /* order in which event n was answered, from 1; 0: not yet */
    bool is_error[EVENTS_MAX];
    struct buffer answers[EVENTS_MAX];
    char error_type[EVENTS_MAX / 64][64]; /* of the first ones */
    struct buffer text;                   /* "[2]line\n", "[-]line\n"; init errors */
    struct buffer streamed;
    struct environment_end end;
};

static inline struct world *world_of(struct environment *environment)
{
    return environment_owner(environment);
}

static inline int index_of(const struct world *world, const struct invocation *invocation)
{
    for (int i = 0; i < world->sent; i++)
        if (world->events[i] == invocation)
            return i;
    return -1;
}

static inline void note(struct world *world, enum noted kind)
{
    world->counts[kind]++;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
}

/* --- what the environment tells --- */

static inline void on_ready(struct environment *environment)
{
    struct world *world = world_of(environment);

    pthread_mutex_lock(&world->lock);
    note(world, NOTED_READY);
}

static inline void on_init_failed(struct environment *environment, struct text type,
                                  struct text json)
{
    struct world *world = world_of(environment);

    pthread_mutex_lock(&world->lock);
    buffer_add_format(&world->text, "%.*s %.*s\n", TEXT_ARG(type), TEXT_ARG(json));
    note(world, NOTED_INIT_FAILED);
}

static inline void on_answered(struct environment *environment, struct invocation *invocation,
                               bool is_error, struct text error_type)
{
    struct world *world = world_of(environment);
    int index = index_of(world, invocation);

    assert(index >= 0);
    assert(invocation->ended_us >= invocation->began_us && invocation->began_us > 0);
    pthread_mutex_lock(&world->lock);
    assert(world->answered[index] == 0);
    world->answered[index] = ++world->answered_count;
    world->is_error[index] = is_error;
    world->answers[index] = buffer_take(&invocation->response);
    if (index < EVENTS_MAX / 64)
        snprintf(world->error_type[index], sizeof world->error_type[0], "%.*s",
                 TEXT_ARG(error_type));
    world->events[index] = NULL;
    note(world, NOTED_ANSWERED);
    /* Whoever touches it from here on is caught by the sanitizer. */
    invocation->home = NULL;
    buffer_done(&invocation->payload);
    buffer_done(&invocation->client_context);
    version_unref(invocation->version);
    free(invocation);
}

static inline void on_idle(struct environment *environment)
{
    struct world *world = world_of(environment);

    pthread_mutex_lock(&world->lock);
    note(world, NOTED_IDLE);
}

static inline void on_output(struct environment *environment, struct invocation *invocation,
                             struct text text)
{
    struct world *world = world_of(environment);

    pthread_mutex_lock(&world->lock);
    if (invocation)
        buffer_add_format(&world->text, "[%d]", index_of(world, invocation));
    else
        buffer_add_literal(&world->text, "[-]");
    buffer_add_text(&world->text, text);
    note(world, NOTED_OUTPUT);
}

static inline void on_stream_begin(struct environment *environment, struct invocation *invocation,
                                   struct text type)
{
    struct world *world = world_of(environment);

    assert(index_of(world, invocation) >= 0);
    pthread_mutex_lock(&world->lock);
    buffer_add_format(&world->streamed, "<%.*s>", TEXT_ARG(type));
    note(world, NOTED_STREAM_BEGIN);
}

static inline bool on_stream_chunk(struct environment *environment, struct invocation *invocation,
                                   struct text chunk)
{
    struct world *world = world_of(environment);

    assert(index_of(world, invocation) >= 0);
    pthread_mutex_lock(&world->lock);
    buffer_add_text(&world->streamed, chunk);
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    return !world->pause_stream;
}

static inline void free_event(struct world *world, struct invocation *invocation)
{
    int index = index_of(world, invocation);

    assert(index >= 0);
    world->events[index] = NULL;
    buffer_done(&invocation->payload);
    buffer_done(&invocation->response);
    version_unref(invocation->version);
    free(invocation);
}

static inline void drop_environment(struct world *world)
{
    struct invocation *invocation;
    bool begun;

    while ((invocation = environment_take_oldest(world->environment, &begun)))
        free_event(world, invocation);
    environment_free(world->environment);
    world->environment = NULL;
}

static inline void on_ended(struct environment *environment, const struct environment_end *end)
{
    struct world *world = world_of(environment);
    struct environment_end copy = *end;

    if (world->free_at_end)
        drop_environment(world);
    pthread_mutex_lock(&world->lock);
    world->end = copy;
    note(world, NOTED_ENDED);
}

static const struct environment_calls world_calls = {
    .ready = on_ready,
    .init_failed = on_init_failed,
    .stream_begin = on_stream_begin,
    .stream_chunk = on_stream_chunk,
    .answered = on_answered,
    .idle = on_idle,
    .output = on_output,
    .ended = on_ended,
};

/* --- what the test asks of it --- */

struct call {
    struct loop_message message;
    void (*run)(struct world *world, void *arg);
    struct world *world;
    void *arg;
    sem_t done;
};

static inline void on_call(struct loop_message *message)
{
    struct call *call = container_of(message, struct call, message);

    call->run(call->world, call->arg);
    sem_post(&call->done);
}

/* Runs it on the loop's thread, and waits. */
static inline void call(struct world *world, void (*run)(struct world *world, void *arg), void *arg)
{
    struct call call = {.message.run = on_call, .run = run, .world = world, .arg = arg};

    sem_init(&call.done, 0, 0);
    loop_post(world->loop, &call.message);
    while (sem_wait(&call.done) < 0)
        continue;
    sem_destroy(&call.done);
}

static inline void wait_for(struct world *world, enum noted kind, int count)
{
    int slices = 0;

    pthread_mutex_lock(&world->lock);
    while (world->counts[kind] < count &&
           patience_cond(&world->changed, &world->lock, &slices))
        continue;
    int got = world->counts[kind];
    pthread_mutex_unlock(&world->lock);
    CHECK_MSG(got >= count, "%d of %d came of what was waited for (%d)", got, count, kind);
}

static inline int count_of(struct world *world, enum noted kind)
{
    pthread_mutex_lock(&world->lock);
    int count = world->counts[kind];
    pthread_mutex_unlock(&world->lock);
    return count;
}

/* Waits until so many bytes of a stream are there. */
static inline void wait_for_stream(struct world *world, size_t len)
{
    pthread_mutex_lock(&world->lock);
    while (world->streamed.len < len)
        pthread_cond_wait(&world->changed, &world->lock);
    pthread_mutex_unlock(&world->lock);
}

static inline void nothing(struct world *world, void *arg)
{
}

/* Lets the loop handle what it was told before: a few iterations of it. */
static inline void settle(struct world *world)
{
    for (int i = 0; i < 5; i++)
        call(world, nothing, NULL);
}

static inline struct invocation *new_event(struct world *world, struct text payload)
{
    struct invocation *invocation = mem_new(struct invocation);

    invocation->version = version_ref(world->version);
    crypto_uuid(invocation->request_id);
    snprintf(invocation->trace, sizeof invocation->trace, "Root=1-%d", world->sent);
    buffer_add_text(&invocation->payload, payload);
    invocation->deadline_ms = 1234567890123;
    return invocation;
}

static inline void send_text(struct world *world, void *arg)
{
    struct text payload = *(struct text *)arg;

    CHECK(environment_room(world->environment, payload.len) > 0);
    struct invocation *invocation = new_event(world, payload);
    world->events[world->sent++] = invocation;
    environment_send(world->environment, invocation);
}

static inline void send_event(struct world *world, const char *payload)
{
    struct text text = text_of(payload);

    call(world, send_text, &text);
}

static inline void get_room(struct world *world, void *arg)
{
    *(size_t *)arg = environment_room(world->environment, 1);
}

static inline size_t room(struct world *world)
{
    size_t count;

    call(world, get_room, &count);
    return count;
}

/* The youngest that can be taken back; -1: none. */
static inline void take_event(struct world *world, void *arg)
{
    struct invocation *invocation = environment_take(world->environment);

    *(int *)arg = invocation ? index_of(world, invocation) : -1;
    if (invocation)
        free_event(world, invocation);
}

static inline int take_back(struct world *world)
{
    int index;

    call(world, take_event, &index);
    return index;
}

static inline void do_kill(struct world *world, void *arg)
{
    environment_kill(world->environment);
}

/* --- beginning and end --- */

static inline void start_environment(struct world *world, void *arg)
{
    static char program[] = "/var/task/bootstrap";
    static char *const argv[] = {program, NULL}, *const envp[] = {NULL};
    struct environment_options options = {
        .calls = &world_calls,
        .owner = world,
        .function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:f",
        .plan = {.code = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                 .argv = argv,
                 .envp = envp,
                 .memory_bytes = 128 << 20,
                 .tmp_bytes = 512 << 20,
                 .pids = 1024,
                 .cpu_percent = 100,
                 .host_network = arg != NULL},
        .runtime_listener = arg ? *(int *)arg : -1,
    };

    world->environment = environment_start(world->launcher, &options);
}

static inline void make_launcher(struct world *world, void *arg)
{
    world->launcher = launcher_new(world->loop, *(int *)arg);
}

static inline struct world *world_new(void)
{
    struct world *world = mem_new(struct world);
    struct error err;
    int ends[2];

    (void)signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->changed, NULL);
    world->version = version_new();
    world->loop = loop_new("shard");
    int failed = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
    CHECK(!failed && loop_start(world->loop, &err) == 0);
    world->spawner = ends[1];
    world->socket = ends[0];
    call(world, make_launcher, &ends[0]);
    return world;
}

/* An environment that runs, and its instance. */
static inline struct world *world_start(struct peer *peer)
{
    struct world *world = world_new();

    call(world, start_environment, NULL);
    *peer = peer_accept(world->spawner);
    peer_started(peer);
    return world;
}

static inline void drop_launcher(struct world *world, void *arg)
{
    if (world->environment)
        drop_environment(world);
    launcher_free(world->launcher);
}

/* The environment has ended, or there is none. */
static inline void world_free(struct world *world)
{
    call(world, drop_launcher, NULL);
    settle(world);
    loop_stop(world->loop);
    loop_join(world->loop);
    loop_free(world->loop);
    (void)close(world->spawner);
    version_unref(world->version);
    for (int i = 0; i < EVENTS_MAX; i++)
        buffer_done(&world->answers[i]);
    buffer_done(&world->text);
    buffer_done(&world->streamed);
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->changed);
    free(world);
}

static inline void finish(struct world *world, struct peer *peer)
{
    peer_exited(peer, 0);
    wait_for(world, NOTED_ENDED, 1);
    world_free(world);
}

/* The environment is killed, and nothing more was told than before. */
static inline void expect_violation(struct world *world, struct peer *peer, const char *what,
                                    int answered)
{
    peer_expect_kill(peer);
    settle(world);
    CHECK_MSG(count_of(world, NOTED_ANSWERED) == answered, "%s: %d answers", what,
              count_of(world, NOTED_ANSWERED));
    CHECK_MSG(room(world) == 0, "%s: it still takes events", what);
    peer_exited(peer, SIGKILL);
    wait_for(world, NOTED_ENDED, 1);
    CHECK_MSG(count_of(world, NOTED_ANSWERED) == answered, "%s: %d answers", what,
              count_of(world, NOTED_ANSWERED));
    world_free(world);
}
