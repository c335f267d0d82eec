/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/socket_priv.h"
#include "http/uri.h"

/*
 * POST, GET and DELETE .../@connections/ID: from any shard to the one that has the
 * connection, and back. A request is one struct that outlives its stream while it travels.
 */

#define MARK TEXT("/@connections/")
#define MARK_ENCODED TEXT("/%40connections/")

struct manage {
    struct gateway *gateway;
    struct http_stream *stream; /* NULL: the client is gone */
    const struct origin *origin;
    struct caller *caller;
    struct http_api *api; /* counted */
    const struct api_stage *stage;
    enum http_method method;
    struct text id; /* in id_bytes */
    char id_bytes[SOCKET_ID_LEN];
    struct buffer body;
    int64_t now_ms;
    struct loop_message message;
    bool is_travelling;
    /* What the connection's shard says. */
    int status;
    int64_t connected_ms, active_ms;
    char source_ip[INET6_ADDRSTRLEN];
    struct buffer agent;
};

bool socket_manage_is_path(struct text path)
{
    /* Of each request: most have none of these letters. */
    return (text_contains(path, '@') && text_find_text(path, MARK) < path.len) ||
           (text_contains(path, '%') && text_find_text(path, MARK_ENCODED) < path.len);
}

/* --- answers --- */

static void answer(struct manage *manage, int status, struct text type, struct text body)
{
    struct http_field fields[3];
    size_t count = 0;
    char id[SOCKET_ID_LEN + 1];

    socket_make_id(-1, id);
    fields[count++] = (struct http_field){TEXT("x-amzn-RequestId"), text_of(id)};
    if (body.len > 0)
        fields[count++] = (struct http_field){TEXT("Content-Type"), TEXT("application/json")};
    if (type.len > 0)
        fields[count++] = (struct http_field){TEXT("x-amzn-ErrorType"), type};
    http_respond(manage->stream, status, fields, count, body);
}

/* False, for steps that end a request. */
static bool refuse(struct manage *manage, int status, const char *type, const char *message)
{
    scoped(buffer_done) struct buffer body = {0};

    event_add_member(&body, TEXT("{\"message\":"), text_of(message));
    buffer_add_char(&body, '}');
    answer(manage, status, text_of(type), buffer_text(&body));
    return false;
}

static void answer_info(struct manage *manage)
{
    scoped(buffer_done) struct buffer body = {0};
    char connected[32], active[32];

    clock_format_iso(manage->connected_ms, connected);
    clock_format_iso(manage->active_ms, active);
    event_add_member(&body, TEXT("{\"connectedAt\":"), text_of(connected));
    event_add_member(&body, TEXT(",\"identity\":{\"sourceIp\":"), text_of(manage->source_ip));
    event_add_member(&body, TEXT(",\"userAgent\":"), buffer_text(&manage->agent));
    event_add_member(&body, TEXT("},\"lastActiveAt\":"), text_of(active));
    buffer_add_char(&body, '}');
    answer(manage, 200, TEXT(""), buffer_text(&body));
}

static void answer_outcome(struct manage *manage)
{
    if (manage->status == 410)
        (void)refuse(manage, 410, "GoneException", "Gone");
    else if (manage->status == 429)
        (void)refuse(manage, 429, "LimitExceededException",
                     "The client does not take its messages as fast as they are sent.");
    else if (manage->method == METHOD_GET)
        answer_info(manage);
    else
        answer(manage, manage->status, TEXT(""), TEXT(""));
}

/* --- on the connection's shard --- */

static int act(struct manage *manage, struct socket *socket)
{
    const struct exchange *exchange = socket->exchange;
    struct text agent = http_header(&exchange->stream->request, TEXT("user-agent"));

    if (manage->method == METHOD_POST)
        return socket_send(socket, buffer_text(&manage->body)) ? 200 : 429;
    if (manage->method == METHOD_DELETE) {
        socket_close(socket, WEBSOCKET_NORMAL, TEXT("Connection Closed Normally"));
        return 204;
    }
    manage->connected_ms = socket->connected_ms;
    manage->active_ms = socket->active_ms;
    memcpy(manage->source_ip, exchange->source_ip, sizeof manage->source_ip);
    buffer_add_text(&manage->agent, agent);
    return 200;
}

/* --- life --- */

static void free_manage(struct manage *manage)
{
    http_api_unref(manage->api);
    buffer_done(&manage->body);
    buffer_done(&manage->agent);
    free(manage);
}

static void on_back(struct loop_message *message)
{
    struct manage *manage = container_of(message, struct manage, message);

    manage->is_travelling = false;
    if (manage->stream)
        answer_outcome(manage);
    else
        free_manage(manage);
}

static void on_arrival(struct loop_message *message)
{
    struct manage *manage = container_of(message, struct manage, message);
    const struct sockets *sockets = manage->gateway->options.sockets;
    struct gateway *there = sockets->shards[socket_id_shard(manage->id)].gateway;
    struct socket *socket = socket_find(there, manage->id, manage->api, manage->stage);

    manage->status = socket ? act(manage, socket) : 410;
    manage->message.run = on_back;
    loop_post(manage->gateway->options.loop, &manage->message);
}

/* --- the head --- */

/* By host or path like any request to the API; what follows its stage is the connection. */
static bool find_place(struct manage *manage)
{
    struct http_stream *stream = manage->stream;
    struct route route = {0};
    struct text id;

    int status = route_find(&manage->gateway->options, &stream->request, &stream->arena, &route);
    manage->api = route.api;
    manage->stage = route.stage;
    if (!route.api || !route.stage || route.api->protocol != API_WEBSOCKET ||
        !text_starts(route.stage_path, MARK))
        return refuse(manage, status == 400 ? 400 : 403, "ForbiddenException", "Forbidden");
    id = text_skip(route.stage_path, MARK.len);
    if (socket_id_shard(id) < 0)
        return refuse(manage, 400, "BadRequestException", "Invalid connectionId");
    memcpy(manage->id_bytes, id.at, id.len);
    manage->id = text_from(manage->id_bytes, id.len);
    return true;
}

static bool check_request(struct manage *manage)
{
    const struct http_request *request = &manage->stream->request;

    if (request->method != METHOD_POST && request->method != METHOD_GET &&
        request->method != METHOD_DELETE)
        return refuse(manage, 405, "MethodNotAllowedException",
                      "A connection is posted to, asked about or deleted.");
    if (request->content_length > SOCKET_MESSAGE_MAX)
        return refuse(manage, 413, "PayloadTooLargeException",
                      "A message has at most 131072 bytes.");
    return true;
}

static bool check_caller(struct manage *manage)
{
    struct sigv4_refusal refusal;

    manage->caller = auth_read(&manage->gateway->options, manage->stream, TEXT("execute-api"),
                               manage->now_ms, &refusal);
    return manage->caller || refuse(manage, 403, "ForbiddenException", refusal.message);
}

void socket_manage_begin(struct gateway *gateway, struct http_stream *stream)
{
    struct manage *manage = mem_new(struct manage);

    manage->gateway = gateway;
    manage->stream = stream;
    manage->origin = stream->context;
    manage->method = stream->request.method;
    manage->now_ms = clock_now_ms();
    stream->owner = manage;
    stream->app = &socket_manage_app;
    stream->body_max = SOCKET_MESSAGE_MAX;
    (void)(check_caller(manage) && find_place(manage) && check_request(manage));
}

/* --- the body --- */

static bool is_signed_right(struct manage *manage)
{
    struct sigv4_refusal refusal;

    return auth_verify_body(&manage->gateway->options, manage->stream, manage->caller,
                            buffer_text(&manage->body), &refusal) == 0 ||
           refuse(manage, 403, "ForbiddenException", refusal.message);
}

/* The account may, and the functions behind the API's routes. */
static bool may_manage(struct manage *manage)
{
    const struct caller *caller = manage->caller;

    if (caller->key.kind == KEY_ROOT)
        return true;
    for (size_t i = 0; i < manage->stage->integration_count; i++) {
        const struct api_integration *integration = &manage->stage->integrations[i];
        if (integration->kind == INTEGRATION_FUNCTION &&
            caller_is_function(caller, text_of(integration->function)))
            return true;
    }
    return refuse(manage, 403, "ForbiddenException",
                  "A function may manage the connections of APIs that it is an integration of.");
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    struct manage *manage = stream->owner;

    buffer_add_text(&manage->body, chunk);
    return true;
}

static void on_end(struct http_stream *stream)
{
    struct manage *manage = stream->owner;
    const struct sockets *sockets = manage->gateway->options.sockets;

    if (!is_signed_right(manage) || !may_manage(manage))
        return;
    int shard = socket_id_shard(manage->id);
    if (shard >= sockets->count) {
        (void)refuse(manage, 410, "GoneException", "Gone");
        return;
    }
    manage->is_travelling = true;
    manage->message.run = on_arrival;
    loop_post(sockets->shards[shard].loop, &manage->message);
}

static void on_close(struct http_stream *stream, bool reset)
{
    struct manage *manage = stream->owner;

    manage->stream = NULL;
    if (!manage->is_travelling)
        free_manage(manage);
}

const struct http_app socket_manage_app = {
    .on_request = NULL, /* handed over by the gateway's */
    .on_body = on_body,
    .on_end = on_end,
    .on_close = on_close,
};
