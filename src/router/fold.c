/* SPDX-License-Identifier: Apache-2.0 */
#include "router/fold.h"

#include "base/scoped.h"
#include "router/utf8.h"

struct simple_fold {
    uint16_t code, lower, upper;
};
struct special_fold {
    uint16_t code;
    const char *lower, *upper;
};

#include "router/fold_table.h"

void fold_ascii(struct text text, char *to)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        to[i] = (char)(c + ((unsigned char)(c - 'A') < 26) * 32);
    }
}

bool fold_is_ascii(struct text text)
{
    unsigned char all = 0;

    for (size_t i = 0; i < text.len; i++)
        all |= (unsigned char)text.at[i];
    return all < 0x80;
}

static bool find_special(uint32_t code, struct fold *ret)
{
    for (size_t i = 0; i < COUNT_OF(special_folds); i++) {
        if (special_folds[i].code == code) {
            (void)snprintf(ret->lower, sizeof ret->lower, "%s", special_folds[i].lower);
            (void)snprintf(ret->upper, sizeof ret->upper, "%s", special_folds[i].upper);
            return true;
        }
    }
    return false;
}

bool fold_find(uint32_t code, struct fold *ret)
{
    size_t low = 0, high = COUNT_OF(simple_folds);

    if (code < 0x80) {
        char lower = (char)(code | 0x20);
        if (lower < 'a' || lower > 'z')
            return false;
        *ret = (struct fold){{lower}, {(char)(lower - 32)}};
        return true;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (simple_folds[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == COUNT_OF(simple_folds) || simple_folds[low].code != code)
        return find_special(code, ret);
    *utf8_put(ret->lower, simple_folds[low].lower) = '\0';
    *utf8_put(ret->upper, simple_folds[low].upper) = '\0';
    return true;
}
