/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "gateway/service.h"
#include "model/service.h"

/* A route that is an action of a service: the request becomes its input, its answer the
 * client's. */

struct asked {
    struct exchange *exchange;
    struct service_call call;
    char trace[TRACE_BYTES];
    bool *is_done; /* told while integration_service() has not returned; else NULL */
};

static void on_done(struct service_call *call, int status, struct text type, struct text body)
{
    struct asked *asked = container_of(call, struct asked, call);
    struct exchange *exchange = asked->exchange;
    struct answer answer = {.status = status, .fields = exchange->gateway->fields, .body = body};

    if (asked->is_done)
        *asked->is_done = true;
    exchange->cancel = NULL;
    loop_timer_clear(&exchange->timeout);
    exchange_integrated(exchange, status, NULL);
    if (body.len > 0)
        answer.fields[answer.count++] =
            (struct http_field){TEXT("Content-Type"), arena_copy(&exchange->stream->arena, type)};
    reply_relayed(exchange, &answer);
}

static void cancel(struct exchange *exchange)
{
    struct services *services = exchange->gateway->options.services;

    services->cancel(services, &exchange->asked->call);
}

/* The action goes on. */
static void on_timeout(struct loop_timer *timer)
{
    struct exchange *exchange = container_of(timer, struct exchange, timeout);

    cancel(exchange);
    exchange->cancel = NULL;
    exchange_timed_out(exchange);
    reply_refuse(exchange, REFUSE_UNAVAILABLE);
}

enum stage_verdict integration_service(struct exchange *exchange)
{
    struct http_stream *stream = exchange->stream;
    struct services *services = exchange->gateway->options.services;
    const struct service_integration *service = exchange->route.matched->integration->service;
    const struct mapping_source source = context_source(exchange);
    struct asked *asked = exchange->asked = arena_zalloc(&stream->arena, sizeof *asked);
    struct trace_context context;
    bool is_done = false;

    if (!services) {
        reply_refuse(exchange, REFUSE_FAILED);
        return STAGE_ANSWERED;
    }
    trace_begin(&stream->request, exchange->hops, exchange->now_ms, &stream->arena, asked->trace,
                &context);
    asked->exchange = exchange;
    asked->is_done = &is_done;
    asked->call = (struct service_call){
        .done = on_done,
        .target = service_target(service),
        .input = service_input(service, &source),
        .trace = text_of(asked->trace),
        .hops = exchange->hops,
    };
    exchange->timeout.fire = on_timeout;
    loop_timer_set(stream->loop, &exchange->timeout, exchange_timeout_ms(exchange));
    services->call(services, &asked->call);
    if (is_done)
        return STAGE_ANSWERED;
    asked->is_done = NULL;
    exchange->cancel = cancel;
    return STAGE_WAITS;
}
