/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "test.h"

TEST(allocations_are_aligned_and_apart)
{
    scoped(arena_done) struct arena arena = {0};
    char *before = NULL;
    for (size_t size = 0; size < 5000; size += 37) {
        char *at = arena_alloc(&arena, size);
        CHECK((uintptr_t)at % 16 == 0);
        CHECK(at != before);
        memset(at, 0xAB, size);
        before = at;
    }
}

TEST(zeroed_memory_is_zero_after_a_reset_too)
{
    scoped(arena_done) struct arena arena = {0};
    memset(arena_alloc(&arena, 512), 0xFF, 512);
    arena_reset(&arena);
    const char *at = arena_zalloc(&arena, 512);
    for (int i = 0; i < 512; i++)
        CHECK(at[i] == 0);
}

TEST(a_large_allocation_leaves_the_block_in_use)
{
    scoped(arena_done) struct arena arena = {0};
    char *first = arena_alloc(&arena, 16);
    memset(arena_alloc(&arena, 1 << 20), 1, 1 << 20);
    char *second = arena_alloc(&arena, 16);
    CHECK(second == first + 16);
}

TEST(a_reset_keeps_one_block)
{
    scoped(arena_done) struct arena arena = {0};
    memset(arena_alloc(&arena, 100000), 1, 100000);
    for (int i = 0; i < 100; i++)
        memset(arena_alloc(&arena, 1000), 1, 1000);
    arena_reset(&arena);
    char *first = arena_alloc(&arena, 1000);
    arena_reset(&arena);
    CHECK(arena_alloc(&arena, 1000) == first);
    arena_done(&arena);
    CHECK(arena.blocks == NULL);
    arena_reset(&arena);
    CHECK(arena.blocks == NULL);
}

TEST(joined_parts_stand_one_behind_the_other)
{
    scoped(arena_done) struct arena arena = {0};
    const struct text parts[] = {TEXT("GET"), TEXT_NONE, TEXT(""), TEXT("/pets")};
    struct text joined = arena_join(&arena, parts, COUNT_OF(parts));

    CHECK_TEXT(joined, "GET/pets");
    CHECK(joined.at[joined.len] == '\0');
    CHECK_TEXT(arena_join(&arena, parts, 0), "");
}

TEST(copies_end_with_a_nul)
{
    scoped(arena_done) struct arena arena = {0};
    struct text copy = arena_copy(&arena, text_slice(TEXT("hello"), 0, 4));
    CHECK_TEXT(copy, "hell");
    CHECK(copy.at[4] == '\0');
    CHECK(strcmp(arena_string(&arena, TEXT("a")), "a") == 0);
    CHECK(strcmp(arena_string(&arena, TEXT_NONE), "") == 0);
    CHECK(!text_is_set(arena_copy(&arena, TEXT_NONE)));
    CHECK(text_is_set(arena_copy(&arena, TEXT(""))));
}

TEST(formats_of_any_length_fit)
{
    scoped(arena_done) struct arena arena = {0};
    for (int width = 1; width < 20000; width += 997) {
        char *string = arena_format(&arena, "%0*d|", width, 7);
        CHECK(strlen(string) == (size_t)width + 1);
        CHECK(string[width] == '|');
        CHECK(string[width - 1] == '7');
        CHECK((uintptr_t)arena_alloc(&arena, 1) % 16 == 0);
    }
    char *a = arena_format(&arena, "%s", "a"), *b = arena_format(&arena, "%s", "b");
    CHECK(strcmp(a, "a") == 0 && strcmp(b, "b") == 0);
}
