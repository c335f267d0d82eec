/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "gateway/gateway_priv.h"
#include "http/uri.h"

/* What both payload formats have. */

void event_add_member(struct buffer *out, struct text name, struct text value)
{
    buffer_add_text(out, name);
    buffer_add_json(out, value);
}

/* --- headers --- */

struct text event_join_values(const struct http_request *request, size_t index,
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

struct text event_cookies(const struct http_request *request, struct arena *arena)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (text_equal(request->fields[i].name, TEXT("cookie")))
            return event_join_values(request, i, TEXT("; "), arena);
    return TEXT_NONE;
}

bool event_came_before(const struct http_request *request, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (text_equal(request->fields[i].name, request->fields[index].name))
            return true;
    return false;
}

struct text event_domain(struct text host)
{
    size_t end = host.len && host.at[0] == '[' ? text_find(host, ']') + 1 : text_find(host, ':');

    return text_slice(host, 0, end);
}

/* --- query --- */

/* What cannot be decoded is given as it came. */
static struct text decode(struct arena *arena, struct text encoded)
{
    struct text decoded;

    return uri_decode(arena, encoded, true, &decoded) ? decoded : encoded;
}

/* Thousands of names fit into a query, so they meet in a hash table. */
static struct event_parameter **find_place(const struct event_query *all, struct text name)
{
    size_t i = map_hash(name) & all->mask;

    while (all->table[i] && !text_equal(all->table[i]->name, name))
        i = (i + 1) & all->mask;
    return &all->table[i];
}

static void add_parameter(struct event_query *all, struct text name, struct text value)
{
    struct event_parameter *parameter = &all->list[all->count++], **place = find_place(all, name);

    *parameter = (struct event_parameter){.name = name, .value = value, .is_first = !*place};
    if (*place) {
        (*place)->last_same->next_same = parameter;
        (*place)->last_same = parameter;
        return;
    }
    parameter->last_same = parameter;
    *place = parameter;
}

struct event_query event_read_query(struct text query, struct arena *arena)
{
    struct event_query all = {0};
    struct text name, value;
    size_t most = 1;

    for (size_t i = 0; i < query.len; i++)
        most += query.at[i] == '&';
    for (all.mask = 1; all.mask < 2 * most;)
        all.mask *= 2;
    all.list = arena_alloc(arena, most * sizeof *all.list);
    all.table = arena_zalloc(arena, all.mask * sizeof(struct event_parameter *));
    all.mask--;
    while (uri_query_next(&query, &name, &value))
        add_parameter(&all, decode(arena, name), decode(arena, value));
    return all;
}

/* --- parameters and variables --- */

/* Names have nothing to escape: route_path_check(). */
void event_add_parameters(struct buffer *out, const struct route *route)
{
    for (size_t i = 0; i < route->parameter_count; i++) {
        buffer_add_text(out, i ? TEXT(",\"") : TEXT("{\""));
        buffer_add_text(out, route->names[i]);
        event_add_member(out, TEXT("\":"), route->values[i]);
    }
    buffer_add_char(out, '}');
}

void event_add_variables(struct buffer *out, const struct api_stage *stage)
{
    for (size_t i = 0; i < stage->variable_count; i++) {
        buffer_add_char(out, i ? ',' : '{');
        buffer_add_json(out, text_of(stage->variables[i].name));
        buffer_add_char(out, ':');
        buffer_add_json(out, text_of(stage->variables[i].value));
    }
    buffer_add_char(out, '}');
}

/* --- the client's certificate --- */

void event_add_certificate(struct buffer *out, const struct tls_client *client)
{
    event_add_member(out, TEXT("\"clientCert\":{\"clientCertPem\":"), client->pem);
    event_add_member(out, TEXT(",\"subjectDN\":"), client->subject);
    event_add_member(out, TEXT(",\"issuerDN\":"), client->issuer);
    event_add_member(out, TEXT(",\"serialNumber\":"), client->serial);
    event_add_member(out, TEXT(",\"validity\":{\"notBefore\":"), client->not_before);
    event_add_member(out, TEXT(",\"notAfter\":"), client->not_after);
    buffer_add_literal(out, "}}");
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

void event_add_body(struct buffer *out, const struct request_event *event)
{
    if (event->body.len == 0) {
        buffer_add_literal(out, ",\"isBase64Encoded\":false}");
        return;
    }
    if (is_text_body(event->request)) {
        event_add_member(out, TEXT(",\"body\":"), event->body);
        buffer_add_literal(out, ",\"isBase64Encoded\":false}");
        return;
    }
    buffer_add_literal(out, ",\"body\":\"");
    crypto_base64(event->body, out);
    buffer_add_literal(out, "\",\"isBase64Encoded\":true}");
}
