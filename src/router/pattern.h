/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * A compiled event pattern, as EventBridge has them: {"source": ["shop"], "detail":
 * {"total": [{"numeric": [">", 100]}]}}. What each operator means is in
 * docs/event-patterns.md.
 *
 * A pattern never changes and is counted, so that any thread may hold and match it.
 */
struct pattern;

/*
 * The pattern that source says (JSON text, borrowed for the call). NULL when it is not
 * one: err->text is the reason alone ("Empty arrays are not allowed"), cut off if long, and
 * ret_message (may be NULL, is added to) gets the text of AWS's InvalidEventPatternException
 * in full, with the place in the source where there is one. ERROR_INVALID, or ERROR_LIMIT
 * beyond LIMIT_PATTERN_BYTES.
 */
struct pattern *pattern_compile(struct text source, struct buffer *ret_message, struct error *err);

struct pattern *pattern_ref(struct pattern *pattern);
void pattern_unref(struct pattern *pattern); /* NULL: nothing */
DEFINE_SCOPED(struct pattern *, pattern_unref)

/* Whether it matches that event: 1 or 0, -1 when the event is not a JSON object (every byte
 * of it is checked). For trying a pattern out; many events go through a matcher. */
int pattern_test(struct pattern *pattern, struct text event, struct error *err);
