/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/*
 * The rule at the end of a TZif file, which is a POSIX TZ string with the additions of RFC
 * 8536 3.3.1: "CET-1CEST,M3.5.0,M10.5.0/3". Offsets are seconds ahead of UTC.
 */
struct zone_date {
    enum { ZONE_MONTH_WEEK, ZONE_JULIAN, ZONE_DAY } form; /* M3.5.0, J60, 59 */
    int month, week, weekday;                             /* week 5: the last */
    int day;
    int64_t time_s; /* of local time, may be negative or beyond a day */
};

struct zone_rule {
    int64_t standard_s, summer_s;
    bool has_summer;
    struct zone_date begins, ends; /* of summer time */
};

bool zone_rule_parse(struct text text, struct zone_rule *ret);

/* When that date comes in that year, as local seconds. */
int64_t zone_date_in(const struct zone_date *date, int year);
