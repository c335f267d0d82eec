/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <time.h>

/*
 * How long a test waits for what should come: far beyond what anything takes, and counted in
 * slices, so that a program that was stopped for a while, as a whole or by a machine that has no
 * time for it, looks again before it gives up.
 */
#define PATIENCE_MS 20000
#define PATIENCE_SLICE_MS 50
#define PATIENCE_SLICES (PATIENCE_MS / PATIENCE_SLICE_MS)

static inline struct timespec patience_slice(clockid_t clock)
{
    struct timespec until;

    clock_gettime(clock, &until);
    until.tv_nsec += PATIENCE_SLICE_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    return until;
}

/* poll(), again and again: more than 0, or it did not come. */
static inline int patience_poll(struct pollfd *fds, nfds_t count)
{
    int got = 0;

    for (int i = 0; i < PATIENCE_SLICES && got <= 0; i++)
        if ((got = poll(fds, count, PATIENCE_SLICE_MS)) < 0 && errno != EINTR)
            return got;
    return got;
}

/* Until the next change, or a slice is over. False: there were enough of them. */
static inline bool patience_cond(pthread_cond_t *cond, pthread_mutex_t *lock, int *slices)
{
    struct timespec until = patience_slice(CLOCK_REALTIME);

    if (pthread_cond_timedwait(cond, lock, &until) != 0)
        ++*slices;
    return *slices < PATIENCE_SLICES;
}

static inline bool patience_sem(sem_t *sem)
{
    for (int i = 0; i < PATIENCE_SLICES; i++) {
        struct timespec until = patience_slice(CLOCK_REALTIME);
        if (sem_timedwait(sem, &until) == 0)
            return true;
    }
    return false;
}

/* One more look at what nobody announces, a moment later. False: there were enough. */
static inline bool patience_lasts(int *looks)
{
    static const struct timespec moment = {.tv_nsec = 200000};

    (void)nanosleep(&moment, NULL);
    return ++*looks < PATIENCE_MS * 5;
}
