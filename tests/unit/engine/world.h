/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/path.h"
#include "engine/engine_priv.h"
#include "engine/package.h"
#include "runtime/peer.h" /* of the tests */
#include "test.h"

/*
 * An engine with its control thread and shards, a store in a temporary folder, and behind
 * each shard's socket a host: a thread that plays the spawner and starts a thread for each
 * instance. A function's handler says how its instances initialise, an event what is to be
 * done with it; see fake_run().
 */

#define ACCOUNT "000000000000"
#define REGION "us-east-1"
#define SHARDS 2
#define FAKES_MAX 256

struct fake {
    struct host *host;
    struct peer peer;
    pthread_t thread;
    int stop; /* an eventfd: readable when it is killed */
    int status;
    bool is_running, is_gone;
};

struct host {
    struct world *world;
    int socket, ended[2], stop; /* a pipe of fakes that ended by themselves; an eventfd */
    pthread_t thread;
    struct fake fakes[FAKES_MAX];
    int count;
};

struct world {
    char folder[64];
    struct settings settings;
    struct interpreters *interpreters;
    struct store *store;
    struct event_store *events;
    struct keyring *keyring;
    struct log_store *logs;
    struct loop *control, *loops[SHARDS];
    struct engine *engine;
    struct host hosts[SHARDS];
    int timeout_s;       /* of what is deployed from now on */
    int gate, load_gate; /* eventfds that count: who waits for them takes one */
    atomic_int inits_to_fail, starts, kills;
    sem_t ready, drained;
};

/* --- instances --- */

/* False: it was killed meanwhile. */
static inline bool fake_wait(struct fake *fake, int gate)
{
    for (;;) {
        struct pollfd ready[] = {{.fd = fake->stop, .events = POLLIN},
                                 {.fd = gate, .events = POLLIN}};
        uint64_t one;
        int got = patience_poll(ready, 2);
        assert(got > 0);
        if (ready[0].revents)
            return false;
        if (ready[1].revents && read(gate, &one, sizeof one) > 0)
            return true;
    }
}

static inline bool is_word(struct text text, const char *word)
{
    return text_equal(text, text_of(word));
}

/* "echo", "gate" (then echo), "exit" (at once), "gate-exit", "hang", "error", "print". */
static inline bool fake_work(struct fake *fake, struct text payload, uint64_t sequence)
{
    struct peer *peer = &fake->peer;

    fake->status = 0;
    if (is_word(payload, "hang"))
        return fake_wait(fake, -1);
    if (is_word(payload, "gate") || is_word(payload, "gate-exit"))
        if (!fake_wait(fake, fake->host->world->gate))
            return false;
    if (is_word(payload, "exit") || is_word(payload, "gate-exit")) {
        fake->status = 3 << 8;
        return false;
    }
    if (is_word(payload, "print"))
        peer_frame(peer, sequence, TEXT("printed\n"));
    if (is_word(payload, "error"))
        peer_answer(peer, ANSWER_ERROR, sequence, TEXT("{\"errorMessage\":\"asked for\"}"),
                    TEXT("Asked.For"));
    else
        peer_answer(peer, ANSWER_RESPONSE, sequence, payload, TEXT_NONE);
    return true;
}

static inline void fake_serve_ring(struct fake *fake)
{
    struct peer *peer = &fake->peer;
    struct ring_event *event;
    char copy[256];

    while ((event = peer_next_or_stop(peer, fake->stop))) {
        struct text payload = peer_payload(peer, event);
        assert(payload.len <= sizeof copy);
        memcpy(copy, payload.at, payload.len);
        if (!fake_work(fake, text_from(copy, payload.len), event->sequence))
            return;
        peer_free_slot(peer);
    }
}

/* False: killed before there was an answer. */
static inline bool fake_read(struct fake *fake, int api, struct peer_reply *reply)
{
    struct pollfd ready[] = {{.fd = fake->stop, .events = POLLIN}, {.fd = api, .events = POLLIN}};
    int got = patience_poll(ready, 2);

    assert(got > 0);
    if (ready[0].revents)
        return false;
    peer_read(api, reply);
    return reply->status != 0;
}

/* By the Runtime API; after the answer to "last" it does not ask for another. "upload" sends
 * half an answer. */
static inline void fake_serve_api(struct fake *fake)
{
    int api = peer_connect(&fake->peer);
    struct peer_reply reply = {0};
    char path[120], id[40];
    bool is_last = false;

    while (!is_last) {
        peer_get_next(api);
        if (!fake_read(fake, api, &reply))
            break;
        peer_request_id(&reply, id);
        is_last = is_word(buffer_text(&reply.body), "last");
        snprintf(path, sizeof path, "invocation/%s/response", id);
        if (is_word(buffer_text(&reply.body), "upload")) {
            peer_say(api,
                     "POST " PEER_API "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
                     path);
            (void)fake_wait(fake, -1);
            peer_say(api, "too late");
            break;
        }
        peer_post(api, path, "", buffer_text(&reply.body));
        if (!fake_read(fake, api, &reply))
            break;
    }
    if (is_last)
        (void)fake_wait(fake, -1);
    peer_reply_done(&reply);
    (void)close(api);
}

static inline bool fails_init(struct world *world)
{
    int left = atomic_load(&world->inits_to_fail);

    while (left > 0)
        if (atomic_compare_exchange_weak(&world->inits_to_fail, &left, left - 1))
            return true;
    return false;
}

static inline void fake_run(struct fake *fake)
{
    struct peer *peer = &fake->peer;
    struct text handler = text_of(peer->handler);
    struct world *world = fake->host->world;

    if (is_word(handler, "api")) {
        fake_serve_api(fake);
        return;
    }
    peer_attach(peer);
    if (is_word(handler, "load-gate") && !fake_wait(fake, world->load_gate))
        return;
    if (is_word(handler, "may-fail") && fails_init(world)) {
        peer_answer(peer, ANSWER_INIT_ERROR, 0, TEXT("{\"errorType\":\"Init.No\"}"),
                    TEXT("Init.No"));
        fake->status = 1 << 8;
        return;
    }
    if (is_word(handler, "may-exit") && fails_init(world)) {
        fake->status = 7 << 8;
        return;
    }
    peer_answer(peer, ANSWER_READY, 0, TEXT_NONE, TEXT_NONE);
    if (is_word(handler, "deaf"))
        (void)fake_wait(fake, -1);
    else if (is_word(handler, "crash-unclaimed")) {
        (void)peer_peek(peer, fake->stop);
        fake->status = SIGSEGV;
    } else
        fake_serve_ring(fake);
}

static inline void *fake_main(void *arg)
{
    struct fake *fake = arg;

    fake_run(fake);
    ssize_t len = write(fake->host->ended[1], &fake, sizeof(struct fake *));
    assert(len == sizeof(struct fake *));
    return NULL;
}

/* --- hosts --- */

static inline void host_start(struct host *host, const struct peer *peer)
{
    assert(host->count < FAKES_MAX);
    struct fake *fake = &host->fakes[host->count++];

    *fake = (struct fake){.host = host, .peer = *peer, .stop = eventfd(0, EFD_CLOEXEC)};
    atomic_fetch_add(&host->world->starts, 1);
    if (text_equal(text_of(peer->handler), TEXT("fail"))) {
        peer_failed(&fake->peer, "the \"sandbox\" is broken");
        (void)close(fake->stop);
        fake->is_gone = true;
        return;
    }
    peer_started(&fake->peer);
    fake->is_running = true;
    int failed = pthread_create(&fake->thread, NULL, fake_main, fake);
    assert(!failed);
}

static inline void host_kill(struct host *host, uint64_t id)
{
    uint64_t one = 1;

    atomic_fetch_add(&host->world->kills, 1);
    for (int i = 0; i < host->count; i++) {
        struct fake *fake = &host->fakes[i];
        if (fake->peer.id != id || fake->is_gone)
            continue;
        (void)!write(fake->stop, &one, sizeof one);
    }
}

static inline void host_reap(struct host *host)
{
    struct fake *fake;
    uint64_t killed = 0;
    ssize_t len = read(host->ended[0], &fake, sizeof fake);

    assert(len == sizeof fake);
    pthread_join(fake->thread, NULL);
    struct pollfd stop = {.fd = fake->stop, .events = POLLIN};
    if (poll(&stop, 1, 0) == 1)
        killed = 1;
    (void)close(fake->stop);
    fake->is_gone = true;
    peer_exited(&fake->peer, killed ? SIGKILL : fake->status);
}

static inline void *host_main(void *arg)
{
    struct host *host = arg;
    enum request_kind kind;
    struct peer peer;

    for (;;) {
        struct pollfd ready[] = {{.fd = host->ended[0], .events = POLLIN},
                                 {.fd = host->socket, .events = POLLIN},
                                 {.fd = host->stop, .events = POLLIN}};
        int got = poll(ready, 3, -1);
        assert(got > 0 || errno == EINTR);
        if (ready[0].revents)
            host_reap(host);
        else if (ready[1].revents & POLLIN && peer_poll(host->socket, &peer, &kind)) {
            if (kind == REQUEST_START)
                host_start(host, &peer);
            else
                host_kill(host, peer.id);
        } else if (ready[2].revents)
            return NULL;
    }
}

/* --- calls on a thread of the engine --- */

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

static inline void wait_sem(sem_t *sem)
{
    bool came = patience_sem(sem);

    assert(came);
}

static inline void call_on(struct world *world, struct loop *loop,
                           void (*run)(struct world *world, void *arg), void *arg)
{
    struct call call = {.message.run = on_call, .run = run, .world = world, .arg = arg};

    sem_init(&call.done, 0, 0);
    loop_post(loop, &call.message);
    wait_sem(&call.done);
    sem_destroy(&call.done);
}

/* --- the engine --- */

static inline void on_engine_ready(void *arg)
{
    sem_post(&((struct world *)arg)->ready);
}

static inline void on_engine_drained(void *arg)
{
    sem_post(&((struct world *)arg)->drained);
}

static inline void host_open(struct world *world, struct host *host, int *ret_socket)
{
    int ends[2];
    int failed = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ||
                 pipe2(host->ended, O_CLOEXEC);

    assert(!failed);
    host->world = world;
    host->socket = ends[1];
    host->stop = eventfd(0, EFD_CLOEXEC);
    host->count = 0;
    *ret_socket = ends[0];
    failed = pthread_create(&host->thread, NULL, host_main, host);
    assert(!failed);
}

/* Starts, or starts again on what is stored. */
static inline void world_run(struct world *world)
{
    struct error err;
    int sockets[SHARDS];

    world->store = store_open(world->folder, &err);
    world->keyring = keyring_open(world->folder, &err);
    world->logs = log_store_open(world->folder, &err);
    const struct event_store_options events = {
        .folder = world->folder, .max_bytes = 1 << 30, .segment_bytes = 1 << 20};
    world->events = event_store_open(&events, &err);
    CHECK(world->store && world->keyring && world->logs && world->events);
    world->interpreters = interpreters_find("/nowhere");
    world->control = loop_new("control");
    for (int i = 0; i < world->settings.shards; i++) {
        world->loops[i] = loop_new("shard");
        host_open(world, &world->hosts[i], &sockets[i]);
    }
    const struct engine_options options = {
        .settings = &world->settings,
        .store = world->store,
        .events = world->events,
        .logs = world->logs,
        .keyring = world->keyring,
        .interpreters = world->interpreters,
        .control = world->control,
        .shard_loops = world->loops,
        .spawner_sockets = sockets,
        .data_folder = world->folder,
        .api_address = "127.0.0.1:1",
        .gateway_address = "127.0.0.1:2",
    };
    world->engine = engine_new(&options, &err);
    CHECK_MSG(world->engine, "%s", err.text);
    for (int i = 0; i < world->settings.shards; i++)
        CHECK(loop_start(world->loops[i], &err) == 0);
    CHECK(loop_start(world->control, &err) == 0);
    engine_start(world->engine, on_engine_ready, world);
    wait_sem(&world->ready);
}

static inline struct world *world_new(void)
{
    struct world *world = mem_new(struct world);
    struct error err;

    (void)signal(SIGPIPE, SIG_IGN);
    snprintf(world->folder, sizeof world->folder, "/tmp/evoke-engine-XXXXXX");
    CHECK(mkdtemp(world->folder) && package_prepare(world->folder, &err) == 0);
    world->settings = (struct settings){.shards = 1,
                                        .region = (char *)(uintptr_t)REGION,
                                        .account = (char *)(uintptr_t)ACCOUNT,
                                        .concurrency = 100,
                                        .memory = INT64_C(100) << 30,
                                        .idle_timeout_ms = 600000,
                                        .cpu_min_percent = 10};
    world->timeout_s = 60; /* far beyond what anything takes */
    world->gate = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE | EFD_NONBLOCK);
    world->load_gate = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE | EFD_NONBLOCK);
    sem_init(&world->ready, 0, 0);
    sem_init(&world->drained, 0, 0);
    return world;
}

static inline struct world *world_start(void)
{
    struct world *world = world_new();

    world_run(world);
    return world;
}

static inline void open_gate(int gate, int count)
{
    uint64_t by = (uint64_t)count;
    ssize_t len = write(gate, &by, sizeof by);

    assert(len == sizeof by);
}

static inline void do_drain(struct world *world, void *arg)
{
    engine_drain(world->engine, *(int *)arg, on_engine_drained, world);
}

static inline void on_flushed(void *arg)
{
    sem_post(arg);
}

struct flush {
    struct shard *shard;
    sem_t done;
};

static inline void do_flush(struct world *world, void *arg)
{
    struct flush *flush = arg;

    log_writer_flush(shard_log_writer(flush->shard), on_flushed, &flush->done);
}

static inline void world_begin_drain(struct world *world, int limit_ms)
{
    call_on(world, world->control, do_drain, &limit_ms);
}

struct marker {
    struct store_write write;
    sem_t done;
};

static inline void on_marked(struct store_write *write, bool failed, const struct error *err)
{
    sem_post(&container_of(write, struct marker, write)->done);
}

static inline void nothing(struct world *world, void *arg)
{
}

/* Everything that was written and what follows of it has been published. */
static inline void settle(struct world *world)
{
    struct marker marker = {.write = {.done = on_marked, .loop = world->control, .count = 1}};

    marker.write.changes[0] = (struct store_change){
        .action = STORE_DELETE, .kind = mem_strdup("marker"), .key = mem_strdup("marker")};
    sem_init(&marker.done, 0, 0);
    store_write(world->store, &marker.write);
    wait_sem(&marker.done);
    sem_destroy(&marker.done);
    for (int i = 0; i < world->settings.shards; i++)
        call_on(world, world->loops[i], nothing, NULL);
    call_on(world, world->control, nothing, NULL);
}

/* After the drain. */
static inline void world_stop(struct world *world)
{
    wait_sem(&world->drained);
    settle(world);
    for (int i = 0; i < world->settings.shards; i++) {
        struct flush flush = {.shard = engine_shard(world->engine, i)};
        sem_init(&flush.done, 0, 0);
        call_on(world, world->loops[i], do_flush, &flush);
        wait_sem(&flush.done);
        sem_destroy(&flush.done);
        loop_stop(world->loops[i]);
        loop_join(world->loops[i]);
    }
    event_store_close(world->events);
    store_close(world->store);
    loop_stop(world->control);
    loop_join(world->control);
    engine_free(world->engine);
    for (int i = 0; i < world->settings.shards; i++) {
        struct host *host = &world->hosts[i];
        loop_free(world->loops[i]);
        open_gate(host->stop, 1);
        pthread_join(host->thread, NULL);
        for (int n = 0; n < host->count; n++)
            CHECK(host->fakes[n].is_gone);
        (void)close(host->socket);
        (void)close(host->ended[0]);
        (void)close(host->ended[1]);
        (void)close(host->stop);
    }
    loop_free(world->control);
    log_store_free(world->logs);
    keyring_free(world->keyring);
    interpreters_free(world->interpreters);
}

static inline void world_free(struct world *world)
{
    struct error err;

    (void)path_remove_tree(world->folder, &err);
    (void)close(world->gate);
    (void)close(world->load_gate);
    sem_destroy(&world->ready);
    sem_destroy(&world->drained);
    free(world);
}

static inline void world_end(struct world *world)
{
    world_begin_drain(world, 60000);
    world_stop(world);
    world_free(world);
}

/* --- functions --- */

struct deployment {
    struct engine_change change;
    struct function *function;
    bool create, failed;
    int kind; /* 0 deploy, 1 save, 2 delete */
    const char *name;
    struct error err;
    sem_t done;
};

static inline void on_changed(struct engine_change *change, const struct function *function,
                              bool failed, const struct error *err)
{
    struct deployment *deployment = container_of(change, struct deployment, change);

    deployment->failed = failed;
    if (failed)
        deployment->err = *err;
    sem_post(&deployment->done);
}

static inline void do_change(struct world *world, void *arg)
{
    struct deployment *deployment = arg;

    if (deployment->kind == 2)
        engine_delete(world->engine, TEXT(ACCOUNT), TEXT(REGION), text_of(deployment->name),
                      &deployment->change);
    else if (deployment->kind == 1)
        engine_save(world->engine, &deployment->function, &deployment->change);
    else
        engine_deploy(world->engine, &deployment->function, deployment->create,
                      &deployment->change);
}

static inline bool change(struct world *world, struct deployment *deployment)
{
    deployment->change.done = on_changed;
    sem_init(&deployment->done, 0, 0);
    call_on(world, world->control, do_change, deployment);
    wait_sem(&deployment->done);
    sem_destroy(&deployment->done);
    return !deployment->failed;
}

static inline struct version *make_version(const char *name, const char *handler, int memory_mb)
{
    struct version *version = version_new();
    uint8_t digest[32];

    version->serial = 0;
    model_set(&version->account, TEXT(ACCOUNT));
    model_set(&version->region, TEXT(REGION));
    model_set(&version->name, text_of(name));
    model_set(&version->number, TEXT("$LATEST"));
    scoped(free) char *arn = mem_format("arn:aws:lambda:" REGION ":" ACCOUNT ":function:%s", name);
    model_set(&version->arn, text_of(arn));
    crypto_sha256(text_of(name), digest);
    crypto_hex(digest, sizeof digest, version->code);
    model_set(&version->config.runtime, TEXT("provided.al2023"));
    model_set(&version->config.handler, text_of(handler));
    model_set(&version->config.log_group, TEXT("/aws/lambda/f"));
    version->config.timeout_s = 60;
    version->config.memory_mb = memory_mb;
    version->config.tmp_mb = 512;
    return version;
}

static inline struct function *make_function(const char *name, const char *handler, int memory_mb)
{
    struct function *function = function_new();

    model_set(&function->account, TEXT(ACCOUNT));
    model_set(&function->region, TEXT(REGION));
    model_set(&function->name, text_of(name));
    function->latest = make_version(name, handler, memory_mb);
    model_set(&function->arn, text_of(function->latest->arn));
    function->state = STATE_PENDING;
    function->update_status = UPDATE_IN_PROGRESS;
    return function;
}

struct look {
    const char *name;
    bool exists, is_active, is_updated;
    char load_error[512];
    const struct function *function; /* counted */
};

static inline void do_look(struct world *world, void *arg)
{
    struct look *look = arg;
    const struct function *function =
        engine_find(world->engine, TEXT(ACCOUNT), TEXT(REGION), text_of(look->name));

    look->exists = function != NULL;
    if (!function)
        return;
    look->is_active = function->state == STATE_ACTIVE;
    look->is_updated = function->update_status == UPDATE_SUCCESSFUL;
    snprintf(look->load_error, sizeof look->load_error, "%s", function->latest->load_error);
    look->function = function_ref(function);
}

static inline struct look look_at(struct world *world, const char *name)
{
    struct look look = {.name = name};

    call_on(world, world->control, do_look, &look);
    function_unref(take(look.function));
    return look;
}

static inline void wait_active(struct world *world, const char *name)
{
    struct look look = look_at(world, name);

    for (int looks = 0; look.exists && !(look.is_active && look.is_updated);) {
        bool goes_on = patience_lasts(&looks);
        assert(goes_on);
        look = look_at(world, name);
    }
}

static inline void deploy_sized(struct world *world, const char *name, const char *handler,
                                int memory_mb)
{
    struct deployment deployment = {.function = make_function(name, handler, memory_mb),
                                    .create = !look_at(world, name).exists};

    deployment.function->latest->config.timeout_s = world->timeout_s;
    bool ok = change(world, &deployment);
    CHECK_MSG(ok, "%s", deployment.err.text);
    wait_active(world, name);
}

static inline void deploy(struct world *world, const char *name, const char *handler)
{
    deploy_sized(world, name, handler, 128);
}

static inline bool delete_function(struct world *world, const char *name)
{
    struct deployment deployment = {.kind = 2, .name = name};

    return change(world, &deployment);
}

/* --- invocations --- */

struct pending {
    struct world *world;
    int shard;
    const char *name;
    char payload[64];
    bool want_log;
    /* What became of it. */
    enum invocation_outcome outcome;
    char response[512], reason[200], log[4200];
    bool ran_at_home;
    sem_t done;
};

static inline void on_done(struct invocation *invocation)
{
    struct pending *pending = invocation->owner;

    pending->ran_at_home = loop_current() == pending->world->loops[pending->shard];
    pending->outcome = invocation->outcome;
    snprintf(pending->response, sizeof pending->response, "%.*s",
             TEXT_ARG(buffer_text(&invocation->response)));
    snprintf(pending->log, sizeof pending->log, "%.*s",
             TEXT_ARG(buffer_text(&invocation->log_tail)));
    snprintf(pending->reason, sizeof pending->reason, "%s", invocation->reason);
    invocation_free(invocation);
    sem_post(&pending->done);
}

static const struct invocation_sink sink = {.on_done = on_done};

/* On the shard's loop. */
static inline void invoke_here(struct world *world, struct pending *pending)
{
    struct shard *shard = engine_shard(world->engine, pending->shard);
    const struct function *function =
        directory_find(shard_directory(shard), TEXT(ACCOUNT), TEXT(REGION), text_of(pending->name));
    struct invoker *invoker = shard_invoker(shard);

    assert(function);
    struct invocation *invocation = invocation_new(function->latest);
    invocation->sink = &sink;
    invocation->owner = pending;
    invocation->want_log_tail = pending->want_log;
    buffer_add_text(&invocation->payload, text_of(pending->payload));
    invoker->invoke(invoker, invocation);
}

static inline void do_invoke(struct world *world, void *arg)
{
    invoke_here(world, arg);
}

static inline void begin(struct world *world, struct pending *pending, const char *name,
                         const char *payload, int shard)
{
    *pending = (struct pending){
        .world = world, .shard = shard, .name = name, .want_log = pending->want_log};
    snprintf(pending->payload, sizeof pending->payload, "%s", payload);
    sem_init(&pending->done, 0, 0);
}

static inline void invoke_on(struct world *world, struct pending *pending, const char *name,
                             const char *payload, int shard)
{
    begin(world, pending, name, payload, shard);
    call_on(world, world->loops[shard], do_invoke, pending);
}

static inline void finish(struct pending *pending)
{
    wait_sem(&pending->done);
    sem_destroy(&pending->done);
    CHECK(pending->ran_at_home);
}

static inline struct pending invoke(struct world *world, const char *name, const char *payload)
{
    struct pending pending = {.want_log = true};

    invoke_on(world, &pending, name, payload, 0);
    finish(&pending);
    return pending;
}

static inline bool is_answered(const struct pending *pending)
{
    int value;

    (void)sem_getvalue((sem_t *)(uintptr_t)&pending->done, &value);
    return value > 0;
}

static inline bool has(const char *text, const char *needle)
{
    return strstr(text, needle) != NULL;
}

static inline int64_t metric(struct world *world, const char *name)
{
    scoped(buffer_done) struct buffer text = {0};
    int64_t value = -1;

    engine_metrics(world->engine, &text);
    scoped(free) char *line = mem_format("\n%s ", name);
    const char *at = strstr(text.at, line);
    CHECK_MSG(at, "no metric %s", name);
    struct text rest = text_of(at + strlen(line));
    (void)text_to_int(text_slice(rest, 0, text_find(rest, '\n')), 0, INT64_MAX, &value);
    return value;
}

/* Until a metric has that value. */
static inline void wait_metric(struct world *world, const char *name, int64_t want)
{
    int64_t got;

    for (int looks = 0; (got = metric(world, name)) != want;)
        CHECK_MSG(patience_lasts(&looks), "%s stays %lld", name, (long long)got);
}
