/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

/*
 * Text looked at eight bytes at a time. Each mark is the high bit of a byte: the lowest mark
 * is right, those above it may be wrong. So a word without marks has none, and
 * word_first() tells the first.
 */
#define WORD_BYTES sizeof(uint64_t)
#define WORD_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The first byte is the lowest, on every machine. Eight bytes are read. */
static inline uint64_t word_load(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

/* Of bytes below limit, which is at most 0x80. */
static inline uint64_t word_below(uint64_t word, uint8_t limit)
{
    return (word - WORD_EACH(limit)) & ~word & WORD_EACH(0x80);
}

static inline uint64_t word_equal(uint64_t word, uint8_t byte)
{
    return word_below(word ^ WORD_EACH(byte), 1);
}

static inline uint64_t word_beyond_ascii(uint64_t word)
{
    return word & WORD_EACH(0x80);
}

/* Which byte has the first of marks, which are not 0. */
static inline unsigned word_first(uint64_t marks)
{
    return (unsigned)__builtin_ctzll(marks) / 8;
}
