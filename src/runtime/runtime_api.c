/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/environment_priv.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/limits.h"

/*
 * The Lambda Runtime API (2018-06-01), served inside each sandbox's network namespace.
 * An instance is known by the socket it comes through, never by what it says; it can
 * name no invocation but the one it was given. States of an invocation here: delivered
 * (answer open), answering (body arriving), answered.
 *
 * The word that an answer was taken travels with the next event, when the instance has
 * asked for that already: a wake-up less for each event.
 */

#define API_PREFIX "/2018-06-01/runtime/"

enum call { CALL_NONE, CALL_NEXT, CALL_RESPONSE, CALL_ERROR, CALL_INIT_ERROR };

/* One request in progress; in the stream's arena. */
struct exchange {
    struct environment *environment;
    enum call call;
    struct invocation *invocation; /* RESPONSE, ERROR; NEXT: the one it was given */
    bool streaming, refused, too_large;
    bool dropped; /* its invocation was taken away meanwhile */
    char error_type[128];
    struct buffer *body; /* where it goes: the invocation's response, or init_error */
    struct buffer init_error;
    size_t received;
};

int runtime_api_open(struct environment *environment, struct error *err)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return error_system(err, "cannot make a connection of the Runtime API");
    environment->api.passed_fd = ends[1];
    http_adopt(environment->api.server, ends[0], &runtime_api_app, environment);
    return 0;
}

void runtime_api_sent(struct environment *environment)
{
    if (environment->api.passed_fd >= 0)
        (void)close(take_fd(environment->api.passed_fd));
}

static void respond_json(struct http_stream *stream, int status, const char *json)
{
    const struct http_field type = {TEXT("content-type"), TEXT("application/json")};

    http_respond(stream, status, &type, 1, text_of(json));
}

static void refuse(struct http_stream *stream, int status, const char *type, const char *message)
{
    struct exchange *exchange = stream->owner;

    exchange->refused = true;
    respond_json(stream, status,
                 arena_format(&stream->arena, "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}",
                              message, type));
}

/* --- giving out events --- */

static struct text invoked_arn(const struct environment *environment,
                               const struct invocation *invocation, struct arena *arena)
{
    const struct version *version = invocation->version;

    if (!invocation->alias)
        return text_of(environment->function_arn);
    return text_of(arena_format(arena, "arn:aws:lambda:%s:%s:function:%s:%s", version->region,
                                version->account, version->name, invocation->alias));
}

static void deliver(struct environment *environment, struct http_stream *stream,
                    struct invocation *invocation)
{
    struct arena *arena = &stream->arena;
    struct text deadline = text_of(arena_format(arena, "%lld", (long long)invocation->deadline_ms));
    struct http_field fields[8] = {
        {TEXT("Content-Type"), TEXT("application/json")},
        {TEXT("Lambda-Runtime-Aws-Request-Id"), text_of(invocation->request_id)},
        {TEXT("Lambda-Runtime-Deadline-Ms"), deadline},
        {TEXT("Lambda-Runtime-Invoked-Function-Arn"), invoked_arn(environment, invocation, arena)},
        {TEXT("Lambda-Runtime-Trace-Id"), text_of(invocation->trace)},
    };
    size_t count = 5;
    if (invocation->client_context.len > 0)
        fields[count++] = (struct http_field){TEXT("Lambda-Runtime-Client-Context"),
                                              buffer_text(&invocation->client_context)};

    struct exchange *exchange = stream->owner;
    exchange->invocation = invocation;
    environment->api.next = NULL;
    environment->api.delivered = invocation;
    http_respond(stream, 200, fields, count, buffer_text(&invocation->payload));
}

/* The event that .../next may have: the oldest, if it has not been given out. With a ring
 * only one that the instance has begun and that was too large for it. */
static struct invocation *next_event(struct environment *environment)
{
    if (environment->event_count == 0 || environment->api.delivered || environment->api.answering)
        return NULL;
    struct invocation *invocation = container_of(environment->events.next, struct invocation, link);
    if (environment->ring.attached && !ring_has_begun(environment, invocation))
        return NULL;
    return invocation;
}

void runtime_api_offer(struct environment *environment)
{
    struct invocation *invocation = next_event(environment);

    if (environment->api.next && environment->api.next->is_half_closed)
        http_abort(environment->api.next); /* who asked is gone: the event is for who asks next */
    if (environment->api.next && invocation)
        deliver(environment, environment->api.next, invocation);
}

static void serve_next(struct http_stream *stream)
{
    struct exchange *exchange = stream->owner;
    struct environment *environment = exchange->environment;

    if (environment->api.next && environment->api.next->is_half_closed)
        http_abort(environment->api.next);
    if (environment->api.next || environment->api.delivered) {
        refuse(stream, 403, "InvalidStateTransition",
               "State transition is not allowed: an event is waiting for its answer");
        return;
    }
    environment->api.next = stream;
    if (!environment->is_ready)
        environment_became_ready(environment);
    else if (!environment->ring.attached)
        environment->calls->idle(environment);
    runtime_api_offer(environment);
}

/* --- answers --- */

static void complete(struct http_stream *stream)
{
    struct exchange *exchange = stream->owner;
    struct environment *environment = exchange->environment;
    struct invocation *invocation = exchange->invocation;
    struct api_side *api = &environment->api;
    bool is_error = exchange->call == CALL_ERROR || exchange->error_type[0];

    if (exchange->too_large) {
        is_error = true;
        snprintf(exchange->error_type, sizeof exchange->error_type,
                 "Function.ResponseSizeTooLarge");
        buffer_clear(&invocation->response);
        buffer_add_format(&invocation->response,
                          "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":"
                          "\"Response payload size exceeded maximum allowed payload size (%d "
                          "bytes).\"}",
                          LIMIT_PAYLOAD);
    }
    exchange->invocation = NULL;
    api->delivered = NULL;
    api->upload = NULL;
    if (environment->ring.attached) {
        /* The ring says when this event is over. */
        snprintf(api->error_type, sizeof api->error_type, "%s", exchange->error_type);
        api->answered = true;
        api->answered_error = is_error;
        return;
    }
    api->answering = NULL;
    invocation->began_us = invocation->began_us > environment->answered_us
                               ? invocation->began_us
                               : environment->answered_us;
    invocation->ended_us = environment->answered_us = clock_mono_us();
    environment_finish_event(environment, invocation, is_error, text_of(exchange->error_type));
}

/* An answer that comes anew while the last try is still arriving takes its place: the end
 * of the connection that broke off may be seen later than the new one. */
static struct invocation *take_over(struct environment *environment, struct text id)
{
    struct api_side *api = &environment->api;

    if (!api->upload || !api->answering || api->answered ||
        !text_equal(id, text_of(api->answering->request_id)))
        return NULL;
    struct exchange *before = api->upload->owner;
    if (before->streaming)
        return NULL;
    before->dropped = true;
    before->invocation = NULL;
    before->body = NULL;
    api->upload = NULL;
    return take(api->answering);
}

static void begin_answer(struct http_stream *stream, struct text id)
{
    struct exchange *exchange = stream->owner;
    struct environment *environment = exchange->environment;
    struct invocation *invocation = environment->api.delivered;

    /* With a ring the running event may be answered here though it came that way. */
    if (!invocation && environment->ring.attached && !environment->api.answering)
        invocation = next_event(environment);
    if (!invocation)
        invocation = take_over(environment, id);
    if (!invocation || !text_equal(id, text_of(invocation->request_id))) {
        bool is_ours = environment->api.answering &&
                       text_equal(id, text_of(environment->api.answering->request_id));
        if (is_ours)
            refuse(stream, 403, "InvalidStateTransition", "State transition is not allowed");
        else
            refuse(stream, 400, "InvalidRequestID", "Invalid request ID");
        return;
    }

    struct text mode = http_header(&stream->request, TEXT("lambda-runtime-function-response-mode"));
    if (text_is_set(mode) && !text_equal_nocase(mode, TEXT("streaming"))) {
        refuse(stream, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
        return;
    }
    exchange->streaming = exchange->call == CALL_RESPONSE && text_is_set(mode);
    exchange->invocation = invocation;
    exchange->body = &invocation->response;
    environment->api.delivered = NULL;
    environment->api.answering = invocation;
    environment->api.answered = false;
    environment->api.upload = stream;
    buffer_clear(&invocation->response);
    stream->body_max = exchange->streaming ? LIMIT_STREAM_RESPONSE : INT64_MAX;

    struct text type = http_header(&stream->request, TEXT("content-type"));
    snprintf(invocation->content_type, sizeof invocation->content_type, "%.*s", TEXT_ARG(type));
    if (exchange->streaming)
        environment->calls->stream_begin(environment, invocation, type);
}

/* What the ring was told before this request was sent comes before it, though the request is
 * seen first: an answer given here, and then the next event begun. */
static void catch_up(struct environment *environment)
{
    if (!environment->ring.attached || !environment->ring.shared || environment->kill_sent)
        return;
    output_drain(environment);
    ring_drain(environment);
}

/* --- the application --- */

static enum call parse_call(const struct http_request *request, struct text *ret_id)
{
    struct text path = request->path;

    *ret_id = TEXT_NONE;
    if (!text_starts(path, TEXT(API_PREFIX)))
        return CALL_NONE;
    path = text_skip(path, sizeof API_PREFIX - 1);
    if (text_equal(path, TEXT("invocation/next")))
        return request->method == METHOD_GET ? CALL_NEXT : CALL_NONE;
    if (request->method != METHOD_POST)
        return CALL_NONE;
    if (text_equal(path, TEXT("init/error")))
        return CALL_INIT_ERROR;

    struct text word;
    if (!text_split(&path, '/', &word) || !text_equal(word, TEXT("invocation")) ||
        !text_split(&path, '/', ret_id))
        return CALL_NONE;
    if (text_equal(path, TEXT("response")))
        return CALL_RESPONSE;
    return text_equal(path, TEXT("error")) ? CALL_ERROR : CALL_NONE;
}

static void on_request(struct http_stream *stream)
{
    struct environment *environment = stream->context;
    struct exchange *exchange = arena_zalloc(&stream->arena, sizeof *exchange);
    struct text id;

    catch_up(environment);
    exchange->environment = environment;
    stream->owner = exchange;
    exchange->call = parse_call(&stream->request, &id);
    struct text type = http_header(&stream->request, TEXT("lambda-runtime-function-error-type"));
    snprintf(exchange->error_type, sizeof exchange->error_type, "%.*s", TEXT_ARG(type));

    switch (exchange->call) {
    case CALL_NONE:
        exchange->refused = true;
        if (text_equal(stream->request.path, TEXT("/ping")))
            respond_json(stream, 200, "pong");
        else
            refuse(stream, 404, "NotFound", "No such path in the Runtime API");
        return;
    case CALL_NEXT:
        return;
    case CALL_INIT_ERROR:
        exchange->body = &exchange->init_error;
        stream->body_max = LIMIT_PAYLOAD;
        if (environment->is_ready)
            refuse(stream, 403, "InvalidStateTransition",
                   "State transition is not allowed: initialisation is over");
        return;
    case CALL_RESPONSE:
    case CALL_ERROR:
        begin_answer(stream, id);
        return;
    }
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    struct exchange *exchange = stream->owner;

    if (exchange->refused || exchange->dropped || !exchange->body || exchange->too_large)
        return true;
    if (exchange->streaming)
        return exchange->environment->calls->stream_chunk(exchange->environment,
                                                          exchange->invocation, chunk);
    exchange->received += chunk.len;
    if (exchange->received > LIMIT_PAYLOAD) {
        exchange->too_large = true;
        return true;
    }
    buffer_add_text(exchange->body, chunk);
    return true;
}

/* Trailers of a stream that broke off: the function failed after its first byte. */
static void read_trailers(struct http_stream *stream)
{
    struct exchange *exchange = stream->owner;
    struct text type = http_field_find(stream->request.trailers, stream->request.trailer_count,
                                       TEXT("lambda-runtime-function-error-type"));
    struct text body = http_field_find(stream->request.trailers, stream->request.trailer_count,
                                       TEXT("lambda-runtime-function-error-body"));

    if (!text_is_set(type))
        return;
    snprintf(exchange->error_type, sizeof exchange->error_type, "%.*s", TEXT_ARG(type));
    buffer_clear(&exchange->invocation->response);
    if (!crypto_unbase64(body, &exchange->invocation->response))
        buffer_add_text(&exchange->invocation->response, body);
}

static void on_end(struct http_stream *stream)
{
    struct exchange *exchange = stream->owner;
    struct environment *environment = exchange->environment;

    if (exchange->refused)
        return;
    if (exchange->dropped) {
        refuse(stream, 403, "InvalidStateTransition",
               "State transition is not allowed: the event is over");
        return;
    }
    switch (exchange->call) {
    case CALL_NONE:
        return;
    case CALL_NEXT:
        serve_next(stream);
        return;
    case CALL_INIT_ERROR:
        environment->calls->init_failed(environment, text_of(exchange->error_type),
                                        buffer_text(&exchange->init_error));
        respond_json(stream, 202, "{\"status\":\"OK\"}");
        return;
    case CALL_RESPONSE:
    case CALL_ERROR:
        if (exchange->streaming)
            read_trailers(stream);
        if (exchange->too_large) {
            const char *json = "{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 "
                               "bytes).\",\"errorType\":\"RequestEntityTooLarge\"}";
            complete(stream);
            respond_json(stream, 413, json);
            return;
        }
        complete(stream);
        stream->joins_next = true;
        respond_json(stream, 202, "{\"status\":\"OK\"}");
        return;
    }
}

static void on_close(struct http_stream *stream, bool reset)
{
    struct exchange *exchange = stream->owner;
    struct environment *environment = exchange->environment;

    buffer_done(&exchange->init_error);
    if (!environment)
        return;
    if (environment->api.next == stream)
        environment->api.next = NULL;
    if (reset && exchange->call == CALL_NEXT && exchange->invocation &&
        environment->api.delivered == exchange->invocation)
        environment->api.delivered = NULL; /* it did not get there */
    if (environment->api.upload == stream) {
        /* Half an answer is none: it may be given again. */
        environment->api.upload = NULL;
        if (exchange->invocation && environment->api.answering == exchange->invocation) {
            environment->api.answering = NULL;
            environment->api.delivered = exchange->invocation;
            if (exchange->streaming)
                environment_violated(environment, "broke off a streamed answer");
        }
    }
}

void runtime_api_resume(struct environment *environment)
{
    if (environment->api.upload)
        http_resume(environment->api.upload);
}

void runtime_api_drop(struct environment *environment, const struct invocation *invocation)
{
    struct api_side *api = &environment->api;

    if (api->upload && api->answering == invocation) {
        struct exchange *exchange = api->upload->owner;
        exchange->dropped = true;
        exchange->invocation = NULL;
        exchange->body = NULL;
        http_resume(take(api->upload)); /* nobody else would, and it waits for its answer */
    }
    if (api->delivered == invocation)
        api->delivered = NULL;
    if (api->answering == invocation)
        api->answering = NULL;
}

void runtime_api_forget(struct environment *environment)
{
    environment->api.next = NULL;
    environment->api.upload = NULL;
    environment->api.delivered = environment->api.answering = NULL;
}

const struct http_app runtime_api_app = {
    .on_request = on_request,
    .on_body = on_body,
    .on_end = on_end,
    .on_close = on_close,
};
