/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/scoped.h"
#include "base/text.h"

/*
 * Which deliveries of webhooks were taken, so that a recording of one is not taken again. Who
 * gets one says when it begins and how it ended: one that failed is as if it had never come,
 * for its sender will send it again. For all shards together; any thread may use it, without
 * locks.
 *
 * The memory is bounded: routes share REGIONS parts of it, each with room for DELIVERIES_KEPT. A
 * new delivery takes the place of one whose time is over, else of the oldest among the few where
 * it may stand; those under way are never forgotten. It does not survive a restart.
 */
struct deliveries;
struct delivery_place;

#define DELIVERIES_KEPT 4096

enum delivery_verdict {
    DELIVERY_NEW,
    DELIVERY_UNDER_WAY, /* the same is being worked on */
    DELIVERY_TAKEN,     /* the same was */
};

struct deliveries *deliveries_new(void);
void deliveries_free(struct deliveries *deliveries); /* NULL does nothing */
DEFINE_SCOPED(struct deliveries *, deliveries_free)

/* route: what is remembered apart. until_ms: from when on it is no use to send it again. Of a new
 * one *ret_place is for deliveries_end(), and NULL when there was no place to remember it.
 * The same twice at the same instant may be under way for both. */
enum delivery_verdict deliveries_begin(struct deliveries *deliveries, struct text route,
                                       struct text id, int64_t now_ms, int64_t until_ms,
                                       struct delivery_place **ret_place);
void deliveries_end(struct delivery_place *place, bool is_taken); /* NULL is fine */
