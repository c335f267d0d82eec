/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/scoped.h"
#include "base/nearest.h"

#define READ_STEP 65536

static const struct {
    const char *letter, *name;
} letters[] = {{"-f", "--follow"}, {"-q", "--quiet"}, {"-h", "--help"}};

static const char *whole_name(const char *arg)
{
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        if (strcmp(arg, letters[i].letter) == 0)
            return letters[i].name;
    return arg;
}

/* A lone "-" is a word: it stands for standard input. */
static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0';
}

/* "--name=value" in two; value is TEXT_NONE without "=". */
static struct argument split(const char *arg)
{
    const char *name = whole_name(arg);
    struct text rest = text_of(strncmp(name, "--", 2) == 0 ? name + 2 : name);
    size_t equals = text_find(rest, '=');

    return (struct argument){
        .name = text_slice(rest, 0, equals),
        .value = equals < rest.len ? text_skip(rest, equals + 1) : TEXT_NONE,
    };
}

int arguments_width(const char *arg, const struct option *options, const struct option *more)
{
    if (!is_option(arg))
        return 0;
    struct argument argument = split(arg);
    const struct option *row = option_find(options, argument.name);
    if (!row)
        row = option_find(more, argument.name);
    return row && *option_value_name(row) && !text_is_set(argument.value) ? 2 : 1;
}

static int fail_unknown(const struct arguments *arguments, struct text name, const char *arg,
                        struct error *err)
{
    struct nearest nearest = {.typed = name};
    char hint[NEAREST_HINT_MAX];

    option_offer(arguments->options, &nearest);
    option_offer(session_options, &nearest);
    return error_set(err, ERROR_INVALID, "there is no option '%s'%s", arg,
                     nearest_hint(&nearest, "--", hint));
}

static int set_option(struct arguments *arguments, struct session *session,
                      const struct argument *argument, struct error *err)
{
    bool own = option_find(arguments->options, argument->name) != NULL;

    if (option_set(own ? arguments->options : session_options,
                   own ? arguments->object : (void *)session, argument->name, argument->value,
                   err) < 0)
        return error_set(err, ERROR_INVALID, "option %s", err->text);
    if (own)
        arguments->given[arguments->given_count++] = *argument;
    return 0;
}

/* Returns how many arguments the option at argv[0] took. */
static int take_option(struct arguments *arguments, struct session *session, int argc, char **argv,
                       struct error *err)
{
    struct argument argument = split(argv[0]);
    int width = arguments_width(argv[0], arguments->options, session_options);

    if (!option_find(arguments->options, argument.name) &&
        !option_find(session_options, argument.name))
        return fail_unknown(arguments, argument.name, argv[0], err);
    if (width > argc)
        return error_set(err, ERROR_INVALID, "option '%s' needs a value", argv[0]);
    if (!text_is_set(argument.value))
        argument.value = width == 2 ? text_of(argv[1]) : TEXT("true");
    return set_option(arguments, session, &argument, err) < 0 ? -1 : width;
}

static int check_words(const struct arguments *arguments, struct error *err)
{
    if (arguments->word_count < arguments->least)
        return error_set(err, ERROR_INVALID, "an argument is missing");
    if (arguments->word_count > arguments->most)
        return error_set(err, ERROR_INVALID, "'%s' is one argument too many",
                         arguments->words[arguments->most]);
    return 0;
}

int arguments_parse(struct arguments *arguments, struct session *session, int argc, char **argv,
                    struct error *err)
{
    bool words_only = false;

    arguments->words = mem_zalloc((size_t)argc * sizeof *arguments->words);
    arguments->given = mem_zalloc((size_t)argc * sizeof *arguments->given);
    for (int at = 1; at < argc;) {
        if (words_only || !is_option(argv[at])) {
            arguments->words[arguments->word_count++] = argv[at++];
            continue;
        }
        if (strcmp(argv[at], "--") == 0) {
            words_only = true;
            at++;
            continue;
        }
        int width = take_option(arguments, session, argc - at, argv + at, err);
        if (width < 0)
            return -1;
        at += width;
    }
    session_wishes_known(session);
    return check_words(arguments, err);
}

void arguments_done(struct arguments *arguments)
{
    free(arguments->words);
    free(arguments->given);
    arguments->words = NULL;
    arguments->given = NULL;
    if (arguments->options)
        option_done(arguments->options, arguments->object);
}

bool arguments_next(const struct arguments *arguments, struct text name, size_t *cursor,
                    struct text *ret_value)
{
    while (*cursor < arguments->given_count) {
        const struct argument *argument = &arguments->given[(*cursor)++];
        if (text_equal(argument->name, name)) {
            *ret_value = argument->value;
            return true;
        }
    }
    return false;
}

bool arguments_has(const struct arguments *arguments, struct text name)
{
    size_t cursor = 0;
    struct text value;

    return arguments_next(arguments, name, &cursor, &value);
}

static int read_input(size_t max, struct buffer *ret, struct error *err)
{
    for (;;) {
        ssize_t count = read(STDIN_FILENO, buffer_room(ret, READ_STEP), READ_STEP);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_system(err, "cannot read the standard input");
        if (count == 0)
            return 0;
        buffer_added(ret, (size_t)count);
        if (ret->len > max)
            return error_set(err, ERROR_LIMIT, "the standard input is larger than %zu bytes", max);
    }
}

int arguments_read(const char *word, size_t max, struct buffer *ret, struct error *err)
{
    return strcmp(word, "-") == 0 ? read_input(max, ret, err) : path_read(word, max, ret, err);
}
