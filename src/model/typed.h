/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"

/*
 * Typed functions: the inputs and outputs that function.yaml names become JSON Schemas, by which
 * requests and answers are checked and described.
 *
 *     {"inputs": {"name": {"type": "string", "required": true, "max": 80},
 *                 "page": {"type": "integer", "in": "query", "default": 1},
 *                 "tags": "list"},
 *      "outputs": {"greeting": "string"}, "outputs-strict": "refuse"}
 *
 * A field is its type, or an object with these keys: type (string, integer, number, boolean,
 * list or array, object, any; "string?" and nullable: true take null too), description,
 * required, default, min and max (of a number; of the length of a string or list), pattern,
 * enum, format, items (a field), properties (fields by name), additional (false: no other
 * properties), example, and, of an input, in: body, query, path or header.
 */

enum typed_place { TYPED_BODY, TYPED_QUERY, TYPED_PATH, TYPED_HEADER, TYPED_PLACES };
extern const char *const typed_places[TYPED_PLACES]; /* "body", "query", "path", "header" */

/* {"body": schema, "query": ..., "path": ..., "header": ..., "answer": schema, "strict": bool},
 * each schema an object's, as far as there are fields in it. NULL and a reason that begins with
 * the path of what is wrong ("inputs.name.min must be a number"). */
json_t *typed_schemas(const json_t *types, struct error *err);
