/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <brotli/decode.h>
#include <zlib.h>

#include "http/encoding.h"
#include "test.h"

/* What was encoded, so far, into ret. Whether it is complete. */
static inline bool decode(enum coding coding, struct text in, struct buffer *ret)
{
    enum { ROOM = 64 << 10 };
    bool is_whole = false, is_over = false;
    BrotliDecoderState *br = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    z_stream gzip = {.next_in = (Bytef *)(uintptr_t)in.at, .avail_in = (uInt)in.len};
    const uint8_t *at = (const uint8_t *)in.at;
    size_t left = in.len;

    buffer_clear(ret);
    CHECK(br && inflateInit2(&gzip, 15 + 16) == Z_OK);
    while (!is_over) {
        size_t room = ROOM;
        uint8_t *out = (uint8_t *)buffer_room(ret, ROOM);
        if (coding == CODING_BR) {
            BrotliDecoderResult result =
                BrotliDecoderDecompressStream(br, &left, &at, &room, &out, NULL);
            CHECK(result != BROTLI_DECODER_RESULT_ERROR);
            is_whole = result == BROTLI_DECODER_RESULT_SUCCESS;
            is_over = result != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT &&
                      !BrotliDecoderHasMoreOutput(br);
        } else {
            gzip.next_out = out;
            gzip.avail_out = ROOM;
            int result = inflate(&gzip, Z_SYNC_FLUSH);
            CHECK(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
            room = gzip.avail_out;
            is_whole = result == Z_STREAM_END;
            is_over = is_whole || room > 0;
            left = gzip.avail_in;
        }
        buffer_added(ret, ROOM - room);
    }
    CHECK(left == 0);
    BrotliDecoderDestroyInstance(br);
    inflateEnd(&gzip);
    return is_whole;
}
