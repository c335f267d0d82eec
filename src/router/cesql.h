/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "router/cloudevents.h"

/*
 * Expressions of CloudEvents SQL 1.0 over the attributes of an event:
 *
 *     type LIKE 'com.shop.%' AND (EXISTS subject OR sequence % 10 = 0)
 *
 * Immutable once compiled, so that threads may share one. AND, OR and XOR have one rank and
 * are read from left to right, as the specification's text says (its grammar reads them
 * from right to left): a OR b AND c is (a OR b) AND c.
 */
struct cesql;

/* NULL with ERROR_INVALID and the place when source is not an expression; ERROR_LIMIT
 * beyond LIMIT_CESQL_BYTES, or LIMIT_CESQL_DEPTH brackets within each other. */
struct cesql *cesql_compile(struct text source, struct error *err);
void cesql_free(struct cesql *cesql);
DEFINE_SCOPED(struct cesql *, cesql_free)

enum cesql_kind { CESQL_BOOLEAN, CESQL_INTEGER, CESQL_STRING };

struct cesql_value {
    enum cesql_kind kind;
    bool boolean;
    int32_t integer;
    struct text string; /* in the event, the expression or the arena */
};

/* What can go wrong with a value; an evaluation goes on, with false, 0 or "" for it. */
enum cesql_error {
    CESQL_MATH = 1,              /* division by 0, more than 32 bits */
    CESQL_CAST = 2,              /* a string that is no number, or not true or false */
    CESQL_MISSING_ATTRIBUTE = 4, /* the event does not have it */
    CESQL_MISSING_FUNCTION = 8,  /* none of that name and number of arguments */
    CESQL_FUNCTION = 16,         /* a position outside, a string that became too long */
};

/* The expression's value for the event. What went wrong: a set of enum cesql_error. */
unsigned cesql_evaluate(const struct cesql *cesql, const struct cloud_event *event,
                        struct arena *arena, struct cesql_value *ret);

/* Whether the event passes the expression as a filter: true, and nothing went wrong. */
bool cesql_passes(const struct cesql *cesql, const struct cloud_event *event, struct arena *arena);

/* For messages: "cast"; of the first error in a set. */
const char *cesql_error_name(unsigned errors);
