/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/socket_priv.h"

/* What happens to a connection, from its event to what becomes of the answer. */

void socket_send_error(struct socket *socket, const char *message, const char *request_id)
{
    scoped(buffer_done) struct buffer frame = {0};

    event_add_member(&frame, TEXT("{\"message\": "), text_of(message));
    event_add_member(&frame, TEXT(", \"connectionId\":"), text_of(socket->id));
    event_add_member(&frame, TEXT(", \"requestId\":"), text_of(request_id));
    buffer_add_char(&frame, '}');
    (void)socket_send(socket, buffer_text(&frame));
}

static struct socket_call *new_call(struct socket *socket, const struct api_route *route,
                                    enum socket_event event)
{
    struct socket_call *call = mem_new(struct socket_call);

    call->gateway = socket->gateway;
    call->socket = socket;
    call->api = http_api_ref(socket->exchange->route.api);
    call->stage = socket->exchange->route.stage;
    call->route = route;
    call->event = event;
    call->now_ms = clock_now_ms();
    call->began_us = loop_now_us(socket->gateway->options.loop);
    list_init(&call->link);
    return call;
}

static void free_call(struct socket_call *call)
{
    list_remove(&call->link);
    http_api_unref(call->api);
    arena_done(&call->arena);
    free(call);
}

/* --- messages --- */

/* What a text frame cannot hold is no answer. */
static void send_answer(struct socket_call *call)
{
    struct text body = call->answer.body;

    if (body.len > SOCKET_MESSAGE_MAX || !text_is_utf8(body))
        socket_send_error(call->socket, "Internal server error", call->request_id);
    else if (body.len > 0)
        (void)socket_send(call->socket, body);
}

const char *socket_error_message(enum socket_outcome outcome)
{
    return outcome == SOCKET_TIMEOUT ? "Endpoint request timed out" : "Internal server error";
}

static void tell_client(struct socket_call *call)
{
    if (call->outcome != SOCKET_OK)
        socket_send_error(call->socket, socket_error_message(call->outcome), call->request_id);
    else if (call->route->is_two_way)
        send_answer(call);
}

void socket_call(struct socket *socket, const struct api_route *route, struct text message)
{
    struct socket_call *call = new_call(socket, route, SOCKET_MESSAGE);

    socket_make_id(-1, call->request_id);
    call->message = message;
    socket_report_begin(call);
    list_push(&socket->calls, &call->link);
    socket->call_count++;
    socket_ask(call);
}

/* --- the beginning and the end of a connection --- */

bool socket_call_connect(struct socket *socket, const struct api_route *route)
{
    struct socket_call *call = new_call(socket, route, SOCKET_CONNECT);
    bool is_done = false;

    memcpy(call->request_id, socket->exchange->request_id, sizeof call->request_id);
    call->is_done = &is_done;
    socket_report_begin(call);
    list_push(&socket->calls, &call->link);
    socket_ask(call);
    if (!is_done)
        call->is_done = NULL;
    return !is_done;
}

void socket_call_disconnect(struct socket *socket, const struct api_route *route)
{
    struct socket_call *call = new_call(socket, route, SOCKET_DISCONNECT);

    socket_make_id(-1, call->request_id);
    socket_report_begin(call);
    list_push(&socket->calls, &call->link);
    socket_ask(call); /* its answer is nobody's: socket_forget_calls() follows */
}

/* --- their end --- */

void socket_call_end(struct socket_call *call)
{
    struct socket *socket = call->socket;

    if (call->is_done)
        *call->is_done = true;
    socket_report_end(call);
    if (socket && call->event == SOCKET_MESSAGE) {
        tell_client(call);
        list_remove(&call->link);
        socket_call_done(socket);
    } else if (socket && call->event == SOCKET_CONNECT) {
        list_remove(&call->link);
        socket_connected(socket, call);
    }
    free_call(call);
}

/* What was asked goes on. */
void socket_forget_calls(struct socket *socket)
{
    struct list *node;

    while ((node = list_pop(&socket->calls))) {
        struct socket_call *call = container_of(node, struct socket_call, link);
        socket_report_keep(call);
        call->socket = NULL;
        list_push(&call->gateway->unheard, &call->link);
    }
}

void socket_calls_done(struct gateway *gateway)
{
    struct list *node;

    while ((node = list_pop(&gateway->unheard))) {
        struct socket_call *call = container_of(node, struct socket_call, link);
        call->cancel(call);
        loop_timer_clear(&call->timeout);
        free_call(call);
    }
}
