/* SPDX-License-Identifier: Apache-2.0 */
#include "target/targets_priv.h"

#include <stdio.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/scan.h"
#include "http/uri.h"

/* One call of an API destination, as EventBridge makes it. */

#define TIMEOUT_MS 5000 /* EventBridge's */
#define WARN_EVERY_US (60 * 1000000LL)

/* Everything an attempt is made of: documents and the target's own parameters. */
struct attempt {
    struct delivery *delivery;
    const json_t *destination, *connection, *own, *invocation; /* HttpParameters of both */
};

static const json_t *find_destination(const struct lane *lane)
{
    return map_find(&lane->place->destinations, text_of(lane->resource));
}

int64_t destination_rate(const struct lane *lane)
{
    const json_t *destination = find_destination(lane);

    return destination ? json_int(destination, "InvocationRateLimitPerSecond", 0) : 0;
}

/* "arn:...:connection/NAME/ID" */
static char *connection_name(const json_t *destination, struct arena *arena)
{
    struct text arn = json_text(destination, "ConnectionArn");
    size_t at = text_find_text(arn, TEXT(":connection/"));
    struct text rest = text_skip(arn, at + sizeof ":connection/" - 1);

    return arena_string(arena, text_slice(rest, 0, text_find(rest, '/')));
}

/* --- the URL --- */

/* Each "*" takes the next value of PathParameterValues. */
static void add_path(const struct attempt *attempt, struct buffer *url)
{
    struct text rest = json_text(attempt->destination, "InvocationEndpoint"), piece;
    const json_t *values = json_object_get(attempt->own, "PathParameterValues");

    for (size_t i = 0; text_split(&rest, '*', &piece); i++) {
        const json_t *value = json_array_get(values, i);
        buffer_add_text(url, piece);
        if (text_is_set(rest) && (rest.len > 0 || piece.at[piece.len] == '*') && value)
            uri_encode(url, text_from(json_string_value(value), json_string_length(value)), false);
    }
}

static void add_query_pair(struct buffer *url, struct text name, struct text value)
{
    buffer_add_char(url, text_contains(buffer_text(url), '?') ? '&' : '?');
    uri_encode(url, name, false);
    buffer_add_char(url, '=');
    uri_encode(url, value, false);
}

/* Whether the connection says another value for it. */
static bool is_overridden(const json_t *parameters, struct text name)
{
    const json_t *parameter;
    size_t index;

    json_array_foreach(parameters, index, parameter)
    {
        if (text_equal_nocase(json_text(parameter, "Key"), name))
            return true;
    }
    return false;
}

static void add_query(const struct attempt *attempt, struct buffer *url)
{
    const json_t *given = json_object_get(attempt->invocation, "QueryStringParameters"), *parameter;
    const char *key;
    json_t *value;
    size_t index;

    json_object_foreach(json_object_get(attempt->own, "QueryStringParameters"), key, value)
    {
        if (!is_overridden(given, text_of(key)))
            add_query_pair(url, text_of(key), text_of(json_string_value(value)));
    }
    json_array_foreach(given, index, parameter)
    {
        add_query_pair(url, json_text(parameter, "Key"), json_text(parameter, "Value"));
    }
}

/* --- headers --- */

static void add_headers(const struct attempt *attempt, struct client_call *call)
{
    const json_t *parameter;
    const char *key;
    json_t *value;
    size_t index;

    client_add_header(call, TEXT("User-Agent"), TEXT("Amazon/EventBridge/ApiDestinations"));
    client_add_header(call, TEXT("Content-Type"), TEXT("application/json; charset=utf-8"));
    client_add_header(call, TEXT("Range"), TEXT("bytes=0-1048575"));
    client_add_header(call, TEXT("Accept-Encoding"), TEXT("gzip,deflate"));
    client_add_header(call, TEXT("Connection"), TEXT("close"));
    client_add_header(call, TEXT("Expect"), TEXT("")); /* none of curl's own */
    json_object_foreach(json_object_get(attempt->own, "HeaderParameters"), key, value)
    {
        client_add_header(call, text_of(key), text_of(json_string_value(value)));
    }
    json_array_foreach(json_object_get(attempt->invocation, "HeaderParameters"), index, parameter)
    {
        client_add_header(call, json_text(parameter, "Key"), json_text(parameter, "Value"));
    }
}

static void add_basic(const json_t *parameters, struct client_call *call)
{
    scoped(buffer_done) struct buffer pair = {0}, value = {0};

    buffer_add_text(&pair, json_text(parameters, "Username"));
    buffer_add_char(&pair, ':');
    buffer_add_text(&pair, json_text(parameters, "Password"));
    buffer_add_literal(&value, "Basic ");
    crypto_base64(buffer_text(&pair), &value);
    client_add_header(call, TEXT("Authorization"), buffer_text(&value));
}

/* False: a token is on its way, or the attempt has ended. */
static bool add_authorization(const struct attempt *attempt, struct client_call *call)
{
    struct delivery *delivery = attempt->delivery;
    const json_t *parameters = json_object_get(attempt->connection, "AuthParameters");
    const json_t *basic = json_object_get(parameters, "BasicAuthParameters");
    const json_t *api_key = json_object_get(parameters, "ApiKeyAuthParameters");

    if (basic) {
        add_basic(basic, call);
        return true;
    }
    if (api_key) {
        client_add_header(call, json_text(api_key, "ApiKeyName"),
                          json_text(api_key, "ApiKeyValue"));
        return true;
    }
    const char *name = connection_name(attempt->destination, &delivery->arena);
    const char *token = token_find(delivery, name, attempt->connection);
    if (!token)
        return false;
    client_add_header(call, TEXT("Authorization"),
                      text_of(arena_format(&delivery->arena, "Bearer %s", token)));
    return true;
}

/* --- the body --- */

/* The connection's BodyParameters become members of an object; other bodies stay. */
static struct text make_body(const struct attempt *attempt)
{
    struct delivery *delivery = attempt->delivery;
    const json_t *parameters = json_object_get(attempt->invocation, "BodyParameters"), *parameter;
    struct text body = buffer_text(&delivery->event->body);
    struct scan_value value;
    size_t index;

    if (json_array_size(parameters) == 0 || !scan_document(body, NULL, NULL, &value) ||
        value.kind != SCAN_OBJECT)
        return body;
    buffer_clear(&delivery->scratch);
    buffer_add_char(&delivery->scratch, '{');
    json_array_foreach(parameters, index, parameter)
    {
        buffer_add_json(&delivery->scratch, json_text(parameter, "Key"));
        buffer_add_char(&delivery->scratch, ':');
        buffer_add_json(&delivery->scratch, json_text(parameter, "Value"));
        buffer_add_char(&delivery->scratch, ',');
    }
    struct text members = text_trim(text_slice(value.text, 1, value.text.len - 1));
    if (members.len == 0)
        delivery->scratch.len--;
    buffer_add_text(&delivery->scratch, members);
    buffer_add_char(&delivery->scratch, '}');
    return arena_copy(&delivery->arena, buffer_text(&delivery->scratch));
}

/* --- the answer --- */

static void on_refused(struct delivery *delivery, int status)
{
    struct lane *lane = delivery->lane;
    char why[80];
    bool is_auth = status == 401 || status == 407;

    snprintf(why, sizeof why, "The API destination answered with status %d.", status);
    if (is_auth && !delivery->has_fresh_token) {
        const json_t *destination = find_destination(lane);
        if (destination)
            token_forget(lane->place, connection_name(destination, &delivery->arena));
        delivery->has_fresh_token = true;
        delivery_retry(delivery, "NO_PERMISSIONS", why, 0);
    } else if (status == 429 || status >= 500) {
        delivery_retry(delivery, status == 429 ? "THROTTLING" : "ERROR_FROM_TARGET", why,
                       delivery->call.retry_after_s);
    } else {
        delivery_fail(delivery, is_auth ? "NO_PERMISSIONS" : "ERROR_FROM_TARGET", why);
    }
}

const char *destination_explain(struct place *place, const struct client_call *call,
                                const char *name)
{
    int64_t now_us = loop_now_us(place->loop);

    if (call->failure != CLIENT_REFUSED)
        return call->reason;
    if (!place->warned_us || now_us - place->warned_us >= WARN_EVERY_US) {
        place->warned_us = now_us;
        log_warn("an API destination or its connection may not call its address: see the setting "
                 "upstream-networks",
                 LOG_TEXT("name", name));
    }
    return "the address is neither public nor listed by the daemon's setting upstream-networks, "
           "or it is the daemon's own";
}

static void on_answered(struct client_call *call)
{
    struct delivery *delivery = container_of(call, struct delivery, call);

    switch (call->failure) {
    case CLIENT_TIMEOUT:
        delivery_retry(delivery, "TIMEOUT", call->reason, 0);
        return;
    case CLIENT_UNREACHABLE:
    case CLIENT_REFUSED:
        delivery_retry(delivery, "CONNECTION_FAILURE",
                       destination_explain(delivery->lane->place, call, delivery->lane->resource),
                       0);
        return;
    case CLIENT_OK:
        break;
    }
    if (call->status >= 200 && call->status < 300)
        delivery_succeed(delivery);
    else
        on_refused(delivery, call->status);
}

/* --- the attempt --- */

static void call_endpoint(struct attempt *attempt, const json_t *extra)
{
    struct delivery *delivery = attempt->delivery;
    scoped(buffer_done) struct buffer url = {0};

    buffer_done(&delivery->call.answer);
    delivery->call = (struct client_call){.done = on_answered, .timeout_ms = TIMEOUT_MS};
    attempt->own = json_object_get(extra, "http");
    attempt->invocation = json_object_get(json_object_get(attempt->connection, "AuthParameters"),
                                          "InvocationHttpParameters");
    add_headers(attempt, &delivery->call);
    if (!add_authorization(attempt, &delivery->call)) {
        client_drop(&delivery->call);
        return;
    }
    add_path(attempt, &url);
    add_query(attempt, &url);
    delivery->call.url = arena_string(&delivery->arena, buffer_text(&url));
    delivery->call.method =
        arena_string(&delivery->arena, json_text(attempt->destination, "HttpMethod"));
    delivery->call.body = make_body(attempt);
    client_send(delivery->lane->place->client, &delivery->call);
}

void destination_attempt(struct delivery *delivery)
{
    struct place *place = delivery->lane->place;
    struct attempt attempt = {.delivery = delivery,
                              .destination = find_destination(delivery->lane)};
    struct error err;

    if (!attempt.destination) {
        delivery_fail(delivery, "NO_RESOURCE", "The API destination does not exist.");
        return;
    }
    attempt.connection = map_find(&place->connections,
                                  text_of(connection_name(attempt.destination, &delivery->arena)));
    if (!attempt.connection) {
        delivery_fail(delivery, "NO_RESOURCE", "The connection does not exist.");
        return;
    }
    if (text_equal(json_text(attempt.connection, "ConnectionState"), TEXT("DEAUTHORIZED"))) {
        delivery_fail(delivery, "NO_PERMISSIONS", "The connection is not authorized.");
        return;
    }
    scoped(json_decref) json_t *extra =
        delivery->note.extra.len > 0 ? json_parse(delivery->note.extra, &err) : NULL;
    call_endpoint(&attempt, extra);
}
