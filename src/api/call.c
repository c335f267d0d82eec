/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

#include <stdarg.h>

#include "base/mem.h"
#include "http/uri.h"

#define IDLE_CALLS_MAX 64     /* a shard's calls kept for use again */
#define KEPT_BYTES (64 << 10) /* of their buffers */

/* --- life --- */

struct call *call_new(struct api_shard *shard, struct http_stream *stream)
{
    struct list *node = list_pop(&shard->idle);
    struct call *call = node ? container_of(node, struct call, link) : mem_new(struct call);

    shard->idle_count -= node != NULL;
    call->shard = shard;
    call->api = shard->api;
    call->stream = stream;
    crypto_uuid(call->request_id);
    return call;
}

static void drop_body(struct call *call)
{
    atomic_fetch_sub_explicit(&call->api->buffered, call->counted, memory_order_relaxed);
    call->counted = 0;
    buffer_recycle(&call->body, KEPT_BYTES);
}

void call_free(struct call *call)
{
    struct api_shard *shard = call->shard;

    loop_assert_here(shard->loop);
    if (call->drop)
        call->drop(call->state);
    drop_body(call);
    crypto_hash_free(call->hash);
    json_decref(call->input);
    buffer_recycle(&call->answer, KEPT_BYTES);
    arena_reset(&call->arena);

    struct call kept = {.arena = call->arena, .body = call->body, .answer = call->answer};
    *call = kept;
    if (shard->idle_count < IDLE_CALLS_MAX) {
        list_push_front(&shard->idle, &call->link);
        shard->idle_count++;
        return;
    }
    arena_done(&call->arena);
    buffer_done(&call->body);
    buffer_done(&call->answer);
    free(call);
}

/* --- on the way --- */

static void on_message(struct loop_message *message)
{
    struct call *call = container_of(message, struct call, message);

    call->then(call);
}

void call_go(struct call *call, struct loop *loop, call_f *then)
{
    call->then = then;
    call->message.run = on_message;
    loop_post(loop, &call->message);
}

void call_go_control(struct call *call, call_f *then)
{
    call_go(call, call->api->options->control, then);
}

void call_go_home(struct call *call, call_f *then)
{
    if (loop_current() == call->shard->loop)
        then(call);
    else
        call_go(call, call->shard->loop, then);
}

static void on_work(struct loop_job *job)
{
    struct call *call = container_of(job, struct call, job);

    call->work(call);
}

static void on_worked(struct loop_job *job)
{
    struct call *call = container_of(job, struct call, job);

    call->then(call);
}

void call_work(struct call *call, call_f *work, call_f *then)
{
    call->work = work;
    call->then = then;
    call->job = (struct loop_job){.work = on_work, .done = on_worked};
    loop_work(loop_current(), &call->job);
}

/* --- the end --- */

/* On the shard. The stream forgets the call first: answering may end it. */
static void send_answer(struct call *call)
{
    struct http_stream *stream = call->stream;

    if (stream) {
        struct http_field fields[4];
        size_t count = 0;
        fields[count++] = (struct http_field){TEXT("x-amzn-RequestId"), text_of(call->request_id)};
        if (call->answer.len > 0)
            fields[count++] =
                (struct http_field){TEXT("Content-Type"), text_of(call->content_type)};
        if (call->error_code)
            fields[count++] =
                (struct http_field){TEXT("x-amzn-ErrorType"), text_of(call->error_code)};
        if (call->query_error)
            fields[count++] =
                (struct http_field){TEXT("x-amzn-query-error"), text_of(call->query_error)};
        call->stream = NULL;
        stream->owner = NULL;
        http_respond(stream, call->status, fields, count, buffer_text(&call->answer));
    }
    if (call->inner)
        call->inner->done(take(call->inner), call->status, text_of(call->content_type),
                          buffer_text(&call->answer));
    call_free(call);
}

static const char *default_type(const struct call *call)
{
    switch (call->protocol) {
    case PROTOCOL_REST_JSON:
        return "application/json";
    case PROTOCOL_JSON:
        return "application/x-amz-json-1.1";
    case PROTOCOL_SQS_JSON:
        return "application/x-amz-json-1.0";
    case PROTOCOL_QUERY:
    case PROTOCOL_SQS_QUERY:
        return "text/xml";
    }
    return "";
}

void call_reply(struct call *call, int status)
{
    call->status = status;
    if (!call->content_type)
        call->content_type = default_type(call);
    call_go_home(call, send_answer);
}

static void fail(struct call *call, const struct exception *exception)
{
    char query_code[ERRORS_CODE_MAX];

    buffer_clear(&call->answer);
    call->content_type = NULL;
    if (!protocol_is_query(call->protocol))
        call->error_code = arena_string(&call->arena, text_of(exception->code));
    int status = errors_write(call->protocol, exception, &call->answer);
    if (call->protocol == PROTOCOL_SQS_JSON) {
        errors_query_code(exception->code, query_code);
        call->query_error =
            arena_format(&call->arena, "%s;%s", query_code, status < 500 ? "Sender" : "Receiver");
    }
    call_reply(call, status);
}

bool call_is_of(const struct call *call, const char *service)
{
    return call->action && call->action->service && strcmp(call->action->service, service) == 0;
}

void call_fail_text(struct call *call, const char *code, struct text message)
{
    const struct exception exception = {
        .code = code,
        .message = message,
        .request_id = call->request_id,
        .look = call_is_of(call, "scheduler")    ? LOOK_BARE
                : call_is_of(call, "apigateway") ? LOOK_BARE_SMALL
                                                 : LOOK_LAMBDA,
    };

    fail(call, &exception);
}

void call_fail_bare(struct call *call, const char *code, struct text message)
{
    const struct exception exception = {
        .code = code, .message = message, .request_id = call->request_id, .look = LOOK_BARE_SMALL};

    fail(call, &exception);
}

void call_fail(struct call *call, const char *code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    scoped(free) char *message = mem_vformat(format, arguments);
    va_end(arguments);
    call_fail_text(call, code, text_of(message));
}

void call_fail_error(struct call *call, const struct error *err)
{
    call_fail(call, errors_code_of(err->code), "%s", err->text);
}

void call_throttle(struct call *call, const char *reason)
{
    const struct exception exception = {"TooManyRequestsException", TEXT("Rate Exceeded."),
                                        text_of(reason), call->request_id};

    fail(call, &exception);
}

/* --- parameters --- */

struct text call_trace(const struct call *call)
{
    if (call->stream)
        return http_header(&call->stream->request, TEXT("x-amzn-trace-id"));
    return call->inner ? call->inner->trace : TEXT_NONE;
}

struct text call_query(struct call *call, const char *name)
{
    return uri_query_find(&call->arena, call->query, text_of(name));
}

int64_t call_query_int(struct call *call, const char *name, int64_t absent)
{
    int64_t number = absent;

    (void)text_to_int(call_query(call, name), 0, INT32_MAX, &number);
    return number;
}

struct text call_input(const struct call *call, const char *name)
{
    return json_text(call->input, name);
}

struct writer call_writer(struct call *call)
{
    return (struct writer){.out = &call->answer};
}

/* The value of "{Name}" in the path. */
static struct text path_value(const struct call *call, const char *name)
{
    struct text path = text_of(call->action->path);
    size_t index = 0;

    while (path.len > 0) {
        path = text_skip(path, text_find(path, '{') + 1);
        struct text one = text_slice(path, 0, text_find(path, '}'));
        if (text_equal(one, text_of(name)))
            return call->path_values[index];
        index++;
    }
    return TEXT_NONE;
}

static struct text get_param(void *arg, enum param_place place, const char *name)
{
    struct call *call = arg;

    switch (place) {
    case PARAM_QUERY:
        return call_query(call, name);
    case PARAM_PATH:
        return path_value(call, name);
    case PARAM_HEADER:
        return call->stream ? http_header(&call->stream->request, text_of(name)) : TEXT_NONE;
    case PARAM_BODY:
    case PARAM_ALSO:
    case PARAM_END:
        break;
    }
    return TEXT_NONE;
}

bool call_validate(struct call *call)
{
    const struct param_source source = {get_param, call, call->input};
    scoped(buffer_done) struct buffer message = {0};

    switch (validate(call->action->params, &source, &message)) {
    case VALID:
        return true;
    case INVALID_TYPE:
        call_fail_text(call, "SerializationException", buffer_text(&message));
        return false;
    case INVALID_VALUE:
        call_fail_text(call,
                       call_is_of(call, "apigateway") ? "BadRequestException"
                       : call->protocol == PROTOCOL_JSON && !call_is_of(call, "events")
                           ? "InvalidParameterException"
                           : "ValidationException",
                       buffer_text(&message));
        return false;
    }
    return false;
}

void call_run(struct call *call)
{
    if (!call->action->run)
        call_fail(call, "NotImplementedException", "The action '%s' is not served by Evoke yet.",
                  call->action->name);
    else if (call->action->place == PLACE_CONTROL)
        call_go_control(call, call->action->run);
    else
        call->action->run(call);
}
