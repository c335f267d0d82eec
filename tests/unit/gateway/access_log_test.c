/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "base/path.h"
#include "fixture.h"

static const struct access_entry plain = {
    .peer = TEXT("192.0.2.7"),
    .time = TEXT("31/Jan/2026:12:00:00 +0000"),
    .method = TEXT("GET"),
    .target = TEXT("/a?b"),
    .agent = TEXT("curl/8"),
    .function = TEXT("hello"),
    .request_id = TEXT("id-1"),
    .status = 200,
    .bytes = 5,
    .us = 1234,
};

struct place {
    char folder[32];
    char *path;
    struct loop *loop;
    struct access_log *log;
};

static void init(struct place *place)
{
    memcpy(place->folder, "/tmp/access_log_XXXXXX", sizeof "/tmp/access_log_XXXXXX");
    CHECK(mkdtemp(place->folder));
    place->path = path_join(place->folder, "access.log");
    place->loop = loop_new("test");
    place->log = access_log_new(place->loop, place->path, NULL);
}

static void done(struct place *place)
{
    struct error err;

    access_log_free(place->log);
    loop_free(place->loop);
    CHECK(path_remove_tree(place->folder, &err) == 0);
    free(place->path);
}

static void check_file(const struct place *place, const char *want)
{
    scoped(buffer_done) struct buffer content = {0};
    struct error err;

    CHECK_MSG(path_read(place->path, 16 << 20, &content, &err) == 0, "%s", err.text);
    CHECK_TEXT(buffer_text(&content), want);
}

#define PLAIN_LINE                                                                             \
    "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET /a?b HTTP/1.1\" 200 5 \"-\" \"curl/8\" " \
    "hello id-1 1.234\n"

TEST(a_line_is_written_in_the_combined_format)
{
    struct access_entry left = plain;
    struct place place;

    init(&place);
    access_log_add(place.log, &plain);
    left.status = 0;
    left.user = TEXT("AKIAX");
    left.referer = TEXT("http://r/");
    left.function = left.request_id = left.agent = TEXT_NONE;
    left.us = 12000005;
    access_log_add(place.log, &left);
    access_log_flush(place.log);
    check_file(&place,
               PLAIN_LINE "192.0.2.7 - AKIAX [31/Jan/2026:12:00:00 +0000] \"GET /a?b HTTP/1.1\" "
                          "499 5 \"http://r/\" \"-\" - - 12000.005\n");
    done(&place);
}

TEST(a_refused_request_says_why)
{
    struct access_entry refused = {.peer = plain.peer,
                                   .time = plain.time,
                                   .method = TEXT("\x16\x03"),
                                   .refusal = TEXT("The Transfer-Encoding is not \"chunked\"."),
                                   .status = 400,
                                   .bytes = 17,
                                   .us = 42};
    struct place place;

    init(&place);
    access_log_add(place.log, &refused);
    access_log_flush(place.log);
    check_file(&place,
               "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"\\x16\\x03 - HTTP/1.1\" 400 17 "
               "\"-\" \"-\" - - 0.042 \"The Transfer-Encoding is not "
               "\\x22chunked\\x22.\"\n");
    done(&place);
}

TEST(a_request_that_could_not_be_served_says_why)
{
    struct access_entry failed = plain;
    struct place place;

    init(&place);
    failed.function = TEXT_NONE;
    failed.status = 500;
    failed.integration_error = TEXT("there is no such function");
    access_log_add(place.log, &failed);
    failed.status = 404; /* the integration's own */
    access_log_add(place.log, &failed);
    access_log_flush(place.log);
    check_file(&place,
               "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET /a?b HTTP/1.1\" 500 5 \"-\" "
               "\"curl/8\" - id-1 1.234 \"there is no such function\"\n"
               "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET /a?b HTTP/1.1\" 404 5 \"-\" "
               "\"curl/8\" - id-1 1.234\n");
    done(&place);
}

TEST(no_client_can_forge_a_line)
{
    struct access_entry forged = plain;
    struct place place;

    init(&place);
    forged.target = TEXT("/\"\n6.6.6.6");
    forged.agent = TEXT("\x1b[31m\\\xff");
    access_log_add(place.log, &forged);
    access_log_flush(place.log);
    check_file(&place, "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] "
                       "\"GET /\\x22\\x0a6.6.6.6 HTTP/1.1\" 200 5 \"-\" "
                       "\"\\x1b[31m\\x5c\\xff\" hello id-1 1.234\n");
    done(&place);
}

TEST(a_long_word_is_cut_off)
{
    static char target[10000];
    struct access_entry entry = plain;
    struct stat status;
    struct place place;

    init(&place);
    memset(target, 'a', sizeof target);
    entry.target = text_from(target, sizeof target);
    access_log_add(place.log, &entry);
    access_log_flush(place.log);
    CHECK(stat(place.path, &status) == 0 && status.st_size < 3000);
    done(&place);
}

/* Stops the loop once the file is there: the log's own timer must have written it. */
struct waiter {
    struct loop_timer timer;
    struct loop *loop;
    const char *path;
};

static void on_look(struct loop_timer *timer)
{
    struct waiter *waiter = container_of(timer, struct waiter, timer);

    if (access(waiter->path, F_OK) == 0)
        loop_stop(waiter->loop);
    else
        loop_timer_set(waiter->loop, timer, 5);
}

TEST(lines_are_written_by_themselves_after_a_while)
{
    struct place place;

    init(&place);
    struct waiter waiter = {.timer.fire = on_look, .loop = place.loop, .path = place.path};
    access_log_add(place.log, &plain);
    loop_timer_set(place.loop, &waiter.timer, 5);
    loop_run(place.loop);
    access_log_add(place.log, &plain);
    access_log_flush(place.log); /* waits for the pool, if it still writes */
    check_file(&place, PLAIN_LINE PLAIN_LINE);
    done(&place);
}

TEST(many_lines_arrive_whole_and_once)
{
    scoped(buffer_done) struct buffer content = {0};
    struct error err;
    struct place place;
    size_t lines = 20000, seen = 0;

    init(&place);
    struct waiter waiter = {.timer.fire = on_look, .loop = place.loop, .path = place.path};
    for (size_t i = 0; i < lines; i++)
        access_log_add(place.log, &plain);
    loop_timer_set(place.loop, &waiter.timer, 1);
    loop_run(place.loop);
    access_log_flush(place.log);
    CHECK(path_read(place.path, 16 << 20, &content, &err) == 0);
    struct text rest = buffer_text(&content), line;
    while (text_split(&rest, '\n', &line)) {
        CHECK(line.len == sizeof PLAIN_LINE - 2);
        seen++;
    }
    CHECK_MSG(seen == lines, "%zu", seen);
    done(&place);
}

TEST(a_disk_that_does_not_keep_up_costs_lines_and_not_memory)
{
    struct stat status;
    struct place place;

    init(&place);
    for (size_t i = 0; i < 100000; i++) /* 10 MB; the loop does not run, so nothing is taken */
        access_log_add(place.log, &plain);
    access_log_flush(place.log);
    CHECK(stat(place.path, &status) == 0 && status.st_size < 5 << 20);
    done(&place);
}
