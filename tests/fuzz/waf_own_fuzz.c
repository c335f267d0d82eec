/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/waf_priv.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: a route's own rules. Any may be refused; those that are accepted name no file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rules = text_from(data, size);
    struct error err;

    if (waf_own_check(rules, "rules", &err) == 0)
        assert(text_find_text(rules, TEXT("SecDebugLog")) == size &&
               text_find_text(rules, TEXT("Include /")) == size);
    return 0;
}
