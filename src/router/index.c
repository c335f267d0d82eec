/* SPDX-License-Identifier: Apache-2.0 */
#include "router/index.h"

#include "base/mem.h"
#include "router/matcher.h"
#include "router/pattern.h"

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Up to 8, all that there are, in one word; bytes may be in it twice. */
static inline uint64_t last_bytes(struct text text)
{
    uint32_t first, last;
    uint64_t word;

    if (text.len >= 8) {
        memcpy(&word, text.at + text.len - 8, 8);
        return word;
    }
    if (text.len >= 4) {
        memcpy(&first, text.at, 4);
        memcpy(&last, text.at + text.len - 4, 4);
        return (uint64_t)last << 32 | first;
    }
    if (text.len == 0)
        return 0;
    return (uint64_t)(unsigned char)text.at[0] |
           (uint64_t)(unsigned char)text.at[text.len / 2] << 8 |
           (uint64_t)(unsigned char)text.at[text.len - 1] << 16;
}

/* A keyed hash of the multiply-and-fold family: the seed is random, so that nobody outside
 * can choose texts that collide. */
static uint64_t hash_bytes(uint64_t state, struct text text)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    const char *at = text.at;
    uint64_t word = 0;

    for (size_t left = text.len; left > 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        state = mix(state ^ word, odd);
    }
    return mix(state ^ last_bytes(text), odd ^ state ^ text.len);
}

uint64_t index_hash(uint64_t seed, uint32_t field, unsigned kind, struct text text)
{
    return hash_bytes(seed ^ ((uint64_t)field << 8 | kind) * UINT64_C(0xd6e8feb86659fd93), text);
}

uint64_t index_name_hash(uint64_t seed, struct text name)
{
    return hash_bytes(~seed, name);
}

/* Short ones without a look at where the needle's text is. */
static bool same_text(const struct index_needle *needle, struct text text)
{
    char head[sizeof needle->head] = {0};

    if (text.len > sizeof head)
        return memcmp(needle->at, text.at, text.len) == 0;
    if (text.len > 0)
        memcpy(head, text.at, text.len);
    return memcmp(head, needle->head, sizeof head) == 0;
}

uint64_t index_filter_bits(uint64_t hash)
{
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) |
           UINT64_C(1) << (hash >> 58);
}

const struct index_needle *index_find_needle(const struct index *index, uint32_t field,
                                             enum needle_kind kind, struct text text)
{
    uint64_t hash = index_hash(index->seed, field, kind, text);
    uint64_t bits = index_filter_bits(hash);

    /* In no cache when needles are many: not after the filter, which may be in none either. */
    __builtin_prefetch(&index->needles[hash >> 12 & index->needle_mask]);
    if ((index->filter[hash >> 32 & index->filter_mask] & bits) != bits)
        return NULL;
    for (uint64_t i = hash >> 12;; i++) {
        const struct index_needle *needle = &index->needles[i & index->needle_mask];
        if (!needle->is_there)
            return NULL;
        if (needle->hash == hash && needle->field == field && needle->kind == kind &&
            needle->len == text.len && same_text(needle, text))
            return needle;
    }
}

uint32_t index_find_rule(const struct index *index, uint64_t id)
{
    uint32_t low = 0, high = index->rule_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->rules[index->by_id[middle]].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->rule_count || index->rules[index->by_id[low]].id != id)
        return INDEX_NONE;
    return index->by_id[low];
}

struct index *index_ref(struct index *index)
{
    atomic_fetch_add_explicit(&index->references, 1, memory_order_relaxed);
    return index;
}

void index_unref(struct index *index)
{
    if (!index || atomic_fetch_sub_explicit(&index->references, 1, memory_order_acq_rel) != 1)
        return;
    void *const arrays[] = {index->nodes,
                            index->pairs,
                            index->children,
                            index->child_slots,
                            index->fields,
                            index->needles,
                            index->filter,
                            index->targets,
                            index->ranges,
                            index->atoms,
                            index->conditions,
                            index->clauses,
                            index->lengths,
                            index->buts,
                            index->atom_conditions,
                            index->condition_clauses,
                            index->clause_conditions,
                            index->always,
                            index->by_id};
    for (size_t i = 0; i < COUNT_OF(arrays); i++)
        free(arrays[i]);
    for (uint32_t i = 0; i < index->rule_count; i++)
        pattern_unref(index->rules[i].pattern);
    free(index->rules);
    arena_done(&index->arena);
    free(index);
}
