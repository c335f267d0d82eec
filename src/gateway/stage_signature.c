/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "gateway/gateway_priv.h"
#include "guard/deliveries.h"
#include "guard/guard.h"
#include "guard/signature.h"

#define AGAIN_MS 10000 /* when to try one that is under way */

/* Deliveries are remembered for what their secret is for: a route, or all of an API when the
 * guard is the API's own (in every stage), or a function. */
static struct text scope_of(const struct exchange *exchange)
{
    const struct route *route = &exchange->route;
    bool is_routes = route->matched && route->matched->guard == route->guard;

    if (!route->api)
        return text_of(exchange->url_id);
    return text_of(arena_format(&exchange->stream->arena, "%s %s", route->api->id,
                                is_routes ? route->matched->key : ""));
}

static enum stage_verdict answer_again(struct exchange *exchange, int status)
{
    reply_refuse_message(exchange, status, "This delivery was taken already", 0);
    return STAGE_ANSWERED;
}

static enum stage_verdict begin_delivery(struct exchange *exchange,
                                         const struct signature *signature,
                                         const struct signed_delivery *delivery)
{
    struct deliveries *deliveries = exchange->gateway->options.deliveries;
    bool has_end = delivery->until_s < INT64_MAX / 1000 - 1;

    if (!deliveries || signature_replay(signature) == SIGNATURE_ALLOW)
        return STAGE_PASS;
    switch (deliveries_begin(deliveries, scope_of(exchange), delivery->id, exchange->now_ms,
                             has_end ? (delivery->until_s + 1) * 1000 : INT64_MAX,
                             &exchange->delivery)) {
    case DELIVERY_NEW:
        return STAGE_PASS;
    case DELIVERY_TAKEN:
        return answer_again(exchange, signature_replay(signature) == SIGNATURE_IGNORE ? 200 : 409);
    case DELIVERY_UNDER_WAY:
        break;
    }
    reply_refuse_message(exchange, 409, "This delivery is being worked on", AGAIN_MS);
    return STAGE_ANSWERED;
}

void delivery_settle(struct exchange *exchange, int status)
{
    deliveries_end(exchange->delivery, status >= 200 && status < 300);
    exchange->delivery = NULL;
}

/* The signature of a webhook, over the body as it came. */
enum stage_verdict stage_signature(struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;
    struct signed_delivery delivery;
    struct error err;

    if (!guard || !guard->signature)
        return STAGE_PASS;
    if (signature_check(guard->signature, &exchange->stream->request, exchange->content,
                        exchange->now_ms / 1000, &delivery, &err) == 0)
        return begin_delivery(exchange, guard->signature, &delivery);
    log_debug("a webhook is not signed right", LOG_TEXT("reason", err.text));
    reply_refuse(exchange, REFUSE_UNAUTHORIZED);
    return STAGE_ANSWERED;
}
