/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_store_priv.h"

#include "log_world.h"

static void add_to(struct fixture *fixture, const char *group, const char *stream)
{
    struct log_stream *opened = log_stream_open(fixture->writer, place.account, place.region,
                                                text_of(group), text_of(stream));

    log_stream_add(opened, BASE_MS, TEXT("message"));
    log_stream_close(opened);
}

static void add_groups(struct fixture *fixture, const void *arg)
{
    add_to(fixture, "/aws/lambda/b", "s1");
    add_to(fixture, "/aws/lambda/b", "s2");
    add_to(fixture, "/aws/lambda/a", "s1");
    add_to(fixture, "/aws/lambda/%41", "s1");
    add_to(fixture, "other", "s1");
}

static int add_group(void *arg, struct text name, int64_t created_ms, int64_t bytes)
{
    buffer_add_format(arg, "%.*s %lld%s\n", TEXT_ARG(name), (long long)bytes,
                      created_ms > BASE_MS ? "" : " too old");
    return 0;
}

static int add_first_group(void *arg, struct text name, int64_t created_ms, int64_t bytes)
{
    buffer_add_text(arg, name);
    return 1;
}

TEST(groups_are_listed_by_prefix_in_name_order)
{
    static const struct {
        const char *prefix, *want;
    } cases[] = {
        {"", "/aws/lambda/%41 29\n/aws/lambda/a 29\n/aws/lambda/b 58\nother 29\n"},
        {"/aws/lambda/b", "/aws/lambda/b 58\n"},
        {"/aws/lambda/%", "/aws/lambda/%41 29\n"},
        {"/nothing", ""},
    };
    struct fixture fixture = {0};
    struct error err;

    fixture_init(&fixture);
    run(&fixture, add_groups, NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer list = {0};
        buffer_add(&list, "", 0);
        CHECK(log_store_groups(fixture.store, place.account, place.region, text_of(cases[i].prefix),
                               add_group, &list, &err) == 0);
        CHECK_TEXT(buffer_text(&list), cases[i].want);
    }
    scoped(buffer_done) struct buffer first = {0};
    CHECK(log_store_groups(fixture.store, place.account, place.region, TEXT_NONE, add_first_group,
                           &first, &err) == 0);
    CHECK_TEXT(buffer_text(&first), "/aws/lambda/%41");
    CHECK(log_store_groups(fixture.store, place.account, TEXT("eu-west-1"), TEXT_NONE,
                           add_first_group, &first, &err) == 0);
    CHECK_TEXT(buffer_text(&first), "/aws/lambda/%41");
    fixture_done(&fixture);
}

static void add_named(struct fixture *fixture, const void *arg)
{
    open_named(fixture, arg);
    add_text(fixture, arg);
    close_stream(fixture, NULL);
}

/* Nothing outside the group's folder is touched, whatever the name. */
TEST(any_name_finds_its_own_stream)
{
    static const char *const names[] = {
        ".",        "..",         "../../../escape",
        "/",        "a/b",        "a%2Fb",
        ".created", ".removed-1", "\xc3\xa9\xff\x01 *",
        "~",        "%",          "CON",
        STREAM,     "a.b",        "a..",
        "[$5]x|y",  "-rf *",
    };
    struct fixture fixture = {0};
    struct error err;

    fixture_init(&fixture);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        run(&fixture, add_named, names[i]);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        scoped(reading_done) struct reading reading =
            read_from(&fixture, names[i], 0, 0, INT64_MAX);
        scoped(free) char *want = mem_format("0:%s\n", names[i]);
        CHECK_TEXT(buffer_text(&reading.text), want);
    }

    struct log_stream_info *streams;
    size_t count;
    CHECK(log_store_streams(fixture.store, &place, &streams, &count, &err) == 0);
    CHECK_MSG(count == COUNT_OF(names), "%zu streams", count);
    for (size_t i = 0; i < count; i++) {
        size_t found = 0;
        for (size_t j = 0; j < COUNT_OF(names); j++)
            found += strcmp(names[j], streams[i].name) == 0;
        CHECK_MSG(found == 1, "'%s' is listed", streams[i].name);
        free(streams[i].name);
    }
    free(streams);
    fixture_done(&fixture);
}

TEST(a_name_too_long_for_a_file_is_found_by_both_its_names)
{
    struct fixture fixture = {0};
    char names[2][512];
    struct error err;

    fixture_init(&fixture);
    for (size_t i = 0; i < 2; i++) {
        memset(names[i], '/', sizeof names[i] - 1); /* three bytes each in the file's name */
        names[i][510] = (char)('a' + i);
        names[i][511] = '\0';
        run(&fixture, add_named, names[i]);
    }

    struct log_stream_info *streams;
    size_t count;
    CHECK(log_store_streams(fixture.store, &place, &streams, &count, &err) == 0);
    CHECK(count == 2);
    for (size_t i = 0; i < 2; i++) {
        scoped(reading_done) struct reading by_long =
            read_from(&fixture, names[i], 0, 0, INT64_MAX);
        scoped(free) char *want = mem_format("0:%s\n", names[i]);
        CHECK_TEXT(buffer_text(&by_long.text), want);
    }
    scoped(reading_done) struct reading one = read_from(&fixture, streams[0].name, 0, 0, INT64_MAX);
    scoped(reading_done) struct reading other =
        read_from(&fixture, streams[1].name, 0, 0, INT64_MAX);
    CHECK(one.count == 1 && other.count == 1);
    CHECK(!text_equal(buffer_text(&one.text), buffer_text(&other.text)));
    free(streams[0].name);
    free(streams[1].name);
    free(streams);
    fixture_done(&fixture);
}

TEST(what_is_not_there_is_not_found)
{
    static const struct {
        struct log_place place;
        const char *stream, *error;
    } cases[] = {
        {{TEXT(ACCOUNT), TEXT(REGION), TEXT("none")},
         STREAM,
         "The specified log group does not exist."},
        {{TEXT(ACCOUNT), TEXT(REGION), TEXT("")},
         STREAM,
         "The specified log group does not exist."},
        {{TEXT(ACCOUNT), TEXT("none"), TEXT(GROUP)},
         STREAM,
         "The specified log group does not exist."},
        {{TEXT(ACCOUNT), TEXT(REGION), TEXT(GROUP)},
         "none",
         "The specified log stream does not exist."},
        {{TEXT(ACCOUNT), TEXT(REGION), TEXT(GROUP)},
         "",
         "The specified log stream does not exist."},
    };
    struct fixture fixture = {0};

    fixture_init(&fixture);
    run(&fixture, add_three, NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        struct log_stream_info *streams;
        size_t count;
        uint64_t next;
        CHECK(log_store_read(fixture.store, &cases[i].place, text_of(cases[i].stream), 0, 0,
                             INT64_MAX, on_record, NULL, &next, &err) < 0);
        CHECK(err.code == ERROR_NOT_FOUND);
        CHECK_TEXT(text_of(err.text), cases[i].error);
        if (strstr(cases[i].error, "stream"))
            continue;
        CHECK(log_store_streams(fixture.store, &cases[i].place, &streams, &count, &err) < 0);
        CHECK(log_store_delete_group(fixture.store, &cases[i].place, &err) < 0);
        CHECK(err.code == ERROR_NOT_FOUND);
    }
    fixture_done(&fixture);
}

TEST(a_deleted_group_is_gone_and_open_streams_begin_it_anew)
{
    struct fixture fixture = {0};
    struct error err = {0};
    uint64_t next;

    fixture_init(&fixture);
    run(&fixture, open_named, NULL);
    run(&fixture, add_text, "before");
    CHECK_MSG(log_store_delete_group(fixture.store, &place, &err) == 0, "%s", err.text);
    CHECK(log_store_read(fixture.store, &place, TEXT(STREAM), 0, 0, INT64_MAX, on_record, NULL,
                         &next, &err) < 0);
    run(&fixture, add_text, "after");
    scoped(reading_done) struct reading reading = read_whole(&fixture);
    CHECK_TEXT(buffer_text(&reading.text), "0:after\n");
    run(&fixture, close_stream, NULL);
    fixture_done(&fixture);
}

static void add_old_and_new(struct fixture *fixture, const void *arg)
{
    open_named(fixture, "old");
    log_stream_add(fixture->stream, BASE_MS, TEXT("old"));
    close_stream(fixture, NULL);
    open_named(fixture, "new");
    log_stream_add(fixture->stream, BASE_MS, TEXT("old"));
    log_stream_add(fixture->stream, BASE_MS + 1000, TEXT("new"));
    close_stream(fixture, NULL);
}

TEST(streams_expire_by_their_last_message_and_groups_stay)
{
    struct fixture fixture = {0};
    struct error err = {0};
    struct log_stream_info *streams;
    size_t count;

    fixture_init(&fixture);
    run(&fixture, add_old_and_new, NULL);
    scoped(free) char *leftover =
        mem_format("%s/logs/" ACCOUNT "/" REGION "/.removed-0123/x", fixture.folder);
    CHECK(path_make_folders(leftover, 0700, &err) == 0);

    CHECK_MSG(log_store_expire(fixture.store, BASE_MS + 1000, &err) == 0, "%s", err.text);
    CHECK(log_store_streams(fixture.store, &place, &streams, &count, &err) == 0);
    CHECK(count == 1 && strcmp(streams[0].name, "new") == 0);
    free(streams[0].name);
    free(streams);
    CHECK(access(leftover, F_OK) < 0);

    CHECK(log_store_expire(fixture.store, BASE_MS + 1001, &err) == 0);
    CHECK(log_store_streams(fixture.store, &place, &streams, &count, &err) == 0);
    CHECK(count == 0);
    free(streams);
    fixture_done(&fixture);
}
