/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "guard/api_key.h"
#include "guard/usage.h"

/* "/pets/{id}/GET", as usage plans name what they throttle by itself; "$default". */
static struct text method_name(const struct exchange *exchange)
{
    const struct api_route *matched = exchange->route.matched;

    return matched->path.len == 0
               ? text_of(matched->key)
               : text_of(arena_format(&exchange->stream->arena, "%.*s/%.*s",
                                      TEXT_ARG(matched->path), TEXT_ARG(matched->method)));
}

/* A key's share of its plan, which is its own whatever other keys of the plan take; of a method
 * that has a throttle by itself, apart from the others. */
static enum limit_verdict take_plan(struct exchange *exchange, const struct api_key *found,
                                    const struct api_plan *plan, const struct limit_rate *method,
                                    int64_t *ret_retry_ms)
{
    struct limit_table *table = exchange->gateway->options.limits;
    struct arena *arena = &exchange->stream->arena;
    const struct limit_rate *throttle = method ? method : &plan->throttle;
    enum limit_verdict verdict = LIMIT_PASS;
    const struct limit_quota quota = api_key_quota(found, plan, exchange->now_ms);
    struct text key = api_key_counted(arena, text_of(plan->id), exchange->key_id);
    struct text bucket =
        method
            ? text_of(arena_format(arena, "%.*s %s %s %.*s", TEXT_ARG(key), exchange->route.api->id,
                                   exchange->route.stage->name, TEXT_ARG(method_name(exchange))))
            : key;

    if (table && throttle->is_set)
        verdict = limit_take(table, LIMIT_OF_KEY, bucket, throttle,
                             loop_now_us(exchange->stream->loop), ret_retry_ms);
    if (table && verdict == LIMIT_PASS && quota.is_set)
        verdict =
            limit_take_quota(table, LIMIT_OF_KEY, key, &quota, exchange->now_ms, ret_retry_ms);
    return verdict;
}

/* A route that wants an API key: one that is enabled, of a usage plan of the stage, which says
 * how much it may. */
enum stage_verdict stage_api_key(struct exchange *exchange)
{
    const struct route *route = &exchange->route;

    if (!route->api || !route->matched->needs_key)
        return STAGE_PASS;
    struct text value = route->api->is_key_authorizers
                            ? exchange->usage_key
                            : http_header(&exchange->stream->request, API_KEY_HEADER);
    const struct api_key *key =
        api_keys_find(http_api_view_keys(exchange->gateway->options.apis), value);
    const struct limit_rate *method = NULL;
    const struct api_plan *plan =
        key ? api_key_plan(key, text_of(route->api->id), text_of(route->stage->name),
                           method_name(exchange), &method)
            : NULL;
    if (!plan) {
        reply_refuse(exchange, REFUSE_FORBIDDEN);
        return STAGE_ANSWERED;
    }
    exchange->key_id = arena_copy(&exchange->stream->arena, api_key_id(key));
    int64_t retry_ms = 0;
    enum limit_verdict verdict = take_plan(exchange, key, plan, method, &retry_ms);
    if (verdict == LIMIT_PASS) {
        if (exchange->gateway->options.usage)
            usage_add(exchange->gateway->options.usage, text_of(plan->id), exchange->key_id,
                      exchange->now_ms);
        return STAGE_PASS;
    }
    reply_refuse_message(exchange, 429,
                         verdict == LIMIT_QUOTA ? "Limit Exceeded" : "Too Many Requests", retry_ms);
    return STAGE_ANSWERED;
}
