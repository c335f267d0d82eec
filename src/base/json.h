/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/* JSON documents are jansson's json_t; this adds what we use all the time. */

static inline void json_decref_scoped(json_t **json)
{
    if (*json)
        json_decref(*json);
}

#define JSON_DEPTH_MAX 128

/* Parses one JSON value (any kind) in strict UTF-8. NULL and *err (with line and
 * column) when it is not, nests deeper than JSON_DEPTH_MAX, or has duplicate keys.
 * Strings may contain NULs: read them with their length. */
json_t *json_parse(struct text source, struct error *err);

/* The same, with all numbers as reals, so that whole ones may have any number of digits. */
json_t *json_parse_real(struct text source, struct error *err);

/* Whether a text of unknown kind begins as an object or a list does, which parsers that are less
 * strict than ours (a name twice, a number out of range, a byte order mark) take it for. */
bool json_may_be(struct text source);

/* The member as text, TEXT_NONE when absent or not a string. Borrowed from object. */
struct text json_text(const json_t *object, const char *key);
int64_t json_int(const json_t *object, const char *key, int64_t absent);
bool json_bool(const json_t *object, const char *key, bool absent);
json_t *json_from_text(struct text text); /* new; not-UTF-8 becomes U+FFFD */

/* Compact serialisation; the caller frees. */
char *json_write(const json_t *json);
