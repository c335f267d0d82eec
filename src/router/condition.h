/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "router/pattern.h"
#include "router/trigger.h"

/*
 * What a rule asks of an event. Its EventPattern is an event pattern or the filters of a
 * Knative Trigger, {"filters": [{"prefix": {"type": "com.shop."}}]}, which are no pattern.
 */
struct condition {
    struct pattern *pattern; /* of all events it holds for */
    struct trigger *trigger; /* to be evaluated where the pattern matches; NULL: it says all */
};

/* As pattern_compile(): the reason alone in err, AWS's whole message added to ret_message (may
 * be NULL). *ret is for condition_done() only when it succeeded. */
int condition_compile(struct text source, struct condition *ret, struct buffer *ret_message,
                      struct error *err);
void condition_done(struct condition *condition);
