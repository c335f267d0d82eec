/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/mem.h"
#include "gateway/gateway_priv.h"
#include "guard/guard.h"
#include "guard/limits.h"
#include "http/uri.h"

/*
 * HTTP_PROXY: the request goes on to a URL, and what comes back is the answer. Both are gathered
 * as a whole, as API Gateway does: mappings and filters may need all of an answer, and one that
 * fails half-way can still become an error.
 */

#define WARN_EVERY_US (60 * 1000000ll) /* of addresses that were refused */

struct relay {
    struct exchange *exchange;
    struct client_call call;
};

/* --- the URL --- */

static struct text parameter(const struct route *route, struct text name)
{
    for (size_t i = 0; i < route->parameter_count; i++)
        if (text_equal(route->names[i], name))
            return route->values[i];
    return TEXT_NONE;
}

/* A parameter of the rest of a path keeps its slashes; what is no parameter of the route is
 * nothing. */
static void add_parameter(const void *arg, struct text name, struct buffer *url)
{
    const struct route *route = arg;
    scoped(free) char *greedy = mem_format("{%.*s+}", TEXT_ARG(name));
    bool keeps_slashes = text_ends(route->matched->path, text_of(greedy));

    uri_encode(url, parameter(route, name), keeps_slashes);
}

void relay_fill(struct text pattern, relay_fill_f *fill, const void *arg, struct buffer *url)
{
    while (pattern.len > 0) {
        size_t open = text_find(pattern, '{');
        size_t close = open + text_find(text_skip(pattern, open), '}');
        buffer_add_text(url, text_slice(pattern, 0, open));
        if (close < pattern.len)
            fill(arg, text_slice(pattern, open + 1, close), url);
        pattern = text_skip(pattern, close + 1);
    }
}

static void add_filled(const struct route *route, struct text pattern, struct buffer *url)
{
    relay_fill(pattern, add_parameter, route, url);
}

/* A mapped path may be encoded already, and what must not stand in one is. */
static void add_path(struct text path, struct buffer *url)
{
    for (size_t i = 0; i < path.len; i++) {
        if (memchr("!$&'()*+,;=:@%", path.at[i], 14))
            buffer_add_char(url, path.at[i]);
        else
            uri_encode(url, text_slice(path, i, i + 1), /* keep_slash= */ true);
    }
}

/* Where the path of "http://host:port/path" begins. */
static size_t authority_end(struct text url)
{
    size_t at = text_find_text(url, TEXT("://")) + 3;

    while (at < url.len && !strchr("/?#", url.at[at]))
        at++;
    return at < url.len ? at : url.len;
}

/* path: mapped, or none. query: of the request, behind the URL's own. */
static const char *make_url(const struct exchange *exchange, struct text path, struct text query)
{
    const struct route *route = &exchange->route;
    struct text pattern = text_of(route->matched->integration->uri);
    scoped(buffer_done) struct buffer url = {0};
    size_t end = authority_end(pattern);

    if (text_is_set(path)) {
        add_filled(route, text_slice(pattern, 0, end), &url);
        add_path(path, &url);
        pattern = text_skip(pattern, text_find(pattern, '?'));
    } else if (end == pattern.len || pattern.at[end] != '/') {
        add_filled(route, text_slice(pattern, 0, end), &url);
        buffer_add_char(&url, '/');
        pattern = text_skip(pattern, end);
    }
    add_filled(route, text_slice(pattern, 0, text_find(pattern, '#')), &url);
    if (query.len > 0) {
        buffer_add_char(&url, text_contains(buffer_text(&url), '?') ? '&' : '?');
        buffer_add_text(&url, query);
    }
    return arena_string(&exchange->stream->arena, buffer_text(&url));
}

/* --- the head --- */

/* RFC 7239: by what address, for whom, what they asked for. */
void relay_add_forwarded(const struct exchange *exchange, struct client_call *call,
                         struct arena *arena)
{
    const struct http_stream *stream = exchange->stream;
    bool is_v6 = text_contains(text_of(exchange->source_ip), ':');

    client_append_header(call, TEXT("Forwarded"),
                         text_of(arena_format(arena, "by=_evoke;for=%s%s%s;host=\"%.*s\";proto=%s",
                                              is_v6 ? "\"[" : "", exchange->source_ip,
                                              is_v6 ? "]\"" : "", TEXT_ARG(stream->request.host),
                                              exchange->from.is_secure ? "https" : "http")));
    client_append_header(call, TEXT("Via"), TEXT("HTTP/1.1 AmazonAPIGateway"));
}

static void add_trace(const struct exchange *exchange, struct client_call *call)
{
    struct http_stream *stream = exchange->stream;
    struct trace_context context;
    char trace[TRACE_BYTES];

    trace_begin(&stream->request, exchange->hops, exchange->now_ms, &stream->arena, trace,
                &context);
    client_append_header(call, TEXT("X-Amzn-Trace-Id"), text_of(trace));
    client_append_header(call, TEXT("traceparent"), text_of(context.parent));
    if (context.state.len > 0)
        client_append_header(call, TEXT("tracestate"), context.state);
}

void relay_add_fields(const struct exchange *exchange, const struct http_request *request,
                      struct client_call *call)
{
    const struct http_request *asked = &exchange->stream->request;
    struct arena *arena = &exchange->stream->arena;
    struct text connection =
        http_field_join(asked->fields, asked->field_count, TEXT("connection"), arena);
    struct text cookies = event_cookies(request, arena);

    for (size_t i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];
        if (header_passes(field->name, exchange->caller) &&
            !header_is_listed(connection, field->name))
            client_append_header(call, field->name, field->value);
    }
    if (text_is_set(cookies))
        client_append_header(call, TEXT("Cookie"), cookies);
}

/* --- the answer --- */

static bool is_of_connection(struct text name, struct text connection)
{
    static const struct text names[] = {
        TEXT("connection"),        TEXT("keep-alive"), TEXT("proxy-authenticate"),
        TEXT("proxy-connection"),  TEXT("te"),         TEXT("trailer"),
        TEXT("transfer-encoding"), TEXT("upgrade"),    TEXT("content-length"),
        TEXT("apigw-requestid"),
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (text_equal_nocase(name, names[i]))
            return true;
    return header_is_listed(connection, name);
}

bool relay_read_answer(const struct client_call *call, struct gateway *gateway, struct arena *arena,
                       struct answer *answer)
{
    size_t count;
    struct http_field *fields = client_read_fields(call, arena, &count);
    struct text connection = http_field_join(fields, count, TEXT("connection"), arena);

    *answer = (struct answer){
        .status = call->status,
        .fields = gateway->fields,
        .body = buffer_text(&call->answer),
        .head_length = -1,
    };
    for (size_t i = 0; i < count; i++) {
        if (text_equal_nocase(fields[i].name, TEXT("content-length")))
            (void)text_to_int(fields[i].value, 0, INT64_MAX, &answer->head_length);
        if (is_of_connection(fields[i].name, connection))
            continue;
        if (answer->count == ANSWER_FIELDS_MAX)
            return false;
        answer->fields[answer->count++] = fields[i];
    }
    return call->status >= 200 && call->status <= 599 && !call->is_cut;
}

/* Who runs the daemon wants to know why; the client is told what AWS tells. */
void relay_warn_refused(struct gateway *gateway, const char *api_id, const char *uri)
{
    int64_t now_us = loop_now_us(gateway->options.loop);

    if (gateway->warned_us && now_us - gateway->warned_us < WARN_EVERY_US)
        return;
    gateway->warned_us = now_us;
    log_warn("an integration may not call its address: see the setting upstream-networks",
             LOG_TEXT("api", api_id), LOG_TEXT("uri", uri));
}

static void fail(struct exchange *exchange, const struct client_call *call)
{
    if (call->failure == CLIENT_TIMEOUT)
        exchange_timed_out(exchange);
    else
        exchange_integrated(exchange, 0,
                            arena_string(&exchange->stream->arena, text_of(call->reason)));
    if (call->failure == CLIENT_REFUSED)
        relay_warn_refused(exchange->gateway, exchange->route.api->id,
                           exchange->route.matched->integration->uri);
    reply_refuse(exchange, REFUSE_UNAVAILABLE);
}

static void cancel(struct exchange *exchange)
{
    struct client_call *call = &exchange->relay->call;

    client_cancel(call);
    buffer_done(&call->answer);
    buffer_done(&call->head);
}

static void pass_on(struct exchange *exchange, const struct client_call *call)
{
    struct answer answer;

    if (relay_read_answer(call, exchange->gateway, &exchange->stream->arena, &answer)) {
        exchange_integrated(exchange, call->status, NULL);
        reply_relayed(exchange, &answer);
        return;
    }
    exchange_integrated(exchange, call->status, "the answer is too large, or cannot be passed on");
    reply_refuse(exchange, REFUSE_FAILED);
}

/* The exchange, and the call with it, may be gone once it is answered. */
static void on_done(struct client_call *call)
{
    struct exchange *exchange = container_of(call, struct relay, call)->exchange;
    scoped(buffer_done) struct buffer body = buffer_take(&call->answer);
    scoped(buffer_done) struct buffer head = buffer_take(&call->head);
    struct client_call done = *call;

    done.answer = body;
    done.head = head;
    exchange->cancel = NULL;
    if (done.failure != CLIENT_OK)
        fail(exchange, &done);
    else
        pass_on(exchange, &done);
}

/* --- the request --- */

/* The integration's, or the shorter one of the route's limits. */
int64_t exchange_timeout_ms(const struct exchange *exchange)
{
    const struct route *route = &exchange->route;
    const struct guard *guard = route->guard;
    int64_t limit_ms = guard && guard->limits ? guard->limits->time_ms : 0;
    int64_t own_ms = route->api ? route->matched->integration->timeout_ms : 0;

    return own_ms == 0 || (limit_ms && limit_ms < own_ms) ? limit_ms : own_ms;
}

static const char *make_method(const struct exchange *exchange)
{
    const char *method = exchange->route.matched->integration->method;

    return text_equal(text_of(method), TEXT("ANY"))
               ? arena_string(&exchange->stream->arena, exchange->stream->request.method_text)
               : method;
}

/* A mapped path may be made of what the client sent, in a query or in a path that was decoded.
 * What cannot be decoded as a whole may still be by a server, as far as it can. */
static bool leads_up(struct text path, struct arena *arena)
{
    struct text decoded;

    return !uri_decode(arena, path, false, &decoded) || route_has_dots(decoded);
}

enum stage_verdict integration_http(struct exchange *exchange)
{
    struct relay *relay = arena_zalloc(&exchange->stream->arena, sizeof *relay);
    struct http_request request = exchange->stream->request;
    struct route mapped = exchange->route;
    struct text path = context_map_request(exchange, &request, &mapped);

    if (text_is_set(path) && leads_up(path, &exchange->stream->arena)) {
        reply_refuse(exchange, REFUSE_BAD_REQUEST);
        return STAGE_ANSWERED;
    }
    exchange_keep_content(exchange);
    exchange->relay = relay;
    relay->exchange = exchange;
    relay->call = (struct client_call){
        .done = on_done,
        .method = make_method(exchange),
        .url = make_url(exchange, path, request.query),
        .body = exchange->content,
        .timeout_ms = exchange_timeout_ms(exchange),
        .answer_max = RELAY_ANSWER_MAX,
        .is_relayed = true,
        .server_name = exchange->route.matched->integration->server_name,
    };
    if (request.host.at != exchange->stream->request.host.at)
        client_append_header(&relay->call, TEXT("Host"), request.host);
    relay_add_fields(exchange, &request, &relay->call);
    relay_add_forwarded(exchange, &relay->call, &exchange->stream->arena);
    add_trace(exchange, &relay->call);
    exchange->cancel = cancel;
    client_send(exchange->gateway->client, &relay->call);
    return STAGE_WAITS;
}
