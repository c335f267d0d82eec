/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "gateway/gateway_priv.h"
#include "guard/authorizer.h"
#include "guard/guard.h"
#include "guard/tokens.h"

/* Who may use a route: its authorizer is asked, or (of a route that says nothing of who may) its
 * guard's. */

struct asking {
    struct authorization authorization;
    struct exchange *exchange;
    const struct authorizer *authorizer;
    bool is_later; /* done() comes after stage_authorize() has returned */
    bool is_done;
};

static struct exchange *exchange_of(struct authorization *authorization)
{
    return container_of(authorization, struct asking, authorization)->exchange;
}

/* --- what authorizers read --- */

struct text exchange_route_arn(const struct exchange *exchange)
{
    const struct route *route = &exchange->route;

    if (!route->api)
        return text_of(arena_format(
            &exchange->stream->arena, "arn:aws:execute-api:%s:%s:%s/$default/%.*s%.*s",
            exchange->gateway->options.region, exchange->gateway->options.account,
            exchange->url_id, TEXT_ARG(exchange->stream->request.method_text),
            TEXT_ARG(route->path)));
    return api_stage_request_arn(route->stage, exchange->stream->request.method_text,
                                 route->stage_path, &exchange->stream->arena);
}

static struct text account_of(const struct exchange *exchange)
{
    const struct http_api *api = exchange->route.api;

    return text_of(api ? api->account : exchange->gateway->options.account);
}

static struct text read_value(struct authorization *authorization, struct text name)
{
    const struct exchange *exchange = exchange_of(authorization);
    const struct http_request *request = &exchange->stream->request;
    const struct route *route = &exchange->route;
    const struct text variables = TEXT("stageVariables."), usual = TEXT("$default");
    const struct {
        struct text name, value;
    } values[] = {
        {TEXT("context.routeKey"), text_is_set(route->key) ? route->key : usual},
        {TEXT("context.stage"), route->stage ? text_of(route->stage->name) : usual},
        {TEXT("context.apiId"), text_of(route->api ? route->api->id : exchange->url_id)},
        {TEXT("context.accountId"), account_of(exchange)},
        {TEXT("context.requestId"), text_of(exchange->request_id)},
        {TEXT("context.httpMethod"), request->method_text},
        {TEXT("context.http.method"), request->method_text},
        {TEXT("context.path"), exchange->route.path},
        {TEXT("context.http.path"), exchange->route.path},
        {TEXT("context.domainName"), event_domain(request->host)},
        {TEXT("context.identity.sourceIp"), text_of(exchange->source_ip)},
        {TEXT("context.http.sourceIp"), text_of(exchange->source_ip)},
        {TEXT("context.identity.userAgent"), http_header(request, TEXT("user-agent"))},
        {TEXT("context.http.userAgent"), http_header(request, TEXT("user-agent"))},
    };

    if (text_starts(name, variables))
        return route->stage
                   ? text_of(api_stage_variable(route->stage, text_skip(name, variables.len)))
                   : TEXT_NONE;
    for (size_t i = 0; i < COUNT_OF(values); i++)
        if (text_equal(values[i].name, name))
            return values[i].value;
    return TEXT_NONE;
}

static void add_sources(struct buffer *out, const struct text *sources, size_t count)
{
    buffer_add_literal(out, ",\"identitySource\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_add_char(out, ',');
        buffer_add_json(out, sources[i]);
    }
    buffer_add_char(out, ']');
}

static void add_joined_sources(struct buffer *out, const struct text *sources, size_t count)
{
    scoped(buffer_done) struct buffer joined = {0};

    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_add_char(&joined, ',');
        buffer_add_text(&joined, sources[i]);
    }
    event_add_member(out, TEXT(",\"identitySource\":"), buffer_text(&joined));
    event_add_member(out, TEXT(",\"authorizationToken\":"), buffer_text(&joined));
}

/* The event of the route itself, without its body and with what is asked. */
static void write_event(struct authorization *authorization, const struct text *sources,
                        size_t source_count, struct buffer *out)
{
    struct exchange *exchange = exchange_of(authorization);
    scoped(buffer_done) struct buffer whole = {0};
    char trace[TRACE_BYTES];
    const int version = authorizer_payload_version(exchange->asking->authorizer);
    if (!exchange->request_id[0])
        crypto_uuid(exchange->request_id);
    const struct text head =
        version == 1 ? TEXT("{\"version\":\"1.0\"") : TEXT("{\"version\":\"2.0\"");
    const struct request_event event = {
        .request = &exchange->stream->request,
        .route = &exchange->route,
        .account = account_of(exchange),
        .source_ip = text_of(exchange->source_ip),
        .forwarded_for = exchange->from.chain,
        .port = exchange->from.port,
        .is_secure = exchange->from.is_secure,
        .client = tls_client_read(exchange->stream->tls, authorization->arena),
        .request_id = exchange->request_id,
        .trace = trace,
        .time = exchange_time(exchange),
        .now_ms = exchange->now_ms,
    };

    trace_make(http_header(event.request, TEXT("x-amzn-trace-id")), exchange->hops,
               exchange->now_ms, trace);
    (version == 1 ? event_write_1 : event_write)(&event, authorization->arena, &whole);
    buffer_add_text(out, head);
    event_add_member(out,
                     version == 1 ? TEXT(",\"type\":\"REQUEST\",\"methodArn\":")
                                  : TEXT(",\"type\":\"REQUEST\",\"routeArn\":"),
                     authorization->route_arn);
    (version == 1 ? add_joined_sources : add_sources)(out, sources, source_count);
    buffer_add_text(out, text_skip(buffer_text(&whole), head.len));
}

/* --- what comes of it --- */

/* {"jwt": ...} or {"lambda": ...}: as events of version 2.0 have it. */
static void let_pass(struct exchange *exchange, const struct authorization *authorization)
{
    bool is_token = authorizer_takes_tokens(exchange->asking->authorizer);

    exchange->principal = authorization->principal;
    exchange->usage_key = authorization->usage_key;
    if (text_is_set(authorization->context))
        exchange->authorizer =
            text_of(arena_format(&exchange->stream->arena, "{\"%s\":%.*s}",
                                 is_token ? "jwt" : "lambda", TEXT_ARG(authorization->context)));
}

static void refuse(struct exchange *exchange, const struct authorization *authorization)
{
    enum refusal refusal = authorization->status == 401   ? REFUSE_UNAUTHORIZED
                           : authorization->status == 403 ? REFUSE_FORBIDDEN
                                                          : REFUSE_FAILED;

    if (text_is_set(authorization->www_authenticate))
        reply_refuse_with(exchange, refusal, TEXT("www-authenticate"),
                          authorization->www_authenticate);
    else
        reply_refuse(exchange, refusal);
}

static void on_done(struct authorization *authorization)
{
    struct asking *asking = container_of(authorization, struct asking, authorization);
    struct exchange *exchange = asking->exchange;

    asking->is_done = true;
    if (!asking->is_later)
        return;
    exchange->cancel = NULL;
    if (authorization->status != 0) {
        refuse(exchange, authorization);
        return;
    }
    let_pass(exchange, authorization);
    exchange_continue(exchange);
}

static void cancel(struct exchange *exchange)
{
    authorization_cancel(&exchange->asking->authorization);
}

/* What is asked for: a route's own, or of its guard. */
struct wanted {
    const struct authorizer *authorizer;
    char *const *scopes;
    size_t scope_count;
};

/* What a guard's answers are kept for: a function, or what of an API the guard is of. */
static struct text guarded_of(const struct exchange *exchange)
{
    const struct route *route = &exchange->route;
    bool is_routes = route->matched && route->matched->guard == route->guard;

    if (!route->api)
        return text_of(exchange->url_id);
    return text_of(arena_format(&exchange->stream->arena, "%s %s %s", route->api->id,
                                route->stage->name, is_routes ? route->matched->key : ""));
}

static struct asking *new_asking(struct exchange *exchange, const struct wanted *wanted)
{
    struct arena *arena = &exchange->stream->arena;
    struct asking *asking = arena_zalloc(arena, sizeof *asking);
    struct text *scopes = arena_alloc(arena, (wanted->scope_count + 1) * sizeof *scopes);

    for (size_t i = 0; i < wanted->scope_count; i++)
        scopes[i] = text_of(wanted->scopes[i]);
    asking->exchange = exchange;
    asking->authorizer = wanted->authorizer;
    asking->authorization = (struct authorization){
        .done = on_done,
        .request = &exchange->stream->request,
        .arena = arena,
        .route_arn = exchange_route_arn(exchange),
        .source_ip = text_of(exchange->source_ip),
        .is_secure = exchange->from.is_secure,
        .guarded = guarded_of(exchange),
        .account = account_of(exchange),
        .region = text_of(exchange->route.api ? exchange->route.api->region
                                              : exchange->gateway->options.region),
        .scopes = scopes,
        .scope_count = wanted->scope_count,
        .now_ms = exchange->now_ms,
        .hops = exchange->hops,
        .value = read_value,
        .write_event = write_event,
    };
    return asking;
}

static enum stage_verdict ask(struct exchange *exchange, const struct wanted *wanted)
{
    struct asking *asking = exchange->asking = new_asking(exchange, wanted);

    authorize(exchange->gateway->authorizing, wanted->authorizer, &asking->authorization);
    if (!asking->is_done) {
        asking->is_later = true;
        exchange->cancel = cancel;
        return STAGE_WAITS;
    }
    if (asking->authorization.status != 0) {
        refuse(exchange, &asking->authorization);
        return STAGE_ANSWERED;
    }
    let_pass(exchange, &asking->authorization);
    return STAGE_PASS;
}

static enum stage_verdict ask_guard(struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;

    if (!guard || !guard->tokens)
        return STAGE_PASS;
    return ask(exchange, &(struct wanted){guard->tokens->authorizer, guard->tokens->scopes,
                                          guard->tokens->scope_count});
}

enum stage_verdict stage_authorize(struct exchange *exchange)
{
    const struct api_route *matched = exchange->route.matched;

    if (!exchange->route.api)
        return ask_guard(exchange);
    switch (matched->authorization) {
    case AUTHORIZATION_NONE:
        return ask_guard(exchange);
    case AUTHORIZATION_IAM: /* stage_caller, stage_signed */
        return STAGE_PASS;
    case AUTHORIZATION_JWT:
    case AUTHORIZATION_CUSTOM:
        return ask(exchange,
                   &(struct wanted){matched->authorizer, matched->scopes, matched->scope_count});
    }
    reply_refuse(exchange, REFUSE_FAILED);
    return STAGE_ANSWERED;
}
