/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/*
 * The times a cron expression stands for, on the wall of no particular place: time zones
 * are schedule.h's. A plain value; any thread.
 *
 * CRON_AWS, what stands between the brackets of cron(...):
 *
 *     minute 0-59   hour 0-23   day 1-31   month 1-12|JAN-DEC   weekday 1-7|SUN-SAT   year
 * 1970-2199
 *
 * each a "*" or a list of values and ranges, with a step after "/" ("0/15" goes on to the
 * end of the field); one of day and weekday, and only one, is "?". Day also takes L (the
 * last), L-3 (three days before it), LW (the last from Monday to Friday) and 15W (the
 * nearest one from Monday to Friday, of the same month); weekday L (Saturday), 6L (the
 * last Friday) and 6#3 (the third). A range may go over the end: NOV-FEB, 22-2.
 *
 * CRON_UNIX, a line of crontab(5): five fields without year, weekday 0-7 with Sunday as 0
 * and 7; when neither day nor weekday begins with "*", either of them is enough. Or one of
 * @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly.
 */
enum cron_dialect { CRON_AWS, CRON_UNIX };

#define CRON_YEAR_MIN 1970
#define CRON_YEAR_MAX 2199

enum cron_days {
    CRON_DAYS_BOTH,   /* what both fields allow; a field that is "?" or "*" allows all */
    CRON_DAYS_EITHER, /* what one of the fields allows */
};

struct cron {
    uint64_t minutes, hours; /* bit 0 and on */
    uint64_t days;           /* bits 1 to 31 */
    uint64_t months;         /* bits 1 to 12 */
    uint64_t weekdays;       /* bit 0: Sunday */
    uint64_t years[4];       /* bit 0 of the first: CRON_YEAR_MIN */
    enum cron_days rule;
    uint64_t near_days;     /* bits 1 to 31: the nearest working day, "15W" */
    uint64_t from_last;     /* bits 0 to 30: that many days before the last, "L-3" */
    bool last_working_day;  /* "LW" */
    uint64_t last_weekdays; /* bit 0: the month's last Sunday */
    uint64_t nth_weekdays;  /* bit 7 * (n - 1) + weekday, n from 1 to 5 */
};

/* ERROR_INVALID tells the field and what is wrong with it. */
int cron_parse(struct text expression, enum cron_dialect dialect, struct cron *ret,
               struct error *err);

/* The first time after local_s, in seconds as civil.h's; it has no seconds of its own. False:
 * there is none. */
bool cron_next(const struct cron *cron, int64_t local_s, int64_t *ret_s);
