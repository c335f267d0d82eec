/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_priv.h"

#include "base/mem.h"
#include "test.h"

#define MANY 5000

/* The same numbers in every run. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

TEST(the_table_finds_what_is_in_it_and_nothing_else)
{
    struct message_table table = {0};
    struct message *messages = mem_zalloc(MANY * sizeof *messages);
    bool *present = mem_zalloc(MANY);
    uint32_t seed = 1;

    for (size_t i = 0; i < MANY; i++)
        messages[i].id = i * 3 + 1;
    for (int round = 0; round < 40000; round++) {
        size_t i = next_random(&seed) % MANY;
        if (present[i])
            message_table_remove(&table, &messages[i]);
        else
            message_table_put(&table, &messages[i]);
        present[i] = !present[i];
    }
    size_t count = 0;
    for (size_t i = 0; i < MANY; i++) {
        struct message *found = message_table_find(&table, messages[i].id);
        CHECK(found == (present[i] ? &messages[i] : NULL));
        CHECK(!message_table_find(&table, messages[i].id + 1));
        count += present[i];
    }
    CHECK(table.count == count && table.capacity < 8 * MANY);
    message_table_done(&table);
    free(messages);
    free(present);
}

TEST(the_heap_gives_the_earliest_first_whatever_is_taken_out)
{
    struct message_heap heap = {0};
    struct message *messages = mem_zalloc(MANY * sizeof *messages);
    uint32_t seed = 7;
    int64_t last = 0;
    size_t left = MANY;

    for (size_t i = 0; i < MANY; i++) {
        messages[i].due_ms = next_random(&seed) % 1000;
        message_heap_push(&heap, &messages[i]);
    }
    for (size_t i = 0; i < MANY; i += 3, left--)
        message_heap_remove(&heap, &messages[i]);
    CHECK(heap.count == left);
    while (heap.count > 0) {
        struct message *first = heap.items[0];
        CHECK(first->due_ms >= last && (first - messages) % 3 != 0);
        last = first->due_ms;
        message_heap_remove(&heap, first);
        left--;
    }
    CHECK(left == 0);
    message_heap_done(&heap);
    free(messages);
}
