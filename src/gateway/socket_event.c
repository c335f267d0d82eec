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
static void add_context(const struct socket_call *call, struct buffer *out)
{
    const struct socket *socket = call->socket;
    const struct route *route = &socket->exchange->route;
    char time[32];

    clock_format_clf(call->now_ms, time);
    event_add_member(out, TEXT("\"requestContext\":{\"routeKey\":"), text_of(call->route->key));
    event_add_member(out, TEXT(",\"eventType\":"), text_of(socket_event_type(call->event)));
    event_add_member(out, TEXT(",\"extendedRequestId\":"), text_of(call->request_id));
    event_add_member(out, TEXT(",\"requestTime\":"), text_of(time));
    event_add_member(out, TEXT(",\"messageDirection\":\"IN\",\"stage\":"),
                     text_of(route->stage->name));
    buffer_add_format(out, ",\"connectedAt\":%lld,\"requestTimeEpoch\":%lld",
                      (long long)socket->connected_ms, (long long)call->now_ms);
    add_identity(socket, out);
    event_add_member(out, TEXT(",\"requestId\":"), text_of(call->request_id));
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

static void write_connect(const struct socket_call *call, struct buffer *out)
{
    const struct socket *socket = call->socket;
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
    add_context(call, out);
    buffer_add_char(out, '}');
    add_variables(socket, out);
    buffer_add_literal(out, ",\"isBase64Encoded\":false}");
}

static void write_message(const struct socket_call *call, struct buffer *out)
{
    buffer_add_char(out, '{');
    add_context(call, out);
    event_add_member(out, TEXT(",\"messageId\":"), text_of(call->request_id));
    buffer_add_char(out, '}');
    add_variables(call->socket, out);
    event_add_member(out, TEXT(",\"body\":"), call->message);
    buffer_add_literal(out, ",\"isBase64Encoded\":false}");
}

static void write_disconnect(const struct socket_call *call, struct buffer *out)
{
    const struct socket *socket = call->socket;
    struct text host = socket->exchange->stream->request.host;

    buffer_add_char(out, '{');
    event_add_member(out, TEXT("\"headers\":{\"Host\":"), host);
    buffer_add_literal(out, ",\"x-api-key\":\"\",\"X-Forwarded-For\":\"\",\"x-restapi\":\"\"}");
    event_add_member(out, TEXT(",\"multiValueHeaders\":{\"Host\":["), host);
    buffer_add_literal(out, "],\"x-api-key\":[\"\"],\"X-Forwarded-For\":[\"\"],"
                            "\"x-restapi\":[\"\"]},");
    add_context(call, out);
    buffer_add_format(out, ",\"disconnectStatusCode\":%d", socket->close_code);
    event_add_member(out, TEXT(",\"disconnectReason\":"), text_of(socket->close_reason));
    buffer_add_char(out, '}');
    add_variables(socket, out);
    buffer_add_literal(out, ",\"isBase64Encoded\":false}");
}

void socket_event_write(const struct socket_call *call, struct buffer *out)
{
    switch (call->event) {
    case SOCKET_CONNECT:
        write_connect(call, out);
        break;
    case SOCKET_MESSAGE:
        write_message(call, out);
        break;
    case SOCKET_DISCONNECT:
        write_disconnect(call, out);
        break;
    }
}
