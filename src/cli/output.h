/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "base/buffer.h"

void output_buffer(FILE *to, const struct buffer *text);
void output_json(const json_t *json); /* on stdout, indented, a newline behind it */
