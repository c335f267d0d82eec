/* SPDX-License-Identifier: Apache-2.0 */
#include "model/lineage.h"

#include "base/clock.h"
#include "base/crypto.h"

#define ROOT_MAX 100 /* bytes of a header's parts that are kept */

static struct text part(struct text trace, struct text name)
{
    struct text piece;

    while (text_split(&trace, ';', &piece)) {
        piece = text_trim(piece);
        if (text_starts(piece, name))
            return text_skip(piece, name.len);
    }
    return TEXT_NONE;
}

static bool is_plain(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.at[i] >= '0' && text.at[i] <= '9') ||
              (text.at[i] >= 'a' && text.at[i] <= 'z') ||
              (text.at[i] >= 'A' && text.at[i] <= 'Z') || text.at[i] == '-'))
            return false;
    return text.len > 0 && text.len <= ROOT_MAX;
}

int lineage_hops(struct text trace)
{
    struct text lineage = part(trace, TEXT("Lineage="));
    int64_t hops = 0;

    (void)text_to_int(text_slice(lineage, 0, text_find(lineage, ':')), 0, 1000, &hops);
    return (int)hops;
}

void lineage_make(struct text given, int hops, char out[static LINEAGE_TRACE_MAX])
{
    struct text root = part(given, TEXT("Root=")), parent = part(given, TEXT("Parent="));
    bool sampled = text_equal(part(given, TEXT("Sampled=")), TEXT("1"));
    uint8_t random[20];
    char hex[sizeof random * 2 + 1], made[40];

    crypto_random(random, sizeof random);
    crypto_hex(random, sizeof random, hex);
    if (!is_plain(root)) {
        snprintf(made, sizeof made, "1-%08llx-%.24s", (long long)(clock_now_ms() / 1000), hex);
        root = text_of(made);
    }
    if (!is_plain(parent) || parent.len > 16)
        parent = text_from(hex + 24, 16);
    snprintf(out, LINEAGE_TRACE_MAX, "Root=%.*s;Parent=%.*s;Sampled=%d;Lineage=%d:%.8s:0",
             TEXT_ARG(root), TEXT_ARG(parent), sampled, hops, hex);
}
