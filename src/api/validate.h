/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

/*
 * A request's parameters against AWS's constraints, with AWS's own words for what is wrong.
 * A row describes one parameter. Rows are checked in order and all errors are told at once,
 * so the order is AWS's: query, path, then the body's members.
 *
 * The values of an enum are listed as AWS lists them, in the order of a Java HashSet of that
 * size. patterns are only for the message; matches decides.
 */
enum param_place {
    PARAM_END = 0,
    PARAM_QUERY,
    PARAM_PATH,
    PARAM_HEADER,
    PARAM_BODY,
    PARAM_ALSO, /* here stand the rows of members */
};
enum param_type {
    PARAM_STRING,
    PARAM_INT,
    PARAM_NUMBER, /* of seconds, maybe with a fraction: a time */
    PARAM_BOOL,
    PARAM_LIST,
    PARAM_MAP,
    PARAM_OBJECT,
};

struct param {
    enum param_place place;
    enum param_type type;
    const char *name; /* on the wire: "FunctionName"; for headers in lower case */
    const char *at;   /* in messages: "functionName" */
    bool required;
    int64_t min, max;    /* length or value; max 0: no limits */
    const char *values;  /* of an enum: "RESPONSE_STREAM, BUFFERED" */
    const char *pattern; /* what matches stands for */
    bool (*matches)(struct text text);
    const struct param *members;          /* of an object's members; of a list's or map's one value:
                                             a row whose name does not count */
    bool (*key_matches)(struct text key); /* of a map, with key_pattern */
    int64_t key_max;                      /* its keys' length; 0: no limits */
    const char *key_pattern;
    bool sensitive;        /* its value is not repeated in messages */
    bool pattern_first;    /* told before the limits: each service of AWS has its order */
    const char *java_name; /* of an object within a list: how AWS's Java shows it */
};

/* Where values come from. get() gives the decoded value of a query, path or header
 * parameter, or TEXT_NONE. */
struct param_source {
    struct text (*get)(void *arg, enum param_place place, const char *name);
    void *arg;
    const json_t *body; /* an object, or NULL */
};

enum validity {
    VALID,
    INVALID_VALUE, /* *out: "2 validation errors detected: ..." */
    INVALID_TYPE,  /* *out: a SerializationException's text */
};
enum validity validate(const struct param *params, const struct param_source *source,
                       struct buffer *out);
