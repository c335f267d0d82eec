/* SPDX-License-Identifier: Apache-2.0 */
#include "store/event_index_priv.h"

#include "base/mem.h"
#include "base/scoped.h"
#include "test.h"

TEST(entries_are_found_until_they_are_removed)
{
    struct event_index index = {0};

    CHECK(!event_index_find(&index, 1));
    event_index_add(&index, 1)->body_len = 10;
    event_index_add(&index, 2)->body_len = 20;
    CHECK(event_index_add(&index, 1)->body_len == 10 && index.count == 2);
    event_index_remove(&index, event_index_find(&index, 1));
    CHECK(!event_index_find(&index, 1) && event_index_find(&index, 2)->body_len == 20);
    CHECK(!event_index_find(&index, 0) && index.count == 1);
    event_index_done(&index);
}

/* Compared with a plain array over a long mix of steps: ids rise, most go soon, some stay. */
TEST(it_agrees_with_an_array)
{
    enum { IDS = 20000 };
    scoped(free) bool *there = mem_zalloc(IDS);
    struct event_index index = {0};
    size_t count = 0;

    for (uint64_t id = 1; id < IDS; id++) {
        event_index_add(&index, id)->note_len = (uint32_t)id;
        there[id] = true;
        count++;
        uint64_t old = id * 7919 % id; /* any of those before */
        if (old && there[old] && old % 16) {
            event_index_remove(&index, event_index_find(&index, old));
            there[old] = false;
            count--;
        }
        CHECK(index.count == count);
    }
    for (uint64_t id = 1; id < IDS; id++) {
        const struct event_entry *entry = event_index_find(&index, id);
        CHECK_MSG(!!entry == there[id], "%d", (int)id);
        CHECK(!entry || entry->note_len == id);
    }
    scoped(free) uint64_t *ids = event_index_ids(&index);
    for (size_t i = 0, id = 1; i < count; i++, id++) {
        while (!there[id])
            id++;
        CHECK(ids[i] == id);
    }
    event_index_done(&index);
}

TEST(ids_that_share_a_slot_survive_each_others_removal)
{
    enum { COUNT = 40 };
    struct event_index index = {0};
    uint64_t step = UINT64_C(1) << 44; /* the hash of its multiples differs above the mask */

    for (uint64_t i = 1; i <= COUNT; i++)
        event_index_add(&index, i * step)->body_len = (uint32_t)i;
    for (uint64_t gone = 1; gone <= COUNT; gone += 2)
        event_index_remove(&index, event_index_find(&index, gone * step));
    for (uint64_t i = 1; i <= COUNT; i++) {
        const struct event_entry *entry = event_index_find(&index, i * step);
        CHECK(i % 2 ? !entry : entry && entry->body_len == i);
    }
    event_index_done(&index);
}
