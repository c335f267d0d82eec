/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

/*
 * What a package leaves out. Some things always (.git, __pycache__, *.pyc,
 * node_modules/.cache, .evokeignore itself), and what .evokeignore lists, a pattern a line,
 * as in .gitignore: "#" comments; "!" takes back; a "/" at the end means folders only; a
 * "/" elsewhere means from the top, otherwise at any depth; "*", "?" and "[a-z]" stop at
 * "/". The last pattern that matches decides. "**" is refused.
 */
#define IGNORE_PATTERNS_MAX 1000
#define IGNORE_FILE_MAX (64 << 10)

struct ignore {
    struct ignore_pattern *patterns;
    size_t count;
};

void ignore_init(struct ignore *ignore); /* with what is always left out */
/* Fails with the line that is wrong. */
int ignore_parse(struct ignore *ignore, struct text source, struct error *err);
/* path: "lib/a.js", relative to the package. */
bool ignore_matches(const struct ignore *ignore, const char *path, bool is_folder);
void ignore_done(struct ignore *ignore);

static inline void ignore_done_scoped(struct ignore *ignore)
{
    ignore_done(ignore);
}
