/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "base/buffer.h"

void output_buffer(FILE *to, const struct buffer *text);
/* What a function logged: runtimes write a line break within one message as '\r', which
 * would have a terminal overwrite the line. */
void output_log(FILE *to, struct text lines);
void output_json(const json_t *json); /* on stdout, indented, a newline behind it */
