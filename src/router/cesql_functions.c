/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cesql_priv.h"

#include "base/scoped.h"
#include "model/limits.h"
#include "router/fold.h"
#include "router/utf8.h"

/* Characters are those of UTF-8; a byte that is not UTF-8 is one of its own. */
static size_t char_len(struct text text)
{
    size_t len = text_utf8_len(text);

    return len ? len : 1;
}

static size_t count_chars(struct text text)
{
    size_t count = 0;

    for (; text.len > 0; count++)
        text = text_skip(text, char_len(text));
    return count;
}

static struct text skip_chars(struct text text, size_t count)
{
    while (count-- > 0 && text.len > 0)
        text = text_skip(text, char_len(text));
    return text;
}

static struct text first_chars(struct text text, size_t count)
{
    return text_slice(text, 0, text.len - skip_chars(text, count).len);
}

static unsigned run_length(const struct cesql_value *arguments, size_t count, struct arena *arena,
                           struct cesql_value *ret)
{
    (void)count;
    (void)arena;
    ret->integer = (int32_t)count_chars(arguments[0].string);
    return 0;
}

/* The strings with delimiter between them. */
static unsigned join(struct text delimiter, const struct cesql_value *strings, size_t count,
                     struct arena *arena, struct cesql_value *ret)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        len += strings[i].string.len + (i > 0 ? delimiter.len : 0);
        if (len > LIMIT_CESQL_STRING)
            return CESQL_FUNCTION;
    }
    char *at = arena_alloc(arena, len + 1), *to = at;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && delimiter.len > 0)
            to = mempcpy(to, delimiter.at, delimiter.len);
        if (strings[i].string.len > 0)
            to = mempcpy(to, strings[i].string.at, strings[i].string.len);
    }
    ret->string = text_from(at, len);
    return 0;
}

static unsigned run_concat(const struct cesql_value *arguments, size_t count, struct arena *arena,
                           struct cesql_value *ret)
{
    return join(TEXT(""), arguments, count, arena, ret);
}

static unsigned run_concat_ws(const struct cesql_value *arguments, size_t count,
                              struct arena *arena, struct cesql_value *ret)
{
    return join(arguments[0].string, arguments + 1, count - 1, arena, ret);
}

static unsigned change_case(const struct cesql_value *arguments, bool to_upper, struct arena *arena,
                            struct cesql_value *ret)
{
    struct text text = arguments[0].string;
    /* A character of one byte becomes one of at most three, of more at most six times as long. */
    char *at = arena_alloc(arena, 6 * text.len + 1), *to = at;

    while (text.len > 0) {
        struct fold fold;
        size_t len;
        uint32_t code = utf8_read(text, &len);
        bool has_case = text_utf8_len(text) > 0 && fold_find(code, &fold);
        const char *other = to_upper ? fold.upper : fold.lower;
        to = has_case ? mempcpy(to, other, strlen(other)) : mempcpy(to, text.at, len);
        text = text_skip(text, len);
    }
    ret->string = text_from(at, (size_t)(to - at));
    return 0;
}

static unsigned run_lower(const struct cesql_value *arguments, size_t count, struct arena *arena,
                          struct cesql_value *ret)
{
    (void)count;
    return change_case(arguments, /* to_upper= */ false, arena, ret);
}

static unsigned run_upper(const struct cesql_value *arguments, size_t count, struct arena *arena,
                          struct cesql_value *ret)
{
    (void)count;
    return change_case(arguments, /* to_upper= */ true, arena, ret);
}

/* How many bytes the white space (as Unicode has it) is long that t begins with; 0: none. */
static size_t space_len(struct text t)
{
    static const char *const wide[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
        "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };

    if (t.len > 0 && (t.at[0] == ' ' || (t.at[0] >= '\t' && t.at[0] <= '\r')))
        return 1;
    for (size_t i = 0; i < COUNT_OF(wide); i++)
        if (text_starts(t, text_of(wide[i])))
            return strlen(wide[i]);
    return 0;
}

static unsigned run_trim(const struct cesql_value *arguments, size_t count, struct arena *arena,
                         struct cesql_value *ret)
{
    struct text text = arguments[0].string;
    size_t kept = 0;

    (void)count;
    (void)arena;
    while (space_len(text) > 0)
        text = text_skip(text, space_len(text));
    for (size_t at = 0; at < text.len;) {
        struct text rest = text_skip(text, at);
        size_t space = space_len(rest);
        at += space ? space : char_len(rest);
        if (!space)
            kept = at;
    }
    ret->string = text_slice(text, 0, kept);
    return 0;
}

static unsigned run_left(const struct cesql_value *arguments, size_t count, struct arena *arena,
                         struct cesql_value *ret)
{
    (void)count;
    (void)arena;
    ret->string = arguments[0].string;
    if (arguments[1].integer < 0)
        return CESQL_FUNCTION;
    ret->string = first_chars(arguments[0].string, (size_t)arguments[1].integer);
    return 0;
}

static unsigned run_right(const struct cesql_value *arguments, size_t count, struct arena *arena,
                          struct cesql_value *ret)
{
    size_t len = count_chars(arguments[0].string);

    (void)count;
    (void)arena;
    ret->string = arguments[0].string;
    if (arguments[1].integer < 0)
        return CESQL_FUNCTION;
    if ((size_t)arguments[1].integer < len)
        ret->string = skip_chars(arguments[0].string, len - (size_t)arguments[1].integer);
    return 0;
}

/* Positions count from 1, or backwards from -1; at 0 there is nothing. */
static unsigned run_substring(const struct cesql_value *arguments, size_t count,
                              struct arena *arena, struct cesql_value *ret)
{
    struct text text = arguments[0].string;
    int64_t position = arguments[1].integer, len = (int64_t)count_chars(text);

    (void)arena;
    if (position > len || position < -len || (count == 3 && arguments[2].integer < 0))
        return CESQL_FUNCTION;
    if (position == 0)
        return 0;
    text = skip_chars(text, (size_t)(position > 0 ? position - 1 : len + position));
    ret->string = count == 3 ? first_chars(text, (size_t)arguments[2].integer) : text;
    return 0;
}

static unsigned run_abs(const struct cesql_value *arguments, size_t count, struct arena *arena,
                        struct cesql_value *ret)
{
    (void)count;
    (void)arena;
    ret->integer = arguments[0].integer;
    if (ret->integer == INT32_MIN) {
        ret->integer = INT32_MAX;
        return CESQL_MATH;
    }
    if (ret->integer < 0)
        ret->integer = -ret->integer;
    return 0;
}

/* The argument has been cast already. */
static unsigned run_cast(const struct cesql_value *arguments, size_t count, struct arena *arena,
                         struct cesql_value *ret)
{
    (void)count;
    (void)arena;
    *ret = arguments[0];
    return 0;
}

static unsigned run_is_int(const struct cesql_value *arguments, size_t count, struct arena *arena,
                           struct cesql_value *ret)
{
    struct cesql_value copy = arguments[0];

    (void)count;
    ret->boolean = cesql_cast(&copy, CESQL_INTEGER, arena) == 0;
    return 0;
}

static unsigned run_is_bool(const struct cesql_value *arguments, size_t count, struct arena *arena,
                            struct cesql_value *ret)
{
    struct cesql_value copy = arguments[0];

    (void)count;
    ret->boolean = cesql_cast(&copy, CESQL_BOOLEAN, arena) == 0;
    return 0;
}

#define ANY SIZE_MAX
#define S CESQL_STRING
#define I CESQL_INTEGER
#define B CESQL_BOOLEAN

static const struct function functions[] = {
    {TEXT("LENGTH"), 1, 1, false, {S}, I, run_length},
    {TEXT("CONCAT"), 0, ANY, false, {S, S, S}, S, run_concat},
    {TEXT("CONCAT_WS"), 1, ANY, false, {S, S, S}, S, run_concat_ws},
    {TEXT("LOWER"), 1, 1, false, {S}, S, run_lower},
    {TEXT("UPPER"), 1, 1, false, {S}, S, run_upper},
    {TEXT("TRIM"), 1, 1, false, {S}, S, run_trim},
    {TEXT("LEFT"), 2, 2, false, {S, I}, S, run_left},
    {TEXT("RIGHT"), 2, 2, false, {S, I}, S, run_right},
    {TEXT("SUBSTRING"), 2, 3, false, {S, I, I}, S, run_substring},
    {TEXT("ABS"), 1, 1, false, {I}, I, run_abs},
    {TEXT("INT"), 1, 1, false, {I}, I, run_cast},
    {TEXT("BOOL"), 1, 1, false, {B}, B, run_cast},
    {TEXT("STRING"), 1, 1, false, {S}, S, run_cast},
    {TEXT("IS_INT"), 1, 1, true, {S}, B, run_is_int},
    {TEXT("IS_BOOL"), 1, 1, true, {S}, B, run_is_bool},
};

const struct function *cesql_find_function(struct text name, size_t count)
{
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        if (text_equal_nocase(functions[i].name, name) && count >= functions[i].min &&
            count <= functions[i].max)
            return &functions[i];
    return NULL;
}
