/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "router/index.h"

/*
 * Matching one event, between the scanner, which hands over the values of used fields as it
 * meets them, and the rules. Two indexes at most are matched at once: a large one, and the
 * changes since it was built.
 */
#define EVALUATION_LAYERS 2

enum value_kind {
    VALUE_STRING,
    VALUE_NUMBER,
    VALUE_WORD, /* true, false, null */
};

/* A value that is no container. Its text lasts until the event is done. */
struct value {
    enum value_kind kind;
    struct text text;
    uint32_t member; /* the innermost array element that it is in; 0: none */
};

/* An element of an array: within which other, of which array, and how deep. */
struct member {
    uint32_t parent, array, depth;
};

struct seen_value {
    struct value value;
    uint32_t next; /* of the same field; + 1 */
};

/* What is known of the event, by the numbers of an index. Marks hold the epoch in which they
 * were set, so that nothing is cleared between events. */
struct evaluation_layer {
    const struct index *index;
    const uint64_t *removed; /* bits of rules that do not count; NULL: none */
    uint32_t *conditions, *fields, *fields_in_arrays, *rules; /* marks */
    uint32_t *denied; /* of atoms: the value, counted, that denies it */
    uint32_t *values; /* of shared fields: the latest seen_value + 1 */
    uint32_t *candidates, candidate_count;
    uint32_t room, room_fields;
};

struct match_scratch {
    uint32_t epoch;  /* of the event */
    uint32_t serial; /* of the value */
    uint32_t unmet;  /* fields of which the event has had no value yet */
    bool is_strict;  /* the scanner checks also what no rule uses */
    unsigned layer_count;
    struct evaluation_layer layers[EVALUATION_LAYERS];
    struct member *members;
    uint32_t member_count, member_room, array_count;
    struct seen_value *seen;
    uint32_t seen_count, seen_room;
    uint64_t *ids;
    uint32_t id_count, id_room;
    uint64_t steps; /* left for arrays of this event */
    struct arena texts;
    char *folded;
    size_t folded_room;
};

/* Ready for an event. layer_count indexes, and for each what was removed from it. */
void evaluation_begin(struct match_scratch *scratch, unsigned layer_count,
                      struct index *const *indexes, const uint64_t *const *removed);

/* A value of that field of that layer's index. */
void evaluation_add(struct match_scratch *scratch, unsigned layer, uint32_t field,
                    const struct value *value);

/* A new element of an array, and a number for an array. */
uint32_t evaluation_add_member(struct match_scratch *scratch, uint32_t parent, uint32_t array);

/* All values are known: the ids of the rules that match are in the scratch. -1 with
 * ERROR_LIMIT when arrays take too long. */
int evaluation_end(struct match_scratch *scratch, struct error *err);

/* Whether the value passes the test, found out the slow way: for atoms that were not looked
 * up. ATOM_ABSENT never does. */
bool atom_matches(const struct atom *atom, const struct value *value);
