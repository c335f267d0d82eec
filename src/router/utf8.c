/* SPDX-License-Identifier: Apache-2.0 */
#include "router/utf8.h"

uint32_t utf8_read(struct text text, size_t *ret_len)
{
    unsigned char first = (unsigned char)text.at[0];
    size_t len = text_utf8_len(text);

    *ret_len = len ? len : 1;
    if (len <= 1)
        return first;
    uint32_t code = first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)text.at[i] & 0x3f);
    return code;
}

char *utf8_put(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int rest = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *to++ = (char)((0xff00u >> (rest + 1) & 0xff) | code >> 6 * rest);
    while (rest-- > 0)
        *to++ = (char)(0x80 | (code >> 6 * rest & 0x3f));
    return to;
}
