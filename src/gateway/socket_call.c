/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "gateway/socket_priv.h"

/* An invocation for a message, and what becomes of its answer. */

struct socket_call {
    struct list link;
    struct socket *socket; /* NULL: the client is gone, or did not wait so long */
    struct loop_timer timeout;
    bool is_two_way; /* the answer is the client's */
    char request_id[SOCKET_ID_LEN + 1];
};

const struct version *socket_version(const struct exchange *exchange, const struct api_route *route)
{
    const struct api_integration *integration = route->integration;
    const struct route *at = &exchange->route;

    if (!integration || integration->kind != INTEGRATION_FUNCTION)
        return NULL;
    struct text arn =
        api_stage_request_arn(at->stage, text_of(route->key), TEXT_NONE, &exchange->stream->arena);
    return integration_version(&exchange->gateway->options, at->api, integration, arn);
}

void socket_send_error(struct socket *socket, const char *message, const char *request_id)
{
    scoped(buffer_done) struct buffer frame = {0};

    event_add_member(&frame, TEXT("{\"message\": "), text_of(message));
    event_add_member(&frame, TEXT(", \"connectionId\":"), text_of(socket->id));
    event_add_member(&frame, TEXT(", \"requestId\":"), text_of(request_id));
    buffer_add_char(&frame, '}');
    (void)socket_send(socket, buffer_text(&frame));
}

static void leave(struct socket_call *call)
{
    struct socket *socket = call->socket;

    loop_timer_clear(&call->timeout);
    list_remove(&call->link);
    call->socket = NULL;
    if (socket)
        socket_call_done(socket);
}

static void send_answer(struct socket *socket, struct invocation *invocation)
{
    struct gateway *gateway = socket->gateway;
    struct answer answer = {.fields = gateway->fields};

    if (answer_read_api(&invocation->response, &gateway->scratch, 2, &answer) &&
        answer.body.len > 0)
        (void)socket_send(socket, answer.body);
}

static void on_done(struct invocation *invocation)
{
    struct socket_call *call = invocation->owner;

    if (call->socket) {
        if (invocation->outcome != INVOCATION_OK)
            socket_send_error(call->socket, "Internal server error", call->request_id);
        else if (call->is_two_way)
            send_answer(call->socket, invocation);
        leave(call);
    }
    invocation_free(invocation);
    free(call);
}

static const struct invocation_sink message_sink = {.on_done = on_done};
static const struct invocation_sink unheard_sink = {.on_done = invocation_free};

/* The function goes on; its answer is nobody's. */
static void on_timeout(struct loop_timer *timer)
{
    struct socket_call *call = container_of(timer, struct socket_call, timeout);

    socket_send_error(call->socket, "Endpoint request timed out", call->request_id);
    leave(call);
}

static struct invocation *make_invocation(const struct socket *socket,
                                          const struct version *version,
                                          const struct invocation_sink *sink)
{
    struct invocation *invocation = invocation_new(version);

    invocation->sink = sink;
    invocation->kind = INVOKE_URL;
    invocation->hops = socket->exchange->hops;
    trace_make(TEXT_NONE, socket->exchange->hops, socket->connected_ms, invocation->trace);
    return invocation;
}

void socket_call(struct socket *socket, const struct api_route *route, struct text message)
{
    struct invoker *invoker = socket->gateway->options.invoker;
    const struct version *version = socket_version(socket->exchange, route);
    char request_id[SOCKET_ID_LEN + 1];

    socket_make_id(-1, request_id);
    if (!version) {
        socket_send_error(socket, "Internal server error", request_id);
        return;
    }
    struct socket_call *call = mem_new(struct socket_call);
    struct invocation *invocation = make_invocation(socket, version, &message_sink);
    memcpy(call->request_id, request_id, sizeof request_id);
    call->socket = socket;
    call->is_two_way = route->is_two_way;
    call->timeout.fire = on_timeout;
    loop_timer_set(socket->gateway->options.loop, &call->timeout, SOCKET_TIMEOUT_MS);
    list_push(&socket->calls, &call->link);
    socket->call_count++;
    socket_event_message(socket, route, request_id, message, &invocation->payload);
    invocation->owner = call;
    invoker->invoke(invoker, invocation);
}

void socket_call_disconnect(struct socket *socket, const struct api_route *route)
{
    struct invoker *invoker = socket->gateway->options.invoker;
    const struct version *version = socket_version(socket->exchange, route);
    char request_id[SOCKET_ID_LEN + 1];

    if (!version)
        return;
    struct invocation *invocation = make_invocation(socket, version, &unheard_sink);
    socket_make_id(-1, request_id);
    socket_event_disconnect(socket, request_id, &invocation->payload);
    invoker->invoke(invoker, invocation);
}

void socket_forget_calls(struct socket *socket)
{
    struct list *node;

    while ((node = list_pop(&socket->calls))) {
        struct socket_call *call = container_of(node, struct socket_call, link);
        loop_timer_clear(&call->timeout);
        call->socket = NULL;
    }
}
