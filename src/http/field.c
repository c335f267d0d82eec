/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field.h"

#include "base/word.h"

enum { TOKEN = 1, VALUE = 2, TARGET = 4, HOST = 8, HEX = 16, UPPER = 32 };

#define WORD (TOKEN | VALUE | TARGET | HOST)

/* clang-format off */
static const uint8_t classes[256] = {
    ['\t'] = VALUE, [' '] = VALUE, [0x80 ... 0xff] = VALUE | TARGET,
    ['0' ... '9'] = WORD | HEX, ['a' ... 'f'] = WORD | HEX, ['g' ... 'z'] = WORD,
    ['A' ... 'F'] = WORD | HEX | UPPER, ['G' ... 'Z'] = WORD | UPPER,
    ['-'] = WORD, ['.'] = WORD, ['_'] = WORD, ['~'] = WORD, ['!'] = WORD, ['$'] = WORD,
    ['&'] = WORD, ['\''] = WORD, ['*'] = WORD, ['+'] = WORD, ['%'] = WORD,
    ['#'] = TOKEN | VALUE,
    ['^'] = TOKEN | VALUE | TARGET, ['`'] = TOKEN | VALUE | TARGET, ['|'] = TOKEN | VALUE | TARGET,
    ['('] = VALUE | TARGET | HOST, [')'] = VALUE | TARGET | HOST, [','] = VALUE | TARGET | HOST,
    [';'] = VALUE | TARGET | HOST, ['='] = VALUE | TARGET | HOST,
    ['"'] = VALUE | TARGET, ['/'] = VALUE | TARGET, [':'] = VALUE | TARGET, ['<'] = VALUE | TARGET,
    ['>'] = VALUE | TARGET, ['?'] = VALUE | TARGET, ['@'] = VALUE | TARGET, ['['] = VALUE | TARGET,
    ['\\'] = VALUE | TARGET, [']'] = VALUE | TARGET, ['{'] = VALUE | TARGET, ['}'] = VALUE | TARGET,
};
/* clang-format on */

static bool is_all(struct text text, int class)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(classes[(uint8_t)text.at[i]] & class))
            return false;
    return true;
}

/* Most of a value is plain: what no control character is in, is done in words. */
static bool is_value(struct text text)
{
    while (text.len >= WORD_BYTES) {
        uint64_t word = word_load(text.at);
        if (word_below(word, 0x20) | word_equal(word, 0x7f))
            break;
        text = text_skip(text, WORD_BYTES);
    }
    return is_all(text, VALUE);
}

bool field_is_token(struct text text)
{
    return text.len > 0 && is_all(text, TOKEN);
}

bool field_is_target(struct text text)
{
    return text.len > 0 && is_all(text, TARGET);
}

bool field_is_clean(const struct http_field *field)
{
    return field_is_token(field->name) && is_value(field->value);
}

bool field_parse(char *line, size_t len, struct http_field *ret)
{
    size_t colon = 0;

    for (; colon < len; colon++) {
        uint8_t class = classes[(uint8_t)line[colon]];
        if (!(class & TOKEN))
            break;
        if (class & UPPER)
            line[colon] |= 0x20;
    }
    if (colon == 0 || colon == len || line[colon] != ':')
        return false;
    ret->name = text_from(line, colon);
    ret->value = text_trim(text_from(line + colon + 1, len - colon - 1));
    return is_value(ret->value);
}

static bool is_address(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(classes[(uint8_t)text.at[i]] & HEX) && text.at[i] != ':' && text.at[i] != '.')
            return false;
    return text.len >= 2;
}

static bool is_port(struct text text)
{
    int64_t port;
    return text.len == 0 || (text.len <= 5 && text_to_int(text, 0, 65535, &port));
}

bool field_is_host(struct text text)
{
    bool bracketed = text.len > 0 && text.at[0] == '[';
    size_t end = bracketed ? text_find(text, ']') : text_find(text, ':');
    struct text name = text_slice(text, bracketed, end);
    struct text rest = text_skip(text, end + bracketed);

    if (bracketed ? end == text.len || !is_address(name) : name.len == 0 || !is_all(name, HOST))
        return false;
    return rest.len == 0 || (rest.at[0] == ':' && is_port(text_skip(rest, 1)));
}

bool field_looks_like(struct text name, struct text other)
{
    if (name.len != other.len)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((name.at[i] == '_' ? '-' : name.at[i]) != other.at[i])
            return false;
    return true;
}

bool field_list_next(struct text *rest, struct text *ret_member)
{
    while (text_split(rest, ',', ret_member)) {
        *ret_member = text_trim(*ret_member);
        if (ret_member->len > 0)
            return true;
    }
    return false;
}
