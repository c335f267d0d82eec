/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A borrowed run of bytes: pointer and length, not NUL-terminated, possibly with
 * NULs inside. The type of every parser's border. {NULL, 0} is "absent", which
 * compares equal to the empty text; text_is_set() tells them apart.
 */
struct text {
    const char *at;
    size_t len;
};

#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})
#define TEXT_NONE ((struct text){NULL, 0})
/* For printf's "%.*s". */
#define TEXT_ARG(t) (int)(t).len, (t).len ? (t).at : ""

static inline struct text text_of(const char *string)
{
    return (struct text){string, string ? strlen(string) : 0};
}
static inline struct text text_from(const void *at, size_t len)
{
    return (struct text){(const char *)at, len};
}
static inline bool text_is_set(struct text t)
{
    return t.at != NULL;
}
static inline bool text_equal(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Clamped to t. */
static inline struct text text_slice(struct text t, size_t from, size_t to)
{
    if (to > t.len)
        to = t.len;
    if (from > to)
        from = to;
    return (struct text){from ? t.at + from : t.at, to - from};
}
static inline struct text text_skip(struct text t, size_t count)
{
    return text_slice(t, count, t.len);
}
/* The position of c or needle, or t.len when absent. */
static inline size_t text_find(struct text t, char c)
{
    const char *found = t.len ? memchr(t.at, c, t.len) : NULL;
    return found ? (size_t)(found - t.at) : t.len;
}
size_t text_find_text(struct text t, struct text needle);

static inline bool text_contains(struct text t, char c)
{
    return text_find(t, c) < t.len;
}
static inline bool text_starts(struct text t, struct text prefix)
{
    return t.len >= prefix.len && text_equal(text_slice(t, 0, prefix.len), prefix);
}
static inline bool text_ends(struct text t, struct text suffix)
{
    return t.len >= suffix.len && text_equal(text_skip(t, t.len - suffix.len), suffix);
}

bool text_equal_nocase(struct text a, struct text b); /* ASCII only */
int text_compare(struct text a, struct text b);       /* bytewise, shorter first */
struct text text_trim(struct text t);                 /* blanks and tabs at both ends */

/* Takes the next piece up to separator (or the end) from *rest. False when *rest is
 * used up; "a,,b" yields "a", "", "b", "a," yields "a", and "" nothing at all. */
bool text_split(struct text *rest, char separator, struct text *ret_piece);

/* Whether all of t is what pattern says: "*" stands for any bytes, "?" for any one. */
bool text_is_like(struct text t, struct text pattern);

/* Digits only, within min..max; false otherwise (sign, blank, overflow, empty). */
bool text_to_int(struct text t, int64_t min, int64_t max, int64_t *ret);

int text_hex_digit(char c);           /* its value, or -1 */
int32_t text_hex_unit(struct text t); /* of the four hex digits that t begins with, or -1 */

char *text_dup(struct text t); /* NUL-terminated, the caller's */

/* Whether t is valid UTF-8 (no surrogates, no overlong forms). */
bool text_is_utf8(struct text t);
/* How long the valid UTF-8 character is that t begins with; 0 when there is none. */
size_t text_utf8_len(struct text t);

/* "50 MB" for people: powers of 1024, one decimal below 10. Returns out. */
char *text_format_bytes(uint64_t bytes, char out[static 16]);
