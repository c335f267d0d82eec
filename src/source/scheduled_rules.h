/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/scoped.h"
#include "router/buses.h"
#include "source/event_firing.h"
#include "source/timer.h"

/*
 * EventBridge's rules with a ScheduleExpression: each an entry of the timer, whose firing
 * gives a "Scheduled Event" to the rule's targets. Control thread.
 *
 * A rule's document has "ScheduledSince", ms: when its expression was put or the rule was
 * enabled. A rate counts from then, and what was due before does not count.
 */
struct scheduled_rules;

struct scheduled_rules_options {
    struct buses *buses;
    struct timer *timer;
    struct event_firer firer;
    const char *account, *region; /* outlive it, like the rest */
};

/* Hears of the rules by buses_start(), which comes before timer_start(). */
struct scheduled_rules *scheduled_rules_new(const struct scheduled_rules_options *options);
void scheduled_rules_free(struct scheduled_rules *rules); /* NULL does nothing */
DEFINE_SCOPED(struct scheduled_rules *, scheduled_rules_free)
