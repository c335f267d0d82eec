/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_check.h"

#include <stdarg.h>
#include <stdint.h>

#define DEPTH_MAX 1000  /* Jackson's own limit */
#define SHOWN_BYTES 500 /* of the source in a message */
#define EXPECTED_VALUE "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

struct check {
    const char *start, *at, *end;
    struct buffer *why;
    bool is_text; /* Jackson reads a String, and only the place is told */
    size_t depth;
    uint8_t is_object[DEPTH_MAX / 8 + 1]; /* a bit a level */
    const char *opened[DEPTH_MAX];        /* where each level began */
};

/* " at [Source: ...; line: 1, column: 7]" for a place in the source. */
static void add_place(const struct check *check, const char *at)
{
    size_t len = (size_t)(check->end - check->start), shown = len > SHOWN_BYTES ? SHOWN_BYTES : len;
    int64_t line = 1, column = 1;

    for (const char *c = check->start; c < at && c < check->end; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    column += at > check->end; /* Jackson's reader is one ahead of the token it refuses */
    buffer_add_format(check->why, "[Source: (%s)\"", check->is_text ? "String" : "byte[]");
    buffer_add(check->why, check->start, shown);
    buffer_add_char(check->why, '"');
    if (len > shown)
        buffer_add_format(check->why, "[truncated %zu %s]", len - shown,
                          check->is_text ? "chars" : "bytes");
    buffer_add_format(check->why, "; line: %lld, column: %lld]", (long long)line,
                      (long long)column);
}

__attribute__((format(printf, 3, 4))) static bool fail(struct check *check, const char *at,
                                                       const char *format, ...)
{
    char text[300];
    va_list arguments;

    if (check->is_text) {
        add_place(check, at);
        return false;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_add_text(check->why, text_of(text));
    buffer_add_literal(check->why, "\n at ");
    add_place(check, at);
    return false;
}

/* The character at check->at, and what would have been right. */
static bool fail_char(struct check *check, const char *expected)
{
    unsigned char c = (unsigned char)*check->at;
    char shown[40];

    if (c < ' ' || (c >= 0x7f && c < 0xa0))
        snprintf(shown, sizeof shown, "(CTRL-CHAR, code %d)", c);
    else if (c < 0x80)
        snprintf(shown, sizeof shown, "'%c' (code %d)", c, c);
    else
        snprintf(shown, sizeof shown, "'%c%c' (code %d)", 0xc0 | c >> 6, 0x80 | (c & 0x3f), c);
    return fail(check, check->at + 1, "Unexpected character (%s): %s", shown, expected);
}

static void skip_blanks(struct check *check)
{
    while (check->at < check->end &&
           (*check->at == ' ' || *check->at == '\t' || *check->at == '\n' || *check->at == '\r'))
        check->at++;
}

static bool in_object(const struct check *check)
{
    return check->is_object[check->depth / 8] >> check->depth % 8 & 1;
}

static bool fail_end(struct check *check)
{
    bool object = in_object(check);

    if (check->is_text)
        return fail(check, check->end, "%s", "");
    buffer_add_format(check->why,
                      "Unexpected end-of-input: expected close marker for %s (start "
                      "marker at ",
                      object ? "Object" : "Array");
    add_place(check, check->opened[check->depth - 1]);
    return fail(check, check->end, ")");
}

static bool check_escape(struct check *check)
{
    if (check->end - check->at < 2)
        return fail(check, check->end, "Unexpected end-of-input in character escape sequence");
    char c = check->at[1];
    if (c != 'u') {
        if (!c || !strchr("\"\\/bfnrt", c))
            return fail(check, check->at + 2, "Unrecognized character escape '%c' (code %d)", c,
                        (unsigned char)c);
        check->at += 2;
        return true;
    }
    for (int i = 2; i < 6; i++) {
        if (check->at + i >= check->end)
            return fail(check, check->end, "Unexpected end-of-input in character escape sequence");
        if (text_hex_digit(check->at[i]) < 0)
            return fail(check, check->at + i,
                        "Unexpected character ('%c' (code %d)): expected a hex-digit for character "
                        "escape sequence",
                        check->at[i], (unsigned char)check->at[i]);
    }
    check->at += 6;
    return true;
}

/* One character that is not plain ASCII within a string. */
static bool check_special(struct check *check)
{
    unsigned char c = (unsigned char)*check->at;

    if (c == '\\')
        return check_escape(check);
    if (c < ' ')
        return fail(check, check->at + 1,
                    "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using "
                    "backslash to be included in string value",
                    c);
    size_t len = text_utf8_len(text_from(check->at, (size_t)(check->end - check->at)));
    if (len == 0 && (c < 0xc2 || c > 0xf4))
        return fail(check, check->at + 1, "Invalid UTF-8 start byte 0x%x", c);
    if (len == 0)
        return fail(check, check->at + 1, "Invalid UTF-8 middle byte 0x%x",
                    check->at + 1 < check->end ? (unsigned char)check->at[1] : 0);
    check->at += len;
    return true;
}

static bool check_string(struct check *check)
{
    check->at++;
    while (check->at < check->end && *check->at != '"') {
        unsigned char c = (unsigned char)*check->at;
        if (c >= ' ' && c < 0x80 && c != '\\')
            check->at++;
        else if (!check_special(check))
            return false;
    }
    if (check->at == check->end)
        return fail(check, check->end,
                    "Unexpected end-of-input: was expecting closing quote for a string value");
    check->at++;
    return true;
}

static size_t skip_digits(struct check *check)
{
    const char *from = check->at;

    while (check->at < check->end && *check->at >= '0' && *check->at <= '9')
        check->at++;
    return (size_t)(check->at - from);
}

static bool require_digits(struct check *check, const char *where)
{
    if (skip_digits(check) > 0)
        return true;
    if (check->at == check->end)
        return fail(check, check->end, "Unexpected end-of-input in a Number value");
    return fail_char(check, where);
}

static bool check_number(struct check *check)
{
    check->at += *check->at == '-';
    bool zero = check->at < check->end && *check->at == '0';
    const char *digits = check->at;
    if (!require_digits(check,
                        "Expected digit (0-9) to follow minus sign, for valid numeric value"))
        return false;
    if (zero && check->at > digits + 1)
        return fail(check, digits + 2, "Invalid numeric value: Leading zeroes not allowed");
    if (check->at < check->end && *check->at == '.') {
        check->at++;
        if (!require_digits(check, "Decimal point not followed by a digit"))
            return false;
    }
    if (check->at < check->end && (*check->at | 0x20) == 'e') {
        check->at++;
        check->at += check->at < check->end && (*check->at == '+' || *check->at == '-');
        if (!require_digits(check, "Exponent indicator not followed by a digit"))
            return false;
    }
    return true;
}

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
           c == '$';
}

static bool check_literal(struct check *check)
{
    const char *from = check->at;

    while (check->at < check->end && is_token_char(*check->at))
        check->at++;
    struct text token = text_from(from, (size_t)(check->at - from));
    if (token.len == 0)
        return fail_char(check, "expected a valid value " EXPECTED_VALUE);
    if (text_equal(token, TEXT("true")) || text_equal(token, TEXT("false")) ||
        text_equal(token, TEXT("null")))
        return true;
    /* Jackson's reader of bytes has read one further than its reader of strings. */
    return fail(check, check->at + !check->is_text,
                "Unrecognized token '%.*s': was expecting " EXPECTED_VALUE,
                (int)(token.len > 100 ? 100 : token.len), token.at);
}

static bool open_level(struct check *check, bool is_object)
{
    if (check->depth == DEPTH_MAX)
        return fail(check, check->at,
                    "Document nesting depth (%d) exceeds the maximum allowed (%d)", DEPTH_MAX + 1,
                    DEPTH_MAX);
    check->opened[check->depth++] = check->at;
    uint8_t *byte = &check->is_object[check->depth / 8], bit = (uint8_t)(1 << check->depth % 8);
    *byte = is_object ? *byte | bit : *byte & (uint8_t)~bit;
    check->at++;
    return true;
}

/* A name and its colon, in an object. */
static bool check_name(struct check *check)
{
    skip_blanks(check);
    if (check->at == check->end)
        return fail_end(check);
    if (*check->at != '"')
        return fail_char(check, "was expecting double-quote to start field name");
    if (!check_string(check))
        return false;
    skip_blanks(check);
    if (check->at == check->end)
        return fail_end(check);
    if (*check->at != ':')
        return fail_char(check, "was expecting a colon to separate field name and value");
    check->at++;
    return true;
}

/* After an opening bracket: whether the level ends at once. */
static bool at_close(struct check *check)
{
    skip_blanks(check);
    if (check->at == check->end || *check->at != (in_object(check) ? '}' : ']'))
        return false;
    check->at++;
    check->depth--;
    return true;
}

/* Reads one value, or opens a level (*ret_open) that is not empty. */
static bool check_value(struct check *check, bool *ret_open)
{
    *ret_open = false;
    skip_blanks(check);
    if (check->at == check->end)
        return check->depth > 0 ? fail_end(check)
                                : fail(check, check->at, "No content to map due to end-of-input");
    char c = *check->at;
    if (c == '{' || c == '[') {
        if (!open_level(check, c == '{'))
            return false;
        *ret_open = !at_close(check);
        return true;
    }
    if (c == '"')
        return check_string(check);
    if (c == '-' || (c >= '0' && c <= '9'))
        return check_number(check);
    return check_literal(check);
}

/* After a value: closes levels as long as they end, then takes the comma before the next. */
static bool check_between(struct check *check)
{
    while (check->depth > 0 && at_close(check))
        continue;
    if (check->depth == 0)
        return true;
    if (check->at == check->end)
        return fail_end(check);
    if (*check->at != ',')
        return fail_char(check, in_object(check) ? "was expecting comma to separate Object entries"
                                                 : "was expecting comma to separate Array entries");
    check->at++;
    return true;
}

static void begin(struct check *check, struct text source, struct buffer *why)
{
    check->start = check->at = source.len ? source.at : "";
    check->end = check->start + source.len;
    check->why = why;
    check->is_text = false;
    check->depth = 0;
}

/* One value of the root, and the blanks behind it. */
static bool check_root(struct check *check)
{
    bool open;

    do {
        if (check->depth > 0 && in_object(check) && !check_name(check))
            return false;
        if (!check_value(check, &open) || (!open && !check_between(check)))
            return false;
    } while (check->depth > 0);
    skip_blanks(check);
    return true;
}

bool json_check(struct text source, struct buffer *why)
{
    struct check check;

    begin(&check, source, why);
    return check_root(&check) && (check.at == check.end ||
                                  fail_char(&check, "Expected space separating root-level values"));
}

bool json_check_text(struct text source, bool many, struct buffer *where)
{
    struct check check;

    begin(&check, source, where);
    check.is_text = true;
    do {
        if (!check_root(&check))
            return false;
    } while (many && check.at < check.end);
    return check.at == check.end ||
           fail_char(&check, "Expected space separating root-level values");
}
