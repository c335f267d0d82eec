/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdarg.h>

#include "base/mem.h"
#include "base/word.h"

#define CAPACITY_MIN 256

static char *allocation(const struct buffer *buffer)
{
    return buffer->at ? buffer->at - buffer->start : NULL;
}

void buffer_done(struct buffer *buffer)
{
    free(allocation(buffer));
    *buffer = (struct buffer){0};
}

static void compact(struct buffer *buffer)
{
    char *base = allocation(buffer);

    memmove(base, buffer->at, buffer->len + 1);
    buffer->at = base;
    buffer->start = 0;
}

static size_t next_capacity(const struct buffer *buffer, size_t need)
{
    size_t capacity = buffer->capacity * 2;

    if (capacity < CAPACITY_MIN)
        capacity = CAPACITY_MIN;
    return capacity < need ? need : capacity;
}

static void grow(struct buffer *buffer, size_t need)
{
    size_t capacity = next_capacity(buffer, need);

    if (buffer->start == 0) {
        buffer->at = mem_realloc(buffer->at, capacity);
    } else {
        char *moved = mem_alloc(capacity);
        memcpy(moved, buffer->at, buffer->len);
        free(allocation(buffer));
        buffer->at = moved;
        buffer->start = 0;
    }
    buffer->capacity = capacity;
    buffer->at[buffer->len] = '\0';
}

/* Consumed bytes are won back only when at least as many were consumed as have to be
 * moved: so each byte pays for at most one move, however small the steps. */
char *buffer_room(struct buffer *buffer, size_t count)
{
    assert(count < SIZE_MAX / 4);
    size_t need = buffer->len + count + 1;

    if (buffer->len == 0 && buffer->start > 0)
        compact(buffer);
    if (need > buffer->capacity - buffer->start) {
        if (need <= buffer->capacity && buffer->start >= buffer->len)
            compact(buffer);
        else
            grow(buffer, need);
    }
    return buffer->at + buffer->len;
}

void buffer_add_int(struct buffer *buffer, int64_t number)
{
    char digits[20], *at = digits + sizeof digits;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0)
        *--at = '-';
    buffer_add(buffer, at, (size_t)(digits + sizeof digits - at));
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    char *room = buffer_room(buffer, 0);
    size_t free_bytes = buffer->capacity - buffer->start - buffer->len;
    int len = vsnprintf(room, free_bytes, format, args);
    assert(len >= 0);
    if ((size_t)len >= free_bytes)
        vsnprintf(buffer_room(buffer, (size_t)len), (size_t)len + 1, format, again);
    buffer_added(buffer, (size_t)len);
    va_end(again);
    va_end(args);
}

static bool is_plain(char c)
{
    return c != '"' && c != '\\' && (uint8_t)c >= 0x20 && (uint8_t)c < 0x80;
}

/* Of the bytes that do not stand in a JSON string as they are. */
static uint64_t special_marks(const char *at)
{
    uint64_t word = word_load(at);

    return word_below(word, 0x20) | word_equal(word, '"') | word_equal(word, '\\') |
           word_beyond_ascii(word);
}

/* How many bytes from the start of text stand in a JSON string as they are. The last word
 * overlaps the one before. */
static size_t plain_len(struct text text)
{
    size_t i = 0;

    for (; i + WORD_BYTES <= text.len; i += WORD_BYTES) {
        uint64_t marks = special_marks(text.at + i);
        if (marks)
            return i + word_first(marks);
    }
    if (text.len >= WORD_BYTES && !special_marks(text.at + text.len - WORD_BYTES))
        return text.len;
    while (i < text.len && is_plain(text.at[i]))
        i++;
    return i;
}

static void add_escaped(struct buffer *buffer, char c)
{
    static const char shorts[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char digits[] = "0123456789abcdef";
    char *room = buffer_room(buffer, 6);

    room[0] = '\\';
    if (c == '"' || c == '\\' || shorts[(uint8_t)c]) {
        room[1] = c == '"' || c == '\\' ? c : shorts[(uint8_t)c];
        buffer_added(buffer, 2);
        return;
    }
    memcpy(room + 1, "u00", 3);
    room[4] = digits[(uint8_t)c >> 4];
    room[5] = digits[(uint8_t)c & 15];
    buffer_added(buffer, 6);
}

/* text starts with a byte that is not plain; returns how many bytes were dealt with. */
static size_t add_special(struct buffer *buffer, struct text text)
{
    if ((uint8_t)*text.at < 0x80) {
        add_escaped(buffer, *text.at);
        return 1;
    }
    size_t count = text_utf8_len(text);
    if (count == 0) {
        buffer_add_literal(buffer, "\xEF\xBF\xBD");
        return 1;
    }
    buffer_add(buffer, text.at, count);
    return count;
}

/* Most strings are plain from end to end: those take one step. */
void buffer_add_json(struct buffer *buffer, struct text text)
{
    size_t plain = plain_len(text);
    char *room = buffer_room_for(buffer, text.len + 2);

    room[0] = '"';
    if (plain)
        memcpy(room + 1, text.at, plain);
    if (plain == text.len) {
        room[1 + plain] = '"';
        buffer_added(buffer, plain + 2);
        return;
    }
    buffer_added(buffer, plain + 1);
    for (text = text_skip(text, plain); text.len > 0; text = text_skip(text, plain)) {
        text = text_skip(text, add_special(buffer, text));
        plain = plain_len(text);
        buffer_add(buffer, text.at, plain);
    }
    buffer_add_char(buffer, '"');
}

void buffer_consume(struct buffer *buffer, size_t count)
{
    assert(count <= buffer->len);
    if (count == 0)
        return;
    buffer->at += count;
    buffer->start += count;
    buffer->len -= count;
}

void buffer_clear(struct buffer *buffer)
{
    if (!buffer->at)
        return;
    buffer->at = allocation(buffer);
    buffer->start = 0;
    buffer->len = 0;
    buffer->at[0] = '\0';
}

struct buffer buffer_take(struct buffer *from)
{
    struct buffer taken = *from;

    *from = (struct buffer){0};
    return taken;
}
