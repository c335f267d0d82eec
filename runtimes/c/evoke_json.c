/* SPDX-License-Identifier: Apache-2.0 */
#include "evoke_json.h"

#include <stdint.h>
#include <string.h>

/* Each byte takes at most six: \u001f; U+FFFD takes three. */
#define BYTES_MAX 6

size_t evoke_json_size(const char *text)
{
    return strlen(text) * BYTES_MAX + 3;
}

/* Length of the character at text if it is well-formed UTF-8 (Unicode 15, table 3-7),
 * else 0. Stops at the NUL. */
static size_t char_len(const unsigned char *text)
{
    unsigned char first = text[0], low = 0x80, high = 0xbf;
    size_t len = first < 0x80                     ? 1
                 : first >= 0xc2 && first <= 0xdf ? 2
                 : (first & 0xf0) == 0xe0         ? 3
                 : first >= 0xf0 && first <= 0xf4 ? 4
                                                  : 0;

    if (first == 0xe0)
        low = 0xa0;
    if (first == 0xed)
        high = 0x9f;
    if (first == 0xf0)
        low = 0x90;
    if (first == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < len; i++) {
        if (text[i] < low || text[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return len;
}

static char *put_control(char *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; /* from 8, backspace, to 13, return */

    *to++ = '\\';
    if (c >= 8 && c <= 13 && letters[c - 8]) {
        *to++ = letters[c - 8];
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = hex[c >> 4];
    to[4] = hex[c & 15];
    return to + 5;
}

char *evoke_json_quote(char *to, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    *to++ = '"';
    while (*at) {
        size_t len = char_len(at);
        if (len == 0) {
            memcpy(to, "\xef\xbf\xbd", 3);
            to += 3;
            at++;
        } else if (*at < 0x20) {
            to = put_control(to, *at++);
        } else {
            if (*at == '"' || *at == '\\')
                *to++ = '\\';
            memcpy(to, at, len);
            to += len;
            at += len;
        }
    }
    *to++ = '"';
    *to = '\0';
    return to;
}
