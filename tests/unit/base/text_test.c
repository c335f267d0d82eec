/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/scoped.h"
#include "test.h"

TEST(absent_text_equals_the_empty_text_but_is_not_set)
{
    CHECK(text_equal(TEXT_NONE, TEXT("")));
    CHECK(!text_is_set(TEXT_NONE));
    CHECK(text_is_set(TEXT("")));
    CHECK(!text_is_set(text_of(NULL)));
    CHECK(!text_equal(TEXT("a"), TEXT("b")));
    CHECK(!text_equal(TEXT("a"), TEXT("ab")));
    CHECK(!text_equal(TEXT("a\0b"), TEXT("a\0c")));
}

TEST(comparing_without_case_is_for_ascii_letters_only)
{
    static const struct {
        struct text a, b;
        bool equal;
    } rows[] = {
        {{"Host", 4}, {"hOST", 4}, true},  {{"az", 2}, {"AZ", 2}, true},
        {{"@", 1}, {"`", 1}, false},       {{"[", 1}, {"{", 1}, false},
        {{"\xC4", 1}, {"\xE4", 1}, false}, {{"a", 1}, {"ab", 2}, false},
        {{NULL, 0}, {"", 0}, true},        {{"a-b_c", 5}, {"A-B_C", 5}, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_MSG(text_equal_nocase(rows[i].a, rows[i].b) == rows[i].equal, "row %zu", i);
}

TEST(order_is_bytewise_and_shorter_first)
{
    CHECK(text_compare(TEXT("a"), TEXT("b")) < 0);
    CHECK(text_compare(TEXT("b"), TEXT("a")) > 0);
    CHECK(text_compare(TEXT("a"), TEXT("aa")) < 0);
    CHECK(text_compare(TEXT("b"), TEXT("aa")) > 0);
    CHECK(text_compare(TEXT("a\xFF"), TEXT("ab")) > 0);
    CHECK(text_compare(TEXT("ab"), TEXT("ab")) == 0);
    CHECK(text_compare(TEXT_NONE, TEXT("")) == 0);
    CHECK(text_compare(TEXT_NONE, TEXT("a")) < 0);
}

TEST(starts_and_ends_look_at_whole_prefixes)
{
    CHECK(text_starts(TEXT("/urls/x"), TEXT("/urls/")));
    CHECK(!text_starts(TEXT("/url"), TEXT("/urls")));
    CHECK(text_starts(TEXT("a"), TEXT_NONE));
    CHECK(text_ends(TEXT("a.zip"), TEXT(".zip")));
    CHECK(!text_ends(TEXT("zip"), TEXT(".zip")));
    CHECK(!text_ends(TEXT("a.zip "), TEXT(".zip")));
    CHECK(text_ends(TEXT_NONE, TEXT("")));
}

TEST(find_gives_the_length_when_absent)
{
    CHECK(text_find(TEXT("a=b=c"), '=') == 1);
    CHECK(text_find(TEXT("abc"), '=') == 3);
    CHECK(text_find(TEXT_NONE, '=') == 0);
    CHECK(text_find(TEXT("a\0b"), '\0') == 1);
    CHECK(text_contains(TEXT("abc"), 'c'));
    CHECK(!text_contains(TEXT("abc"), 'd'));
    CHECK(text_find_text(TEXT("aabaab"), TEXT("ab")) == 1);
    CHECK(text_find_text(TEXT("aabaab"), TEXT("abb")) == 6);
    CHECK(text_find_text(TEXT("abc"), TEXT("")) == 0);
    CHECK(text_find_text(TEXT_NONE, TEXT("a")) == 0);
    CHECK(text_find_text(TEXT("a"), TEXT("aa")) == 1);
}

TEST(slices_are_clamped)
{
    CHECK_TEXT(text_slice(TEXT("hello"), 1, 3), "el");
    CHECK_TEXT(text_slice(TEXT("hello"), 3, 99), "lo");
    CHECK_TEXT(text_slice(TEXT("hello"), 9, 99), "");
    CHECK_TEXT(text_slice(TEXT("hello"), 4, 2), "");
    CHECK_TEXT(text_skip(TEXT("hello"), 4), "o");
    CHECK_TEXT(text_skip(TEXT("hello"), 6), "");
    CHECK_TEXT(text_skip(TEXT("hello"), SIZE_MAX), "");
    CHECK(!text_is_set(text_skip(TEXT_NONE, 3)));
}

TEST(trim_takes_blanks_and_tabs_only)
{
    CHECK_TEXT(text_trim(TEXT(" \t a b \t")), "a b");
    CHECK_TEXT(text_trim(TEXT("\na\r")), "\na\r");
    CHECK_TEXT(text_trim(TEXT("   ")), "");
    CHECK_TEXT(text_trim(TEXT_NONE), "");
}

TEST(split_yields_what_stands_between_separators)
{
    static const struct {
        const char *source, *joined;
    } rows[] = {
        {"a,b", "<a><b>"}, {"a,,b", "<a><><b>"}, {"", ""},    {"a", "<a>"},
        {",a", "<><a>"},   {"a,", "<a>"},        {",", "<>"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct text rest = text_of(rows[i].source), piece;
        char joined[64] = "";
        size_t len = 0;
        while (text_split(&rest, ',', &piece))
            len += (size_t)snprintf(joined + len, sizeof joined - len, "<%.*s>", TEXT_ARG(piece));
        CHECK_TEXT(text_of(joined), rows[i].joined);
    }
    struct text none = TEXT_NONE, piece;
    CHECK(!text_split(&none, ',', &piece));
}

TEST(numbers_are_digits_within_their_range)
{
    static const struct {
        const char *source;
        int64_t min, max;
        bool ok;
        int64_t number;
    } rows[] = {
        {"0", 0, 10, true, 0},
        {"007", 0, 10, true, 7},
        {"10", 0, 10, true, 10},
        {"11", 0, 10, false, 0},
        {"4", 5, 10, false, 0},
        {"", 0, 10, false, 0},
        {"-1", -5, 10, false, 0},
        {"+1", 0, 10, false, 0},
        {" 1", 0, 10, false, 0},
        {"1 ", 0, 10, false, 0},
        {"0x1", 0, 10, false, 0},
        {"9223372036854775807", 0, INT64_MAX, true, INT64_MAX},
        {"9223372036854775808", 0, INT64_MAX, false, 0},
        {"99999999999999999999999", 0, INT64_MAX, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t number = -77;
        bool ok = text_to_int(text_of(rows[i].source), rows[i].min, rows[i].max, &number);
        CHECK_MSG(ok == rows[i].ok, "'%s'", rows[i].source);
        CHECK_MSG(number == (ok ? rows[i].number : -77), "'%s'", rows[i].source);
    }
}

TEST(stars_and_question_marks_stand_for_bytes)
{
    static const struct {
        const char *source, *pattern;
        bool want;
    } rows[] = {
        {"", "", true},
        {"", "*", true},
        {"", "?", false},
        {"rule/a", "rule/a", true},
        {"rule/a", "rule/*", true},
        {"rule/a", "*/?", true},
        {"rule/ab", "*/?", false},
        {"aXbXc", "a*b*c", true},
        {"aXbXcd", "a*b*c", false},
        {"abab", "*ab", true},
        {"rule/a", "rule", false},
        {"rule", "rule/a", false},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "*a*a*a*a*a*a*b", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_MSG(text_is_like(text_of(rows[i].source), text_of(rows[i].pattern)) == rows[i].want,
                  "'%s' and '%s'", rows[i].source, rows[i].pattern);
}

TEST(dup_ends_with_a_nul)
{
    scoped(free) char *copy = text_dup(text_slice(TEXT("hello"), 0, 4));
    scoped(free) char *empty = text_dup(TEXT_NONE);
    CHECK(strcmp(copy, "hell") == 0);
    CHECK(strcmp(empty, "") == 0);
}

TEST(utf8_is_checked_strictly)
{
    static const struct {
        struct text source;
        bool ok;
    } rows[] = {
        {{NULL, 0}, true},
        {{"plain text of more than eight bytes", 35}, true},
        {{"\x7F\0", 2}, true},
        {{"\xC2\x80", 2}, true},
        {{"\xDF\xBF", 2}, true},
        {{"\xE0\xA0\x80", 3}, true},
        {{"\xED\x9F\xBF", 3}, true},
        {{"\xEE\x80\x80", 3}, true},
        {{"\xF0\x90\x80\x80", 4}, true},
        {{"\xF4\x8F\xBF\xBF", 4}, true},
        {{"12345678\xC3\xA4"
          "12345678",
          18},
         true},
        {{"\x80", 1}, false},             /* a tail alone */
        {{"\xC0\xAF", 2}, false},         /* overlong */
        {{"\xC1\xBF", 2}, false},         /* overlong */
        {{"\xE0\x9F\xBF", 3}, false},     /* overlong */
        {{"\xF0\x8F\xBF\xBF", 4}, false}, /* overlong */
        {{"\xED\xA0\x80", 3}, false},     /* surrogate */
        {{"\xF4\x90\x80\x80", 4}, false}, /* beyond U+10FFFF */
        {{"\xF5\x80\x80\x80", 4}, false},
        {{"\xFF", 1}, false},
        {{"\xC3", 1}, false}, /* cut off */
        {{"\xE2\x82", 2}, false},
        {{"\xF0\x9F\x98", 3}, false},
        {{"\xE2\x82x", 3}, false},
        {{"12345678\xC3", 9}, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_MSG(text_is_utf8(rows[i].source) == rows[i].ok, "row %zu", i);
}

TEST(the_length_of_a_character_is_known)
{
    CHECK(text_utf8_len(TEXT_NONE) == 0);
    CHECK(text_utf8_len(TEXT("ab")) == 1);
    CHECK(text_utf8_len(TEXT("\xC3\xA4x")) == 2);
    CHECK(text_utf8_len(TEXT("\xE2\x82\xACx")) == 3);
    CHECK(text_utf8_len(TEXT("\xF0\x9F\x98\x80x")) == 4);
    CHECK(text_utf8_len(TEXT("\xC3")) == 0);
}

TEST(bytes_are_shown_for_people)
{
    static const struct {
        uint64_t bytes;
        const char *shown;
    } rows[] = {
        {0, "0 B"},
        {5, "5 B"},
        {1023, "1023 B"},
        {1024, "1.0 KB"},
        {1536, "1.5 KB"},
        {10188, "9.9 KB"},
        {10200, "10 KB"},
        {10240, "10 KB"},
        {1048064, "1.0 MB"},
        {50u << 20, "50 MB"},
        {UINT64_C(1) << 30, "1.0 GB"},
        {UINT64_MAX, "16 EB"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[16];
        CHECK_TEXT(text_of(text_format_bytes(rows[i].bytes, out)), rows[i].shown);
    }
}

TEST(hex_digits_are_read)
{
    CHECK(text_hex_digit('0') == 0 && text_hex_digit('9') == 9);
    CHECK(text_hex_digit('a') == 10 && text_hex_digit('F') == 15);
    CHECK(text_hex_digit('g') == -1 && text_hex_digit('/') == -1 && text_hex_digit('@') == -1);
    CHECK(text_hex_digit('\x10') == -1 && text_hex_digit('\0') == -1);

    CHECK(text_hex_unit(TEXT("00e9 and more")) == 0xe9);
    CHECK(text_hex_unit(TEXT("FFff")) == 0xffff);
    CHECK(text_hex_unit(TEXT("00e")) == -1 && text_hex_unit(TEXT("00-9")) == -1);
    CHECK(text_hex_unit(TEXT_NONE) == -1);
}
