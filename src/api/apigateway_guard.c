/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_guard.h"

#include "guard/limits.h"

int apigateway_check_guard(const json_t *guard, struct error *err)
{
    static const char *const keys[] = {"limits",    "addresses", "waf",
                                       "signature", "filter",    "conversion"};
    const json_t *part = json_object_get(guard, "limits");
    const char *key;
    json_t *value;

    if (!json_is_object(guard))
        return error_set(err, ERROR_INVALID, "a guard is an object");
    json_object_foreach((json_t *)(uintptr_t)guard, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(keys); i++)
            known = known || strcmp(key, keys[i]) == 0;
        if (!known)
            return error_set(err, ERROR_INVALID, "a guard has no '%s'", key);
    }
    scoped(limits_free) struct limits *limits = part ? limits_compile(part, err) : NULL;
    return part && !limits ? -1 : 0;
}
