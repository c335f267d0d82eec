/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* The character that text (not empty) begins with and how long it is; a byte that is not
 * UTF-8 is a character of its own. */
uint32_t utf8_read(struct text text, size_t *ret_len);

/* Writes the character, at most 4 bytes, and returns where the next one goes. */
char *utf8_put(char *to, uint32_t code);
