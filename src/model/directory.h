/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "model/function.h"

/*
 * Which functions exist, as one loop sees it: each shard has a directory of its own, so
 * reading takes no lock. The control thread has the master; it sends each change to
 * every shard and a change is complete when all have acknowledged it.
 */
struct directory {
    struct map by_key;   /* function_key() -> const struct function *, counted */
    struct map by_url;   /* URL id -> the same functions, not counted */
    struct map by_route; /* exact path or "prefix/{+}" -> the same, not counted */
};

/* Takes a reference of its own, and lets go of the snapshot it replaces. */
void directory_put(struct directory *directory, const struct function *function);
void directory_remove(struct directory *directory, struct text key);
/* Borrowed until the directory changes: take a reference to keep it. */
const struct function *directory_find(const struct directory *directory, struct text account,
                                      struct text region, struct text name);
const struct function *directory_find_url(const struct directory *directory, struct text url_id);
/* The function whose route serves a path: its own path, else the longest that ends in a
 * {name+} and has at least one byte there. Of two with the same route the first by name. */
const struct function *directory_find_route(const struct directory *directory, struct text path);
void directory_done(struct directory *directory);
