/* SPDX-License-Identifier: Apache-2.0 */
#include "http/encoding.h"

#include <assert.h>
#include <brotli/encode.h>
#include <zlib.h>

#include "base/mem.h"
#include "http/field.h"

/*
 * Levels: what costs a shard about 5 us a KB. At 3, brotli is as fast as zlib's 4 and gives
 * 15 % less; beyond it each step costs half as much again for 1 to 4 %. A window of 64 KB
 * keeps an encoder at half a MB; the answers of functions gain little by a larger one.
 */
#define GZIP_LEVEL 5
#define GZIP_WINDOW (15 + 16) /* bits; 16 means gzip, not zlib */
#define GZIP_MEMORY 8
#define BR_LEVEL 3
#define BR_WINDOW 16
#define ROOM_BYTES (16 << 10)

/* --- what a client wants --- */

#define QUALITY_UNSAID (-1)

/* "0", "0.5", "1.000": thousandths (RFC 9110 12.4.2). */
static bool read_quality(struct text value, int *ret)
{
    int unit = 1000;

    if (value.len == 0 || value.len > 5 || (value.at[0] != '0' && value.at[0] != '1') ||
        (value.len > 1 && value.at[1] != '.'))
        return false;
    *ret = (value.at[0] - '0') * unit;
    for (size_t i = 2; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        unit /= 10;
        *ret += (value.at[i] - '0') * unit;
    }
    return *ret <= 1000;
}

/* "gzip;q=0.5" */
static bool read_member(struct text member, struct text *ret_name, int *ret_quality)
{
    struct text rest = member, part;

    *ret_quality = 1000;
    if (!text_split(&rest, ';', &part))
        return false;
    *ret_name = text_trim(part);
    while (text_split(&rest, ';', &part)) {
        struct text parameter = text_trim(part);
        if (parameter.len < 2 || (parameter.at[0] | 0x20) != 'q' || parameter.at[1] != '=')
            continue;
        if (!read_quality(text_skip(parameter, 2), ret_quality))
            return false;
    }
    return true;
}

struct qualities {
    int identity, gzip, br, others;
};

static void read_list(struct text list, struct qualities *qualities)
{
    struct text member, name;
    int quality;

    while (field_list_next(&list, &member)) {
        if (!read_member(member, &name, &quality))
            continue;
        if (text_equal_nocase(name, TEXT("br")))
            qualities->br = quality;
        else if (text_equal_nocase(name, TEXT("gzip")) || text_equal_nocase(name, TEXT("x-gzip")))
            qualities->gzip = quality;
        else if (text_equal_nocase(name, TEXT("identity")))
            qualities->identity = quality;
        else if (text_equal(name, TEXT("*")))
            qualities->others = quality;
    }
}

static int or_others(int quality, const struct qualities *qualities)
{
    if (quality != QUALITY_UNSAID)
        return quality;
    return qualities->others != QUALITY_UNSAID ? qualities->others : 0;
}

struct acceptance encoding_choose(const struct http_request *request)
{
    struct qualities said = {QUALITY_UNSAID, QUALITY_UNSAID, QUALITY_UNSAID, QUALITY_UNSAID};
    struct acceptance ret = {CODING_IDENTITY, false};

    for (size_t i = 0; i < request->field_count; i++)
        if (text_equal(request->fields[i].name, TEXT("accept-encoding")))
            read_list(request->fields[i].value, &said);
    int br = or_others(said.br, &said), gzip = or_others(said.gzip, &said);
    int best = br >= gzip ? br : gzip;
    ret.insists = said.identity == 0 || (said.identity == QUALITY_UNSAID && said.others == 0);
    if (best > 0 && said.identity <= best)
        ret.coding = br >= gzip ? CODING_BR : CODING_GZIP;
    return ret;
}

const char *encoding_name(enum coding coding)
{
    static const char *const names[] = {
        [CODING_IDENTITY] = "identity",
        [CODING_GZIP] = "gzip",
        [CODING_BR] = "br",
    };

    return names[coding];
}

/* --- encoders --- */

struct encoder {
    BrotliEncoderState *br; /* or NULL: gzip */
    z_stream gzip;
};

struct encoder *encoder_new(enum coding coding)
{
    struct encoder *encoder = mem_new(struct encoder);
    bool fine;

    assert(coding != CODING_IDENTITY);
    if (coding == CODING_BR) {
        encoder->br = BrotliEncoderCreateInstance(NULL, NULL, NULL);
        fine = encoder->br &&
               BrotliEncoderSetParameter(encoder->br, BROTLI_PARAM_QUALITY, BR_LEVEL) &&
               BrotliEncoderSetParameter(encoder->br, BROTLI_PARAM_LGWIN, BR_WINDOW);
    } else {
        fine = deflateInit2(&encoder->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                            Z_DEFAULT_STRATEGY) == Z_OK;
    }
    assert(fine); /* else there is no memory */
    return encoder;
}

static void add_br(BrotliEncoderState *br, struct text piece, enum encoder_end end,
                   struct buffer *out)
{
    static const BrotliEncoderOperation operations[] = {
        [ENCODER_MORE] = BROTLI_OPERATION_PROCESS,
        [ENCODER_FLUSH] = BROTLI_OPERATION_FLUSH,
        [ENCODER_LAST] = BROTLI_OPERATION_FINISH,
    };
    const uint8_t *at = (const uint8_t *)piece.at;
    size_t left = piece.len;
    bool more;

    do {
        size_t room = 0, count = 0;
        int fine = BrotliEncoderCompressStream(br, operations[end], &left, &at, &room, NULL, NULL);
        assert(fine);
        /* Asked before it is taken: what comes out of one block may hold up the next one. */
        more = left > 0 || BrotliEncoderHasMoreOutput(br);
        const uint8_t *bytes = BrotliEncoderTakeOutput(br, &count);
        if (count > 0)
            buffer_add(out, bytes, count);
    } while (more);
}

static void add_gzip(z_stream *gzip, struct text piece, enum encoder_end end, struct buffer *out)
{
    static const int flushes[] = {
        [ENCODER_MORE] = Z_NO_FLUSH,
        [ENCODER_FLUSH] = Z_SYNC_FLUSH,
        [ENCODER_LAST] = Z_FINISH,
    };

    gzip->next_in = (Bytef *)(uintptr_t)piece.at;
    gzip->avail_in = (uInt)piece.len;
    do {
        gzip->next_out = (Bytef *)buffer_room(out, ROOM_BYTES);
        gzip->avail_out = ROOM_BYTES;
        int result = deflate(gzip, flushes[end]);
        assert(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        buffer_added(out, ROOM_BYTES - gzip->avail_out);
    } while (gzip->avail_out == 0);
}

void encoder_add(struct encoder *encoder, struct text piece, enum encoder_end end,
                 struct buffer *out)
{
    if (encoder->br)
        add_br(encoder->br, piece, end, out);
    else
        add_gzip(&encoder->gzip, piece, end, out);
}

void encoder_free(struct encoder *encoder)
{
    if (!encoder)
        return;
    if (encoder->br)
        BrotliEncoderDestroyInstance(encoder->br);
    else
        (void)deflateEnd(&encoder->gzip);
    free(encoder);
}
