/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/text.h"

int64_t clock_now_ms(void);  /* wall clock, ms since 1970 */
int64_t clock_mono_us(void); /* monotonic, microseconds */

/* All in UTC, NUL-terminated; each returns out. */
char *clock_format_iso(int64_t epoch_ms, char out[static 32]);    /* 2026-01-31T12:00:00.123Z */
char *clock_format_lambda(int64_t epoch_ms, char out[static 32]); /* 2026-01-31T12:00:00.123+0000 */
char *clock_format_basic(int64_t epoch_ms, char out[static 32]);  /* 20260131T120000Z */
char *clock_format_clf(int64_t epoch_ms, char out[static 32]);    /* 31/Jan/2026:12:00:00 +0000 */
char *clock_format_http(int64_t epoch_ms, char out[static 32]); /* Sat, 31 Jan 2026 12:00:00 GMT */

/* 20260131T120000Z to epoch ms; -1 when it is not exactly that, or before 1970. */
int64_t clock_parse_basic(struct text text);
