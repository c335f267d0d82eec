/* SPDX-License-Identifier: Apache-2.0 */
#include "http/uri.h"

static bool is_plain(struct text text, bool plus_is_space)
{
    return !text_contains(text, '%') && !(plus_is_space && text_contains(text, '+'));
}

/* The byte an escape stands for; 0 when it is broken, or NUL, which is refused alike. */
static int read_escape(struct text at)
{
    if (at.len < 3)
        return 0;
    int high = text_hex_digit(at.at[1]), low = text_hex_digit(at.at[2]);
    return high < 0 || low < 0 ? 0 : high * 16 + low;
}

bool uri_decode(struct arena *arena, struct text encoded, bool plus_is_space, struct text *ret)
{
    *ret = encoded;
    if (is_plain(encoded, plus_is_space))
        return true;

    char *out = arena_alloc(arena, encoded.len);
    size_t len = 0;
    for (size_t i = 0; i < encoded.len; i++) {
        char c = encoded.at[i];
        if (c == '%') {
            c = (char)read_escape(text_skip(encoded, i));
            if (c == '\0')
                return false;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[len++] = c;
    }
    *ret = text_from(out, len);
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void uri_encode(struct buffer *out, struct text text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    char *start = buffer_room(out, text.len * 3), *at = start;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.at[i];
        if (is_unreserved((char)c) || (c == '/' && keep_slash)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = digits[c >> 4];
        *at++ = digits[c & 15];
    }
    buffer_added(out, (size_t)(at - start));
}

bool uri_query_next(struct text *rest, struct text *ret_name, struct text *ret_value)
{
    struct text piece;

    while (text_split(rest, '&', &piece)) {
        if (piece.len == 0)
            continue;
        size_t equals = text_find(piece, '=');
        *ret_name = text_slice(piece, 0, equals);
        *ret_value = equals < piece.len ? text_skip(piece, equals + 1) : TEXT_NONE;
        return true;
    }
    return false;
}

struct text uri_query_find(struct arena *arena, struct text query, struct text name)
{
    struct text encoded, value, decoded;

    while (uri_query_next(&query, &encoded, &value)) {
        if (!uri_decode(arena, encoded, true, &decoded) || !text_equal(decoded, name))
            continue;
        if (!text_is_set(value))
            return TEXT("");
        return uri_decode(arena, value, true, &decoded) ? decoded : TEXT_NONE;
    }
    return TEXT_NONE;
}

bool uri_segment_next(struct text *rest, struct text *ret_segment)
{
    if (rest->len == 0)
        return false;
    if (rest->at[0] == '/')
        *rest = text_skip(*rest, 1);
    size_t end = text_find(*rest, '/');
    *ret_segment = text_slice(*rest, 0, end);
    *rest = text_skip(*rest, end);
    return true;
}
