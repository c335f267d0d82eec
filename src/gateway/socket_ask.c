/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/scan.h"
#include "gateway/service.h"
#include "gateway/socket_mapping.h"
#include "gateway/socket_priv.h"
#include "gateway/socket_template.h"
#include "http/field.h"
#include "http/uri.h"
#include "model/service.h"

/* What is behind a route is asked for a connection: one section for each kind of integration. */

static void end(struct socket_call *call, enum socket_outcome outcome, const char *reason)
{
    const struct api_integration *integration = call->route->integration;

    call->outcome = outcome;
    call->reason = reason;
    call->cancel = NULL;
    loop_timer_clear(&call->timeout);
    if (outcome == SOCKET_OK && integration)
        call->answer.body =
            socket_responses_apply(integration->responses, call->answer.status, call->answer.body);
    socket_call_end(call);
}

static void on_timeout(struct loop_timer *timer)
{
    struct socket_call *call = container_of(timer, struct socket_call, timeout);

    call->cancel(call);
    end(call, SOCKET_TIMEOUT, "it took longer than its integration waits");
}

static int64_t timeout_ms(const struct socket_call *call)
{
    int64_t own_ms = call->route->integration->timeout_ms;

    return own_ms < SOCKET_TIMEOUT_MS ? own_ms : SOCKET_TIMEOUT_MS;
}

static void wait_for(struct socket_call *call, void (*cancel)(struct socket_call *call))
{
    call->cancel = cancel;
    call->timeout.fire = on_timeout;
    loop_timer_set(call->gateway->options.loop, &call->timeout, timeout_ms(call));
}

/* Of a connection's own request, or anew for each message. */
static void make_trace(const struct socket_call *call, char ret[static TRACE_BYTES])
{
    const struct exchange *exchange = call->socket->exchange;
    struct text given = call->event == SOCKET_CONNECT
                            ? http_header(&exchange->stream->request, TEXT("x-amzn-trace-id"))
                            : TEXT_NONE;

    trace_make(given, exchange->hops, call->now_ms, ret);
}

static struct mapping_source source_of(struct socket_call *call)
{
    static const struct http_request no_request = {0};
    const struct exchange *exchange = call->socket->exchange;

    return (struct mapping_source){
        .request = call->event == SOCKET_CONNECT ? &exchange->stream->request : &no_request,
        .path = exchange->route.stage_path,
        .body = call->message,
        .find = socket_context_find,
        .arg = call,
        .arena = &call->arena,
    };
}

/* What is sent for the message. False: it does not pass, and the call has ended. */
static bool make_body(struct socket_call *call, struct text *ret_body, int *ret_status)
{
    const struct socket_templates *templates = call->route->integration->templates;

    *ret_body = call->message;
    *ret_status = 200;
    if (!templates || socket_templates_apply(templates, call->message, ret_body, ret_status))
        return true;
    end(call, SOCKET_FAILED, "no request template is for the message, and it may not pass without");
    return false;
}

static bool is_json(struct text text)
{
    struct scan_value whole;

    return scan_document(text, NULL, NULL, &whole);
}

/* --- a function --- */

static const struct version *find_version(struct socket_call *call)
{
    const struct route *at = &call->socket->exchange->route;
    struct text arn =
        api_stage_request_arn(at->stage, text_of(call->route->key), TEXT_NONE, &call->arena);

    return integration_version(&call->gateway->options, at->api, call->route->integration, arn);
}

/* Of $connect a proxy has to say what it thinks; of messages, whatever it says is its answer. */
static void read_proxied(struct socket_call *call, struct invocation *invocation)
{
    bool is_read =
        answer_read_api(&invocation->response, &call->gateway->scratch, 2, &call->answer);

    if (call->event == SOCKET_CONNECT && (!is_read || call->answer.is_inferred)) {
        end(call, SOCKET_FAILED, "the function's answer has no statusCode");
        return;
    }
    if (!is_read)
        call->answer.body = TEXT_NONE;
    end(call, SOCKET_OK, NULL);
}

static void read_function(struct socket_call *call, struct invocation *invocation)
{
    call->answer = (struct answer){.status = 200, .fields = call->gateway->fields};
    if (invocation->outcome == INVOCATION_THROTTLED) {
        end(call, SOCKET_THROTTLED, "too many requests for the function");
    } else if (invocation->outcome != INVOCATION_OK) {
        end(call, SOCKET_FAILED, "the function failed");
    } else if (call->route->integration->is_custom) {
        call->answer.body = buffer_text(&invocation->response);
        end(call, SOCKET_OK, NULL);
    } else {
        read_proxied(call, invocation);
    }
}

static void on_function_done(struct invocation *invocation)
{
    if (invocation->owner)
        read_function(invocation->owner, invocation);
    invocation_free(invocation);
}

static const struct invocation_sink function_sink = {.on_done = on_function_done};

/* It goes on; its answer is nobody's. */
static void leave_function(struct socket_call *call)
{
    take(call->invocation)->owner = NULL;
}

/* False: the call has ended. */
static bool write_event(struct socket_call *call, struct buffer *out)
{
    struct text body;
    int status;

    if (!call->route->integration->is_custom) {
        socket_event_write(call, out);
        return true;
    }
    if (!make_body(call, &body, &status))
        return false;
    if (body.len == 0)
        body = TEXT("{}");
    if (!is_json(body)) {
        end(call, SOCKET_FAILED, "the message is not JSON, which the function gets as it is");
        return false;
    }
    buffer_add_text(out, body);
    return true;
}

static void ask_function(struct socket_call *call)
{
    struct invoker *invoker = call->gateway->options.invoker;
    const struct version *version = find_version(call);
    scoped(buffer_done) struct buffer event = {0};

    if (!version) {
        end(call, SOCKET_ABSENT,
            "there is no such function, or the API may not invoke it: see AddPermission");
        return;
    }
    if (!write_event(call, &event))
        return;
    struct invocation *invocation = invocation_new(version);
    invocation->sink = &function_sink;
    invocation->kind = INVOKE_URL;
    invocation->hops = call->socket->exchange->hops;
    invocation->payload = buffer_take(&event);
    make_trace(call, invocation->trace);
    invocation->owner = call;
    call->invocation = invocation;
    socket_report_function(call, invocation);
    wait_for(call, leave_function);
    invoker->invoke(invoker, invocation);
}

/* --- a URL --- */

struct url_source {
    const struct socket_mapping *mapping;
    const struct mapping_source *source;
};

static void add_place(const void *arg, struct text name, struct buffer *url)
{
    const struct url_source *from = arg;

    uri_encode(url, socket_mapping_find(from->mapping, SOCKET_PATH, name, from->source),
               /* keep_slash= */ false);
}

static void add_separator(struct buffer *url)
{
    struct text so_far = buffer_text(url);

    if (!text_contains(so_far, '?'))
        buffer_add_char(url, '?');
    else if (!text_ends(so_far, TEXT("?")) && !text_ends(so_far, TEXT("&")))
        buffer_add_char(url, '&');
}

static void add_query(void *arg, struct text name, struct text value)
{
    struct buffer *url = arg;

    add_separator(url);
    uri_encode(url, name, /* keep_slash= */ false);
    buffer_add_char(url, '=');
    uri_encode(url, value, /* keep_slash= */ false);
}

/* Whether the client's own request goes on: a proxy's, which has a head at $connect only. */
static bool passes_head(const struct socket_call *call)
{
    return call->event == SOCKET_CONNECT && !call->route->integration->is_custom;
}

static const char *make_url(struct socket_call *call, const struct mapping_source *source)
{
    const struct api_integration *integration = call->route->integration;
    const struct url_source from = {integration->socket_mapping, source};
    struct text pattern = text_of(integration->uri);
    struct text query = call->socket->exchange->stream->request.query;
    scoped(buffer_done) struct buffer url = {0};

    relay_fill(text_slice(pattern, 0, text_find(pattern, '#')), add_place, &from, &url);
    if (passes_head(call) && query.len > 0) {
        add_separator(&url);
        buffer_add_text(&url, query);
    }
    socket_mapping_each(integration->socket_mapping, SOCKET_QUERY, source, add_query, &url);
    return arena_string(&call->arena, buffer_text(&url));
}

/* Whether a value of a message that stands in the path would be a way out of it. */
static bool leads_up(struct text url)
{
    struct text rest = text_skip(url, text_find_text(url, TEXT("://")) + 3);
    struct text path = text_slice(rest, 0, text_find(rest, '?'));

    return route_has_dots(text_skip(path, text_find(path, '/')));
}

/* A message could hold a line end. */
static void add_header(void *arg, struct text name, struct text value)
{
    const struct http_field field = {name, text_trim(value)};

    if (field_is_clean(&field))
        client_add_header(arg, field.name, field.value);
}

/* Those of the opening handshake are between the client and the gateway. What is mapped is not the
 * client's to say, even if there is no value for it. */
static void pass_head(struct socket_call *call)
{
    const struct exchange *exchange = call->socket->exchange;
    struct http_request request = exchange->stream->request;
    struct http_field *kept = arena_alloc(&call->arena, (request.field_count + 1) * sizeof *kept);
    size_t count = 0;

    for (size_t i = 0; i < request.field_count; i++)
        if (!text_starts(request.fields[i].name, TEXT("sec-websocket-")) &&
            !socket_mapping_has_header(call->route->integration->socket_mapping,
                                       request.fields[i].name))
            kept[count++] = request.fields[i];
    request.fields = kept;
    request.field_count = count;
    relay_add_fields(exchange, &request, &call->http);
}

static void add_head(struct socket_call *call, const struct mapping_source *source)
{
    const struct api_integration *integration = call->route->integration;
    char trace[TRACE_BYTES];

    make_trace(call, trace);
    if (passes_head(call))
        pass_head(call);
    else
        client_append_header(
            &call->http, TEXT("User-Agent"),
            text_of(arena_format(&call->arena, "AmazonAPIGateway_%s", call->api->id)));
    if (call->http.body.len > 0)
        client_append_header(&call->http, TEXT("Content-Type"),
                             is_json(call->http.body) ? TEXT("application/json")
                                                      : TEXT("text/plain; charset=utf-8"));
    relay_add_forwarded(call->socket->exchange, &call->http, &call->arena);
    client_append_header(&call->http, TEXT("X-Amzn-Trace-Id"), text_of(trace));
    socket_mapping_each(integration->socket_mapping, SOCKET_HEADER, source, add_header,
                        &call->http);
}

static void note_type(struct answer *answer)
{
    for (size_t i = 0; i < answer->count; i++)
        answer->has_content_type |= text_equal_nocase(answer->fields[i].name, TEXT("content-type"));
}

static void read_http(struct socket_call *call)
{
    if (call->http.failure == CLIENT_TIMEOUT) {
        end(call, SOCKET_TIMEOUT, "it took longer than its integration waits");
    } else if (call->http.failure != CLIENT_OK) {
        if (call->http.failure == CLIENT_REFUSED)
            relay_warn_refused(call->gateway, call->api->id, call->route->integration->uri);
        end(call, SOCKET_FAILED, arena_string(&call->arena, text_of(call->http.reason)));
    } else if (relay_read_answer(&call->http, call->gateway, &call->arena, &call->answer)) {
        note_type(&call->answer);
        end(call, SOCKET_OK, NULL);
    } else {
        end(call, SOCKET_FAILED, "the answer is too large, or cannot be passed on");
    }
}

static void on_http_done(struct client_call *client_call)
{
    struct socket_call *call = container_of(client_call, struct socket_call, http);
    scoped(buffer_done) struct buffer body = buffer_take(&call->http.answer);
    scoped(buffer_done) struct buffer head = buffer_take(&call->http.head);

    call->http.answer = body; /* the call may be gone before they are */
    call->http.head = head;
    read_http(call);
}

static void cancel_http(struct socket_call *call)
{
    client_cancel(&call->http);
    buffer_done(&call->http.answer);
    buffer_done(&call->http.head);
}

static void ask_http(struct socket_call *call)
{
    const struct api_integration *integration = call->route->integration;
    const struct mapping_source source = source_of(call);
    struct text body;
    int status;

    if (!make_body(call, &body, &status))
        return;
    const char *url = make_url(call, &source);
    if (leads_up(text_of(url))) {
        end(call, SOCKET_FAILED,
            "the path of the URL that it makes has . or .. among its segments");
        return;
    }
    bool is_any = strcmp(integration->method, "ANY") == 0;
    call->http = (struct client_call){
        .done = on_http_done,
        .method = is_any ? "POST" : integration->method,
        .url = url,
        .body = arena_copy(&call->arena, body),
        .timeout_ms = timeout_ms(call),
        .answer_max = RELAY_ANSWER_MAX,
        .is_relayed = true,
        .server_name = integration->server_name,
    };
    add_head(call, &source);
    call->cancel = cancel_http;
    client_send(call->gateway->client, &call->http);
}

/* --- an action of a service --- */

static void on_service_done(struct service_call *service, int status, struct text type,
                            struct text body)
{
    struct socket_call *call = container_of(service, struct socket_call, service);

    call->answer = (struct answer){.status = status, .fields = call->gateway->fields, .body = body};
    end(call, SOCKET_OK, NULL);
}

static void cancel_service(struct socket_call *call)
{
    struct services *services = call->gateway->options.services;

    services->cancel(services, &call->service);
}

/* NULL: the call has ended. */
static json_t *make_input(struct socket_call *call)
{
    const struct api_integration *integration = call->route->integration;
    const struct mapping_source source = source_of(call);
    struct error err;
    struct text body;
    int status;

    if (!make_body(call, &body, &status))
        return NULL;
    if (!integration->is_whole)
        return service_input(integration->service, &source);
    json_t *input = json_parse(body, &err);
    if (json_is_object(input))
        return input;
    json_decref(input);
    end(call, SOCKET_FAILED, "the message is no JSON object, which the action gets as it is");
    return NULL;
}

static void ask_service(struct socket_call *call)
{
    struct services *services = call->gateway->options.services;
    char trace[TRACE_BYTES];
    json_t *input = NULL;

    if (!services)
        end(call, SOCKET_ABSENT, "no services are there");
    else
        input = make_input(call);
    if (!input)
        return;
    make_trace(call, trace);
    call->service = (struct service_call){
        .done = on_service_done,
        .target = service_target(call->route->integration->service),
        .input = input,
        .trace = arena_copy(&call->arena, text_of(trace)),
        .hops = call->socket->exchange->hops,
    };
    wait_for(call, cancel_service);
    services->call(services, &call->service);
}

/* --- the gateway itself --- */

static void answer_mock(struct socket_call *call)
{
    struct text body;
    int status;

    if (!make_body(call, &body, &status))
        return;
    call->answer = (struct answer){.status = status, .fields = call->gateway->fields};
    end(call, SOCKET_OK, NULL);
}

void socket_ask(struct socket_call *call)
{
    const struct api_integration *integration = call->route->integration;

    switch (integration ? integration->kind : INTEGRATION_UNSERVED) {
    case INTEGRATION_FUNCTION:
        ask_function(call);
        return;
    case INTEGRATION_HTTP:
        ask_http(call);
        return;
    case INTEGRATION_SERVICE:
        ask_service(call);
        return;
    case INTEGRATION_MOCK:
        answer_mock(call);
        return;
    case INTEGRATION_UNSERVED:
        break;
    }
    end(call, SOCKET_ABSENT, "the route leads to no integration that is served");
}
