/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

/*
 * Routes by method and path, as API Gateway's HTTP APIs choose among them: a route whose
 * every segment fits beats one that ends in {name+}; of those the one with more segments
 * spelt out, then (of greedy ones) the deeper, then one that names the method before ANY.
 * "{name}" stands for one segment that is not empty, "{name+}" for all that is left, at
 * least one byte of it. Finding costs by the segments of the path, not by the number of
 * routes. A tree is one thread's, or is not changed any more.
 */
struct route_node;
struct route_tree {
    struct route_node *root;
    size_t count;
};

#define ROUTE_PARAMETERS_MAX 32
#define ROUTE_SEGMENTS_MAX 64
#define ROUTE_ANY TEXT("ANY") /* the method that stands for all */

/* Whether it is a path that route_tree_put() takes: starts with "/", whole segments in braces
 * with a name of letters, digits and "_.-", each name once, "+" in the last segment only,
 * no "?" or "#". */
int route_path_check(struct text path, struct error *err);
/* The name of the parameter a segment is ("{id}", "{proxy+}"), TEXT_NONE of a literal one. */
struct text route_parameter(struct text segment, bool *ret_is_greedy);

/* What was there before, or NULL. path has passed the check; value is not NULL. */
void *route_tree_put(struct route_tree *tree, struct text method, struct text path, void *value);
void *route_tree_remove(struct route_tree *tree, struct text method, struct text path);
/* The value of exactly that method and path, whatever its parameters are called; or NULL. */
void *route_tree_at(const struct route_tree *tree, struct text method, struct text path);
void route_tree_done(struct route_tree *tree); /* values are not the tree's */

struct route_match {
    void *value;
    size_t count;                            /* of the parameters, in the path's order */
    struct text values[ROUTE_PARAMETERS_MAX]; /* within the path */
};
bool route_tree_find(const struct route_tree *tree, struct text method, struct text path,
                     struct route_match *ret);
