/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/crypto.h"
#include "gateway/events.h"
#include "gateway/gateway_priv.h"
#include "gateway/socket_priv.h"
#include "guard/limit.h"
#include "guard/waf.h"

/*
 * One request from its head to its answer: the stages below, one after the other, each of which
 * lets it pass, answers it, or waits for something. Most requests go through all of them in
 * one or two turns of the loop; what can be refused is refused with the head; a body that came
 * in one piece is used where it stands.
 */

static enum stage_verdict (*const stages[])(struct exchange *exchange) = {
    stage_route,   /* function, API, route, guard */
    stage_address, /* and user agents */
    stage_docs,    /* answers descriptions */
    stage_cors,    /* answers preflights */
    stage_method,    stage_limit_head,   stage_caller, stage_hops,
    stage_authorize,                                 /* waits for keys, functions */
    stage_api_key,   stage_limit_caller, stage_body, /* waits until the body is complete */
    stage_waf,                                       /* waits for the firewall */
    stage_signed,    stage_signature,    stage_filter, stage_integration, /* waits for the answer */
};

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

const char *exchange_time(const struct exchange *exchange)
{
    return time_now(exchange->gateway, exchange->now_ms);
}

void exchange_integrated(struct exchange *exchange, int status, const char *error)
{
    exchange->integration_us = loop_now_us(exchange->stream->loop) - exchange->asked_us;
    exchange->integration_status = status;
    exchange->integration_error = error;
}

void exchange_timed_out(struct exchange *exchange)
{
    exchange->is_timeout = true;
    exchange_integrated(exchange, 0, "it took longer than its integration waits");
}

/* --- the stages --- */

static enum stage_verdict run(struct exchange *exchange)
{
    enum stage_verdict verdict = STAGE_PASS;

    while (verdict == STAGE_PASS) {
        assert(exchange->next_stage < COUNT_OF(stages));
        verdict = stages[exchange->next_stage++](exchange);
    }
    return verdict;
}

/* What was found with the head is found again if that was in another turn of the loop: the
 * function may have changed, or gone. */
static bool is_still_there(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    int64_t now_us = loop_now_us(exchange->stream->loop);

    if (exchange->route.api || exchange->found_us == now_us)
        return true;
    struct route *route = &exchange->route;
    route_find_url(&gateway->options, text_of(exchange->url_id), route);
    exchange->found_us = now_us;
    if (route->function &&
        (exchange->caller ? route_url(route)->auth == URL_AUTH_IAM : auth_is_public(route)))
        return true;
    reply_refuse(exchange, route->function ? REFUSE_FORBIDDEN : REFUSE_UNKNOWN);
    return false;
}

void exchange_continue(struct exchange *exchange)
{
    exchange->cancel = NULL;
    if (is_still_there(exchange))
        (void)run(exchange);
}

void exchange_keep_content(struct exchange *exchange)
{
    if (exchange->content.len == 0 || exchange->content.at == exchange->body.at)
        return;
    buffer_clear(&exchange->body);
    buffer_add_text(&exchange->body, exchange->content);
    exchange->content = buffer_text(&exchange->body);
}

static void on_request(struct http_stream *stream)
{
    const struct origin *origin = stream->context;
    struct gateway *gateway = origin->service;

    bool is_tunnel = text_is_set(stream->request.tunnel);
    if (!is_tunnel && gateway->options.buses && events_is_path(stream->request.path)) {
        events_begin(gateway, stream);
        return;
    }
    if (!is_tunnel && socket_manage_is_path(stream->request.path)) {
        socket_manage_begin(gateway, stream);
        return;
    }
    struct exchange *exchange = arena_zalloc(&stream->arena, sizeof *exchange);
    exchange->gateway = gateway;
    exchange->origin = origin;
    exchange->stream = stream;
    exchange->now_ms = loop_wall_ms(stream->loop);
    exchange->content_max = LIMIT_PAYLOAD;
    exchange->integration_us = -1;
    exchange->from.address = exchange->source_ip;
    exchange->from.port = stream->port ? stream->port : gateway->options.port;
    forwarded_read(&gateway->options.forwarding, stream, &exchange->from);
    stream->owner = exchange;
    stream->body_max = BODY_MAX;
    (void)run(exchange);
}

/* --- the body --- */

/* It may stand in memory that is the transport's until this returns. */
static void complete(struct exchange *exchange, struct text content)
{
    exchange->content = content;
    exchange->is_complete = true;
    if (!exchange->needs_body) {
        exchange_keep_content(exchange); /* an earlier stage still waits */
        return;
    }
    exchange->needs_body = false;
    if (is_still_there(exchange) && run(exchange) == STAGE_WAITS)
        exchange_keep_content(exchange);
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

    if ((int64_t)(exchange->body.len + chunk.len) > exchange->content_max)
        reply_refuse(exchange, REFUSE_TOO_LARGE);
    else if (exchange->body.len == 0 && (int64_t)chunk.len == stream->request.content_length)
        complete(exchange, chunk);
    else
        gather(exchange, chunk);
    return true;
}

static void on_end(struct http_stream *stream)
{
    struct exchange *exchange = stream->owner;

    if (!exchange->is_complete)
        complete(exchange, buffer_text(&exchange->body));
}

/* --- the answer --- */

static void on_writable(struct http_stream *stream)
{
    stream_writable(stream->owner);
}

static void on_refused(const struct http_stream *stream, const char *reason)
{
    const struct origin *origin = stream->context;
    struct gateway *gateway = origin->service;
    const struct http_request *request = &stream->request;
    char peer[INET6_ADDRSTRLEN];

    if (!gateway->log)
        return;
    forwarded_format(&stream->peer, peer);
    const struct access_entry entry = {
        .peer = text_of(peer),
        .time = text_of(time_now(gateway, loop_wall_ms(stream->loop))),
        .epoch_ms = loop_wall_ms(stream->loop),
        .method = request->method_text,
        .target = request->target,
        .refusal = text_of(reason),
        .status = stream->status,
        .bytes = stream->sent_bytes,
        .us = loop_now_us(stream->loop) - stream->began_us,
        .integration_us = -1,
    };
    access_log_add(gateway->log, &entry);
}

/* The invocation, if it still runs, goes on without a client. */
static void on_close(struct http_stream *stream, bool reset)
{
    struct exchange *exchange = stream->owner;

    if (exchange->cancel)
        exchange->cancel(exchange);
    loop_timer_clear(&exchange->timeout);
    report_exchange(exchange);
    if (exchange->invocation)
        exchange->invocation->owner = NULL;
    stream_done(exchange);
    if (exchange->is_going_out)
        invocation_free(exchange->invocation);
    waf_check_close(exchange->waf);
    waf_drop_answer(exchange);
    buffer_done(&exchange->body);
    crypto_hash_free(exchange->hash);
    limit_leave(exchange->place);
    delivery_settle(exchange, 0);
    http_api_unref(exchange->route.api);
    guarded_unref(exchange->guarded);
}

const struct http_app gateway_app = {
    .on_request = on_request,
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_close = on_close,
    .on_refused = on_refused,
    .takes_tunnels = true,
};
