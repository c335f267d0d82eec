/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"

/* Appends text as one word of a POSIX shell: as it is when it needs no quotes, else in
 * single quotes. */
void quote_shell(struct buffer *out, struct text text);
