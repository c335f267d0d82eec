/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "model/alias.h"
#include "model/field_priv.h"
#include "model/function.h"

/* Raised when a document of this version would be misread by an older one. Members that
 * are absent get their default, so adding one does not need it. */
#define FORMAT 1

static json_t *version_to_json(const struct version *version)
{
    json_t *json = json_object(), *config = json_object();

    fields_to_json(version_fields, version, json);
    fields_to_json(config_fields, &version->config, config);
    json_object_set_new(json, "config", config);
    return json;
}

static json_t *versions_to_json(const struct function *function)
{
    json_t *array = json_array();

    for (size_t i = 0; i < function->version_count; i++)
        json_array_append_new(array, version_to_json(function->versions[i]));
    return array;
}

static json_t *permissions_to_json(const struct function *function)
{
    json_t *array = json_array();

    for (size_t i = 0; i < function->permission_count; i++) {
        json_t *json = json_object();

        fields_to_json(permission_fields, &function->permissions[i], json);
        json_array_append_new(array, json);
    }
    return array;
}

static json_t *event_invokes_to_json(const struct function *function)
{
    json_t *array = json_array();

    for (size_t i = 0; i < function->event_invoke_count; i++) {
        json_t *json = json_object();

        fields_to_json(event_invoke_fields, &function->event_invokes[i], json);
        json_array_append_new(array, json);
    }
    return array;
}

static json_t *url_to_json(const struct function_url *url)
{
    json_t *json = json_object(), *cors = json_object();

    fields_to_json(url_fields, url, json);
    fields_to_json(cors_fields, &url->cors, cors);
    json_object_set_new(json, "cors", cors);
    return json;
}

static json_t *aliases_to_json(const struct function *function)
{
    json_t *array = json_array();

    for (size_t i = 0; i < function->alias_count; i++) {
        json_t *json = json_object();

        fields_to_json(alias_fields, &function->aliases[i], json);
        if (function->aliases[i].url.id[0])
            json_object_set_new(json, "url", url_to_json(&function->aliases[i].url));
        json_array_append_new(array, json);
    }
    return array;
}

json_t *function_to_json(const struct function *function)
{
    json_t *json = json_object();

    json_object_set_new(json, "format", json_integer(FORMAT));
    fields_to_json(function_fields, function, json);
    json_object_set_new(json, "url", url_to_json(&function->url));
    json_object_set_new(json, "permissions", permissions_to_json(function));
    if (function->guarded)
        json_object_set_new(json, "guard", json_string(function->guarded->source));
    json_object_set_new(json, "event_invokes", event_invokes_to_json(function));
    json_object_set_new(json, "aliases", aliases_to_json(function));
    if (function->latest)
        json_object_set_new(json, "latest", version_to_json(function->latest));
    json_object_set_new(json, "versions", versions_to_json(function));
    return json;
}

/* It names a folder, so that it is checked like a name. */
static bool is_digest(const char *code)
{
    return strlen(code) == 64 && strspn(code, "0123456789abcdef") == 64;
}

static struct version *version_from_json(const json_t *json, struct error *err)
{
    scoped(version_unref) struct version *version = version_new();

    if (fields_from_json(version_fields, version, json, err) < 0 ||
        fields_from_json(config_fields, &version->config, json_object_get(json, "config"), err) < 0)
        return NULL;
    if (!version->number[0]) {
        error_set(err, ERROR_INVALID, "a version without a number");
        return NULL;
    }
    if (version->code[0] && !is_digest(version->code)) {
        error_set(err, ERROR_INVALID, "the version '%s' has no valid code digest", version->number);
        return NULL;
    }
    return take(version);
}

static int versions_from_json(struct function *function, const json_t *json, struct error *err)
{
    const json_t *latest = json_object_get(json, "latest");
    const json_t *versions = json_object_get(json, "versions");
    size_t count = json_array_size(versions);

    if (latest && !(function->latest = version_from_json(latest, err)))
        return -1;
    function->versions = count ? mem_zalloc(count * sizeof *function->versions) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct version *version = version_from_json(json_array_get(versions, i), err);

        if (!version)
            return -1;
        if (function->latest)
            version_join(version, function->latest);
        function->versions[function->version_count++] = version;
    }
    return 0;
}

static int permissions_from_json(struct function *function, const json_t *json, struct error *err)
{
    const json_t *permissions = json_object_get(json, "permissions");
    size_t count = json_array_size(permissions);

    function->permissions = count ? mem_zalloc(count * sizeof *function->permissions) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct permission *permission = &function->permissions[function->permission_count++];

        fields_init(permission_fields, permission);
        if (fields_from_json(permission_fields, permission, json_array_get(permissions, i), err) <
            0)
            return -1;
    }
    return 0;
}

static int event_invokes_from_json(struct function *function, const json_t *json, struct error *err)
{
    const json_t *given = json_object_get(json, "event_invokes");
    size_t count = json_array_size(given);

    function->event_invokes = count ? mem_zalloc(count * sizeof *function->event_invokes) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct event_invoke *one = &function->event_invokes[function->event_invoke_count++];

        fields_init(event_invoke_fields, one);
        if (fields_from_json(event_invoke_fields, one, json_array_get(given, i), err) < 0)
            return -1;
    }
    return 0;
}

/* The name of no version, or looking one up would not end. */
static bool is_alias_name(struct text name)
{
    int64_t ignored;

    return name.len > 0 && name.at[0] != '$' && !text_to_int(name, 0, INT64_MAX, &ignored);
}

static int url_from_json(struct function_url *url, const json_t *json, struct error *err)
{
    const json_t *member = json_object_get(json, "url");

    if (fields_from_json(url_fields, url, member, err) < 0)
        return -1;
    return fields_from_json(cors_fields, &url->cors, json_object_get(member, "cors"), err);
}

static int aliases_from_json(struct function *function, const json_t *json, struct error *err)
{
    const json_t *given = json_object_get(json, "aliases"), *one;
    size_t index;

    json_array_foreach(given, index, one)
    {
        struct text name = json_text(one, "name");

        if (!is_alias_name(name) || is_alias_name(json_text(one, "version")) ||
            json_text(one, "version").len == 0)
            return error_set(err, ERROR_INVALID, "an alias '%.*s' of no version", TEXT_ARG(name));
        struct alias *alias = alias_put(function, name);
        if (fields_from_json(alias_fields, alias, one, err) < 0 ||
            url_from_json(&alias->url, one, err) < 0)
            return -1;
    }
    return 0;
}

/* Documents of before functions had several: one path, of every method. */
static void read_former_route(struct function *function, const json_t *json)
{
    struct text route = json_text(json, "route");

    if (function->route_count > 0 || !text_starts(route, TEXT("/")))
        return;
    function->routes = mem_alloc(sizeof *function->routes);
    function->routes[0] = mem_format("ANY %.*s", TEXT_ARG(route));
    function->route_count = 1;
}

struct function *function_from_json(const json_t *json, struct error *err)
{
    scoped(function_unref) struct function *function = function_new();
    int64_t format = json_int(json, "format", 0);

    if (format != FORMAT) {
        error_set(err, ERROR_INVALID,
                  "a function's document has format %lld, and this Evoke reads format %d",
                  (long long)format, FORMAT);
        return NULL;
    }
    if (fields_from_json(function_fields, function, json, err) < 0 ||
        url_from_json(&function->url, json, err) < 0 ||
        permissions_from_json(function, json, err) < 0 ||
        event_invokes_from_json(function, json, err) < 0 ||
        aliases_from_json(function, json, err) < 0 || versions_from_json(function, json, err) < 0)
        return NULL;
    read_former_route(function, json);
    if (text_is_set(json_text(json, "guard")))
        function->guarded = guarded_new(json_text(json, "guard"));
    if (!function->account[0] || !function->region[0] || !function->name[0]) {
        error_set(err, ERROR_INVALID, "a function's document lacks its account, region or name");
        return NULL;
    }
    return take(function);
}
