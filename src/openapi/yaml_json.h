/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/* YAML documents as JSON values, and back. */

#define YAML_DEPTH_MAX 128
#define YAML_NODES_MAX 2000000 /* values and keys, each alias counted with all it stands for */

/* One document. Plain scalars have the types of YAML 1.2's core schema ("yes" is a text), keys
 * are texts. NULL and *err, with line and column, when it is not YAML, has a key twice, uses
 * tags or merge keys, or goes beyond the limits. */
json_t *yaml_parse(struct text source, struct error *err);

/* Appends the document in block style; what is a text is in quotes, so that no reader takes
 * it for something else. */
void yaml_write(const json_t *json, struct buffer *out);
