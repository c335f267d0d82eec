/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/manifest.h"

/* What `evoke deploy` sends: a folder, zipped, or a ZIP file as it is. */
struct local_package {
    struct buffer zip;
    struct manifest *manifest; /* of function.yaml, NULL without */
    char *name;                /* the file's or folder's, fit for a function's name */
};

/* Reads and checks what can be checked here, so that mistakes are told before anything is
 * sent: function.yaml, a missing bootstrap. */
int local_package_open(const char *path, struct local_package *ret, struct error *err);
void local_package_done(struct local_package *package);

static inline void local_package_done_scoped(struct local_package *package)
{
    local_package_done(package);
}

/* The last part of a path without ".zip", everything but [A-Za-z0-9_-] as "-". The
 * caller frees; may be "". */
char *local_package_name(const char *path);
