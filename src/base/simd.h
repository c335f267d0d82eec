/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

/*
 * Which of many bytes are which, as bits: the lowest for the first byte. What a file gets is
 * decided by the flags it is compiled with: AVX2, SSE2, or plain words of 8 bytes. A file
 * that wants the best the machine has is compiled twice and chooses at run time with
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

#if defined(__AVX2__)

#define SIMD_RUN 32 /* bytes that simd_find_stops() looks at */

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

/* '[' and ']' are '{' and '}' without 0x20. */
static inline struct simd_json simd_classify(const char *at)
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

static inline struct simd_json simd_classify(const char *at)
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

static inline struct simd_json simd_classify(const char *at)
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
