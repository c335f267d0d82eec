/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_guard.h"

#include "api/api_priv.h"
#include "api/guards.h"
#include "guard/guard.h"

int apigateway_check_guard(struct call *call, const json_t *json, struct error *err)
{
    scoped(guard_free) struct guard *guard = guard_compile(json, call->api->options->guards, err);

    return guard ? guards_check(call, guard, err) : -1;
}
