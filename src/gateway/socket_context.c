/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "gateway/socket_priv.h"

/* $context of what happens to a connection, for mappings: its own variables, then those of the
 * request that it began with. */

static const char *const event_types[] = {
    [SOCKET_CONNECT] = "CONNECT",
    [SOCKET_MESSAGE] = "MESSAGE",
    [SOCKET_DISCONNECT] = "DISCONNECT",
};

const char *socket_event_type(enum socket_event event)
{
    return event_types[event];
}

static struct text time_of(const struct socket_call *call, struct arena *arena)
{
    char time[32];

    clock_format_clf(call->now_ms, time);
    return arena_copy(arena, text_of(time));
}

struct text socket_context_value(const struct socket_call *call, struct text name,
                                 struct arena *arena)
{
    const struct socket *socket = call->socket;

    if (text_equal(name, TEXT("connectedAt")))
        return text_of(arena_format(arena, "%lld", (long long)socket->connected_ms));
    if (text_equal(name, TEXT("connectionId")))
        return text_of(socket->id);
    if (text_equal(name, TEXT("eventType")))
        return text_of(socket_event_type(call->event));
    if (text_equal(name, TEXT("extendedRequestId")) || text_equal(name, TEXT("requestId")))
        return text_of(call->request_id);
    if (text_equal(name, TEXT("messageDirection")))
        return TEXT("IN");
    if (text_equal(name, TEXT("messageId")))
        return call->event == SOCKET_MESSAGE ? text_of(call->request_id) : TEXT_NONE;
    if (text_equal(name, TEXT("requestTime")))
        return time_of(call, arena);
    if (text_equal(name, TEXT("requestTimeEpoch")))
        return text_of(arena_format(arena, "%lld", (long long)call->now_ms));
    if (text_equal(name, TEXT("routeKey")))
        return text_of(call->route->key);
    return context_value(socket->exchange, name, arena);
}

struct text socket_context_find(void *arg, struct text name, struct arena *arena)
{
    const struct socket_call *call = arg;

    if (text_starts(name, TEXT("context.")))
        return socket_context_value(call, text_skip(name, 8), arena);
    if (text_starts(name, TEXT("stageVariables."))) {
        const char *value = api_stage_variable(call->stage, text_skip(name, 15));
        return value ? text_of(value) : TEXT_NONE;
    }
    return TEXT_NONE;
}
