/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "source/event_firing.h"
#include "source/timer.h"
#include "store/registry.h"

/*
 * The schedules of the EventBridge Scheduler and their groups: documents in two registries,
 * an entry of the timer for each schedule, and what happens when one is due. All of it
 * belongs to the control thread.
 *
 * A schedule's document is what GetSchedule answers, with all defaults filled in, and a member
 * SCHEDULE_PRIVATE, an object with
 *     "generation": "..."  a new one whenever it is to begin anew (timer.h)
 *     "anchor": ms         of a rate
 *     "from": ms           what was due at or before it does not count
 *     "token", "digest"    of the request that made it
 * Its key is "ACCOUNT/REGION/GROUP/NAME". A group's document is what GetScheduleGroup answers,
 * and "Tags", an object; its key is "ACCOUNT/REGION/GROUP". The group "default" is always
 * there.
 */
struct schedules;

#define SCHEDULE_PRIVATE "-"
#define SCHEDULE_GROUP_DEFAULT "default"

struct schedules_options {
    struct store *store;
    struct loop *control;
    struct timer *timer;
    struct event_firer firer;
    const char *account, *region; /* outlive the schedules */
};

/* Reads what is stored; blocks; before the loops run. */
struct schedules *schedules_open(const struct schedules_options *options, struct error *err);
/* On the control loop: makes the default group at the first start, and goes on with deleting
 * groups where a stop interrupted that. */
void schedules_start(struct schedules *schedules);
void schedules_free(struct schedules *schedules); /* after the loops have ended */
DEFINE_SCOPED(struct schedules *, schedules_free)

/* Gives the document of a schedule its private member. Where before (NULL: there was none) has
 * the same expression, time zone and start, it goes on; but what would have been due while it
 * was disabled does not come when it is enabled. Otherwise it begins now, and what is due once
 * counts also if that was a moment ago. */
void schedules_begin(json_t *document, const json_t *before);
/* A member that is a time; 0: absent. */
int64_t schedules_date_ms(const json_t *document, const char *name);

/* The document of a new group. */
json_t *schedules_new_group(const struct schedules *schedules, struct text name);

struct timer *schedules_timer(const struct schedules *schedules);

/* Borrowed until the next change of that key; NULL: absent. */
const json_t *schedules_find(const struct schedules *schedules, struct text key);
const json_t *schedules_find_group(const struct schedules *schedules, struct text key);
/* Whether schedules may be put there: it exists, and is not being deleted. */
bool schedules_has_group(const struct schedules *schedules, struct text key);

/* In key order, as registry_each(). */
typedef bool schedules_each_f(void *arg, struct text key, const json_t *document);
void schedules_each(const struct schedules *schedules, struct text prefix, struct text after,
                    schedules_each_f *each, void *arg);
void schedules_each_group(const struct schedules *schedules, struct text prefix, struct text after,
                          schedules_each_f *each, void *arg);

/* done() comes when it is on disk, never before the call has returned. */
struct schedules_change {
    void (*done)(struct schedules_change *change, bool failed, const struct error *err);
    /* private */
    struct schedules *schedules;
    char *key;
    struct registry_change stored;
};
/* Takes document. */
void schedules_put(struct schedules *schedules, struct text key, json_t *document,
                   struct schedules_change *change);
void schedules_delete(struct schedules *schedules, struct text key,
                      struct schedules_change *change);
void schedules_put_group(struct schedules *schedules, struct text key, json_t *document,
                         struct schedules_change *change);
/* done() comes when its state is DELETING; its schedules, and then it, go behind. */
void schedules_delete_group(struct schedules *schedules, struct text key,
                            struct schedules_change *change);
