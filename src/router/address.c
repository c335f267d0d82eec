/* SPDX-License-Identifier: Apache-2.0 */
#include "router/address.h"

#define ADDRESS_LEN_MAX 64 /* longer than any address that is written without mischief */

/* Four runs of digits. */
static bool is_v4_alike(struct text text)
{
    int dots = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '.') {
            if (i == 0 || text.at[i - 1] == '.')
                return false;
            dots++;
        } else if (text.at[i] < '0' || text.at[i] > '9') {
            return false;
        }
    }
    return dots == 3 && text.at[text.len - 1] != '.';
}

static bool is_v6_alike(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != ':' && text_hex_digit(text.at[i]) < 0)
            return false;
    return text_contains(text, ':');
}

bool address_is_alike(struct text text)
{
    return text.len > 0 && (is_v4_alike(text) || is_v6_alike(text));
}

static bool parse_v4(struct text text, struct address *ret)
{
    unsigned part = 0, count = 0;

    if (text.len > 15)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '.') {
            ret->bytes[count++] = (uint8_t)part;
            part = 0;
            continue;
        }
        part = part * 10 + (unsigned)(text.at[i] - '0');
        if (part > 255)
            return false;
    }
    ret->bytes[count] = (uint8_t)part;
    ret->len = 4;
    return true;
}

/* The groups as they come; gap is where "::" stands (in bytes), -1 without. False when a
 * group is too large, or there are too many, or two gaps, or a colon too much. */
static bool parse_groups(struct text text, struct address *ret, int *ret_gap, int *ret_len)
{
    unsigned group = 0;
    int len = 0, gap = -1;
    bool digits = false;

    for (size_t i = text.at[0] == ':'; i < text.len; i++) {
        if (text.at[i] != ':') {
            group = group << 4 | (unsigned)text_hex_digit(text.at[i]);
            if (group > 0xffff)
                return false;
            digits = true;
            continue;
        }
        if (!digits) {
            if (gap >= 0)
                return false;
            gap = len;
            continue;
        }
        if (i + 1 == text.len || len + 2 > 16)
            return false;
        ret->bytes[len++] = (uint8_t)(group >> 8);
        ret->bytes[len++] = (uint8_t)group;
        digits = false;
        group = 0;
    }
    if (digits) {
        if (len + 2 > 16)
            return false;
        ret->bytes[len++] = (uint8_t)(group >> 8);
        ret->bytes[len++] = (uint8_t)group;
    }
    *ret_gap = gap;
    *ret_len = len;
    return true;
}

static bool parse_v6(struct text text, struct address *ret)
{
    static const uint8_t v4_within[12] = {[10] = 0xff, [11] = 0xff};
    int gap, len;

    if (text.len < 2 || (text.at[0] == ':' && text.at[1] != ':') ||
        !parse_groups(text, ret, &gap, &len))
        return false;
    if (gap >= 0) {
        if (len == 16)
            return false;
        memmove(ret->bytes + 16 - (len - gap), ret->bytes + gap, (size_t)(len - gap));
        memset(ret->bytes + gap, 0, (size_t)(16 - len));
        len = 16;
    }
    ret->len = 16;
    if (len == 16 && memcmp(ret->bytes, v4_within, sizeof v4_within) == 0) {
        memcpy(ret->bytes, ret->bytes + 12, 4);
        ret->len = 4;
    }
    return len == 16;
}

bool address_parse(struct text text, struct address *ret)
{
    if (text.len == 0 || text.len > ADDRESS_LEN_MAX)
        return false;
    if (is_v4_alike(text))
        return parse_v4(text, ret);
    return is_v6_alike(text) && parse_v6(text, ret);
}

void address_mask(struct address *address, unsigned bits)
{
    for (unsigned i = 0; i < address->len; i++) {
        unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        if (kept < 8)
            address->bytes[i] &= (uint8_t)(0xff00 >> kept);
    }
}
