/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/error.h"

/* What SQS demands of a message. */

#define SQS_ATTRIBUTES_MAX 10      /* SQS: of one message */
#define SQS_ATTRIBUTE_NAME_MAX 256 /* SQS: bytes of a name, of a type */
#define SQS_ATTRIBUTES_BYTES                                                         \
    60000                  /* Evoke: of all of them as they are stored: they stay in \
                              memory as long as the message is there */
#define SQS_TRACE_MAX 1000 /* bytes of AWSTraceHeader */

/* Whether a body holds only what XML 1.0 can. */
bool sqs_body_is_valid(struct text body);
/* MessageGroupId and MessageDeduplicationId: 1 to 128 of alphanumeric and punctuation. */
bool sqs_id_is_valid(struct text id);
/* A batch entry's: 1 to 80 of alphanumeric, "-" and "_". */
bool sqs_entry_id_is_valid(struct text id);

/* MessageAttributes as they came: -1 and AWS's words for what is wrong. *ret_bytes: what they
 * count of the message's size. */
int sqs_attributes_check(const json_t *attributes, size_t *ret_bytes, struct error *err);
