/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/text.h"

#define NEAREST_LEN_MAX 32

/* How many letters must be added, removed, changed or swapped with their neighbour to make
 * one word the other. SIZE_MAX when one is longer than NEAREST_LEN_MAX. */
size_t nearest_distance(struct text a, struct text b);

/* The best guess so far at what somebody meant by a word. Start with {.typed = ...}. */
struct nearest {
    struct text typed;
    const char *best; /* NULL: nothing is close enough to be worth a suggestion */
    size_t distance;
};
void nearest_offer(struct nearest *nearest, const char *candidate);

#define NEAREST_HINT_MAX 96

/* "; did you mean 'PREFIXbest'?", or "" when nothing is close enough: to go behind an error's
 * text. Made in room. */
const char *nearest_hint(const struct nearest *nearest, const char *prefix,
                         char room[static NEAREST_HINT_MAX]);
