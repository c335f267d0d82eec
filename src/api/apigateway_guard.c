/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_guard.h"

#include "guard/guard.h"

int apigateway_check_guard(const json_t *json, struct error *err)
{
    scoped(guard_free) struct guard *guard = guard_compile(json, err);

    return guard ? 0 : -1;
}
