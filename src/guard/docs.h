/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* What of an API or a function the gateway describes to everybody: what everybody may call, all
 * of it, or nothing. */
enum docs_scope { DOCS_OPEN, DOCS_ALL, DOCS_OFF };
struct docs {
    enum docs_scope scope;
};

struct docs *docs_compile(const json_t *part, struct error *err);
void docs_free(struct docs *docs);
