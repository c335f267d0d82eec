/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Ignoring case as event-ruler does: a character of the pattern matches its lower and its
 * upper case as Java has them for that character alone. So "ß" matches "ß" and "SS", and
 * the Kelvin sign matches "k" but "k" does not match the Kelvin sign. Characters beyond 16
 * bits match themselves.
 */

/* ASCII letters as small ones; the rest stays. to has room for text. */
void fold_ascii(struct text text, char *to);
bool fold_is_ascii(struct text text);

/* The two cases of a character, UTF-8; false when there is one. */
struct fold {
    char lower[12], upper[12];
};
bool fold_find(uint32_t code, struct fold *ret);
