/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/option.h"
#include "base/text.h"
#include "cli/session.h"

/*
 * A command line taken apart: options go to the fields their rows name, the rest are
 * words. Every command knows the options of the session (session_options) too, and its
 * own come first. Forms: --name VALUE, --name=VALUE; a switch (OPTION_BOOL) stands alone or
 * as --name=true|false; -f, -q and -h are --follow, --quiet and --help; behind -- are
 * only words.
 */
struct argument {
    struct text name, value;
};

struct arguments {
    /* Given */
    const struct option *options; /* of the command, NULL: none */
    void *object;                 /* whose fields they are; defaults are set */
    size_t least, most;           /* how many words there may be */
    /* Result; borrowed from argv. */
    const char **words;
    size_t word_count;
    struct argument *given; /* the command's options in their order, for those that repeat */
    size_t given_count;
};

/* Fails with ERROR_INVALID. Also tells the session's terminal what was wished. */
int arguments_parse(struct arguments *arguments, struct session *session, int argc, char **argv,
                    struct error *err);
/* Frees the lists and the strings of object. */
void arguments_done(struct arguments *arguments);

/* The next value of an option that may repeat; start with *cursor 0. */
bool arguments_next(const struct arguments *arguments, struct text name, size_t *cursor,
                    struct text *ret_value);
bool arguments_has(const struct arguments *arguments, struct text name);

/* Appends what is in the file that the word names, "-" being standard input, to *ret. Fails with
 * ERROR_LIMIT for more than max bytes, and as path_read() does. */
int arguments_read(const char *word, size_t max, struct buffer *ret, struct error *err);

/* How many of argv[at...] an option of those tables takes: 1 or 2; 0: it is a word. */
int arguments_width(const char *arg, const struct option *options, const struct option *more);

static inline void arguments_done_scoped(struct arguments *arguments)
{
    arguments_done(arguments);
}
