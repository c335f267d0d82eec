/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "runtime/peer.h" /* of the tests */
#include "test.h"

/*
 * What plays the spawner behind a shard's socket: a host, a thread that starts a thread for
 * each instance. A function's handler says how its instances initialise, an event what is to
 * be done with it; see fake_run().
 */

#define FAKES_MAX 256

/* What the test does to all of them, and sees of them. */
struct fakes {
    int gate, load_gate; /* eventfds that count: who waits for them takes one */
    atomic_int inits_to_fail, starts, kills;
};

struct fake {
    struct host *host;
    struct peer peer;
    pthread_t thread;
    int stop; /* an eventfd: readable when it is killed */
    int status;
    bool is_running, is_gone;
};

struct host {
    struct fakes *fakes;
    int socket, ended[2], stop; /* a pipe of fakes that ended by themselves; an eventfd */
    pthread_t thread;
    struct fake instances[FAKES_MAX];
    int count;
};

static inline void fakes_init(struct fakes *fakes)
{
    *fakes = (struct fakes){
        .gate = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE | EFD_NONBLOCK),
        .load_gate = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE | EFD_NONBLOCK),
    };
}

static inline void fakes_done(struct fakes *fakes)
{
    (void)close(fakes->gate);
    (void)close(fakes->load_gate);
}

static inline void open_gate(int gate, int count)
{
    uint64_t by = (uint64_t)count;
    ssize_t len = write(gate, &by, sizeof by);

    assert(len == sizeof by);
}

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
        if (!fake_wait(fake, fake->host->fakes->gate))
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

static inline bool fails_init(struct fakes *fakes)
{
    int left = atomic_load(&fakes->inits_to_fail);

    while (left > 0)
        if (atomic_compare_exchange_weak(&fakes->inits_to_fail, &left, left - 1))
            return true;
    return false;
}

static inline void fake_run(struct fake *fake)
{
    struct peer *peer = &fake->peer;
    struct text handler = text_of(peer->handler);
    struct fakes *fakes = fake->host->fakes;

    if (is_word(handler, "api")) {
        fake_serve_api(fake);
        return;
    }
    peer_attach(peer);
    if (is_word(handler, "load-gate") && !fake_wait(fake, fakes->load_gate))
        return;
    if (is_word(handler, "may-fail") && fails_init(fakes)) {
        peer_answer(peer, ANSWER_INIT_ERROR, 0, TEXT("{\"errorType\":\"Init.No\"}"),
                    TEXT("Init.No"));
        fake->status = 1 << 8;
        return;
    }
    if (is_word(handler, "may-exit") && fails_init(fakes)) {
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
    struct fake *fake = &host->instances[host->count++];

    *fake = (struct fake){.host = host, .peer = *peer, .stop = eventfd(0, EFD_CLOEXEC)};
    atomic_fetch_add(&host->fakes->starts, 1);
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

    atomic_fetch_add(&host->fakes->kills, 1);
    for (int i = 0; i < host->count; i++) {
        struct fake *fake = &host->instances[i];
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

static inline void host_open(struct fakes *fakes, struct host *host, int *ret_socket)
{
    int ends[2];
    int failed = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ||
                 pipe2(host->ended, O_CLOEXEC);

    assert(!failed);
    host->fakes = fakes;
    host->socket = ends[1];
    host->stop = eventfd(0, EFD_CLOEXEC);
    host->count = 0;
    *ret_socket = ends[0];
    failed = pthread_create(&host->thread, NULL, host_main, host);
    assert(!failed);
}

/* Every instance is gone. */
static inline void host_close(struct host *host)
{
    open_gate(host->stop, 1);
    pthread_join(host->thread, NULL);
    for (int n = 0; n < host->count; n++)
        CHECK(host->instances[n].is_gone);
    (void)close(host->socket);
    (void)close(host->ended[0]);
    (void)close(host->ended[1]);
    (void)close(host->stop);
}
