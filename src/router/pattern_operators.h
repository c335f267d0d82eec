/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "router/pattern_lexer.h"
#include "router/pattern_priv.h"

/* Atoms while they are counted. */
struct atoms {
    struct atom *at;
    size_t count, capacity;
};
void atoms_add(struct atoms *atoms, struct arena *arena, const struct atom *atom);

/* The lexer stands at a value of a field's list: adds what it means. -1 when it is nothing. */
int operators_parse_value(struct lexer *lexer, struct arena *arena, struct atoms *atoms);
