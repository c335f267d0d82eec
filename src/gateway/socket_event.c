/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "gateway/socket_priv.h"

/* The events of a WebSocket API, as API Gateway writes them. */

static void add_identity(const struct socket *socket, struct buffer *out)
{
    struct text agent = http_header(&socket->exchange->stream->request, TEXT("user-agent"));

    event_add_member(out, TEXT(",\"identity\":{\"sourceIp\":"),
                     text_of(socket->exchange->source_ip));
    if (text_is_set(agent))
        event_add_member(out, TEXT(",\"userAgent\":"), agent);
    if (socket->exchange->caller)
        event_add_signer(out, socket->exchange->caller);
    buffer_add_char(out, '}');
}

/* What every event's context has; its end is the caller's. */
static void add_context(const struct socket *socket, const char *route_key, const char *type,
                        const char *request_id, struct buffer *out)
{
    const struct route *route = &socket->exchange->route;
    int64_t now_ms = clock_now_ms();
    char time[32];

    clock_format_clf(now_ms, time);
    event_add_member(out, TEXT("\"requestContext\":{\"routeKey\":"), text_of(route_key));
    event_add_member(out, TEXT(",\"eventType\":"), text_of(type));
    event_add_member(out, TEXT(",\"extendedRequestId\":"), text_of(request_id));
    event_add_member(out, TEXT(",\"requestTime\":"), text_of(time));
    event_add_member(out, TEXT(",\"messageDirection\":\"IN\",\"stage\":"),
                     text_of(route->stage->name));
    buffer_add_format(out, ",\"connectedAt\":%lld,\"requestTimeEpoch\":%lld",
                      (long long)socket->connected_ms, (long long)now_ms);
    add_identity(socket, out);
    event_add_member(out, TEXT(",\"requestId\":"), text_of(request_id));
    event_add_member(out, TEXT(",\"domainName\":"),
                     event_domain(socket->exchange->stream->request.host));
    event_add_member(out, TEXT(",\"connectionId\":"), text_of(socket->id));
    event_add_member(out, TEXT(",\"apiId\":"), text_of(route->api->id));
    if (socket->exchange->authorizer.len > 0) {
        buffer_add_literal(out, ",\"authorizer\":");
        buffer_add_text(out, event_inner_authorizer(socket->exchange->authorizer));
    }
}

static void add_variables(const struct socket *socket, struct buffer *out)
{
    const struct api_stage *stage = socket->exchange->route.stage;

    if (stage->variable_count == 0)
        return;
    buffer_add_literal(out, ",\"stageVariables\":");
    event_add_variables(out, stage);
}

void socket_event_connect(const struct socket *socket, struct buffer *out)
{
    struct exchange *exchange = socket->exchange;
    struct arena *arena = &exchange->stream->arena;
    const struct request_event event = {
        .request = &exchange->stream->request,
        .route = &exchange->route,
        .source_ip = text_of(exchange->source_ip),
        .forwarded_for = exchange->from.chain,
        .port = exchange->from.port,
        .is_secure = exchange->from.is_secure,
        .trace = "",
    };
    struct event_query query = event_read_query(event.request->query, arena);

    buffer_add_literal(out, "{\"headers\":");
    event_add_headers_1(out, &event, /* all_values= */ false, arena);
    buffer_add_literal(out, ",\"multiValueHeaders\":");
    event_add_headers_1(out, &event, /* all_values= */ true, arena);
    if (query.count > 0) {
        buffer_add_literal(out, ",\"queryStringParameters\":");
        event_add_query_1(out, &query, /* all_values= */ false);
        buffer_add_literal(out, ",\"multiValueQueryStringParameters\":");
        event_add_query_1(out, &query, /* all_values= */ true);
    }
    buffer_add_char(out, ',');
    add_context(socket, "$connect", "CONNECT", exchange->request_id, out);
    buffer_add_char(out, '}');
    add_variables(socket, out);
    buffer_add_literal(out, ",\"isBase64Encoded\":false}");
}

void socket_event_message(const struct socket *socket, const struct api_route *route,
                          const char *request_id, struct text message, struct buffer *out)
{
    buffer_add_char(out, '{');
    add_context(socket, route->key, "MESSAGE", request_id, out);
    event_add_member(out, TEXT(",\"messageId\":"), text_of(request_id));
    buffer_add_char(out, '}');
    add_variables(socket, out);
    event_add_member(out, TEXT(",\"body\":"), message);
    buffer_add_literal(out, ",\"isBase64Encoded\":false}");
}

void socket_event_disconnect(const struct socket *socket, const char *request_id,
                             struct buffer *out)
{
    struct text host = socket->exchange->stream->request.host;

    buffer_add_char(out, '{');
    event_add_member(out, TEXT("\"headers\":{\"Host\":"), host);
    buffer_add_literal(out, ",\"x-api-key\":\"\",\"X-Forwarded-For\":\"\",\"x-restapi\":\"\"}");
    event_add_member(out, TEXT(",\"multiValueHeaders\":{\"Host\":["), host);
    buffer_add_literal(out, "],\"x-api-key\":[\"\"],\"X-Forwarded-For\":[\"\"],"
                            "\"x-restapi\":[\"\"]},");
    add_context(socket, "$disconnect", "DISCONNECT", request_id, out);
    buffer_add_format(out, ",\"disconnectStatusCode\":%d", socket->close_code);
    event_add_member(out, TEXT(",\"disconnectReason\":"), text_of(socket->close_reason));
    buffer_add_char(out, '}');
    add_variables(socket, out);
    buffer_add_literal(out, ",\"isBase64Encoded\":false}");
}
