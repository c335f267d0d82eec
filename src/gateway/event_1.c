/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scan.h"
#include "gateway/gateway_priv.h"

/*
 * Payload format 1.0, as HTTP APIs have it: header names as they came (in lower case here,
 * whatever the protocol), the last value of a header and the first of a query parameter where
 * one is wanted, and null for what is absent.
 */

static void add_name(struct buffer *out, bool *is_first, struct text name)
{
    buffer_add_char(out, *is_first ? '{' : ',');
    *is_first = false;
    buffer_add_json(out, name);
    buffer_add_char(out, ':');
}

static void end_object(struct buffer *out, bool is_empty)
{
    buffer_add_text(out, is_empty ? TEXT("null") : TEXT("}"));
}

/* --- headers --- */

#define OWN_HEADERS 8
/* What the gateway says itself. */
static size_t own_headers(const struct request_event *event, struct arena *arena,
                          struct http_field own[static OWN_HEADERS])
{
    const struct http_request *request = event->request;
    size_t count = 0;

    if (request->content_length != 0 || text_is_set(http_header(request, TEXT("content-length"))))
        own[count++] = (struct http_field){TEXT("content-length"),
                                           text_of(arena_format(arena, "%zu", event->body.len))};
    own[count++] = (struct http_field){TEXT("host"), request->host};
    own[count++] = (struct http_field){TEXT("x-forwarded-for"), event->forwarded_for};
    own[count++] = (struct http_field){TEXT("x-forwarded-port"),
                                       text_of(arena_format(arena, "%d", event->port))};
    own[count++] = (struct http_field){TEXT("x-forwarded-proto"),
                                       event->is_secure ? TEXT("https") : TEXT("http")};
    own[count++] = (struct http_field){TEXT("x-amzn-trace-id"), text_of(event->trace)};
    if (event->context)
        own[count++] = (struct http_field){TEXT("traceparent"), text_of(event->context->parent)};
    if (event->context && event->context->state.len > 0)
        own[count++] = (struct http_field){TEXT("tracestate"), event->context->state};
    return count;
}

static bool passes(const struct request_event *event, struct text connection, struct text name)
{
    return text_equal(name, TEXT("cookie")) ||
           (header_passes(name, false) && !header_is_listed(connection, name));
}

static struct text last_value(const struct http_request *request, size_t index)
{
    for (size_t i = request->field_count; i-- > index;)
        if (text_equal(request->fields[i].name, request->fields[index].name))
            return request->fields[i].value;
    return request->fields[index].value;
}

static void add_values(struct buffer *out, const struct http_request *request, size_t index)
{
    bool is_first = true;

    for (size_t i = index; i < request->field_count; i++) {
        if (!text_equal(request->fields[i].name, request->fields[index].name))
            continue;
        buffer_add_char(out, is_first ? '[' : ',');
        is_first = false;
        buffer_add_json(out, request->fields[i].value);
    }
    buffer_add_char(out, ']');
}

void event_add_headers_1(struct buffer *out, const struct request_event *event, bool all_values,
                         struct arena *arena)
{
    const struct http_request *request = event->request;
    struct text connection =
        http_field_join(request->fields, request->field_count, TEXT("connection"), arena);
    struct http_field own[OWN_HEADERS];
    size_t count = own_headers(event, arena, own);
    bool is_first = true;

    for (size_t i = 0; i < request->field_count; i++) {
        if (!passes(event, connection, request->fields[i].name) || event_came_before(request, i))
            continue;
        add_name(out, &is_first, request->fields[i].name);
        if (all_values)
            add_values(out, request, i);
        else
            buffer_add_json(out, last_value(request, i));
    }
    for (size_t i = 0; i < count; i++) {
        add_name(out, &is_first, own[i].name);
        if (all_values)
            buffer_add_char(out, '[');
        buffer_add_json(out, own[i].value);
        if (all_values)
            buffer_add_char(out, ']');
    }
    end_object(out, is_first);
}

/* --- query --- */

void event_add_query_1(struct buffer *out, const struct event_query *query, bool all_values)
{
    bool is_first = true;

    for (size_t i = 0; i < query->count; i++) {
        const struct event_parameter *parameter = &query->list[i];
        if (!parameter->is_first)
            continue;
        add_name(out, &is_first, parameter->name);
        if (!all_values) {
            buffer_add_json(out, parameter->value);
            continue;
        }
        for (const struct event_parameter *p = parameter; p; p = p->next_same) {
            buffer_add_char(out, p == parameter ? '[' : ',');
            buffer_add_json(out, p->value);
        }
        buffer_add_char(out, ']');
    }
    end_object(out, is_first);
}

/* --- context --- */

/* The path of the route; a function's URL has none. */
static struct text resource_of(const struct route *route)
{
    struct text path = text_skip(route->key, text_find(route->key, ' ') + 1);

    return path.len > 0 ? path : TEXT("$default");
}

/* Format 2.0's {"jwt": {...}}, {"lambda": {...}} without the word around it. */
struct text event_inner_authorizer(struct text authorizer)
{
    struct scan_value whole, name, value;

    if (authorizer.len == 0 || !scan_document(authorizer, NULL, NULL, &whole) ||
        whole.kind != SCAN_OBJECT)
        return TEXT_NONE;
    struct scan scan = scan_open(&whole);
    while (scan_member(&scan, &name, &value))
        if (scan_is(&name, TEXT("jwt")) || scan_is(&name, TEXT("lambda")))
            return value.text;
    return TEXT_NONE;
}

void event_add_signer(struct buffer *out, const struct caller *caller)
{
    event_add_member(out, TEXT(",\"accessKey\":"), caller->claim.access_key);
    event_add_member(out, TEXT(",\"accountId\":"), caller->account);
    event_add_member(out, TEXT(",\"caller\":"), caller->id);
    event_add_member(out, TEXT(",\"user\":"), caller->id);
    event_add_member(out, TEXT(",\"userArn\":"), caller->arn);
}

static void add_identity(struct buffer *out, const struct request_event *event)
{
    struct text agent = http_header(event->request, TEXT("user-agent"));

    buffer_add_literal(out, ",\"identity\":{");
    if (event->client) {
        event_add_certificate(out, event->client);
        buffer_add_char(out, ',');
    }
    buffer_add_literal(out, "\"cognitoAmr\":null,\"cognitoAuthenticationProvider\":null,"
                            "\"cognitoAuthenticationType\":null,\"cognitoIdentityId\":null,"
                            "\"cognitoIdentityPoolId\":null,\"principalOrgId\":null");
    if (event->caller)
        event_add_signer(out, event->caller);
    else
        buffer_add_literal(out, ",\"accessKey\":null,\"accountId\":null,\"caller\":null,"
                                "\"user\":null,\"userArn\":null");
    event_add_member(out, TEXT(",\"sourceIp\":"), event->source_ip);
    buffer_add_literal(out, ",\"userAgent\":");
    if (text_is_set(agent))
        buffer_add_json(out, agent);
    else
        buffer_add_literal(out, "null");
    buffer_add_char(out, '}');
}

static void add_context(struct buffer *out, const struct request_event *event)
{
    const struct route *route = event->route;
    struct text domain = event_domain(event->request->host);
    struct text authorizer = event_inner_authorizer(event->authorizer);

    event_add_member(out, TEXT(",\"requestContext\":{\"accountId\":"), event->account);
    event_add_member(out, TEXT(",\"apiId\":"),
                     text_of(route->api ? route->api->id : route_url(route)->id));
    if (authorizer.len > 0) {
        buffer_add_literal(out, ",\"authorizer\":");
        buffer_add_text(out, authorizer);
    }
    event_add_member(out, TEXT(",\"domainName\":"), domain);
    event_add_member(out, TEXT(",\"domainPrefix\":"),
                     text_slice(domain, 0, text_find(domain, '.')));
    event_add_member(out, TEXT(",\"extendedRequestId\":"), text_of(event->request_id));
    event_add_member(out, TEXT(",\"httpMethod\":"), event->request->method_text);
    add_identity(out, event);
    event_add_member(out, TEXT(",\"path\":"), route->path);
    event_add_member(out, TEXT(",\"protocol\":"),
                     event->request->http_1_0 ? TEXT("HTTP/1.0") : TEXT("HTTP/1.1"));
    event_add_member(out, TEXT(",\"requestId\":"), text_of(event->request_id));
    event_add_member(out, TEXT(",\"requestTime\":"), text_of(event->time));
    buffer_add_literal(out, ",\"requestTimeEpoch\":");
    buffer_add_int(out, event->now_ms);
    event_add_member(out, TEXT(",\"resourceId\":null,\"resourcePath\":"), resource_of(route));
    event_add_member(out, TEXT(",\"stage\":"),
                     route->stage ? text_of(route->stage->name) : TEXT("$default"));
    buffer_add_char(out, '}');
}

#define FRAME_BYTES 4096

void event_write_1(const struct request_event *event, struct arena *arena, struct buffer *out)
{
    const struct http_request *request = event->request;
    const struct route *route = event->route;
    struct event_query query = event_read_query(request->query, arena);

    (void)buffer_room(out, FRAME_BYTES + event->body.len);
    event_add_member(out, TEXT("{\"version\":\"1.0\",\"resource\":"), resource_of(route));
    event_add_member(out, TEXT(",\"path\":"), route->raw_path);
    event_add_member(out, TEXT(",\"httpMethod\":"), request->method_text);
    buffer_add_literal(out, ",\"headers\":");
    event_add_headers_1(out, event, /* all_values= */ false, arena);
    buffer_add_literal(out, ",\"multiValueHeaders\":");
    event_add_headers_1(out, event, /* all_values= */ true, arena);
    buffer_add_literal(out, ",\"queryStringParameters\":");
    event_add_query_1(out, &query, /* all_values= */ false);
    buffer_add_literal(out, ",\"multiValueQueryStringParameters\":");
    event_add_query_1(out, &query, /* all_values= */ true);
    add_context(out, event);
    buffer_add_literal(out, ",\"pathParameters\":");
    if (route->parameter_count > 0)
        event_add_parameters(out, route);
    else
        buffer_add_literal(out, "null");
    buffer_add_literal(out, ",\"stageVariables\":");
    if (route->stage && route->stage->variable_count > 0)
        event_add_variables(out, route->stage);
    else
        buffer_add_literal(out, "null");
    if (event->body.len == 0)
        buffer_add_literal(out, ",\"body\":null");
    event_add_body(out, event);
}
