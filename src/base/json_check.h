/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"

/*
 * Whether a text is one JSON value in UTF-8, found by one pass without building it. When it
 * is not, why is appended in the words of AWS's parser (Jackson), with the place:
 *
 *     Unexpected character ('}' (code 125)): expected a value
 *      at [Source: (byte[])"{"a":}"; line: 1, column: 6]
 */
bool json_check(struct text source, struct buffer *why);

/* The same for a text within a request, whose place is all AWS tells:
 *
 *     [Source: (String)"{'a'}"; line: 1, column: 3]
 *
 * With many, one value or several, one after the other. */
bool json_check_text(struct text source, bool many, struct buffer *where);
