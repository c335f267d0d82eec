/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/*
 * What a pattern is after compiling: alternatives ($or multiplies them), each a conjunction
 * of conditions on fields, each a disjunction of atoms. An event matches if an alternative
 * has all its conditions fulfilled by values that do not come from different elements of one
 * array.
 */
enum atom_kind {
    ATOM_ABSENT,
    ATOM_EXISTS,
    ATOM_EXACT, /* strings from here ... */
    ATOM_PREFIX,
    ATOM_SUFFIX,
    ATOM_EXACT_FOLD,
    ATOM_PREFIX_FOLD,
    ATOM_SUFFIX_FOLD,
    ATOM_WILDCARD,
    ATOM_ADDRESS, /* ... to here */
    ATOM_LITERAL, /* true, false, null, and numbers that cannot be compared: by their text */
    ATOM_NUMBER,
    ATOM_RANGE,
    ATOM_BUT, /* anything that none of its inner atoms matches */
};

struct atom {
    enum atom_kind kind;
    bool low_open, high_open; /* of a range */
    unsigned bits;            /* of an address */
    struct text text;         /* folded to small letters for *_FOLD; the bytes of an address */
    /*
     * Of a wildcard: the pieces between its stars. Of *_FOLD beyond ASCII: for each character
     * its lower and its upper case. Of anything else: none.
     */
    const struct text *parts;
    size_t part_count;
    double low, high; /* a number has both the same */
    const struct atom *but;
    size_t but_count;
};

struct condition {
    struct text path; /* names joined by dots */
    const struct atom *atoms;
    size_t count;
};

struct alternative {
    const struct condition **conditions; /* in order of their paths, none twice */
    size_t count, capacity;
};

struct pattern {
    atomic_uint references;
    struct arena arena; /* of all below */
    struct alternative *alternatives;
    size_t count;
};

#define PATTERN_ALTERNATIVES_MAX 1000      /* EventBridge: combinations that $or may make */
#define PATTERN_CONDITIONS_MAX 65536       /* of all alternatives, bounds what $or multiplies */
#define PATTERN_WILDCARD_COMPLEXITY_MAX 10 /* ways in which a value may match at once */

/* Fills the pattern's alternatives. -1 with *ret_message (an empty buffer) being the reason
 * and the place, of which the first reason_len bytes are the reason. */
int pattern_parse(struct text source, struct pattern *pattern, struct buffer *ret_message,
                  size_t *ret_reason_len);

/* Whether a wildcard, cut at its stars into parts (at least one), may match in too many ways. */
bool pattern_is_too_complex(struct arena *arena, const struct text *parts, size_t count);
