/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/scoped.h"
#include "base/simd.h"
#include "base/text.h"

struct atom;
struct condition;
struct matcher_rule;

/*
 * Rules compiled for matching; private to the matcher, the scanner and the evaluation. It
 * never changes, is counted, and everything in it is a number into one of its arrays.
 *
 *   node       a name on the way to a field: the trie of all paths
 *   field      what is known of the values at one path
 *   needle     a text that values of a field are looked up by (hash table); a lookup yields
 *   target     atoms that hold with it, that its presence denies, or that are to be checked
 *   atom       a test of a value, the same for all rules that ask it
 *   condition  a set of atoms of which one must hold, the same for all rules
 *   clause     what must hold together for a rule: an alternative of its pattern
 *
 * Each clause hangs on one of its conditions, the one that fewest clauses share, and is only
 * looked at when that one holds: a hundred thousand rules of one source cost nothing until an
 * event has what tells them apart.
 */
#define INDEX_NONE UINT32_MAX

struct index_span {
    uint32_t start, count;
};

struct index_node {
    uint32_t field;             /* INDEX_NONE: no rule uses the values here */
    struct index_span children; /* sorted as in the slots when there are slots */
    uint64_t lengths;           /* bit len % 64 of each child */
    uint32_t slots, slot_mask;  /* many children: where they are by hash */
    uint32_t pairs;             /* few children: how their names begin; or INDEX_NONE */
};

struct index_child {
    const char *name;
    uint32_t len, node;
    uint64_t head; /* the first 8 bytes, padded with zeroes */
    uint64_t tail; /* the last 8 bytes of 8 and more */
};

enum needle_kind {
    NEEDLE_EXACT,
    NEEDLE_PREFIX,
    NEEDLE_SUFFIX,
    NEEDLE_EXACT_FOLD,
    NEEDLE_PREFIX_FOLD,
    NEEDLE_SUFFIX_FOLD,
    NEEDLE_LITERAL,
    NEEDLE_NUMBER,
    NEEDLE_V4,
    NEEDLE_V6,
    NEEDLE_KINDS
};

/* A length in which needles occur, and with which edges: bit b % 64 of each first byte, or last
 * one of suffixes. All bits when there is an empty needle. The others are those that the value
 * must have at its other end for any of their targets. */
struct index_length {
    uint32_t len; /* of addresses: the bits */
    uint64_t edges, others;
};

struct index_field {
    uint32_t kinds;                          /* bit of each needle_kind that occurs */
    struct index_span lengths[NEEDLE_KINDS]; /* ascending */
    struct index_span checks;                /* targets that no needle helps to find */
    struct index_span buts;                  /* atoms that hold unless denied */
    struct index_span ranges;
    uint32_t exists; /* the atom, or INDEX_NONE */
    bool is_shared;  /* a clause has another field that might be in the same array */
};

/* A needle on which nothing hangs but one rule knows the rule, which saves the way there. Each
 * is in one cache line. */
struct index_needle {
    uint64_t hash;
    const char *at;
    uint32_t len, field;
    char head[16]; /* the first bytes, padded with zeroes */
    struct index_span targets;
    uint64_t rule_id;
    uint32_t rule; /* or INDEX_NONE */
    uint8_t kind;
    bool is_there; /* and no gap in the table */
};

_Static_assert(sizeof(struct index_needle) == MEM_LINE, "a needle fills a cache line");

struct index_target {
    uint32_t atom;
    bool denies;
    const struct atom *check; /* must hold too; NULL: it does */
};

/* Sorted by low; an implicit balanced tree whose inner nodes know the highest end below. */
struct index_range {
    double low, high, high_below;
    bool low_open, high_open;
    uint32_t atom;
    bool denies;
};

struct index_atom {
    struct index_span conditions;
};

struct index_condition {
    const struct condition *source;
    uint32_t field;
    bool has_absent;
    struct index_span clauses; /* that hang on it */
};

struct index_clause {
    uint32_t rule;
    struct index_span conditions; /* in order of their paths */
    bool is_shared;               /* its conditions may meet in an array */
    bool has_absent;
};

struct index {
    atomic_uint references;
    uint64_t seed;
    struct arena arena;       /* of needles that are not in a pattern */
    struct index_node *nodes; /* 0 is the root */
    uint32_t everywhere;      /* a node that has the children of all others */
    struct simd_pairs *pairs;
    struct index_child *children;
    uint32_t *child_slots; /* child + 1 */
    struct index_field *fields;
    struct index_needle *needles; /* a hash table */
    uint64_t needle_mask;
    /* Three bits of one word for each needle's hash: small enough to stay in a cache when the
     * needles do not, and most values are no needle. */
    uint64_t *filter;
    uint64_t filter_mask;
    struct index_target *targets;
    struct index_range *ranges;
    struct index_atom *atoms;
    struct index_condition *conditions;
    struct index_clause *clauses;
    struct index_length *lengths;
    uint32_t *buts, *atom_conditions, *condition_clauses, *clause_conditions;
    uint32_t *always; /* clauses that may hold without any value */
    uint32_t field_count, atom_count, condition_count, clause_count, always_count, rule_count;
    uint32_t most; /* of the counts of atoms, conditions, clauses and rules */
    struct matcher_rule *rules;
    uint32_t *by_id; /* rules in order of their ids */
};

struct index *index_new(const struct matcher_rule *rules, size_t count);
struct index *index_ref(struct index *index);
void index_unref(struct index *index); /* NULL: nothing */
DEFINE_SCOPED(struct index *, index_unref)

/* The rule of that id, or INDEX_NONE. */
uint32_t index_find_rule(const struct index *index, uint64_t id);

uint64_t index_filter_bits(uint64_t hash);
uint64_t index_hash(uint64_t seed, uint32_t field, unsigned kind, struct text text);
uint64_t index_name_hash(uint64_t seed, struct text name);
/* NULL: there is none. */
const struct index_needle *index_find_needle(const struct index *index, uint32_t field,
                                             enum needle_kind kind, struct text text);
