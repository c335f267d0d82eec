/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/zip_writer.h"

#include <zlib.h>

#include "cli/zip_format.h"
#include "model/limits.h"

#define DEFLATE_LEVEL 6
#define RATIO_FROM_BYTES (1 << 20) /* LIMIT_ZIP_RATIO counts from here */
#define MADE_BY_UNIX (3 << 8 | 30)
#define NEEDED_VERSION 20
#define FLAG_UTF8 0x0800
#define DOS_TIME 0
#define DOS_DATE 0x0021 /* 1 January 1980, the format's first day */
#define ATTRIBUTE_FOLDER 0x10

static void add_16(struct buffer *out, unsigned number)
{
    buffer_add_char(out, (char)(number & 0xff));
    buffer_add_char(out, (char)(number >> 8 & 0xff));
}

static void add_32(struct buffer *out, uint32_t number)
{
    add_16(out, number & 0xffff);
    add_16(out, number >> 16);
}

struct entry {
    struct text name, content;
    mode_t mode;
    uint32_t crc;
    bool deflated;
    size_t packed; /* bytes */
};

/* Appends the content, deflated if that is smaller. What would look like a bomb to the
 * daemon (a huge file of zeroes) is stored. */
static void add_content(struct buffer *out, struct entry *entry)
{
    z_stream stream = {0};
    size_t len = entry->content.len;

    int ready = deflateInit2(&stream, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL,
                             Z_DEFAULT_STRATEGY);
    assert(ready == Z_OK);
    size_t bound = deflateBound(&stream, len);
    stream.next_in = (Bytef *)(uintptr_t)entry->content.at;
    stream.avail_in = (uInt)len;
    stream.next_out = (Bytef *)buffer_room(out, bound);
    stream.avail_out = (uInt)bound;
    int end = deflate(&stream, Z_FINISH);
    assert(end == Z_STREAM_END);
    size_t packed = stream.total_out;
    deflateEnd(&stream);

    bool bomb = len >= RATIO_FROM_BYTES && len / packed >= LIMIT_ZIP_RATIO;
    entry->deflated = packed < len && !bomb;
    entry->packed = entry->deflated ? packed : len;
    if (entry->deflated)
        buffer_added(out, packed);
    else
        buffer_add_text(out, entry->content);
}

static bool is_ascii(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] & 0x80)
            return false;
    return true;
}

/* The fields a local header and a central one have in common. */
static void add_common(struct buffer *out, const struct entry *entry)
{
    add_16(out, NEEDED_VERSION);
    add_16(out, is_ascii(entry->name) ? 0 : FLAG_UTF8);
    add_16(out, entry->deflated ? ZIP_DEFLATED : ZIP_STORED);
    add_16(out, DOS_TIME);
    add_16(out, DOS_DATE);
    add_32(out, entry->crc);
    add_32(out, (uint32_t)entry->packed);
    add_32(out, (uint32_t)entry->content.len);
    add_16(out, (unsigned)entry->name.len);
    add_16(out, 0); /* extra field */
}

static void add_local(struct buffer *out, const struct entry *entry)
{
    add_32(out, ZIP_LOCAL);
    add_common(out, entry);
    buffer_add_text(out, entry->name);
}

static void add_central(struct buffer *out, const struct entry *entry, size_t offset)
{
    add_32(out, ZIP_CENTRAL);
    add_16(out, MADE_BY_UNIX);
    add_common(out, entry);
    add_16(out, 0); /* comment */
    add_16(out, 0); /* disk */
    add_16(out, 0); /* internal attributes */
    add_32(out, (uint32_t)entry->mode << 16 | (S_ISDIR(entry->mode) ? ATTRIBUTE_FOLDER : 0));
    add_32(out, (uint32_t)offset);
    buffer_add_text(out, entry->name);
}

static int check_name(struct text name, struct error *err)
{
    if (name.len == 0 || name.len > LIMIT_ZIP_NAME)
        return error_set(err, ERROR_INVALID, "the path '%.60s...' is longer than %d bytes",
                         name.len ? name.at : "", LIMIT_ZIP_NAME);
    if (!text_is_utf8(name))
        return error_set(err, ERROR_INVALID, "the name '%.*s' is not UTF-8", TEXT_ARG(name));
    return 0;
}

static int check_size(const struct zip_writer *writer, size_t more, struct error *err)
{
    char most[16];

    if (writer->out.len + writer->directory.len + more > LIMIT_ZIP_BYTES)
        return error_set(err, ERROR_LIMIT,
                         "the package is larger than %s zipped; list what the function does not "
                         "need in .evokeignore",
                         text_format_bytes(LIMIT_ZIP_BYTES, most));
    return 0;
}

int zip_writer_add(struct zip_writer *writer, struct text name, mode_t mode, struct text content,
                   struct error *err)
{
    struct entry entry = {.name = name, .content = content, .mode = mode};
    size_t offset = writer->out.len;

    if (check_name(name, err) < 0)
        return -1;
    if (writer->count == LIMIT_ZIP_ENTRIES)
        return error_set(err, ERROR_LIMIT,
                         "the package has more than %d files; list what the function does not need "
                         "in .evokeignore",
                         LIMIT_ZIP_ENTRIES);
    entry.crc =
        (uint32_t)crc32(0, (const Bytef *)(content.len ? content.at : ""), (uInt)content.len);

    /* The header tells the packed size, so it goes in front of what is packed first. */
    scoped(buffer_done) struct buffer packed = {0};
    add_content(&packed, &entry);
    if (check_size(writer, packed.len + name.len, err) < 0)
        return -1;
    add_local(&writer->out, &entry);
    buffer_add_text(&writer->out, buffer_text(&packed));
    add_central(&writer->directory, &entry, offset);
    writer->count++;
    return 0;
}

int zip_writer_end(struct zip_writer *writer, struct error *err)
{
    size_t offset = writer->out.len;

    if (check_size(writer, ZIP_END_LEN, err) < 0)
        return -1;
    buffer_add_text(&writer->out, buffer_text(&writer->directory));
    add_32(&writer->out, ZIP_END);
    add_16(&writer->out, 0); /* this disk */
    add_16(&writer->out, 0); /* the directory's disk */
    add_16(&writer->out, (unsigned)writer->count);
    add_16(&writer->out, (unsigned)writer->count);
    add_32(&writer->out, (uint32_t)writer->directory.len);
    add_32(&writer->out, (uint32_t)offset);
    add_16(&writer->out, 0); /* comment */
    return 0;
}

void zip_writer_done(struct zip_writer *writer)
{
    buffer_done(&writer->out);
    buffer_done(&writer->directory);
}
