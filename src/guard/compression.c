/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/compression.h"

#include "base/mem.h"

struct compression *compression_compile(const json_t *part, struct error *err)
{
    if (!json_is_boolean(part)) {
        error_set(err, ERROR_INVALID, "compression must be true or false");
        return NULL;
    }
    struct compression *compression = mem_new(struct compression);
    compression->is_on = json_is_true(part);
    return compression;
}

void compression_free(struct compression *compression)
{
    free(compression);
}
