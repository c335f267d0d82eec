/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

#define OPTION_FILE_MAX (1 << 20) /* bytes of a configuration file: far beyond any real one */

/*
 * A row describes one setting: how it is parsed and limited, its default and its
 * documentation. Command line, configuration file and reference page all come from
 * the same table.
 */
enum option_type {
    OPTION_END = 0,
    OPTION_STRING, /* char *, owned by the object */
    OPTION_BOOL,   /* bool: true or false */
    OPTION_INT,    /* int64_t */
    OPTION_MILLIS, /* int64_t; "250ms", "10s", "5m", "2h", or a bare number of ms */
    OPTION_BYTES,  /* int64_t; "64k", "10M", "1G" (powers of 1024), or a bare number */
};

struct option {
    const char *name; /* "idle-timeout" */
    enum option_type type;
    size_t offset;             /* of the field in the object */
    const char *default_value; /* as text, or NULL: zero */
    int64_t min, max;          /* for numbers, in the field's unit; max 0: no limit */
    const char *value_name;    /* for help: "HOST:PORT"; NULL: its type's, "": it stands alone */
    const char *summary;       /* one line, no full stop */
};

/* What help calls its value; "" for a bool of the command line that is true by being there. */
const char *option_value_name(const struct option *option);

/* Sets all defaults; what the fields held before is forgotten, not freed. They are
 * ours, so a bad one is an assertion failure. */
void option_defaults(const struct option *options, void *object);

/* The row of that name; options may be NULL. */
const struct option *option_find(const struct option *options, struct text name);

struct nearest;
/* Offers every name of the table as what somebody may have meant. */
void option_offer(const struct option *options, struct nearest *nearest);

/* Fails with ERROR_NOT_FOUND for an unknown name, ERROR_INVALID for a bad value. */
int option_set(const struct option *options, void *object, struct text name, struct text value,
               struct error *err);

/* Frees the strings. */
void option_done(const struct option *options, void *object);

/*
 * Reads a configuration file of lines "name = value"; "#" starts a comment, values may
 * be in double quotes. Unknown names and bad values fail with file, line and column.
 */
int option_read_file(const struct option *options, void *object, const char *path,
                     struct error *err);

/* The table as help text ("  --name VALUE   summary (default ...)") or as a Markdown
 * table; the same rows either way. */
void option_help(const struct option *options, struct buffer *out);
void option_markdown(const struct option *options, struct buffer *out);
