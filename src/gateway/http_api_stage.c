/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "gateway/access_format.h"
#include "gateway/http_api_priv.h"
#include "guard/limits.h"

/* --- variables --- */

static void read_variables(struct api_stage *stage, const json_t *document)
{
    json_t *variables = json_object_get(document, "stageVariables"), *value;
    const char *name;

    stage->variables = mem_zalloc((json_object_size(variables) + 1) * sizeof *stage->variables);
    json_object_foreach(variables, name, value) stage->variables[stage->variable_count++] =
        (struct variable){mem_strdup(name),
                          mem_strdup(json_is_string(value) ? json_string_value(value) : "")};
}

/* --- routes --- */

/* "integrations/ID" */
static const struct api_integration *find_integration(const struct api_stage *stage,
                                                      struct text target)
{
    struct text id = text_skip(target, text_find(target, '/') + 1);

    for (size_t i = 0; i < stage->integration_count; i++)
        if (text_equal(text_of(stage->integrations[i].id), id))
            return &stage->integrations[i];
    return NULL;
}

static const struct authorizer *find_authorizer(const struct api_stage *stage, struct text id)
{
    for (size_t i = 0; i < stage->authorizer_count; i++)
        if (text_equal(text_of(stage->authorizers[i].id), id))
            return stage->authorizers[i].compiled;
    return NULL;
}

/* What is not known would let everybody pass if it were taken for none. */
static int read_authorization(struct api_route *route, struct text type, struct error *err)
{
    static const struct {
        struct text name;
        enum route_authorization authorization;
    } types[] = {
        {TEXT(""), AUTHORIZATION_NONE},       {TEXT("NONE"), AUTHORIZATION_NONE},
        {TEXT("JWT"), AUTHORIZATION_JWT},     {TEXT("CUSTOM"), AUTHORIZATION_CUSTOM},
        {TEXT("AWS_IAM"), AUTHORIZATION_IAM},
    };

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (text_equal(type, types[i].name)) {
            route->authorization = types[i].authorization;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "the route '%s' has no authorizationType '%.*s'",
                     route->key, TEXT_ARG(type));
}

static int read_authorizer(struct api_stage *stage, struct api_route *route, const json_t *document,
                           struct error *err)
{
    const json_t *scopes = json_object_get(document, "authorizationScopes"), *scope;
    struct text id = json_text(document, "authorizerId");
    size_t index;

    if (read_authorization(route, json_text(document, "authorizationType"), err) < 0)
        return -1;
    route->scopes = mem_zalloc((json_array_size(scopes) + 1) * sizeof *route->scopes);
    json_array_foreach(scopes, index, scope)
    {
        if (json_is_string(scope))
            route->scopes[route->scope_count++] = mem_strdup(json_string_value(scope));
    }
    if (route->authorization != AUTHORIZATION_JWT && route->authorization != AUTHORIZATION_CUSTOM)
        return 0;
    route->authorizer = find_authorizer(stage, id);
    if (!route->authorizer)
        return error_set(err, ERROR_INVALID, "the authorizer '%.*s' of the route '%s' is not there",
                         TEXT_ARG(id), route->key);
    if (authorizer_takes_tokens(route->authorizer) == (route->authorization == AUTHORIZATION_JWT))
        return 0;
    return error_set(err, ERROR_INVALID,
                     "the authorizer '%.*s' of the route '%s' is of another type than the route "
                     "says",
                     TEXT_ARG(id), route->key);
}

static size_t count_braces(struct text path)
{
    size_t count = 0;

    for (size_t i = 0; i < path.len; i++)
        count += path.at[i] == '{';
    return count;
}

static int read_key(struct api_stage *stage, struct api_route *route, struct error *err)
{
    struct text key = text_of(route->key), segment;
    size_t blank = text_find(key, ' ');
    bool is_greedy;

    if (text_equal(key, DEFAULT_ROUTE)) {
        stage->fallback = route;
        return 0;
    }
    route->method = text_slice(key, 0, blank);
    route->path = text_skip(key, blank + 1);
    if (route_path_check(route->path, err) < 0)
        return -1;
    route->parameters = mem_zalloc((count_braces(route->path) + 1) * sizeof *route->parameters);
    for (struct text rest = route->path; text_split(&rest, '/', &segment);) {
        struct text name = route_parameter(segment, &is_greedy);
        if (text_is_set(name))
            route->parameters[route->parameter_count++] = name;
    }
    if (route_tree_put(&stage->tree, route->method, route->path, route))
        return error_set(err, ERROR_CONFLICT, "another route has the path of '%s'", route->key);
    return 0;
}

static int compile_route(struct api_stage *stage, struct api_route *route,
                         const struct http_api *api, const json_t *document, struct error *err)
{
    struct text target = json_text(document, "target");

    route->id = text_dup(json_text(document, "routeId"));
    route->key = text_dup(json_text(document, "routeKey"));
    route->needs_key = json_bool(document, "apiKeyRequired", false);
    route->is_two_way =
        text_equal(json_text(document, "routeResponseSelectionExpression"), TEXT("$default"));
    route->integration = target.len ? find_integration(stage, target) : NULL;
    if (target.len && !route->integration)
        return error_set(err, ERROR_INVALID, "the target '%.*s' of the route '%s' is not there",
                         TEXT_ARG(target), route->key);
    if (limits_of_stage(stage->document, text_of(route->key), &route->throttle, err) < 0)
        return -1;
    const json_t *guard = json_object_get(json_object_get(api->bundle, "guards"), route->key);
    if (guard) {
        route->guard = guard_compile(guard, api->guards, err);
        if (!route->guard)
            return -1;
    }
    if (read_authorizer(stage, route, document, err) < 0)
        return -1;
    return api->protocol == API_WEBSOCKET ? 0 : read_key(stage, route, err);
}

/* --- the stage --- */

int api_log_settings(const json_t *settings, struct text *ret_group,
                     struct access_format **ret_format, struct error *err)
{
    struct text arn = json_text(settings, "destinationArn"), format = json_text(settings, "format");
    struct text kind = TEXT(":log-group:");
    size_t at = text_find_text(arn, kind);
    struct text group = text_skip(arn, at + kind.len);

    if (text_ends(group, TEXT(":*")))
        group = text_slice(group, 0, group.len - 2);
    if (!text_starts(arn, TEXT("arn:aws:logs:")) || group.len == 0)
        return error_set(err, ERROR_INVALID,
                         "accessLogSettings: the destinationArn must be of a log group, such as "
                         "arn:aws:logs:us-east-1:000000000000:log-group:NAME");
    if (text_ends(format, TEXT("\n")))
        format = text_slice(format, 0, format.len - 1);
    *ret_group = group;
    *ret_format = access_format_compile(format, err);
    return *ret_format ? 0 : -1;
}

static int compile_log(struct api_stage *stage, const json_t *document, struct error *err)
{
    const json_t *settings = json_object_get(document, "accessLogSettings");
    struct text group;

    if (json_object_size(settings) == 0)
        return 0;
    if (api_log_settings(settings, &group, &stage->log_format, err) < 0)
        return -1;
    stage->log_group = text_dup(group);
    return 0;
}

static int compile_integrations(struct api_stage *stage, const struct http_api *api,
                                const json_t *deployed, struct error *err)
{
    const json_t *list = json_object_get(deployed, "integrations"), *document;
    const json_t *responses = json_object_get(deployed, "integrationResponses");
    size_t index;

    stage->integrations = mem_zalloc((json_array_size(list) + 1) * sizeof *stage->integrations);
    json_array_foreach(list, index, document)
    {
        stage->integration_count = index + 1;
        if (api_integration_compile(&stage->integrations[index], api, stage, document, err) < 0 ||
            api_integration_respond(&stage->integrations[index], responses, err) < 0)
            return -1;
    }
    return 0;
}

/* The stage's variables in its URI. */
static json_t *fill_in_authorizer(const struct api_stage *stage, const json_t *document)
{
    json_t *filled = json_copy((json_t *)(uintptr_t)document);
    struct text uri = json_text(document, "authorizerUri");
    scoped(free) char *text = api_stage_fill_in(stage, uri);

    if (text_is_set(uri))
        json_object_set_new(filled, "authorizerUri", json_from_text(text_of(text)));
    return filled;
}

static int compile_authorizers(struct api_stage *stage, const struct http_api *api,
                               const json_t *list, struct error *err)
{
    const struct authorizer_place place = {
        .account = text_of(api->account),
        .region = text_of(api->region),
        .api_id = text_of(api->id),
        .stage = text_of(stage->name),
        .resets = json_int(stage->document, "-authorizersReset", 0),
    };
    const json_t *document;
    size_t index;

    stage->authorizers = mem_zalloc((json_array_size(list) + 1) * sizeof *stage->authorizers);
    json_array_foreach(list, index, document)
    {
        struct api_authorizer *authorizer = &stage->authorizers[stage->authorizer_count++];
        scoped(json_decref) json_t *filled = fill_in_authorizer(stage, document);
        authorizer->id = text_dup(json_text(document, "authorizerId"));
        authorizer->compiled = authorizer_compile(filled, &place, err);
        if (!authorizer->compiled)
            return -1;
    }
    return 0;
}

static int compile_routes(struct api_stage *stage, const struct http_api *api, const json_t *list,
                          struct error *err)
{
    const json_t *document;
    size_t index;

    stage->routes = mem_zalloc((json_array_size(list) + 1) * sizeof *stage->routes);
    json_array_foreach(list, index, document)
    {
        stage->route_count = index + 1;
        if (compile_route(stage, &stage->routes[index], api, document, err) < 0)
            return -1;
    }
    return 0;
}

int api_stage_compile(struct api_stage *stage, const struct http_api *api, const json_t *document,
                      struct error *err)
{
    const json_t *deployed = json_object_get(document, "deployed");

    stage->name = text_dup(json_text(document, "stageName"));
    stage->arn = mem_format("arn:aws:execute-api:%s:%s:%s/%s/", api->region, api->account, api->id,
                            stage->name);
    stage->document = document;
    read_variables(stage, document);
    if (compile_log(stage, document, err) < 0 ||
        compile_integrations(stage, api, deployed, err) < 0 ||
        compile_authorizers(stage, api, json_object_get(deployed, "authorizers"), err) < 0)
        return -1;
    return compile_routes(stage, api, json_object_get(deployed, "routes"), err);
}

static void free_route(struct api_route *route)
{
    free(route->id);
    free(route->key);
    free(route->parameters);
    for (size_t i = 0; i < route->scope_count; i++)
        free(route->scopes[i]);
    free(route->scopes);
    guard_free(route->guard);
}

void api_stage_done(struct api_stage *stage)
{
    route_tree_done(&stage->tree);
    for (size_t i = 0; i < stage->route_count; i++)
        free_route(&stage->routes[i]);
    for (size_t i = 0; i < stage->integration_count; i++)
        api_integration_done(&stage->integrations[i]);
    for (size_t i = 0; i < stage->variable_count; i++) {
        free(stage->variables[i].name);
        free(stage->variables[i].value);
    }
    for (size_t i = 0; i < stage->authorizer_count; i++) {
        free(stage->authorizers[i].id);
        authorizer_free(stage->authorizers[i].compiled);
    }
    free(stage->routes);
    free(stage->authorizers);
    free(stage->integrations);
    free(stage->variables);
    free(stage->name);
    free(stage->arn);
    free(stage->log_group);
    access_format_free(stage->log_format);
}
