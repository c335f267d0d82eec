/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cesql_priv.h"

struct cesql_value cesql_zero(enum cesql_kind kind)
{
    return (struct cesql_value){.kind = kind, .string = TEXT("")};
}

static bool to_integer(struct text text, int32_t *ret)
{
    bool is_negative = text.len > 0 && text.at[0] == '-';
    int64_t magnitude;

    if (is_negative || (text.len > 0 && text.at[0] == '+'))
        text = text_skip(text, 1);
    if (!text_to_int(text, 0, INT64_C(2147483647) + is_negative, &magnitude))
        return false;
    *ret = (int32_t)(is_negative ? -magnitude : magnitude);
    return true;
}

static bool cast_to_integer(struct cesql_value *value)
{
    if (value->kind == CESQL_STRING)
        return to_integer(value->string, &value->integer);
    value->integer = value->boolean;
    return true;
}

static bool cast_to_boolean(struct cesql_value *value)
{
    if (value->kind == CESQL_INTEGER)
        value->boolean = value->integer != 0;
    else if (text_equal_nocase(value->string, TEXT("true")))
        value->boolean = true;
    else if (text_equal_nocase(value->string, TEXT("false")))
        value->boolean = false;
    else
        return false;
    return true;
}

static void cast_to_string(struct cesql_value *value, struct arena *arena)
{
    if (value->kind == CESQL_INTEGER)
        value->string = text_of(arena_format(arena, "%d", (int)value->integer));
    else
        value->string = value->boolean ? TEXT("true") : TEXT("false");
}

unsigned cesql_cast(struct cesql_value *value, enum cesql_kind kind, struct arena *arena)
{
    bool done = true;

    if (value->kind == kind)
        return 0;
    switch (kind) {
    case CESQL_BOOLEAN:
        done = cast_to_boolean(value);
        break;
    case CESQL_INTEGER:
        done = cast_to_integer(value);
        break;
    case CESQL_STRING:
        cast_to_string(value, arena);
        break;
    }
    value->kind = kind;
    if (!done)
        *value = cesql_zero(kind);
    return done ? 0 : CESQL_CAST;
}

bool cesql_equal(const struct cesql_value *a, const struct cesql_value *b)
{
    switch (a->kind) {
    case CESQL_BOOLEAN:
        return a->boolean == b->boolean;
    case CESQL_INTEGER:
        return a->integer == b->integer;
    case CESQL_STRING:
        return text_equal(a->string, b->string);
    }
    return false;
}

/* Takes one character of the text when the pattern begins with it or with "_". */
static bool take_char(struct text *pattern, struct text *text)
{
    bool is_escaped = pattern->len > 1 && pattern->at[0] == '\\' &&
                      (pattern->at[1] == '%' || pattern->at[1] == '_');
    size_t skipped = is_escaped ? 2 : 1, len = 1;

    if (pattern->len == 0 || text->len == 0)
        return false;
    if (!is_escaped && pattern->at[0] == '_')
        len = text_utf8_len(*text);
    else if (pattern->at[skipped - 1] != text->at[0])
        return false;
    *pattern = text_skip(*pattern, skipped);
    *text = text_skip(*text, len ? len : 1);
    return true;
}

/* After a mismatch only the last "%" need take more: what came before it matched at the
 * earliest place. */
bool cesql_is_like(struct text pattern, struct text text)
{
    struct text after = TEXT_NONE, from = TEXT_NONE; /* behind the last "%", and what it left */

    while (text.len > 0 || pattern.len > 0) {
        if (pattern.len > 0 && pattern.at[0] == '%') {
            pattern = text_skip(pattern, 1);
            after = pattern;
            from = text;
        } else if (!take_char(&pattern, &text)) {
            if (!text_is_set(after) || from.len == 0)
                return false;
            size_t len = text_utf8_len(from);
            from = text_skip(from, len ? len : 1);
            pattern = after;
            text = from;
        }
    }
    return true;
}
