/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"

/*
 * Takes the JSON of a pattern apart, one token a call. AWS's error texts hold the place
 * where Jackson, the parser it uses, happens to stand, so this one stands in the same places:
 * behind a bracket, a number or a word, but behind the opening quote of a string until
 * somebody wants its text; and behind a name it has begun the value already.
 */
enum token {
    TOKEN_NONE, /* the end of the text, or failed */
    TOKEN_OBJECT,
    TOKEN_OBJECT_END,
    TOKEN_ARRAY,
    TOKEN_ARRAY_END,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_WORD, /* true, false, null */
};

#define LEXER_DEPTH_MAX 1000 /* Jackson's */

struct lexer {
    struct text source;
    const char *at, *end;
    char *decoded; /* where the next text goes: together they are no longer than the source */
    enum token token;
    enum token ahead;             /* behind a name: the value that was begun */
    bool in_string;               /* the token is a string whose text was not wanted yet */
    struct text text, ahead_text; /* of a name, a number or a word */
    size_t depth;
    struct lexer_level {
        const char *opened;
        bool is_object, has_entries;
    } levels[LEXER_DEPTH_MAX];
    bool failed;
    bool is_too_complex;   /* a wildcard is: told when nothing else is wrong */
    struct buffer message; /* why, with the place; the first line is the reason */
    size_t reason_len;
};

void lexer_init(struct lexer *lexer, struct text source, struct arena *arena);
void lexer_done(struct lexer *lexer);

/* TOKEN_NONE at the end, and when it failed. */
enum token lexer_next(struct lexer *lexer);

/* The text of the current token: a string's or a name's with its escapes decoded, else as
 * it stands in the source. Lasts as long as the arena. TEXT_NONE when a string is broken. */
struct text lexer_text(struct lexer *lexer);

/* Each sets why the pattern is refused, once: what comes later is ignored. -1. */
int lexer_fail(struct lexer *lexer, const char *format, ...) __attribute__((format(printf, 2, 3)));
int lexer_fail_nowhere(struct lexer *lexer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* AWS says the place twice when an error passes through a list. -1. */
int lexer_fail_again(struct lexer *lexer);
