/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "guard/guard.h"
#include "guard/waf.h"

/*
 * An answer, held against the firewall's rules before it goes. It waits meanwhile, so all of it is
 * copied from where it does not stay. Of a streamed answer the head is inspected alone: a body that
 * was gathered first would not be a stream any more. What the function writes until then is kept,
 * and it is asked to write no more.
 */
struct held_answer {
    struct answer answer;
    struct buffer body; /* all of it, or what has come of a stream */
    bool is_stream, has_ended, has_failed;
};

bool waf_looks_at_answers(const struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;

    return exchange->waf && !exchange->socket && waf_rules_response(guard->waf) != WAF_RESPONSE_OFF;
}

static struct held_answer *hold(struct exchange *exchange, const struct answer *answer)
{
    struct arena *arena = &exchange->stream->arena;
    struct held_answer *held = arena_zalloc(arena, sizeof *held);

    held->answer = *answer;
    held->answer.fields = arena_alloc(arena, (answer->count + 1) * sizeof *answer->fields);
    for (size_t i = 0; i < answer->count; i++)
        held->answer.fields[i] = (struct http_field){arena_copy(arena, answer->fields[i].name),
                                                     arena_copy(arena, answer->fields[i].value)};
    exchange->held = held;
    return held;
}

void waf_hold_answer(struct exchange *exchange, const struct answer *answer)
{
    struct held_answer *held = hold(exchange, answer);

    buffer_add_text(&held->body, answer->body);
    waf_check_answer(exchange->waf, answer->status, held->answer.fields, answer->count,
                     buffer_text(&held->body));
}

void waf_hold_stream(struct exchange *exchange, const struct answer *answer)
{
    struct held_answer *held = hold(exchange, answer);

    held->is_stream = true;
    waf_check_answer(exchange->waf, answer->status, held->answer.fields, answer->count, TEXT_NONE);
}

void waf_hold_chunk(struct exchange *exchange, struct text chunk)
{
    buffer_add_text(&exchange->held->body, chunk);
}

void waf_hold_end(struct exchange *exchange, bool failed)
{
    exchange->held->has_ended = true;
    exchange->held->has_failed = failed;
}

void waf_drop_answer(struct exchange *exchange)
{
    if (exchange->held)
        buffer_done(&exchange->held->body);
}

static void let_stream(struct exchange *exchange, const struct held_answer *held, struct text body)
{
    struct http_stream *stream = exchange->stream;

    delivery_settle(exchange, held->answer.status);
    http_begin(stream, held->answer.status, held->answer.fields, held->answer.count, -1);
    bool has_room = body.len == 0 || http_write(stream, body);
    if (held->has_failed)
        http_abort(stream);
    else if (held->has_ended)
        http_end(stream, NULL, 0);
    else if (has_room)
        stream_writable(exchange);
}

/* The stream may be gone when it is answered, and what is held with it. */
static void let_pass(struct exchange *exchange)
{
    struct held_answer *held = take(exchange->held);
    struct buffer body = held->body;

    held->answer.body = buffer_text(&body);
    if (held->is_stream)
        let_stream(exchange, held, buffer_text(&body));
    else
        reply_send(exchange, &held->answer);
    buffer_done(&body);
}

void waf_answer_checked(struct exchange *exchange)
{
    int status = exchange->waf->status;

    report_finding(exchange, "answer");
    waf_check_close(take(exchange->waf));
    if (!status) {
        let_pass(exchange);
        return;
    }
    exchange->is_refused = true;
    reply_refuse_message(exchange, status, http_reason(status), 0);
}
