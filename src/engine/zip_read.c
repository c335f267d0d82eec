/* SPDX-License-Identifier: Apache-2.0 */
#include <zlib.h>

#include "engine/zip_priv.h"

#define PIECE_BYTES (64 << 10)

struct unpacking {
    const struct zip_entry *entry;
    zip_emit_f *emit;
    void *arg;
    uint64_t size; /* so far */
    uLong crc;
};

static int broken(const struct zip_entry *entry, const char *what, struct error *err)
{
    char shown[ZIP_SHOWN_LEN];

    return error_set(err, ERROR_INVALID, "the entry '%s' %s", zip_show_name(entry->name, shown),
                     what);
}

static int emit_piece(struct unpacking *unpacking, struct text piece, struct error *err)
{
    if (piece.len > unpacking->entry->size - unpacking->size)
        return broken(unpacking->entry, "unpacks to more than its header says", err);
    unpacking->size += piece.len;
    unpacking->crc = crc32_z(unpacking->crc, (const Bytef *)piece.at, piece.len);
    return piece.len ? unpacking->emit(unpacking->arg, piece, err) : 0;
}

static int copy_stored(struct unpacking *unpacking, struct text packed, struct error *err)
{
    for (; packed.len; packed = text_skip(packed, PIECE_BYTES))
        if (emit_piece(unpacking, text_slice(packed, 0, PIECE_BYTES), err) < 0)
            return -1;
    return 0;
}

static int inflate_pieces(z_stream *stream, struct unpacking *unpacking, struct error *err)
{
    char piece[PIECE_BYTES];
    int result;

    do {
        stream->next_out = (Bytef *)piece;
        stream->avail_out = sizeof piece;
        result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR)
            return error_set(err, ERROR_SYSTEM, "out of memory");
        if (result != Z_OK && result != Z_STREAM_END)
            return broken(unpacking->entry, "has damaged contents", err);
        if (emit_piece(unpacking, text_from(piece, sizeof piece - stream->avail_out), err) < 0)
            return -1;
    } while (result != Z_STREAM_END);
    return stream->avail_in == 0 ? 0 : broken(unpacking->entry, "has bytes after its end", err);
}

static int inflate_packed(struct unpacking *unpacking, struct text packed, struct error *err)
{
    /* zlib does not write to its input. */
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.at, .avail_in = (uInt)packed.len};

    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return error_set(err, ERROR_SYSTEM, "out of memory");
    int result = inflate_pieces(&stream, unpacking, err);
    inflateEnd(&stream);
    return result;
}

int zip_read(const struct zip *zip, const struct zip_entry *entry, zip_emit_f *emit, void *arg,
             struct error *err)
{
    struct unpacking unpacking = {.entry = entry, .emit = emit, .arg = arg};
    struct text packed =
        text_slice(zip->source, entry->content, entry->content + entry->packed_size);
    int result = entry->method == 0 ? copy_stored(&unpacking, packed, err)
                                    : inflate_packed(&unpacking, packed, err);

    if (result < 0)
        return -1;
    if (unpacking.size != entry->size)
        return broken(entry, "unpacks to less than its header says", err);
    if (unpacking.crc != entry->crc)
        return broken(entry, "has contents that do not match its checksum", err);
    return 0;
}
