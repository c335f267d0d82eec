/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/*
 * The Gregorian calendar, without time zones: what is written on the wall, and the seconds
 * from 1970-01-01T00:00:00 to it as if every day had 86400. In UTC that is Unix time.
 */
struct civil {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
    int weekday; /* 0: Sunday */
};

#define CIVIL_DAY_S 86400

/* Days since 1970-01-01, of years 0 to 9999. */
int64_t civil_days(int year, int month, int day);
int civil_month_days(int year, int month);

/* Of seconds within years 0 to 9999. */
void civil_set(struct civil *civil, int64_t seconds);
/* The weekday does not count. */
int64_t civil_seconds(const struct civil *civil);

/* Exactly "2026-01-31T12:00:00", of 1970 to 9999, and a day and an hour that exist. */
bool civil_parse(struct text text, struct civil *ret);
