/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "guard/guard.h"
#include "guard/limits.h"

/*
 * How much may pass. What the head tells is limited at once; what costs a place or is counted
 * for a day waits until it is known who asks, so that who may not pass uses up nothing of it.
 * A client's own bucket comes before the route's: one client that asks too much takes nothing
 * from the others.
 */
static const struct limits *limits_of(const struct exchange *exchange)
{
    return exchange->route.guard ? exchange->route.guard->limits : NULL;
}

/* What is counted together: a route of a stage, all of an API when the limits are the API's
 * own, or a function. Clients and keys are counted for each of them. */
static struct text scope_of(const struct exchange *exchange, struct text who)
{
    const struct route *route = &exchange->route;
    bool is_routes = route->matched && route->matched->guard == route->guard;

    if (!route->api)
        return text_of(
            arena_format(&exchange->stream->arena, "%.*s %s", TEXT_ARG(who), exchange->url_id));
    return text_of(arena_format(&exchange->stream->arena, "%.*s %s %s %s", TEXT_ARG(who),
                                route->api->id, route->stage->name,
                                is_routes ? route->matched->key : ""));
}

static enum stage_verdict refuse(struct exchange *exchange, enum limit_verdict verdict,
                                 int64_t retry_ms)
{
    if (verdict == LIMIT_PASS)
        return STAGE_PASS;
    reply_refuse_message(exchange, 429, "Too Many Requests",
                         verdict == LIMIT_AT_ONCE ? 1000 : retry_ms);
    return STAGE_ANSWERED;
}

static int64_t header_bytes(const struct http_request *request)
{
    int64_t sum = 0;

    for (size_t i = 0; i < request->field_count; i++)
        sum += (int64_t)(request->fields[i].name.len + request->fields[i].value.len);
    return sum;
}

/* Sizes: the status to refuse with, or 0. Lowers what the body may have. */
static int check_sizes(struct exchange *exchange, const struct limits *limits)
{
    const struct http_request *request = &exchange->stream->request;

    if (limits->url_bytes && (int64_t)request->target.len > limits->url_bytes)
        return 414;
    if (limits->header_bytes && header_bytes(request) > limits->header_bytes)
        return 431;
    if (limits->body_bytes && limits->body_bytes < exchange->content_max)
        exchange->content_max = limits->body_bytes;
    return request->content_length > exchange->content_max ? 413 : 0;
}

static enum limit_verdict take_rates(struct exchange *exchange, const struct limits *limits,
                                     int64_t *ret_retry_ms)
{
    struct limit_table *table = exchange->gateway->options.limits;
    int64_t now_us = loop_now_us(exchange->stream->loop);
    enum limit_verdict verdict = LIMIT_PASS;
    char client[LIMITS_CLIENT_BYTES];

    if (limits->client.rate.is_set)
        verdict = limit_take(table, LIMIT_OF_CLIENT,
                             scope_of(exchange, limits_client(exchange->from.client, client)),
                             &limits->client.rate, now_us, ret_retry_ms);
    if (verdict == LIMIT_PASS && limits->route.rate.is_set)
        verdict = limit_take(table, LIMIT_OF_ROUTE, scope_of(exchange, TEXT("")),
                             &limits->route.rate, now_us, ret_retry_ms);
    return verdict;
}

/* AWS's throttling of a stage's routes. */
static enum limit_verdict take_throttle(struct exchange *exchange, int64_t *ret_retry_ms)
{
    const struct route *route = &exchange->route;

    if (!route->matched || !route->matched->throttle.is_set)
        return LIMIT_PASS;
    struct text key = text_of(arena_format(&exchange->stream->arena, "aws %s %s %s", route->api->id,
                                           route->stage->name, route->matched->key));
    return limit_take(exchange->gateway->options.limits, LIMIT_OF_ROUTE, key,
                      &route->matched->throttle, loop_now_us(exchange->stream->loop), ret_retry_ms);
}

enum stage_verdict stage_limit_head(struct exchange *exchange)
{
    const struct limits *limits = limits_of(exchange);
    int64_t retry_ms = 0;

    if (!exchange->gateway->options.limits)
        return STAGE_PASS;
    if (limits) {
        int status = check_sizes(exchange, limits);
        if (status) {
            reply_refuse_message(exchange, status, http_reason(status), 0);
            return STAGE_ANSWERED;
        }
        enum limit_verdict verdict = take_rates(exchange, limits, &retry_ms);
        if (verdict != LIMIT_PASS)
            return refuse(exchange, verdict, retry_ms);
    }
    enum limit_verdict verdict = take_throttle(exchange, &retry_ms);
    return refuse(exchange, verdict, retry_ms);
}

static enum limit_verdict take_quotas(struct exchange *exchange, const struct limits *limits,
                                      int64_t *ret_retry_ms)
{
    struct limit_table *table = exchange->gateway->options.limits;
    int64_t now_ms = exchange->now_ms;
    enum limit_verdict verdict = LIMIT_PASS;
    char client[LIMITS_CLIENT_BYTES];

    if (limits->client.daily.is_set)
        verdict =
            limit_take_quota(table, LIMIT_OF_CLIENT,
                             scope_of(exchange, limits_client(exchange->from.client, client)),
                             &limits->client.daily, now_ms, ret_retry_ms);
    if (verdict == LIMIT_PASS && limits->key.daily.is_set && exchange->key_id.len)
        verdict = limit_take_quota(table, LIMIT_OF_KEY, scope_of(exchange, exchange->key_id),
                                   &limits->key.daily, now_ms, ret_retry_ms);
    if (verdict == LIMIT_PASS && limits->route.daily.is_set)
        verdict = limit_take_quota(table, LIMIT_OF_ROUTE, scope_of(exchange, TEXT("")),
                                   &limits->route.daily, now_ms, ret_retry_ms);
    return verdict;
}

enum stage_verdict stage_limit_caller(struct exchange *exchange)
{
    const struct limits *limits = limits_of(exchange);
    struct limit_table *table = exchange->gateway->options.limits;
    enum limit_verdict verdict = LIMIT_PASS;
    int64_t retry_ms = 0;

    if (!limits || !table)
        return STAGE_PASS;
    if (limits->key.rate.is_set && exchange->key_id.len)
        verdict = limit_take(table, LIMIT_OF_KEY, scope_of(exchange, exchange->key_id),
                             &limits->key.rate, loop_now_us(exchange->stream->loop), &retry_ms);
    if (verdict == LIMIT_PASS && limits->concurrency)
        verdict = limit_enter(table, LIMIT_OF_ROUTE, scope_of(exchange, TEXT("")),
                              limits->concurrency, &exchange->place);
    if (verdict == LIMIT_PASS)
        verdict = take_quotas(exchange, limits, &retry_ms);
    return refuse(exchange, verdict, retry_ms);
}
