/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "gateway/socket_priv.h"

#define ID_BYTES 11

const struct api_route socket_open_door = {.id = (char[]){""}, .key = (char[]){"$connect"}};

/* --- all of them --- */

struct sockets *sockets_new(int shard_count)
{
    struct sockets *sockets =
        mem_zalloc(sizeof *sockets + (size_t)shard_count * sizeof sockets->shards[0]);

    sockets->count = shard_count;
    return sockets;
}

void sockets_free(struct sockets *sockets)
{
    free(sockets);
}

/* In base64 some bytes become '+' or '/', which paths and people stumble over. */
void socket_make_id(int first, char ret[static SOCKET_ID_LEN + 1])
{
    scoped(buffer_done) struct buffer id = {0};
    uint8_t bytes[ID_BYTES];

    do {
        crypto_random(bytes, sizeof bytes);
        if (first >= 0) /* the low bits of the second hide it, so that ids look alike */
            bytes[0] = (uint8_t)(first ^ bytes[1]);
        buffer_clear(&id);
        crypto_base64(text_from(bytes, sizeof bytes), &id);
    } while (text_contains(buffer_text(&id), '+') || text_contains(buffer_text(&id), '/'));
    memcpy(ret, id.at, SOCKET_ID_LEN + 1);
}

int socket_id_shard(struct text id)
{
    scoped(buffer_done) struct buffer bytes = {0};

    if (id.len != SOCKET_ID_LEN || !crypto_unbase64(id, &bytes) || bytes.len != ID_BYTES)
        return -1;
    return (uint8_t)(bytes.at[0] ^ bytes.at[1]);
}

const struct api_route *socket_route(const struct api_stage *stage, struct text key)
{
    for (size_t i = 0; i < stage->route_count; i++)
        if (text_equal(text_of(stage->routes[i].key), key))
            return &stage->routes[i];
    return NULL;
}

struct socket *socket_find(struct gateway *gateway, struct text id, const struct http_api *api,
                           const struct api_stage *stage)
{
    struct socket *socket = map_find(&gateway->open_sockets, id);

    if (!socket || strcmp(socket->exchange->route.api->id, api->id) != 0 ||
        strcmp(socket->exchange->route.stage->name, stage->name) != 0)
        return NULL;
    return socket;
}

/* --- to the client --- */

static bool send_frame(struct socket *socket, enum websocket_opcode opcode, struct text payload)
{
    scoped(buffer_done) struct buffer frame = {0};

    if (socket->is_full)
        return false;
    websocket_write(&frame, opcode, payload);
    socket->is_full = !http_write(socket->exchange->stream, buffer_text(&frame));
    return true;
}

bool socket_send(struct socket *socket, struct text message)
{
    /* Clients have to fail a connection whose text is none (RFC 6455 8.1). */
    enum websocket_opcode opcode = text_is_utf8(message) ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;

    socket->active_ms = clock_now_ms();
    return send_frame(socket, opcode, message);
}

static void note_close(struct socket *socket, int code, struct text reason)
{
    if (socket->close_code)
        return;
    socket->close_code = code;
    struct text fitting = text_slice(reason, 0, WEBSOCKET_REASON_MAX);
    memcpy(socket->close_reason, fitting.at ? fitting.at : "", fitting.len);
}

void socket_close(struct socket *socket, int code, struct text reason)
{
    scoped(buffer_done) struct buffer frame = {0};
    struct http_stream *stream = socket->exchange->stream;

    note_close(socket, code, reason);
    websocket_write_close(&frame, code, reason);
    (void)http_write(stream, buffer_text(&frame));
    http_end(stream, NULL, 0);
}

/* --- from the client --- */

/* What the message selects: its route, "$default", or nothing. */
static const struct api_route *select_route(const struct socket *socket, struct text message)
{
    const struct route *at = &socket->exchange->route;
    struct text expression = text_of(at->api->route_selection);
    scoped(buffer_done) struct buffer key = {0};
    const struct api_route *route = NULL;

    /* Those with a "$" before them are not a message's to choose. */
    if (socket_select(expression, message, &key) && key.len > 0 && key.at[0] != '$')
        route = socket_route(at->stage, buffer_text(&key));
    return route ? route : socket_route(at->stage, TEXT("$default"));
}

static void take_message(struct socket *socket, struct text message)
{
    const struct api_route *route = select_route(socket, message);
    char request_id[SOCKET_ID_LEN + 1];

    socket->active_ms = clock_now_ms();
    if (route) {
        socket_call(socket, route, message);
        return;
    }
    socket_make_id(-1, request_id);
    socket_report_unrouted(socket, request_id, message);
    socket_send_error(socket, "Forbidden", request_id);
}

/* False: the socket is gone. */
static bool take_frame(struct socket *socket, const struct websocket_message *message)
{
    socket->active_us = loop_now_us(socket->gateway->options.loop);
    switch (message->opcode) {
    case WEBSOCKET_TEXT:
        take_message(socket, message->payload);
        return true;
    case WEBSOCKET_BINARY: /* API Gateway takes none */
        socket_close(socket, WEBSOCKET_UNSUPPORTED, TEXT("Binary frames are not supported"));
        return false;
    case WEBSOCKET_PING:
        (void)send_frame(socket, WEBSOCKET_PONG, message->payload);
        return true;
    case WEBSOCKET_CLOSE:
        socket_close(socket, message->code, message->payload);
        return false;
    case WEBSOCKET_PONG:
    case WEBSOCKET_CONTINUATION:
        break;
    }
    return true;
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    struct socket *socket = stream->owner;
    struct websocket_message message;
    enum websocket_result result;

    while ((result = websocket_next(&socket->reader, &chunk, &message)) == WEBSOCKET_GOT)
        if (!take_frame(socket, &message))
            return true;
    if (result == WEBSOCKET_BAD) {
        socket_close(socket, message.code, TEXT(""));
        return true;
    }
    socket->is_paused = socket->call_count >= SOCKET_CALLS_MAX;
    return !socket->is_paused;
}

void socket_call_done(struct socket *socket)
{
    socket->call_count--;
    if (!socket->is_paused || socket->call_count >= SOCKET_CALLS_MAX)
        return;
    socket->is_paused = false;
    http_resume(socket->exchange->stream);
}

/* --- its life --- */

static void arm(struct socket *socket)
{
    const struct gateway_options *options = &socket->gateway->options;
    int64_t now_us = loop_now_us(options->loop);
    int64_t idle_left = options->socket_idle_ms - (now_us - socket->active_us) / 1000;
    int64_t life_left = SOCKET_LIFE_MS - (clock_now_ms() - socket->connected_ms);
    int64_t left = idle_left < life_left ? idle_left : life_left;

    loop_timer_set(options->loop, &socket->timer, left > 0 ? left : 0);
}

static void on_timer(struct loop_timer *timer)
{
    struct socket *socket = container_of(timer, struct socket, timer);
    int64_t now_us = loop_now_us(socket->gateway->options.loop);
    bool is_idle = now_us - socket->active_us >= socket->gateway->options.socket_idle_ms * 1000;

    if (is_idle || clock_now_ms() - socket->connected_ms >= SOCKET_LIFE_MS)
        socket_close(socket, WEBSOCKET_GOING_AWAY, TEXT("Going away"));
    else
        arm(socket);
}

static void on_end(struct http_stream *stream)
{
}

static void on_writable(struct http_stream *stream)
{
    struct socket *socket = stream->owner;

    socket->is_full = false;
}

static void on_drain(struct http_stream *stream)
{
    socket_close(stream->owner, WEBSOCKET_GOING_AWAY, TEXT("Going away"));
}

static void on_close(struct http_stream *stream, bool reset)
{
    struct socket *socket = stream->owner;
    struct gateway *gateway = socket->gateway;
    const struct api_route *route =
        socket_route(socket->exchange->route.stage, TEXT("$disconnect"));

    (void)map_remove(&gateway->open_sockets, text_of(socket->id));
    loop_timer_clear(&socket->timer);
    note_close(socket, WEBSOCKET_ABNORMAL, TEXT(""));
    if (route)
        socket_call_disconnect(socket, route);
    else
        socket_report_gone(socket);
    socket_forget_calls(socket);
    websocket_reader_done(&socket->reader);
    stream->owner = socket->exchange;
    gateway_app.on_close(stream, reset);
}

static const struct http_app socket_app = {
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_close,
    .on_drain = on_drain,
};

/* --- the handshake --- */

static struct text subprotocol(const struct answer *answer)
{
    for (size_t i = 0; answer && i < answer->count; i++)
        if (text_equal_nocase(answer->fields[i].name, TEXT("sec-websocket-protocol")))
            return answer->fields[i].value;
    return TEXT_NONE;
}

static void open_socket(struct socket *socket, const struct answer *answer)
{
    struct http_stream *stream = socket->exchange->stream;
    struct text accept = text_of(socket->accept), protocol = subprotocol(answer);
    struct http_field fields[2];
    size_t count = 0;

    if (accept.len > 0)
        fields[count++] = (struct http_field){TEXT("Sec-WebSocket-Accept"), accept};
    if (protocol.len > 0)
        fields[count++] = (struct http_field){TEXT("Sec-WebSocket-Protocol"), protocol};
    stream->app = &socket_app;
    stream->owner = socket;
    socket->reader =
        (struct websocket_reader){.frame_max = SOCKET_FRAME_MAX, .message_max = SOCKET_MESSAGE_MAX};
    socket->active_us = loop_now_us(stream->loop);
    socket->active_ms = clock_now_ms();
    socket->timer.fire = on_timer;
    map_put(&socket->gateway->open_sockets, text_of(socket->id), socket);
    arm(socket);
    socket_report_open(socket);
    http_switch(stream, TEXT("websocket"), fields, count);
}

void socket_connected(struct socket *socket, struct socket_call *call)
{
    struct exchange *exchange = socket->exchange;
    struct answer *answer = &call->answer;

    exchange->cancel = NULL;
    exchange_integrated(exchange, call->outcome == SOCKET_OK ? answer->status : 0, call->reason);
    switch (call->outcome) {
    case SOCKET_OK:
        if (answer->status / 100 == 2)
            open_socket(socket, answer);
        else
            reply_complete(exchange, answer, TEXT("application/json"));
        break;
    case SOCKET_THROTTLED:
        reply_refuse(exchange, REFUSE_TOO_MANY);
        break;
    case SOCKET_ABSENT:
        reply_refuse(exchange, REFUSE_FAILED);
        break;
    case SOCKET_FAILED:
        reply_refuse(exchange, REFUSE_BAD_GATEWAY);
        break;
    case SOCKET_TIMEOUT:
        exchange_timed_out(exchange);
        reply_refuse(exchange, REFUSE_UNAVAILABLE);
        break;
    }
}

/* The client did not wait for "$connect". */
static void leave(struct exchange *exchange)
{
    socket_forget_calls(exchange->socket);
}

static enum stage_verdict call_connect(struct socket *socket, const struct api_route *route)
{
    socket->exchange->cancel = leave;
    return socket_call_connect(socket, route) ? STAGE_WAITS : STAGE_ANSWERED;
}

static enum stage_verdict refuse(struct exchange *exchange, enum refusal refusal)
{
    reply_refuse(exchange, refusal);
    return STAGE_ANSWERED;
}

enum stage_verdict socket_connect(struct exchange *exchange)
{
    const struct api_route *route = exchange->route.matched;
    const struct http_request *request = &exchange->stream->request;
    struct socket *socket = arena_zalloc(&exchange->stream->arena, sizeof *socket);
    int status = websocket_is_upgrade(request) ? websocket_check(request, socket->accept) : 426;

    if (status == 426) {
        reply_refuse_with(exchange, REFUSE_UPGRADE, TEXT("Sec-WebSocket-Version"), TEXT("13"));
        return STAGE_ANSWERED;
    }
    if (status != 0)
        return refuse(exchange, REFUSE_BAD_REQUEST);
    socket->gateway = exchange->gateway;
    socket->exchange = exchange;
    socket->connected_ms = exchange->now_ms;
    exchange->socket = socket;
    list_init(&socket->calls);
    socket_make_id(exchange->gateway->options.shard, socket->id);
    if (!route->integration) {
        open_socket(socket, NULL);
        return STAGE_WAITS;
    }
    return call_connect(socket, route);
}
