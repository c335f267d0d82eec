/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/crypto.h"
#include "gateway/gateway_priv.h"

/* "Root=1-67891233-abcdef012345678912345678": version, seconds in hex, 96 random bits. */
#define ROOT_LEN 35
#define ID_LEN 16

static bool is_hex(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.at[i] >= '0' && text.at[i] <= '9') ||
              ((text.at[i] | 0x20) >= 'a' && (text.at[i] | 0x20) <= 'f')))
            return false;
    return true;
}

static bool is_root(struct text value)
{
    return value.len == ROOT_LEN && value.at[0] == '1' && value.at[1] == '-' &&
           value.at[10] == '-' && is_hex(text_slice(value, 2, 10)) && is_hex(text_skip(value, 11));
}

static bool is_parent(struct text value)
{
    return value.len == ID_LEN && is_hex(value);
}

static bool is_sampled(struct text value)
{
    return value.len == 1 && (value.at[0] == '0' || value.at[0] == '1' || value.at[0] == '?');
}

static const struct part {
    struct text name;
    bool (*is_valid)(struct text value);
} parts[] = {
    {TEXT("Root="), is_root},
    {TEXT("Self="), is_root},
    {TEXT("Parent="), is_parent},
    {TEXT("Sampled="), is_sampled},
};

/* The piece of given that is a valid part of that name, or TEXT_NONE. */
static struct text find_part(struct text given, const struct part *part)
{
    struct text piece;

    while (text_split(&given, ';', &piece)) {
        piece = text_trim(piece);
        if (text_starts(piece, part->name) && part->is_valid(text_skip(piece, part->name.len)))
            return piece;
    }
    return TEXT_NONE;
}

static void make_root(int64_t now_ms, char *ret)
{
    uint32_t seconds = (uint32_t)(now_ms / 1000);
    const uint8_t time[4] = {(uint8_t)(seconds >> 24), (uint8_t)(seconds >> 16),
                             (uint8_t)(seconds >> 8), (uint8_t)seconds};
    uint8_t random[12];

    crypto_random(random, sizeof random);
    memcpy(ret, "Root=1-", 7);
    crypto_hex(time, sizeof time, ret + 7);
    ret[15] = '-';
    crypto_hex(random, sizeof random, ret + 16);
}

int trace_hops(struct text given)
{
    struct text piece;
    int64_t hops = 0;

    while (text_split(&given, ';', &piece)) {
        piece = text_trim(piece);
        if (!text_starts(piece, TEXT("Lineage=")))
            continue;
        piece = text_skip(piece, sizeof "Lineage=" - 1);
        (void)text_to_int(text_slice(piece, 0, text_find(piece, ':')), 0, INT32_MAX / 2, &hops);
    }
    return (int)hops;
}

static size_t put_given(struct text given, char *ret)
{
    size_t len = 0;

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct text piece = find_part(given, &parts[i]);
        if (piece.len == 0)
            continue;
        len += (size_t)snprintf(ret + len, TRACE_BYTES - len, "%s%.*s", len ? ";" : "",
                                TEXT_ARG(piece));
    }
    return len;
}

void trace_make(struct text given, int hops, int64_t now_ms, char ret[static TRACE_BYTES])
{
    size_t len = sizeof "Root=" - 1 + ROOT_LEN;

    if (given.len > 0 && text_is_set(find_part(given, &parts[0])))
        len = put_given(given, ret);
    else
        make_root(now_ms, ret);
    if (hops > 0)
        snprintf(ret + len, TRACE_BYTES - len, ";Lineage=%d:00000000:0", hops);
}
