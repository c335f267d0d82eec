/* SPDX-License-Identifier: Apache-2.0 */
#include "base/option.h"

#include <unistd.h>

#include "base/path.h"
#include "base/scoped.h"
#include "test.h"

struct settings {
    char *name, *folder;
    bool on;
    int64_t count, wait_ms, size_bytes, any;
};

static const struct option options[] = {
    {"name", OPTION_STRING, offsetof(struct settings, name), "evoke", 0, 0, NULL, "what it is"},
    {"folder", OPTION_STRING, offsetof(struct settings, folder), NULL, 0, 0, "DIR", "where"},
    {"on", OPTION_BOOL, offsetof(struct settings, on), "true", 0, 0, NULL, "whether"},
    {"count", OPTION_INT, offsetof(struct settings, count), "3", 1, 10, NULL, "how many | much"},
    {"wait", OPTION_MILLIS, offsetof(struct settings, wait_ms), "10s", 100, 7200000, NULL, "wait"},
    {"size", OPTION_BYTES, offsetof(struct settings, size_bytes), "64k", 1024, INT64_C(1) << 31,
     NULL, "size"},
    {"any", OPTION_INT, offsetof(struct settings, any), NULL, 0, 0, NULL, "any number"},
    {0},
};

static void settings_done_scoped(struct settings *settings)
{
    option_done(options, settings);
}

TEST(defaults_fill_the_object_whatever_it_held)
{
    scoped(settings_done) struct settings s;
    memset(&s, 0xA5, sizeof s);
    option_defaults(options, &s);
    CHECK(strcmp(s.name, "evoke") == 0);
    CHECK(s.folder == NULL);
    CHECK(s.on);
    CHECK(s.count == 3 && s.wait_ms == 10000 && s.size_bytes == 65536 && s.any == 0);
}

TEST(values_are_parsed_by_their_type)
{
    static const struct {
        const char *name, *value;
        size_t offset;
        int64_t number;
    } rows[] = {
        {"count", "10", offsetof(struct settings, count), 10},
        {"wait", "250", offsetof(struct settings, wait_ms), 250},
        {"wait", "250ms", offsetof(struct settings, wait_ms), 250},
        {"wait", "5s", offsetof(struct settings, wait_ms), 5000},
        {"wait", "3m", offsetof(struct settings, wait_ms), 180000},
        {"wait", "2h", offsetof(struct settings, wait_ms), 7200000},
        {"size", "2000", offsetof(struct settings, size_bytes), 2000},
        {"size", "64K", offsetof(struct settings, size_bytes), 65536},
        {"size", "10M", offsetof(struct settings, size_bytes), 10 << 20},
        {"size", "2G", offsetof(struct settings, size_bytes), INT64_C(1) << 31},
        {"any", "9223372036854775807", offsetof(struct settings, any), INT64_MAX},
    };
    scoped(settings_done) struct settings s = {0};
    struct error err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK(option_set(options, &s, text_of(rows[i].name), text_of(rows[i].value), &err) == 0);
        int64_t number;
        memcpy(&number, (char *)&s + rows[i].offset, sizeof number);
        CHECK_MSG(number == rows[i].number, "%s = %s", rows[i].name, rows[i].value);
    }
    CHECK(option_set(options, &s, TEXT("name"), TEXT("a"), &err) == 0);
    CHECK(option_set(options, &s, TEXT("name"), TEXT(""), &err) == 0);
    CHECK(strcmp(s.name, "") == 0);
    CHECK(option_set(options, &s, TEXT("on"), TEXT("true"), &err) == 0 && s.on);
    CHECK(option_set(options, &s, TEXT("on"), TEXT("false"), &err) == 0 && !s.on);
}

TEST(bad_values_are_refused_with_the_reason)
{
    static const struct {
        const char *name;
        struct text value;
        const char *text;
    } rows[] = {
        {"count", {"0", 1}, "'count' must be 1 to 10"},
        {"count", {"11", 2}, "'count' must be 1 to 10"},
        {"count", {"99999999999999999999", 20}, "'count' must be 1 to 10"},
        {"count", {"", 0}, "'count' must be a whole number"},
        {"count", {"1k", 2}, "'count' must be a whole number"},
        {"count", {"-1", 2}, "'count' must be a whole number"},
        {"wait", {"99", 2}, "'wait' must be 100ms to 2h"},
        {"wait", {"3h", 2}, "'wait' must be 100ms to 2h"},
        {"wait", {"9223372036854775807h", 20}, "'wait' must be 100ms to 2h"},
        {"wait", {"10 s", 4}, "'wait' must be a duration such as 250ms, 10s, 5m or 2h"},
        {"wait", {"10d", 3}, "'wait' must be a duration such as 250ms, 10s, 5m or 2h"},
        {"wait", {"s", 1}, "'wait' must be a duration such as 250ms, 10s, 5m or 2h"},
        {"size", {"1", 1}, "'size' must be 1k to 2G"},
        {"size", {"1.5k", 4}, "'size' must be a size such as 64k, 10M or 1G"},
        {"any", {"9223372036854775808", 19}, "'any' must be at least 0"},
        {"on", {"yes", 3}, "'on' must be true or false"},
        {"on", {NULL, 0}, "'on' must be true or false"},
        {"name", {"a\0b", 3}, "'name' may not contain a NUL"},
    };
    scoped(settings_done) struct settings s = {0};
    option_defaults(options, &s);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = {0};
        CHECK_MSG(option_set(options, &s, text_of(rows[i].name), rows[i].value, &err) < 0, "%s",
                  rows[i].text);
        CHECK(err.code == ERROR_INVALID);
        CHECK_TEXT(text_of(err.text), rows[i].text);
    }
    CHECK(s.count == 3 && s.wait_ms == 10000 && s.size_bytes == 65536 && s.on);
    CHECK(strcmp(s.name, "evoke") == 0);
}

TEST(an_unknown_name_is_not_found)
{
    struct settings s = {0};
    struct error err;
    CHECK(option_set(options, &s, TEXT("nam"), TEXT("x"), &err) < 0);
    CHECK(err.code == ERROR_NOT_FOUND);
    CHECK_TEXT(text_of(err.text), "unknown setting 'nam'; did you mean 'name'?");
    CHECK(option_set(options, &s, TEXT("quite-other"), TEXT("x"), &err) < 0);
    CHECK_TEXT(text_of(err.text), "unknown setting 'quite-other'");
}

/* Reads content as a configuration file; the path stands for "FILE" in the error. */
static int read_file(struct settings *s, struct text content, struct error *err)
{
    char path[] = "/tmp/evoke-option-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK(write(fd, content.at, content.len) == (ssize_t)content.len);
    (void)close(fd);
    option_defaults(options, s);
    int result = option_read_file(options, s, path, err);
    unlink(path);
    if (result < 0) {
        CHECK(text_starts(text_of(err->text), text_of(path)));
        memmove(err->text, err->text + strlen(path), strlen(err->text) - strlen(path) + 1);
    }
    return result;
}

TEST(a_file_sets_what_it_names)
{
    scoped(settings_done) struct settings s;
    struct error err = {0};
    int result = read_file(&s,
                           TEXT("# all of it\r\n"
                                "\n"
                                "  name = \"a # \\\"b\\\" \\\\ c\"  # comment\r\n"
                                "\tfolder=/var/lib/evoke data\t# comment\n"
                                "count=7\n"
                                "   # another\n"
                                "on = false\n"
                                "wait = 1m"),
                           &err);
    CHECK_MSG(result == 0, "%s", err.text);
    CHECK_TEXT(text_of(s.name), "a # \"b\" \\ c");
    CHECK_TEXT(text_of(s.folder), "/var/lib/evoke data");
    CHECK(s.count == 7 && !s.on && s.wait_ms == 60000 && s.size_bytes == 65536);
}

TEST(an_empty_file_and_an_empty_value_are_fine)
{
    scoped(settings_done) struct settings s;
    struct error err;
    CHECK(read_file(&s, TEXT(""), &err) == 0);
    CHECK(strcmp(s.name, "evoke") == 0);
    option_done(options, &s);
    CHECK(read_file(&s, TEXT("name = \"\"\n"), &err) == 0);
    CHECK(strcmp(s.name, "") == 0);
}

TEST(errors_in_a_file_name_line_and_column)
{
    static const struct {
        const char *content, *text;
        enum error_code code;
    } rows[] = {
        {"count = 3\n  weather = 1\n", ":2:3: unknown setting 'weather'", ERROR_NOT_FOUND},
        {"\n\ncount = 11", ":3:9: 'count' must be 1 to 10", ERROR_INVALID},
        {"count = \"11\"", ":1:9: 'count' must be 1 to 10", ERROR_INVALID},
        {"count 3", ":1:7: expected '=' after 'count'", ERROR_INVALID},
        {"count", ":1:6: expected '=' after 'count'", ERROR_INVALID},
        {" = 3", ":1:2: expected 'name = value'", ERROR_INVALID},
        {"[section]", ":1:1: expected 'name = value'", ERROR_INVALID},
        {"name = ", ":1:7: 'name' has no value; write \"\" for an empty one", ERROR_INVALID},
        {"name = # x", ":1:8: 'name' has no value; write \"\" for an empty one", ERROR_INVALID},
        {"name = \"abc", ":1:8: the closing quote is missing", ERROR_INVALID},
        {"name = \"a\" b", ":1:12: nothing may follow the closing quote", ERROR_INVALID},
        {"name = \"a\\n\"", ":1:10: only \\\" and \\\\ are escapes", ERROR_INVALID},
        {"name = \"a\\", ":1:10: only \\\" and \\\\ are escapes", ERROR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        scoped(settings_done) struct settings s;
        struct error err = {0};
        CHECK_MSG(read_file(&s, text_of(rows[i].content), &err) < 0, "row %zu", i);
        CHECK_TEXT(text_of(err.text), rows[i].text);
        CHECK(err.code == rows[i].code);
    }
}

TEST(an_absent_file_is_not_found)
{
    struct settings s = {0};
    struct error err;
    CHECK(option_read_file(options, &s, "/nonexistent/evoke.conf", &err) < 0);
    CHECK(err.code == ERROR_NOT_FOUND);
}

TEST(the_table_is_its_own_documentation)
{
    scoped(buffer_done) struct buffer help = {0}, markdown = {0};
    option_help(options, &help);
    option_markdown(options, &markdown);
    CHECK(strstr(help.at, "  --name TEXT       what it is (default evoke)\n"));
    CHECK(strstr(help.at, "  --folder DIR      where\n"));
    CHECK(strstr(help.at, "  --on true|false   whether (default true)\n"));
    CHECK(strstr(markdown.at, "| `on` | true\\|false | `true` | whether |\n"));
    CHECK(strstr(markdown.at, "| `folder` | DIR | | where |\n"));
    CHECK(strstr(markdown.at, "| `count` | NUMBER | `3` | how many \\| much |\n"));
}
