/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Things by the time they are due, the earliest first. Embedded in the thing; {0} is not in a
 * heap. */
struct due_node {
    int64_t at_ms;
    size_t place; /* private: in the heap, from 1 */
};

struct due_heap {
    struct due_node **nodes;
    size_t count, capacity;
};

/* Moves it when it is there already. */
void due_heap_put(struct due_heap *heap, struct due_node *node, int64_t at_ms);
void due_heap_remove(struct due_heap *heap, struct due_node *node); /* no-op when out */
struct due_node *due_heap_first(const struct due_heap *heap);       /* NULL when empty */
void due_heap_done(struct due_heap *heap);
