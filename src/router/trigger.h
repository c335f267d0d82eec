/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"
#include "router/cloudevents.h"

/*
 * The filters of a Knative Trigger over the attributes of an event:
 *
 *     {"filter": {"attributes": {"type": "com.shop.order", "subject": ""}}}
 *     {"filters": [{"any": [{"prefix": {"type": "com.shop."}}, {"cesql": "hops < 5"}]}]}
 *
 * "filters", unless it is empty, wins over "filter"; with neither everything passes. An
 * object has one dialect (exact, prefix, suffix, all, any, not, cesql); one without says
 * nothing either way and is left out. Immutable once compiled, so that threads may share one.
 */
struct trigger;

/* From the members "filter" and "filters" of spec (borrowed). NULL with ERROR_INVALID, or
 * ERROR_LIMIT beyond LIMIT_TRIGGER_FILTERS or LIMIT_TRIGGER_DEPTH. */
struct trigger *trigger_compile(const json_t *spec, struct error *err);
void trigger_free(struct trigger *trigger);
DEFINE_SCOPED(struct trigger *, trigger_free)

enum trigger_result { TRIGGER_PASS, TRIGGER_FAIL, TRIGGER_NO_FILTER };

enum trigger_result trigger_evaluate(const struct trigger *trigger, const struct cloud_event *event,
                                     struct arena *arena);
/* Whether the event is for this trigger: only TRIGGER_FAIL keeps it away. */
bool trigger_passes(const struct trigger *trigger, const struct cloud_event *event,
                    struct arena *arena);

/*
 * Appends an event pattern that the envelope (cloudevents.h) of every event matches that the
 * trigger passes, so that one matcher can look for rules and triggers at once. True when
 * the pattern says all that the trigger says; otherwise the trigger is to be evaluated for
 * the events that match. Of filters it cannot say, "not", "cesql", times and content types
 * among them, the pattern says nothing.
 */
bool trigger_pattern(const struct trigger *trigger, struct buffer *out);
