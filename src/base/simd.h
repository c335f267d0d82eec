/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Which of many bytes are which, as bits: the lowest for the first byte. What a file gets is
 * decided by the flags it is compiled with: AVX-512, AVX2, SSE2, or plain bytes. A file that
 * wants the best the machine has is compiled several times and chooses at run time with
 * __builtin_cpu_supports().
 */
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#define SIMD_BLOCK 64

/* The bits of one block that JSON is made of. Brackets of both kinds are the same. */
struct simd_json {
    uint64_t quotes, backslashes, opens, closes;
};

/* What ends a run of plain characters of a JSON string, and where its dots are. */
struct simd_stops {
    uint32_t stops, dots;
};

/*
 * Pairs of bytes to look for, as sets of up to 8 groups: a group has some bytes at the first
 * place and some at the second. Both tables know more than was asked for: a byte is in a group
 * when both halves of it are, or when it is but for its highest bit.
 */
struct simd_pairs {
    uint8_t low[2][16], high[2][16]; /* by half byte: bit g for group g */
    uint8_t groups[2][128];          /* by the lower 7 bits */
};

static inline bool simd_is_pair(const struct simd_pairs *pairs, char first, char second)
{
    return pairs->groups[0][(uint8_t)first & 127] & pairs->groups[1][(uint8_t)second & 127];
}

#if defined(__AVX512VBMI__) && defined(__AVX512BW__) && defined(__AVX512VL__)

#define SIMD_RUN 32 /* bytes that simd_find_stops() looks at */

static inline struct simd_stops simd_find_stops(const char *at)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);

    return (struct simd_stops){_mm256_cmpeq_epi8_mask(bytes, _mm256_set1_epi8('"')) |
                                   _mm256_cmpeq_epi8_mask(bytes, _mm256_set1_epi8('\\')) |
                                   _mm256_cmplt_epu8_mask(bytes, _mm256_set1_epi8(0x20)),
                               _mm256_cmpeq_epi8_mask(bytes, _mm256_set1_epi8('.'))};
}

/* The first len bytes of a block, the rest zero. */
static inline __m512i simd_load(const char *at, size_t len)
{
    return len >= SIMD_BLOCK ? _mm512_loadu_si512((const void *)at)
                             : _mm512_maskz_loadu_epi8((UINT64_C(1) << len) - 1, (const void *)at);
}

/* '[' and ']' are '{' and '}' without 0x20. */
static inline struct simd_json simd_classify(const char *at, size_t len)
{
    __m512i bytes = simd_load(at, len);
    __m512i brackets = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));

    return (struct simd_json){_mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"')),
                              _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\')),
                              _mm512_cmpeq_epi8_mask(brackets, _mm512_set1_epi8('{')),
                              _mm512_cmpeq_epi8_mask(brackets, _mm512_set1_epi8('}'))};
}

static inline __m512i simd_groups(__m512i bytes, const uint8_t groups[128])
{
    return _mm512_permutex2var_epi8(_mm512_loadu_si512((const void *)groups), bytes,
                                    _mm512_loadu_si512((const void *)(groups + 64)));
}

/* Those of the bits `where` that have such a pair behind them; len bytes can be read. */
static inline uint64_t simd_find_pairs(uint64_t where, const char *at, size_t len,
                                       const struct simd_pairs *pairs)
{
    __m512i first = simd_load(at + 1, len - 1), second = simd_load(at + 2, len < 2 ? 0 : len - 2);

    return where & _mm512_test_epi8_mask(simd_groups(first, pairs->groups[0]),
                                         simd_groups(second, pairs->groups[1]));
}

#elif defined(__AVX2__)

#define SIMD_RUN 32

static inline uint32_t simd_equal(__m256i bytes, char c)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c)));
}

static inline struct simd_stops simd_find_stops(const char *at)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i control =
        _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, _mm256_set1_epi8(0x1f)), _mm256_set1_epi8(0x1f));

    return (struct simd_stops){simd_equal(bytes, '"') | simd_equal(bytes, '\\') |
                                   (uint32_t)_mm256_movemask_epi8(control),
                               simd_equal(bytes, '.')};
}

static inline struct simd_json simd_classify_block(const char *at)
{
    struct simd_json json = {0};

    for (int i = 0; i < 2; i++) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32 * i));
        __m256i brackets = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
        json.quotes |= (uint64_t)simd_equal(bytes, '"') << 32 * i;
        json.backslashes |= (uint64_t)simd_equal(bytes, '\\') << 32 * i;
        json.opens |= (uint64_t)simd_equal(brackets, '{') << 32 * i;
        json.closes |= (uint64_t)simd_equal(brackets, '}') << 32 * i;
    }
    return json;
}

static inline __m256i simd_groups(const char *at, const uint8_t low[16], const uint8_t high[16])
{
    const __m256i half = _mm256_set1_epi8(0x0f);
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i lows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)low));
    __m256i highs =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)high));

    return _mm256_and_si256(
        _mm256_shuffle_epi8(lows, _mm256_and_si256(bytes, half)),
        _mm256_shuffle_epi8(highs, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half)));
}

/* In a block behind which two bytes more can be read. */
#define SIMD_PAIRS_IN_BLOCK
static inline uint64_t simd_find_pairs_in_block(const char *at, const struct simd_pairs *pairs)
{
    uint64_t none = 0;

    for (int i = 0; i < 2; i++) {
        __m256i groups =
            _mm256_and_si256(simd_groups(at + 1 + 32 * i, pairs->low[0], pairs->high[0]),
                             simd_groups(at + 2 + 32 * i, pairs->low[1], pairs->high[1]));
        none |= (uint64_t)simd_equal(groups, 0) << 32 * i;
    }
    return ~none;
}

#elif defined(__SSE2__)

#define SIMD_RUN 16

static inline uint32_t simd_equal(__m128i bytes, char c)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

static inline struct simd_stops simd_find_stops(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));

    return (struct simd_stops){simd_equal(bytes, '"') | simd_equal(bytes, '\\') |
                                   (uint32_t)_mm_movemask_epi8(control),
                               simd_equal(bytes, '.')};
}

static inline struct simd_json simd_classify_block(const char *at)
{
    struct simd_json json = {0};

    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
        __m128i brackets = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        json.quotes |= (uint64_t)simd_equal(bytes, '"') << 16 * i;
        json.backslashes |= (uint64_t)simd_equal(bytes, '\\') << 16 * i;
        json.opens |= (uint64_t)simd_equal(brackets, '{') << 16 * i;
        json.closes |= (uint64_t)simd_equal(brackets, '}') << 16 * i;
    }
    return json;
}

#else

#define SIMD_RUN 8

static inline struct simd_stops simd_find_stops(const char *at)
{
    struct simd_stops found = {0};

    for (int i = 0; i < SIMD_RUN; i++) {
        unsigned char c = (unsigned char)at[i];
        found.stops |= (uint32_t)(c == '"' || c == '\\' || c < 0x20) << i;
        found.dots |= (uint32_t)(c == '.') << i;
    }
    return found;
}

static inline struct simd_json simd_classify_block(const char *at)
{
    struct simd_json json = {0};

    for (int i = 0; i < SIMD_BLOCK; i++) {
        json.quotes |= (uint64_t)(at[i] == '"') << i;
        json.backslashes |= (uint64_t)(at[i] == '\\') << i;
        json.opens |= (uint64_t)((at[i] | 0x20) == '{') << i;
        json.closes |= (uint64_t)((at[i] | 0x20) == '}') << i;
    }
    return json;
}

#endif

#if !defined(__AVX512VBMI__)

static inline struct simd_json simd_classify(const char *at, size_t len)
{
    char part[SIMD_BLOCK] = {0};

    if (len >= SIMD_BLOCK)
        return simd_classify_block(at);
    memcpy(part, at, len);
    return simd_classify_block(part);
}

static inline uint64_t simd_find_pairs(uint64_t where, const char *at, size_t len,
                                       const struct simd_pairs *pairs)
{
    uint64_t found = 0;

#if defined(SIMD_PAIRS_IN_BLOCK)
    if (len >= SIMD_BLOCK + 2)
        return where & simd_find_pairs_in_block(at, pairs);
#endif
    for (uint64_t left = where; left; left &= left - 1) {
        size_t i = (size_t)__builtin_ctzll(left);
        if (simd_is_pair(pairs, i + 1 < len ? at[i + 1] : 0, i + 2 < len ? at[i + 2] : 0))
            found |= left & -left;
    }
    return found;
}

#endif

/* What either has, in *ret. */
static inline const struct simd_pairs *
simd_pairs_of_both(const struct simd_pairs *a, const struct simd_pairs *b, struct simd_pairs *ret)
{
    const uint8_t *left = (const uint8_t *)a, *right = (const uint8_t *)b;
    uint8_t *both = (uint8_t *)ret;

    for (size_t i = 0; i < sizeof *ret; i++)
        both[i] = left[i] | right[i];
    return ret;
}

/* Bit i: whether the bits up to and including i are odd in number. */
static inline uint64_t simd_parity(uint64_t bits)
{
#if defined(__PCLMUL__)
    __m128i product =
        _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
#else
    for (int shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
#endif
}
