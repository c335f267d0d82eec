/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/text.h"

/*
 * Reads JSON (RFC 8259) where it stands: values are spans of the input, nothing is built.
 * What is skipped is checked as thoroughly as what is read, except for the UTF-8 within
 * strings. Answers of functions and events are read with it: a document tree of a 6 MB
 * string costs more than everything else that is done with it.
 */

#define SCAN_DEPTH_MAX 128

enum scan_kind {
    SCAN_NONE, /* no value */
    SCAN_OBJECT,
    SCAN_ARRAY,
    SCAN_STRING,
    SCAN_NUMBER,
    SCAN_TRUE,
    SCAN_FALSE,
    SCAN_NULL,
};

struct scan_value {
    enum scan_kind kind;
    struct text text; /* as it stands in the input; a string without its quotes */
    bool has_escapes; /* of a string: scan_unescape() is needed */
};

/* Sees a member of the outermost object while it is being scanned. */
typedef void scan_visit_f(void *arg, const struct scan_value *name, const struct scan_value *value);

/* One value and nothing but blanks around it. False when it is not that; visit (may be
 * NULL) has then seen what came before. */
bool scan_document(struct text json, scan_visit_f *visit, void *arg, struct scan_value *ret);

/* The members of an object or the items of an array that was scanned. {0} but for them. */
struct scan {
    const char *at, *end;
};
struct scan scan_open(const struct scan_value *container);
bool scan_member(struct scan *scan, struct scan_value *ret_name, struct scan_value *ret_value);
bool scan_item(struct scan *scan, struct scan_value *ret_item);

/* Whether a scanned name or string is that literal. */
bool scan_is(const struct scan_value *string, struct text literal);

/* The string's bytes; with escapes they are decoded over the input, which the caller must
 * own and not need any more as JSON. Half a surrogate pair becomes U+FFFD. */
struct text scan_unescape(const struct scan_value *string);

/* Appends the string's bytes and leaves the input as it is. */
void scan_add_decoded(const struct scan_value *string, struct buffer *out);

/* Appends a scanned value as JSON, without the blanks between its parts. */
void scan_add_json(const struct scan_value *value, struct buffer *out);

/* How many brackets of a text are within each other at most, if it is JSON. */
int scan_depth(struct text json);
