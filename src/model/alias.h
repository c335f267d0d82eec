/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "model/function.h"

/*
 * The aliases of a function: names for a version, or for two that share the invocations. They
 * lie in the function's snapshot, by name.
 */

/* Of one that is all zeros. */
void alias_copy(struct alias *copy, const struct alias *alias);
void alias_done(struct alias *alias);

const struct alias *alias_find(const struct function *function, struct text name);
/* The same to be changed, or a new one without a version. Borrowed until the next call of this
 * or of alias_remove(). */
struct alias *alias_put(struct function *function, struct text name);
void alias_remove(struct function *function, struct text name);

/* The alias that needs the version of that number, or NULL. */
const struct alias *alias_of_version(const struct function *function, struct text number);

/* The URL of the function (an empty qualifier) or of an alias. NULL: there is no such alias. A
 * URL without an id is none. */
const struct function_url *alias_url(const struct function *function, struct text qualifier);
/* The URL with that id and whose it is: an alias's name, borrowed, or empty. NULL: none. */
const struct function_url *alias_of_url(const struct function *function, struct text id,
                                        struct text *ret_qualifier);

/* The version that an invocation with this qualifier goes to, or NULL: by the weights of an
 * alias, and else function_version(). Any thread. */
const struct version *alias_route(const struct function *function, struct text qualifier);
