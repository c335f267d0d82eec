/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * What a target of a rule is given for an event: the event, a text of its own (Input), a
 * part of the event (InputPath) or a text with values of the event in it
 * (InputTransformer), as EventBridge does it. Immutable once compiled, so that threads may
 * share one.
 */
struct transform;

/* From a target as PutTargets takes it: {"Id", "Input"?, "InputPath"?, "InputTransformer"?,
 * ...}, borrowed; the kinds and lengths of its members were checked before. NULL and
 * ERROR_INVALID with AWS's words for a ValidationException. */
struct transform *transform_compile(const json_t *target, struct error *err);
void transform_free(struct transform *transform);
DEFINE_SCOPED(struct transform *, transform_free)

/* Whether the target is given the event as it is, so that nothing need be copied. */
bool transform_is_whole(const struct transform *transform);

/* What a template may tell beside the event. */
struct transform_facts {
    struct text rule_arn, rule_name;
    int64_t ingested_ms; /* wall clock, when the event was accepted */
};

/*
 * Appends to out what the target is given for event (the envelope's JSON text). 0 when it
 * is to be delivered. It is JSON except, maybe, for a template that is a string: its values
 * are put in as they are. -1 when the event is not delivered to this target, *out being as
 * before: what the path leads to is not there, the filled in template is no JSON, or
 * (ERROR_LIMIT) it is larger than LIMIT_TRANSFORMED.
 */
int transform_apply(const struct transform *transform, struct text event,
                    const struct transform_facts *facts, struct buffer *out, struct error *err);
