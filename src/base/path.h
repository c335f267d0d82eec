/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

/* Files and folders. All may block: never on a shard's or the control loop. */

/* "a/b"; the caller frees. */
char *path_join(const char *folder, const char *name);
/* Makes the folder and its parents; existing is fine. */
int path_make_folders(const char *path, mode_t mode, struct error *err);
/* Removes a tree without following links; absent is fine. */
int path_remove_tree(const char *path, struct error *err);
/* Appends a whole file of at most max bytes (ERROR_LIMIT beyond, ERROR_NOT_FOUND when
 * there is none); on failure nothing is appended. */
int path_read(const char *path, size_t max, struct buffer *ret, struct error *err);
/* Replaces a file atomically: temporary file, fsync, rename, fsync of the folder. */
int path_write(const char *path, struct text content, mode_t mode, struct error *err);
/* Writes all of it to an open file, however many writes that takes; errno tells why not. */
int path_write_open(int fd, struct text content);
/* fsync of a file or folder by name. */
int path_sync(const char *path, struct error *err);
