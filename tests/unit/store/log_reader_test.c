/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "log_world.h"

TEST(records_come_back_in_order_with_their_times)
{
    struct fixture fixture = {0};

    fixture_init(&fixture);
    run(&fixture, add_three, NULL);
    scoped(reading_done) struct reading reading = read_whole(&fixture);
    CHECK_TEXT(buffer_text(&reading.text), "5:START\n\n7:in place\n9:\n");

    scoped(free) char *path = stream_file(&fixture, STREAM);
    scoped(buffer_done) struct buffer content = {0};
    struct error err;
    struct stat status;
    CHECK(path_read(path, 1000, &content, &err) == 0);
    CHECK_TEXT(buffer_text(&content), "1769860800005 000006\nSTART\n\n"
                                      "1769860800007 000008\nin place\n"
                                      "1769860800009 000000\n\n");
    CHECK(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    CHECK(reading.next == (uint64_t)status.st_size);
    fixture_done(&fixture);
}

static void add_back_in_time(struct fixture *fixture, const void *arg)
{
    open_named(fixture, NULL);
    log_stream_add(fixture->stream, BASE_MS + 10, TEXT("a"));
    log_stream_add(fixture->stream, BASE_MS + 4, TEXT("b"));
    log_stream_add(fixture->stream, BASE_MS + 11, TEXT("c"));
    close_stream(fixture, NULL);
}

TEST(time_does_not_go_back_within_a_stream)
{
    struct fixture fixture = {0};

    fixture_init(&fixture);
    run(&fixture, add_back_in_time, NULL);
    scoped(reading_done) struct reading reading = read_whole(&fixture);
    CHECK_TEXT(buffer_text(&reading.text), "10:a\n10:b\n11:c\n");
    fixture_done(&fixture);
}

TEST(reading_goes_on_where_it_ended)
{
    struct fixture fixture = {0};

    fixture_init(&fixture);
    run(&fixture, open_named, NULL);
    run(&fixture, add_text, "one");
    scoped(reading_done) struct reading first = read_whole(&fixture);
    CHECK_TEXT(buffer_text(&first.text), "0:one\n");
    scoped(reading_done) struct reading none =
        read_from(&fixture, STREAM, first.next, 0, INT64_MAX);
    CHECK(none.count == 0 && none.next == first.next);
    run(&fixture, add_text, "two");
    run(&fixture, add_text, "three");
    scoped(reading_done) struct reading rest =
        read_from(&fixture, STREAM, first.next, 0, INT64_MAX);
    CHECK_TEXT(buffer_text(&rest.text), "0:two\n0:three\n");
    scoped(reading_done) struct reading last =
        read_from(&fixture, STREAM, rest.last_offset, 0, INT64_MAX);
    CHECK_TEXT(buffer_text(&last.text), "0:three\n");
    scoped(reading_done) struct reading beyond =
        read_from(&fixture, STREAM, UINT64_MAX, 0, INT64_MAX);
    CHECK(beyond.count == 0 && beyond.next == UINT64_MAX);
    run(&fixture, close_stream, NULL);
    fixture_done(&fixture);
}

TEST(a_reader_stops_when_it_is_told_to)
{
    struct fixture fixture = {0};
    struct error err;

    fixture_init(&fixture);
    run(&fixture, add_three, NULL);
    scoped(reading_done) struct reading reading = {.stop_after = 2};
    CHECK(log_store_read(fixture.store, &place, TEXT(STREAM), 0, 0, INT64_MAX, on_record, &reading,
                         &reading.next, &err) == 0);
    CHECK_TEXT(buffer_text(&reading.text), "5:START\n\n7:in place\n");
    scoped(reading_done) struct reading rest =
        read_from(&fixture, STREAM, reading.next, 0, INT64_MAX);
    CHECK_TEXT(buffer_text(&rest.text), "9:\n");
    fixture_done(&fixture);
}

TEST(a_range_of_time_has_its_start_and_not_its_end)
{
    static const struct {
        int64_t from, to;
        const char *want;
    } cases[] = {
        {BASE_MS, BASE_MS + 100, "5:START\n\n7:in place\n9:\n"},
        {BASE_MS + 5, BASE_MS + 9, "5:START\n\n7:in place\n"},
        {BASE_MS + 6, BASE_MS + 10, "7:in place\n9:\n"},
        {BASE_MS + 9, INT64_MAX, "9:\n"},
        {BASE_MS + 10, INT64_MAX, ""},
        {0, BASE_MS + 5, ""},
    };
    struct fixture fixture = {0};

    fixture_init(&fixture);
    run(&fixture, add_three, NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(reading_done) struct reading reading =
            read_from(&fixture, STREAM, 0, cases[i].from, cases[i].to);
        CHECK_TEXT(buffer_text(&reading.text), cases[i].want);
    }
    fixture_done(&fixture);
}

/* --- crashes --- */

static void cut(const char *path, const struct buffer *whole, size_t len)
{
    struct error err;

    CHECK(path_write(path, text_from(whole->at, len), 0600, &err) == 0);
}

/* How many of the three records end within len bytes. */
static size_t whole_records(size_t len)
{
    static const size_t ends[] = {28, 58, 80};
    size_t count = 0;

    while (count < COUNT_OF(ends) && ends[count] <= len)
        count++;
    return count;
}

TEST(a_file_cut_off_anywhere_loses_its_last_record_at_most)
{
    struct fixture fixture = {0};
    scoped(buffer_done) struct buffer whole = {0};
    struct error err;

    fixture_init(&fixture);
    run(&fixture, add_three, NULL);
    scoped(free) char *path = stream_file(&fixture, STREAM);
    CHECK(path_read(path, 1000, &whole, &err) == 0 && whole.len == 80);
    for (size_t len = 0; len <= whole.len; len++) {
        cut(path, &whole, len);
        scoped(reading_done) struct reading reading = read_whole(&fixture);
        CHECK_MSG(reading.count == whole_records(len), "%zu records of %zu bytes", reading.count,
                  len);
    }
    fixture_done(&fixture);
}

static void reopen_and_add(struct fixture *fixture, const void *arg)
{
    open_named(fixture, NULL);
    log_stream_add(fixture->stream, BASE_MS + 20, TEXT("after"));
    close_stream(fixture, NULL);
}

TEST(a_file_cut_off_anywhere_can_be_written_on)
{
    static const char *const records[] = {"5:START\n\n", "7:in place\n", "9:\n"};
    struct fixture fixture = {0};
    scoped(buffer_done) struct buffer whole = {0};
    struct error err;

    fixture_init(&fixture);
    run(&fixture, add_three, NULL);
    scoped(free) char *path = stream_file(&fixture, STREAM);
    CHECK(path_read(path, 1000, &whole, &err) == 0);
    for (size_t len = 0; len <= whole.len; len++) {
        scoped(buffer_done) struct buffer want = {0};
        cut(path, &whole, len);
        run(&fixture, reopen_and_add, NULL);
        for (size_t i = 0; i < whole_records(len); i++)
            buffer_add_text(&want, text_of(records[i]));
        buffer_add_literal(&want, "20:after\n");
        scoped(reading_done) struct reading reading = read_whole(&fixture);
        CHECK_TEXT(buffer_text(&reading.text), want.at);
    }
    fixture_done(&fixture);
}

TEST(garbage_ends_a_file_without_harm)
{
    static const char *const garbage[] = {
        "\n",
        "x769860800005 000006\nSTART\n\n",
        "1769860800005x000006\nSTART\n\n",
        "1769860800005 000006xSTART\n\n",
        "1769860800005 999999\nSTART\n\n",
        "1769860800005 00000-\nSTART\n\n",
        "1769860800005 000002\nSTART\n\n",
    };
    struct fixture fixture = {0};
    struct error err;

    fixture_init(&fixture);
    run(&fixture, add_three, NULL);
    scoped(free) char *path = stream_file(&fixture, STREAM);
    for (size_t i = 0; i < COUNT_OF(garbage); i++) {
        scoped(free) char *content = mem_format("1769860800001 000001\na\n%s", garbage[i]);
        CHECK(path_write(path, text_of(content), 0600, &err) == 0);
        scoped(reading_done) struct reading reading = read_whole(&fixture);
        CHECK_TEXT(buffer_text(&reading.text), "1:a\n");
        CHECK(reading.next == 23);
    }
    fixture_done(&fixture);
}
