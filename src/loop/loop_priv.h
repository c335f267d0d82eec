/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "loop/loop.h"

/* A binary heap of the timers that are set, the next one first. One uv_timer wakes the
 * loop for it; armed_ms is when, INT64_MAX for never. */
struct timer_heap {
    struct loop_timer **at;
    uint32_t count, capacity;
    int64_t armed_ms;
    int64_t firing_ms; /* while timers fire: those of this pass are due by then; else 0 */
};

struct loop {
    uv_loop_t uv;
    uv_poll_t wake;
    int wake_fd; /* an eventfd */
    uv_prepare_t before_poll;
    uv_idle_t busy; /* active: do not sleep, tasks are left */
    uv_timer_t timer;

    _Atomic(struct loop_message *) mailbox; /* newest first */
    struct loop_message stop_message;
    atomic_bool stopping, running;

    struct list tasks;
    struct timer_heap timers;
    int64_t now_us, wall_ms; /* 0: not read yet in this iteration */
    void *slots[LOOP_SLOT_COUNT];

    pthread_t thread;
    char name[16];
};

/* Of the last iteration. */
void loop_forget_time(struct loop *loop);

void timer_heap_init(struct loop *loop);
void timer_heap_done(struct loop *loop);
