/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/events.h"
#include "gateway/gateway_priv.h"

/*
 * One request from its head to its answer. What can be refused is refused with the head;
 * the event is written when the body is complete, at once from where it stands if it came
 * in one piece. Nothing is allocated but the invocation (from its free list) and, for
 * bodies in pieces, the place to gather them.
 */

/* The transport cuts bodies off beyond it, less politely than we do at the limit. */
#define BODY_MAX (LIMIT_PAYLOAD + (1 << 20))

static const char *time_now(struct gateway *gateway, int64_t now_ms)
{
    if (now_ms / 1000 != gateway->time_s) {
        gateway->time_s = now_ms / 1000;
        clock_format_clf(now_ms, gateway->time);
    }
    return gateway->time;
}

static char *put_number(char *at, unsigned number)
{
    if (number >= 100)
        *at++ = (char)('0' + number / 100);
    if (number >= 10)
        *at++ = (char)('0' + number / 10 % 10);
    *at++ = (char)('0' + number % 10);
    return at;
}

/* A socket that is not TCP is on this machine. */
static void format_peer(const struct sockaddr_storage *peer, char ret[static INET6_ADDRSTRLEN])
{
    uint8_t parts[4] = {127, 0, 0, 1};

    if (peer->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)peer)->sin6_addr, ret, INET6_ADDRSTRLEN);
        return;
    }
    if (peer->ss_family == AF_INET)
        memcpy(parts, &((const struct sockaddr_in *)peer)->sin_addr, sizeof parts);
    for (int i = 0; i < 4; i++) {
        ret = put_number(ret, parts[i]);
        *ret++ = i < 3 ? '.' : '\0';
    }
}

/* --- stages of the head: each answers and returns false, or lets the request on --- */

static bool find_function(struct exchange *exchange)
{
    struct http_stream *stream = exchange->stream;

    switch (route_find(&exchange->gateway->options, &stream->request, &stream->arena,
                       &exchange->route)) {
    case 0:
        break;
    case 400:
        reply_refuse(exchange, REFUSE_BAD_REQUEST);
        return false;
    case 404:
        reply_refuse(exchange, REFUSE_NOT_FOUND);
        return false;
    default:
        reply_refuse(exchange, REFUSE_UNKNOWN);
        return false;
    }
    memcpy(exchange->url_id, exchange->route.function->url.id, sizeof exchange->url_id);
    exchange->found_us = loop_now_us(stream->loop);
    return true;
}

static bool check_method(struct exchange *exchange)
{
    if (exchange->stream->request.method != METHOD_OTHER)
        return true;
    reply_refuse(exchange, REFUSE_METHOD);
    return false;
}

static bool apply_cors(struct exchange *exchange)
{
    const struct cors *cors = &exchange->route.function->url.cors;
    struct http_stream *stream = exchange->stream;

    if (!cors->is_set)
        return true;
    bool preflight = cors_is_preflight(&stream->request);
    exchange->has_cors = true;
    exchange->cors_count =
        cors_headers(cors, &stream->request, preflight, &stream->arena, exchange->cors);
    if (preflight)
        reply_preflight(exchange);
    return !preflight;
}

static bool check_caller(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    const struct function *function = exchange->route.function;
    struct sigv4_refusal refusal;

    if (function->url.auth == URL_AUTH_NONE) {
        bool is_public = auth_is_public(function);
        if (!is_public)
            reply_refuse(exchange, REFUSE_FORBIDDEN);
        return is_public;
    }
    exchange->caller =
        auth_read(&gateway->options, exchange->stream, TEXT("lambda"), exchange->now_ms, &refusal);
    if (exchange->caller)
        return true;
    reply_refuse_signature(exchange, &refusal);
    return false;
}

/* A call from within a function is one hop more; from outside nothing was before it. */
static bool check_hops(struct exchange *exchange)
{
    const struct http_request *request = &exchange->stream->request;
    bool is_inside = exchange->origin->inside ||
                     (exchange->caller && exchange->caller->key.kind == KEY_INSTANCE);

    if (is_inside)
        exchange->hops = trace_hops(http_header(request, TEXT("x-amzn-trace-id"))) + 1;
    if (exchange->hops < LIMIT_HOPS || exchange->route.function->may_recurse)
        return true;
    reply_refuse(exchange, REFUSE_RECURSION);
    return false;
}

static bool check_size(struct exchange *exchange)
{
    if (exchange->stream->request.content_length <= LIMIT_PAYLOAD)
        return true;
    reply_refuse(exchange, REFUSE_TOO_LARGE);
    return false;
}

static void on_request(struct http_stream *stream)
{
    const struct origin *origin = stream->context;
    struct gateway *gateway = origin->service;

    if (gateway->options.buses && events_is_path(stream->request.path)) {
        events_begin(gateway, stream);
        return;
    }
    struct exchange *exchange = arena_zalloc(&stream->arena, sizeof *exchange);
    exchange->gateway = gateway;
    exchange->origin = origin;
    exchange->stream = stream;
    exchange->now_ms = clock_now_ms();
    format_peer(&stream->peer, exchange->source_ip);
    stream->owner = exchange;
    stream->body_max = BODY_MAX;
    (void)(find_function(exchange) && apply_cors(exchange) && check_method(exchange) &&
           check_caller(exchange) && check_hops(exchange) && check_size(exchange));
}

/* --- when the body is complete --- */

/* What was found with the head is found again if the body took its time: the function may
 * have changed, or gone. */
static bool is_still_there(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;

    if (exchange->found_us == loop_now_us(exchange->stream->loop))
        return true;
    const struct function *function =
        directory_find_url(gateway->options.directory, text_of(exchange->url_id));
    exchange->route.function = function;
    if (function &&
        (exchange->caller ? function->url.auth == URL_AUTH_IAM : auth_is_public(function)))
        return true;
    reply_refuse(exchange, function ? REFUSE_FORBIDDEN : REFUSE_UNKNOWN);
    return false;
}

static struct text hash_body(struct exchange *exchange, struct text body, char hex[static 65])
{
    uint8_t hash[SHA256_LEN];

    if (exchange->hash)
        crypto_hash_end(exchange->hash, hash);
    else
        crypto_sha256(body, hash);
    crypto_hex(hash, sizeof hash, hex);
    return text_of(hex);
}

static bool is_signed_right(struct exchange *exchange, struct text body)
{
    struct gateway *gateway = exchange->gateway;
    struct sigv4_refusal refusal;
    char hex[2 * SHA256_LEN + 1];

    if (!exchange->caller)
        return true;
    struct text hash =
        auth_needs_hash(&exchange->stream->request) ? hash_body(exchange, body, hex) : TEXT_NONE;
    if (auth_verify(&gateway->options, exchange->stream, exchange->caller, hash, &refusal) < 0) {
        reply_refuse_signature(exchange, &refusal);
        return false;
    }
    if (caller_may_call(&gateway->options, exchange->origin, exchange->caller,
                        exchange->route.function))
        return true;
    reply_refuse(exchange, REFUSE_FORBIDDEN);
    return false;
}

static struct invocation *make_invocation(struct exchange *exchange, struct text body)
{
    struct http_stream *stream = exchange->stream;
    const struct function *function = exchange->route.function;
    struct invocation *invocation = invocation_new(function->latest);

    invocation->sink = function->url.mode == INVOKE_RESPONSE_STREAM ? &stream_sink : &exchange_sink;
    invocation->kind = INVOKE_URL;
    invocation->hops = exchange->hops;
    trace_make(http_header(&stream->request, TEXT("x-amzn-trace-id")), exchange->hops,
               exchange->now_ms, invocation->trace);
    const struct url_event event = {
        .request = &stream->request,
        .route = &exchange->route,
        .caller = exchange->caller,
        .source_ip = text_of(exchange->source_ip),
        .port = exchange->gateway->options.port,
        .request_id = invocation->request_id,
        .trace = invocation->trace,
        .time = time_now(exchange->gateway, exchange->now_ms),
        .now_ms = exchange->now_ms,
        .body = body,
    };
    event_write(&event, &stream->arena, &invocation->payload);
    return invocation;
}

/* The request is complete: it is refused, or becomes an invocation. */
static void submit(struct exchange *exchange, struct text body)
{
    struct invoker *invoker = exchange->gateway->options.invoker;

    if (!is_still_there(exchange) || !is_signed_right(exchange, body))
        return;
    struct invocation *invocation = make_invocation(exchange, body);
    if (invocation->payload.len > LIMIT_PAYLOAD) {
        invocation_free(invocation);
        reply_refuse(exchange, REFUSE_TOO_LARGE);
        return;
    }
    buffer_done(&exchange->body);
    invocation->owner = exchange;
    exchange->invocation = invocation;
    invoker->invoke(invoker, invocation);
}

static void gather(struct exchange *exchange, struct text chunk)
{
    if (exchange->caller && auth_needs_hash(&exchange->stream->request)) {
        if (!exchange->hash)
            exchange->hash = crypto_hash_new();
        crypto_hash_add(exchange->hash, chunk);
    }
    buffer_add_text(&exchange->body, chunk);
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    struct exchange *exchange = stream->owner;

    if (exchange->body.len == 0 && (int64_t)chunk.len == stream->request.content_length)
        submit(exchange, chunk);
    else if (exchange->body.len + chunk.len > LIMIT_PAYLOAD)
        reply_refuse(exchange, REFUSE_TOO_LARGE);
    else
        gather(exchange, chunk);
    return true;
}

static void on_end(struct http_stream *stream)
{
    struct exchange *exchange = stream->owner;

    if (!exchange->invocation)
        submit(exchange, buffer_text(&exchange->body));
}

/* --- the answer --- */

static void on_done(struct invocation *invocation)
{
    if (invocation->owner)
        reply_done(invocation->owner, invocation);
    invocation_free(invocation);
}

const struct invocation_sink exchange_sink = {.on_done = on_done};

static void on_writable(struct http_stream *stream)
{
    stream_writable(stream->owner);
}

static void log_access(const struct exchange *exchange)
{
    const struct http_stream *stream = exchange->stream;
    const struct http_request *request = &stream->request;
    const struct invocation *invocation = exchange->invocation;
    const struct access_entry entry = {
        .peer = text_of(exchange->source_ip),
        .user = exchange->caller ? exchange->caller->claim.access_key : TEXT_NONE,
        .time = text_of(time_now(exchange->gateway, exchange->now_ms)),
        .method = request->method_text,
        .target = request->target,
        .referer = http_header(request, TEXT("referer")),
        .agent = http_header(request, TEXT("user-agent")),
        .function = invocation ? text_of(invocation->version->name) : TEXT_NONE,
        .request_id = text_of(invocation ? invocation->request_id : exchange->request_id),
        .status = stream->status,
        .bytes = stream->sent_bytes,
        .us = loop_now_us(stream->loop) - stream->began_us,
    };

    access_log_add(exchange->gateway->log, &entry);
}

static void on_refused(const struct http_stream *stream, const char *reason)
{
    const struct origin *origin = stream->context;
    struct gateway *gateway = origin->service;
    const struct http_request *request = &stream->request;
    char peer[INET6_ADDRSTRLEN];

    if (!gateway->log)
        return;
    format_peer(&stream->peer, peer);
    const struct access_entry entry = {
        .peer = text_of(peer),
        .time = text_of(time_now(gateway, clock_now_ms())),
        .method = request->method_text,
        .target = request->target,
        .refusal = text_of(reason),
        .status = stream->status,
        .bytes = stream->sent_bytes,
        .us = loop_now_us(stream->loop) - stream->began_us,
    };
    access_log_add(gateway->log, &entry);
}

/* The invocation, if it still runs, goes on without a client. */
static void on_close(struct http_stream *stream, bool reset)
{
    struct exchange *exchange = stream->owner;

    if (exchange->gateway->log)
        log_access(exchange);
    if (exchange->invocation)
        exchange->invocation->owner = NULL;
    stream_done(exchange);
    buffer_done(&exchange->body);
    crypto_hash_free(exchange->hash);
}

const struct http_app gateway_app = {
    .on_request = on_request,
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_close,
    .on_refused = on_refused,
};
