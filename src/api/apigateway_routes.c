/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

#include "model/route_key.h"

/* CreateRoute, GetRoute, GetRoutes, UpdateRoute, DeleteRoute, DeleteRouteRequestParameter. */

#define SCOPES_MAX 10
#define SCOPE_MAX 64

static const char *const members[] = {
    "apiKeyRequired",
    "authorizationScopes",
    "authorizationType",
    "authorizerId",
    "modelSelectionExpression",
    "operationName",
    "requestModels",
    "requestParameters",
    "routeKey",
    "target",
    "routeResponseSelectionExpression",
    NULL,
};
/* AWS has them for WebSocket APIs only. */
static const char *const websocket_members[] = {"modelSelectionExpression", "requestModels",
                                                "requestParameters",
                                                "routeResponseSelectionExpression"};

static bool check_key(struct apigateway_edit *edit, const json_t *route)
{
    struct text key = json_text(route, "routeKey"), id = json_text(route, "routeId");
    const char *other_id;
    struct error err;
    json_t *other;

    if (!apigateway_is_websocket(edit->document) && route_key_check(key, &err) < 0) {
        apigateway_fail(edit->call, "%s", err.text);
        return false;
    }
    if (edit->keys_are_unique)
        return true;
    apigateway_each(other_id, other, edit->document, "routes")
    {
        if (text_equal(json_text(other, "routeKey"), key) && !text_equal(text_of(other_id), id)) {
            call_fail(edit->call, "ConflictException",
                      "Route with key %.*s already exists for this API", TEXT_ARG(key));
            return false;
        }
    }
    return true;
}

static bool check_target(struct apigateway_edit *edit, const json_t *route)
{
    struct text target = json_text(route, "target");
    struct text id = text_skip(target, sizeof "integrations/" - 1);

    if (!text_is_set(target) || (text_starts(target, TEXT("integrations/")) &&
                                 apigateway_part(edit->document, "integrations", id)))
        return true;
    apigateway_fail(edit->call,
                    "Unable to find the integration of target '%.*s': a target is "
                    "integrations/ID, with the ID of an integration of this API",
                    TEXT_ARG(target));
    return false;
}

/* They stand in quotes in a header of refusals, as RFC 6750 has it. */
static bool is_scope(const json_t *scope)
{
    struct text text = text_from(json_string_value(scope), json_string_length(scope));

    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == '"' || text.at[i] == '\\' ||
            text.at[i] == 0x7f)
            return false;
    return text.len >= 1 && text.len <= SCOPE_MAX;
}

static bool check_scopes(struct apigateway_edit *edit, const json_t *route)
{
    const json_t *scopes = json_object_get(route, "authorizationScopes"), *scope;
    size_t index;

    if (json_array_size(scopes) > SCOPES_MAX) {
        apigateway_fail(edit->call, "A route has at most %d AuthorizationScopes", SCOPES_MAX);
        return false;
    }
    json_array_foreach(scopes, index, scope)
    {
        if (is_scope(scope))
            continue;
        apigateway_fail(edit->call,
                        "Invalid AuthorizationScopes: a scope has 1 to %d characters, and no "
                        "quotes, backslashes or control characters",
                        SCOPE_MAX);
        return false;
    }
    return true;
}

/* Of the type that the route's authorization needs. */
static bool check_authorizer(struct apigateway_edit *edit, json_t *route)
{
    struct text type = json_text(route, "authorizationType"), id = json_text(route, "authorizerId");
    bool is_jwt = text_equal(type, TEXT("JWT")), is_custom = text_equal(type, TEXT("CUSTOM"));
    const json_t *authorizer = apigateway_part(edit->document, "authorizers", id);

    if (!is_jwt && json_array_size(json_object_get(route, "authorizationScopes")) > 0) {
        apigateway_fail(edit->call, "AuthorizationScopes are for authorizationType JWT");
        return false;
    }
    if (!check_scopes(edit, route))
        return false;
    if (!is_jwt && !is_custom) {
        json_object_del(route, "authorizerId");
        return true;
    }
    if (!text_is_set(id)) {
        apigateway_fail(edit->call, "AuthorizationType %.*s needs an authorizerId", TEXT_ARG(type));
        return false;
    }
    if (!authorizer) {
        apigateway_fail_absent(edit->call, "Authorizer", id);
        return false;
    }
    if (text_equal(json_text(authorizer, "authorizerType"), is_jwt ? TEXT("JWT") : TEXT("REQUEST")))
        return true;
    apigateway_fail(edit->call,
                    "Authorizer '%.*s' is of type %.*s, authorizationType %.*s needs %s",
                    TEXT_ARG(id), TEXT_ARG(json_text(authorizer, "authorizerType")), TEXT_ARG(type),
                    is_jwt ? "JWT" : "REQUEST");
    return false;
}

static bool check_websocket(struct apigateway_edit *edit, const json_t *route)
{
    bool is_websocket = apigateway_is_websocket(edit->document);
    struct text type = json_text(route, "authorizationType");

    if (is_websocket && text_equal(type, TEXT("JWT"))) {
        apigateway_fail(edit->call, "AuthorizationType JWT is for HTTP APIs");
        return false;
    }
    if (is_websocket && !text_equal(type, TEXT("NONE")) &&
        !text_equal(json_text(route, "routeKey"), TEXT("$connect"))) {
        apigateway_fail(edit->call, "Currently, authorization is restricted to the $connect route");
        return false;
    }
    for (size_t i = 0; !is_websocket && i < COUNT_OF(websocket_members); i++)
        if (json_object_get(route, websocket_members[i])) {
            apigateway_fail(edit->call, "%s is for WebSocket APIs", websocket_members[i]);
            return false;
        }
    return true;
}

static bool complete(struct apigateway_edit *edit, const json_t *before, json_t *route)
{
    /* Given parameters join those there are: DeleteRouteRequestParameter takes one away. */
    if (before)
        json_object_update_missing(json_object_get(route, "requestParameters"),
                                   json_object_get(before, "requestParameters"));
    if (!json_object_get(route, "apiKeyRequired"))
        json_object_set_new(route, "apiKeyRequired", json_false());
    if (!json_object_get(route, "authorizationType"))
        json_object_set_new(route, "authorizationType", json_string("NONE"));
    return check_key(edit, route) && check_websocket(edit, route) && check_target(edit, route) &&
           check_authorizer(edit, route);
}

/* Responses go with their route. */
static bool may_delete(struct apigateway_edit *edit, struct text id)
{
    json_t *responses = apigateway_edit_parts(edit, "routeResponses"), *response;
    const char *key;
    void *next;

    json_object_foreach_safe(responses, next, key, response)
    {
        if (text_equal(json_text(response, "-parent"), id))
            json_object_del(responses, key);
    }
    return true;
}

const struct apigateway_part apigateway_route_part = {
    .collection = "routes",
    .id = "routeId",
    .title = "Route",
    .members = members,
    .max = LIMIT_API_ROUTES,
    .deploys = true,
    .complete = complete,
    .may_delete = may_delete,
};
APIGATEWAY_PART_RUNS(apigateway_route_part)

static void delete_parameter(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text name = call->path_values[2];

    if (!apigateway_edit_begin(&edit, call))
        return;
    json_t *route = apigateway_edit_part(&edit, "routes", call->path_values[1]);
    if (!route) {
        apigateway_fail_absent(call, "Route", call->path_values[1]);
        return;
    }
    json_t *parameters = json_object_get(route, "requestParameters");
    if (json_object_deln(parameters, name.at, name.len) < 0) {
        apigateway_fail_absent(call, "RequestParameter", name);
        return;
    }
    if (json_object_size(parameters) == 0)
        json_object_del(route, "requestParameters");
    apigateway_edit_auto_deploy(&edit);
    apigateway_edit_end(&edit, 204);
}

/* clang-format off */
#define ROWS                                                                                       \
    ROW_BOOL("apiKeyRequired"), ROW_LIST("authorizationScopes"),                                   \
    ROW_ENUM("authorizationType", "NONE, AWS_IAM, CUSTOM, JWT"), ROW_TEXT("authorizerId", 128),    \
    ROW_TEXT("modelSelectionExpression", 128), ROW_TEXT("operationName", 256),                     \
    ROW_TEXTS("requestModels"), ROW_MAP("requestParameters"),                                      \
    ROW_TEXT("routeResponseSelectionExpression", 128), ROW_TEXT("target", 128)

static const struct param create_params[] = {ROW_NEEDED("routeKey", ROUTE_KEY_MAX), ROWS, {0}};
static const struct param update_params[] = {ROW_TEXT("routeKey", ROUTE_KEY_MAX), ROWS, {0}};

#define PATH "/v2/apis/{apiId}/routes"
const struct action apigateway_route_actions[] = {
    APIGATEWAY_POST("CreateRoute", PATH, create_params, run_create),
    APIGATEWAY_GET("GetRoutes", PATH, apigateway_api_params, run_list),
    APIGATEWAY_GET("GetRoute", PATH "/{routeId}", apigateway_path_params, run_get),
    APIGATEWAY_PATCH("UpdateRoute", PATH "/{routeId}", update_params, run_update),
    APIGATEWAY_DELETE("DeleteRoute", PATH "/{routeId}", apigateway_path_params, run_delete),
    APIGATEWAY_DELETE("DeleteRouteRequestParameter",
                      PATH "/{routeId}/requestparameters/{requestParameterKey}",
                      apigateway_path_params, delete_parameter),
    {0},
};
/* clang-format on */
