/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "model/function.h"
#include "model/route_claims.h"

/*
 * Which functions exist, as one loop sees it: each shard has a directory of its own, so
 * reading takes no lock. The control thread has the master; it sends each change to
 * every shard and a change is complete when all have acknowledged it.
 */
struct directory {
    struct map by_key;          /* function_key() -> const struct function *, counted */
    struct map by_url;          /* URL id, also of aliases -> the same functions, not counted */
    struct route_claims routes; /* of function.yaml */
};

/* Takes a reference of its own, and lets go of the snapshot it replaces. */
void directory_put(struct directory *directory, const struct function *function);
void directory_remove(struct directory *directory, struct text key);
/* Borrowed until the directory changes: take a reference to keep it. */
const struct function *directory_find(const struct directory *directory, struct text account,
                                      struct text region, struct text name);
/* The same by function_key() and its map_hash(). */
const struct function *directory_find_key(const struct directory *directory, struct text key,
                                          uint64_t hash);
const struct function *directory_find_url(const struct directory *directory, struct text url_id);
void directory_done(struct directory *directory);
