/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "gateway/gateway_priv.h"
#include "http/uri.h"

/*
 * Payload format 2.0 as function URLs have it, written as text: a document tree would cost
 * more than the rest of the gateway. What is absent is left out, never null, except where
 * AWS says null.
 */

static void add_member(struct buffer *out, struct text name, struct text value)
{
    buffer_add_text(out, name); /* with quotes and colon */
    buffer_add_json(out, value);
}

/* --- headers --- */

/* The values of that name from index on, as one. */
static struct text join_values(const struct http_request *request, size_t index,
                               struct text separator, struct arena *arena)
{
    const struct http_field *fields = request->fields;
    struct text name = fields[index].name;
    size_t len = 0, count = 0;

    for (size_t i = index; i < request->field_count; i++)
        if (text_equal(fields[i].name, name)) {
            len += separator.len + fields[i].value.len;
            count++;
        }
    if (count == 1)
        return fields[index].value;

    char *start = arena_alloc(arena, len), *at = start;
    for (size_t i = index; i < request->field_count; i++) {
        if (!text_equal(fields[i].name, name))
            continue;
        if (at > start)
            at = mempcpy(at, separator.at, separator.len);
        at = mempcpy(at, fields[i].value.at, fields[i].value.len);
    }
    return text_from(start, (size_t)(at - start));
}

/* All Cookie headers as one: HTTP/2 may have split it. */
static struct text find_cookies(const struct http_request *request, struct arena *arena)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (text_equal(request->fields[i].name, TEXT("cookie")))
            return join_values(request, i, TEXT("; "), arena);
    return TEXT_NONE;
}

static void add_cookies(struct buffer *out, struct text cookies)
{
    struct text piece;
    bool first = true;

    if (cookies.len == 0)
        return;
    buffer_add_literal(out, ",\"cookies\":[");
    while (text_split(&cookies, ';', &piece)) {
        piece = text_trim(piece);
        if (piece.len == 0)
            continue;
        if (!first)
            buffer_add_char(out, ',');
        first = false;
        buffer_add_json(out, piece);
    }
    buffer_add_char(out, ']');
}

static bool came_before(const struct http_request *request, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (text_equal(request->fields[i].name, request->fields[index].name))
            return true;
    return false;
}

/* A name is a token, so it needs no escaping. */
static void add_header(struct buffer *out, struct text name, struct text value)
{
    buffer_add_char(out, '"');
    buffer_add_text(out, name);
    buffer_add_literal(out, "\":");
    buffer_add_json(out, value);
    buffer_add_char(out, ',');
}

static void add_headers(struct buffer *out, const struct url_event *event, struct text cookies,
                        struct arena *arena)
{
    const struct http_request *request = event->request;
    struct text connection = http_header(request, TEXT("connection"));

    buffer_add_literal(out, ",\"headers\":{");
    for (size_t i = 0; i < request->field_count; i++)
        if (header_passes(request->fields[i].name, event->caller) && !came_before(request, i) &&
            !header_is_listed(connection, request->fields[i].name))
            add_header(out, request->fields[i].name, join_values(request, i, TEXT(","), arena));
    if (text_is_set(cookies))
        add_header(out, TEXT("cookie"), cookies);
    if (request->content_length != 0 || text_is_set(http_header(request, TEXT("content-length")))) {
        buffer_add_literal(out, "\"content-length\":\"");
        buffer_add_int(out, (int64_t)event->body.len);
        buffer_add_literal(out, "\",");
    }
    add_member(out, TEXT("\"host\":"), request->host);
    add_member(out, TEXT(",\"x-forwarded-for\":"), event->source_ip);
    buffer_add_literal(out, ",\"x-forwarded-port\":\"");
    buffer_add_int(out, event->port);
    add_member(out, TEXT("\",\"x-forwarded-proto\":\"http\",\"x-amzn-trace-id\":"),
               text_of(event->trace));
    buffer_add_char(out, '}');
}

/* --- query --- */

struct parameter {
    struct text name, value;
    struct parameter *next_same, *last_same; /* the first of a name leads to the others */
    bool is_first;
};

/* What cannot be decoded is given as it came. */
static struct text decode(struct arena *arena, struct text encoded)
{
    struct text decoded;

    return uri_decode(arena, encoded, true, &decoded) ? decoded : encoded;
}

/* Thousands of names fit into a query, so they meet in a hash table. */
struct parameters {
    struct parameter *list, **table;
    size_t count, mask;
};

static struct parameter **find_place(const struct parameters *all, struct text name)
{
    size_t i = map_hash(name) & all->mask;

    while (all->table[i] && !text_equal(all->table[i]->name, name))
        i = (i + 1) & all->mask;
    return &all->table[i];
}

static void add_parameter(struct parameters *all, struct text name, struct text value)
{
    struct parameter *parameter = &all->list[all->count++], **place = find_place(all, name);

    *parameter = (struct parameter){.name = name, .value = value, .is_first = !*place};
    if (*place) {
        (*place)->last_same->next_same = parameter;
        (*place)->last_same = parameter;
        return;
    }
    parameter->last_same = parameter;
    *place = parameter;
}

static struct parameters read_query(struct text query, struct arena *arena)
{
    struct parameters all = {0};
    struct text name, value;
    size_t most = 1;

    for (size_t i = 0; i < query.len; i++)
        most += query.at[i] == '&';
    for (all.mask = 1; all.mask < 2 * most;)
        all.mask *= 2;
    all.list = arena_alloc(arena, most * sizeof *all.list);
    all.table = arena_zalloc(arena, all.mask * sizeof(struct parameter *));
    all.mask--;
    while (uri_query_next(&query, &name, &value))
        add_parameter(&all, decode(arena, name), decode(arena, value));
    return all;
}

static struct text join_parameter(const struct parameter *first, struct arena *arena)
{
    size_t len = 0;

    if (!first->next_same)
        return first->value;
    for (const struct parameter *p = first; p; p = p->next_same)
        len += p->value.len + 1;
    char *start = arena_alloc(arena, len), *at = start;
    for (const struct parameter *p = first; p; p = p->next_same) {
        if (p->value.len)
            memcpy(at, p->value.at, p->value.len);
        at += p->value.len;
        *at++ = ',';
    }
    return text_from(start, len - 1);
}

static void add_query(struct buffer *out, struct text query, struct arena *arena)
{
    if (query.len == 0)
        return;
    struct parameters all = read_query(query, arena);
    if (all.count == 0)
        return;
    buffer_add_literal(out, ",\"queryStringParameters\":");
    for (size_t i = 0; i < all.count; i++) {
        if (!all.list[i].is_first)
            continue;
        buffer_add_char(out, i ? ',' : '{');
        buffer_add_json(out, all.list[i].name);
        buffer_add_char(out, ':');
        buffer_add_json(out, join_parameter(&all.list[i], arena));
    }
    buffer_add_char(out, '}');
}

/* --- context --- */

static void add_caller(struct buffer *out, const struct caller *caller)
{
    if (!caller)
        return;
    add_member(out, TEXT(",\"authorizer\":{\"iam\":{\"accessKey\":"), caller->claim.access_key);
    add_member(out, TEXT(",\"accountId\":"), caller->account);
    add_member(out, TEXT(",\"callerId\":"), caller->id);
    add_member(out, TEXT(",\"cognitoIdentity\":null,\"principalOrgId\":null,\"userArn\":"),
               caller->arn);
    add_member(out, TEXT(",\"userId\":"), caller->id);
    buffer_add_literal(out, "}}");
}

static struct text domain_of(struct text host)
{
    size_t end = host.len && host.at[0] == '[' ? text_find(host, ']') + 1 : text_find(host, ':');

    return text_slice(host, 0, end);
}

static void add_context(struct buffer *out, const struct url_event *event)
{
    const struct http_request *request = event->request;
    struct text id = text_of(event->route->function->url.id);
    struct text agent = http_header(request, TEXT("user-agent"));

    add_member(out, TEXT(",\"requestContext\":{\"accountId\":"),
               event->caller ? event->caller->account : TEXT("anonymous"));
    add_member(out, TEXT(",\"apiId\":"), id);
    add_caller(out, event->caller);
    add_member(out, TEXT(",\"domainName\":"), domain_of(request->host));
    add_member(out, TEXT(",\"domainPrefix\":"), id);
    add_member(out, TEXT(",\"http\":{\"method\":"), request->method_text);
    add_member(out, TEXT(",\"path\":"), event->route->path);
    add_member(out, TEXT(",\"protocol\":"),
               request->http_1_0 ? TEXT("HTTP/1.0") : TEXT("HTTP/1.1"));
    add_member(out, TEXT(",\"sourceIp\":"), event->source_ip);
    if (text_is_set(agent))
        add_member(out, TEXT(",\"userAgent\":"), agent);
    add_member(out, TEXT("},\"requestId\":"), text_of(event->request_id));
    add_member(out, TEXT(",\"routeKey\":\"$default\",\"stage\":\"$default\",\"time\":"),
               text_of(event->time));
    buffer_add_literal(out, ",\"timeEpoch\":");
    buffer_add_int(out, event->now_ms);
    buffer_add_char(out, '}');
}

/* --- body --- */

static bool is_text_type(struct text type)
{
    static const struct text types[] = {
        TEXT("application/json"),
        TEXT("application/javascript"),
        TEXT("application/xml"),
        TEXT("application/graphql"),
    };

    if (type.len > 5 && text_equal_nocase(text_slice(type, 0, 5), TEXT("text/")))
        return true;
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (text_equal_nocase(type, types[i]))
            return true;
    return false;
}

static bool is_utf8_parameter(struct text parameter)
{
    size_t equals = text_find(parameter, '=');
    struct text value = text_trim(text_skip(parameter, equals + 1));

    if (!text_equal_nocase(text_trim(text_slice(parameter, 0, equals)), TEXT("charset")))
        return true;
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = text_slice(value, 1, value.len - 1);
    return text_equal_nocase(value, TEXT("utf-8"));
}

/* By what the headers say alone, as AWS does it: some types, in UTF-8. */
static bool is_text_body(const struct http_request *request)
{
    struct text rest = http_header(request, TEXT("content-type")), piece;
    struct text coding = http_header(request, TEXT("content-encoding"));

    if (coding.len > 0 && !text_equal_nocase(coding, TEXT("identity")))
        return false;
    if (!text_split(&rest, ';', &piece) || !is_text_type(text_trim(piece)))
        return false;
    while (text_split(&rest, ';', &piece))
        if (!is_utf8_parameter(piece))
            return false;
    return true;
}

static void add_body(struct buffer *out, const struct url_event *event)
{
    if (event->body.len == 0) {
        buffer_add_literal(out, ",\"isBase64Encoded\":false}");
        return;
    }
    if (is_text_body(event->request)) {
        add_member(out, TEXT(",\"body\":"), event->body);
        buffer_add_literal(out, ",\"isBase64Encoded\":false}");
        return;
    }
    buffer_add_literal(out, ",\"body\":\"");
    crypto_base64(event->body, out);
    buffer_add_literal(out, "\",\"isBase64Encoded\":true}");
}

/* Most of an event is a copy of the request's head, plus this for names and context. */
#define FRAME_BYTES 1536

void event_write(const struct url_event *event, struct arena *arena, struct buffer *out)
{
    const struct http_request *request = event->request;
    struct text cookies = find_cookies(request, arena);

    (void)buffer_room(out, FRAME_BYTES + event->body.len);
    add_member(out, TEXT("{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":"),
               event->route->raw_path);
    add_member(out, TEXT(",\"rawQueryString\":"), request->query);
    add_cookies(out, cookies);
    add_headers(out, event, cookies, arena);
    add_query(out, request->query, arena);
    add_context(out, event);
    add_body(out, event);
}
