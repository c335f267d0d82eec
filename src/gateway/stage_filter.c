/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "gateway/gateway_priv.h"
#include "guard/filter.h"
#include "guard/guard.h"

/* The content filter and typed inputs, on the way in; both, on the way out. */

static bool pass(struct exchange *exchange, const struct filter *filter)
{
    struct http_request *request = &exchange->stream->request;
    const struct route *route = &exchange->route;
    const struct filter_input input = {
        .request = request,
        .path = route->stage_path,
        .names = route->names,
        .values = route->values,
        .parameter_count = route->parameter_count,
        .body = exchange->content,
        .arena = &exchange->stream->arena,
    };
    struct filter_result result;

    filter_request(filter, &input, &result);
    if (result.status) {
        reply_json(exchange, result.status, result.reason);
        return false;
    }
    if (result.is_changed) {
        exchange->content = result.body;
        request->query = result.query;
    }
    return true;
}

enum stage_verdict stage_filter(struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;

    if (!guard || (!guard->filter && !guard->types))
        return STAGE_PASS;
    if ((guard->types && !pass(exchange, guard->types)) ||
        (guard->filter && !pass(exchange, guard->filter)))
        return STAGE_ANSWERED;
    return STAGE_PASS;
}

static struct text content_type(const struct answer *answer, struct text fallback)
{
    for (size_t i = 0; i < answer->count; i++)
        if (text_equal_nocase(answer->fields[i].name, TEXT("content-type")))
            return answer->fields[i].value;
    return fallback;
}

static bool pass_answer(struct exchange *exchange, const struct filter *filter,
                        struct answer *answer, struct text fallback)
{
    struct filter_result result;

    if (!filter || !filter_has_answers(filter))
        return true;
    filter_answer(filter, answer->status, content_type(answer, fallback), answer->body,
                  &exchange->stream->arena, &result);
    if (result.reason.len > 0) {
        const struct invocation *invocation = exchange->invocation;
        scoped(free) char *reason = text_dup(result.reason);
        log_warn("answer does not fit",
                 LOG_TEXT("function", invocation ? invocation->version->name : ""),
                 LOG_TEXT("request", invocation ? invocation->request_id : exchange->request_id),
                 LOG_TEXT("reason", reason));
    }
    answer->body = result.body;
    return result.status == 0;
}

bool filter_outgoing(struct exchange *exchange, struct answer *answer, struct text type)
{
    const struct guard *guard = exchange->route.guard;

    return !guard || (pass_answer(exchange, guard->types, answer, type) &&
                      pass_answer(exchange, guard->filter, answer, type));
}
