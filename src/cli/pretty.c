/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pretty.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void new_line(struct buffer *out, size_t depth)
{
    buffer_add_char(out, '\n');
    for (size_t i = 0; i < depth; i++)
        buffer_add_literal(out, "  ");
}

/* Copies the string that begins at from; returns the position behind it. */
static size_t copy_string(struct text source, size_t from, struct buffer *out)
{
    size_t at = from + 1;

    while (at < source.len && source.at[at] != '"')
        at += source.at[at] == '\\' ? 2 : 1;
    at = at < source.len ? at + 1 : source.len;
    buffer_add_text(out, text_slice(source, from, at));
    return at;
}

static char next_token(struct text source, size_t at)
{
    while (at < source.len && is_blank(source.at[at]))
        at++;
    return at < source.len ? source.at[at] : '\0';
}

static bool is_close(char c)
{
    return c == '}' || c == ']';
}

void pretty_json(struct text source, struct buffer *out)
{
    size_t depth = 0;

    for (size_t at = 0; at < source.len;) {
        char c = source.at[at];
        if (c == '"') {
            at = copy_string(source, at, out);
            continue;
        }
        at++;
        if (is_blank(c))
            continue;
        bool empty = is_close(c) && out->len > 0 &&
                     (out->at[out->len - 1] == '{' || out->at[out->len - 1] == '[');
        if (is_close(c) && depth > 0)
            depth--;
        if (is_close(c) && !empty)
            new_line(out, depth);
        buffer_add_char(out, c);
        if (c == ':')
            buffer_add_char(out, ' ');
        if (c == '{' || c == '[')
            depth++;
        if (c == ',' || ((c == '{' || c == '[') && !is_close(next_token(source, at))))
            new_line(out, depth);
    }
}
