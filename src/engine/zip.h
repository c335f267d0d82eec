/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * A ZIP archive in memory, for reading. It is read the strict way: an archive that two
 * readers could understand differently is refused, so that what was checked is what is
 * unpacked. What is accepted: one run of entries from the first byte on without gaps or
 * overlaps, stored or deflated, whose local headers say what the central directory says,
 * then the central directory, then its end record, then nothing but its comment. Names
 * are relative UTF-8 paths, each there once; links stay inside.
 */
struct zip;

enum zip_kind { ZIP_FILE, ZIP_FOLDER, ZIP_LINK };

struct zip_entry {
    struct text name; /* "a/b", also of a folder; borrowed from the archive */
    enum zip_kind kind;
    bool executable; /* FILE */
    uint64_t size;   /* unpacked */
    char *target;    /* LINK: relative; lexically inside, and through no other link */

    uint16_t method, flags; /* private from here */
    uint32_t crc;
    uint64_t packed_size;
    uint64_t header, content; /* offsets in the archive */
};

/* How the sentence begins when the bytes are no archive at all. */
#define ZIP_NONE "this is not a ZIP archive"

/* Checks all that can be known without unpacking files. source is borrowed until
 * zip_close(). ERROR_INVALID with one sentence that names the entry; ERROR_LIMIT beyond
 * model/limits.h. */
struct zip *zip_open(struct text source, struct error *err);
void zip_close(struct zip *zip);
DEFINE_SCOPED(struct zip *, zip_close)

size_t zip_count(const struct zip *zip);
const struct zip_entry *zip_entry(const struct zip *zip, size_t index);
const struct zip_entry *zip_find(const struct zip *zip, struct text name); /* or NULL */
uint64_t zip_unpacked_bytes(const struct zip *zip);

/* Unpacks an entry piece by piece (at most 64 KiB each), then compares its size and CRC.
 * Never gives out more than entry->size bytes. Fails when emit does, with its error. */
typedef int zip_emit_f(void *arg, struct text piece, struct error *err);
int zip_read(const struct zip *zip, const struct zip_entry *entry, zip_emit_f *emit, void *arg,
             struct error *err);
