/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/buffer.h"

/* The position of the string's closing quote, or the end. at stands behind the opening
 * one. Quotes are looked for rather than every byte, as payloads are often one long
 * string. */
static const char *string_end(const char *at, const char *end)
{
    const char *start = at;

    while ((at = memchr(at, '"', (size_t)(end - at)))) {
        size_t slashes = 0;
        while (at - slashes > start && at[-1 - (ssize_t)slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return at;
        at++;
    }
    return end;
}

/* Where source nests deeper than is allowed, or NULL. Asked before jansson, which
 * descends by recursion and allows 2048. */
static const char *too_deep(struct text source)
{
    const char *at = source.at, *end = at + source.len;
    size_t depth = 0;

    for (; at < end; at++) {
        if (*at == '"')
            at = string_end(at + 1, end);
        else if (*at == '[' || *at == '{')
            depth++;
        else if ((*at == ']' || *at == '}') && depth > 0)
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return at;
    }
    return NULL;
}

static json_t *fail_at(struct text source, const char *where, const char *reason, int number,
                       struct error *err)
{
    const char *line_start = source.at;
    int line = 1;

    for (const char *at = source.at; at < where; at++)
        if (*at == '\n') {
            line++;
            line_start = at + 1;
        }
    error_set(err, ERROR_INVALID, "line %d, column %d: %s %d", line, (int)(where - line_start) + 1,
              reason, number);
    return NULL;
}

static json_t *parse(struct text source, size_t more_flags, struct error *err)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL | more_flags;
    json_error_t reason;

    if (source.len == 0)
        source = TEXT("");
    const char *where = memchr(source.at, '\0', source.len);
    if (where) /* jansson takes one behind a number for the end of the input */
        return fail_at(source, where, "a byte with the value", 0, err);
    where = too_deep(source);
    if (where)
        return fail_at(source, where, "nested deeper than", JSON_DEPTH_MAX, err);
    json_t *json = json_loadb(source.at, source.len, flags, &reason);
    if (!json)
        error_set(err, ERROR_INVALID, "line %d, column %d: %s", reason.line, reason.column,
                  reason.text);
    return json;
}

json_t *json_parse(struct text source, struct error *err)
{
    return parse(source, 0, err);
}

json_t *json_parse_real(struct text source, struct error *err)
{
    return parse(source, JSON_DECODE_INT_AS_REAL, err);
}

struct text json_text(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    return text_from(json_string_value(member), json_string_length(member));
}

int64_t json_int(const json_t *object, const char *key, int64_t absent)
{
    const json_t *member = json_object_get(object, key);

    return json_is_integer(member) ? json_integer_value(member) : absent;
}

bool json_bool(const json_t *object, const char *key, bool absent)
{
    const json_t *member = json_object_get(object, key);

    return json_is_boolean(member) ? json_is_true(member) : absent;
}

static void add_repaired(struct buffer *out, struct text text)
{
    while (text.len > 0) {
        size_t count = text_utf8_len(text);
        if (count > 0)
            buffer_add(out, text.at, count);
        else
            buffer_add_literal(out, "\xEF\xBF\xBD");
        text = text_skip(text, count ? count : 1);
    }
}

static struct text skip_blanks(struct text text)
{
    while (text.len > 0 && memchr(" \t\r\n", text.at[0], 4))
        text = text_skip(text, 1);
    return text;
}

bool json_may_be(struct text source)
{
    const struct text mark = TEXT("\xef\xbb\xbf");
    struct text rest =
        skip_blanks(text_starts(source, mark) ? text_skip(source, mark.len) : source);

    if (rest.len == 0 || (rest.at[0] != '{' && rest.at[0] != '['))
        return false;
    const char *begins = rest.at[0] == '{' ? "\"}" : "\"{[]-0123456789tfn";
    rest = skip_blanks(text_skip(rest, 1));
    return rest.len == 0 || memchr(begins, rest.at[0], strlen(begins));
}

json_t *json_from_text(struct text text)
{
    scoped(buffer_done) struct buffer repaired = {0};

    if (!text_is_utf8(text)) {
        add_repaired(&repaired, text);
        text = buffer_text(&repaired);
    }
    json_t *json = json_stringn_nocheck(text.len ? text.at : "", text.len);
    assert(json);
    return json;
}

char *json_write(const json_t *json)
{
    char *string = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

    assert(string);
    return string;
}
