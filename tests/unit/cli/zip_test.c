/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/zip_reader.h"
#include "cli/zip_writer.h"

#include "base/crypto.h"
#include "base/scoped.h"
#include "model/limits.h"
#include "test.h"

#define FILE_MODE (S_IFREG | 0644)
#define READ_MAX (16 << 20)

static void write_zip(struct zip_writer *writer)
{
    struct error err;

    CHECK(zip_writer_add(writer, TEXT("a.txt"), FILE_MODE, TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                         &err) == 0);
    CHECK(zip_writer_add(writer, TEXT("bin/run"), S_IFREG | 0755, TEXT("x"), &err) == 0);
    CHECK(zip_writer_add(writer, TEXT("empty"), FILE_MODE, TEXT_NONE, &err) == 0);
    CHECK(zip_writer_add(writer, TEXT("folder/"), S_IFDIR | 0755, TEXT_NONE, &err) == 0);
    CHECK(zip_writer_add(writer, TEXT("link"), S_IFLNK | 0777, TEXT("a.txt"), &err) == 0);
    CHECK(zip_writer_end(writer, &err) == 0);
}

static bool read_back(struct text zip, const char *name, struct buffer *content)
{
    struct error err = {0};
    bool found;

    CHECK_MSG(zip_reader_find(zip, text_of(name), READ_MAX, content, &found, &err) == 0, "%s",
              err.text);
    return found;
}

TEST(what_was_written_is_read_back)
{
    static const struct {
        const char *name, *content;
    } cases[] = {{"a.txt", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
                 {"bin/run", "x"},
                 {"empty", ""},
                 {"link", "a.txt"}};
    scoped(zip_writer_done) struct zip_writer writer = {0};

    write_zip(&writer);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer content = {0};
        CHECK(read_back(buffer_text(&writer.out), cases[i].name, &content));
        CHECK_TEXT(buffer_text(&content), cases[i].content);
    }
    scoped(buffer_done) struct buffer nothing = {0};
    CHECK(!read_back(buffer_text(&writer.out), "absent", &nothing));
    CHECK(nothing.len == 0);
}

TEST(the_same_entries_give_the_same_bytes)
{
    scoped(zip_writer_done) struct zip_writer one = {0}, two = {0};

    write_zip(&one);
    write_zip(&two);
    CHECK(text_equal(buffer_text(&one.out), buffer_text(&two.out)));
}

TEST(content_is_stored_when_deflate_does_not_help_or_looks_like_a_bomb)
{
    scoped(zip_writer_done) struct zip_writer writer = {0};
    scoped(buffer_done) struct buffer noise = {0}, zeroes = {0}, back = {0}, back_zeroes = {0};
    struct error err;

    crypto_random(buffer_room(&noise, 100000), 100000);
    buffer_added(&noise, 100000);
    memset(buffer_room(&zeroes, 2 << 20), 0, 2 << 20);
    buffer_added(&zeroes, 2 << 20);
    CHECK(zip_writer_add(&writer, TEXT("noise"), FILE_MODE, buffer_text(&noise), &err) == 0);
    CHECK(writer.out.len < 100000 + 100);
    CHECK(zip_writer_add(&writer, TEXT("zeroes"), FILE_MODE, buffer_text(&zeroes), &err) == 0);
    CHECK(zip_writer_end(&writer, &err) == 0);
    CHECK(writer.out.len > (2 << 20) / LIMIT_ZIP_RATIO);
    CHECK(read_back(buffer_text(&writer.out), "noise", &back));
    CHECK(text_equal(buffer_text(&back), buffer_text(&noise)));
    CHECK(read_back(buffer_text(&writer.out), "zeroes", &back_zeroes));
    CHECK(text_equal(buffer_text(&back_zeroes), buffer_text(&zeroes)));
}

TEST(names_and_sizes_are_bounded)
{
    scoped(zip_writer_done) struct zip_writer writer = {0};
    scoped(buffer_done) struct buffer noise = {0};
    char name[LIMIT_ZIP_NAME + 2];
    struct error err = {0};

    memset(name, 'n', sizeof name);
    CHECK(zip_writer_add(&writer, text_from(name, LIMIT_ZIP_NAME + 1), FILE_MODE, TEXT("x"), &err) <
          0);
    CHECK(err.code == ERROR_INVALID);
    CHECK(zip_writer_add(&writer, TEXT("\xff"), FILE_MODE, TEXT("x"), &err) < 0);
    CHECK(zip_writer_add(&writer, TEXT(""), FILE_MODE, TEXT("x"), &err) < 0);
    CHECK(writer.count == 0 && writer.out.len == 0);

    crypto_random(buffer_room(&noise, LIMIT_ZIP_BYTES), LIMIT_ZIP_BYTES);
    buffer_added(&noise, LIMIT_ZIP_BYTES);
    CHECK(zip_writer_add(&writer, TEXT("noise"), FILE_MODE, buffer_text(&noise), &err) < 0);
    CHECK(err.code == ERROR_LIMIT);
}

TEST(what_is_no_zip_is_refused)
{
    static const char *const bad[] = {"", "PK", "PK\x05\x06",
                                      "a text that is long enough to be an end record, but is not"};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        scoped(buffer_done) struct buffer content = {0};
        struct error err = {0};
        bool found = true;
        CHECK(zip_reader_find(text_of(bad[i]), TEXT("a"), 100, &content, &found, &err) < 0);
        CHECK(err.code == ERROR_INVALID && !found);
    }
}

TEST(an_entry_larger_than_asked_for_is_refused)
{
    scoped(zip_writer_done) struct zip_writer writer = {0};
    scoped(buffer_done) struct buffer content = {0};
    struct error err = {0};
    bool found;

    write_zip(&writer);
    CHECK(zip_reader_find(buffer_text(&writer.out), TEXT("a.txt"), 30, &content, &found, &err) < 0);
    CHECK(err.code == ERROR_LIMIT);
}

/* Every byte in turn is wrong, every end is missing: any answer will do, but within bounds
 * (a sanitizer watches). */
TEST(broken_archives_are_read_within_their_bounds)
{
    scoped(zip_writer_done) struct zip_writer writer = {0};
    struct error err;
    size_t refused = 0;

    write_zip(&writer);
    for (size_t i = 0; i < writer.out.len; i++)
        for (int change = 0; change < 3; change++) {
            size_t len = change == 2 ? i : writer.out.len;
            scoped(free) char *copy = malloc(len + 1);
            scoped(buffer_done) struct buffer content = {0};
            bool found;
            memcpy(copy, writer.out.at, len);
            if (change < 2)
                copy[i] = change ? (char)0xff : (char)(copy[i] ^ 1);
            refused += zip_reader_find(text_from(copy, len), TEXT("a.txt"), READ_MAX, &content,
                                       &found, &err) < 0;
        }
    CHECK(refused > writer.out.len / 2); /* every shortened one, at least */
}
