/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * A JSON Schema, compiled: the vocabulary of 2020-12 that OpenAPI 3.0 and 3.1 documents use,
 * with OpenAPI 3.0's "nullable", boolean "exclusiveMinimum" and lists under "items". What is
 * not taken (references out of the document, "$dynamicRef", "unevaluated...") is refused when
 * it is compiled, never ignored; words that are not of the vocabulary are notes and ignored.
 *
 * A shape never changes: any thread may check against it.
 *
 * Checking costs at most so much (LIMIT_SHAPE_STEPS, LIMIT_SHAPE_US of processor time, depth),
 * whatever schema and value are: beyond it the value is refused as too complex to be checked.
 */
struct shape;

/* The shape that schema (an object, true or false) says. References lead into document, the
 * schema itself when NULL. Both are borrowed for the call. *err says where in the schema. */
struct shape *shape_compile(const json_t *schema, const json_t *document, struct error *err);
void shape_free(struct shape *shape);
DEFINE_SCOPED(struct shape *, shape_free)

/* One thing that is wrong: where (a JSON pointer, "" for the whole) and what, for a person:
 * "must be an integer". The value itself is not in it. */
struct shape_fault {
    struct text at, message;
};

#define SHAPE_FAULTS_MAX 100

/* What is wrong with a value: everything, up to SHAPE_FAULTS_MAX. Texts are in the arena. */
struct shape_report {
    struct arena *arena;
    struct text prefix; /* set by the caller: stands before each place */
    struct shape_fault faults[SHAPE_FAULTS_MAX];
    size_t count;
    bool is_cut; /* there were more */
};

/* Whether value fits. Faults are added to the report, which may be NULL. */
bool shape_check(const struct shape *shape, const json_t *value, struct shape_report *report);
/* Adds a fault that the caller found. at: behind the prefix. */
void shape_report_add(struct shape_report *report, struct text at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the defaults of members that are not there into value, at any depth, as long as they
 * are not more than LIMIT_SHAPE_FILL bytes together. Whether anything was. */
bool shape_fill(const struct shape *shape, json_t *value);
