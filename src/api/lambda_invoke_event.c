/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lambda_priv.h"

#include "store/event_store.h"
#include "store/function_event.h"

/* Events by Invoke and InvokeAsync: accepted once the event is on disk. */

struct put {
    struct call *call;
    const char *trace;
    struct event_write write;
    struct event_change change;
};

static void reply_accepted(struct call *call, const char *trace)
{
    const struct http_field fields[] = {
        {TEXT("x-amzn-RequestId"), text_of(call->request_id)},
        {TEXT("X-Amzn-Trace-Id"), text_of(trace)},
    };
    struct http_stream *stream = call->stream;

    if (stream) {
        stream->owner = NULL;
        call->stream = NULL;
        http_respond(stream, 202, fields, COUNT_OF(fields), TEXT_NONE);
    }
    call_free(call);
}

static void on_put(struct event_write *write, bool failed, const struct error *err)
{
    struct put *put = container_of(write, struct put, write);

    if (!failed)
        reply_accepted(put->call, put->trace);
    else if (err->code == ERROR_LIMIT)
        call_fail(put->call, "TooManyRequestsException",
                  "No more events can be kept: %s. Try again later.", err->text);
    else
        call_fail(put->call, "ServiceException", "%s", err->text);
}

void lambda_put_event(struct call *call, const struct event_request *request)
{
    struct put *put = arena_zalloc(&call->arena, sizeof *put);
    const struct function_event event = {
        .lane = function_lane(call->api->account, call->api->region, request->name, &call->arena),
        .qualifier = request->qualifier,
        .body = call->body.len > 0 ? buffer_text(&call->body) : TEXT("{}"),
        .request_id = text_of(call->request_id),
        .client_context = request->client_context,
        .trace = text_of(request->trace),
        .hops = request->hops,
    };

    if (call->body.len > LIMIT_PAYLOAD_ASYNC) {
        call_fail(call, "RequestEntityTooLargeException",
                  "%zu byte payload is too large for the Event invocation type (limit %d bytes)",
                  call->body.len, LIMIT_PAYLOAD_ASYNC);
        return;
    }
    function_event_put(&event, &call->arena, &put->change);
    put->call = call;
    put->trace = request->trace;
    put->write = (struct event_write){
        .done = on_put, .loop = call->shard->loop, .changes = &put->change, .count = 1};
    event_store_write(call->api->options->events, &put->write);
}
