/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"
#include "store/event_store.h"

/*
 * How anybody has a function invoked later: by a record in the function's lane, in the same
 * write as whatever it follows from. Invoke of type Event, a rule's target, a schedule, a
 * destination: fill a struct function_event and write the change that comes out of it. Any
 * thread.
 *
 * The function may be missing when its turn comes: then the event goes to dead_letter, when
 * that is given, and is dropped with a line in the log otherwise.
 */
struct function_event {
    struct text lane;           /* function_lane() or function_lane_of_arn() */
    struct text qualifier;      /* TEXT_NONE: $LATEST */
    struct text body;           /* JSON, LIMIT_PAYLOAD_ASYNC at most */
    struct text request_id;     /* a UUID, the same for all attempts; TEXT_NONE: a new one */
    struct text client_context; /* JSON; TEXT_NONE: none */
    struct text trace;          /* X-Amzn-Trace-Id; TEXT_NONE: a new one */
    int64_t hops;               /* functions the chain went through, this one not counted */

    /* Who sent it, as in model/note.h. dead_letter gets what cannot be given to the function
     * because it is gone. Retries, age and destinations are the function's own settings: the
     * sender's terms end where the function's lane begins, as with AWS. */
    struct text source_arn, target_id, target_arn, dead_letter;
};

/* The PUT. Note and texts are in the arena, which must live until the write is done; body
 * and lane are borrowed as in struct event_change. */
void function_event_put(const struct function_event *event, struct arena *arena,
                        struct event_change *ret);

/* "function/ACCOUNT/REGION/NAME" in the arena. */
struct text function_lane(struct text account, struct text region, struct text name,
                          struct arena *arena);
/* The lane of "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]", and its qualifier
 * (TEXT_NONE without). TEXT_NONE when it is no function's ARN. */
struct text function_lane_of_arn(struct text arn, struct arena *arena, struct text *ret_qualifier);
/* And back, without a qualifier; TEXT_NONE when it is no function's lane. */
struct text function_arn_of_lane(struct text lane, struct arena *arena);

/* What the lane names; false when it is no function's lane. */
struct function_lane {
    struct text account, region, name;
};
bool function_lane_parse(struct text lane, struct function_lane *ret);
