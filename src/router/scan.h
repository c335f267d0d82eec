/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "router/evaluate.h"

/*
 * Reads an event (JSON text) once and hands the values of fields that the scratch's indexes
 * use to evaluation_add(). evaluation_begin() comes before. -1 as matcher_match() says.
 */
typedef int scan_event_f(struct text event, struct match_scratch *scratch, struct error *err);

scan_event_f scan_event; /* chooses the quickest that the processor has the instructions for */
scan_event_f scan_event_plain;
#if defined(__x86_64__)
scan_event_f scan_event_avx2, scan_event_avx512;
#endif

/* All that the processor can run, the slowest first; NULL behind the last. */
scan_event_f *scan_event_variant(unsigned number);
