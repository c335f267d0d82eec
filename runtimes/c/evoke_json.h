/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Bytes that text takes at most as a JSON string, quotes and NUL included. */
size_t evoke_json_size(const char *text);

/* Writes text as a JSON string; what is not UTF-8 becomes U+FFFD. Returns where the string
 * ends; a NUL is there. */
char *evoke_json_quote(char *to, const char *text);
