/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/*
 * Looks one file up in a ZIP, to learn the function's name before it is sent. This is no
 * check of the archive: the daemon does that, and reads it by its own rules. Without the
 * entry *ret stays empty and *ret_found is false. Fails with ERROR_INVALID for what is not a
 * ZIP or is broken on the way to that entry, ERROR_LIMIT when it is larger than max.
 */
int zip_reader_find(struct text zip, struct text name, size_t max, struct buffer *ret,
                    bool *ret_found, struct error *err);
