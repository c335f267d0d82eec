/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scan.h"

#include <stdint.h>

#include "base/mem.h"
#include "base/scoped.h"
#include "base/word.h"

/*
 * A function takes the input from `at` and returns where it stopped, NULL when the input
 * is not JSON there.
 */
struct input {
    const char *end;
    int depth;
    scan_visit_f *visit;
    void *arg;
};

static const char *skip_value(struct input *input, const char *at, struct scan_value *ret);

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* The first byte that ends a run of plain characters: a quote, a backslash or a control
 * character. Eight at a time, because a body is one long string. */
static const char *skip_plain(const char *at, const char *end)
{
    for (; end - at >= (ptrdiff_t)WORD_BYTES; at += WORD_BYTES) {
        uint64_t word = word_load(at);
        uint64_t marks = word_below(word, 0x20) | word_equal(word, '"') | word_equal(word, '\\');
        if (marks)
            return at + word_first(marks);
    }
    while (at < end && *at != '"' && *at != '\\' && (uint8_t)*at >= 0x20)
        at++;
    return at;
}

/* at: behind the backslash. */
static const char *skip_escape(const char *at, const char *end)
{
    if (at == end)
        return NULL;
    if (*at == 'u')
        return text_hex_unit(text_from(at + 1, (size_t)(end - at) - 1)) >= 0 ? at + 5 : NULL;
    return *at && strchr("\"\\/bfnrt", *at) ? at + 1 : NULL;
}

static const char *skip_string(const struct input *input, const char *at, struct scan_value *ret)
{
    const char *start = ++at;

    *ret = (struct scan_value){.kind = SCAN_STRING};
    for (;;) {
        at = skip_plain(at, input->end);
        if (at == input->end || (uint8_t)*at < 0x20)
            return NULL;
        if (*at == '"')
            break;
        ret->has_escapes = true;
        at = skip_escape(at + 1, input->end);
        if (!at)
            return NULL;
    }
    ret->text = text_from(start, (size_t)(at - start));
    return at + 1;
}

static const char *skip_digits(const char *at, const char *end)
{
    const char *start = at;

    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at > start ? at : NULL;
}

static const char *skip_whole(const char *at, const char *end)
{
    if (at < end && *at == '-')
        at++;
    if (at < end && *at == '0')
        return at + 1;
    return skip_digits(at, end);
}

static const char *skip_exponent(const char *at, const char *end)
{
    if (at == end || (*at != 'e' && *at != 'E'))
        return at;
    at++;
    if (at < end && (*at == '+' || *at == '-'))
        at++;
    return skip_digits(at, end);
}

static const char *skip_number(const struct input *input, const char *at, struct scan_value *ret)
{
    const char *start = at;

    at = skip_whole(at, input->end);
    if (at && at < input->end && *at == '.')
        at = skip_digits(at + 1, input->end);
    if (at)
        at = skip_exponent(at, input->end);
    if (at)
        *ret = (struct scan_value){.kind = SCAN_NUMBER,
                                   .text = text_from(start, (size_t)(at - start))};
    return at;
}

static const char *skip_word(const struct input *input, const char *at, struct scan_value *ret)
{
    static const struct {
        struct text word;
        enum scan_kind kind;
    } words[] = {
        {TEXT("true"), SCAN_TRUE},
        {TEXT("false"), SCAN_FALSE},
        {TEXT("null"), SCAN_NULL},
    };
    struct text rest = text_from(at, (size_t)(input->end - at));

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (text_starts(rest, words[i].word)) {
            *ret = (struct scan_value){.kind = words[i].kind,
                                       .text = text_from(at, words[i].word.len)};
            return at + words[i].word.len;
        }
    return NULL;
}

/* at: at a name. Stops at the value. */
static const char *skip_name(const struct input *input, const char *at, struct scan_value *ret)
{
    at = skip_blanks(at, input->end);
    if (at == input->end || *at != '"')
        return NULL;
    at = skip_string(input, at, ret);
    at = at ? skip_blanks(at, input->end) : NULL;
    if (!at || at == input->end || *at != ':')
        return NULL;
    return at + 1;
}

static const char *skip_element(struct input *input, const char *at, bool is_member)
{
    struct scan_value name, value;

    if (is_member)
        at = skip_name(input, at, &name);
    at = at ? skip_value(input, at, &value) : NULL;
    if (!at)
        return NULL;
    if (is_member && input->depth == 1 && input->visit)
        input->visit(input->arg, &name, &value);
    return skip_blanks(at, input->end);
}

/* at: at the bracket. */
static const char *skip_container(struct input *input, const char *at, struct scan_value *ret)
{
    const char *start = at;
    bool is_object = *at == '{';
    char close = is_object ? '}' : ']';

    if (++input->depth > SCAN_DEPTH_MAX)
        return NULL;
    at = skip_blanks(at + 1, input->end);
    bool more = at == input->end || *at != close;
    while (more) {
        at = skip_element(input, at, is_object);
        if (!at || at == input->end || (*at != ',' && *at != close))
            return NULL;
        more = *at == ',';
        at += more;
    }
    input->depth--;
    *ret = (struct scan_value){.kind = is_object ? SCAN_OBJECT : SCAN_ARRAY,
                               .text = text_from(start, (size_t)(at + 1 - start))};
    return at + 1;
}

static const char *skip_value(struct input *input, const char *at, struct scan_value *ret)
{
    at = skip_blanks(at, input->end);
    if (at == input->end)
        return NULL;
    switch (*at) {
    case '"':
        return skip_string(input, at, ret);
    case '{':
    case '[':
        return skip_container(input, at, ret);
    case 't':
    case 'f':
    case 'n':
        return skip_word(input, at, ret);
    }
    return skip_number(input, at, ret);
}

bool scan_document(struct text json, scan_visit_f *visit, void *arg, struct scan_value *ret)
{
    struct input input = {.end = json.at + json.len, .visit = visit, .arg = arg};
    const char *at = json.len ? skip_value(&input, json.at, ret) : NULL;

    return at && skip_blanks(at, input.end) == input.end;
}

struct scan scan_open(const struct scan_value *container)
{
    /* Without the brackets. */
    return (struct scan){container->text.at + 1, container->text.at + container->text.len - 1};
}

/* Behind an element: over the comma, if there is one. */
static void move_on(struct scan *scan, const char *at)
{
    at = skip_blanks(at, scan->end);
    scan->at = at < scan->end ? at + 1 : at;
}

bool scan_item(struct scan *scan, struct scan_value *ret_item)
{
    struct input input = {.end = scan->end};
    const char *at = skip_value(&input, scan->at, ret_item);

    if (at)
        move_on(scan, at);
    return at;
}

bool scan_member(struct scan *scan, struct scan_value *ret_name, struct scan_value *ret_value)
{
    struct input input = {.end = scan->end};
    const char *at = skip_name(&input, scan->at, ret_name);

    at = at ? skip_value(&input, at, ret_value) : NULL;
    if (at)
        move_on(scan, at);
    return at;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* *at: behind "\u"; moved behind all that belongs to the character. */
static uint32_t read_code(const char **at, const char *end)
{
    uint32_t code = (uint32_t)text_hex_unit(text_from(*at, (size_t)(end - *at)));

    *at += 4;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    if (code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        int32_t low = text_hex_unit(text_from(*at + 2, (size_t)(end - *at) - 2));
        if (low >= 0xdc00 && low <= 0xdfff) {
            *at += 6;
            return 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
        }
    }
    return 0xfffd;
}

/* *at: behind the backslash. No escape is shorter than what it stands for. */
static char *put_escaped(char *to, const char **at, const char *end)
{
    static const char meanings[128] = {['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r',
                                       ['t'] = '\t', ['"'] = '"',  ['/'] = '/',  ['\\'] = '\\'};
    char kind = *(*at)++;

    if (kind == 'u')
        return put_utf8(to, read_code(at, end));
    *to++ = meanings[(uint8_t)kind & 127];
    return to;
}

/* Copies up to the first backslash; *at: from where, afterwards where it stopped. The same
 * place may be written to: a word is written only when all of it was taken. */
static char *put_plain(char *to, const char **at, const char *end)
{
    const char *from = *at;

    for (; end - from >= (ptrdiff_t)WORD_BYTES; from += WORD_BYTES, to += WORD_BYTES) {
        uint64_t word = word_load(from);
        if (word_equal(word, '\\'))
            break;
        memmove(to, from, WORD_BYTES);
    }
    while (from < end && *from != '\\')
        *to++ = *from++;
    *at = from;
    return to;
}

/* Decodes from from (of len bytes, checked before) to to, which may be the same place. */
static size_t decode(char *to, const char *from, size_t len)
{
    const char *at = from, *end = from + len, *start = to;

    while (at < end) {
        to = put_plain(to, &at, end);
        if (at < end) {
            at++;
            to = put_escaped(to, &at, end);
        }
    }
    return (size_t)(to - start);
}

bool scan_is(const struct scan_value *string, struct text literal)
{
    char few[64];

    if (!string->has_escapes)
        return text_equal(string->text, literal);
    /* "\u0041" is the longest way to write a byte. */
    if (string->text.len / 6 > literal.len)
        return false;
    scoped(free) char *many = string->text.len > sizeof few ? mem_alloc(string->text.len) : NULL;
    char *decoded = many ? many : few;
    return text_equal(text_from(decoded, decode(decoded, string->text.at, string->text.len)),
                      literal);
}

void scan_add_decoded(const struct scan_value *string, struct buffer *out)
{
    char *to = buffer_room(out, string->text.len);

    buffer_added(out, decode(to, string->text.at, string->text.len));
}

struct text scan_unescape(const struct scan_value *string)
{
    if (!string->has_escapes)
        return string->text;
    char *at = (char *)(uintptr_t)string->text.at;
    return text_from(at, decode(at, at, string->text.len));
}

/* at: at a string's opening quote; behind its closing one. */
static const char *string_end(const char *at, const char *end)
{
    for (at = skip_plain(at + 1, end); at < end && *at != '"'; at = skip_plain(at, end))
        at += end - at < 2 ? 1 : 2;
    return at < end ? at + 1 : end;
}

void scan_add_json(const struct scan_value *value, struct buffer *out)
{
    const char *at = value->text.at, *end = at + value->text.len;

    if (value->kind == SCAN_STRING) {
        buffer_add_char(out, '"');
        buffer_add_text(out, value->text);
        buffer_add_char(out, '"');
        return;
    }
    while (at < end) {
        const char *start = at;
        while (at < end && !is_blank(*at))
            at = *at == '"' ? string_end(at, end) : at + 1;
        buffer_add(out, start, (size_t)(at - start));
        at = skip_blanks(at, end);
    }
}

int scan_depth(struct text json)
{
    const char *at = json.at, *end = at + json.len;
    int depth = 0, deepest = 0;

    while (at < end) {
        if (*at == '"') {
            at = string_end(at, end);
            continue;
        }
        depth += (*at == '[' || *at == '{') - (*at == ']' || *at == '}');
        if (depth > deepest)
            deepest = depth;
        at++;
    }
    return deepest;
}
