/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/import_priv.h"

#include <stdarg.h>

#include "base/mem.h"
#include "model/route_key.h"
#include "openapi/yaml_json.h"

/*
 * An OpenAPI document into an API. What HTTP APIs have no use for (schemas, parameters) is
 * told once, with how often it is there; what would have meant something and is lost (a
 * method or a path that no route can have) is a warning for each place.
 */

#define DESCRIPTION_MAX 1024 /* API Gateway: characters */
#define VERSION_MAX 64

/* --- what is told --- */

static void add_text(json_t *list, const char *format, va_list arguments)
{
    json_t *text = json_vsprintf(format, arguments);

    if (json_array_size(list) < OPENAPI_TEXTS_MAX && text)
        json_array_append_new(list, text);
    else
        json_decref(text);
}

void import_info(struct import *import, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_text(import->ret->info, format, arguments);
    va_end(arguments);
}

void import_warn(struct import *import, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_text(import->ret->warnings, format, arguments);
    va_end(arguments);
}

int import_fail(struct import *import, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    scoped(free) char *message = mem_vformat(format, arguments);
    va_end(arguments);
    return error_set(import->err, ERROR_INVALID, "%s", message);
}

/* --- members --- */

static const char *type_name(json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool has_type(const json_t *value, json_type type)
{
    return type == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == type;
}

int import_member(struct import *import, json_t *into, const char *as, const json_t *from,
                  const char *name, json_type type, const char *where)
{
    json_t *value = json_object_get(from, name);

    if (!value || json_is_null(value))
        return 0;
    if (!has_type(value, type))
        return import_fail(import, "%s: '%s' is not %s", where, name, type_name(type));
    json_object_set_new(into, as, json_deep_copy(value));
    return 0;
}

static void split_list(json_t *list, struct text text)
{
    struct text item;

    while (text_split(&text, ',', &item))
        if (text_trim(item).len > 0)
            json_array_append_new(list, json_from_text(text_trim(item)));
}

int import_list(struct import *import, json_t *into, const char *as, const json_t *from,
                const char *name, const char *where)
{
    const json_t *value = json_object_get(from, name), *item;
    size_t index;

    if (!value || json_is_null(value))
        return 0;
    json_t *list = json_array();
    json_object_set_new(into, as, list);
    if (json_is_string(value)) {
        split_list(list, json_text(from, name));
        return 0;
    }
    if (!json_is_array(value))
        return import_fail(import, "%s: '%s' is not a list", where, name);
    json_array_foreach(value, index, item)
    {
        if (!json_is_string(item))
            return import_fail(import, "%s: '%s' is not a list of texts", where, name);
        json_array_append_new(list, json_deep_copy(item));
    }
    return 0;
}

json_t *import_collection(struct import *import, const char *name)
{
    return json_object_get(import->ret->document, name);
}

/* --- the API itself --- */

/* At most max bytes, not cut within a character. */
static void set_bounded(struct import *import, json_t *api, const char *name, size_t max)
{
    struct text text = json_text(api, name);

    if (text.len <= max)
        return;
    while (max > 0 && ((unsigned char)text.at[max] & 0xc0) == 0x80)
        max--;
    json_object_set_new(api, name, json_from_text(text_slice(text, 0, max)));
    import_info(import, "info: '%s' is cut to %zu bytes", name, max);
}

static int read_info(struct import *import, json_t *api)
{
    const json_t *info = json_object_get(import->source, "info");

    if (import_member(import, api, "name", info, "title", JSON_STRING, "info") < 0 ||
        import_member(import, api, "description", info, "description", JSON_STRING, "info") < 0 ||
        import_member(import, api, "version", info, "version", JSON_STRING, "info") < 0)
        return -1;
    if (json_text(api, "name").len == 0)
        return import_fail(import, "info: 'title' is missing: it becomes the API's name");
    set_bounded(import, api, "name", 128);
    set_bounded(import, api, "description", DESCRIPTION_MAX);
    set_bounded(import, api, "version", VERSION_MAX);
    return 0;
}

static void read_tags(struct import *import, json_t *api)
{
    const json_t *tags = json_object_get(import->source, "tags"), *tag;
    json_t *kept = json_object();
    size_t index;

    json_array_foreach(tags, index, tag)
    {
        struct text name = json_text(tag, "name");
        const json_t *value = json_object_get(tag, "x-amazon-apigateway-tag-value");
        if (name.len > 0 && json_is_string(value) && !text_contains(name, '\0'))
            json_object_setn_new(kept, name.at, name.len, json_deep_copy(value));
    }
    json_object_set_new(api, "tags", kept);
}

static int read_cors(struct import *import, json_t *api)
{
    static const char where[] = "x-amazon-apigateway-cors";
    static const char *const lists[] = {"allowOrigins", "allowMethods", "allowHeaders",
                                        "exposeHeaders"};
    const json_t *given = json_object_get(import->source, where);

    if (!given)
        return 0;
    if (!json_is_object(given))
        return import_fail(import, "'%s' is not an object", where);
    json_t *cors = json_object();
    json_object_set_new(api, "corsConfiguration", cors);
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (import_list(import, cors, lists[i], given, lists[i], where) < 0)
            return -1;
    if (import_member(import, cors, "maxAge", given, "maxAge", JSON_INTEGER, where) < 0)
        return -1;
    return import_member(import, cors, "allowCredentials", given, "allowCredentials", JSON_TRUE,
                         where);
}

/* "https://host/{basePath}/v1" with the defaults of its variables put in. */
static struct text server_url(struct import *import, const json_t *server)
{
    struct buffer url = {0};
    struct text rest = json_text(server, "url");

    while (rest.len > 0) {
        size_t brace = text_find(rest, '{');
        buffer_add_text(&url, text_slice(rest, 0, brace));
        rest = text_skip(rest, brace + 1);
        if (rest.len == 0)
            break;
        struct text name = text_slice(rest, 0, text_find(rest, '}'));
        const json_t *variables = json_object_get(server, "variables");
        const json_t *variable = json_object_getn(variables, name.len ? name.at : "", name.len);
        buffer_add_text(&url, json_text(variable, "default"));
        rest = text_skip(rest, name.len + 1);
    }
    struct text kept = arena_copy(&import->arena, buffer_text(&url));
    buffer_done(&url);
    return kept;
}

/* The path of a URL or of a relative one, without slashes at its end. */
static struct text url_path(struct text url)
{
    size_t scheme = text_find_text(url, TEXT("://"));

    if (scheme < url.len) {
        url = text_skip(url, scheme + 3);
        url = text_skip(url, text_find(url, '/'));
    }
    while (text_ends(url, TEXT("/")))
        url.len--;
    return url;
}

static int read_servers(struct import *import, json_t *api)
{
    const json_t *server = json_array_get(json_object_get(import->source, "servers"), 0);
    const json_t *endpoint = json_object_get(server, "x-amazon-apigateway-endpoint-configuration");
    struct text path = url_path(server_url(import, server));

    import->prefix = "";
    if (path.len > 0 && import->options->basepath == OPENAPI_PREPEND)
        import->prefix = arena_string(&import->arena, path);
    if (path.len > 0 && import->options->basepath == OPENAPI_SPLIT) {
        path = text_skip(path, 1);
        import->prefix = arena_string(&import->arena, text_skip(path, text_find(path, '/')));
    }
    return import_member(import, api, "disableExecuteApiEndpoint", endpoint,
                         "disableExecuteApiEndpoint", JSON_TRUE,
                         "x-amazon-apigateway-endpoint-configuration");
}

static int read_api(struct import *import)
{
    json_t *api = import_collection(import, "api");

    read_tags(import, api);
    return read_info(import, api) < 0 || read_cors(import, api) < 0 || read_servers(import, api) < 0
               ? -1
               : 0;
}

/* --- guards --- */

static int read_guard(struct import *import, const json_t *from, const char *key)
{
    json_t *guard = json_object_get(from, "x-evoke-guard");

    if (!guard)
        return 0;
    if (!json_is_object(guard))
        return import_fail(import, "'x-evoke-guard' of '%s' is not an object", key);
    json_object_set_new(import_collection(import, "guards"), key, json_deep_copy(guard));
    return 0;
}

/* --- operations --- */

static void count_ignored(struct import *import, const json_t *operation)
{
    import->with_parameters += json_array_size(json_object_get(operation, "parameters")) > 0;
    import->with_bodies += json_object_get(operation, "requestBody") != NULL;
    import->with_callbacks += json_object_get(operation, "callbacks") != NULL;
}

static void tell_ignored(struct import *import)
{
    const json_t *source = import->source;

    if (import->with_parameters > 0)
        import_info(import, "parameters of %d operations are not checked by an HTTP API",
                    import->with_parameters);
    if (import->with_bodies > 0)
        import_info(import, "request bodies of %d operations are not checked by an HTTP API",
                    import->with_bodies);
    if (import->with_callbacks > 0)
        import_info(import, "callbacks of %d operations are ignored", import->with_callbacks);
    if (json_object_get(json_object_get(source, "components"), "schemas"))
        import_info(import, "components: 'schemas' are ignored: HTTP APIs have no models");
    if (json_object_get(source, "webhooks"))
        import_info(import, "'webhooks' are ignored");
    if (import->without_integration > 0)
        import_info(import,
                    "%d operations have no x-amazon-apigateway-integration: their routes "
                    "have no integration",
                    import->without_integration);
}

static int add_route(struct import *import, const char *key, const json_t *operation)
{
    json_t *routes = import_collection(import, "routes");
    struct text id = import->options->new_id(import->options->arg);
    json_t *route = json_pack("{s:b,s:s,s:s%,s:s}", "apiKeyRequired", 0, "authorizationType",
                              "NONE", "routeId", id.at, id.len, "routeKey", key);

    if (!route)
        return import_fail(import, "'%s' is not UTF-8", key);
    json_object_setn_new(routes, id.at, id.len, route);
    count_ignored(import, operation);
    if (import_member(import, route, "operationName", operation, "operationId", JSON_STRING, key) <
            0 ||
        import_security(import, operation, route, key) < 0 ||
        import_integration(import, operation, route, key) < 0)
        return -1;
    return read_guard(import, operation, key);
}

/* The route key; NULL when no route can have it, which was told. */
static const char *route_key_of(struct import *import, const char *method, const char *path)
{
    struct error err;

    if (strcmp(path, "/" ROUTE_KEY_DEFAULT) == 0 && strcmp(method, "ANY") == 0)
        return ROUTE_KEY_DEFAULT;
    struct text whole =
        text_of(arena_format(&import->arena, "%s %s%s", method, import->prefix, path));
    size_t head = strlen(method) + 2;
    if (whole.len > head && text_ends(whole, TEXT("/"))) {
        whole.len--;
        import_warn(import, "%s %s: imported without the slash at the end", method, path);
    }
    if (route_key_check(whole, &err) < 0) {
        import_warn(import, "%s %s: ignored: %s", method, path, err.text);
        return NULL;
    }
    return arena_string(&import->arena, whole);
}

static int read_operation(struct import *import, const char *method, const char *path,
                          const json_t *operation, json_t *seen)
{
    if (!json_is_object(operation))
        return import_fail(import, "paths: '%s' of '%s' is not an object", method, path);
    const char *key = route_key_of(import, method, path);
    if (!key)
        return 0;
    if (json_object_get(seen, key)) {
        import_warn(import, "%s: ignored, as there is another route with this key", key);
        return 0;
    }
    json_object_set_new(seen, key, json_true());
    return add_route(import, key, operation);
}

static int read_path(struct import *import, const char *path, const json_t *item, json_t *seen)
{
    static const char *const methods[][2] = {
        {"get", "GET"},         {"put", "PUT"},
        {"post", "POST"},       {"delete", "DELETE"},
        {"options", "OPTIONS"}, {"head", "HEAD"},
        {"patch", "PATCH"},     {"x-amazon-apigateway-any-method", "ANY"},
    };

    if (*path != '/')
        return import_fail(import, "paths: '%s' does not begin with a slash", path);
    if (!json_is_object(item))
        return import_fail(import, "paths: '%s' is not an object", path);
    if (json_object_get(item, "$ref"))
        import_warn(import, "%s: $ref of a path is not followed", path);
    if (json_object_get(item, "trace"))
        import_warn(import, "TRACE %s: ignored: an HTTP API has no such method", path);
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        const json_t *operation = json_object_get(item, methods[i][0]);
        if (operation && read_operation(import, methods[i][1], path, operation, seen) < 0)
            return -1;
    }
    return 0;
}

static int read_paths(struct import *import)
{
    scoped(json_decref) json_t *seen = json_object();
    const json_t *paths = json_object_get(import->source, "paths");
    const char *path;
    json_t *item;

    if (paths && !json_is_object(paths))
        return import_fail(import, "'paths' is not an object");
    json_object_foreach((json_t *)(uintptr_t)paths, path, item)
    {
        if (!text_starts(text_of(path), TEXT("x-")) && read_path(import, path, item, seen) < 0)
            return -1;
    }
    return 0;
}

/* --- the whole --- */

static void finish(struct import *import)
{
    tell_ignored(import);
    json_decref(import->named);
    json_decref(import->schemes);
    json_decref(import->open_schemes);
    arena_done(&import->arena);
}

int openapi_import(const json_t *document, const struct openapi_options *options,
                   struct openapi_import *ret, struct error *err)
{
    struct import import = {.source = document, .options = options, .ret = ret, .err = err};

    *ret = (struct openapi_import){json_pack("{s:{},s:{},s:{},s:{},s:{}}", "api", "routes",
                                             "integrations", "authorizers", "guards"),
                                   json_array(), json_array()};
    import.named = json_object();
    import.schemes = json_object();
    import.open_schemes = json_object();
    int failed = read_api(&import) < 0 || import_schemes(&import) < 0 ||
                 import_named_integrations(&import) < 0 || read_guard(&import, document, "") < 0 ||
                 read_paths(&import) < 0;
    finish(&import);
    if (failed)
        openapi_import_done(ret);
    return failed ? -1 : 0;
}

void openapi_import_done(struct openapi_import *import)
{
    json_decref(import->document);
    json_decref(import->info);
    json_decref(import->warnings);
    *import = (struct openapi_import){0};
}

/* --- documents --- */

static bool is_json(struct text source)
{
    for (size_t i = 0; i < source.len; i++)
        if (source.at[i] != ' ' && source.at[i] != '\t' && source.at[i] != '\r' &&
            source.at[i] != '\n')
            return source.at[i] == '{';
    return false;
}

json_t *openapi_parse(struct text source, struct error *err)
{
    scoped(json_decref) json_t *document =
        is_json(source) ? json_parse(source, err) : yaml_parse(source, err);
    struct text version = json_text(document, "openapi");

    if (!document)
        return NULL;
    if (text_starts(version, TEXT("3.0")) || text_starts(version, TEXT("3.1")))
        return take(document);
    (void)error_set(err, ERROR_INVALID,
                    json_object_get(document, "swagger")
                        ? "OpenAPI 2.0 (swagger) is not supported: convert it to OpenAPI 3.0"
                        : "'openapi' is not 3.0 or 3.1");
    return NULL;
}
