/* SPDX-License-Identifier: Apache-2.0 */
#include "source/due_heap.h"

#include "base/scoped.h"
#include "test.h"

#define COUNT 500

/* The same numbers each time. */
static unsigned next_number(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16 & 0x7fff;
}

TEST(nodes_come_out_by_time_whatever_was_moved_and_removed)
{
    static struct due_node nodes[COUNT];
    struct due_heap heap = {0};
    unsigned seed = 1;
    size_t out = 0;

    for (size_t i = 0; i < COUNT; i++)
        due_heap_put(&heap, &nodes[i], next_number(&seed) % 100);
    for (size_t i = 0; i < COUNT; i += 3)
        due_heap_put(&heap, &nodes[i], next_number(&seed) % 100);
    for (size_t i = 0; i < COUNT; i += 5) {
        due_heap_remove(&heap, &nodes[i]);
        due_heap_remove(&heap, &nodes[i]);
    }
    int64_t before = -1;
    for (struct due_node *first; (first = due_heap_first(&heap)); out++) {
        CHECK(first->at_ms >= before);
        before = first->at_ms;
        due_heap_remove(&heap, first);
    }
    CHECK(out == COUNT - COUNT / 5);
    due_heap_done(&heap);
}
