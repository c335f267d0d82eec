/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "gateway/gateway_priv.h"

#define JSON_TYPE TEXT("application/json")
#define PRELUDE_TYPE TEXT("application/vnd.awslambda.http-integration-response")

/* Texts and types are AWS's: recorded where known, else those of its sister services. */
static const struct {
    int status;
    struct text type, body;
} refusals[] = {
    [REFUSE_BAD_REQUEST] = {400, TEXT("BadRequestException"),
                            TEXT("{\"message\":\"Bad Request\"}")},
    [REFUSE_UNKNOWN] = {403, TEXT("AccessDeniedException"), TEXT("{\"Message\":null}")},
    [REFUSE_FORBIDDEN] = {403, TEXT("AccessDeniedException"),
                          TEXT("{\"Message\":\"Forbidden. For troubleshooting Function URL "
                               "authorization issues, see: "
                               "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html\"}")},
    [REFUSE_NOT_FOUND] = {404, TEXT("NotFoundException"), TEXT("{\"message\":\"Not Found\"}")},
    [REFUSE_RECURSION] = {400, TEXT("RecursiveInvocationException"),
                          TEXT("{\"message\":\"Lambda has detected your function being invoked in "
                               "a recursive loop with other AWS resources and stopped your "
                               "function's invocation.\"}")},
    [REFUSE_METHOD] = {405, TEXT("MethodNotAllowedException"),
                       TEXT("{\"message\":\"Method Not Allowed\"}")},
    [REFUSE_TOO_LARGE] = {413, TEXT("RequestTooLargeException"),
                          TEXT("{\"Message\":\"Request must be smaller than 6291456 bytes for the "
                               "InvokeFunction operation\"}")},
    [REFUSE_UNAVAILABLE] = {503, TEXT("ServiceException"),
                            TEXT("{\"message\":\"Service Unavailable\"}")},
    [REFUSE_FUNCTION_FAILED] = {502, TEXT(""), TEXT("Internal Server Error")},
    [REFUSE_UNAUTHORIZED] = {401, TEXT("UnauthorizedException"),
                             TEXT("{\"message\":\"Unauthorized\"}")},
    [REFUSE_TOO_MANY] = {429, TEXT("TooManyRequestsException"),
                         TEXT("{\"message\":\"Too Many Requests\"}")},
    [REFUSE_FAILED] = {500, TEXT("ServiceException"),
                       TEXT("{\"message\":\"Internal Server Error\"}")},
};

/* The same of an HTTP API. */
static const struct {
    int status;
    struct text body;
} api_refusals[] = {
    [REFUSE_BAD_REQUEST] = {400, TEXT("{\"message\":\"Bad Request\"}")},
    [REFUSE_UNAUTHORIZED] = {401, TEXT("{\"message\":\"Unauthorized\"}")},
    [REFUSE_UNKNOWN] = {403, TEXT("{\"message\":\"Forbidden\"}")},
    [REFUSE_FORBIDDEN] = {403, TEXT("{\"message\":\"Forbidden\"}")},
    [REFUSE_NOT_FOUND] = {404, TEXT("{\"message\":\"Not Found\"}")},
    [REFUSE_RECURSION] = {400, TEXT("{\"message\":\"Lambda has detected your function being "
                                    "invoked in a recursive loop with other AWS resources and "
                                    "stopped your function's invocation.\"}")},
    [REFUSE_METHOD] = {405, TEXT("{\"message\":\"Method Not Allowed\"}")},
    [REFUSE_TOO_LARGE] = {413, TEXT("{\"message\":\"Request Entity Too Large\"}")},
    [REFUSE_HEAD] = {431, TEXT("{\"message\":\"Request Header Fields Too Large\"}")},
    [REFUSE_TOO_MANY] = {429, TEXT("{\"message\":\"Too Many Requests\"}")},
    [REFUSE_FAILED] = {500, TEXT("{\"message\":\"Internal Server Error\"}")},
    [REFUSE_UNAVAILABLE] = {503, TEXT("{\"message\":\"Service Unavailable\"}")},
    [REFUSE_UPGRADE] = {426, TEXT("{\"message\":\"Upgrade Required\"}")},
    [REFUSE_BAD_GATEWAY] = {502, TEXT("{\"message\":\"Internal server error\"}")},
    [REFUSE_FUNCTION_FAILED] = {500, TEXT("{\"message\":\"Internal Server Error\"}")},
};

static const char *request_id(struct exchange *exchange)
{
    if (exchange->invocation && !exchange->route.api)
        return exchange->invocation->request_id;
    if (!exchange->request_id[0])
        crypto_uuid(exchange->request_id);
    return exchange->request_id;
}

static void add(struct answer *answer, struct text name, struct text value)
{
    assert(answer->count < ANSWER_FIELDS_MAX + OWN_FIELDS_MAX);
    answer->fields[answer->count++] = (struct http_field){name, value};
}

/* As HTTP APIs write them. */
static void lower_names(struct http_field *fields, size_t count, struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        struct text name = fields[i].name;
        bool has_upper = false;
        for (size_t j = 0; j < name.len; j++)
            has_upper |= name.at[j] >= 'A' && name.at[j] <= 'Z';
        if (!has_upper)
            continue;
        char *lower = arena_string(arena, name);
        for (char *at = lower; *at; at++)
            if (*at >= 'A' && *at <= 'Z')
                *at |= 0x20;
        fields[i].name = text_from(lower, name.len);
    }
}

/* What a function may not say itself goes, what the gateway says is added. */
static void finish_fields(struct exchange *exchange, struct answer *answer,
                          struct text content_type)
{
    size_t kept = 0;

    for (size_t i = 0; i < answer->count; i++)
        if (header_returns(answer->fields[i].name, exchange->has_cors))
            answer->fields[kept++] = answer->fields[i];
    answer->count = kept;
    if (exchange->route.api) {
        lower_names(answer->fields, kept, &exchange->stream->arena);
        lower_names(exchange->cors, exchange->cors_count, &exchange->stream->arena);
    }
    if (!answer->has_content_type && text_is_set(content_type))
        add(answer, exchange->route.api ? TEXT("content-type") : TEXT("Content-Type"),
            content_type);
    if (exchange->route.api) {
        add(answer, TEXT("apigw-requestid"), text_of(request_id(exchange)));
    } else {
        add(answer, TEXT("x-amzn-RequestId"), text_of(request_id(exchange)));
        if (exchange->invocation)
            add(answer, TEXT("X-Amzn-Trace-Id"), text_of(exchange->invocation->trace));
    }
    for (size_t i = 0; i < exchange->cors_count; i++)
        add(answer, exchange->cors[i].name, exchange->cors[i].value);
}

void reply_send(struct exchange *exchange, const struct answer *answer)
{
    struct http_stream *stream = exchange->stream;

    delivery_settle(exchange, answer->status);
    if (answer->head_length != 0 && stream->request.method == METHOD_HEAD) {
        http_begin(stream, answer->status, answer->fields, answer->count, answer->head_length);
        http_end(stream, NULL, 0);
        return;
    }
    http_respond(stream, answer->status, answer->fields, answer->count, answer->body);
}

void reply_complete(struct exchange *exchange, struct answer *answer, struct text content_type)
{
    finish_fields(exchange, answer, content_type);
    if (waf_looks_at_answers(exchange))
        waf_hold_answer(exchange, answer);
    else
        reply_send(exchange, answer);
}

void reply_begin(struct exchange *exchange, struct answer *answer, struct text content_type)
{
    finish_fields(exchange, answer, content_type);
    if (waf_looks_at_answers(exchange)) {
        waf_hold_stream(exchange, answer);
        return;
    }
    delivery_settle(exchange, answer->status);
    http_begin(exchange->stream, answer->status, answer->fields, answer->count, -1);
}

static struct answer start(struct exchange *exchange, int status, struct text type,
                           struct text body)
{
    struct answer answer = {
        .status = status,
        .fields = exchange->gateway->fields,
        .body = body,
    };

    if (type.len)
        add(&answer, TEXT("x-amzn-ErrorType"), type);
    return answer;
}

/* header_returns() takes error types from functions, so these bypass it. */
static void complete_refusal(struct exchange *exchange, struct answer *answer)
{
    struct answer own = *answer;

    own.fields += answer->count;
    own.count = 0;
    finish_fields(exchange, &own, JSON_TYPE);
    delivery_settle(exchange, answer->status);
    http_respond(exchange->stream, answer->status, answer->fields, answer->count + own.count,
                 answer->body);
}

/* Of "{"message":"Not Found"}". */
static struct text message_of(struct text body)
{
    struct text begin = TEXT("{\"message\":\""), end = TEXT("\"}");

    if (!text_starts(body, begin) || !text_ends(body, end))
        return TEXT_NONE;
    return text_slice(body, begin.len, body.len - end.len);
}

static struct answer start_refusal(struct exchange *exchange, enum refusal refusal)
{
    exchange->error =
        message_of(exchange->route.api ? api_refusals[refusal].body : refusals[refusal].body);
    if (exchange->route.api)
        return start(exchange, api_refusals[refusal].status, TEXT(""), api_refusals[refusal].body);
    return start(exchange, refusals[refusal].status, refusals[refusal].type,
                 refusals[refusal].body);
}

void reply_refuse(struct exchange *exchange, enum refusal refusal)
{
    if (refusal == REFUSE_METHOD) {
        reply_refuse_with(exchange, refusal, TEXT("Allow"),
                          TEXT("GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"));
        return;
    }
    struct answer answer = start_refusal(exchange, refusal);
    complete_refusal(exchange, &answer);
}

void reply_json(struct exchange *exchange, int status, struct text body)
{
    struct answer answer = start(exchange, status, TEXT_NONE, body);

    complete_refusal(exchange, &answer);
}

void reply_refuse_with(struct exchange *exchange, enum refusal refusal, struct text name,
                       struct text value)
{
    struct answer answer = start_refusal(exchange, refusal);

    if (refusal == REFUSE_UPGRADE)
        add(&answer, TEXT("Upgrade"), TEXT("websocket"));
    add(&answer, name, value);
    complete_refusal(exchange, &answer);
}

static struct text message_json(const char *message, struct buffer *out)
{
    buffer_clear(out);
    buffer_add_literal(out, "{\"message\":");
    buffer_add_json(out, text_of(message));
    buffer_add_char(out, '}');
    return buffer_text(out);
}

void reply_refuse_signature(struct exchange *exchange, const struct sigv4_refusal *refusal)
{
    if (strcmp(refusal->code, "MissingAuthenticationToken") == 0) {
        reply_refuse(exchange, REFUSE_FORBIDDEN);
        return;
    }
    struct arena *arena = &exchange->stream->arena;
    const char *type = arena_format(arena, "%sException", refusal->code);
    int status = strcmp(refusal->code, "IncompleteSignature") == 0 ? 400 : 403;
    struct answer answer = start(exchange, status, text_of(type),
                                 message_json(refusal->message, &exchange->gateway->scratch));

    complete_refusal(exchange, &answer);
}

void reply_refuse_message(struct exchange *exchange, int status, const char *message,
                          int64_t retry_ms)
{
    struct answer answer =
        start(exchange, status, TEXT(""), message_json(message, &exchange->gateway->scratch));

    exchange->error = text_of(arena_string(&exchange->stream->arena, text_of(message)));
    if (retry_ms > 0)
        add(&answer, TEXT("Retry-After"),
            text_of(arena_format(&exchange->stream->arena, "%lld",
                                 (long long)((retry_ms + 999) / 1000))));
    complete_refusal(exchange, &answer);
}

void reply_refuse_throttled(struct exchange *exchange, const char *reason)
{
    struct arena *arena = &exchange->stream->arena;

    if (exchange->route.api) { /* the function's, which is not the client's to see */
        reply_refuse(exchange, REFUSE_UNAVAILABLE);
        return;
    }
    struct text body = text_of(arena_format(
        arena, "{\"Reason\":\"%s\",\"Type\":\"User\",\"message\":\"Rate Exceeded.\"}", reason));
    struct answer answer = start(exchange, 429, TEXT("TooManyRequestsException"), body);

    add(&answer, TEXT("Retry-After"), TEXT("1"));
    complete_refusal(exchange, &answer);
}

void reply_preflight(struct exchange *exchange)
{
    struct answer answer = start(exchange, 204, TEXT(""), TEXT(""));

    answer.has_content_type = true;
    finish_fields(exchange, &answer, TEXT_NONE);
    http_respond(exchange->stream, answer.status, answer.fields, answer.count, answer.body);
}

static const char *failure_of(const struct invocation *invocation)
{
    switch (invocation->outcome) {
    case INVOCATION_THROTTLED:
        return "the function is throttled";
    case INVOCATION_FAILED:
        return "the function could not be run";
    case INVOCATION_FUNCTION_ERROR:
        return "the function returned an error";
    case INVOCATION_OK:
        break;
    }
    return "the function's answer is malformed";
}

void reply_failed(struct exchange *exchange, const struct invocation *invocation)
{
    exchange_integrated(exchange, 0, failure_of(invocation));
    switch (invocation->outcome) {
    case INVOCATION_THROTTLED:
        reply_refuse_throttled(exchange, invocation->throttle_reason
                                             ? invocation->throttle_reason
                                             : "ConcurrentInvocationLimitExceeded");
        return;
    case INVOCATION_FAILED:
        reply_refuse(exchange, REFUSE_UNAVAILABLE);
        return;
    case INVOCATION_OK:
    case INVOCATION_FUNCTION_ERROR:
        reply_refuse(exchange, REFUSE_FUNCTION_FAILED);
        return;
    }
}

bool reply_is_prelude_type(struct text content_type)
{
    struct text type = text_trim(text_slice(content_type, 0, text_find(content_type, ';')));

    return text_equal_nocase(type, PRELUDE_TYPE);
}

size_t reply_find_separator(struct text text)
{
    static const char separator[PRELUDE_SEPARATOR_LEN];
    const char *found = memmem(text.at, text.len, separator, sizeof separator);

    return found ? (size_t)(found - text.at) : text.len;
}

static bool read_collected_stream(struct invocation *invocation, struct answer *answer)
{
    struct text all = buffer_text(&invocation->response);

    if (!reply_is_prelude_type(text_of(invocation->content_type))) {
        *answer = (struct answer){.status = 200, .fields = answer->fields, .body = all};
        return true;
    }
    size_t end = reply_find_separator(text_slice(all, 0, PRELUDE_BYTES_MAX));
    if (end >= all.len || end >= PRELUDE_BYTES_MAX ||
        !answer_read_prelude(&invocation->response, end, answer))
        return false;
    answer->body = text_skip(all, end + PRELUDE_SEPARATOR_LEN);
    return true;
}

static void finish(struct exchange *exchange, struct answer *answer, struct text type)
{
    if (filter_outgoing(exchange, answer, type))
        reply_complete(exchange, answer, type);
    else
        reply_json(exchange, 502, TEXT("{\"message\":\"Bad Gateway\"}"));
}

/* By the integration's mapping for the status, of answers of the integration only. */
static void map_answer(struct exchange *exchange, struct answer *answer)
{
    const struct api_integration *integration = exchange->route.matched->integration;
    struct mapping_source source = context_source(exchange);

    source.answer_fields = answer->fields;
    source.answer_count = answer->count;
    source.answer_body = answer->body;
    for (size_t i = 0; i < integration->response_mapping_count; i++) {
        if (integration->response_mappings[i].status != answer->status)
            continue;
        mapping_apply_response(integration->response_mappings[i].mapping, &source, answer->fields,
                               &answer->count, ANSWER_FIELDS_MAX, &answer->status);
        break;
    }
    if (integration->response_mapping_count == 0)
        return;
    answer->has_content_type = false;
    for (size_t i = 0; i < answer->count; i++)
        answer->has_content_type |=
            text_equal_nocase(answer->fields[i].name, TEXT("content-type"));
}

void reply_relayed(struct exchange *exchange, struct answer *answer)
{
    map_answer(exchange, answer);
    finish(exchange, answer, TEXT_NONE);
}

/* By the payload format of the integration. */
static void reply_api(struct exchange *exchange, struct invocation *invocation)
{
    struct answer answer = {.fields = exchange->gateway->fields};
    int version = convert_version(exchange);

    if (convert_answer(exchange, buffer_text(&invocation->response), &answer))
        answer.is_inferred = true;
    else if (!(invocation->streamed
                   ? read_collected_stream(invocation, &answer)
                   : answer_read_api(&invocation->response, &exchange->gateway->scratch, version,
                                     &answer))) {
        exchange_integrated(exchange, 0, failure_of(invocation));
        reply_refuse(exchange, REFUSE_FAILED);
        return;
    }
    exchange_integrated(exchange, answer.status, NULL);
    map_answer(exchange, &answer);
    finish(exchange, &answer, answer.is_inferred ? JSON_TYPE : TEXT("text/plain; charset=utf-8"));
}

/* A streaming function says its type itself; one that does not is read as JSON is. */
void reply_done(struct exchange *exchange, struct invocation *invocation)
{
    struct answer answer = {.fields = exchange->gateway->fields};
    struct buffer *scratch = &exchange->gateway->scratch;
    struct text type = invocation->streamed ? TEXT("application/octet-stream") : JSON_TYPE;

    if (invocation->outcome != INVOCATION_OK) {
        reply_failed(exchange, invocation);
        return;
    }
    if (exchange->route.api) {
        reply_api(exchange, invocation);
        return;
    }
    if (invocation->streamed && invocation->content_type[0] &&
        !reply_is_prelude_type(text_of(invocation->content_type)))
        type = text_of(invocation->content_type);
    if (convert_answer(exchange, buffer_text(&invocation->response), &answer))
        finish(exchange, &answer, type);
    else if (invocation->streamed ? read_collected_stream(invocation, &answer)
             : convert_version(exchange) == 1
                 ? answer_read_api(&invocation->response, scratch, 1, &answer)
                 : answer_read(&invocation->response, scratch, &answer))
        finish(exchange, &answer, type);
    else
        reply_refuse(exchange, REFUSE_FUNCTION_FAILED);
}
