/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "guard/api_key.h"

/* A key's share of its plan, which is its own whatever other keys of the plan take. */
static enum limit_verdict take_plan(struct exchange *exchange, const struct api_plan *plan,
                                    int64_t *ret_retry_ms)
{
    struct limit_table *table = exchange->gateway->options.limits;
    enum limit_verdict verdict = LIMIT_PASS;
    struct text key = text_of(arena_format(&exchange->stream->arena, "plan %s %.*s", plan->id,
                                           TEXT_ARG(exchange->key_id)));

    if (table && plan->throttle.is_set)
        verdict = limit_take(table, LIMIT_OF_KEY, key, &plan->throttle,
                             loop_now_us(exchange->stream->loop), ret_retry_ms);
    if (table && verdict == LIMIT_PASS && plan->quota.is_set)
        verdict = limit_take_quota(table, LIMIT_OF_KEY, key, &plan->quota, exchange->now_ms,
                                   ret_retry_ms);
    return verdict;
}

/* A route that wants an API key: one that is enabled, of a usage plan of the stage, which says
 * how much it may. */
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
    int64_t retry_ms = 0;
    enum limit_verdict verdict = take_plan(exchange, plan, &retry_ms);
    if (verdict == LIMIT_PASS)
        return STAGE_PASS;
    reply_refuse_message(exchange, 429,
                         verdict == LIMIT_QUOTA ? "Limit Exceeded" : "Too Many Requests", retry_ms);
    return STAGE_ANSWERED;
}
