/* SPDX-License-Identifier: Apache-2.0 */
#include "base/word.h"

#include "base/scoped.h"
#include "test.h"

/* Where the first such byte stands; WORD_BYTES: nowhere. */
static unsigned first_below(const char *at, uint8_t limit)
{
    unsigned i = 0;
    while (i < WORD_BYTES && (uint8_t)at[i] >= limit)
        i++;
    return i;
}

static unsigned first_equal(const char *at, char byte)
{
    unsigned i = 0;
    while (i < WORD_BYTES && at[i] != byte)
        i++;
    return i;
}

static unsigned first_beyond_ascii(const char *at)
{
    unsigned i = 0;
    while (i < WORD_BYTES && (uint8_t)at[i] < 0x80)
        i++;
    return i;
}

static unsigned first(uint64_t marks)
{
    return marks ? word_first(marks) : WORD_BYTES;
}

static void assert_marks(const char *at)
{
    static const uint8_t limits[] = {1, 0x20, 0x7f, 0x80};
    static const char bytes[] = {0, 1, '"', '\\', 0x7f, (char)0x80, (char)0xff};
    uint64_t word = word_load(at);

    for (size_t i = 0; i < COUNT_OF(limits); i++)
        CHECK(first(word_below(word, limits[i])) == first_below(at, limits[i]));
    for (size_t i = 0; i < COUNT_OF(bytes); i++)
        CHECK(first(word_equal(word, (uint8_t)bytes[i])) == first_equal(at, bytes[i]));
    CHECK(first(word_beyond_ascii(word)) == first_beyond_ascii(at));
}

/* Each byte at each place, among neighbours that a borrow could change. */
TEST(each_byte_is_found_at_each_place_among_any_neighbours)
{
    static const char around[] = {0, 1, 0x1f, 0x20, 'a', 0x7f, (char)0x80, (char)0xff};

    for (size_t k = 0; k < COUNT_OF(around); k++)
        for (size_t place = 0; place < WORD_BYTES; place++)
            for (int byte = 0; byte < 256; byte++) {
                char text[WORD_BYTES];
                memset(text, around[k], sizeof text);
                text[place] = (char)byte;
                assert_marks(text);
            }
}

TEST(random_words_have_their_first_mark_where_it_is)
{
    uint64_t seed = 1;

    for (int i = 0; i < 100000; i++) {
        char text[WORD_BYTES];
        for (size_t k = 0; k < sizeof text; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[k] = (char)(seed >> 56);
        }
        assert_marks(text);
    }
}
