/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"

/*
 * What a route of an HTTP API answers to: "$default", or a method and a path with one blank
 * between them, "GET /pets/{id}". A name in braces stands for one whole segment, "{name+}" at
 * the end for one or more.
 */
#define ROUTE_KEY_DEFAULT "$default"
#define ROUTE_KEY_MAX 512 /* bytes */

/* -1 and what is wrong with it, in AWS's words where they are known. */
int route_key_check(struct text key, struct error *err);

bool route_key_is_method(struct text method); /* one an HTTP API knows, or ANY */

/* The next "{name}" or "{name+}" of a path, without the braces and the plus. */
bool route_key_next_parameter(struct text *rest, struct text *ret_name, bool *ret_greedy);
