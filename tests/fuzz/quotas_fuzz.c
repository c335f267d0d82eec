/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/limit.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a file of saved quotas. What is accepted can be saved and accepted again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scoped(limit_table_free) struct limit_table *table = limit_table_new(64, 64);
    scoped(buffer_done) struct buffer saved = {0};
    struct error err;

    if (limit_restore(table, text_from(data, size), &err) < 0)
        return 0;
    limit_save(table, INT64_C(1728000000000), &saved);
    if (limit_restore(table, buffer_text(&saved), &err) < 0)
        __builtin_trap();
    return 0;
}
