/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

/*
 * A folder as a package: everything in it but what is ignored (cli/ignore.h and the
 * folder's .evokeignore), in the order of the names, zipped. Empty folders are kept.
 * Fails for sockets and devices, what cannot be read, and packages beyond the limits.
 */
struct folder_report {
    size_t files;
    int64_t bytes; /* unzipped */
};

int folder_pack(const char *folder, struct buffer *ret_zip, struct folder_report *ret,
                struct error *err);
