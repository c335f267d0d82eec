/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/gateway_priv.h"
#include "guard/compression.h"
#include "guard/guard.h"
#include "http/websocket.h"

/* The stages that need the head alone. */

static enum stage_verdict refuse(struct exchange *exchange, enum refusal refusal)
{
    reply_refuse(exchange, refusal);
    return STAGE_ANSWERED;
}

/* "ATfSmjLgPHcESJw=": 11 random bytes. */
static void make_request_id(struct exchange *exchange)
{
    struct buffer *id = &exchange->gateway->scratch;
    uint8_t random[11];

    crypto_random(random, sizeof random);
    buffer_clear(id);
    crypto_base64(text_from(random, sizeof random), id);
    memcpy(exchange->request_id, id->at, id->len + 1);
}

/* The guard of a function was compiled when it was deployed or read, and serves all shards. Where
 * that failed (a file that is gone), which the log told, nobody passes. */
static bool use_guard(struct exchange *exchange)
{
    struct guarded *guarded = exchange->route.function->guarded;

    if (!guarded)
        return true;
    exchange->guarded = guarded_ref(guarded);
    exchange->route.guard = atomic_load_explicit(&guarded->compiled, memory_order_acquire);
    return exchange->route.guard != NULL;
}

/* As the route says, or the daemon. */
static void attach_compression(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    const struct guard *guard = exchange->route.guard;

    if (guard && guard->compression ? guard->compression->is_on : gateway->options.compresses)
        compress_attach(&gateway->compressing, exchange->stream);
}

/* As HTTP/1.1 writes it, whatever it came by. */
static bool is_head_too_long(const struct http_request *request)
{
    size_t sum = request->method_text.len + request->target.len + strlen("  HTTP/1.1");

    for (size_t i = 0; i < request->field_count; i++)
        sum += request->fields[i].value.len;
    return sum > LIMIT_API_HEAD;
}

/* Whether a domain that names its clients' authorities is asked by one of them. By another name, or
 * without TLS, nobody had to show a certificate. */
static bool is_let_in(const struct exchange *exchange)
{
    const struct api_domain *domain = exchange->route.domain;

    if (!domain || !api_domain_clients(domain))
        return true;
    return route_domain(&exchange->gateway->options, tls_proven_name(exchange->stream->tls)) ==
           domain;
}

/* Before anything runs for a client that takes every answer but a refusal for a tunnel. */
static bool is_tunnel_served(const struct exchange *exchange)
{
    const struct http_request *request = &exchange->stream->request;

    if (!text_is_set(request->tunnel))
        return true;
    return exchange->route.api && exchange->route.api->protocol == API_WEBSOCKET &&
           !exchange->docs && websocket_is_upgrade(request);
}

enum stage_verdict stage_route(struct exchange *exchange)
{
    struct http_stream *stream = exchange->stream;
    struct route *route = &exchange->route;
    int status = route_find(&exchange->gateway->options, &stream->request, &stream->arena, route);

    if (route->api) {
        make_request_id(exchange);
        exchange->content_max = LIMIT_API_PAYLOAD;
        stream->body_max = LIMIT_API_PAYLOAD + (1 << 20);
    }
    if (route->api && is_head_too_long(&stream->request))
        return refuse(exchange, REFUSE_HEAD);
    if (!is_let_in(exchange))
        return refuse(exchange, REFUSE_FORBIDDEN);
    if (status == 0 && route->function && !use_guard(exchange))
        return refuse(exchange, REFUSE_FUNCTION_FAILED);
    attach_compression(exchange);
    if (status == 404 && docs_asked(exchange))
        status = 0;
    switch (status) {
    case 0:
        break;
    case 400:
        return refuse(exchange, REFUSE_BAD_REQUEST);
    case 404:
        return refuse(exchange, REFUSE_NOT_FOUND);
    default:
        return refuse(exchange, REFUSE_UNKNOWN);
    }
    exchange->found_us = loop_now_us(stream->loop);
    if (route->function)
        memcpy(exchange->url_id, route_url(route)->id, sizeof exchange->url_id);
    if (!exchange->docs)
        (void)docs_asked(exchange);
    if (!is_tunnel_served(exchange)) {
        reply_refuse_message(exchange, 501, "Tunnels lead to WebSocket APIs only", 0);
        return STAGE_ANSWERED;
    }
    return STAGE_PASS;
}

enum stage_verdict stage_cors(struct exchange *exchange)
{
    const struct route *route = &exchange->route;
    const struct cors *cors = route->api ? &route->api->cors : &route_url(route)->cors;
    struct http_stream *stream = exchange->stream;

    if (!cors->is_set)
        return STAGE_PASS;
    bool preflight = cors_is_preflight(&stream->request);
    exchange->has_cors = true;
    exchange->cors_count =
        cors_headers(cors, &stream->request, preflight, &stream->arena, exchange->cors);
    if (!preflight)
        return STAGE_PASS;
    reply_preflight(exchange);
    return STAGE_ANSWERED;
}

enum stage_verdict stage_method(struct exchange *exchange)
{
    assert(!exchange->route.api || exchange->route.matched);
    if (exchange->stream->request.method != METHOD_OTHER)
        return STAGE_PASS;
    return refuse(exchange, REFUSE_METHOD);
}

/* HTTP APIs do not tell what is wrong with a signature. */
static enum stage_verdict read_signature(struct exchange *exchange)
{
    struct sigv4_refusal refusal;

    if (exchange->route.matched->authorization != AUTHORIZATION_IAM)
        return STAGE_PASS;
    exchange->caller = auth_read(&exchange->gateway->options, exchange->stream, TEXT("execute-api"),
                                 exchange->now_ms, &refusal);
    return exchange->caller ? STAGE_PASS : refuse(exchange, REFUSE_FORBIDDEN);
}

/* Who signed; who else comes to an API is for its authorizers to say. */
enum stage_verdict stage_caller(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    const struct route *route = &exchange->route;
    struct sigv4_refusal refusal;

    if (route->api)
        return read_signature(exchange);
    if (route_url(route)->auth == URL_AUTH_NONE)
        return auth_is_public(route) ? STAGE_PASS : refuse(exchange, REFUSE_FORBIDDEN);
    exchange->caller =
        auth_read(&gateway->options, exchange->stream, TEXT("lambda"), exchange->now_ms, &refusal);
    if (exchange->caller)
        return STAGE_PASS;
    reply_refuse_signature(exchange, &refusal);
    return STAGE_ANSWERED;
}

/* Of an API: the function behind the route. */
static bool may_recurse(const struct exchange *exchange)
{
    const struct function *function = exchange->route.function;

    if (exchange->route.api)
        function =
            integration_called(&exchange->gateway->options, exchange->route.matched->integration);
    return function && function->may_recurse;
}

/* A call from within a function is one hop more; from outside nothing was before it. */
enum stage_verdict stage_hops(struct exchange *exchange)
{
    const struct http_request *request = &exchange->stream->request;
    bool is_inside = exchange->origin->inside ||
                     (exchange->caller && exchange->caller->key.kind == KEY_INSTANCE);

    if (is_inside)
        exchange->hops = trace_hops(http_header(request, TEXT("x-amzn-trace-id"))) + 1;
    if (exchange->hops < LIMIT_HOPS || may_recurse(exchange))
        return STAGE_PASS;
    return refuse(exchange, REFUSE_RECURSION);
}
