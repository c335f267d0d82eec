/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scan.h"
#include "gateway/gateway_priv.h"

/* What mappings may ask of a request besides itself: $context, $stageVariables, and the
 * parameters of its path. */

static struct text member(struct text object, struct text name, struct arena *arena)
{
    struct scan_value whole, key, value;
    struct buffer out = {0};

    if (object.len == 0 || !scan_document(object, NULL, NULL, &whole) ||
        whole.kind != SCAN_OBJECT)
        return TEXT_NONE;
    struct scan scan = scan_open(&whole);
    while (scan_member(&scan, &key, &value)) {
        if (!scan_is(&key, name))
            continue;
        buffer_add_text(&out, TEXT(""));
        if (value.kind == SCAN_STRING)
            scan_add_decoded(&value, &out);
        else
            scan_add_json(&value, &out);
        struct text found = arena_copy(arena, out.len ? buffer_text(&out) : TEXT(""));
        buffer_done(&out);
        return found;
    }
    return TEXT_NONE;
}

/* "claims.sub" of a JWT, "name" of what a function said. */
static struct text authorizer(const struct exchange *exchange, struct text name,
                              struct arena *arena)
{
    struct text claims = TEXT("claims.");

    if (text_equal(name, TEXT("principalId")))
        return exchange->principal;
    if (!text_starts(name, claims))
        return member(member(exchange->authorizer, TEXT("lambda"), arena), name, arena);
    struct text jwt = member(exchange->authorizer, TEXT("jwt"), arena);
    return member(member(jwt, TEXT("claims"), arena), text_skip(name, claims.len), arena);
}

/* Of who signed, and of the certificate that came. */
static struct text identity(const struct exchange *exchange, struct text name, struct arena *arena)
{
    const struct caller *caller = exchange->caller;
    struct text certificate = TEXT("clientCert.");

    if (text_starts(name, certificate)) {
        const struct tls_client *client = tls_client_read(exchange->stream->tls, arena);
        name = text_skip(name, certificate.len);
        return !client                                             ? TEXT_NONE
               : text_equal(name, TEXT("clientCertPem"))           ? client->pem
               : text_equal(name, TEXT("subjectDN"))               ? client->subject
               : text_equal(name, TEXT("issuerDN"))                ? client->issuer
               : text_equal(name, TEXT("serialNumber"))            ? client->serial
               : text_equal(name, TEXT("validity.notBefore"))      ? client->not_before
               : text_equal(name, TEXT("validity.notAfter"))       ? client->not_after
                                                                   : TEXT_NONE;
    }
    return !caller                                   ? TEXT_NONE
           : text_equal(name, TEXT("accountId"))     ? caller->account
           : text_equal(name, TEXT("caller"))        ? caller->id
           : text_equal(name, TEXT("user"))          ? caller->id
           : text_equal(name, TEXT("userArn"))       ? caller->arn
                                                     : TEXT_NONE;
}

struct text context_value(const struct exchange *exchange, struct text name, struct arena *arena)
{
    const struct http_request *request = &exchange->stream->request;
    const struct route *route = &exchange->route;
    const struct caller *caller = exchange->caller;
    struct text domain = event_domain(request->host);
    const struct {
        struct text name, value;
    } values[] = {
        {TEXT("accountId"), text_of(exchange->gateway->options.account)},
        {TEXT("apiId"), text_of(route->api->id)},
        {TEXT("domainName"), domain},
        {TEXT("domainPrefix"), text_slice(domain, 0, text_find(domain, '.'))},
        {TEXT("extendedRequestId"), text_of(exchange->request_id)},
        {TEXT("httpMethod"), request->method_text},
        {TEXT("identity.accessKey"), caller ? caller->claim.access_key : TEXT_NONE},
        {TEXT("identity.accountId"), caller ? caller->account : TEXT_NONE},
        {TEXT("identity.caller"), caller ? caller->id : TEXT_NONE},
        {TEXT("identity.sourceIp"), text_of(exchange->source_ip)},
        {TEXT("identity.user"), caller ? caller->id : TEXT_NONE},
        {TEXT("identity.userArn"), caller ? caller->arn : TEXT_NONE},
        {TEXT("identity.userAgent"), http_header(request, TEXT("user-agent"))},
        {TEXT("path"), route->path},
        {TEXT("protocol"), request->http_1_0 ? TEXT("HTTP/1.0") : TEXT("HTTP/1.1")},
        {TEXT("requestId"), text_of(exchange->request_id)},
        {TEXT("requestTime"), text_of(exchange_time(exchange))},
        {TEXT("routeKey"), route->key},
        {TEXT("stage"), text_of(route->stage->name)},
    };

    for (size_t i = 0; i < COUNT_OF(values); i++)
        if (text_equal(name, values[i].name))
            return values[i].value;
    if (text_equal(name, TEXT("requestTimeEpoch")))
        return text_of(arena_format(arena, "%lld", (long long)exchange->now_ms));
    if (text_starts(name, TEXT("identity.")))
        return identity(exchange, text_skip(name, 9), arena);
    if (text_starts(name, TEXT("authorizer.")))
        return authorizer(exchange, text_skip(name, 11), arena);
    return TEXT_NONE;
}

struct text context_find(void *arg, struct text name, struct arena *arena)
{
    const struct exchange *exchange = arg;
    const struct route *route = &exchange->route;

    if (text_starts(name, TEXT("context.")))
        return context_value(exchange, text_skip(name, 8), arena);
    if (text_starts(name, TEXT("stageVariables."))) {
        const char *value = api_stage_variable(route->stage, text_skip(name, 15));
        return value ? text_of(value) : TEXT_NONE;
    }
    if (text_starts(name, TEXT("request.path.")))
        for (size_t i = 0; i < route->parameter_count; i++)
            if (text_equal(route->names[i], text_skip(name, 13)))
                return route->values[i];
    return TEXT_NONE;
}

struct mapping_source context_source(struct exchange *exchange)
{
    return (struct mapping_source){.request = &exchange->stream->request,
                                   .path = exchange->route.stage_path,
                                   .body = exchange->content,
                                   .find = context_find,
                                   .arg = exchange,
                                   .arena = &exchange->stream->arena};
}

struct text context_map_request(struct exchange *exchange, struct http_request *request,
                                struct route *route)
{
    const struct mapping *mapping =
        route->api ? route->matched->integration->request_mapping : NULL;
    const struct mapping_source source = context_source(exchange);
    struct text path = TEXT_NONE;

    if (!mapping)
        return TEXT_NONE;
    mapping_apply_request(mapping, &source, request, &path);
    if (text_is_set(path))
        route->raw_path = route->path = path;
    return path;
}
