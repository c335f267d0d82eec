/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cesql_priv.h"

static const struct {
    struct text text;
    enum token_kind kind;
} symbols[] = {
    /* The longer ones first. */
    {TEXT("!="), TOKEN_DIFFERENT}, {TEXT("<>"), TOKEN_DIFFERENT}, {TEXT("<="), TOKEN_AT_MOST},
    {TEXT(">="), TOKEN_AT_LEAST},  {TEXT("<"), TOKEN_LESS},       {TEXT(">"), TOKEN_MORE},
    {TEXT("="), TOKEN_EQUAL},      {TEXT("("), TOKEN_OPEN},       {TEXT(")"), TOKEN_CLOSE},
    {TEXT(","), TOKEN_COMMA},      {TEXT("*"), TOKEN_TIMES},      {TEXT("/"), TOKEN_DIVIDED},
    {TEXT("%"), TOKEN_MODULO},     {TEXT("+"), TOKEN_PLUS},       {TEXT("-"), TOKEN_MINUS},
};

static const struct {
    struct text text;
    enum token_kind kind;
} keywords[] = {
    {TEXT("AND"), TOKEN_AND}, {TEXT("OR"), TOKEN_OR},     {TEXT("XOR"), TOKEN_XOR},
    {TEXT("NOT"), TOKEN_NOT}, {TEXT("LIKE"), TOKEN_LIKE}, {TEXT("EXISTS"), TOKEN_EXISTS},
    {TEXT("IN"), TOKEN_IN},   {TEXT("TRUE"), TOKEN_TRUE}, {TEXT("FALSE"), TOKEN_FALSE},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_char(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

static struct token take_string(struct text *rest)
{
    char quote = rest->at[0];
    size_t end = 1;

    while (end < rest->len &&
           (rest->at[end] != quote || (end + 1 < rest->len && rest->at[end + 1] == quote)))
        end += rest->at[end] == '\\' || rest->at[end] == quote ? 2 : 1;
    if (end >= rest->len)
        return (struct token){TOKEN_BAD, *rest};
    struct token token = {TOKEN_STRING, text_slice(*rest, 1, end)};
    *rest = text_skip(*rest, end + 1);
    return token;
}

static enum token_kind kind_of(struct text word)
{
    size_t digits = 0;

    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (text_equal_nocase(word, keywords[i].text))
            return keywords[i].kind;
    while (digits < word.len && is_digit(word.at[digits]))
        digits++;
    return digits == word.len ? TOKEN_INTEGER : TOKEN_NAME;
}

static struct token take_word(struct text *rest)
{
    size_t len = 0;

    while (len < rest->len && is_word_char(rest->at[len]))
        len++;
    struct text word = text_slice(*rest, 0, len);
    *rest = text_skip(*rest, len);
    return (struct token){kind_of(word), word};
}

struct token cesql_next_token(struct text *rest)
{
    while (rest->len > 0 && strchr(" \t\r\n", rest->at[0]) && rest->at[0])
        *rest = text_skip(*rest, 1);
    if (rest->len == 0)
        return (struct token){TOKEN_END, TEXT("the end")};
    if (rest->at[0] == '\'' || rest->at[0] == '"')
        return take_string(rest);
    if (is_word_char(rest->at[0]))
        return take_word(rest);
    for (size_t i = 0; i < COUNT_OF(symbols); i++)
        if (text_starts(*rest, symbols[i].text)) {
            struct token token = {symbols[i].kind, text_slice(*rest, 0, symbols[i].text.len)};
            *rest = text_skip(*rest, token.text.len);
            return token;
        }
    return (struct token){TOKEN_BAD, *rest};
}
