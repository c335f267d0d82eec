/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/crypto.h"

/* The digests of a message, as SQS gives them to senders, receivers and functions. */

#define QUEUE_DIGEST_LEN (2 * MD5_LEN)

void queue_digest_body(struct text body, char out[static QUEUE_DIGEST_LEN + 1]);
/* Of those MessageAttributes whose names is_wanted() takes; NULL: all. False: there are none. */
bool queue_digest_attributes(const json_t *attributes,
                             bool (*is_wanted)(const void *arg, struct text name), const void *arg,
                             char out[static QUEUE_DIGEST_LEN + 1]);
/* The names in order, as the digest has them; in the arena. */
struct text *queue_digest_names(const json_t *attributes, struct arena *arena, size_t *ret_count);
