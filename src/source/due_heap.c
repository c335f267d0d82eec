/* SPDX-License-Identifier: Apache-2.0 */
#include "source/due_heap.h"

#include "base/mem.h"

static void place(struct due_heap *heap, size_t at, struct due_node *node)
{
    heap->nodes[at - 1] = node;
    node->place = at;
}

static struct due_node *node_at(const struct due_heap *heap, size_t at)
{
    return heap->nodes[at - 1];
}

static void rise(struct due_heap *heap, struct due_node *node, size_t at)
{
    while (at > 1 && node->at_ms < node_at(heap, at / 2)->at_ms) {
        place(heap, at, node_at(heap, at / 2));
        at /= 2;
    }
    place(heap, at, node);
}

static void sink(struct due_heap *heap, struct due_node *node, size_t at)
{
    for (;;) {
        size_t child = 2 * at;
        if (child > heap->count)
            break;
        if (child < heap->count && node_at(heap, child + 1)->at_ms < node_at(heap, child)->at_ms)
            child++;
        if (node->at_ms <= node_at(heap, child)->at_ms)
            break;
        place(heap, at, node_at(heap, child));
        at = child;
    }
    place(heap, at, node);
}

void due_heap_put(struct due_heap *heap, struct due_node *node, int64_t at_ms)
{
    due_heap_remove(heap, node);
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity ? 2 * heap->capacity : 64;
        heap->nodes = mem_realloc(heap->nodes, heap->capacity * sizeof(struct due_node *));
    }
    node->at_ms = at_ms;
    rise(heap, node, ++heap->count);
}

void due_heap_remove(struct due_heap *heap, struct due_node *node)
{
    size_t at = node->place;

    if (at == 0)
        return;
    node->place = 0;
    struct due_node *last = node_at(heap, heap->count--);
    if (last == node)
        return;
    if (at > 1 && last->at_ms < node_at(heap, at / 2)->at_ms)
        rise(heap, last, at);
    else
        sink(heap, last, at);
}

struct due_node *due_heap_first(const struct due_heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

void due_heap_done(struct due_heap *heap)
{
    free(heap->nodes);
    *heap = (struct due_heap){0};
}
