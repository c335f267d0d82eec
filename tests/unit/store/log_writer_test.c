/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "log_world.h"
#include "model/limits.h"

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

/* --- flushing by itself --- */

/* Watches the file from the loop until the record is there: nobody calls flush. */
struct watch {
    struct fixture *fixture;
    struct loop_message message;
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
    struct watch *watch = container_of(message, struct watch, message);

    open_named(watch->fixture, NULL);
    add_text(watch->fixture, "in time");
    watch->timer.fire = on_watch;
    loop_timer_set(watch->fixture->loop, &watch->timer, 1);
}

TEST(records_are_flushed_in_time_by_themselves)
{
    struct fixture fixture = {0};
    struct watch watch = {.fixture = &fixture, .message.run = on_watched_add};

    fixture_init(&fixture);
    watch.path = stream_file(&fixture, STREAM);
    loop_post(fixture.loop, &watch.message);
    while (sem_wait(&fixture.flushed) < 0)
        ;
    scoped(reading_done) struct reading reading = read_whole(&fixture);
    CHECK_TEXT(buffer_text(&reading.text), "0:in time\n");
    run(&fixture, close_stream, NULL);
    free(watch.path);
    fixture_done(&fixture);
}
