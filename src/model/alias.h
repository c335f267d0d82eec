/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "model/function.h"

/*
 * The aliases of a function: names for a version, or for two that share the invocations. They
 * lie in the function's snapshot, by name.
 */

const struct alias *alias_find(const struct function *function, struct text name);
/* The same to be changed, or a new one without a version. Borrowed until the next call of this
 * or of alias_remove(). */
struct alias *alias_put(struct function *function, struct text name);
void alias_remove(struct function *function, struct text name);

/* The alias that needs the version of that number, or NULL. */
const struct alias *alias_of_version(const struct function *function, struct text number);

/* The version that an invocation with this qualifier goes to, or NULL: by the weights of an
 * alias, and else function_version(). Any thread. */
const struct version *alias_route(const struct function *function, struct text qualifier);
