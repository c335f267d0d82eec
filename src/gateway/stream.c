/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"

/*
 * InvokeMode RESPONSE_STREAM: what the function writes goes out as it comes. The head is
 * only sent with the first bytes, so that a function which fails before them still gets its
 * client a 502. When the client is gone the invocation has no owner, and its chunks are
 * dropped.
 */

static void on_begin(struct invocation *invocation, struct text content_type)
{
    struct exchange *exchange = invocation->owner;

    if (!exchange)
        return;
    exchange->expects_prelude = reply_is_prelude_type(content_type);
    exchange->content_type = content_type.len ? arena_copy(&exchange->stream->arena, content_type)
                                              : TEXT("application/octet-stream");
}

static void begin(struct exchange *exchange, struct answer *answer)
{
    exchange->has_begun = true;
    loop_timer_clear(&exchange->timeout); /* its time is that to the first bytes */
    reply_begin(exchange, answer,
                exchange->expects_prelude ? TEXT("application/octet-stream")
                                          : exchange->content_type);
}

static void begin_plain(struct exchange *exchange)
{
    struct answer answer = {.status = 200, .fields = exchange->gateway->fields};

    begin(exchange, &answer);
}

/* How much of a chunk can belong to what comes before the body. */
static bool find_body(struct exchange *exchange, struct text chunk, struct text *ret_body)
{
    struct buffer *prelude = &exchange->prelude;
    size_t before = prelude->len, room = PRELUDE_BYTES_MAX + PRELUDE_SEPARATOR_LEN - before;

    buffer_add_text(prelude, text_slice(chunk, 0, room));
    size_t from = before < PRELUDE_SEPARATOR_LEN ? 0 : before - (PRELUDE_SEPARATOR_LEN - 1);
    size_t end = from + reply_find_separator(text_skip(buffer_text(prelude), from));
    if (end == prelude->len)
        return false;
    *ret_body = text_skip(chunk, end + PRELUDE_SEPARATOR_LEN - before);
    prelude->len = end;
    return true;
}

static bool read_prelude(struct exchange *exchange)
{
    struct answer answer = {.fields = exchange->gateway->fields};

    if (!answer_read_prelude(&exchange->prelude, exchange->prelude.len, &answer))
        return false;
    begin(exchange, &answer);
    return true;
}

static bool write_chunk(struct exchange *exchange, struct text chunk)
{
    exchange->streamed_bytes += (int64_t)chunk.len;
    if (exchange->streamed_bytes > LIMIT_STREAM_RESPONSE) {
        http_abort(exchange->stream);
        return true;
    }
    if (chunk.len == 0)
        return true;
    if (exchange->held) {
        waf_hold_chunk(exchange, chunk);
        exchange->is_paused = true;
        return false;
    }
    exchange->is_paused = !http_write(exchange->stream, chunk);
    return !exchange->is_paused;
}

static bool on_chunk(struct invocation *invocation, struct text chunk)
{
    struct exchange *exchange = invocation->owner;

    if (!exchange || exchange->is_refused)
        return true;
    if (exchange->has_begun)
        return write_chunk(exchange, chunk);
    if (!exchange->expects_prelude) {
        begin_plain(exchange);
        return write_chunk(exchange, chunk);
    }
    if (find_body(exchange, chunk, &chunk)) {
        if (read_prelude(exchange))
            return write_chunk(exchange, chunk);
    } else if (exchange->prelude.len < PRELUDE_BYTES_MAX + PRELUDE_SEPARATOR_LEN) {
        return true;
    }
    reply_refuse(exchange, REFUSE_FUNCTION_FAILED);
    return true;
}

/* AWS does not interpret what a function that does not stream returns in this mode. */
static void reply_raw(struct exchange *exchange, const struct invocation *invocation)
{
    struct answer answer = {
        .status = 200,
        .fields = exchange->gateway->fields,
        .body = buffer_text(&invocation->response),
    };
    struct text type = text_of(invocation->content_type);

    reply_complete(exchange, &answer, type.len ? type : TEXT("application/json"));
}

static void end(struct exchange *exchange, bool failed)
{
    if (exchange->held)
        waf_hold_end(exchange, failed);
    else if (failed)
        http_abort(exchange->stream);
    else
        http_end(exchange->stream, NULL, 0);
}

static void finish(struct exchange *exchange, const struct invocation *invocation)
{
    bool failed = invocation->outcome != INVOCATION_OK;

    exchange->is_paused = false; /* nobody is left to resume */
    if (exchange->is_refused)
        return;
    if (exchange->has_begun)
        end(exchange, failed);
    else if (failed)
        reply_failed(exchange, invocation);
    else if (!invocation->streamed)
        reply_raw(exchange, invocation);
    else if (exchange->expects_prelude)
        reply_refuse(exchange, REFUSE_FUNCTION_FAILED);
    else {
        begin_plain(exchange);
        end(exchange, false);
    }
}

static void on_done(struct invocation *invocation)
{
    if (invocation->owner)
        finish(invocation->owner, invocation);
    struct exchange *exchange = invocation->owner; /* gone, unless the answer takes its time */
    if (!exchange) {
        invocation_free(invocation);
        return;
    }
    exchange->is_going_out = true;
    loop_timer_clear(&exchange->timeout);
}

void stream_writable(struct exchange *exchange)
{
    struct invoker *invoker = exchange->gateway->options.invoker;

    if (!exchange->is_paused)
        return;
    exchange->is_paused = false;
    invoker->resume(invoker, exchange->invocation);
}

void stream_done(struct exchange *exchange)
{
    if (exchange->invocation)
        stream_writable(exchange);
    buffer_done(&exchange->prelude);
}

const struct invocation_sink stream_sink = {
    .on_begin = on_begin,
    .on_chunk = on_chunk,
    .on_done = on_done,
};
