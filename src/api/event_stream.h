/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"

/*
 * Messages of AWS's binary event stream (application/vnd.amazon.eventstream): lengths, string
 * headers, payload, each part under a CRC-32.
 */
struct event_header {
    const char *name;
    struct text value;
};

void event_stream_add(struct buffer *out, const struct event_header *headers, size_t count,
                      struct text payload);
/* The two messages Lambda streams. */
void event_stream_add_chunk(struct buffer *out, struct text payload); /* PayloadChunk */
void event_stream_add_complete(struct buffer *out, struct text json); /* InvokeComplete */
