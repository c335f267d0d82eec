/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include "test.h"

TEST(an_empty_buffer_needs_no_memory)
{
    struct buffer buffer = {0};
    buffer_clear(&buffer);
    buffer_consume(&buffer, 0);
    buffer_added(&buffer, 0);
    CHECK(buffer.at == NULL && buffer.len == 0);
    CHECK(!text_is_set(buffer_text(&buffer)));
    buffer_done(&buffer);
}

TEST(what_is_added_ends_with_a_nul)
{
    scoped(buffer_done) struct buffer buffer = {0};
    buffer_add_literal(&buffer, "ab");
    buffer_add(&buffer, NULL, 0);
    buffer_add_text(&buffer, TEXT("cd"));
    buffer_add_char(&buffer, 'e');
    CHECK_TEXT(buffer_text(&buffer), "abcde");
    CHECK(strcmp(buffer.at, "abcde") == 0);
    memcpy(buffer_room(&buffer, 1000), "fg", 2);
    buffer_added(&buffer, 2);
    CHECK(strcmp(buffer.at, "abcdefg") == 0);
    buffer_clear(&buffer);
    CHECK(buffer.len == 0 && buffer.at[0] == '\0');
}

TEST(adding_nothing_makes_an_empty_string)
{
    scoped(buffer_done) struct buffer buffer = {0};
    buffer_add_text(&buffer, TEXT_NONE);
    CHECK(buffer.len == 0 && buffer.at[0] == '\0');
}

TEST(numbers_are_written_in_full)
{
    static const struct {
        int64_t number;
        const char *shown;
    } rows[] = {
        {0, "0"},
        {7, "7"},
        {-1, "-1"},
        {1234567890, "1234567890"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        scoped(buffer_done) struct buffer buffer = {0};
        buffer_add_int(&buffer, rows[i].number);
        CHECK_TEXT(buffer_text(&buffer), rows[i].shown);
    }
}

TEST(formats_of_any_length_fit)
{
    scoped(buffer_done) struct buffer buffer = {0};
    size_t len = 0;
    for (int width = 1; width < 3000; width += 250) {
        buffer_add_format(&buffer, "%0*d|", width, 7);
        len += (size_t)width + 1;
        CHECK(buffer.len == len);
        CHECK(memcmp(buffer.at + len - 2, "7|", 3) == 0);
    }
}

TEST(consumed_bytes_can_be_read_until_the_next_change)
{
    scoped(buffer_done) struct buffer buffer = {0};
    buffer_add_literal(&buffer, "GET / rest");
    struct text line = text_slice(buffer_text(&buffer), 0, 5);
    buffer_consume(&buffer, 6);
    CHECK_TEXT(buffer_text(&buffer), "rest");
    CHECK_TEXT(line, "GET /");
    buffer_consume(&buffer, 4);
    CHECK(buffer.len == 0 && buffer.at[0] == '\0');
    CHECK_TEXT(line, "GET /");
    buffer_add_literal(&buffer, "next");
    CHECK_TEXT(buffer_text(&buffer), "next");
    CHECK(buffer.start == 0);
}

TEST(a_stream_through_a_buffer_keeps_it_small)
{
    scoped(buffer_done) struct buffer buffer = {0};
    uint8_t in = 0, out = 0;
    for (int round = 0; round < 20000; round++) {
        size_t count = (size_t)round % 97 + 1;
        uint8_t *room = (uint8_t *)buffer_room(&buffer, count);
        for (size_t i = 0; i < count; i++)
            room[i] = in++;
        buffer_added(&buffer, count);
        while (buffer.len > 100) {
            for (size_t i = 0; i < 50; i++)
                CHECK((uint8_t)buffer.at[i] == out++);
            buffer_consume(&buffer, 50);
        }
        CHECK(buffer.at[buffer.len] == '\0');
    }
    CHECK_MSG(buffer.capacity <= 4096, "capacity %zu", buffer.capacity);
}

TEST(taking_leaves_an_empty_buffer)
{
    struct buffer from = {0};
    buffer_add_literal(&from, "xyz");
    buffer_consume(&from, 1);
    scoped(buffer_done) struct buffer taken = buffer_take(&from);
    CHECK(from.at == NULL && from.len == 0 && from.start == 0 && from.capacity == 0);
    CHECK_TEXT(buffer_text(&taken), "yz");
}

TEST(recycling_keeps_only_what_is_small)
{
    scoped(buffer_done) struct buffer buffer = {0};
    buffer_add_literal(&buffer, "abc");
    buffer_consume(&buffer, 1);
    buffer_recycle(&buffer, 4096);
    CHECK(buffer.at && buffer.len == 0 && buffer.start == 0);
    (void)buffer_room(&buffer, 5000);
    buffer_recycle(&buffer, 4096);
    CHECK(!buffer.at && buffer.capacity == 0);
}

TEST(json_strings_are_escaped)
{
    static const struct {
        struct text source;
        const char *json;
    } rows[] = {
        {{NULL, 0}, "\"\""},
        {{"plain", 5}, "\"plain\""},
        {{"a \"b\" \\", 7}, "\"a \\\"b\\\" \\\\\""},
        {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
        {{"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\x7f\""},
        {{"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 9}, "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {{"a\xFF\xC3", 3}, "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{"\xED\xA0\x80", 3}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        scoped(buffer_done) struct buffer buffer = {0};
        buffer_add_json(&buffer, rows[i].source);
        CHECK_TEXT(buffer_text(&buffer), rows[i].json);
    }
}

/* The scan goes by words of eight bytes: each byte value is tried at each place. */
TEST(each_byte_is_escaped_wherever_it_stands)
{
    for (int byte = 0; byte < 256; byte++)
        for (size_t place = 0; place < 17; place++) {
            char source[17];
            memset(source, 'x', sizeof source);
            source[place] = (char)byte;
            scoped(buffer_done) struct buffer alone = {0}, whole = {0};
            buffer_add_json(&alone, text_from(source + place, 1));
            buffer_add_json(&whole, text_from(source, sizeof source));
            CHECK_MSG(whole.len == alone.len + 16, "byte %d at %zu", byte, place);
            CHECK(memcmp(whole.at + 1 + place, alone.at + 1, alone.len - 2) == 0);
            bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
            CHECK((alone.len == 3) == plain);
        }
}
