/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "guard/api_key.h"

/* A route that wants an API key: one that is enabled, of a usage plan of the stage. The plan's
 * throttle and quota are taken where all limits are. */
enum stage_verdict stage_api_key(struct exchange *exchange)
{
    const struct route *route = &exchange->route;

    if (!route->api || !route->matched->needs_key)
        return STAGE_PASS;
    const struct api_key *key =
        api_keys_find(http_api_view_keys(exchange->gateway->options.apis),
                      http_header(&exchange->stream->request, API_KEY_HEADER));
    const struct api_plan *plan =
        key ? api_key_plan(key, text_of(route->api->id), text_of(route->stage->name)) : NULL;
    if (!plan) {
        reply_refuse(exchange, REFUSE_FORBIDDEN);
        return STAGE_ANSWERED;
    }
    exchange->key_id = arena_copy(&exchange->stream->arena, api_key_id(key));
    return STAGE_PASS;
}
