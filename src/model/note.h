/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/*
 * What is known about an event beside its body: where it comes from, what was tried, what
 * becomes of it when it cannot be delivered. It is written by who puts the event into a lane
 * and read, and replaced, by the lane's owner. On disk it is a compact JSON object with only
 * the members that are set.
 */
struct note {
    /* Any lane */
    struct text request_id; /* the invocation's; a message's MessageId; an event's id */
    struct text trace;      /* X-Amzn-Trace-Id, with its lineage */
    int64_t hops;           /* how many functions the chain went through */
    int64_t attempts;       /* made so far */
    int64_t first_ms;       /* when it was accepted first, over all lanes; wall clock */
    struct text error_code, error_message; /* of the last attempt */

    /* Set by the router, the scheduler, a destination: who sent it and on what terms. */
    struct text source_arn; /* rule, schedule, queue or function */
    struct text target_id;  /* of the rule's target */
    struct text target_arn;
    struct text dead_letter; /* ARN of a queue; "": the lane's own rules */
    bool has_max_attempts;   /* else the lane's own */
    int64_t max_attempts;    /* retries, not counting the first */
    int64_t max_age_s;       /* 0: the lane's own */

    /* LANE_FUNCTION */
    struct text qualifier;      /* "" is $LATEST unset */
    struct text client_context; /* JSON */

    /* LANE_QUEUE */
    struct text attributes;   /* message attributes, JSON as SQS's MessageAttributes */
    struct text group, dedup; /* FIFO; group also on standard queues */
    struct text sender;
    struct text origin_arn; /* the queue whose dead letter it is */
    struct text sequence;
    int64_t receives, first_received_ms, sent_ms;

    /* LANE_TARGET */
    struct text extra; /* JSON of the lane's own */
};

/* Appends. An empty text counts as not set; what is not UTF-8 becomes U+FFFD. */
void note_format(const struct note *note, struct buffer *out);
/* Texts live in the arena; what is absent is TEXT_NONE. ERROR_INVALID: not what note_format()
 * writes, or a member that this Evoke does not know. */
int note_parse(struct text json, struct arena *arena, struct note *ret, struct error *err);
