/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * A filter pattern of CloudWatch Logs: terms ("ERROR", "\"two words\"", "?either ?or",
 * "-never") or a condition on JSON messages:
 *
 *     { $.level = "ERROR" && ($.latency > 100 || $.user.name = "a*") }
 *     { $.items[0].id NOT EXISTS || $.ok IS FALSE }
 *
 * Immutable once compiled.
 */
struct log_filter;

#define LOG_FILTER_MAX 1024 /* bytes of a pattern: AWS's */
#define LOG_FILTER_NODES 64 /* terms or conditions */

/* NULL and *err (ERROR_INVALID): what is not a pattern, or of a kind not served (space
 * delimited "[a, b]", regular expressions). The caller owns the result. */
struct log_filter *log_filter_compile(struct text pattern, struct error *err);
bool log_filter_matches(const struct log_filter *filter, struct text message);
void log_filter_free(struct log_filter *filter);
DEFINE_SCOPED(struct log_filter *, log_filter_free)
