/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/socket_mapping.h"

#include "base/json.h"
#include "base/mem.h"

struct item {
    enum socket_place place;
    char *name;
    struct mapping_value *value;
};

struct socket_mapping {
    size_t count;
    struct item items[];
};

static const struct {
    struct text prefix;
    enum socket_place place;
} places[] = {
    {TEXT("integration.request.header."), SOCKET_HEADER},
    {TEXT("integration.request.querystring."), SOCKET_QUERY},
    {TEXT("integration.request.path."), SOCKET_PATH},
};

/* Of the message or the connection; the last is all of the body. */
static const struct text values[] = {
    TEXT("route.request.header."), TEXT("route.request.querystring."),
    TEXT("route.request.body."),   TEXT("context."),
    TEXT("stageVariables."),       TEXT("route.request.body"),
};

/* About the connection, or written by the gateway itself. */
static const struct text own_headers[] = {
    TEXT("connection"),
    TEXT("content-length"),
    TEXT("expect"),
    TEXT("forwarded"),
    TEXT("host"),
    TEXT("keep-alive"),
    TEXT("te"),
    TEXT("trailer"),
    TEXT("transfer-encoding"),
    TEXT("upgrade"),
    TEXT("via"),
};

static int check_header(struct text name, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(own_headers); i++)
        if (text_equal_nocase(name, own_headers[i]))
            return error_set(err, ERROR_INVALID,
                             "requestParameters: the header '%.*s' is the gateway's own",
                             TEXT_ARG(name));
    return 0;
}

static int read_place(struct text key, enum socket_place *ret_place, struct text *ret_name,
                      struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (!text_starts(key, places[i].prefix) || key.len == places[i].prefix.len)
            continue;
        *ret_place = places[i].place;
        *ret_name = text_skip(key, places[i].prefix.len);
        for (size_t at = 0; at < ret_name->len; at++)
            if ((unsigned char)ret_name->at[at] <= ' ' || strchr(":\x7f\"", ret_name->at[at]))
                return error_set(err, ERROR_INVALID,
                                 "requestParameters: '%.*s' is no name of a parameter",
                                 TEXT_ARG(*ret_name));
        return *ret_place == SOCKET_HEADER ? check_header(*ret_name, err) : 0;
    }
    return error_set(err, ERROR_INVALID,
                     "requestParameters: '%.*s' is not integration.request.header.NAME, "
                     "integration.request.querystring.NAME or integration.request.path.NAME",
                     TEXT_ARG(key));
}

/* As parameter mappings of HTTP APIs write it: the caller's. NULL and *err: it is no value. */
static char *translate(struct text value, struct error *err)
{
    bool is_quoted = value.len >= 2 && value.at[0] == '\'' && value.at[value.len - 1] == '\'';

    if (is_quoted) {
        struct text constant = text_slice(value, 1, value.len - 1);
        if (!text_starts(constant, TEXT("$")) &&
            text_find_text(constant, TEXT("${")) == constant.len)
            return text_dup(constant);
        error_set(err, ERROR_INVALID, "requestParameters: a text in quotes has no '$' here: %.*s",
                  TEXT_ARG(value));
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        bool is_whole = i == COUNT_OF(values) - 1;
        if (is_whole ? !text_equal(value, values[i])
                     : !text_starts(value, values[i]) || value.len == values[i].len)
            continue;
        struct text name =
            text_starts(value, TEXT("route.")) ? text_skip(value, sizeof "route." - 1) : value;
        return mem_format("$%.*s", TEXT_ARG(name));
    }
    error_set(err, ERROR_INVALID,
              "requestParameters: '%.*s' is no value: those are route.request.body.PATH, "
              "route.request.header.NAME and route.request.querystring.NAME (of $connect), "
              "context.NAME, stageVariables.NAME and 'TEXT'",
              TEXT_ARG(value));
    return NULL;
}

static int read_item(struct item *item, const char *key, const json_t *value, struct error *err)
{
    struct text name;

    if (!json_is_string(value))
        return error_set(err, ERROR_INVALID, "requestParameters: the value of %s is not a text",
                         key);
    if (read_place(text_of(key), &item->place, &name, err) < 0)
        return -1;
    scoped(free) char *translated =
        translate(text_from(json_string_value(value), json_string_length(value)), err);
    if (!translated)
        return -1;
    item->name = text_dup(name);
    item->value = mapping_value_compile(text_of(translated), err);
    return item->value ? 0 : -1;
}

struct socket_mapping *socket_mapping_compile(const json_t *parameters, struct error *err)
{
    scoped(socket_mapping_free) struct socket_mapping *mapping =
        mem_zalloc(sizeof *mapping + json_object_size(parameters) * sizeof mapping->items[0]);
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)parameters, key, value)
    {
        if (read_item(&mapping->items[mapping->count++], key, value, err) < 0)
            return NULL;
    }
    return take(mapping);
}

void socket_mapping_free(struct socket_mapping *mapping)
{
    if (!mapping)
        return;
    for (size_t i = 0; i < mapping->count; i++) {
        free(mapping->items[i].name);
        mapping_value_free(mapping->items[i].value);
    }
    free(mapping);
}

void socket_mapping_each(const struct socket_mapping *mapping, enum socket_place place,
                         const struct mapping_source *source, socket_mapping_f *f, void *arg)
{
    for (size_t i = 0; mapping && i < mapping->count; i++) {
        const struct item *item = &mapping->items[i];
        struct text value =
            item->place == place ? mapping_value_get(item->value, source) : TEXT_NONE;
        if (text_is_set(value))
            f(arg, text_of(item->name), value);
    }
}

bool socket_mapping_has_header(const struct socket_mapping *mapping, struct text name)
{
    for (size_t i = 0; mapping && i < mapping->count; i++)
        if (mapping->items[i].place == SOCKET_HEADER &&
            text_equal_nocase(text_of(mapping->items[i].name), name))
            return true;
    return false;
}

struct text socket_mapping_find(const struct socket_mapping *mapping, enum socket_place place,
                                struct text name, const struct mapping_source *source)
{
    for (size_t i = 0; mapping && i < mapping->count; i++) {
        const struct item *item = &mapping->items[i];
        if (item->place == place && text_equal(text_of(item->name), name))
            return mapping_value_get(item->value, source);
    }
    return TEXT_NONE;
}

json_t *socket_mapping_parameters(const json_t *parameters, struct error *err)
{
    scoped(json_decref) json_t *translated = json_object();
    enum socket_place place;
    const char *key;
    struct text name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)parameters, key, value)
    {
        if (read_place(text_of(key), &place, &name, err) < 0)
            return NULL;
        if (place != SOCKET_QUERY) {
            error_set(err, ERROR_INVALID,
                      "requestParameters: %s: an action of a service takes "
                      "integration.request.querystring.NAME",
                      key);
            return NULL;
        }
        scoped(free) char *text =
            translate(text_from(json_string_value(value), json_string_length(value)), err);
        if (!text)
            return NULL;
        json_object_setn_new(translated, name.at, name.len, json_from_text(text_of(text)));
    }
    return take(translated);
}
