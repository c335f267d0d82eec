/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_guard.h"
#include "api/apigateway_priv.h"

#include "base/json.h"
#include "model/directory.h"
#include "openapi/yaml_json.h"
#include "router/buses.h"

/* Evoke's own actions on APIs: the guard of an API or of one of its routes, and the table of
 * all routes that are served. */

#define GUARD_MAX (256 << 10) /* bytes of a guard */

/* --- guards --- */

static struct text route_key_of(struct call *call)
{
    struct text key = call_query(call, "routeKey");

    return text_is_set(key) ? key : TEXT("");
}

/* Whether it is "" or one of the API's. False: answered. */
static bool has_route(struct call *call, const json_t *document, struct text key)
{
    const char *id;
    json_t *route;

    if (key.len == 0)
        return true;
    apigateway_each(id, route, document, "routes")
    {
        if (text_equal(json_text(route, "routeKey"), key))
            return true;
    }
    call_fail(call, "NotFoundException", "Unable to find Route by key %.*s", TEXT_ARG(key));
    return false;
}

static void put_guard(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text key = route_key_of(call);
    struct error err;

    if (!apigateway_edit_begin(&edit, call) || !has_route(call, edit.document, key))
        return;
    scoped(json_decref) json_t *guard = yaml_parse(buffer_text(&call->body), &err);
    if (!guard || apigateway_check_guard(call, guard, &err) < 0) {
        apigateway_fail(call, "%s", err.text);
        return;
    }
    json_object_setn(apigateway_edit_parts(&edit, "guards"), key.at, key.len, guard);
    apigateway_show(call, guard);
    apigateway_edit_end(&edit, 200);
}

static void get_guard(struct call *call)
{
    const json_t *document = apigateway_find_api(call, call->path_values[0]), *guard;
    struct text key = route_key_of(call);

    if (!document || !has_route(call, document, key))
        return;
    guard = apigateway_part(document, "guards", key);
    if (!guard) {
        call_fail(call, "NotFoundException", "There is no guard of the %s",
                  key.len ? "route" : "API");
        return;
    }
    apigateway_show(call, guard);
    call_reply(call, 200);
}

/* Also of a route that is gone. */
static void delete_guard(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text key = route_key_of(call);

    if (!apigateway_edit_begin(&edit, call))
        return;
    if (json_object_deln(apigateway_edit_parts(&edit, "guards"), key.at, key.len) < 0)
        call_fail(call, "NotFoundException", "There is no guard of the %s",
                  key.len ? "route" : "API");
    else
        apigateway_edit_end(&edit, 204);
}

/* --- the route table --- */

/* One of them is enough. */
static void write_scopes(struct writer *writer, const json_t *scopes)
{
    const json_t *scope;
    size_t index;

    if (json_array_size(scopes) == 0)
        return;
    write_open(writer, "authorizationScopes", '[');
    json_array_foreach(scopes, index, scope) write_string(writer, NULL, json_string_value(scope));
    write_close(writer, ']');
}

/* What a guard asks of who comes, where nothing else is asked. */
static void write_authorization(struct writer *writer, struct text type, const json_t *guard)
{
    const json_t *tokens = json_object_get(guard, "authorizer");
    json_t *scopes = json_object_get(tokens, "scopes");

    if (!tokens || text_equal(type, TEXT("AWS_IAM"))) {
        write_text(writer, "authorization", type);
        return;
    }
    if (json_object_get(tokens, "function")) {
        write_string(writer, "authorization", "CUSTOM");
        return;
    }
    write_string(writer, "authorization", "JWT");
    scoped(json_decref) json_t *list =
        json_is_string(scopes) ? json_pack("[O]", scopes) : json_incref(scopes);
    write_scopes(writer, list);
}

/* Routes of function.yaml, and URLs: with the guard they share. */
struct function_routes {
    struct writer *writer;
    const struct function *function;
    const struct function_url *url; /* the rules they are under */
    json_t *guard;
};

static void write_function_route(const struct function_routes *routes, struct text method,
                                 struct text path)
{
    const struct function *function = routes->function;
    struct writer *writer = routes->writer;

    write_open(writer, NULL, '{');
    write_string(writer, "kind", "function");
    write_text(writer, "method", method);
    write_text(writer, "path", path);
    write_authorization(writer, routes->url->auth == URL_AUTH_IAM ? TEXT("AWS_IAM") : TEXT("NONE"),
                        routes->guard);
    write_string(writer, "target", function->name);
    write_close(writer, '}');
}

static void write_url_route(struct call *call, const struct function_routes *routes)
{
    if (!*routes->url->id)
        return;
    const char *path = arena_format(&call->arena, "/urls/%s/{proxy+}", routes->url->id);
    write_function_route(routes, TEXT("ANY"), text_of(path));
}

/* $default is its own path, of any method. */
static void write_claimed_route(const struct function_routes *routes, struct text key)
{
    struct text path = key, method = TEXT("ANY");

    if (text_contains(key, ' '))
        (void)text_split(&path, ' ', &method);
    write_function_route(routes, method, path);
}

static void write_function(struct call *call, struct writer *writer,
                           const struct function *function)
{
    struct error ignored;
    scoped(json_decref) json_t *guard =
        function->guarded ? json_parse(text_of(function->guarded->source), &ignored) : NULL;
    struct function_routes routes = {writer, function, NULL, guard};

    for (size_t i = 0; i < function->alias_count; i++) {
        routes.url = &function->aliases[i].url;
        write_url_route(call, &routes);
    }
    routes.url = &function->url;
    write_url_route(call, &routes);
    if (*function->url.id) {
        const char *name = arena_format(&call->arena, "/functions/%s/{proxy+}", function->name);
        write_function_route(&routes, TEXT("ANY"), text_of(name));
    }
    for (size_t i = 0; i < function->route_count; i++)
        write_claimed_route(&routes, text_of(function->routes[i]));
}

/* On the shard. */
static void write_functions(struct call *call, struct writer *writer)
{
    const struct directory *directory = shard_directory(call->shard->shard);
    struct map_cursor cursor = {0};

    while (map_next(&directory->by_key, &cursor))
        write_function(call, writer, cursor.value);
}

static const char *target_id(const json_t *route)
{
    struct text target = json_text(route, "target");

    return text_starts(target, TEXT("integrations/")) ? target.at + sizeof "integrations/" - 1
                                                      : NULL;
}

static void write_target(struct writer *writer, const json_t *deployed, const json_t *route)
{
    const json_t *integrations = json_object_get(deployed, "integrations"), *one;
    const char *id = target_id(route);
    size_t index;

    json_array_foreach(integrations, index, one)
    {
        if (!id || !text_equal(json_text(one, "integrationId"), text_of(id)))
            continue;
        struct text uri = json_text(one, "integrationUri");
        write_text(writer, "integration", json_text(one, "integrationType"));
        write_text(writer, "target", text_is_set(uri) ? uri : json_text(one, "integrationSubtype"));
    }
}

static void write_route(struct writer *writer, const json_t *document, const json_t *stage,
                        const json_t *deployed, const json_t *route)
{
    static const char *const members[] = {"routeKey", "routeId", "authorizerId"};
    const json_t *api = json_object_get(document, "api");
    struct text key = json_text(route, "routeKey"), path = key, method;
    bool has_path = text_contains(key, ' ') && text_split(&path, ' ', &method);
    const json_t *own = apigateway_part(document, "guards", key);
    const json_t *guard = own ? own : apigateway_part(document, "guards", TEXT(""));

    write_open(writer, NULL, '{');
    write_string(writer, "kind", apigateway_is_websocket(document) ? "websocket" : "http");
    write_text(writer, "apiId", json_text(api, "apiId"));
    write_text(writer, "api", json_text(api, "name"));
    write_text(writer, "stage", json_text(stage, "stageName"));
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (json_object_get(route, members[i]))
            write_text(writer, members[i], json_text(route, members[i]));
    write_text(writer, "method", has_path ? method : TEXT("ANY"));
    write_text(writer, "path", path);
    struct text type = json_text(route, "authorizationType");
    bool is_open = !text_is_set(type) || text_equal(type, TEXT("NONE"));
    write_authorization(writer, type, is_open ? guard : NULL);
    write_scopes(writer, json_object_get(route, "authorizationScopes"));
    write_bool(writer, "apiKeyRequired", json_bool(route, "apiKeyRequired", false));
    write_target(writer, deployed, route);
    write_bool(writer, "guarded", guard != NULL);
    write_close(writer, '}');
}

struct listing {
    struct call *call;
    struct writer writer;
};

/* What each stage serves: its deployment, not the API as it was last configured. */
static bool write_api_routes(void *arg, struct text key, const json_t *document)
{
    struct listing *listing = arg;
    struct call *call = listing->call;
    struct text id = json_text(json_object_get(document, "api"), "apiId");
    const char *name;
    json_t *stage, *route;
    size_t index;

    apigateway_each(name, stage, document, "stages")
    {
        const json_t *deployment =
            registry_find(apigateway_registry(call->api->apigateway, APIGATEWAY_DEPLOYMENT),
                          apigateway_deployment_key(call, id, json_text(stage, "deploymentId")));
        const json_t *deployed = json_object_get(deployment, "deployed");
        json_array_foreach(json_object_get(deployed, "routes"), index, route)
        {
            write_route(&listing->writer, document, stage, deployed, route);
        }
    }
    return true;
}

/* Where a bus takes events: the default one at a path without a name, too. */
static bool write_bus(void *arg, struct text key, const json_t *document)
{
    struct listing *listing = arg;
    struct writer *writer = &listing->writer;
    struct text name = key, piece;
    const char *paths[] = {"/events", NULL};

    (void)text_split(&name, '/', &piece);
    (void)text_split(&name, '/', &piece);
    paths[1] = arena_format(&listing->call->arena, "/events/%.*s", TEXT_ARG(name));
    for (size_t i = text_equal(name, TEXT("default")) ? 0 : 1; i < COUNT_OF(paths); i++) {
        write_open(writer, NULL, '{');
        write_string(writer, "kind", "bus");
        write_string(writer, "method", "POST");
        write_string(writer, "path", paths[i]);
        write_string(writer, "authorization", buses_is_public(key, document) ? "NONE" : "AWS_IAM");
        write_text(writer, "target", name);
        write_close(writer, '}');
    }
    return true;
}

static void write_apis(struct call *call)
{
    struct listing *listing = call->state;

    registry_each(buses_registry(call->api->buses, BUSES_BUS), TEXT(""), TEXT_NONE, write_bus,
                  listing);

    registry_each(apigateway_registry(call->api->apigateway, APIGATEWAY_API),
                  apigateway_key(call, TEXT("")), TEXT_NONE, write_api_routes, listing);
    write_close(&listing->writer, ']');
    write_close(&listing->writer, '}');
    call_reply(call, 200);
}

static void list_routes(struct call *call)
{
    struct listing *listing = arena_zalloc(&call->arena, sizeof *listing);

    *listing = (struct listing){call, call_writer(call)};
    write_open(&listing->writer, NULL, '{');
    write_open(&listing->writer, "routes", '[');
    write_functions(call, &listing->writer);
    call->state = listing;
    call_go_control(call, write_apis);
}

/* clang-format off */
#define PATH_GUARD "/_evoke/apis/{apiId}/guard"
const struct action admin_api_actions[] = {
    {"PutGuard", APIGATEWAY, METHOD_PUT, PATH_GUARD, BODY_RAW, GUARD_MAX, ACCESS_SIGNED,
     PLACE_CONTROL, apigateway_path_params, put_guard, NULL},
    APIGATEWAY_GET("GetGuard", PATH_GUARD, apigateway_path_params, get_guard),
    APIGATEWAY_DELETE("DeleteGuard", PATH_GUARD, apigateway_path_params, delete_guard),
    {"ListRoutes", APIGATEWAY, METHOD_GET, "/_evoke/gateway/routes", BODY_NONE, 0, ACCESS_SIGNED,
     PLACE_SHARD, apigateway_path_params, list_routes, NULL},
    {0},
};
/* clang-format on */
