/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "model/shape.h"

/* What compiling and checking a shape share. */

enum shape_type {
    SHAPE_NULL = 1,
    SHAPE_BOOLEAN = 2,
    SHAPE_INTEGER = 4,
    SHAPE_NUMBER = 8,
    SHAPE_STRING = 16,
    SHAPE_ARRAY = 32,
    SHAPE_OBJECT = 64,
};

struct shape_type_name {
    const char *name, *article;
    unsigned type;
};
#define SHAPE_TYPES 7
extern const struct shape_type_name shape_types[SHAPE_TYPES];

/* A format that is checked; others are notes. */
struct shape_format {
    const char *name;
    unsigned type; /* of values it says something about */
    bool (*accepts)(const json_t *value);
    const char *meaning; /* after "must be" */
};
const struct shape_format *shape_format_find(struct text name); /* or NULL */

struct shape_pattern {
    char *source;
    pcre2_code *code;
};

struct shape_nodes {
    struct shape_node **at;
    size_t count;
};

struct shape_pattern_node {
    struct shape_pattern pattern;
    struct shape_node *node;
};

struct shape_dependency {
    char *name;
    struct shape_node *node; /* or NULL: */
    json_t *required;
};

/* One schema. What points to other nodes borrows: the shape owns them all. */
struct shape_node {
    struct list link; /* of the shape's nodes */
    bool is_never;    /* the schema false */
    bool is_unique;
    unsigned types; /* 0: any */
    struct shape_node *ref;
    json_t *values, *constant; /* enum, const */
    json_t *minimum, *maximum, *above, *below, *multiple;
    int64_t min_length, max_length, min_items, max_items, min_properties, max_properties;
    int64_t min_contains, max_contains;
    struct shape_pattern pattern;
    const struct shape_format *format;
    json_t *required; /* a list of names */
    struct map properties;
    struct shape_pattern_node *patterned;
    size_t patterned_count;
    struct shape_node *additional, *names;
    struct shape_nodes prefix;
    struct shape_node *items, *contains;
    struct shape_nodes all, any, one;
    struct shape_node * not, *if_, *then_, *else_;
    struct shape_dependency *dependencies;
    size_t dependency_count;
    json_t *fallback; /* default */
    size_t fallback_bytes;
};

struct shape {
    struct list nodes;
    size_t count;
    struct shape_node *root;
};

/* --- values as JSON Schema has them --- */

/* One of enum shape_type; 1.0 is an integer. */
unsigned shape_type_of(const json_t *value);
/* 64 bits of mantissa hold every integer exactly. */
long double shape_number_of(const json_t *value);
/* Whether they are equal: 1 is 1.0. */
bool shape_same(const json_t *a, const json_t *b);
/* The same for values that are the same; members in any order. */
uint64_t shape_hash_of(const json_t *value);

/* --- references --- */

/* Where "#", "#/a/b" and "#anchor" lead to within a document. */
struct shape_references {
    const json_t *document;
    struct map anchors;
    bool has_anchors;
};
void shape_references_done(struct shape_references *references);
/* What is behind the "#"; NULL: nothing. */
const json_t *shape_references_find(struct shape_references *references, struct text fragment,
                                    struct arena *arena);
