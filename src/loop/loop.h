/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/list.h"

/*
 * One event loop and the thread that runs it (libuv underneath). Everything a loop owns
 * is touched by its thread only; other threads post messages. Callbacks run on the
 * loop's thread unless said otherwise. libuv types appear here only because they are
 * embedded; nobody outside loop/ calls libuv.
 */
struct loop;

/* A message to a loop. It is embedded in what it carries; run() gets it on the loop's
 * thread and owns it from then on. Messages of one sender arrive in order. */
struct loop_message {
    struct loop_message *next; /* private */
    void (*run)(struct loop_message *message);
};

/* The loop exists at once (posting to it works); its thread starts with loop_start(),
 * or the calling thread becomes it with loop_run(). name is that of the thread. */
struct loop *loop_new(const char *name);
int loop_start(struct loop *loop, struct error *err);
/* Returns after loop_stop(), when every message posted before it has run. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* any thread */
void loop_join(struct loop *loop); /* waits for the thread of loop_start() */
void loop_free(struct loop *loop); /* after it has ended */

/* A pointer for each component whose objects on a loop share something; NULL at first,
 * the component's to set and to clear. */
enum loop_slot { LOOP_SLOT_HTTP, LOOP_SLOT_COUNT };
void **loop_slot(struct loop *loop, enum loop_slot slot);

/* Any thread, wakes the loop. Never blocks, takes the message. */
void loop_post(struct loop *loop, struct loop_message *message);

struct loop *loop_current(void); /* of this thread, or NULL */
void loop_assert_here(const struct loop *loop);
int64_t loop_now_us(const struct loop *loop);  /* monotonic, read once per iteration */
int64_t loop_wall_ms(const struct loop *loop); /* since 1970, read once per iteration */

/* Work that runs once at the end of the current iteration, before the loop sleeps: to
 * batch what many callbacks did. Scheduling twice runs once. {0} but for run. */
struct loop_task {
    void (*run)(struct loop_task *task);
    struct list link; /* private */
};
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_cancel(struct loop_task *task); /* no-op when not scheduled */

/* A one-shot timer. Set again at will; cleared before its memory goes. Timers live in
 * the loop's own wheel/heap: setting and clearing cost no system call. */
struct loop_timer {
    void (*fire)(struct loop_timer *timer);
    struct loop *loop; /* private from here */
    int64_t due_ms;
    uint32_t index;
};
/* {0} but for fire before the first set. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t after_ms);
void loop_timer_clear(struct loop_timer *timer); /* no-op when not set */
static inline bool loop_timer_is_set(const struct loop_timer *timer)
{
    return timer->loop != NULL;
}

/* Readiness of a descriptor (level-triggered). ready() may stop or restart it. The
 * descriptor stays the caller's, and open until closed() after loop_io_stop(). */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_io {
    void (*ready)(struct loop_io *io, int events); /* also on error or hang-up: both bits */
    void (*closed)(struct loop_io *io);            /* memory and descriptor may go; optional */
    int fd;
    int events; /* being watched; private from here */
    bool open;
    uv_poll_t poll;
};
void loop_io_start(struct loop *loop, struct loop_io *io, int fd, int events);
void loop_io_watch(struct loop_io *io, int events); /* change what is watched; 0 pauses */
void loop_io_stop(struct loop_io *io); /* closed() follows in this or the next iteration */

/* Blocking work in the pool. work() runs on a pool thread and touches only what the job
 * carries; done() on the loop that queued it. */
struct loop_job {
    void (*work)(struct loop_job *job);
    void (*done)(struct loop_job *job);
    struct loop *loop; /* private from here */
    uv_work_t request;
};
void loop_work(struct loop *loop, struct loop_job *job);

/* SIGTERM and friends as a callback on the loop. */
struct loop_signal {
    void (*caught)(struct loop_signal *signal, int number);
    uv_signal_t handle; /* private */
};
void loop_signal_start(struct loop *loop, struct loop_signal *signal, int number);
void loop_signal_stop(struct loop_signal *signal);
