/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"

/* Makes archives that are too large, or too odd, to be kept in the corpus. */
struct maker {
    struct buffer entries, directory;
    int count;
};

static inline void add16(struct buffer *out, unsigned value)
{
    buffer_add_char(out, (char)value);
    buffer_add_char(out, (char)(value >> 8));
}

static inline void add32(struct buffer *out, uint32_t value)
{
    add16(out, value & 0xffff);
    add16(out, value >> 16);
}

/* From the version needed to the lengths: the same in both headers. */
static inline void add_common(struct buffer *out, const char *name, struct text packed,
                              uint32_t size)
{
    add16(out, 20);
    add16(out, 0);
    add16(out, 8);
    add32(out, 0);
    add32(out, 0); /* CRC; where it matters, the refusal comes before it is compared */
    add32(out, (uint32_t)packed.len);
    add32(out, size);
    add16(out, (unsigned)strlen(name));
    add16(out, 0);
}

static inline void make_central(struct maker *maker, const char *name, struct text packed,
                                uint32_t size, size_t offset)
{
    add32(&maker->directory, 0x02014b50);
    add16(&maker->directory, 20);
    add_common(&maker->directory, name, packed, size);
    add16(&maker->directory, 0);
    add32(&maker->directory, 0);
    add32(&maker->directory, 0);
    add32(&maker->directory, (uint32_t)offset);
    buffer_add_text(&maker->directory, text_of(name));
    maker->count++;
}

static inline void make_local(struct maker *maker, const char *name, struct text packed,
                              uint32_t size)
{
    add32(&maker->entries, 0x04034b50);
    add_common(&maker->entries, name, packed, size);
    buffer_add_text(&maker->entries, text_of(name));
}

static inline void make_entry(struct maker *maker, const char *name, struct text packed,
                              uint32_t size)
{
    make_central(maker, name, packed, size, maker->entries.len);
    make_local(maker, name, packed, size);
    buffer_add_text(&maker->entries, packed);
}

static inline struct buffer made(struct maker *maker)
{
    struct buffer archive = buffer_take(&maker->entries);
    size_t start = archive.len;

    buffer_add_text(&archive, buffer_text(&maker->directory));
    add32(&archive, 0x06054b50);
    add32(&archive, 0);
    add16(&archive, (unsigned)maker->count);
    add16(&archive, (unsigned)maker->count);
    add32(&archive, (uint32_t)maker->directory.len);
    add32(&archive, (uint32_t)start);
    add16(&archive, 0);
    buffer_done(&maker->directory);
    return archive;
}
