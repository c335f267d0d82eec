/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "gateway/access_format.h"
#include "gateway/socket_priv.h"

/* The access log of a WebSocket API's stage: a line for each thing that happens to a connection,
 * written when what is behind its route has answered, whether or not the client is still there. */

static struct text find(void *arg, struct text name)
{
    struct socket_call *call = arg;

    return context_value(call->socket->exchange, name, &call->arena);
}

/* What is known before it is asked. */
static struct access_entry begin_entry(struct socket *socket, enum socket_event event)
{
    struct access_entry entry = report_entry(socket->exchange, 0);

    entry.event_type = text_of(socket_event_type(event));
    entry.connection_id = text_of(socket->id);
    entry.connected_ms = socket->connected_ms;
    entry.error = TEXT_NONE;
    entry.integration_status = 0;
    entry.integration_us = -1;
    entry.integration_error = TEXT_NONE;
    entry.is_timeout = false;
    entry.received_bytes = 0;
    entry.bytes = 0;
    return entry;
}

void socket_report_begin(struct socket_call *call)
{
    struct socket *socket = call->socket;
    char time[32];

    if (!report_has_stage_log(call->gateway, call->stage))
        return;
    struct access_entry *entry = call->entry = arena_alloc(&call->arena, sizeof *entry);
    *entry = begin_entry(socket, call->event);
    clock_format_clf(call->now_ms, time);
    entry->time = arena_copy(&call->arena, text_of(time));
    entry->epoch_ms = call->now_ms;
    entry->route_key = call->route ? text_of(call->route->key) : TEXT_NONE;
    entry->request_id = text_of(call->request_id);
    entry->message_id = call->event == SOCKET_MESSAGE ? entry->request_id : TEXT_NONE;
    entry->received_bytes = (int64_t)call->message.len;
    entry->find = find;
    entry->arg = call;
    socket->exchange->is_stage_told |= call->event == SOCKET_CONNECT;
}

void socket_report_function(struct socket_call *call, const struct invocation *invocation)
{
    if (!call->entry)
        return;
    call->entry->function = arena_copy(&call->arena, text_of(invocation->version->name));
    call->entry->integration_id = arena_copy(&call->arena, text_of(invocation->request_id));
    call->entry->trace = arena_copy(&call->arena, text_of(invocation->trace));
}

void socket_report_keep(struct socket_call *call)
{
    if (call->entry)
        access_format_keep(call->stage->log_format, call->entry, &call->arena);
}

/* What the client of $connect is answered, and what it would be of the others. */
static int status_of(const struct socket_call *call)
{
    switch (call->outcome) {
    case SOCKET_OK:
        return call->answer.status;
    case SOCKET_ABSENT:
        return 500;
    case SOCKET_FAILED:
        return call->event == SOCKET_CONNECT ? 502 : 500;
    case SOCKET_THROTTLED:
        return 429;
    case SOCKET_TIMEOUT:
        return call->event == SOCKET_CONNECT ? 503 : 504;
    }
    return 500;
}

void socket_report_end(struct socket_call *call)
{
    struct access_entry *entry = call->entry;

    if (!entry)
        return;
    entry->us = loop_now_us(call->gateway->options.loop) - call->began_us;
    entry->status = status_of(call);
    if (call->outcome == SOCKET_OK) {
        entry->integration_status = call->answer.status;
        entry->bytes = call->route->is_two_way ? (int64_t)call->answer.body.len : 0;
    } else {
        entry->error = text_of(socket_error_message(call->outcome));
        entry->integration_error = text_of(call->reason);
        entry->is_timeout = call->outcome == SOCKET_TIMEOUT;
    }
    if (call->outcome != SOCKET_ABSENT && call->route->integration->kind != INTEGRATION_MOCK)
        entry->integration_us = entry->us;
    report_stage_line(call->gateway, call->stage, entry);
}

void socket_report_open(struct socket *socket)
{
    struct exchange *exchange = socket->exchange;
    const struct api_stage *stage = exchange->route.stage;

    if (exchange->is_stage_told || !report_has_stage_log(socket->gateway, stage))
        return;
    struct access_entry entry = begin_entry(socket, SOCKET_CONNECT);
    entry.us = loop_now_us(exchange->stream->loop) - exchange->stream->began_us;
    entry.status = 200;
    entry.route_key = TEXT("$connect");
    report_stage_line(socket->gateway, stage, &entry);
    exchange->is_stage_told = true;
}

void socket_report_gone(struct socket *socket)
{
    char request_id[SOCKET_ID_LEN + 1], time[32];
    int64_t now_ms = clock_now_ms();

    if (!report_has_stage_log(socket->gateway, socket->exchange->route.stage))
        return;
    socket_make_id(-1, request_id);
    clock_format_clf(now_ms, time);
    struct access_entry entry = begin_entry(socket, SOCKET_DISCONNECT);
    entry.request_id = text_of(request_id);
    entry.time = text_of(time);
    entry.epoch_ms = now_ms;
    entry.status = 200;
    entry.route_key = TEXT("$disconnect");
    report_stage_line(socket->gateway, socket->exchange->route.stage, &entry);
}

void socket_report_unrouted(struct socket *socket, const char *request_id, struct text message)
{
    struct exchange *exchange = socket->exchange;
    struct socket_call call = {
        .gateway = socket->gateway,
        .socket = socket,
        .stage = exchange->route.stage,
        .event = SOCKET_MESSAGE,
        .now_ms = socket->active_ms,
        .message = message,
    };

    memcpy(call.request_id, request_id, SOCKET_ID_LEN + 1);
    socket_report_begin(&call);
    if (call.entry) {
        call.entry->status = 403;
        call.entry->error = TEXT("Forbidden");
        report_stage_line(call.gateway, call.stage, call.entry);
    }
    arena_done(&call.arena);
}
