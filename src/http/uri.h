/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"

/* Percent-decoding and query strings. */

/* Decodes %XX (and "+" to blank when plus_is_space). False when an escape is broken or
 * decodes to NUL. Without escapes the result is the input itself, else it is in arena. */
bool uri_decode(struct arena *arena, struct text encoded, bool plus_is_space, struct text *ret);

/* Appends text with everything but A-Z a-z 0-9 - . _ ~ (and "/" when keep_slash) as %XX. */
void uri_encode(struct buffer *out, struct text text, bool keep_slash);

/* Next "name=value" of a query, both still encoded; value is TEXT_NONE without "=".
 * Empty pieces are skipped. False at the end. */
bool uri_query_next(struct text *rest, struct text *ret_name, struct text *ret_value);

/* The decoded value of the first parameter of that (decoded) name, or TEXT_NONE. */
struct text uri_query_find(struct arena *arena, struct text query, struct text name);

/* The segments of a path: "/2015-03-31/functions/x" yields three, each still encoded;
 * "/a/" yields "a" and an empty one. */
bool uri_segment_next(struct text *rest, struct text *ret_segment);
