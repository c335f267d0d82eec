/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"

/* The files of a new function, one list a language. In their texts @NAME@ stands for the
 * function's name and @SDK@ for the folder of the C library. */
struct scaffold_file {
    const char *name, *content;
};

struct scaffold {
    const char *runtime;           /* as typed: "node" */
    const char *also;              /* another word for it, or NULL */
    bool needs_build;              /* by make, with the C library */
    struct scaffold_file files[6]; /* ended by {0} */
};

/* By its word, or NULL. */
const struct scaffold *scaffold_find(const char *runtime);

/* Appends content with its placeholders replaced. */
void scaffold_fill(const char *content, const char *name, const char *sdk, struct buffer *out);
