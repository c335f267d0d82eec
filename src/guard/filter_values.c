/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "guard/filter_priv.h"
#include "http/uri.h"

/*
 * Query, headers and path hold text. So that one language says what fits, they become an object
 * whose members are read as the types that the schema's own properties name; what cannot be read
 * so stays text, and then does not fit.
 */

static bool names_type(const json_t *schema, const char *name)
{
    const json_t *type = json_object_get(schema, "type"), *item;
    size_t i;

    json_array_foreach(type, i,
                       item) if (strcmp(json_string_value(item) ? json_string_value(item) : "",
                                        name) == 0) return true;
    return json_is_string(type) && strcmp(json_string_value(type), name) == 0;
}

static json_t *read_number(struct text text, bool is_integer)
{
    char copy[64], *end;

    if (text.len == 0 || text.len >= sizeof copy || text_contains(text, '\0'))
        return NULL;
    for (size_t i = 0; i < text.len; i++)
        if (!memchr("0123456789+-.eE", text.at[i], 15))
            return NULL;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    struct text digits = text_skip(text, copy[0] == '-');
    int64_t integer;
    if (text_to_int(digits, 0, INT64_MAX, &integer))
        return json_integer(copy[0] == '-' ? -integer : integer);
    double real = strtod(copy, &end);
    return is_integer || *end || !isfinite(real) ? NULL : json_real(real);
}

static json_t *read_scalar(const json_t *schema, struct text text)
{
    json_t *value = NULL;

    if (names_type(schema, "integer"))
        value = read_number(text, true);
    if (!value && names_type(schema, "number"))
        value = read_number(text, false);
    if (!value && names_type(schema, "boolean") &&
        (text_equal(text, TEXT("true")) || text_equal(text, TEXT("false"))))
        value = json_boolean(text.len == 4);
    return value ? value : json_from_text(text);
}

static const json_t *property_of(const json_t *schema, const char *name)
{
    return json_object_get(json_object_get(schema, "properties"), name);
}

/* Lists come as "a=1&a=2" or "a=1,2". */
static json_t *read_list(const json_t *schema, struct text text)
{
    const json_t *items = json_object_get(schema, "items");
    json_t *list = json_array();
    struct text piece;

    while (text_split(&text, ',', &piece))
        json_array_append_new(list, read_scalar(items, piece));
    return list;
}

static void add_value(json_t *object, const json_t *schema, const char *name, struct text text)
{
    const json_t *property = property_of(schema, name);
    json_t *before = json_object_get(object, name);

    if (!text_is_set(text))
        text = TEXT("");
    if (names_type(property, "array")) {
        json_t *list = read_list(property, text);
        if (!before)
            json_object_set_new(object, name, list);
        else {
            json_array_extend(before, list);
            json_decref(list);
        }
        return;
    }
    if (!before) {
        json_object_set_new(object, name, read_scalar(property, text));
        return;
    }
    if (!json_is_array(before)) { /* a second value where one is expected */
        json_object_set_new(object, name, json_pack("[O]", before));
        before = json_object_get(object, name);
    }
    json_array_append_new(before, read_scalar(property, text));
}

json_t *filter_query(const json_t *schema, struct text query, struct arena *arena)
{
    json_t *object = json_object();
    struct text name, value, plain_name, plain_value;

    while (uri_query_next(&query, &name, &value)) {
        if (!uri_decode(arena, name, true, &plain_name))
            plain_name = name;
        if (!uri_decode(arena, value, true, &plain_value))
            plain_value = value;
        if (text_is_utf8(plain_name))
            add_value(object, schema, arena_string(arena, plain_name), plain_value);
    }
    return object;
}

json_t *filter_headers(const json_t *schema, const struct http_request *request)
{
    json_t *object = json_object();

    for (size_t i = 0; i < request->field_count; i++) {
        scoped(free) char *name = text_dup(request->fields[i].name);
        add_value(object, schema, name, request->fields[i].value);
    }
    return object;
}

json_t *filter_parameters(const json_t *schema, const struct filter_input *input)
{
    json_t *object = json_object();

    for (size_t i = 0; i < input->parameter_count; i++) {
        scoped(free) char *name = text_dup(input->names[i]);
        add_value(object, schema, name, input->values[i]);
    }
    return object;
}

static char *lower(const char *name)
{
    char *copy = mem_strdup(name);

    for (char *at = copy; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at |= 0x20;
    return copy;
}

json_t *filter_lower_names(const json_t *schema)
{
    json_t *copy = json_deep_copy(schema), *properties = json_object_get(copy, "properties");
    json_t *required = json_object_get(copy, "required"), *lowered = json_object(), *member;
    const char *name;
    size_t i;

    json_object_foreach(properties, name, member)
    {
        scoped(free) char *small = lower(name);
        json_object_set(lowered, small, member);
    }
    if (json_is_object(properties))
        json_object_set(copy, "properties", lowered);
    json_decref(lowered);
    json_array_foreach(required, i, member)
    {
        scoped(free) char *small = lower(json_is_string(member) ? json_string_value(member) : "");
        json_array_set_new(required, i, json_string(small));
    }
    return copy;
}

static void add_default(struct buffer *out, const char *name, const json_t *value)
{
    scoped(free) char *written = json_is_string(value) ? mem_strdup(json_string_value(value))
                                                       : json_dumps(value, JSON_ENCODE_ANY);

    if (out->len)
        buffer_add_char(out, '&');
    uri_encode(out, text_of(name), false);
    buffer_add_char(out, '=');
    uri_encode(out, text_of(written), false);
}

struct text filter_fill_query(const json_t *schema, const json_t *values, struct text query,
                              struct arena *arena)
{
    scoped(buffer_done) struct buffer out = {0};
    json_t *property, *item;
    const char *name;
    size_t i;

    buffer_add_text(&out, query);
    json_object_foreach(json_object_get(schema, "properties"), name, property)
    {
        json_t *fallback = json_object_get(property, "default");
        if (!fallback || json_object_get(values, name))
            continue;
        if (!json_is_array(fallback))
            add_default(&out, name, fallback);
        json_array_foreach(fallback, i, item) add_default(&out, name, item);
    }
    return out.len == query.len ? query : arena_copy(arena, buffer_text(&out));
}
