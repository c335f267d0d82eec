/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cloudevents_priv.h"

#include "base/crypto.h"
#include "base/scoped.h"

/* Attributes that events in JSON begin with. */
static const struct text first[] = {TEXT("specversion"), TEXT("id"), TEXT("source"), TEXT("type")};

static bool is_first(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(first); i++)
        if (text_equal(name, first[i]))
            return true;
    return false;
}

void cloud_write_attribute(const struct cloud_attribute *attribute, struct buffer *out)
{
    buffer_add_char(out, ',');
    buffer_add_json(out, attribute->name);
    buffer_add_char(out, ':');
    if (attribute->kind == CLOUD_STRING)
        buffer_add_json(out, attribute->value);
    else
        buffer_add_text(out, attribute->value);
}

static void add_base64(struct text bytes, struct buffer *out)
{
    buffer_add_literal(out, ",\"data_base64\":\"");
    crypto_base64(bytes, out);
    buffer_add_char(out, '"');
}

static void add_json(struct text json, struct buffer *out)
{
    struct scan_value value;
    bool is_json = scan_document(json, NULL, NULL, &value);

    assert(is_json);
    buffer_add_literal(out, ",\"data\":");
    scan_add_json(&value, out);
}

void cloud_write_data(const struct cloud_event *event, struct buffer *out)
{
    switch (event->data_kind) {
    case CLOUD_DATA_NONE:
        return;
    case CLOUD_DATA_JSON:
        add_json(event->data, out);
        return;
    case CLOUD_DATA_TEXT:
        buffer_add_literal(out, ",\"data\":");
        buffer_add_json(out, event->data);
        return;
    case CLOUD_DATA_BYTES:
        add_base64(event->data, out);
        return;
    }
}

void cloudevents_write_json(const struct cloud_event *event, struct buffer *out)
{
    size_t start = out->len;

    for (size_t i = 0; i < COUNT_OF(first); i++) {
        const struct cloud_attribute *attribute = cloudevents_find(event, first[i]);
        if (attribute)
            cloud_write_attribute(attribute, out);
    }
    for (size_t i = 0; i < event->count; i++)
        if (!is_first(event->attributes[i].name))
            cloud_write_attribute(&event->attributes[i], out);
    cloud_write_data(event, out);
    out->at[start] = '{'; /* was the first comma */
    buffer_add_char(out, '}');
}

/* HTTP binding 3.1.3.2: blanks, quotes, percent signs and all beyond ASCII. */
static struct text encode_percent(struct text value, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *at = arena_alloc(arena, 3 * value.len + 1), *to = at;

    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = (uint8_t)value.at[i];
        if (c > 0x20 && c < 0x7f && c != '"' && c != '%') {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    return text_from(at, (size_t)(to - at));
}

struct cloud_header *cloudevents_write_headers(const struct cloud_event *event, struct arena *arena,
                                               size_t *ret_count)
{
    struct cloud_header *headers = arena_alloc(arena, (event->count + 1) * sizeof headers[0]);
    bool has_type = false;

    for (size_t i = 0; i < event->count; i++) {
        const struct cloud_attribute *attribute = &event->attributes[i];
        bool is_type = text_equal(attribute->name, TEXT("datacontenttype"));
        has_type |= is_type;
        headers[i].name = is_type
                              ? TEXT("Content-Type")
                              : text_of(arena_format(arena, "ce-%.*s", TEXT_ARG(attribute->name)));
        headers[i].value = is_type ? attribute->value : encode_percent(attribute->value, arena);
    }
    *ret_count = event->count;
    /* JSON without a type in a document has to have one as a body. */
    if (!has_type && event->data_kind == CLOUD_DATA_JSON)
        headers[(*ret_count)++] =
            (struct cloud_header){TEXT("Content-Type"), TEXT("application/json")};
    return headers;
}
