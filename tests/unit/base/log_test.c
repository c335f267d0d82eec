/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "test.h"

/* What is written to stderr between capture() and captured(). */
static int kept_stderr, file;

static void capture(void)
{
    kept_stderr = dup(STDERR_FILENO);
    file = memfd_create("log", MFD_CLOEXEC);
    CHECK(kept_stderr >= 0 && file >= 0 && dup2(file, STDERR_FILENO) >= 0);
}

static struct buffer captured(void)
{
    struct buffer out = {0};
    dup2(kept_stderr, STDERR_FILENO);
    (void)close(kept_stderr);
    char *room = buffer_room(&out, 65536);
    ssize_t count = pread(file, room, 65536, 0);
    CHECK(count >= 0);
    buffer_added(&out, (size_t)count);
    (void)close(file);
    return out;
}

/* The line without its level and time: from " msg=" or ",\"msg\"" on. */
static const char *without_time(struct buffer *line, const char *from)
{
    const char *at = strstr(line->at, from);
    CHECK_MSG(at, "no %s in: %s", from, line->at);
    return at;
}

TEST(a_line_has_level_time_message_and_fields)
{
    capture();
    log_info("instance started", LOG_TEXT("function", "thumbnail"), LOG_NUM("pid", 4711));
    scoped(buffer_done) struct buffer line = captured();
    CHECK(text_starts(buffer_text(&line), TEXT("level=info at=20")));
    CHECK_TEXT(text_of(without_time(&line, " msg=")),
               " msg=\"instance started\" function=thumbnail pid=4711\n");
    CHECK(line.at[strlen("level=info at=2026-01-31T12:00:00.123")] == 'Z');
}

TEST(fields_are_not_needed)
{
    capture();
    log_warn("drained");
    scoped(buffer_done) struct buffer line = captured();
    CHECK(text_starts(buffer_text(&line), TEXT("level=warn ")));
    CHECK_TEXT(text_of(without_time(&line, " msg=")), " msg=drained\n");
}

TEST(values_are_quoted_and_escaped)
{
    static const struct {
        const char *value, *logfmt, *json;
    } rows[] = {
        {"plain-1.0/x:y", "plain-1.0/x:y", "\"plain-1.0/x:y\""},
        {"", "\"\"", "\"\""},
        {"a b", "\"a b\"", "\"a b\""},
        {"a=b", "\"a=b\"", "\"a=b\""},
        {"say \"x\"", "\"say \\\"x\\\"\"", "\"say \\\"x\\\"\""},
        {"back\\slash", "\"back\\\\slash\"", "\"back\\\\slash\""},
        {"a\nlevel=error", "\"a\\x0alevel=error\"", "\"a\\u000alevel=error\""},
        {"\x1b[31m\x7f", "\"\\x1b[31m\\x7f\"", "\"\\u001b[31m\\u007f\""},
        {"\xC2\x9B", "\"\\xc2\\x9b\"", "\"\\u009b\""},
        {"\xC3\xA4", "\"\xC3\xA4\"", "\"\xC3\xA4\""},
        {"\xFFx", "\"\\xffx\"", "\"\xEF\xBF\xBDx\""},
        {"%s%n", "%s%n", "\"%s%n\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        capture();
        log_info("m", LOG_TEXT("k", rows[i].value));
        log_configure(LEVEL_INFO, true);
        log_info("m", LOG_TEXT("k", rows[i].value));
        log_configure(LEVEL_INFO, false);
        scoped(buffer_done) struct buffer lines = captured();
        char expected[128];
        snprintf(expected, sizeof expected, " k=%s\n", rows[i].logfmt);
        CHECK_MSG(strstr(lines.at, expected), "%s in %s", expected, lines.at);
        snprintf(expected, sizeof expected, ",\"k\":%s}\n", rows[i].json);
        CHECK_MSG(strstr(lines.at, expected), "%s in %s", expected, lines.at);
    }
}

TEST(json_lines_are_json)
{
    struct error err = {ERROR_SYSTEM, "it \"broke\"\n"};
    log_configure(LEVEL_INFO, true);
    capture();
    log_error("cannot start", LOG_ERROR(&err), LOG_NUM("n", -5));
    scoped(buffer_done) struct buffer line = captured();
    log_configure(LEVEL_INFO, false);
    scoped(json_decref) json_t *json = json_parse(buffer_text(&line), &err);
    CHECK_MSG(json, "%s", line.at);
    CHECK_TEXT(json_text(json, "level"), "error");
    CHECK_TEXT(json_text(json, "msg"), "cannot start");
    CHECK_TEXT(json_text(json, "error"), "it \"broke\"\n");
    CHECK(json_int(json, "n", 0) == -5);
    CHECK(json_text(json, "at").len == 24);
}

TEST(lines_below_the_level_are_not_written)
{
    capture();
    log_debug("quiet");
    log_configure(LEVEL_ERROR, false);
    log_warn("quiet");
    log_error("loud");
    log_configure(LEVEL_INFO, false);
    scoped(buffer_done) struct buffer lines = captured();
    CHECK(!strstr(lines.at, "quiet"));
    CHECK(strstr(lines.at, "msg=loud\n"));
}

TEST(a_line_too_long_is_cut_and_still_whole)
{
    static const char *const pieces[] = {"x", "\"", "\n", "\xC3\xA4", "\xFF", "\xC2\x9B"};
    for (size_t i = 0; i < 2 * COUNT_OF(pieces); i++) {
        scoped(buffer_done) struct buffer value = {0};
        while (value.len < 6000)
            buffer_add_text(&value, text_of(pieces[i / 2]));
        log_configure(LEVEL_INFO, /* json= */ i % 2);
        capture();
        log_info("m", LOG_TEXT("long", value.at), LOG_TEXT("after", "x"), LOG_NUM("n", 5));
        scoped(buffer_done) struct buffer line = captured();
        log_configure(LEVEL_INFO, false);

        CHECK_MSG(line.len <= 4096 && line.len > 4000, "length %zu", line.len);
        CHECK(text_find(buffer_text(&line), '\n') == line.len - 1);
        CHECK(!strstr(line.at, "after"));
        struct error err;
        scoped(json_decref) json_t *json = i % 2 ? json_parse(buffer_text(&line), &err) : NULL;
        if (i % 2)
            CHECK(json && json_bool(json, "cut", false));
        else
            CHECK(text_ends(buffer_text(&line),
                            i < 2 ? TEXT("x cut=true\n") : TEXT("\" cut=true\n")));
    }
}

TEST(logging_keeps_errno)
{
    int kept = dup(STDERR_FILENO);
    (void)close(STDERR_FILENO);
    errno = ENOENT;
    log_error("nobody hears this");
    int after = errno;
    dup2(kept, STDERR_FILENO);
    (void)close(kept);
    CHECK(after == ENOENT);
}

TEST(a_failed_assertion_is_logged_and_ends_the_process)
{
    capture();
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        assert(1 + 1 == 3);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    scoped(buffer_done) struct buffer line = captured();
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(strstr(line.at, "msg=\"assertion failed\" expression=\"1 + 1 == 3\" file="));
}
