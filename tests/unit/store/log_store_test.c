/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_store_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "model/limits.h"
#include "test.h"

#define ACCOUNT "000000000000"
#define REGION "us-east-1"
#define GROUP "/aws/lambda/thumbnail"
#define STREAM "2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef"
#define BASE_MS INT64_C(1769860800000)

static const struct log_place place = {TEXT(ACCOUNT), TEXT(REGION), TEXT(GROUP)};

/* A data folder, a store, and a writer on a loop of its own. What a step does runs on that
 * loop; the test goes on when all of it has been flushed. */
struct fixture {
    char folder[64];
    struct log_store *store;
    struct loop *loop;
    struct log_writer *writer;
    struct log_stream *stream;
    struct loop_message message;
    void (*step)(struct fixture *fixture, const void *arg);
    const void *arg;
    bool returned; /* log_writer_flush() has */
    sem_t flushed;
    struct watch *watch;
};

static void on_flushed(void *arg)
{
    struct fixture *fixture = arg;

    assert(fixture->returned);
    sem_post(&fixture->flushed);
}

static void on_step(struct loop_message *message)
{
    struct fixture *fixture = container_of(message, struct fixture, message);

    fixture->step(fixture, fixture->arg);
    fixture->returned = false;
    log_writer_flush(fixture->writer, on_flushed, fixture);
    fixture->returned = true;
}

static void run(struct fixture *fixture, void (*step)(struct fixture *fixture, const void *arg),
                const void *arg)
{
    fixture->step = step;
    fixture->arg = arg;
    fixture->message.run = on_step;
    loop_post(fixture->loop, &fixture->message);
    while (sem_wait(&fixture->flushed) < 0)
        ;
}

static void open_writer(struct fixture *fixture, const void *arg)
{
    fixture->writer = log_writer_new(fixture->store, fixture->loop);
}

static void open_named(struct fixture *fixture, const void *arg)
{
    fixture->stream = log_stream_open(fixture->writer, place.account, place.region, place.group,
                                      text_of(arg ? arg : STREAM));
}

static void close_stream(struct fixture *fixture, const void *arg)
{
    log_stream_close(take(fixture->stream));
}

static void add_text(struct fixture *fixture, const void *arg)
{
    log_stream_add(fixture->stream, BASE_MS, text_of(arg));
}

static void fixture_init(struct fixture *fixture)
{
    struct error err;

    memcpy(fixture->folder, "/tmp/evoke-logs-XXXXXX", 23);
    CHECK(mkdtemp(fixture->folder));
    CHECK(sem_init(&fixture->flushed, 0, 0) == 0);
    fixture->store = log_store_open(fixture->folder, &err);
    CHECK_MSG(fixture->store, "%s", err.text);
    fixture->loop = loop_new("logs");
    CHECK(loop_start(fixture->loop, &err) == 0);
    run(fixture, open_writer, NULL);
}

static void fixture_done(struct fixture *fixture)
{
    struct error err;

    loop_stop(fixture->loop);
    loop_join(fixture->loop);
    log_writer_free(fixture->writer);
    loop_free(fixture->loop);
    log_store_free(fixture->store);
    sem_destroy(&fixture->flushed);
    CHECK(path_remove_tree(fixture->folder, &err) == 0);
}

/* What a stream holds: "ms:message\n" for each record, ms counted from BASE_MS. */
struct reading {
    struct buffer text;
    size_t count, stop_after;
    uint64_t next, last_offset;
};

static int on_record(void *arg, const struct log_record *record)
{
    struct reading *reading = arg;

    buffer_add_format(&reading->text, "%lld:%.*s\n", (long long)(record->at_ms - BASE_MS),
                      TEXT_ARG(record->message));
    reading->last_offset = record->offset;
    return ++reading->count == reading->stop_after;
}

static void reading_done_scoped(struct reading *reading)
{
    buffer_done(&reading->text);
}

static struct reading read_from(const struct fixture *fixture, const char *stream, uint64_t offset,
                                int64_t from, int64_t to)
{
    struct reading reading = {0};
    struct error err = {0};

    CHECK_MSG(log_store_read(fixture->store, &place, text_of(stream), offset, from, to, on_record,
                             &reading, &reading.next, &err) == 0,
              "%s", err.text);
    if (!reading.text.at)
        buffer_add(&reading.text, "", 0);
    return reading;
}

static struct reading read_whole(const struct fixture *fixture)
{
    return read_from(fixture, STREAM, 0, 0, INT64_MAX);
}

static char *stream_file(const struct fixture *fixture, const char *stream)
{
    scoped(free) char *group = log_group_path(fixture->store, &place);

    return log_stream_path(group, text_of(stream));
}

static void add_three(struct fixture *fixture, const void *arg)
{
    open_named(fixture, arg);
    log_stream_add(fixture->stream, BASE_MS + 5, TEXT("START\n"));
    char *room = log_stream_begin(fixture->stream, 100);
    memcpy(room, "in place", 8);
    log_stream_end(fixture->stream, BASE_MS + 7, 8);
    log_stream_add(fixture->stream, BASE_MS + 9, TEXT_NONE);
    close_stream(fixture, NULL);
}

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

static void add_large(struct fixture *fixture, const void *arg)
{
    const size_t len = 2 * LIMIT_LOG_LINE + 10;
    scoped(free) char *message = mem_alloc(len);

    memset(message, 'm', len);
    open_named(fixture, NULL);
    log_stream_add(fixture->stream, BASE_MS, text_from(message, len));
    log_stream_add(fixture->stream, BASE_MS, text_from(message, LIMIT_LOG_LINE));
    close_stream(fixture, NULL);
}

static int add_length(void *arg, const struct log_record *record)
{
    buffer_add_format(arg, "%zu ", record->message.len);
    return 0;
}

TEST(a_message_beyond_the_limit_becomes_several)
{
    struct fixture fixture = {0};
    scoped(buffer_done) struct buffer lengths = {0};
    struct error err;
    uint64_t next;

    fixture_init(&fixture);
    run(&fixture, add_large, NULL);
    CHECK(log_store_read(fixture.store, &place, TEXT(STREAM), 0, 0, INT64_MAX, add_length, &lengths,
                         &next, &err) == 0);
    CHECK_TEXT(buffer_text(&lengths), "262144 262144 10 262144 ");
    fixture_done(&fixture);
}

#define MANY_STREAMS 300
#define MANY_RECORDS 40

static void add_many(struct fixture *fixture, const void *arg)
{
    struct log_stream *streams[MANY_STREAMS];
    char name[32], message[64];

    for (int i = 0; i < MANY_STREAMS; i++) {
        snprintf(name, sizeof name, "stream/%03d", i);
        open_named(fixture, name);
        streams[i] = take(fixture->stream);
    }
    for (int r = 0; r < MANY_RECORDS; r++)
        for (int i = 0; i < MANY_STREAMS; i++) {
            int len = snprintf(message, sizeof message, "record %d of %d", r, i);
            log_stream_add(streams[i], BASE_MS + r, text_from(message, (size_t)len));
        }
    for (int i = 0; i < MANY_STREAMS; i++)
        log_stream_close(streams[i]);
}

TEST(many_streams_are_written_with_few_descriptors)
{
    struct fixture fixture = {0};
    struct rlimit before, few;
    struct error err = {0};

    fixture_init(&fixture);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few = (struct rlimit){.rlim_cur = 40, .rlim_max = before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    run(&fixture, add_many, NULL);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);

    struct log_stream_info *streams;
    size_t count;
    CHECK(log_store_streams(fixture.store, &place, &streams, &count, &err) == 0);
    CHECK(count == MANY_STREAMS);
    for (size_t i = 0; i < count; i++) {
        scoped(reading_done) struct reading reading =
            read_from(&fixture, streams[i].name, 0, 0, INT64_MAX);
        CHECK(reading.count == MANY_RECORDS);
        scoped(free) char *last =
            mem_format("%d:record %d of %zu\n", MANY_RECORDS - 1, MANY_RECORDS - 1, i);
        CHECK(text_ends(buffer_text(&reading.text), text_of(last)));
        CHECK(streams[i].first_ms == BASE_MS && streams[i].created_ms == BASE_MS);
        CHECK(streams[i].last_ms == BASE_MS + MANY_RECORDS - 1);
        free(streams[i].name);
    }
    free(streams);
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

/* --- a disk that is full --- */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void hush(bool on)
{
    static int before = -1;

    if (on) {
        before = dup(STDERR_FILENO);
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        CHECK(before >= 0 && null >= 0 && dup2(null, STDERR_FILENO) >= 0);
        close(null);
    } else {
        CHECK(dup2(before, STDERR_FILENO) >= 0);
        close(before);
    }
}

TEST(a_full_disk_costs_records_and_a_later_one_tells_how_many)
{
    struct fixture fixture = {0};

    fixture_init(&fixture);
    run(&fixture, open_named, NULL);
    run(&fixture, add_text, "before");
    hush(true);
    limit_file_size(40); /* the next record fits in part */
    run(&fixture, add_text, "lost");
    run(&fixture, add_text, "lost, too");
    scoped(reading_done) struct reading full = read_whole(&fixture);
    limit_file_size(RLIM_INFINITY);
    run(&fixture, add_text, "after");
    hush(false);
    CHECK_TEXT(buffer_text(&full.text), "0:before\n");
    scoped(reading_done) struct reading reading = read_whole(&fixture);
    CHECK_TEXT(buffer_text(&reading.text),
               "0:before\n"
               "0:EVOKE 2 log records before this one could not be written and are lost\n\n"
               "0:after\n");
    run(&fixture, close_stream, NULL);
    fixture_done(&fixture);
}

static void do_nothing(struct fixture *fixture, const void *arg)
{
}

TEST(lost_records_are_told_even_if_no_other_comes)
{
    struct fixture fixture = {0};

    fixture_init(&fixture);
    run(&fixture, open_named, NULL);
    hush(true);
    limit_file_size(0);
    run(&fixture, add_text, "lost");
    limit_file_size(RLIM_INFINITY);
    run(&fixture, do_nothing, NULL); /* flushes */
    hush(false);
    scoped(reading_done) struct reading reading = read_whole(&fixture);
    CHECK_TEXT(buffer_text(&reading.text),
               "0:EVOKE 1 log records before this one could not be written and are lost\n\n");
    run(&fixture, close_stream, NULL);
    fixture_done(&fixture);
}

static void add_and_close(struct fixture *fixture, const void *arg)
{
    add_text(fixture, arg);
    close_stream(fixture, NULL);
}

TEST(a_stream_closes_on_a_full_disk)
{
    struct fixture fixture = {0};

    fixture_init(&fixture);
    run(&fixture, open_named, NULL);
    hush(true);
    limit_file_size(0);
    run(&fixture, add_and_close, "lost");
    limit_file_size(RLIM_INFINITY);
    hush(false);
    fixture_done(&fixture); /* log_writer_free() checks that no stream is left */
}

#define FLOOD 40000

/* 20 MB in one step: more than a writer holds. */
static void flood(struct fixture *fixture, const void *arg)
{
    char message[512];

    memset(message, 'f', sizeof message);
    open_named(fixture, NULL);
    for (int i = 0; i < FLOOD; i++)
        log_stream_add(fixture->stream, BASE_MS + i, text_from(message, sizeof message));
}

static int count_flood(void *arg, const struct log_record *record)
{
    size_t *count = arg;

    *count += record->message.len == 512;
    return 0;
}

TEST(memory_is_bounded_and_the_rest_is_told)
{
    struct fixture fixture = {0};
    struct error err;
    uint64_t next;
    size_t kept = 0;

    fixture_init(&fixture);
    hush(true);
    run(&fixture, flood, NULL);
    run(&fixture, add_text, "after");
    hush(false);
    CHECK(log_store_read(fixture.store, &place, TEXT(STREAM), 0, 0, INT64_MAX, count_flood, &kept,
                         &next, &err) == 0);
    CHECK_MSG(kept > FLOOD / 2 && kept < FLOOD, "%zu kept", kept);
    scoped(free) char *told = mem_format("EVOKE %zu log records before this one", FLOOD - kept);
    scoped(buffer_done) struct buffer whole = {0};
    scoped(free) char *path = stream_file(&fixture, STREAM);
    CHECK(path_read(path, 32 << 20, &whole, &err) == 0);
    CHECK(text_find_text(buffer_text(&whole), text_of(told)) < whole.len);
    run(&fixture, close_stream, NULL);
    fixture_done(&fixture);
}

/* --- groups and names --- */

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
    add_and_close(fixture, arg);
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

/* --- flushing by itself --- */

/* Watches the file from the loop until the record is there: nobody calls flush. */
struct watch {
    struct fixture *fixture;
    struct loop_timer timer;
    char *path;
};

static void on_watch(struct loop_timer *timer)
{
    struct watch *watch = container_of(timer, struct watch, timer);
    struct stat status;

    if (stat(watch->path, &status) == 0 && status.st_size > 0)
        sem_post(&watch->fixture->flushed);
    else
        loop_timer_set(watch->fixture->loop, timer, 1);
}

static void on_watched_add(struct loop_message *message)
{
    struct fixture *fixture = container_of(message, struct fixture, message);
    struct watch *watch = fixture->watch;

    open_named(fixture, NULL);
    add_text(fixture, "in time");
    watch->timer.fire = on_watch;
    loop_timer_set(fixture->loop, &watch->timer, 1);
}

TEST(records_are_flushed_in_time_by_themselves)
{
    struct fixture fixture = {0};
    struct watch watch = {.fixture = &fixture};

    fixture_init(&fixture);
    watch.path = stream_file(&fixture, STREAM);
    fixture.watch = &watch;
    fixture.message.run = on_watched_add;
    loop_post(fixture.loop, &fixture.message);
    while (sem_wait(&fixture.flushed) < 0)
        ;
    scoped(reading_done) struct reading reading = read_whole(&fixture);
    CHECK_TEXT(buffer_text(&reading.text), "0:in time\n");
    run(&fixture, close_stream, NULL);
    free(watch.path);
    fixture_done(&fixture);
}
