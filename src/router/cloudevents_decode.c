/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cloudevents_priv.h"

#include "base/crypto.h"
#include "base/scoped.h"
#include "model/limits.h"

static bool starts_nocase(struct text t, struct text prefix)
{
    return text_equal_nocase(text_slice(t, 0, prefix.len), prefix);
}

enum cloud_mode cloudevents_mode(struct text content_type)
{
    /* The longer one first: it begins with the shorter one. */
    if (starts_nocase(content_type, TEXT("application/cloudevents-batch")))
        return CLOUD_BATCH;
    if (starts_nocase(content_type, TEXT("application/cloudevents")))
        return CLOUD_STRUCTURED;
    return CLOUD_BINARY;
}

/* Older senders write a value with spaces as a quoted string. */
static struct text unquote(struct text value, struct arena *arena)
{
    if (value.len < 2 || value.at[0] != '"' || value.at[value.len - 1] != '"')
        return value;
    char *at = arena_alloc(arena, value.len), *to = at;
    for (size_t i = 1; i < value.len - 1; i++) {
        if (value.at[i] == '\\' && i + 1 < value.len - 1)
            i++;
        *to++ = value.at[i];
    }
    return text_from(at, (size_t)(to - at));
}

/* One round: "%2525" is "%25". Whether the result is UTF-8 is seen later. */
static int decode_percent(struct text value, struct arena *arena, struct text *ret)
{
    char *at = arena_alloc(arena, value.len + 1), *to = at;

    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] != '%') {
            *to++ = value.at[i];
        } else if (crypto_unhex(text_slice(value, i + 1, i + 3), (uint8_t *)to) &&
                   value.len - i > 2) {
            to++;
            i += 2;
        } else {
            return -1;
        }
    }
    *ret = text_from(at, (size_t)(to - at));
    return 0;
}

static struct text lower(struct text name, struct arena *arena)
{
    char *at = arena_alloc(arena, name.len + 1);

    for (size_t i = 0; i < name.len; i++)
        at[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] | 0x20) : name.at[i];
    return text_from(at, name.len);
}

static int add_header(struct cloud_draft *draft, const struct cloud_header *header,
                      struct error *err)
{
    struct cloud_attribute attribute = {.name = lower(text_skip(header->name, 3), draft->arena)};
    struct text value = unquote(text_trim(header->value), draft->arena);

    if (text_equal(attribute.name, TEXT("datacontenttype")))
        return error_set(err, ERROR_INVALID,
                         "'ce-datacontenttype' is not allowed: the Content-Type says it");
    if (decode_percent(value, draft->arena, &attribute.value) < 0)
        return error_set(err, ERROR_INVALID, "header 'ce-%.*s' has a '%%' without two hex digits",
                         TEXT_ARG(attribute.name));
    return cloud_draft_add(draft, attribute, err);
}

static int set_body(struct cloud_draft *draft, struct text body, struct text type,
                    struct error *err)
{
    struct scan_value value;

    if (body.len == 0)
        return 0;
    if (cloud_type_is_json(type) && text_is_utf8(body) && scan_document(body, NULL, NULL, &value)) {
        draft->data = body;
        draft->data_kind = CLOUD_DATA_JSON;
        return 0;
    }
    if (text_is_set(type) && cloud_type_is_json(type))
        return error_set(err, ERROR_INVALID, "the data is not JSON as its type '%.*s' says",
                         TEXT_ARG(type));
    cloud_draft_set_bytes(draft, body, type);
    return 0;
}

static int decode_binary(const struct cloud_message *message, struct text type, struct arena *arena,
                         struct cloud_event *ret, struct error *err)
{
    struct cloud_draft draft = {.arena = arena};
    const struct cloud_attribute content = {.name = TEXT("datacontenttype"), .value = type};

    for (size_t i = 0; i < message->header_count; i++)
        if (starts_nocase(message->headers[i].name, TEXT("ce-")) &&
            message->headers[i].name.len > 3 && add_header(&draft, &message->headers[i], err) < 0)
            return -1;
    if (text_is_set(type) && cloud_draft_add(&draft, content, err) < 0)
        return -1;
    if (set_body(&draft, message->body, type, err) < 0)
        return -1;
    return cloud_draft_end(&draft, ret, err);
}

/* Without a type, and with one that is JSON, data is the JSON value. With another, a string
 * is the text itself; another value cannot be but JSON. */
int cloud_draft_set_data(struct cloud_draft *draft, const struct cloud_parts *parts,
                         struct error *err)
{
    const struct cloud_event so_far = {.attributes = draft->attributes, .count = draft->count};
    struct text type = cloudevents_text(&so_far, TEXT("datacontenttype"));
    scoped(buffer_done) struct buffer bytes = {0};

    if (parts->has_data && parts->has_base64)
        return error_set(err, ERROR_INVALID, "the event has both 'data' and 'data_base64'");
    if (parts->has_data && !cloud_type_is_json(type) && parts->data.kind == SCAN_STRING) {
        draft->data = cloud_string(&parts->data, draft->arena);
        draft->data_kind = CLOUD_DATA_TEXT;
    } else if (parts->has_data) {
        /* Strings are without their quotes. */
        size_t quote = parts->data.kind == SCAN_STRING;
        draft->data = text_from(parts->data.text.at - quote, parts->data.text.len + 2 * quote);
        draft->data_kind = CLOUD_DATA_JSON;
    } else if (parts->has_base64 && parts->base64.kind != SCAN_NULL) {
        if (parts->base64.kind != SCAN_STRING ||
            !crypto_unbase64(cloud_string(&parts->base64, draft->arena), &bytes))
            return error_set(err, ERROR_INVALID, "'data_base64' is not base64");
        draft->data = arena_copy(draft->arena, bytes.len ? buffer_text(&bytes) : TEXT(""));
        draft->data_kind = CLOUD_DATA_BYTES;
    }
    return 0;
}

int cloud_draft_add_member(struct cloud_draft *draft, const struct scan_value *name,
                           const struct scan_value *value, struct cloud_parts *parts,
                           struct error *err)
{
    bool is_data = scan_is(name, TEXT("data")), is_base64 = scan_is(name, TEXT("data_base64"));

    if ((is_data && parts->has_data) || (is_base64 && parts->has_base64))
        return error_set(err, ERROR_INVALID, "the event has its data twice");
    if (is_data) {
        parts->has_data = true;
        parts->data = *value;
    } else if (is_base64) {
        parts->has_base64 = true;
        parts->base64 = *value;
    } else {
        return cloud_draft_add_json(draft, cloud_string(name, draft->arena), value, err);
    }
    return 0;
}

static int decode_object(const struct scan_value *object, struct arena *arena,
                         struct cloud_event *ret, struct error *err)
{
    struct cloud_draft draft = {.arena = arena};
    struct cloud_parts parts = {0};
    struct scan_value name, value;

    if (object->kind != SCAN_OBJECT)
        return error_set(err, ERROR_INVALID, "an event must be a JSON object");
    for (struct scan scan = scan_open(object); scan_member(&scan, &name, &value);)
        if (cloud_draft_add_member(&draft, &name, &value, &parts, err) < 0)
            return -1;
    if (cloud_draft_set_data(&draft, &parts, err) < 0)
        return -1;
    return cloud_draft_end(&draft, ret, err);
}

static int decode_list(const struct scan_value *list, struct arena *arena,
                       struct cloud_event **ret_events, size_t *ret_count, struct error *err)
{
    size_t count = 0;
    struct scan_value item;

    if (list->kind != SCAN_ARRAY)
        return error_set(err, ERROR_INVALID, "a batch must be a JSON array");
    for (struct scan scan = scan_open(list); scan_item(&scan, &item);)
        count++;
    if (count > LIMIT_CLOUD_BATCH)
        return error_set(err, ERROR_LIMIT, "the batch has more than %d events", LIMIT_CLOUD_BATCH);
    *ret_events = arena_zalloc(arena, (count ? count : 1) * sizeof **ret_events);
    *ret_count = 0;
    for (struct scan scan = scan_open(list); scan_item(&scan, &item); ++*ret_count)
        if (decode_object(&item, arena, &(*ret_events)[*ret_count], err) < 0)
            return -1;
    return 0;
}

static int decode_json(struct text body, struct text type, enum cloud_mode mode,
                       struct arena *arena, struct cloud_event **ret_events, size_t *ret_count,
                       struct error *err)
{
    struct text format = mode == CLOUD_BATCH ? TEXT("application/cloudevents-batch+json")
                                             : TEXT("application/cloudevents+json");
    struct scan_value value;

    if (!text_equal_nocase(cloud_media_type(type), format))
        return error_set(err, ERROR_INVALID, "Content-Type '%.*s' is not served, %s is",
                         TEXT_ARG(type), format.at);
    if (!text_is_utf8(body) || !scan_document(body, NULL, NULL, &value))
        return error_set(err, ERROR_INVALID, "the body is not JSON");
    if (mode == CLOUD_BATCH)
        return decode_list(&value, arena, ret_events, ret_count, err);
    *ret_events = arena_zalloc(arena, sizeof **ret_events);
    *ret_count = 1;
    return decode_object(&value, arena, *ret_events, err);
}

int cloudevents_decode(const struct cloud_message *message, struct arena *arena,
                       struct cloud_event **ret_events, size_t *ret_count, struct error *err)
{
    struct text type = TEXT_NONE;

    for (size_t i = 0; i < message->header_count; i++)
        if (text_equal_nocase(message->headers[i].name, TEXT("content-type")))
            type = text_trim(message->headers[i].value);
    if (type.len == 0)
        type = TEXT_NONE;
    enum cloud_mode mode = cloudevents_mode(type);
    if (mode != CLOUD_BINARY)
        return decode_json(message->body, type, mode, arena, ret_events, ret_count, err);
    *ret_events = arena_zalloc(arena, sizeof **ret_events);
    *ret_count = 1;
    return decode_binary(message, type, arena, *ret_events, err);
}
