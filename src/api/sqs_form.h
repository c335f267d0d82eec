/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/text.h"

/*
 * Requests of SQS's query protocol, a form such as
 *
 *     Action=SendMessage&MessageBody=hi&MessageAttribute.1.Name=a&MessageAttribute.1.Value...
 *
 * as the object that the JSON protocol would have sent. Numbering says what belongs together
 * and in what order; parameters that are no parameter of SQS are left out, and so is what
 * cannot be decoded. New; strings that are not UTF-8 hold U+FFFD.
 */
json_t *sqs_form_parse(struct text form, struct arena *arena);

#define SQS_FORM_INDEX_MAX 1000 /* "Tag.1000.Key"; what counts further is left out */

/* Whether an action can be asked for at a queue's URL. */
bool sqs_is_of_queue(struct text action);

/* "/123456789012/name" */
bool sqs_is_queue_path(struct text path);
