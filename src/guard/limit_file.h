/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guard/limit.h"

struct loop;

/*
 * Keeps the quotas of a table in a file: read when it is opened, written every ten seconds if
 * any are set, and at the end. On its loop.
 */
struct limit_file;

/* A file that cannot be understood is told in the log and begun anew. Blocks. */
struct limit_file *limit_file_open(struct loop *loop, const char *path, struct limit_table *table);
/* After its loop has ended: writes once more; blocks. */
void limit_file_close(struct limit_file *file);
