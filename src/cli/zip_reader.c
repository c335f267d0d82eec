/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/zip_reader.h"

#include <stdint.h>
#include <zlib.h>

#include "cli/zip_format.h"

#define COMMENT_MAX 65535

/* Little-endian numbers; 0 beyond the end, which no signature or size that counts is. */
static uint32_t read_32(struct text zip, size_t at)
{
    const unsigned char *bytes = (const unsigned char *)zip.at + at;

    if (at > zip.len || zip.len - at < 4)
        return 0;
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static unsigned read_16(struct text zip, size_t at)
{
    const unsigned char *bytes = (const unsigned char *)zip.at + at;

    if (at > zip.len || zip.len - at < 2)
        return 0;
    return bytes[0] | (unsigned)bytes[1] << 8;
}

/* The end record is the last thing in the file but for a comment. */
static bool find_end(struct text zip, size_t *ret_at)
{
    if (zip.len < ZIP_END_LEN)
        return false;
    size_t at = zip.len - ZIP_END_LEN;
    size_t least = at > COMMENT_MAX ? at - COMMENT_MAX : 0;

    for (;; at--) {
        if (read_32(zip, at) == ZIP_END) {
            *ret_at = at;
            return true;
        }
        if (at == least)
            return false;
    }
}

struct member {
    unsigned method;
    size_t packed, unpacked, local; /* bytes, bytes, offset */
};

static bool find_member(struct text zip, size_t end, struct text name, struct member *ret)
{
    size_t count = read_16(zip, end + 10), at = read_32(zip, end + 16);

    for (size_t i = 0; i < count && read_32(zip, at) == ZIP_CENTRAL; i++) {
        size_t name_len = read_16(zip, at + 28);
        struct text here = text_slice(zip, at + ZIP_CENTRAL_LEN, at + ZIP_CENTRAL_LEN + name_len);
        if (text_equal(here, name)) {
            *ret = (struct member){read_16(zip, at + 10), read_32(zip, at + 20),
                                   read_32(zip, at + 24), read_32(zip, at + 42)};
            return true;
        }
        at += ZIP_CENTRAL_LEN + name_len + read_16(zip, at + 30) + read_16(zip, at + 32);
    }
    return false;
}

static bool inflate_all(struct text packed, size_t unpacked, struct buffer *ret)
{
    z_stream stream = {0};

    stream.next_in = (Bytef *)(uintptr_t)packed.at;
    stream.avail_in = (uInt)packed.len;
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return false;
    stream.next_out = (Bytef *)buffer_room(ret, unpacked + 1);
    stream.avail_out = (uInt)unpacked + 1;
    bool good = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == unpacked;
    inflateEnd(&stream);
    if (good)
        buffer_added(ret, unpacked);
    return good;
}

int zip_reader_find(struct text zip, struct text name, size_t max, struct buffer *ret,
                    bool *ret_found, struct error *err)
{
    struct member member;
    size_t end;

    *ret_found = false;
    if (!find_end(zip, &end))
        return error_set(err, ERROR_INVALID, "not a ZIP file");
    if (!find_member(zip, end, name, &member))
        return 0;
    if (member.unpacked > max)
        return error_set(err, ERROR_LIMIT, "'%.*s' is larger than %zu bytes", TEXT_ARG(name), max);

    size_t from = member.local + ZIP_LOCAL_LEN + read_16(zip, member.local + 26) +
                  read_16(zip, member.local + 28);
    struct text packed = text_slice(zip, from, from + member.packed);
    bool good = packed.len == member.packed;
    if (good && member.method == ZIP_STORED && member.packed == member.unpacked)
        buffer_add_text(ret, packed);
    else
        good = good && member.method == ZIP_DEFLATED && inflate_all(packed, member.unpacked, ret);
    if (!good)
        return error_set(err, ERROR_INVALID, "'%.*s' cannot be read out of the ZIP file",
                         TEXT_ARG(name));
    *ret_found = true;
    return 0;
}
