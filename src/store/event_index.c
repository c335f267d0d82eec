/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_index_priv.h"

#include "base/mem.h"

/*
 * Open addressing with linear probing. Ids are consecutive numbers of our own, which one
 * multiplication spreads evenly. Removal moves entries back into the hole, so that there are
 * no tombstones and the table never has to be cleaned.
 */
#define CAPACITY_MIN 64 /* a power of two, as all capacities */

static size_t slot_of(const struct event_index *index, uint64_t id)
{
    return (size_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (index->capacity - 1);
}

void event_index_done(struct event_index *index)
{
    free(index->entries);
    *index = (struct event_index){0};
}

/* The entry that has the id, or the free one where it would be. */
static struct event_entry *probe(const struct event_index *index, uint64_t id)
{
    size_t i = slot_of(index, id);

    while (index->entries[i].id && index->entries[i].id != id)
        i = (i + 1) & (index->capacity - 1);
    return &index->entries[i];
}

struct event_entry *event_index_find(const struct event_index *index, uint64_t id)
{
    struct event_entry *entry = index->count ? probe(index, id) : NULL;

    return entry && entry->id ? entry : NULL;
}

static void grow(struct event_index *index)
{
    struct event_index old = *index;

    index->capacity = old.capacity ? old.capacity * 2 : CAPACITY_MIN;
    index->entries = mem_zalloc(index->capacity * sizeof *index->entries);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].id)
            *probe(index, old.entries[i].id) = old.entries[i];
    free(old.entries);
}

struct event_entry *event_index_add(struct event_index *index, uint64_t id)
{
    struct event_entry *entry = event_index_find(index, id);

    if (entry)
        return entry;
    if (index->count >= index->capacity - index->capacity / 8)
        grow(index);
    entry = probe(index, id);
    *entry = (struct event_entry){.id = id};
    index->count++;
    return entry;
}

/* An entry behind the hole may fill it when its own slot is not between the two. */
void event_index_remove(struct event_index *index, struct event_entry *entry)
{
    size_t mask = index->capacity - 1, hole = (size_t)(entry - index->entries);

    for (size_t i = (hole + 1) & mask; index->entries[i].id; i = (i + 1) & mask) {
        size_t slot = slot_of(index, index->entries[i].id);
        if (((i - slot) & mask) < ((i - hole) & mask))
            continue;
        index->entries[hole] = index->entries[i];
        hole = i;
    }
    index->entries[hole] = (struct event_entry){0};
    index->count--;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

uint64_t *event_index_ids(const struct event_index *index)
{
    uint64_t *ids = mem_alloc((index->count + 1) * sizeof *ids);
    size_t count = 0;

    for (size_t i = 0; i < index->capacity; i++)
        if (index->entries[i].id)
            ids[count++] = index->entries[i].id;
    qsort(ids, count, sizeof *ids, compare_ids);
    return ids;
}
