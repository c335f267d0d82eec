/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "gateway/gateway_priv.h"
#include "guard/filter.h"
#include "guard/guard.h"
#include "model/alias.h"
#include "model/permission.h"

/* The request becomes an event, the event an invocation: of a URL's function, or of the one
 * that an API's integration names. */

/* arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path of the route, or .../STAGE/$default */
static struct text source_arn(const struct exchange *exchange)
{
    const struct route *route = &exchange->route;
    struct text path = route->matched->path;

    return api_stage_request_arn(
        route->stage, path.len ? exchange->stream->request.method_text : TEXT("$default"), path,
        &exchange->stream->arena);
}

static bool may_be_called(const struct http_api *api, const struct function *function,
                          struct text qualifier, struct text arn)
{
    const struct permission_ask ask = {
        .service = TEXT("apigateway.amazonaws.com"),
        .action = TEXT("lambda:InvokeFunction"),
        .qualifier = qualifier,
        .source_arn = arn,
        .source_account = text_of(api->account),
    };

    return permission_lets(function, &ask);
}

const struct function *integration_called(const struct gateway_options *options,
                                          const struct api_integration *integration)
{
    if (!integration || integration->kind != INTEGRATION_FUNCTION)
        return NULL;
    return directory_find_key(options->directory, text_of(integration->function_key),
                              integration->function_hash);
}

const struct version *integration_version(const struct gateway_options *options,
                                          const struct http_api *api,
                                          const struct api_integration *integration,
                                          struct text source_arn)
{
    const struct function *function = integration_called(options, integration);

    if (!function)
        return NULL;
    struct text qualifier = text_of(integration->qualifier);
    if (!integration->has_credentials && !may_be_called(api, function, qualifier, source_arn))
        return NULL;
    return alias_route(function, qualifier);
}

/* NULL: there is none, or it may not be called. */
static const struct version *find_version(const struct exchange *exchange)
{
    const struct route *route = &exchange->route;

    if (!route->api)
        return alias_route(route->function, route->qualifier);
    return integration_version(&exchange->gateway->options, route->api, route->matched->integration,
                               source_arn(exchange));
}

static void on_done(struct invocation *invocation)
{
    if (invocation->owner)
        reply_done(invocation->owner, invocation);
    struct exchange *exchange = invocation->owner; /* gone, unless the answer takes its time */
    if (!exchange) {
        invocation_free(invocation);
        return;
    }
    exchange->is_going_out = true;
    loop_timer_clear(&exchange->timeout);
}

const struct invocation_sink exchange_sink = {.on_done = on_done};

/* Whether something of an answer may have to be hidden: then it has to be there as a whole. */
static bool judges_answers(const struct guard *guard)
{
    return guard && ((guard->filter && filter_has_answers(guard->filter)) ||
                     (guard->types && filter_has_answers(guard->types)));
}

/* NULL: answered. */
static struct invocation *make_invocation(struct exchange *exchange, const struct version *version)
{
    struct http_stream *stream = exchange->stream;
    const struct route *route = &exchange->route;
    struct invocation *invocation = invocation_new(version);
    if (exchange->request_id[0] && !route->api) /* it was told already */
        memcpy(invocation->request_id, exchange->request_id, sizeof invocation->request_id);
    bool streams = route->function && route_url(route)->mode == INVOKE_RESPONSE_STREAM &&
                   !judges_answers(route->guard);

    invocation->sink = streams ? &stream_sink : &exchange_sink;
    invocation->kind = INVOKE_URL;
    invocation_by(invocation,
                  route->api ? text_of(route->matched->integration->qualifier) : route->qualifier);
    invocation->hops = exchange->hops;
    struct trace_context context;
    trace_begin(&stream->request, exchange->hops, exchange->now_ms, &stream->arena,
                invocation->trace, &context);
    struct http_request request = stream->request;
    struct route mapped = *route;
    (void)context_map_request(exchange, &request, &mapped);
    const struct request_event event = {
        .request = &request,
        .route = &mapped,
        .caller = exchange->caller,
        .authorizer = exchange->authorizer,
        .account = text_of(exchange->gateway->options.account),
        .source_ip = text_of(exchange->source_ip),
        .forwarded_for = exchange->from.chain,
        .port = exchange->from.port,
        .is_secure = exchange->from.is_secure,
        .client = tls_client_read(stream->tls, &stream->arena),
        .request_id = route->api ? exchange->request_id : invocation->request_id,
        .trace = invocation->trace,
        .context = &context,
        .time = exchange_time(exchange),
        .now_ms = exchange->now_ms,
        .body = exchange->content,
    };
    if (!convert_request(exchange, &invocation->payload)) {
        invocation_free(invocation);
        return NULL;
    }
    if (invocation->payload.len > 0)
        return invocation;
    if (convert_version(exchange) == 1)
        event_write_1(&event, &stream->arena, &invocation->payload);
    else
        event_write(&event, &stream->arena, &invocation->payload);
    return invocation;
}

/* The function goes on, without a client. */
static void on_timeout(struct loop_timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timeout);

    take(exchange->invocation)->owner = NULL;
    exchange_timed_out(exchange);
    reply_refuse(exchange, REFUSE_UNAVAILABLE);
}

enum stage_verdict integration_function(struct exchange *exchange)
{
    struct invoker *invoker = exchange->gateway->options.invoker;
    const struct version *version = find_version(exchange);

    if (!version) {
        exchange_integrated(exchange, 0,
                            "there is no such function, or the API may not invoke it: see "
                            "AddPermission");
        reply_refuse(exchange, REFUSE_FAILED);
        return STAGE_ANSWERED;
    }
    struct invocation *invocation = make_invocation(exchange, version);
    if (!invocation)
        return STAGE_ANSWERED;
    if (invocation->payload.len > LIMIT_PAYLOAD) {
        invocation_free(invocation);
        reply_refuse(exchange, REFUSE_TOO_LARGE);
        return STAGE_ANSWERED;
    }
    buffer_done(&exchange->body);
    exchange->content = TEXT_NONE;
    invocation->owner = exchange;
    exchange->invocation = invocation;
    int64_t timeout_ms = exchange_timeout_ms(exchange);
    if (timeout_ms > 0) {
        exchange->timeout.fire = on_timeout;
        loop_timer_set(exchange->stream->loop, &exchange->timeout, timeout_ms);
    }
    invoker->invoke(invoker, invocation);
    return STAGE_WAITS;
}

enum stage_verdict stage_integration(struct exchange *exchange)
{
    const struct route *route = &exchange->route;
    const struct api_integration *integration = route->api ? route->matched->integration : NULL;

    exchange->asked_us = loop_now_us(exchange->stream->loop);
    if (!route->api)
        return integration_function(exchange);
    if (route->api->protocol == API_WEBSOCKET)
        return socket_connect(exchange);
    switch (integration ? integration->kind : INTEGRATION_UNSERVED) {
    case INTEGRATION_FUNCTION:
        return integration_function(exchange);
    case INTEGRATION_HTTP:
        return integration_http(exchange);
    case INTEGRATION_SERVICE:
        return integration_service(exchange);
    case INTEGRATION_MOCK: /* of WebSocket APIs only */
    case INTEGRATION_UNSERVED:
        break;
    }
    if (integration) {
        reply_refuse_message(exchange, 501, "Integrations of this type are not served yet", 0);
        return STAGE_ANSWERED;
    }
    reply_refuse(exchange, REFUSE_FAILED);
    return STAGE_ANSWERED;
}
