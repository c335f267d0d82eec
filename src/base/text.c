/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/mem.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool text_equal_nocase(struct text a, struct text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

int text_compare(struct text a, struct text b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.at, b.at, common) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

size_t text_find_text(struct text t, struct text needle)
{
    if (needle.len == 0)
        return 0;
    const char *found = t.len ? memmem(t.at, t.len, needle.at, needle.len) : NULL;
    return found ? (size_t)(found - t.at) : t.len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct text text_trim(struct text t)
{
    while (t.len && is_blank(t.at[t.len - 1]))
        t.len--;
    while (t.len && is_blank(*t.at)) {
        t.at++;
        t.len--;
    }
    return t;
}

bool text_split(struct text *rest, char separator, struct text *ret_piece)
{
    if (rest->len == 0)
        return false;
    size_t end = text_find(*rest, separator);
    *ret_piece = text_slice(*rest, 0, end);
    *rest = text_skip(*rest, end + 1);
    return true;
}

/* On a mismatch the last star takes one byte more; the stars before it need not be looked at
 * again, so the time is at most the product of the lengths. */
bool text_is_like(struct text t, struct text pattern)
{
    size_t at = 0, p = 0, star = SIZE_MAX, star_at = 0;

    while (at < t.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            star_at = at;
        } else if (p < pattern.len && (pattern.at[p] == '?' || pattern.at[p] == t.at[at])) {
            p++;
            at++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            at = ++star_at;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

bool text_to_int(struct text t, int64_t min, int64_t max, int64_t *ret)
{
    int64_t sum = 0;

    if (t.len == 0)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, t.at[i] - '0', &sum))
            return false;
    }
    if (sum < min || sum > max)
        return false;
    *ret = sum;
    return true;
}

int text_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int32_t text_hex_unit(struct text t)
{
    int32_t unit = 0;

    if (t.len < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = text_hex_digit(t.at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

char *text_dup(struct text t)
{
    char *copy = mem_alloc(t.len + 1);

    if (t.len)
        memcpy(copy, t.at, t.len);
    copy[t.len] = '\0';
    return copy;
}

static bool is_tail(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Unicode 15, table 3-7: the second byte's range keeps out overlong forms (E0, F0),
 * surrogates (ED) and what is beyond U+10FFFF (F4). */
size_t text_utf8_len(struct text t)
{
    const uint8_t *at = (const uint8_t *)t.at;

    if (t.len == 0)
        return 0;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xC2 || at[0] > 0xF4)
        return 0;
    size_t count = at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (t.len < count)
        return 0;

    uint8_t least = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
    uint8_t most = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < count; i++)
        if (!is_tail(at[i]))
            return 0;
    return count;
}

static size_t ascii_len(struct text t)
{
    size_t i = 0;
    uint64_t word;

    for (; i + sizeof word <= t.len; i += sizeof word) {
        memcpy(&word, t.at + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < t.len && (uint8_t)t.at[i] < 0x80)
        i++;
    return i;
}

bool text_is_utf8(struct text t)
{
    for (;;) {
        t = text_skip(t, ascii_len(t));
        if (t.len == 0)
            return true;
        size_t count = text_utf8_len(t);
        if (count == 0)
            return false;
        t = text_skip(t, count);
    }
}

char *text_format_bytes(uint64_t bytes, char out[static 16])
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    uint64_t whole = bytes, part = 0; /* part: 1024ths of the unit */

    while (whole >= 1024) {
        part = whole % 1024;
        whole /= 1024;
        unit++;
    }
    uint64_t tenths = whole * 10 + (part * 10 + 512) / 1024;
    if (unit > 0 && tenths < 100) {
        snprintf(out, 16, "%u.%u %s", (unsigned)(tenths / 10), (unsigned)(tenths % 10),
                 units[unit]);
        return out;
    }
    whole += part >= 512;
    if (whole == 1024)
        snprintf(out, 16, "1.0 %s", units[unit + 1]);
    else
        snprintf(out, 16, "%u %s", (unsigned)whole, units[unit]);
    return out;
}
