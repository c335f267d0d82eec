/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/list.h"
#include "base/scoped.h"
#include "base/text.h"
#include "model/schedule.h"
#include "store/event_store.h"

/*
 * What is due at some time: entries with a schedule each, in a heap, and one loop timer for
 * the first of them. All of it belongs to the control thread. timer.c's head says how an
 * entry fires once for each time it is due, whatever happens to the daemon.
 *
 * Times that were missed, because the daemon did not run, the machine slept or the clock was
 * set forward, are made up for by one firing, that of the latest, if it is not older than the
 * entry allows.
 */
struct timer;
struct timer_entry;

#define LANE_SCHEDULE "schedule" /* what follows the slash is an entry's key */
#define TIMER_KEY_MAX 350        /* bytes */
#define TIMER_EXECUTION_LEN 16

struct timer_options {
    struct loop *control;
    struct event_store *events;
    int64_t (*now_ms)(void); /* the wall clock; NULL: the machine's */
};

/* Becomes the receiver of LANE_SCHEDULE: before event_store_start(). */
struct timer *timer_new(const struct timer_options *options);
/* On the control loop, after event_store_start(): entries fire from now on. */
void timer_start(struct timer *timer);
/* Control thread: none fires any more; what is being written is finished. */
void timer_stop(struct timer *timer);
void timer_free(struct timer *timer); /* after the loops have ended; NULL does nothing */
DEFINE_SCOPED(struct timer *, timer_free)

/* Loaded once and kept as long as the timer. NULL and ERROR_INVALID: there is no such zone. */
const struct zone *timer_zone(struct timer *timer, struct text name, struct error *err);

/* One time an entry is due. Its owner adds changes; they go to disk in one write with the note
 * that the entry has fired. */
struct timer_firing {
    int64_t due_ms;                             /* what the schedule says; no window added */
    char execution_id[TIMER_EXECUTION_LEN + 1]; /* the same when that time is tried again */
    struct arena arena;                         /* until it is written */
    /* private */
    struct event_change *changes;
    size_t count, capacity;
    struct list link;
    struct timer_entry *entry;
    struct event_write write;
    char generation[UUID_LEN + 1];
};
/* A new change, zeroed, to be filled before the next one. */
struct event_change *timer_change(struct timer_firing *firing);

struct timer_owner {
    /* Fills the firing and gives it to timer_write(), once, now or later. */
    void (*fire)(struct timer_owner *owner, struct text key, struct timer_firing *firing);
    /* It has fired and is not due any more. Sets and removes entries only after it returned. */
    void (*completed)(struct timer_owner *owner, struct text key);
};
/* Control thread. No changes: it counts as fired all the same. */
void timer_write(struct timer_firing *firing);

struct timer_spec {
    struct schedule schedule;
    struct schedule_frame frame;
    int64_t from_ms;        /* what was due at or before it does not count */
    int64_t max_age_ms;     /* what was missed longer ago does not count */
    int64_t window_ms;      /* it fires some time within, but before it is due again */
    struct text generation; /* changes when what was due before says nothing of it any more */
    bool is_enabled;
};
/* Adds or replaces the entry of that key, at most TIMER_KEY_MAX bytes. Copies what it keeps;
 * owner and zone outlive it. Those that are there already when the daemon starts are set before
 * timer_start(), which lets go of what it knows about others. */
void timer_set(struct timer *timer, struct timer_owner *owner, struct text key,
               const struct timer_spec *spec);
/* Absent is no error. */
void timer_remove(struct timer *timer, struct text key);

/* For metrics and tests. */
size_t timer_count(const struct timer *timer);
uint64_t timer_fired(const struct timer *timer);
