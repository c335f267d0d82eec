/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "store/event_store.h"

/*
 * How anybody puts a message into a queue: by a record in the queue's lane, in the same
 * write as whatever it follows from. A dead letter, a destination's record, an event for a
 * rule's target: fill a struct queue_message, and the change that comes out of it stands
 * beside the DELETE of what was being handled. Any thread.
 *
 * Whether the queue exists is seen on its home loop, where the record arrives. If it does
 * not, the message goes to dead_letter when that is given, with AWS's attributes about why,
 * and is dropped with a line in the log otherwise. queues_find() in source/queue.h asks
 * before.
 */
struct queue_message {
    struct text lane;       /* queue_lane_of_arn() */
    struct text body;       /* UTF-8 */
    struct text message_id; /* TEXT_NONE: a new one */
    struct text attributes; /* a JSON object as MessageAttributes of SendMessage; TEXT_NONE: none */
    struct text group;      /* MessageGroupId: a FIFO queue needs one */
    struct text dedup;      /* MessageDeduplicationId, FIFO; shown, not acted upon: who writes
                               records itself writes each once */
    struct text sender;     /* attribute SenderId; TEXT_NONE: the account of the lane */
    struct text trace;      /* attribute AWSTraceHeader */
    int64_t hops;           /* functions the chain went through */
    int64_t delay_s;        /* -1: the queue's own */

    /* On what terms, as in model/note.h; unset members say nothing. */
    struct text source_arn, target_id, target_arn, dead_letter;
    struct text origin_arn; /* attribute DeadLetterQueueSourceArn: the queue it died in */
};

/* The PUT. Note and texts are in the arena, which must live until the write is done; body
 * and lane are borrowed as in struct event_change. */
void queue_message_put(const struct queue_message *message, struct arena *arena,
                       struct event_change *ret);

/* "arn:aws:sqs:REGION:ACCOUNT:NAME" to "queue/ACCOUNT/REGION/NAME" in the arena; TEXT_NONE
 * when it is no queue's ARN. */
struct text queue_lane_of_arn(struct text arn, struct arena *arena);
/* And back; TEXT_NONE when it is no queue's lane. */
struct text queue_arn_of_lane(struct text lane, struct arena *arena);

/* Adds a member to the JSON of attributes: begin with an empty buffer, and close with
 * queue_attributes_end(), which leaves an empty one empty. type: "String", "Number". */
void queue_attributes_add(struct buffer *json, struct text name, struct text type,
                          struct text value);
void queue_attributes_end(struct buffer *json);
