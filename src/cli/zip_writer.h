/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/*
 * Writes a ZIP archive into memory, entry by entry. Unix modes and symbolic links are kept,
 * time stamps are not: the same entries give the same bytes, so the same content has the
 * same digest wherever and whenever it is packed. Deflate, or stored when that is not
 * larger. No ZIP64: packages end long before at LIMIT_ZIP_BYTES.
 */
struct zip_writer {
    struct buffer out;
    struct buffer directory; /* private: the central directory so far */
    size_t count;            /* entries */
};

/* name: "lib/index.js"; a folder's ends with "/". mode: type and permissions as stat()
 * gives them; a symbolic link's content is its target. ERROR_LIMIT beyond
 * LIMIT_ZIP_BYTES or LIMIT_ZIP_ENTRIES, ERROR_INVALID for a name that is too long or not
 * UTF-8. */
int zip_writer_add(struct zip_writer *writer, struct text name, mode_t mode, struct text content,
                   struct error *err);

/* Ends the archive: writer->out is complete. */
int zip_writer_end(struct zip_writer *writer, struct error *err);
void zip_writer_done(struct zip_writer *writer);

static inline void zip_writer_done_scoped(struct zip_writer *writer)
{
    zip_writer_done(writer);
}
