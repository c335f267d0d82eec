/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <endian.h>
#include <pthread.h>

#include "base/crypto.h"
#include "base/mem.h"

/*
 * Linear probing over a power of two of entries, at most three quarters used. A removed
 * entry stays as a tombstone (it counts as used) unless the next one is empty, so that
 * removing never moves entries and a cursor stays valid.
 */
#define CAPACITY_MIN 8

struct map_entry {
    uint64_t hash;
    char *key; /* NULL: empty; tombstone: removed */
    size_t len;
    void *value;
};

static char tombstone[1];

static bool is_live(const struct map_entry *entry)
{
    return entry->key && entry->key != tombstone;
}

static struct map_entry *find(const struct map *map, struct text key, uint64_t hash)
{
    if (map->capacity == 0)
        return NULL;
    for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
        struct map_entry *entry = &map->entries[i];
        if (!entry->key)
            return NULL;
        if (is_live(entry) && entry->hash == hash &&
            text_equal(text_from(entry->key, entry->len), key))
            return entry;
    }
}

void *map_find_hashed(const struct map *map, struct text key, uint64_t hash)
{
    const struct map_entry *entry = find(map, key, hash);

    return entry ? entry->value : NULL;
}

void *map_find(const struct map *map, struct text key)
{
    return map->count > 0 ? map_find_hashed(map, key, map_hash(key)) : NULL;
}

static struct map_entry *free_entry(const struct map *map, uint64_t hash)
{
    size_t i = hash & (map->capacity - 1);

    while (is_live(&map->entries[i]))
        i = (i + 1) & (map->capacity - 1);
    return &map->entries[i];
}

/* Leaves tombstones behind; grows only when it is the living that fill the map. */
static void rebuild(struct map *map)
{
    struct map old = *map;

    if (old.capacity == 0)
        map->capacity = CAPACITY_MIN;
    else if (old.count >= old.capacity / 2)
        map->capacity = old.capacity * 2;
    map->entries = mem_zalloc(map->capacity * sizeof *map->entries);
    map->used = old.count;
    for (size_t i = 0; i < old.capacity; i++)
        if (is_live(&old.entries[i]))
            *free_entry(map, old.entries[i].hash) = old.entries[i];
    free(old.entries);
}

void *map_put(struct map *map, struct text key, void *value)
{
    uint64_t hash = map_hash(key);
    struct map_entry *entry = find(map, key, hash);

    assert(value);
    if (entry) {
        void *before = entry->value;
        entry->value = value;
        return before;
    }
    if (map->used >= map->capacity / 4 * 3)
        rebuild(map);
    entry = free_entry(map, hash);
    map->used += entry->key != tombstone;
    map->count++;
    *entry = (struct map_entry){hash, text_dup(key), key.len, value};
    return NULL;
}

/* Tombstones that end a run of entries are of no use to any search. */
static void drop_tombstones(struct map *map, size_t i)
{
    size_t mask = map->capacity - 1;

    if (map->entries[(i + 1) & mask].key)
        return;
    for (; map->entries[i].key == tombstone; i = (i - 1) & mask) {
        map->entries[i].key = NULL;
        map->used--;
    }
}

void *map_remove(struct map *map, struct text key)
{
    struct map_entry *entry = find(map, key, map_hash(key));

    if (!entry)
        return NULL;
    void *value = entry->value;
    free(entry->key);
    *entry = (struct map_entry){.key = tombstone};
    map->count--;
    drop_tombstones(map, (size_t)(entry - map->entries));
    return value;
}

bool map_next(const struct map *map, struct map_cursor *cursor)
{
    while (cursor->index < map->capacity) {
        const struct map_entry *entry = &map->entries[cursor->index++];
        if (is_live(entry)) {
            cursor->key = text_from(entry->key, entry->len);
            cursor->value = entry->value;
            return true;
        }
    }
    return false;
}

void map_done(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        if (is_live(&map->entries[i]))
            free(map->entries[i].key);
    free(map->entries);
    *map = (struct map){0};
}

/* SipHash-1-3: https://www.aumasson.jp/siphash/siphash.pdf with one compression and three
 * finalisation rounds, as the hash tables of Rust and Ruby use it. */
struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->a += s->b;
    s->b = rotate(s->b, 13) ^ s->a;
    s->a = rotate(s->a, 32);
    s->c += s->d;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

static inline void sip_add(struct sip *s, uint64_t word)
{
    s->d ^= word;
    sip_round(s);
    s->a ^= word;
}

uint64_t map_hash_keyed(struct text key, const uint64_t seed[static 2])
{
    struct sip s = {seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
                    seed[0] ^ UINT64_C(0x6c7967656e657261), seed[1] ^ UINT64_C(0x7465646279746573)};
    size_t whole = key.len & ~(size_t)7;
    uint64_t word, last = (uint64_t)key.len << 56;

    for (size_t i = 0; i < whole; i += sizeof word) {
        memcpy(&word, key.at + i, sizeof word);
        sip_add(&s, le64toh(word));
    }
    for (size_t i = whole; i < key.len; i++)
        last |= (uint64_t)(uint8_t)key.at[i] << 8 * (i - whole);
    sip_add(&s, last);

    s.c ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

static uint64_t process_seed[2];
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    crypto_random(process_seed, sizeof process_seed);
}

uint64_t map_hash(struct text key)
{
    pthread_once(&seeded, make_seed);
    return map_hash_keyed(key, process_seed);
}
