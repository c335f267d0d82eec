/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/scoped.h"

/* Whether answers are compressed for clients that accept it; without one the daemon's setting
 * counts. */
struct compression {
    bool is_on;
};

/* Of a guard's "compression": true or false. */
struct compression *compression_compile(const json_t *part, struct error *err);
void compression_free(struct compression *compression);
DEFINE_SCOPED(struct compression *, compression_free)
