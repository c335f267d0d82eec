/* SPDX-License-Identifier: Apache-2.0 */
#include "api/event_stream.h"

#include <zlib.h>

#define TYPE_STRING 7

static void add_u32(struct buffer *out, size_t number)
{
    const uint8_t bytes[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 8), (uint8_t)number};

    buffer_add(out, bytes, sizeof bytes);
}

static size_t header_len(const struct event_header *header)
{
    return 1 + strlen(header->name) + 1 + 2 + header->value.len;
}

static void add_header(struct buffer *out, const struct event_header *header)
{
    buffer_add_char(out, (char)strlen(header->name));
    buffer_add_text(out, text_of(header->name));
    buffer_add_char(out, TYPE_STRING);
    buffer_add_char(out, (char)(header->value.len >> 8));
    buffer_add_char(out, (char)header->value.len);
    buffer_add_text(out, header->value);
}

static void add_crc(struct buffer *out, size_t from)
{
    add_u32(out, crc32(0, (const uint8_t *)out->at + from, (uInt)(out->len - from)));
}

void event_stream_add(struct buffer *out, const struct event_header *headers, size_t count,
                      struct text payload)
{
    size_t start = out->len, headers_len = 0;

    for (size_t i = 0; i < count; i++)
        headers_len += header_len(&headers[i]);
    add_u32(out, 12 + headers_len + payload.len + 4);
    add_u32(out, headers_len);
    add_crc(out, start);
    for (size_t i = 0; i < count; i++)
        add_header(out, &headers[i]);
    buffer_add_text(out, payload);
    add_crc(out, start);
}

static void add_event(struct buffer *out, struct text kind, struct text content_type,
                      struct text payload)
{
    const struct event_header headers[] = {
        {":event-type", kind},
        {":content-type", content_type},
        {":message-type", TEXT("event")},
    };

    event_stream_add(out, headers, COUNT_OF(headers), payload);
}

void event_stream_add_chunk(struct buffer *out, struct text payload)
{
    add_event(out, TEXT("PayloadChunk"), TEXT("application/octet-stream"), payload);
}

void event_stream_add_complete(struct buffer *out, struct text json)
{
    add_event(out, TEXT("InvokeComplete"), TEXT("application/json"), json);
}
