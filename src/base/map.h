/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * A hash map from text to pointer, single-threaded, open addressing with a seeded
 * hash (SipHash-1-3 with a per-process random key, so that outsiders cannot choose
 * collisions). The map copies its keys and borrows its values. {0} is an empty map.
 */
struct map {
    struct map_entry *entries;
    size_t count, capacity, used;
};

void *map_find(const struct map *map, struct text key); /* NULL when absent */
/* The same for who asks again and again: hash is map_hash(key). */
void *map_find_hashed(const struct map *map, struct text key, uint64_t hash);
/* Returns the value that was there before, or NULL. value must not be NULL. */
void *map_put(struct map *map, struct text key, void *value);
void *map_remove(struct map *map, struct text key); /* the value, or NULL */

/* Iterates in no particular order; map_remove of the current key is allowed:
 *     struct map_cursor c = {0};
 *     while (map_next(&map, &c)) use(c.key, c.value);                              */
struct map_cursor {
    size_t index; /* private */
    struct text key;
    void *value;
};
bool map_next(const struct map *map, struct map_cursor *cursor);
void map_done(struct map *map); /* keys only; values are not the map's */

/* The hash used; for sharding. */
uint64_t map_hash(struct text key);
/* The same with a key of the caller's: plain SipHash-1-3. */
uint64_t map_hash_keyed(struct text key, const uint64_t seed[static 2]);
