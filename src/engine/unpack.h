/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "engine/zip.h"

/* Writes the whole archive below the empty folder `root` (a descriptor): folders and
 * executables 0755, other files 0644, links last. Nothing outside is touched even if the
 * folder is changed meanwhile. On failure what was written stays, for the caller to
 * remove. Not synced. Blocks. */
int unpack(const struct zip *zip, int root, struct error *err);
