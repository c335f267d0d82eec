/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "model/limits.h"
#include "model/manifest_priv.h"
#include "model/route_key.h"
#include "model/route_tree.h"

/* route, routes and methods of function.yaml: from the ways to write them to route keys. */

#define METHODS "GET, HEAD, OPTIONS, PUT, POST, PATCH or DELETE"

struct reading {
    struct manifest *manifest;
    const json_t *methods; /* of routes that name none; NULL: all */
    struct route_tree seen;
    bool has_default;
    struct error *err;
};

static int refuse(struct reading *reading, const char *place, const char *why)
{
    return error_set(reading->err, ERROR_INVALID, "%s is no route: %s", place, why);
}

/* Paths that never come to a function's route. */
static bool is_own(struct text path)
{
    static const char *const own[] = {"functions", "urls", "apis", "events"};
    struct text first = text_skip(path, 1);

    first = text_slice(first, 0, text_find(first, '/'));
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (text_equal(first, text_of(own[i])))
            return true;
    return false;
}

static bool has_dots(struct text path)
{
    struct text segment;

    while (text_split(&path, '/', &segment))
        if (text_equal(segment, TEXT(".")) || text_equal(segment, TEXT("..")))
            return true;
    return false;
}

static int check_key(struct reading *reading, const char *place, struct text key)
{
    struct error why;
    struct text path = text_skip(key, text_find(key, ' ') + 1);

    if (route_key_check(key, &why) < 0)
        return refuse(reading, place, why.text);
    if (has_dots(path))
        return refuse(reading, place, "paths with '.' or '..' as a segment are refused");
    if (is_own(path))
        return refuse(reading, place,
                      "/functions, /urls, /apis, /events and what is below are the gateway's own");
    return 0;
}

/* Whether it was there, whatever its parameters are called. */
static bool note_key(struct reading *reading, struct text key)
{
    struct text path = key, method;

    if (text_equal(key, TEXT(ROUTE_KEY_DEFAULT))) {
        bool before = reading->has_default;
        reading->has_default = true;
        return before;
    }
    (void)text_split(&path, ' ', &method);
    return route_tree_put(&reading->seen, method, path, reading) != NULL;
}

/* Takes key. */
static int add_key(struct reading *reading, const char *place, char *taken)
{
    struct manifest *manifest = reading->manifest;
    scoped(free) char *key = taken;

    if (check_key(reading, place, text_of(key)) < 0)
        return -1;
    if (note_key(reading, text_of(key)))
        return error_set(reading->err, ERROR_INVALID, "%s: '%.100s' is there twice", place, key);
    if (manifest->route_count == LIMIT_ROUTES)
        return error_set(reading->err, ERROR_LIMIT, "%s is one too many: a function has at most %d",
                         place, LIMIT_ROUTES);
    manifest->routes =
        mem_realloc(manifest->routes, (manifest->route_count + 1) * sizeof *manifest->routes);
    manifest->routes[manifest->route_count++] = take(key);
    return 0;
}

/* place: of the list. */
static int check_methods(struct reading *reading, const char *place, const json_t *methods)
{
    const json_t *method;
    size_t index;

    if (!json_is_array(methods) || json_array_size(methods) == 0)
        return error_set(reading->err, ERROR_INVALID, "%s must be a list of " METHODS, place);
    json_array_foreach(methods, index, method)
    {
        struct text name = json_is_string(method) ? text_of(json_string_value(method)) : TEXT_NONE;
        if (!route_key_is_method(name) || text_equal(name, ROUTE_ANY))
            return error_set(reading->err, ERROR_INVALID, "%s[%zu] must be " METHODS, place, index);
    }
    return 0;
}

static int add_path(struct reading *reading, const char *place, struct text path,
                    const json_t *methods)
{
    const json_t *method;
    size_t index;

    if (!methods)
        return add_key(reading, place, mem_format("ANY %.*s", TEXT_ARG(path)));
    json_array_foreach(methods, index, method)
    {
        char *key = mem_format("%s %.*s", json_string_value(method), TEXT_ARG(path));
        if (add_key(reading, place, key) < 0)
            return -1;
    }
    return 0;
}

static int add_text(struct reading *reading, const char *place, struct text route)
{
    if (text_starts(route, TEXT("/")))
        return add_path(reading, place, route, reading->methods);
    return add_key(reading, place, text_dup(route));
}

static int add_object(struct reading *reading, const char *place, const json_t *route)
{
    const json_t *methods = json_object_get(route, "methods");
    struct text path = json_text(route, "path");
    scoped(free) char *inner = mem_format("%s.methods", place);
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)route, key, value)
    {
        if (strcmp(key, "path") != 0 && strcmp(key, "methods") != 0)
            return error_set(reading->err, ERROR_INVALID,
                             "%s.%s: unknown key; a route has 'path' and 'methods'", place, key);
    }
    if (!text_starts(path, TEXT("/")))
        return refuse(reading, place, "its 'path' must start with '/'");
    if (methods && check_methods(reading, inner, methods) < 0)
        return -1;
    return add_path(reading, place, path, methods ? methods : reading->methods);
}

static int add_route(struct reading *reading, const char *place, const json_t *route)
{
    if (json_is_object(route))
        return add_object(reading, place, route);
    if (json_is_string(route))
        return add_text(reading, place, text_of(json_string_value(route)));
    return refuse(reading, place, "write a path, 'GET /path', or keys 'path' and 'methods'");
}

static int add_routes(struct reading *reading, const json_t *routes)
{
    const json_t *route;
    size_t index;

    if (!json_is_array(routes))
        return error_set(reading->err, ERROR_INVALID,
                         "routes must be a list; one alone is 'route'");
    json_array_foreach(routes, index, route)
    {
        scoped(free) char *place = mem_format("routes[%zu]", index);
        if (add_route(reading, place, route) < 0)
            return -1;
    }
    return 0;
}

static int read_all(struct reading *reading)
{
    const json_t *route = json_object_get(reading->manifest->routing, "route");
    const json_t *routes = json_object_get(reading->manifest->routing, "routes");

    if (reading->methods && check_methods(reading, "methods", reading->methods) < 0)
        return -1;
    if (reading->methods && !route && !routes)
        return error_set(reading->err, ERROR_INVALID,
                         "methods are those of 'routes', and there are none");
    if (route && add_route(reading, "route", route) < 0)
        return -1;
    return routes ? add_routes(reading, routes) : 0;
}

int manifest_read_routes(struct manifest *manifest, struct error *reason)
{
    struct reading reading = {
        .manifest = manifest,
        .methods = json_object_get(manifest->routing, "methods"),
        .err = reason,
    };
    int result = read_all(&reading);

    route_tree_done(&reading.seen);
    return result;
}
