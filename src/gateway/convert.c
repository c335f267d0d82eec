/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/json.h"
#include "base/json_check.h"
#include "gateway/gateway_priv.h"
#include "guard/conversion.h"
#include "guard/guard.h"
#include "router/cloudevents.h"

/*
 * Requests that become another event than the HTTP request's own: the CloudEvent in it, an object
 * store's notification, or the body as it stands. The answer goes back as usual, but that of a
 * function that answers a CloudEvent: then in the mode in which the request came.
 */

static enum conversion_kind kind_of(const struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;

    return guard && guard->conversion ? guard->conversion->kind : CONVERT_PAYLOAD_2;
}

int convert_version(const struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;
    const struct route *route = &exchange->route;

    if (guard && guard->conversion)
        return guard->conversion->kind == CONVERT_PAYLOAD_1 ? 1 : 2;
    return route->api && route->matched->integration ? route->matched->integration->payload_version
                                                     : 2;
}

static bool refuse(struct exchange *exchange, int status, const char *reason)
{
    scoped(buffer_done) struct buffer out = {0};

    buffer_add_literal(&out, "{\"message\":");
    buffer_add_json(&out, text_of(reason));
    buffer_add_char(&out, '}');
    reply_json(exchange, status, arena_copy(&exchange->stream->arena, buffer_text(&out)));
    return false;
}

static enum cloud_mode mode_of(const struct exchange *exchange)
{
    return cloudevents_mode(http_header(&exchange->stream->request, TEXT("content-type")));
}

static bool convert_cloudevents(struct exchange *exchange, struct buffer *out)
{
    const struct http_request *request = &exchange->stream->request;
    struct arena *arena = &exchange->stream->arena;
    struct cloud_header *headers = arena_alloc(arena, (request->field_count + 1) * sizeof *headers);
    struct cloud_event *events;
    struct error err;
    size_t count;

    for (size_t i = 0; i < request->field_count; i++)
        headers[i] = (struct cloud_header){request->fields[i].name, request->fields[i].value};
    const struct cloud_message message = {headers, request->field_count, exchange->content};
    if (cloudevents_decode(&message, arena, &events, &count, &err) < 0)
        return refuse(exchange, 400, err.text);
    bool is_batch = mode_of(exchange) == CLOUD_BATCH;
    if (is_batch)
        buffer_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_add_char(out, ',');
        cloudevents_write_json(&events[i], out);
    }
    if (is_batch)
        buffer_add_char(out, ']');
    return true;
}

static bool convert_s3(struct exchange *exchange, struct buffer *out)
{
    struct error err;

    if (conversion_s3(exchange->content, out, &err) < 0)
        return refuse(exchange, 400, err.text);
    if (out->len == 0) { /* a test of the notification: the function has nothing to do */
        reply_json(exchange, 200, TEXT("{}"));
        return false;
    }
    return true;
}

/* JSON as it is, other text as a string, anything else in base64. */
static bool convert_raw(struct exchange *exchange, struct buffer *out)
{
    struct text body = exchange->content;
    scoped(buffer_done) struct buffer why = {0};

    if (body.len == 0) {
        buffer_add_literal(out, "null");
    } else if (json_check(body, &why)) {
        buffer_add_text(out, body);
    } else if (text_is_utf8(body)) {
        buffer_add_json(out, body);
    } else {
        buffer_add_char(out, '"');
        crypto_base64(body, out);
        buffer_add_char(out, '"');
    }
    return true;
}

bool convert_request(struct exchange *exchange, struct buffer *out)
{
    switch (kind_of(exchange)) {
    case CONVERT_CLOUDEVENTS:
        return convert_cloudevents(exchange, out);
    case CONVERT_S3:
        return convert_s3(exchange, out);
    case CONVERT_RAW:
        return convert_raw(exchange, out);
    case CONVERT_PAYLOAD_1:
    case CONVERT_PAYLOAD_2:
        break;
    }
    return true;
}

/* --- the answer --- */

static bool is_cloud_event(const json_t *json)
{
    return text_equal(json_text(json, "specversion"), TEXT("1.0")) &&
           text_is_set(json_text(json, "type"));
}

static void answer_whole(struct answer *answer, struct text type, struct text body)
{
    answer->status = 200;
    answer->fields[0] = (struct http_field){TEXT("Content-Type"), type};
    answer->count = 1;
    answer->has_content_type = true;
    answer->body = body;
}

static bool answer_binary(struct exchange *exchange, struct text json, struct answer *answer)
{
    struct arena *arena = &exchange->stream->arena;
    const struct cloud_header type = {TEXT("content-type"), TEXT("application/cloudevents+json")};
    const struct cloud_message message = {&type, 1, json};
    struct cloud_event *events;
    struct error err;
    size_t count;

    if (cloudevents_decode(&message, arena, &events, &count, &err) < 0 || count != 1)
        return false;
    struct cloud_header *headers = cloudevents_write_headers(&events[0], arena, &count);
    if (count > ANSWER_FIELDS_MAX)
        return false;
    answer->status = 200;
    answer->count = count;
    answer->body = events[0].data;
    for (size_t i = 0; i < count; i++) {
        answer->fields[i] = (struct http_field){headers[i].name, headers[i].value};
        answer->has_content_type |= text_equal_nocase(headers[i].name, TEXT("content-type"));
    }
    return true;
}

bool convert_answer(struct exchange *exchange, struct text response, struct answer *answer)
{
    struct error err;

    if (kind_of(exchange) != CONVERT_CLOUDEVENTS)
        return false;
    struct text body = arena_copy(&exchange->stream->arena, response);
    scoped(json_decref) json_t *json = json_parse(body, &err);
    bool is_batch = is_cloud_event(json_array_get(json, 0));
    if (json_is_null(json)) { /* taken, and nothing to say */
        *answer =
            (struct answer){.status = 204, .fields = answer->fields, .has_content_type = true};
        return true;
    }
    if (is_batch)
        answer_whole(answer, TEXT("application/cloudevents-batch+json"), body);
    else if (!is_cloud_event(json))
        return false;
    else if (mode_of(exchange) != CLOUD_BINARY)
        answer_whole(answer, TEXT("application/cloudevents+json"), body);
    else
        return answer_binary(exchange, body, answer);
    return true;
}
