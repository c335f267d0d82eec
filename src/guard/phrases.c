/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/phrases.h"

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/mem.h"

#define TEXT_MAX 4096

/* A node of the machine is a row of next[], a column for each byte that occurs in a phrase;
 * column 0 is for all others. Node 0 is the beginning. */
struct phrases {
    struct buffer added; /* lower case, each ended by a NUL, until it is built */
    char *patterns[PHRASES_PATTERNS_MAX];
    size_t pattern_count;
    uint8_t columns[256];
    size_t width;
    uint32_t *next;
    bool *ends;
    size_t nodes;
};

struct phrases *phrases_new(void)
{
    return mem_new(struct phrases);
}

void phrases_free(struct phrases *phrases)
{
    if (!phrases)
        return;
    for (size_t i = 0; i < phrases->pattern_count; i++)
        free(phrases->patterns[i]);
    buffer_done(&phrases->added);
    free(phrases->next);
    free(phrases->ends);
    free(phrases);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

int phrases_add(struct phrases *phrases, struct text phrase, struct error *err)
{
    if (phrase.len == 0 || phrase.len > PHRASE_BYTES_MAX || memchr(phrase.at, 0, phrase.len))
        return error_set(err, ERROR_INVALID, "a phrase has 1 to %d bytes and no NUL",
                         PHRASE_BYTES_MAX);
    if (phrases->added.len + phrase.len + 1 > PHRASES_BYTES_MAX)
        return error_set(err, ERROR_LIMIT, "phrases have at most %d bytes together",
                         PHRASES_BYTES_MAX);
    bool is_pattern = text_contains(phrase, '*') || text_contains(phrase, '?');
    if (is_pattern && phrases->pattern_count == PHRASES_PATTERNS_MAX)
        return error_set(err, ERROR_LIMIT, "at most %d phrases with '*' or '?'",
                         PHRASES_PATTERNS_MAX);
    char *copy = text_dup(phrase);
    for (size_t i = 0; i < phrase.len; i++)
        copy[i] = lower(copy[i]);
    if (is_pattern) {
        phrases->patterns[phrases->pattern_count++] = copy;
        return 0;
    }
    buffer_add(&phrases->added, copy, phrase.len + 1);
    free(copy);
    return 0;
}

static void choose_columns(struct phrases *phrases)
{
    bool occurs[256] = {false};

    for (size_t i = 0; i < phrases->added.len; i++)
        occurs[(uint8_t)phrases->added.at[i]] = true;
    phrases->width = 1;
    for (int c = 1; c < 256; c++)
        if (occurs[c] && phrases->width < 256)
            phrases->columns[c] = (uint8_t)phrases->width++;
    for (int c = 'A'; c <= 'Z'; c++)
        phrases->columns[c] = phrases->columns[c + 32];
}

static uint32_t add_node(struct phrases *phrases, size_t *room)
{
    if (phrases->nodes == *room) {
        *room = *room ? *room * 2 : 64;
        phrases->next = mem_realloc(phrases->next, *room * phrases->width * sizeof(uint32_t));
        phrases->ends = mem_realloc(phrases->ends, *room * sizeof(bool));
    }
    memset(phrases->next + phrases->nodes * phrases->width, 0, phrases->width * sizeof(uint32_t));
    phrases->ends[phrases->nodes] = false;
    return (uint32_t)phrases->nodes++;
}

static void add_all(struct phrases *phrases)
{
    size_t room = 0;
    uint32_t node = add_node(phrases, &room);

    for (size_t i = 0; i < phrases->added.len; i++) {
        char c = phrases->added.at[i];
        if (c == '\0') {
            phrases->ends[node] = true;
            node = 0;
            continue;
        }
        size_t at = node * phrases->width + phrases->columns[(uint8_t)c];
        if (!phrases->next[at]) {
            uint32_t made = add_node(phrases, &room);
            phrases->next[at] = made;
        }
        node = phrases->next[at];
    }
}

/* Breadth first: where a node has no follower, that of its longest proper suffix follows. */
static void link_all(struct phrases *phrases)
{
    scoped(free) uint32_t *queue = mem_alloc(phrases->nodes * sizeof(uint32_t));
    scoped(free) uint32_t *suffix = mem_zalloc(phrases->nodes * sizeof(uint32_t));
    size_t width = phrases->width, head = 0, tail = 0;

    for (size_t c = 0; c < width; c++)
        if (phrases->next[c])
            queue[tail++] = phrases->next[c];
    while (head < tail) {
        uint32_t node = queue[head++], *row = phrases->next + node * width;
        const uint32_t *other = phrases->next + suffix[node] * width;
        phrases->ends[node] = phrases->ends[node] || phrases->ends[suffix[node]];
        for (size_t c = 0; c < width; c++) {
            if (!row[c]) {
                row[c] = other[c];
                continue;
            }
            suffix[row[c]] = other[c];
            queue[tail++] = row[c];
        }
    }
}

void phrases_build(struct phrases *phrases)
{
    choose_columns(phrases);
    add_all(phrases);
    link_all(phrases);
    buffer_done(&phrases->added);
}

static bool match_patterns(const struct phrases *phrases, struct text text)
{
    char copy[TEXT_MAX];

    for (size_t i = 0; i < text.len; i++)
        copy[i] = lower(text.at[i]);
    for (size_t i = 0; i < phrases->pattern_count; i++)
        if (text_is_like(text_from(copy, text.len), text_of(phrases->patterns[i])))
            return true;
    return false;
}

bool phrases_match(const struct phrases *phrases, struct text text)
{
    uint32_t node = 0;

    if (text.len > TEXT_MAX)
        text.len = TEXT_MAX;
    for (size_t i = 0; i < text.len; i++) {
        node = phrases->next[node * phrases->width + phrases->columns[(uint8_t)text.at[i]]];
        if (phrases->ends[node])
            return true;
    }
    return phrases->pattern_count > 0 && match_patterns(phrases, text);
}
