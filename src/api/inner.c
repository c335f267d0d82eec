/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

/* Actions that are asked for from within: calls without a stream, in the owner's name. */

static void on_call(struct services *services, struct service_call *inner)
{
    struct api_shard *shard = container_of(services, struct api_shard, services);
    struct call *call = call_new(shard, NULL);

    inner->own = call;
    call->inner = inner;
    call->caller = KEY_ROOT;
    call->is_dispatched = true;
    call->input = inner->input;
    inner->input = NULL;
    call->action = routes_find_target(text_of(inner->target));
    assert(call->action && call->action->body == BODY_JSON);
    call->protocol = call->action->protocol;
    if (call_validate(call))
        call_run(call);
}

static void on_cancel(struct services *services, struct service_call *inner)
{
    struct call *call = inner->own;

    call->inner = NULL;
    if (call->gone)
        call->gone(call);
}

struct services *api_shard_services(struct api_shard *shard)
{
    shard->services = (struct services){.call = on_call, .cancel = on_cancel};
    return &shard->services;
}
