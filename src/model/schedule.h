/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "model/cron.h"

struct zone;

/*
 * When something is to happen: cron(...), rate(...) or at(...). A plain value; any thread.
 *
 * SCHEDULE_RULE: of EventBridge's rules: cron, in UTC; rate(1 minute), rate(5 minutes) with
 * a unit that agrees with its number.
 * SCHEDULE_FULL: of the EventBridge Scheduler: cron, rate with the unit in either number,
 * and at(2026-01-31T12:00:00).
 * SCHEDULE_FILE: of function.yaml: SCHEDULE_FULL, or a line of crontab(5).
 */
enum schedule_dialect { SCHEDULE_RULE, SCHEDULE_FULL, SCHEDULE_FILE };
enum schedule_kind { SCHEDULE_CRON, SCHEDULE_RATE, SCHEDULE_AT };

#define SCHEDULE_EXPRESSION_MAX 256 /* bytes; AWS's, for rules and the Scheduler */

struct schedule {
    enum schedule_kind kind;
    struct cron cron;
    int64_t every_ms;   /* RATE */
    int64_t at_local_s; /* AT, as civil.h's */
};

/* ERROR_INVALID says what is wrong; AWS's own words are the API's business. */
int schedule_parse(struct text expression, enum schedule_dialect dialect, struct schedule *ret,
                   struct error *err);

/* Where and between when a schedule holds. All times are ms since 1970. */
struct schedule_frame {
    const struct zone *zone; /* NULL: UTC; RATE does not care */
    int64_t anchor_ms;       /* RATE: the first time, others are whole steps from it */
    int64_t start_ms;        /* CRON, RATE: not before; 0: no limit */
    int64_t end_ms;          /* CRON, RATE: not after; 0: no limit */
};

/*
 * The first time after after_ms; -1 when there is none any more. Local times that clocks are
 * set forward over do not come; those that they show twice come once, the first time. A day
 * of a rate is 24 hours.
 */
int64_t schedule_next(const struct schedule *schedule, const struct schedule_frame *frame,
                      int64_t after_ms);
/* The last time that is after after_ms and not after until_ms; -1: none. Cheap also when
 * there are many between. */
int64_t schedule_last(const struct schedule *schedule, const struct schedule_frame *frame,
                      int64_t after_ms, int64_t until_ms);
