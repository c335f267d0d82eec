/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/scoped.h"
#include "test.h"

static struct text key_of(int number, char out[16])
{
    int len = snprintf(out, 16, "key-%d", number);
    return text_from(out, (size_t)len);
}

TEST(an_empty_map_finds_nothing)
{
    struct map map = {0};
    struct map_cursor cursor = {0};
    CHECK(map_find(&map, TEXT("a")) == NULL);
    CHECK(map_find_hashed(&map, TEXT("a"), map_hash(TEXT("a"))) == NULL);
    CHECK(map_remove(&map, TEXT("a")) == NULL);
    CHECK(!map_next(&map, &cursor));
    map_done(&map);
}

TEST(put_returns_what_was_there)
{
    struct map map = {0};
    int a, b;
    CHECK(map_put(&map, TEXT("k"), &a) == NULL);
    CHECK(map_find(&map, TEXT("k")) == &a);
    CHECK(map_put(&map, TEXT("k"), &b) == &a);
    CHECK(map_find(&map, TEXT("k")) == &b);
    CHECK(map_find_hashed(&map, TEXT("k"), map_hash(TEXT("k"))) == &b);
    CHECK(map_find_hashed(&map, TEXT("l"), map_hash(TEXT("l"))) == NULL);
    CHECK(map.count == 1);
    CHECK(map_remove(&map, TEXT("k")) == &b);
    CHECK(map_find(&map, TEXT("k")) == NULL);
    CHECK(map.count == 0);
    map_done(&map);
}

TEST(keys_are_copied_and_may_hold_anything)
{
    struct map map = {0};
    int a, b, c;
    char key[] = "temporary";
    map_put(&map, text_of(key), &a);
    memset(key, 'x', sizeof key - 1);
    map_put(&map, TEXT(""), &b);
    map_put(&map, TEXT("a\0b"), &c);
    CHECK(map_find(&map, TEXT("temporary")) == &a);
    CHECK(map_find(&map, TEXT_NONE) == &b);
    CHECK(map_find(&map, TEXT("a\0b")) == &c);
    CHECK(map_find(&map, TEXT("a\0c")) == NULL);
    CHECK(map_find(&map, TEXT("a")) == NULL);
    map_done(&map);
}

TEST(many_keys_come_and_go)
{
    enum { COUNT = 5000 };
    static int values[COUNT];
    struct map map = {0};
    char key[16];

    for (int i = 0; i < COUNT; i++)
        CHECK(map_put(&map, key_of(i, key), &values[i]) == NULL);
    for (int i = 0; i < COUNT; i += 2)
        CHECK(map_remove(&map, key_of(i, key)) == &values[i]);
    CHECK(map.count == COUNT / 2);
    for (int i = 0; i < COUNT; i++)
        CHECK(map_find(&map, key_of(i, key)) == (i % 2 ? &values[i] : NULL));
    for (int i = 0; i < COUNT; i += 2)
        CHECK(map_put(&map, key_of(i, key), &values[i]) == NULL);
    for (int i = 0; i < COUNT; i++)
        CHECK(map_find(&map, key_of(i, key)) == &values[i]);
    map_done(&map);
}

TEST(coming_and_going_does_not_grow_the_map)
{
    struct map map = {0};
    char key[16];
    int value;
    for (int i = 0; i < 20000; i++) {
        map_put(&map, key_of(i, key), &value);
        if (i >= 10)
            CHECK(map_remove(&map, key_of(i - 10, key)) == &value);
    }
    CHECK(map.count == 10);
    CHECK_MSG(map.capacity <= 64, "capacity %zu", map.capacity);
    map_done(&map);
}

TEST(iterating_meets_each_key_once_and_may_remove_it)
{
    enum { COUNT = 300 };
    static int seen[COUNT];
    struct map map = {0};
    char key[16];
    for (int i = 0; i < COUNT; i++)
        map_put(&map, key_of(i, key), &seen[i]);

    struct map_cursor cursor = {0};
    while (map_next(&map, &cursor)) {
        int *counter = cursor.value;
        ++*counter;
        if ((counter - seen) % 3 == 0)
            CHECK(map_remove(&map, cursor.key) == counter);
    }
    for (int i = 0; i < COUNT; i++)
        CHECK_MSG(seen[i] == 1, "key %d met %d times", i, seen[i]);
    CHECK(map.count == COUNT - COUNT / 3);
    map_done(&map);
}

/* Key 00..0f, message 00 01 02 ...: the first vectors of SipHash-1-3, as in the test
 * suites of other implementations. */
TEST(the_hash_is_siphash_1_3)
{
    static const uint64_t seed[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    static const uint64_t hashes[] = {
        UINT64_C(0xabac0158050fc4dc), UINT64_C(0xc9f49bf37d57ca93), UINT64_C(0x82cb9b024dc7d44d),
        UINT64_C(0x8bf80ab8e7ddf7fb), UINT64_C(0xcf75576088d38328), UINT64_C(0xdef9d52f49533b67),
        UINT64_C(0xc50d2b50c59f22a7), UINT64_C(0xd3927d989bb11140), UINT64_C(0x369095118d299a8e),
    };
    uint8_t message[COUNT_OF(hashes)];
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        message[i] = (uint8_t)i;
        uint64_t hash = map_hash_keyed(text_from(message, i), seed);
        CHECK_MSG(hash == hashes[i], "length %zu: %016llx", i, (unsigned long long)hash);
    }
}

TEST(the_hash_stays_the_same_within_a_process)
{
    CHECK(map_hash(TEXT("a")) == map_hash(TEXT("a")));
    CHECK(map_hash(TEXT("a")) != map_hash(TEXT("b")));
    static const uint64_t zero[2];
    CHECK(map_hash(TEXT("a")) != map_hash_keyed(TEXT("a"), zero));
}
