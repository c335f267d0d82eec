/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/text.h"

/*
 * X-Amzn-Trace-Id: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=...;Sampled=0;Lineage=2:...".
 * Lineage counts how many functions called each other to get here; runtimes and SDKs pass
 * the header on.
 */
#define LINEAGE_TRACE_MAX 160

/* What is said of a chain of LIMIT_HOPS functions: Lambda's words. */
#define RECURSION_MESSAGE                                                                \
    "Lambda has detected your function being invoked in a recursive loop with other AWS " \
    "resources and stopped your function's invocation."

/* Fills out with given when that is a trace id, else with a new one; either way with a
 * Lineage of hops. */
void lineage_make(struct text given, int hops, char out[static LINEAGE_TRACE_MAX]);
int lineage_hops(struct text trace); /* 0 without Lineage */
