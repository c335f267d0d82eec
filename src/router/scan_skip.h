/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/simd.h"
#include "base/text.h"

/*
 * Moving over JSON text; a part of scan.c, which is compiled several times. A function takes the
 * input from `at` and returns where it stopped, NULL when the input is not JSON there.
 */
static inline bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* From behind the opening quote to the first byte that is not plain; *ret_dots has dots. */
static inline const char *skip_plain(const char *at, const char *end, bool *ret_dots)
{
    for (; end - at >= SIMD_RUN; at += SIMD_RUN) {
        struct simd_stops found = simd_find_stops(at);
        if (found.stops) {
            int stop = __builtin_ctz(found.stops);
            *ret_dots |= (found.dots & ((1u << stop) - 1)) != 0;
            return at + stop;
        }
        *ret_dots |= found.dots != 0;
    }
    for (; at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20; at++)
        *ret_dots |= *at == '.';
    return at;
}

static inline const char *skip_string(const char *at, const char *end)
{
    bool dots = false;

    for (;;) {
        at = skip_plain(at, end, &dots);
        if (at >= end)
            return NULL;
        if (*at == '"')
            return at + 1;
        at += *at == '\\' ? 2 : 1;
    }
}

/* Where we are in what is skipped, between blocks. */
struct skipping {
    uint64_t in_string;  /* all bits or none */
    uint64_t is_escaped; /* the next byte: 1 or 0 */
    int64_t depth;
};

/* Characters behind an odd number of backslashes. */
static inline uint64_t find_escaped(uint64_t backslashes, uint64_t *is_escaped)
{
    const uint64_t even = UINT64_C(0x5555555555555555);
    uint64_t starts, runs;

    if (!backslashes) {
        uint64_t escaped = *is_escaped;
        *is_escaped = 0;
        return escaped;
    }
    backslashes &= ~*is_escaped;
    uint64_t behind = backslashes << 1 | *is_escaped;
    starts = backslashes & ~even & ~behind;
    *is_escaped = __builtin_add_overflow(starts, backslashes, &runs);
    return (even ^ runs << 1) & behind;
}

/*
 * The first bit of a block that is the bracket that closes the outermost one, or, unless pairs
 * is NULL, a quote directly within it that opens a string which begins like that. SIMD_BLOCK:
 * there is none. len bytes can be read.
 */
__attribute__((always_inline)) static inline int
skip_block(struct skipping *skipping, const char *block, size_t len, const struct simd_pairs *pairs)
{
    struct simd_json json = simd_classify(block, len);

    if (__builtin_expect((json.backslashes | skipping->is_escaped) != 0, 0))
        json.quotes &= ~find_escaped(json.backslashes, &skipping->is_escaped);
    uint64_t strings = simd_parity(json.quotes) ^ skipping->in_string;
    uint64_t stops = pairs ? simd_find_pairs(json.quotes & strings, block, len, pairs) : 0;
    skipping->in_string = (uint64_t)((int64_t)strings >> 63);
    json.opens &= ~strings;
    json.closes &= ~strings;
    int64_t closing = __builtin_popcountll(json.closes);
    if (stops || closing >= skipping->depth) {
        for (stops |= json.closes; stops; stops &= stops - 1) {
            uint64_t before = (stops & -stops) - 1;
            if (skipping->depth + __builtin_popcountll(json.opens & before) -
                    __builtin_popcountll(json.closes & before) ==
                1)
                return __builtin_ctzll(stops);
        }
    }
    skipping->depth += __builtin_popcountll(json.opens) - closing;
    return SIMD_BLOCK;
}

/* To where skip_block() says, NULL when that is nowhere. */
__attribute__((always_inline)) static inline const char *skip_to(const char *at, const char *end,
                                                                 const struct simd_pairs *pairs)
{
    struct skipping skipping = {.depth = 1};

    for (; end - at >= SIMD_BLOCK + 2; at += SIMD_BLOCK) {
        int stop = skip_block(&skipping, at, SIMD_BLOCK + 2, pairs);
        if (stop < SIMD_BLOCK)
            return at + stop;
    }
    for (; end > at; at += SIMD_BLOCK) {
        int stop = skip_block(&skipping, at, (size_t)(end - at), pairs);
        if (stop < SIMD_BLOCK)
            return at + stop;
        if (end - at <= SIMD_BLOCK)
            break;
    }
    return NULL;
}

static inline uint64_t find_quoted(const char *block, size_t len, const struct simd_pairs *pairs)
{
    return simd_find_pairs(simd_classify(block, len).quotes, block, len, pairs);
}

/* The first quote that such a pair follows, wherever it is; NULL: there is none. */
static inline const char *find_pair(const char *at, const char *end, const struct simd_pairs *pairs)
{
    for (; end - at >= SIMD_BLOCK + 2; at += SIMD_BLOCK) {
        uint64_t found = find_quoted(at, SIMD_BLOCK + 2, pairs);
        if (found)
            return at + __builtin_ctzll(found);
    }
    while (end - at > 2) {
        uint64_t found = find_quoted(at, (size_t)(end - at), pairs);
        if (found)
            return at + __builtin_ctzll(found);
        at += end - at < SIMD_BLOCK ? end - at : SIMD_BLOCK;
    }
    return NULL;
}

/* at: behind its opening bracket. */
static inline const char *skip_container(const char *at, const char *end)
{
    at = skip_to(at, end, NULL);
    return at ? at + 1 : NULL;
}

static inline const char *skip_scalar(const char *at, const char *end)
{
    const char *start = at;

    while (at < end && *at != ',' && *at != '}' && *at != ']' && (unsigned char)*at > ' ')
        at++;
    return at > start ? at : NULL;
}

static inline const char *skip_value(const char *at, const char *end)
{
    if (at == end)
        return NULL;
    if (*at == '"')
        return skip_string(at + 1, end);
    if (*at == '{' || *at == '[')
        return skip_container(at + 1, end);
    return skip_scalar(at, end);
}

static inline const char *skip_digits(const char *at, const char *end)
{
    const char *start = at;

    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at > start ? at : NULL;
}

static inline const char *skip_number(const char *at, const char *end)
{
    at += *at == '-';
    at = at < end && *at == '0' ? at + 1 : skip_digits(at, end);
    if (at && at < end && *at == '.')
        at = skip_digits(at + 1, end);
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        at = skip_digits(at, end);
    }
    return at;
}

static inline const char *skip_word(const char *at, const char *end)
{
    static const struct text words[] = {TEXT("true"), TEXT("false"), TEXT("null")};
    struct text rest = text_from(at, (size_t)(end - at));

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (text_starts(rest, words[i]))
            return at + words[i].len;
    return NULL;
}
