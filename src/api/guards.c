/* SPDX-License-Identifier: Apache-2.0 */
#include "api/guards.h"

#include <stdatomic.h>

#include "api/api_priv.h"
#include "guard/guard.h"
#include "guard/tokens.h"
#include "model/guarded.h"
#include "model/manifest.h"

int guards_check(struct call *call, const struct guard *guard, struct error *err)
{
    struct text qualifier, name = guard && guard->tokens
                                      ? authorizer_function(guard->tokens->authorizer, &qualifier)
                                      : TEXT_NONE;

    if (name.len == 0)
        return 0;
    const struct function *function =
        engine_find(call->api->engine, call->api->account, call->api->region, name);
    if (!function)
        return error_set(err, ERROR_INVALID,
                         "authorizer.function: there is no function '%.*s' here: deploy it first",
                         TEXT_ARG(name));
    if (!function_version(function, qualifier))
        return error_set(err, ERROR_INVALID,
                         "authorizer.function: the function '%.*s' has no version or alias '%.*s'",
                         TEXT_ARG(name), TEXT_ARG(qualifier));
    return 0;
}

bool guards_check_manifest(struct call *call, const struct manifest *manifest,
                           const struct guarded *guarded)
{
    struct error reason, err;

    if (!manifest || !guarded ||
        guards_check(call, atomic_load(&guarded->compiled), &reason) == 0)
        return true;
    manifest_refuse(manifest, &reason, &err);
    call_fail(call, "InvalidParameterValueException", "%s", err.text);
    return false;
}
