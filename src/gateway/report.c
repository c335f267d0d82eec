/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"

/* What is told of a request that is over: a line of the access log, and its route's numbers. */

/* Of a function: the one it ran, or the one its URL leads to now. "" when there is none. */
static struct text function_name(const struct exchange *exchange)
{
    const struct invocation *invocation = exchange->invocation;

    if (invocation)
        return text_of(invocation->version->name);
    const struct function *function =
        *exchange->url_id
            ? directory_find_url(exchange->gateway->options.directory, text_of(exchange->url_id))
            : NULL;
    return function ? text_of(function->name) : TEXT("");
}

static struct text stage_name(const struct exchange *exchange)
{
    return exchange->route.stage ? text_of(exchange->route.stage->name) : TEXT_NONE;
}

static struct text api_id(const struct exchange *exchange)
{
    return exchange->route.api ? text_of(exchange->route.api->id) : TEXT_NONE;
}

static void add_line(const struct exchange *exchange, int64_t us)
{
    const struct http_stream *stream = exchange->stream;
    const struct http_request *request = &stream->request;
    const struct route *route = &exchange->route;
    const struct invocation *invocation = exchange->invocation;
    const struct access_entry entry = {
        .peer = text_of(exchange->source_ip),
        .user = exchange->caller ? exchange->caller->claim.access_key : TEXT_NONE,
        .principal = exchange->principal,
        .key_id = exchange->key_id,
        .account = text_of(exchange->gateway->options.account),
        .time = text_of(exchange_time(exchange)),
        .epoch_ms = exchange->now_ms,
        .protocol = request->http_1_0 ? TEXT("HTTP/1.0") : TEXT("HTTP/1.1"),
        .method = request->method_text,
        .target = request->target,
        .path = request->path,
        .domain = text_slice(request->host, 0, text_find(request->host, ':')),
        .referer = http_header(request, TEXT("referer")),
        .agent = http_header(request, TEXT("user-agent")),
        .api_id = api_id(exchange),
        .stage = stage_name(exchange),
        .route_key = route->matched ? text_of(route->matched->key) : TEXT_NONE,
        .function = invocation ? text_of(invocation->version->name) : TEXT_NONE,
        .trace = invocation ? text_of(invocation->trace) : TEXT_NONE,
        .request_id =
            text_of(invocation && !route->api ? invocation->request_id : exchange->request_id),
        .status = stream->status,
        .bytes = stream->sent_bytes,
        .us = us,
    };

    access_log_add(exchange->gateway->log, &entry);
}

static void count(const struct exchange *exchange, int64_t us)
{
    const struct http_stream *stream = exchange->stream;
    const struct route *route = &exchange->route;
    char path[sizeof "/functions/" + LIMIT_FUNCTION_NAME];
    struct text function = route->api ? TEXT("") : function_name(exchange);
    struct meter_entry entry = {
        .api = api_id(exchange),
        .stage = stage_name(exchange),
        .route = METER_NO_ROUTE,
        .client = text_of(exchange->source_ip),
        .status = stream->status,
        .received_bytes = stream->request.content_length > 0 ? stream->request.content_length : 0,
        .sent_bytes = stream->sent_bytes,
        .us = us,
    };

    if (route->matched)
        entry.route = text_of(route->matched->key);
    if (function.len > 0) {
        snprintf(path, sizeof path, "/functions/%.*s", TEXT_ARG(function));
        entry.route = text_of(path);
    }
    meter_add(exchange->gateway->options.meter, &entry, loop_now_us(stream->loop));
}

void report_exchange(const struct exchange *exchange)
{
    const struct http_stream *stream = exchange->stream;
    int64_t us = loop_now_us(stream->loop) - stream->began_us;

    if (us < 0)
        us = 0;
    if (exchange->gateway->log)
        add_line(exchange, us);
    if (exchange->gateway->options.meter)
        count(exchange, us);
}
