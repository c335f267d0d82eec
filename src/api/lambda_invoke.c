/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "api/event_stream.h"
#include "base/json_check.h"
#include "model/alias.h"
#include "model/lineage.h"

/*
 * Invoke and InvokeWithResponseStream. Both stay on the shard; only a function that this
 * shard does not know is looked up on the control thread, to say why. The invocation goes on
 * when the client goes away: its answer is dropped then.
 */

#define LIMIT_INVOKE_ASYNC (256 << 10) /* Lambda: bytes of InvokeAsync's body */
#define CHECK_INLINE (256 << 10)       /* bytes of payload checked on the loop; more in the pool */

struct invoke {
    struct target target;
    bool is_dry, is_event, wants_tail, is_streaming;
    bool asked_control; /* to tell why it is missing: once */
    bool is_bad;        /* the payload is no JSON: message says why */
    struct buffer message;
    struct buffer client_context;
    char trace[LINEAGE_TRACE_MAX];
    int hops;
    struct invocation *invocation; /* while it runs */
    bool has_begun, is_paused;     /* of a streamed answer */
};

static void drop_invoke(void *state)
{
    struct invoke *invoke = state;

    buffer_done(&invoke->message);
    buffer_done(&invoke->client_context);
}

/* --- the answer --- */

static struct http_field field(const char *name, struct text value)
{
    return (struct http_field){text_of(name), value};
}

static struct text log_result(const struct invocation *invocation, struct buffer *out)
{
    crypto_base64(buffer_text(&invocation->log_tail), out);
    return buffer_text(out);
}

static void forget(struct call *call)
{
    call->stream->owner = NULL;
    call->stream = NULL;
}

static void send_result(struct call *call, const struct invocation *invocation)
{
    const struct invoke *invoke = call->state;
    scoped(buffer_done) struct buffer log = {0};
    struct http_stream *stream = call->stream;
    struct http_field fields[6];
    size_t count = 0;

    fields[count++] = field("Content-Type", TEXT("application/json"));
    fields[count++] = field("x-amzn-RequestId", text_of(call->request_id));
    fields[count++] = field("X-Amzn-Trace-Id", text_of(invoke->trace));
    fields[count++] = field("X-Amz-Executed-Version", text_of(invocation->version->number));
    if (invocation->outcome == INVOCATION_FUNCTION_ERROR)
        fields[count++] = field("X-Amz-Function-Error", text_of(invocation->error_kind));
    if (invoke->wants_tail)
        fields[count++] = field("X-Amz-Log-Result", log_result(invocation, &log));
    forget(call);
    http_respond(stream, 200, fields, count, buffer_text(&invocation->response));
}

/* False: the function did not run; answered. */
static bool has_run(struct call *call, const struct invocation *invocation)
{
    switch (invocation->outcome) {
    case INVOCATION_OK:
    case INVOCATION_FUNCTION_ERROR:
        return true;
    case INVOCATION_THROTTLED:
        call_throttle(call, invocation->throttle_reason);
        return false;
    case INVOCATION_FAILED:
        call_fail(call, "ServiceException", "%s", invocation->reason);
        return false;
    }
    return false;
}

static void on_done(struct invocation *invocation)
{
    struct call *call = invocation->owner;

    if (!call->stream) {
        call_free(call);
    } else if (has_run(call, invocation)) {
        send_result(call, invocation);
        call_free(call);
    }
    invocation_free(invocation);
}

static const struct invocation_sink buffered_sink = {.on_done = on_done};

/* --- the streamed answer --- */

static void begin_stream(struct call *call, const struct invocation *invocation)
{
    struct invoke *invoke = call->state;
    const struct http_field fields[] = {
        field("Content-Type", TEXT("application/vnd.amazon.eventstream")),
        field("x-amzn-RequestId", text_of(call->request_id)),
        field("X-Amzn-Trace-Id", text_of(invoke->trace)),
        field("X-Amz-Executed-Version", text_of(invocation->version->number)),
    };

    invoke->has_begun = true;
    if (call->stream)
        http_begin(call->stream, 200, fields, COUNT_OF(fields), -1);
}

static void on_stream_begin(struct invocation *invocation, struct text content_type)
{
    begin_stream(invocation->owner, invocation);
}

static bool write_chunk(struct call *call, struct text chunk)
{
    scoped(buffer_done) struct buffer frame = {0};

    if (!call->stream || chunk.len == 0)
        return true;
    event_stream_add_chunk(&frame, chunk);
    return http_write(call->stream, buffer_text(&frame));
}

static bool on_stream_chunk(struct invocation *invocation, struct text chunk)
{
    struct call *call = invocation->owner;
    struct invoke *invoke = call->state;

    invoke->is_paused = !write_chunk(call, chunk);
    return !invoke->is_paused;
}

static void resume(struct call *call)
{
    struct invoke *invoke = call->state;
    struct invoker *invoker = shard_invoker(call->shard->shard);

    if (!invoke->is_paused || !invoke->invocation)
        return;
    invoke->is_paused = false;
    invoker->resume(invoker, invoke->invocation);
}

static void end_stream(struct call *call, const struct invocation *invocation)
{
    const struct invoke *invoke = call->state;
    scoped(buffer_done) struct buffer json = {0}, frame = {0}, log = {0};
    struct writer writer = {.out = &json};
    struct http_stream *stream = call->stream;

    write_open(&writer, NULL, '{');
    if (invocation->outcome != INVOCATION_OK) {
        write_string(&writer, "ErrorCode",
                     *invocation->error_kind ? invocation->error_kind : "Unhandled");
        write_text(&writer, "ErrorDetails",
                   invocation->outcome == INVOCATION_FUNCTION_ERROR
                       ? buffer_text(&invocation->response)
                       : text_of(invocation->reason));
    }
    if (invoke->wants_tail)
        write_text(&writer, "LogResult", log_result(invocation, &log));
    write_close(&writer, '}');
    event_stream_add_complete(&frame, buffer_text(&json));
    forget(call);
    (void)http_write(stream, buffer_text(&frame));
    http_end(stream, NULL, 0);
}

static void on_stream_done(struct invocation *invocation)
{
    struct call *call = invocation->owner;
    struct invoke *invoke = call->state;

    invoke->invocation = NULL;
    call->resume = NULL;
    if (!call->stream) {
        call_free(call);
    } else if (invoke->has_begun || has_run(call, invocation)) {
        if (!invoke->has_begun)
            begin_stream(call, invocation);
        if (!invocation->streamed && invocation->outcome == INVOCATION_OK)
            (void)write_chunk(call, buffer_text(&invocation->response));
        if (call->stream)
            end_stream(call, invocation);
        call_free(call);
    }
    invocation_free(invocation);
}

static const struct invocation_sink streamed_sink = {
    .on_begin = on_stream_begin,
    .on_chunk = on_stream_chunk,
    .on_done = on_stream_done,
};

/* --- running --- */

static void run(struct call *call, const struct version *version)
{
    struct invoke *invoke = call->state;
    struct invoker *invoker = shard_invoker(call->shard->shard);
    struct invocation *invocation = invocation_new(version);

    invocation->sink = invoke->is_streaming ? &streamed_sink : &buffered_sink;
    invocation->owner = call;
    invocation->home = call->shard->loop;
    invocation->kind = INVOKE_API;
    invocation_by(invocation, invoke->target.qualifier);
    invocation->want_log_tail = invoke->wants_tail;
    invocation->hops = invoke->hops;
    memcpy(invocation->request_id, call->request_id, sizeof invocation->request_id);
    memcpy(invocation->trace, invoke->trace, sizeof invocation->trace);
    buffer_done(&invocation->payload);
    invocation->payload = buffer_take(&call->body);
    if (invocation->payload.len == 0)
        buffer_add_literal(&invocation->payload, "{}");
    buffer_done(&invocation->client_context);
    invocation->client_context = buffer_take(&invoke->client_context);
    invoke->invocation = invocation;
    if (invoke->is_streaming)
        call->resume = resume;
    invoker->invoke(invoker, invocation);
}

static void put_event(struct call *call)
{
    const struct invoke *invoke = call->state;
    const struct event_request request = {
        .name = invoke->target.name,
        .qualifier = invoke->target.qualifier,
        .client_context = buffer_text(&invoke->client_context),
        .trace = invoke->trace,
        .hops = invoke->hops,
    };

    lambda_put_event(call, &request);
}

/* False: answered. What is put into a lane is stopped there, and becomes a dead letter. */
static bool may_go_on(struct call *call, const struct function *function)
{
    const struct invoke *invoke = call->state;

    if (invoke->hops < LIMIT_HOPS || function->may_recurse || invoke->is_event)
        return true;
    call_fail(call, "RecursiveInvocationException", RECURSION_MESSAGE);
    return false;
}

static void start(struct call *call);

/* Control thread: this shard does not serve it. */
static void explain_missing(struct call *call)
{
    struct invoke *invoke = call->state;
    const struct function *function =
        engine_find(call->api->engine, call->api->account, call->api->region, invoke->target.name);
    struct target shown = invoke->target;

    if (!text_is_set(shown.qualifier))
        shown.qualifier = TEXT("$LATEST");
    if (!function || !function_version(function, shown.qualifier)) {
        lambda_fail_not_found(call, &shown);
        return;
    }
    if (function->state == STATE_ACTIVE && !invoke->asked_control) {
        invoke->asked_control = true; /* the shard has just learnt of it */
        call_go_home(call, start);
        return;
    }
    call_fail(call, "ResourceConflictException",
              "The operation cannot be performed at this time. The function is currently in the "
              "following state: %s",
              function_state_name(function->state));
}

static void start(struct call *call)
{
    struct invoke *invoke = call->state;
    const struct function *function =
        directory_find(shard_directory(call->shard->shard), call->api->account, call->api->region,
                       invoke->target.name);
    const struct version *version =
        function ? alias_route(function, invoke->target.qualifier) : NULL;

    if (!version)
        call_go_control(call, explain_missing);
    else if (invoke->is_dry)
        call_reply(call, 204);
    else if (!may_go_on(call, function))
        return;
    else if (invoke->is_event)
        put_event(call);
    else
        run(call, version);
}

/* --- what the request says --- */

static void check_payload(struct call *call)
{
    struct invoke *invoke = call->state;
    struct text payload = buffer_text(&call->body);

    invoke->is_bad = payload.len > 0 && !json_check(payload, &invoke->message);
}

static void after_check(struct call *call)
{
    const struct invoke *invoke = call->state;
    scoped(buffer_done) struct buffer message = {0};

    if (!invoke->is_bad) {
        start(call);
        return;
    }
    buffer_add_literal(&message, "Could not parse request body into json: Could not parse payload "
                                 "into json: ");
    buffer_add_text(&message, buffer_text(&invoke->message));
    call_fail_text(call, "InvalidRequestContentException", buffer_text(&message));
}

static bool read_client_context(struct call *call, struct invoke *invoke)
{
    struct text header = http_header(&call->stream->request, TEXT("x-amz-client-context"));
    scoped(buffer_done) struct buffer why = {0};

    if (!header.len)
        return true;
    if (header.len > LIMIT_CLIENT_CONTEXT) {
        call_fail(call, "InvalidRequestContentException",
                  "Client context must be at most %d bytes.", LIMIT_CLIENT_CONTEXT);
        return false;
    }
    if (crypto_unbase64(header, &invoke->client_context) &&
        json_check(buffer_text(&invoke->client_context), &why))
        return true;
    call_fail(call, "InvalidRequestContentException",
              "Client context must be a valid Base64-encoded JSON object.");
    return false;
}

static void read_trace(struct call *call, struct invoke *invoke)
{
    struct text header = http_header(&call->stream->request, TEXT("x-amzn-trace-id"));

    invoke->hops = auth_hops(call, header);
    lineage_make(header, invoke->hops, invoke->trace);
}

static bool read_kind(struct call *call, struct invoke *invoke)
{
    const struct http_request *request = &call->stream->request;
    struct text type = http_header(request, TEXT("x-amz-invocation-type"));

    invoke->is_event = invoke->is_event || text_equal(type, TEXT("Event"));
    invoke->is_dry = text_equal(type, TEXT("DryRun"));
    invoke->wants_tail = text_equal(http_header(request, TEXT("x-amz-log-type")), TEXT("Tail"));
    read_trace(call, invoke);
    return read_client_context(call, invoke);
}

static void invoke_as(struct call *call, struct invoke how)
{
    struct invoke *invoke = arena_alloc(&call->arena, sizeof *invoke);

    *invoke = how;
    call->state = invoke;
    call->drop = drop_invoke;
    if (!lambda_target(call, &invoke->target))
        return;
    if (call->caller == KEY_INSTANCE && !auth_may_call(call, invoke->target.name)) {
        auth_deny(call, "lambda:InvokeFunction",
                  text_of(lambda_arn(call, invoke->target.name, TEXT_NONE)));
        return;
    }
    if (!read_kind(call, invoke))
        return;
    if (call->body.len > CHECK_INLINE) {
        call_work(call, check_payload, after_check);
        return;
    }
    check_payload(call);
    after_check(call);
}

static void invoke_buffered(struct call *call)
{
    invoke_as(call, (struct invoke){0});
}

static void invoke_streamed(struct call *call)
{
    invoke_as(call, (struct invoke){.is_streaming = true});
}

static void invoke_async(struct call *call)
{
    invoke_as(call, (struct invoke){.is_event = true});
}

/* --- the table --- */

#define ROW_LOG_TYPE                                                                    \
    {                                                                                   \
        PARAM_HEADER, PARAM_STRING, "x-amz-log-type", "logType", .values = "None, Tail" \
    }

static const struct param buffered_params[] = {
    ROW_QUALIFIER,
    {PARAM_HEADER, PARAM_STRING, "x-amz-invocation-type", "invocationType",
     .values = "DryRun, Event, RequestResponse"},
    ROW_LOG_TYPE,
    ROW_NAMESPACED,
    {0},
};
static const struct param streamed_params[] = {
    ROW_QUALIFIER,
    {PARAM_HEADER, PARAM_STRING, "x-amz-invocation-type", "invocationType",
     .values = "DryRun, RequestResponse"},
    ROW_LOG_TYPE,
    ROW_NAMESPACED,
    {0},
};
static const struct param async_params[] = {ROW_NAMESPACED, {0}};

const struct action lambda_invoke_actions[] = {
    {"Invoke", LAMBDA, METHOD_POST, PATH_FUNCTION "/invocations", BODY_RAW, LIMIT_PAYLOAD,
     ACCESS_FUNCTIONS, PLACE_SHARD, buffered_params, invoke_buffered, "lambda:InvokeFunction"},
    {"InvokeAsync", LAMBDA, METHOD_POST, "/2014-11-13/functions/{FunctionName}/invoke-async",
     BODY_RAW, LIMIT_INVOKE_ASYNC, ACCESS_FUNCTIONS, PLACE_SHARD, async_params, invoke_async,
     "lambda:InvokeFunction"},
    {"InvokeWithResponseStream", LAMBDA, METHOD_POST,
     "/2021-11-15/functions/{FunctionName}/response-streaming-invocations", BODY_RAW, LIMIT_PAYLOAD,
     ACCESS_FUNCTIONS, PLACE_SHARD, streamed_params, invoke_streamed, "lambda:InvokeFunction"},
    {0},
};
