/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "engine/zip.h"

struct zip {
    struct text source;
    struct zip_entry *entries; /* in the order of the central directory */
    size_t count;
    uint64_t unpacked;
    struct map paths;   /* of entries, and of folders that only their contents tell of */
    uint64_t directory; /* where the central directory begins: what entries end at */
};

/* A name for an error text: printable, shortened. Returns out. */
#define ZIP_SHOWN_LEN 160
char *zip_show_name(struct text name, char out[static ZIP_SHOWN_LEN]);

/* Whether raw (a name as stored) may become a path. Sets name and, for "a/", kind. */
int zip_name_check(struct text raw, struct zip_entry *entry, struct error *err);
/* Adds all entries and their folders to zip->paths: no path twice, none below a file. */
int zip_tree_build(struct zip *zip, struct error *err);
/* Reads the targets of links; after zip_tree_build(). */
int zip_links_check(struct zip *zip, struct error *err);
