/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"

struct call;

/* Whether a JSON object is a guard: known keys, and values that are right. -1 and the key that
 * is wrong, and why. */
int apigateway_check_guard(struct call *call, const json_t *guard, struct error *err);
