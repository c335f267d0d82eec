/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"
#include "store/event_store.h"

/*
 * An event that could not be delivered, on its way to its target's dead-letter queue, with
 * EventBridge's attributes about why. Texts are borrowed until the write is done.
 */
struct dead_letter {
    struct text queue_arn; /* "": there is none */
    struct text event;     /* as it matched, not as it was transformed */
    struct text rule_arn, target_arn, target_id;
    struct text error_code;    /* "NO_PERMISSIONS": one of EventBridge's */
    struct text error_message; /* a sentence */
    struct text exhausted;     /* "MaximumRetryAttempts", "MaximumEventAgeInSeconds" or none */
    int64_t retries;
    struct text trace;
    int64_t hops;
};

/* Fills the PUT, whose texts are in the arena. False: there is no queue, and the event is
 * gone. Either way a warning says so in the log. */
bool dead_letter_put(const struct dead_letter *letter, struct arena *arena,
                     struct event_change *ret);
