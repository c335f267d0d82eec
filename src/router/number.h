/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/text.h"

/*
 * The numbers of events and patterns, compared as event-ruler does: by value as binary64
 * when the decimal that was written is the shortest one of its binary64 (so 300, 300.0 and
 * 3e2 are one number, and 0.1 is comparable), by its text otherwise: 64-bit account numbers
 * stay different when their binary64 would be the same.
 */
struct number {
    double value;
    uint64_t digits; /* private: of the decimal, without zeroes at the end */
    int exponent;    /* private: its power of ten */
    int digit_count; /* private */
};

/* text is a number in JSON's grammar. False when no binary64 is near it: too many digits,
 * too large, too small. */
bool number_parse(struct text text, struct number *ret);

/* Whether the decimal is the shortest one of its binary64. Apart, because it costs as much
 * as the parsing and matters only when a comparison would hold. */
bool number_is_comparable(const struct number *number);
