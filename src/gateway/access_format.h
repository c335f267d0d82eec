/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * How a line of an access log is to look: text with API Gateway's variables in it
 * ("$context.requestId $context.status", or a JSON object of them). It never changes, so
 * all shards share one.
 *
 * What a client chose cannot leave its place: every byte that is not printable ASCII, quotes
 * and backslashes are escaped as in a JSON string. A variable without a value is "-".
 */
struct access_entry;
struct access_format;

#define ACCESS_FORMAT_MAX 3072 /* bytes: AWS's limit */

/* Fails when a variable is unknown (the error names it), or the source is empty, too long or
 * not one line. */
struct access_format *access_format_compile(struct text source, struct error *err);
void access_format_free(struct access_format *format); /* NULL does nothing */
DEFINE_SCOPED(struct access_format *, access_format_free)

/* entry becomes one that borrows nothing: all that the format may need of it is in arena. */
struct arena;
void access_format_keep(const struct access_format *format, struct access_entry *entry,
                        struct arena *arena);

/* Appends the line, with its end. */
void access_format_write(const struct access_format *format, const struct access_entry *entry,
                         struct buffer *out);
