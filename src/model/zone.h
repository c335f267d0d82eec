/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * A time zone of the tz database: how many seconds local time is ahead of UTC, and when that
 * changes. Read from the system's TZif files by a reader of its own, because libc has one
 * zone for the whole process. Never changes once read, so any thread may use it.
 *
 * Times are seconds: UTC since 1970, and local as civil.h's. What a zone's rule says of the
 * future is known up to the end of 2200; after that its last offset stays.
 */
struct zone;

#define ZONE_NAME_MAX 50 /* bytes; the Scheduler's */

/* "Europe/Berlin", and "UTC" also where no database is installed. ERROR_INVALID: there is
 * none of that name. Reads a file. The caller owns the result. */
struct zone *zone_load(struct text name, struct error *err);
/* RFC 8536, version 2 and up or 1, without leap seconds. ERROR_INVALID: it is not that. */
struct zone *zone_parse(struct text bytes, struct error *err);
void zone_free(struct zone *zone); /* NULL does nothing */
DEFINE_SCOPED(struct zone *, zone_free)

int64_t zone_offset(const struct zone *zone, int64_t utc_s);

/* When a clock on the wall shows local_s, the first time if it does so twice. False: never,
 * because clocks are set forward over it. */
bool zone_from_local(const struct zone *zone, int64_t local_s, int64_t *ret_utc_s);
