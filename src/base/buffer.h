/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"
#include "base/text.h"

/*
 * A growing run of bytes with one owner. {0} is an empty buffer. Bytes are added at
 * the end and consumed at the front; at[0..len) is what is there, always followed by
 * a NUL that does not count (once anything was added). Growth has no limit of its
 * own: callers bound what comes from outside.
 */
struct buffer {
    char *at;
    size_t len;
    size_t start;    /* private: bytes consumed before at */
    size_t capacity; /* private: of the allocation, from its start */
};

void buffer_done(struct buffer *buffer); /* frees; the buffer is {0} again */

/* Makes room for count more bytes and returns where they go; then buffer_added(). */
char *buffer_room(struct buffer *buffer, size_t count);
static inline void buffer_added(struct buffer *buffer, size_t count)
{
    buffer->len += count;
    if (buffer->at)
        buffer->at[buffer->len] = '\0';
}
/* Private: the same without a call where nothing has to move, as it mostly is. */
static inline char *buffer_room_for(struct buffer *buffer, size_t count)
{
    if (buffer->start == 0 && count < buffer->capacity - buffer->len)
        return buffer->at + buffer->len;
    return buffer_room(buffer, count);
}

static inline void buffer_add(struct buffer *buffer, const void *bytes, size_t count)
{
    char *room = buffer_room_for(buffer, count);

    if (count)
        memcpy(room, bytes, count);
    buffer_added(buffer, count);
}
static inline void buffer_add_text(struct buffer *buffer, struct text text)
{
    buffer_add(buffer, text.at, text.len);
}
static inline void buffer_add_char(struct buffer *buffer, char c)
{
    *buffer_room_for(buffer, 1) = c;
    buffer_added(buffer, 1);
}
void buffer_add_int(struct buffer *buffer, int64_t number);
void buffer_add_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD. */
void buffer_add_json(struct buffer *buffer, struct text text);
#define buffer_add_literal(buffer, literal) buffer_add(buffer, "" literal, sizeof(literal) - 1)

/* What was consumed can still be read until something is added or cleared. */
void buffer_consume(struct buffer *buffer, size_t count);
void buffer_clear(struct buffer *buffer); /* len 0, memory kept */
/* Empties it for its next use; memory beyond keep bytes is freed. */
static inline void buffer_recycle(struct buffer *buffer, size_t keep)
{
    if (buffer->capacity > keep)
        buffer_done(buffer);
    else
        buffer_clear(buffer);
}
static inline struct text buffer_text(const struct buffer *buffer)
{
    return (struct text){buffer->at, buffer->len};
}
/* Moves the contents out: *from becomes {0}. */
struct buffer buffer_take(struct buffer *from);

static inline void buffer_done_scoped(struct buffer *buffer)
{
    buffer_done(buffer);
}
