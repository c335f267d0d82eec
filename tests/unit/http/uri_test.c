/* SPDX-License-Identifier: Apache-2.0 */
#include "http/uri.h"

#include "test.h"

TEST(escapes_are_decoded)
{
    static const struct {
        const char *encoded;
        bool plus;
        const char *want; /* NULL: refused */
    } cases[] = {
        {"", false, ""},
        {"abc", false, "abc"},
        {"a%20b", false, "a b"},
        {"%41%7a", false, "Az"},
        {"%C3%a9", false, "\xc3\xa9"},
        {"a+b", false, "a+b"},
        {"a+b%2B", true, "a b+"},
        {"%2525", false, "%25"},
        {"%", false, NULL},
        {"%4", false, NULL},
        {"a%", true, NULL},
        {"%4g", false, NULL},
        {"%g4", false, NULL},
        {"%%41", false, NULL},
        {"%00", false, NULL},
        {"% 1", false, NULL},
        {"%+1", false, NULL},
        {"%0x", false, NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct text decoded;
        bool good = uri_decode(&arena, text_of(cases[i].encoded), cases[i].plus, &decoded);

        CHECK_MSG(good == (cases[i].want != NULL), "'%s'", cases[i].encoded);
        if (good)
            CHECK_TEXT(decoded, cases[i].want);
    }
}

TEST(what_needs_no_decoding_is_not_copied)
{
    scoped(arena_done) struct arena arena = {0};
    struct text text = TEXT("a+b"), decoded;

    CHECK(uri_decode(&arena, text, false, &decoded));
    CHECK(decoded.at == text.at && !arena.blocks);
}

TEST(everything_but_unreserved_bytes_is_encoded)
{
    scoped(buffer_done) struct buffer out = {0};

    uri_encode(&out, TEXT("Az09-._~ /+%&=\xc3\xa9"), false);
    CHECK_TEXT(buffer_text(&out), "Az09-._~%20%2F%2B%25%26%3D%C3%A9");
    buffer_clear(&out);
    uri_encode(&out, TEXT("/a b/"), true);
    CHECK_TEXT(buffer_text(&out), "/a%20b/");
}

TEST(every_byte_survives_encoding_and_decoding)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer out = {0};
    char all[255];
    struct text decoded;

    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    uri_encode(&out, text_from(all, sizeof all), false);
    CHECK(uri_decode(&arena, buffer_text(&out), true, &decoded));
    CHECK(text_equal(decoded, text_from(all, sizeof all)));
}

TEST(a_query_yields_its_pairs)
{
    struct text rest = TEXT("&a=1&&b&c=&=d&e=f=g&"), name, value;
    static const struct {
        const char *name, *value;
    } want[] = {{"a", "1"}, {"b", NULL}, {"c", ""}, {"", "d"}, {"e", "f=g"}};

    for (size_t i = 0; i < COUNT_OF(want); i++) {
        CHECK(uri_query_next(&rest, &name, &value));
        CHECK_TEXT(name, want[i].name);
        CHECK(text_is_set(value) == (want[i].value != NULL));
        CHECK_TEXT(value, want[i].value ? want[i].value : "");
    }
    CHECK(!uri_query_next(&rest, &name, &value));
    struct text none = TEXT_NONE;
    CHECK(!uri_query_next(&none, &name, &value));
}

TEST(a_parameter_is_found_by_its_decoded_name)
{
    scoped(arena_done) struct arena arena = {0};
    struct text query = TEXT("a=1&b%20c=x+y%21&a=2&d&bad=%zz&%zz=1&e=");

    CHECK_TEXT(uri_query_find(&arena, query, TEXT("a")), "1");
    CHECK_TEXT(uri_query_find(&arena, query, TEXT("b c")), "x y!");
    CHECK(text_is_set(uri_query_find(&arena, query, TEXT("d"))));
    CHECK(text_is_set(uri_query_find(&arena, query, TEXT("e"))));
    CHECK(!text_is_set(uri_query_find(&arena, query, TEXT("bad"))));
    CHECK(!text_is_set(uri_query_find(&arena, query, TEXT("f"))));
    CHECK(!text_is_set(uri_query_find(&arena, TEXT_NONE, TEXT("a"))));
}

static void check_segments(const char *path, const char *joined)
{
    struct text rest = text_of(path), segment;
    scoped(buffer_done) struct buffer out = {0};

    while (uri_segment_next(&rest, &segment)) {
        buffer_add_text(&out, segment);
        buffer_add_char(&out, '|');
    }
    CHECK_TEXT(buffer_text(&out), joined);
}

TEST(a_path_yields_its_segments_still_encoded)
{
    check_segments("/2015-03-31/functions/x", "2015-03-31|functions|x|");
    check_segments("/a%2Fb/c", "a%2Fb|c|");
    check_segments("/a//b", "a||b|");
    check_segments("/a/", "a||");
    check_segments("/", "|");
    check_segments("", "");
    check_segments("*", "*|");
}
