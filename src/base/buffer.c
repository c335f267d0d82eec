/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <stdarg.h>

#include "base/mem.h"

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

/* The same without a call where nothing has to move, as it mostly is. */
static inline char *room_for(struct buffer *buffer, size_t count)
{
    if (buffer->start == 0 && count < buffer->capacity - buffer->len)
        return buffer->at + buffer->len;
    return buffer_room(buffer, count);
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t count)
{
    char *room = room_for(buffer, count);

    if (count)
        memcpy(room, bytes, count);
    buffer_added(buffer, count);
}

void buffer_add_text(struct buffer *buffer, struct text text)
{
    buffer_add(buffer, text.at, text.len);
}

void buffer_add_char(struct buffer *buffer, char c)
{
    *room_for(buffer, 1) = c;
    buffer_added(buffer, 1);
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

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
/* The high bit of the lowest byte that is zero; bytes above it may be wrong. */
#define ZERO_BYTES(word) (((word)-EACH_BYTE(1)) & ~(word)&EACH_BYTE(0x80))

#define WORD sizeof(uint64_t)

static inline bool is_plain_word(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    uint64_t control = (word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80);
    return !(control | ZERO_BYTES(word ^ EACH_BYTE('"')) | ZERO_BYTES(word ^ EACH_BYTE('\\')) |
             (word & EACH_BYTE(0x80)));
}

/* How many bytes from the start of text stand in a JSON string as they are: eight at a
 * time as one word, because most text is long runs of plain ASCII. The last word overlaps the
 * one before. */
static size_t plain_len(struct text text)
{
    size_t i = 0;

    while (i + WORD <= text.len && is_plain_word(text.at + i))
        i += WORD;
    if (text.len >= WORD && i + WORD > text.len && is_plain_word(text.at + text.len - WORD))
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
    char *room = room_for(buffer, text.len + 2);

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
