/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/mem.h"

#define TABLE_MIN 16 /* slots; a power of two, as every capacity */

/* --- by id --- */

static size_t home_of(const struct message_table *table, uint64_t id)
{
    return (id * 0x9e3779b97f4a7c15u >> 32) & (table->capacity - 1);
}

static size_t find_slot(const struct message_table *table, uint64_t id)
{
    size_t slot = home_of(table, id);

    while (table->slots[slot] && table->slots[slot]->id != id)
        slot = (slot + 1) & (table->capacity - 1);
    return slot;
}

struct message *message_table_find(const struct message_table *table, uint64_t id)
{
    return table->count > 0 ? table->slots[find_slot(table, id)] : NULL;
}

static void resize(struct message_table *table, size_t capacity)
{
    struct message_table old = *table;

    table->capacity = capacity;
    table->slots = mem_zalloc(capacity * sizeof(struct message *));
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i])
            table->slots[find_slot(table, old.slots[i]->id)] = old.slots[i];
    free(old.slots);
}

void message_table_put(struct message_table *table, struct message *message)
{
    if (table->count * 4 >= table->capacity * 3)
        resize(table, table->capacity > 0 ? 2 * table->capacity : TABLE_MIN);
    size_t slot = find_slot(table, message->id);
    table->count += table->slots[slot] == NULL;
    table->slots[slot] = message;
}

/* What follows moves up, so that no search ends early. */
static void close_gap(struct message_table *table, size_t gap)
{
    size_t mask = table->capacity - 1;

    for (size_t slot = (gap + 1) & mask; table->slots[slot]; slot = (slot + 1) & mask) {
        size_t home = home_of(table, table->slots[slot]->id);
        if (((slot - home) & mask) < ((slot - gap) & mask))
            continue;
        table->slots[gap] = table->slots[slot];
        table->slots[slot] = NULL;
        gap = slot;
    }
}

void message_table_remove(struct message_table *table, struct message *message)
{
    if (table->count == 0)
        return;
    size_t slot = find_slot(table, message->id);
    if (!table->slots[slot])
        return;
    table->slots[slot] = NULL;
    table->count--;
    close_gap(table, slot);
    if (table->capacity > TABLE_MIN && table->count * 8 < table->capacity)
        resize(table, table->capacity / 2);
}

void message_table_done(struct message_table *table)
{
    free(table->slots);
    *table = (struct message_table){0};
}

/* --- by time --- */

static void place(struct message_heap *heap, size_t index, struct message *message)
{
    heap->items[index] = message;
    message->heap_index = (uint32_t)index;
}

static void sift_up(struct message_heap *heap, size_t index, struct message *message)
{
    while (index > 0 && heap->items[(index - 1) / 2]->due_ms > message->due_ms) {
        place(heap, index, heap->items[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(heap, index, message);
}

static void sift_down(struct message_heap *heap, size_t index, struct message *message)
{
    for (size_t child = 2 * index + 1; child < heap->count; child = 2 * index + 1) {
        if (child + 1 < heap->count && heap->items[child + 1]->due_ms < heap->items[child]->due_ms)
            child++;
        if (heap->items[child]->due_ms >= message->due_ms)
            break;
        place(heap, index, heap->items[child]);
        index = child;
    }
    place(heap, index, message);
}

void message_heap_push(struct message_heap *heap, struct message *message)
{
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity > 0 ? 2 * heap->capacity : 16;
        heap->items = mem_realloc(heap->items, heap->capacity * sizeof(struct message *));
    }
    sift_up(heap, heap->count++, message);
}

void message_heap_remove(struct message_heap *heap, struct message *message)
{
    size_t index = message->heap_index;
    struct message *last = heap->items[--heap->count];

    if (last == message)
        return;
    if (last->due_ms < message->due_ms)
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}

void message_heap_done(struct message_heap *heap)
{
    free(heap->items);
    *heap = (struct message_heap){0};
}
