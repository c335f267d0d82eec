/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "model/route_tree.h"

/*
 * Which function serves which requests, by the routes of their function.yaml: chosen as
 * route_tree.h says, "$default" after all others. A change costs what the function's routes are,
 * however many others there are. Of two functions with the same route the first by name has it,
 * and the other when that one is gone; deployments do not let it come to that. One thread's.
 */
struct function;
struct route_claim {
    const struct function *function; /* not counted */
    struct text key, method, path;   /* "GET /pets/{id}", and its parts; "$default" has neither */
    const struct text *names;        /* of the parameters, in the path's order */
    size_t name_count;
    struct route_claim *next; /* private: of a function that is later by name */
};
struct route_claims {
    struct route_tree tree;
    struct route_claim *fallback; /* of $default */
};

/* What is put is removed with the very same snapshot. */
void route_claims_put(struct route_claims *claims, const struct function *function);
void route_claims_remove(struct route_claims *claims, const struct function *function);
/* ERROR_CONFLICT when another function has one of its routes: names both. */
int route_claims_check(const struct route_claims *claims, const struct function *function,
                       struct error *err);
/* NULL: nobody's. */
const struct route_claim *route_claims_find(const struct route_claims *claims, struct text method,
                                            struct text path, struct route_match *ret);
/* After all that was put is removed. */
void route_claims_done(struct route_claims *claims);
