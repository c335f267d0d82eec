/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include <stddef.h>

#include "base/scoped.h"
#include "test.h"

struct settings {
    char *name;
    int64_t memory;
    bool follow, wait;
};

static const struct option options[] = {
    {"name", OPTION_STRING, offsetof(struct settings, name), NULL, 0, 0, "NAME", "a name"},
    {"memory", OPTION_INT, offsetof(struct settings, memory), NULL, 128, 1024, "MB", "memory"},
    {"follow", OPTION_BOOL, offsetof(struct settings, follow), NULL, 0, 0, "", "follow"},
    {"wait", OPTION_BOOL, offsetof(struct settings, wait), "true", 0, 0, "true|false", "wait"},
    {0},
};

#define ARGS_MAX 12

/* A command line, ended by NULL, and what should become of it. */
struct line {
    const char *args[ARGS_MAX];
    const char *want; /* the words joined by "|", or the error's text */
};

static int parse(const struct line *line, struct session *session, struct settings *settings,
                 struct arguments *arguments, struct error *err)
{
    char *argv[ARGS_MAX + 1] = {(char[]){"test"}};
    int argc = 1;

    for (; line->args[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)line->args[argc - 1];
    option_defaults(options, settings);
    *arguments = (struct arguments){.options = options, .object = settings, .least = 1, .most = 2};
    return arguments_parse(arguments, session, argc, argv, err);
}

TEST(words_and_options_may_be_mixed)
{
    static const struct line lines[] = {
        {{"a"}, "a"},
        {{"a", "b"}, "a|b"},
        {{"--name", "n", "a"}, "a"},
        {{"a", "--name=n", "b"}, "a|b"},
        {{"--follow", "a"}, "a"},
        {{"--wait", "false", "a"}, "a"},
        {{"-f", "a", "--json"}, "a"},
        {{"a", "-"}, "a|-"},
        {{"--", "--name", "-f"}, "--name|-f"},
        {{"--name", "--", "a"}, "a"},
        {{"--endpoint", "http://x", "a"}, "a"},
    };

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct session session;
        struct settings settings;
        scoped(arguments_done) struct arguments arguments = {0};
        scoped(buffer_done) struct buffer words = {0};
        struct error err = {0};

        session_init(&session, NULL);
        CHECK_MSG(parse(&lines[i], &session, &settings, &arguments, &err) == 0, "%s", err.text);
        for (size_t j = 0; j < arguments.word_count; j++)
            buffer_add_format(&words, "%s%s", j ? "|" : "", arguments.words[j]);
        CHECK_TEXT(buffer_text(&words), lines[i].want);
        session_done(&session);
    }
}

TEST(options_of_the_command_and_of_the_session_are_set)
{
    static const struct line line = {
        {"x", "--name=a=b", "--memory", "256", "-f", "--data", "/d", "--quiet", "--wait", "false"}, ""};
    struct session session;
    struct settings settings;
    scoped(arguments_done) struct arguments arguments = {0};
    struct error err;

    session_init(&session, NULL);
    CHECK(parse(&line, &session, &settings, &arguments, &err) == 0);
    CHECK_TEXT(text_of(settings.name), "a=b");
    CHECK(settings.memory == 256 && settings.follow && !settings.wait);
    CHECK_TEXT(text_of(session.data), "/d");
    CHECK(!session.json && session.quiet);
    session_done(&session);
}

TEST(an_option_that_repeats_keeps_all_its_values)
{
    static const struct line line = {{"x", "--name", "1", "--follow", "--name=2"}, ""};
    struct session session;
    struct settings settings;
    scoped(arguments_done) struct arguments arguments = {0};
    struct error err;
    struct text value;
    size_t cursor = 0;

    session_init(&session, NULL);
    CHECK(parse(&line, &session, &settings, &arguments, &err) == 0);
    CHECK(arguments_next(&arguments, TEXT("name"), &cursor, &value));
    CHECK_TEXT(value, "1");
    CHECK(arguments_next(&arguments, TEXT("name"), &cursor, &value));
    CHECK_TEXT(value, "2");
    CHECK(!arguments_next(&arguments, TEXT("name"), &cursor, &value));
    CHECK(arguments_has(&arguments, TEXT("follow")) && !arguments_has(&arguments, TEXT("memory")));
    session_done(&session);
}

TEST(a_wrong_line_is_refused_with_its_reason)
{
    static const struct line lines[] = {
        {{NULL}, "an argument is missing"},
        {{"a", "b", "c"}, "'c' is one argument too many"},
        {{"--nmae", "x"}, "there is no option '--nmae'; did you mean '--name'?"},
        {{"--jsno"}, "there is no option '--jsno'; did you mean '--json'?"},
        {{"--zzzzzz=1"}, "there is no option '--zzzzzz=1'"},
        {{"-x"}, "there is no option '-x'"},
        {{"a", "--name"}, "option '--name' needs a value"},
        {{"a", "--wait"}, "option '--wait' needs a value"},
        {{"a", "--memory", "1"}, "option 'memory' must be 128 to 1024"},
        {{"a", "--memory=much"}, "option 'memory' must be a whole number"},
        {{"a", "--follow=maybe"}, "option 'follow' must be true or false"},
    };

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct session session;
        struct settings settings;
        scoped(arguments_done) struct arguments arguments = {0};
        struct error err = {0};

        session_init(&session, NULL);
        CHECK(parse(&lines[i], &session, &settings, &arguments, &err) < 0);
        CHECK_TEXT(text_of(err.text), lines[i].want);
        session_done(&session);
    }
}
