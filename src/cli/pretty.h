/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"

/* Appends JSON text with line breaks and indentation for a person. Only the space between
 * tokens changes: numbers and strings stay as they were written. source must be JSON. */
void pretty_json(struct text source, struct buffer *out);
