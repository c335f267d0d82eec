/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/text.h"
#include "loop/loop.h"
#include "model/directory.h"
#include "router/buses.h"
#include "router/dispatch.h"
#include "router/envelope.h"
#include "source/timer.h"

/*
 * Events that a firing gives to event buses, or to the targets of one rule. Rules and functions
 * are known on the shards, each its own copy, so the way leads over the loop of one of them and
 * back; the records that come of it become changes of the firing.
 *
 * Made and filled on the control thread. event_firing_go() takes it, and ends with
 * timer_write().
 */
struct event_firing;

#define EVENT_FIRING_MAX 10 /* events; PutEvents's */

/* The shard whose loop it is, and what that shard sees. */
struct event_firer {
    struct loop *control, *shard;
    const struct bus_view *view;
    const struct directory *functions;
};

struct event_firing *event_firing_new(const struct event_firer *firer, struct timer_firing *firing);
/* The key of the bus is "ACCOUNT/REGION/NAME"; texts are copied. False: there are
 * EVENT_FIRING_MAX already. */
bool event_firing_add(struct event_firing *self, struct text bus_key,
                      const struct envelope *envelope);
/* For the targets of this rule, whatever the buses. Takes the rule. */
void event_firing_set_rule(struct event_firing *self, struct bus_rule *rule);
void event_firing_free(struct event_firing *self); /* instead of going; NULL does nothing */
void event_firing_go(struct event_firing *self);
