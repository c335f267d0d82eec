/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * Which language runtimes this machine has, found once at start: interpreters in
 * /usr/bin and /usr/local/bin (the folders that sandboxes can see) and their versions.
 * Immutable afterwards; any thread.
 */
struct interpreters;

struct interpreter {
    const char *language; /* "nodejs", "python", "provided" */
    const char *program;  /* "/usr/bin/node"; "" for provided */
    const char *version;  /* "20.20.2"; "" for provided */
    int major, minor;
    const char *libraries; /* "@aws-sdk 3.700.0", "boto3 1.26.27", "" */
};

/* runtimes_root: where our bootstraps are, to see which libraries are installed. */
struct interpreters *interpreters_find(const char *runtimes_root);
void interpreters_free(struct interpreters *interpreters);

/*
 * The interpreter for a runtime identifier: "nodejs", "nodejs20.x", "python3.x",
 * "python3.12", "provided", "provided.al2", "provided.al2023". The exact one when it is
 * there, else the nearest installed one of that language (*ret_exact false). NULL and
 * *err: ERROR_INVALID for an identifier nobody knows (the text is AWS's validation text's
 * enum list), ERROR_NOT_FOUND when no interpreter of that language is installed (names
 * the Debian package).
 */
const struct interpreter *interpreters_resolve(const struct interpreters *interpreters,
                                               struct text identifier, bool *ret_exact,
                                               struct error *err);
/* Whether AWS has a runtime of that name, installed here or not ("java21"). */
bool interpreters_is_identifier(struct text identifier);
/* For GET /_evoke/runtimes, appended: {"runtimes": [...]}, each with the strings runtime
 * (the identifier it serves exactly), language, program, version and libraries. */
void interpreters_json(const struct interpreters *interpreters, struct buffer *out);
