/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "guard/filter_priv.h"

/*
 * What is to be hidden is cut out of the text, so that all else stays as it came, also what a
 * document in memory would not keep: numbers of many digits, blanks. The text is JSON, which has
 * been checked before. Each step of a path is one level down, so which paths a value may be on
 * is a set with a bit for each.
 */
typedef unsigned __int128 path_set;
_Static_assert(FILTER_PATHS_MAX <= 128, "a path has a bit");

#define MASK_KEPT 4 /* characters at the end */

struct rewriting {
    const struct filter_paths *paths;
    struct text source;
    size_t at, copied; /* what was read, what went out or was cut */
    struct buffer *out;
    bool is_hidden;
};

/* --- reading --- */

static char peek(struct rewriting *rewriting)
{
    const struct text source = rewriting->source;

    while (rewriting->at < source.len && strchr(" \t\r\n", source.at[rewriting->at]))
        rewriting->at++;
    return rewriting->at < source.len ? source.at[rewriting->at] : '\0';
}

/* With its quotes. */
static struct text take_string(struct rewriting *rewriting)
{
    const struct text source = rewriting->source;
    size_t begin = rewriting->at++;

    while (rewriting->at < source.len && source.at[rewriting->at] != '"')
        rewriting->at += source.at[rewriting->at] == '\\' ? 2 : 1;
    rewriting->at = rewriting->at < source.len ? rewriting->at + 1 : source.len;
    return text_slice(source, begin, rewriting->at);
}

static void skip_value(struct rewriting *rewriting)
{
    const struct text source = rewriting->source;
    int depth = 0;

    do {
        char c = peek(rewriting);
        if (c == '"') {
            (void)take_string(rewriting);
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        rewriting->at++;
        while (!strchr("{}[],:\"", c) && rewriting->at < source.len &&
               !strchr("{}[],:\" \t\r\n", source.at[rewriting->at]))
            rewriting->at++;
    } while (depth > 0 && rewriting->at < source.len);
}

/* --- which paths --- */

/* Names are compared as they are meant: "pass\u0077ord" is password. */
static bool is_name(struct text token, const char *step)
{
    struct text inner = text_slice(token, 1, token.len - 1);
    struct error err;

    if (!text_contains(inner, '\\'))
        return text_equal(inner, text_of(step));
    scoped(json_decref) json_t *name = json_parse(token, &err);
    return json_is_string(name) && text_equal(text_of(json_string_value(name)), text_of(step));
}

static bool is_index(size_t index, const char *step)
{
    int64_t number;

    return text_to_int(text_of(step), 0, INT32_MAX, &number) && (size_t)number == index;
}

/* token: TEXT_NONE for an item of a list. */
static path_set step_into(const struct rewriting *rewriting, path_set set, size_t depth,
                          struct text token, size_t index)
{
    path_set inner = 0;

    for (size_t i = 0; i < rewriting->paths->count; i++) {
        const struct filter_path *path = &rewriting->paths->at[i];
        if (!(set >> i & 1) || depth >= path->count)
            continue;
        const char *step = path->steps[depth];
        if (strcmp(step, "*") == 0 ||
            (text_is_set(token) ? is_name(token, step) : is_index(index, step)))
            inner |= (path_set)1 << i;
    }
    return inner;
}

/* What is done with a value that paths end at; false when none does. The strongest counts. */
static bool find_action(const struct rewriting *rewriting, path_set set, size_t depth,
                        enum filter_action *ret)
{
    bool found = false;

    for (size_t i = 0; i < rewriting->paths->count; i++) {
        const struct filter_path *path = &rewriting->paths->at[i];
        if (!(set >> i & 1) || path->count != depth)
            continue;
        if (!found || path->action == FILTER_REMOVE ||
            (path->action == FILTER_REDACT && *ret == FILTER_MASK))
            *ret = path->action;
        found = true;
    }
    return found;
}

/* --- hiding --- */

static bool is_character(char byte) /* and not the rest of one in UTF-8 */
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

/* The last characters stay, if at least as many stand before them. */
static void add_masked(struct buffer *out, struct text text)
{
    size_t kept = 0, at, before = 0;
    scoped(buffer_done) struct buffer masked = {0};

    for (at = text.len; at > 0 && kept < MASK_KEPT; at--)
        kept += is_character(text.at[at - 1]);
    for (size_t i = 0; i < at; i++)
        before += is_character(text.at[i]);
    if (before < MASK_KEPT)
        at = text.len;
    for (size_t i = 0; i < at; i++)
        if (is_character(text.at[i]))
            buffer_add_char(&masked, '*');
    buffer_add_text(&masked, text_skip(text, at));
    buffer_add_json(out, buffer_text(&masked));
}

static bool is_whole_number(struct text token)
{
    for (size_t i = token.len > 0 && token.at[0] == '-'; i < token.len; i++)
        if (token.at[i] < '0' || token.at[i] > '9')
            return false;
    return token.len > 0;
}

static void add_hidden(struct buffer *out, enum filter_action action, struct text token)
{
    struct error err;

    if (action == FILTER_MASK && token.at[0] == '"') {
        scoped(json_decref) json_t *string = json_parse(token, &err);
        add_masked(out, text_from(json_string_value(string), json_string_length(string)));
    } else if (action == FILTER_MASK && is_whole_number(token)) {
        add_masked(out, token);
    } else {
        buffer_add_literal(out, "\"***\"");
    }
}

/* What was read up to begin goes out, what stands before end does not. */
static void cut(struct rewriting *rewriting, size_t begin, size_t end)
{
    buffer_add_text(rewriting->out, text_slice(rewriting->source, rewriting->copied, begin));
    rewriting->copied = end;
    rewriting->is_hidden = true;
}

/* --- walking --- */

static void rewrite_value(struct rewriting *rewriting, path_set set, size_t depth);

/* Where the items of a list or the members of an object stand, for what is removed with the
 * comma before it, or as the first with the one behind it. */
struct row {
    size_t from;  /* behind the opening bracket or the last comma */
    size_t comma; /* the one before */
    bool has_kept;
};

static void rewrite_item(struct rewriting *rewriting, path_set set, size_t depth, struct row *row)
{
    enum filter_action action = FILTER_REDACT;

    (void)peek(rewriting);
    size_t begin = rewriting->at;
    if (!find_action(rewriting, set, depth, &action)) {
        rewrite_value(rewriting, set, depth);
        row->has_kept = true;
        return;
    }
    skip_value(rewriting);
    size_t end = rewriting->at;
    if (action != FILTER_REMOVE) {
        cut(rewriting, begin, end);
        add_hidden(rewriting->out, action, text_slice(rewriting->source, begin, end));
        row->has_kept = true;
    } else if (row->has_kept) {
        cut(rewriting, row->comma, end);
    } else {
        bool has_comma = peek(rewriting) == ',';
        cut(rewriting, row->from, has_comma ? rewriting->at + 1 : end);
    }
}

static void rewrite_row(struct rewriting *rewriting, path_set set, size_t depth)
{
    const bool is_object = rewriting->source.at[rewriting->at] == '{';
    struct row row = {.from = ++rewriting->at};

    for (size_t index = 0; rewriting->at < rewriting->source.len; index++) {
        char c = peek(rewriting);
        struct text name = TEXT_NONE;
        if (c == '}' || c == ']') {
            rewriting->at++;
            return;
        }
        if (is_object) {
            name = take_string(rewriting);
            (void)peek(rewriting);
            rewriting->at++; /* the colon */
        }
        rewrite_item(rewriting, step_into(rewriting, set, depth, name, index), depth + 1, &row);
        if (peek(rewriting) == ',') {
            row.comma = rewriting->at++;
            row.from = rewriting->at;
        }
    }
}

static void rewrite_value(struct rewriting *rewriting, path_set set, size_t depth)
{
    char c = peek(rewriting);

    if (set && (c == '{' || c == '['))
        rewrite_row(rewriting, set, depth);
    else
        skip_value(rewriting);
}

bool filter_paths_rewrite(const struct filter_paths *paths, struct text source, struct buffer *out)
{
    struct rewriting rewriting = {.paths = paths, .source = source, .out = out};

    rewrite_value(&rewriting, ~(path_set)0, 0);
    if (rewriting.is_hidden)
        buffer_add_text(out, text_skip(source, rewriting.copied));
    return rewriting.is_hidden;
}
