/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"

/* What the query protocols' answers are made of. */

#define SQS_NAMESPACE "http://queue.amazonaws.com/doc/2012-11-05/"

/* Character data: markup is escaped, and so is a carriage return, which a parser would turn
 * into a newline. What XML 1.0 cannot hold becomes a blank. */
void xml_add_text(struct buffer *out, struct text text);
/* "<name>text</name>" */
void xml_add_element(struct buffer *out, const char *name, struct text text);
