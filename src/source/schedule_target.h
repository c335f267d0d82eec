/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "source/event_firing.h"
#include "source/timer.h"

/*
 * What a schedule starts: the Target of its document. An ARN of a function, a queue or an
 * event bus means the call that goes with it; arn:aws:scheduler:::aws-sdk:SERVICE:ACTION one
 * whose request is the Input. Control thread.
 */

/* ERROR_INVALID, in words for a ValidationException: it is nothing that Evoke can start. */
int schedule_target_check(const json_t *target, struct error *err);

struct schedule_shot {
    const json_t *target;
    struct text arn;             /* of the schedule */
    struct text account, region; /* the daemon's */
    const struct event_firer *firer;
};
/* Adds the changes that put it into its lane, and ends with timer_write(). What cannot be
 * started goes to the target's dead letter queue, or is told in the log. */
void schedule_target_fire(const struct schedule_shot *shot, struct timer_firing *firing);
