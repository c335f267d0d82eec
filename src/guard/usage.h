/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/scoped.h"
#include "base/text.h"

struct loop;

/*
 * How often the keys of usage plans were used: a number for each day (of UTC) of the last ninety,
 * which is what API Gateway tells. A shard counts what passed on it; the control thread collects
 * that, tells it, and keeps it in a file that is written once a minute and at the end.
 */
struct usages;
struct usage; /* what a shard counts; on its loop */

#define USAGE_DAYS 90
#define USAGE_COUNTS_MAX 1000000 /* of a key on a day; more are not counted */

struct usages_options {
    struct loop *control;
    struct loop *const *loops; /* of the shards */
    int loop_count;
    const char *path; /* of the file */
};
/* Reads the file; one that is not understood is told in the log and begun anew. Blocks; everything
 * in options outlives it. */
struct usages *usages_new(const struct usages_options *options);
void usages_start(struct usages *usages); /* on the control thread, once the shards run */
/* After the loops have ended: writes once more, and frees. NULL does nothing. */
void usages_close(struct usages *usages);
DEFINE_SCOPED(struct usages *, usages_close)
struct usage *usages_of(const struct usages *usages, int shard);

/* One more. Plan and key are ids: without blanks. */
void usage_add(struct usage *usage, struct text plan, struct text key, int64_t epoch_ms);

/* --- the control thread's side --- */

/* Embedded in what waits; done() comes when all that was counted before can be told, never before
 * the call has returned. */
struct usages_wait {
    void (*done)(struct usages_wait *wait);
    struct usages_wait *next; /* private */
};
void usages_collect(struct usages *usages, struct usages_wait *wait);
/* day: since 1970-01-01. */
int64_t usages_find(const struct usages *usages, struct text plan, struct text key, int64_t day);
