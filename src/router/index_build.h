/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "base/map.h"
#include "base/mem.h"
#include "router/index.h"

/*
 * Everything is collected in growing lists first, with pairs (owner, item) for what belongs
 * to what, and then laid out: the items of an owner become a span of an array.
 */
struct list_of {
    void *at;
    uint32_t count, capacity;
};

struct pair {
    uint32_t owner, item;
};

struct named_child {
    uint32_t parent;
    struct index_child child;
};

struct owned_range {
    uint32_t field;
    struct index_range range;
};

struct builder {
    struct index *index;
    struct map paths, names, conditions, atoms, needles; /* numbers by what they stand for */
    struct list_of nodes, children, fields, condition_list, clauses, needle_list, targets, ranges;
    struct list_of needle_lengths; /* of each needle: the index_length it asks for */
    struct list_of uses;           /* of each condition: how many clauses have it */
    struct list_of weights;        /* of each condition: how little its holding tells */
    struct list_of clause_conditions, always;
    /* pairs */
    struct list_of atom_conditions, needle_targets, field_checks, field_buts, hung, lengths;
    uint32_t atom_count;
    struct buffer key;
};

static inline void *list_add(struct list_of *list, size_t item_size)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->at = mem_realloc(list->at, list->capacity * item_size);
    }
    void *added = (char *)list->at + list->count++ * item_size;
    memset(added, 0, item_size);
    return added;
}
#define ADD(list, type) ((type *)list_add(&(list), sizeof(type)))
#define AT(list, type, i) (&((type *)(list).at)[i])

static inline void add_pair(struct list_of *pairs, uint32_t owner, uint32_t item)
{
    *ADD(*pairs, struct pair) = (struct pair){owner, item};
}

/* Turns the lists into the arrays of the builder's index, and frees them. */
void index_lay_out(struct builder *builder);
