/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "gateway/gateway_priv.h"
#include "http/uri.h"

/*
 * Payload format 2.0, as function URLs have it and as HTTP APIs have it, written as text: a
 * document tree would cost more than the rest of the gateway. What is absent is left out, never
 * null, except where AWS says null.
 */

/* --- headers --- */

static void add_cookies(struct buffer *out, struct text cookies)
{
    struct text piece;
    bool first = true;

    if (cookies.len == 0)
        return;
    buffer_add_literal(out, ",\"cookies\":[");
    while (text_split(&cookies, ';', &piece)) {
        piece = text_trim(piece);
        if (piece.len == 0)
            continue;
        if (!first)
            buffer_add_char(out, ',');
        first = false;
        buffer_add_json(out, piece);
    }
    buffer_add_char(out, ']');
}

/* A name is a token, so it needs no escaping. */
static void add_header(struct buffer *out, struct text name, struct text value)
{
    buffer_add_char(out, '"');
    buffer_add_text(out, name);
    buffer_add_literal(out, "\":");
    buffer_add_json(out, value);
    buffer_add_char(out, ',');
}

static void add_headers(struct buffer *out, const struct request_event *event, struct text cookies,
                        struct arena *arena)
{
    const struct http_request *request = event->request;
    struct text connection =
        http_field_join(request->fields, request->field_count, TEXT("connection"), arena);

    buffer_add_literal(out, ",\"headers\":{");
    for (size_t i = 0; i < request->field_count; i++)
        if (header_passes(request->fields[i].name, event->caller) &&
            !event_came_before(request, i) &&
            !header_is_listed(connection, request->fields[i].name))
            add_header(out, request->fields[i].name,
                       event_join_values(request, i, TEXT(","), arena));
    if (text_is_set(cookies) && !event->route->api)
        add_header(out, TEXT("cookie"), cookies);
    if (request->content_length != 0 || text_is_set(http_header(request, TEXT("content-length")))) {
        buffer_add_literal(out, "\"content-length\":\"");
        buffer_add_int(out, (int64_t)event->body.len);
        buffer_add_literal(out, "\",");
    }
    event_add_member(out, TEXT("\"host\":"), request->host);
    event_add_member(out, TEXT(",\"x-forwarded-for\":"), event->forwarded_for);
    buffer_add_literal(out, ",\"x-forwarded-port\":\"");
    buffer_add_int(out, event->port);
    event_add_member(out, TEXT("\",\"x-forwarded-proto\":"),
                     event->is_secure ? TEXT("https") : TEXT("http"));
    event_add_member(out, TEXT(",\"x-amzn-trace-id\":"), text_of(event->trace));
    if (event->context) {
        event_add_member(out, TEXT(",\"traceparent\":"), text_of(event->context->parent));
        if (event->context->state.len > 0)
            event_add_member(out, TEXT(",\"tracestate\":"), event->context->state);
    }
    buffer_add_char(out, '}');
}

/* --- query --- */

static struct text join_parameter(const struct event_parameter *first, struct arena *arena)
{
    size_t len = 0;

    if (!first->next_same)
        return first->value;
    for (const struct event_parameter *p = first; p; p = p->next_same)
        len += p->value.len + 1;
    char *start = arena_alloc(arena, len), *at = start;
    for (const struct event_parameter *p = first; p; p = p->next_same) {
        if (p->value.len)
            memcpy(at, p->value.at, p->value.len);
        at += p->value.len;
        *at++ = ',';
    }
    return text_from(start, len - 1);
}

static void add_query(struct buffer *out, struct text query, struct arena *arena)
{
    if (query.len == 0)
        return;
    struct event_query all = event_read_query(query, arena);
    if (all.count == 0)
        return;
    buffer_add_literal(out, ",\"queryStringParameters\":");
    for (size_t i = 0; i < all.count; i++) {
        if (!all.list[i].is_first)
            continue;
        buffer_add_char(out, i ? ',' : '{');
        buffer_add_json(out, all.list[i].name);
        buffer_add_char(out, ':');
        buffer_add_json(out, join_parameter(&all.list[i], arena));
    }
    buffer_add_char(out, '}');
}

/* --- context --- */

struct text event_caller(const struct caller *caller, struct arena *arena)
{
    scoped(buffer_done) struct buffer out = {0};

    event_add_member(&out, TEXT("{\"iam\":{\"accessKey\":"), caller->claim.access_key);
    event_add_member(&out, TEXT(",\"accountId\":"), caller->account);
    event_add_member(&out, TEXT(",\"callerId\":"), caller->id);
    event_add_member(&out, TEXT(",\"cognitoIdentity\":null,\"principalOrgId\":null,\"userArn\":"),
                     caller->arn);
    event_add_member(&out, TEXT(",\"userId\":"), caller->id);
    buffer_add_literal(&out, "}}");
    return arena_copy(arena, buffer_text(&out));
}

static void add_caller(struct buffer *out, const struct caller *caller, struct arena *arena)
{
    if (!caller)
        return;
    buffer_add_literal(out, ",\"authorizer\":");
    buffer_add_text(out, event_caller(caller, arena));
}

static void add_certificate(struct buffer *out, const struct tls_client *client)
{
    if (!client)
        return;
    buffer_add_literal(out, ",\"authentication\":{");
    event_add_certificate(out, client);
    buffer_add_char(out, '}');
}

/* Whose it is: the function of a URL, or the API. */
static void add_owner(struct buffer *out, const struct request_event *event, struct arena *arena)
{
    const struct route *route = event->route;
    struct text domain = event_domain(event->request->host);

    if (route->api) {
        event_add_member(out, TEXT(",\"requestContext\":{\"accountId\":"), event->account);
        event_add_member(out, TEXT(",\"apiId\":"), text_of(route->api->id));
        add_certificate(out, event->client);
        if (event->authorizer.len > 0) {
            buffer_add_literal(out, ",\"authorizer\":");
            buffer_add_text(out, event->authorizer);
        }
        event_add_member(out, TEXT(",\"domainName\":"), domain);
        event_add_member(out, TEXT(",\"domainPrefix\":"),
                         text_slice(domain, 0, text_find(domain, '.')));
        return;
    }
    struct text id = text_of(route_url(route)->id);
    event_add_member(out, TEXT(",\"requestContext\":{\"accountId\":"),
                     event->caller ? event->caller->account : TEXT("anonymous"));
    event_add_member(out, TEXT(",\"apiId\":"), id);
    add_certificate(out, event->client);
    if (event->authorizer.len > 0) {
        buffer_add_literal(out, ",\"authorizer\":");
        buffer_add_text(out, event->authorizer);
    } else {
        add_caller(out, event->caller, arena);
    }
    event_add_member(out, TEXT(",\"domainName\":"), domain);
    event_add_member(out, TEXT(",\"domainPrefix\":"), id);
}

static struct text stage_name(const struct route *route)
{
    return route->stage ? text_of(route->stage->name) : TEXT("$default");
}

static struct text route_key(const struct route *route)
{
    return text_is_set(route->key) ? route->key : TEXT("$default");
}

static void add_context(struct buffer *out, const struct request_event *event, struct arena *arena)
{
    const struct http_request *request = event->request;
    struct text agent = http_header(request, TEXT("user-agent"));

    add_owner(out, event, arena);
    event_add_member(out, TEXT(",\"http\":{\"method\":"), request->method_text);
    event_add_member(out, TEXT(",\"path\":"), event->route->path);
    event_add_member(out, TEXT(",\"protocol\":"),
                     request->http_1_0 ? TEXT("HTTP/1.0") : TEXT("HTTP/1.1"));
    event_add_member(out, TEXT(",\"sourceIp\":"), event->source_ip);
    if (text_is_set(agent))
        event_add_member(out, TEXT(",\"userAgent\":"), agent);
    event_add_member(out, TEXT("},\"requestId\":"), text_of(event->request_id));
    event_add_member(out, TEXT(",\"routeKey\":"), route_key(event->route));
    event_add_member(out, TEXT(",\"stage\":"), stage_name(event->route));
    event_add_member(out, TEXT(",\"time\":"), text_of(event->time));
    buffer_add_literal(out, ",\"timeEpoch\":");
    buffer_add_int(out, event->now_ms);
    buffer_add_char(out, '}');
}

/* Most of an event is a copy of the request's head, plus this for names and context. */
#define FRAME_BYTES 1536

void event_write(const struct request_event *event, struct arena *arena, struct buffer *out)
{
    const struct http_request *request = event->request;
    struct text cookies = event_cookies(request, arena);

    (void)buffer_room(out, FRAME_BYTES + event->body.len);
    event_add_member(out, TEXT("{\"version\":\"2.0\",\"routeKey\":"), route_key(event->route));
    event_add_member(out, TEXT(",\"rawPath\":"), event->route->raw_path);
    event_add_member(out, TEXT(",\"rawQueryString\":"), request->query);
    add_cookies(out, cookies);
    add_headers(out, event, cookies, arena);
    add_query(out, request->query, arena);
    add_context(out, event, arena);
    if (event->route->parameter_count > 0) {
        buffer_add_literal(out, ",\"pathParameters\":");
        event_add_parameters(out, event->route);
    }
    if (event->route->stage && event->route->stage->variable_count > 0) {
        buffer_add_literal(out, ",\"stageVariables\":");
        event_add_variables(out, event->route->stage);
    }
    event_add_body(out, event);
}
