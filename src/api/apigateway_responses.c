/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"
#include "gateway/socket_template.h"

/* The responses of routes and of integrations: WebSocket APIs have them. */

/* No other of the same parent has the key. */
static bool check_key(struct apigateway_edit *edit, const json_t *response, const char *collection,
                      const char *id, const char *member)
{
    struct text key = json_text(response, member);
    const char *other_id;
    json_t *other;

    if (!apigateway_is_websocket(edit->document)) {
        apigateway_fail(edit->call, "Responses of routes and integrations are for WebSocket APIs; "
                                    "in HTTP APIs, responseParameters of the integration change "
                                    "the response");
        return false;
    }
    apigateway_each(other_id, other, edit->document, collection)
    {
        if (text_equal(json_text(other, member), key) &&
            text_equal(json_text(other, "-parent"), json_text(response, "-parent")) &&
            !text_equal(text_of(other_id), json_text(response, id))) {
            call_fail(edit->call, "ConflictException", "A response with the key %.*s exists",
                      TEXT_ARG(key));
            return false;
        }
    }
    return true;
}

/* --- of routes --- */

static const char *const route_members[] = {"modelSelectionExpression", "responseModels",
                                            "responseParameters", "routeResponseKey", NULL};

static bool complete_route(struct apigateway_edit *edit, const json_t *before, json_t *response)
{
    if (!check_key(edit, response, "routeResponses", "routeResponseId", "routeResponseKey"))
        return false;
    if (text_equal(json_text(response, "routeResponseKey"), TEXT("$default")))
        return true;
    apigateway_fail(edit->call, "The only routeResponseKey is $default");
    return false;
}

static const struct apigateway_part route_response_part = {
    .collection = "routeResponses",
    .id = "routeResponseId",
    .title = "RouteResponse",
    .members = route_members,
    .max = LIMIT_API_ROUTES,
    .deploys = true,
    .parent = "routeId",
    .parent_collection = "routes",
    .parent_title = "Route",
    .complete = complete_route,
};

static void create_route_response(struct call *call)
{
    apigateway_part_create(call, &route_response_part);
}

static void get_route_response(struct call *call)
{
    apigateway_part_get(call, &route_response_part);
}

static void get_route_responses(struct call *call)
{
    apigateway_part_list(call, &route_response_part);
}

static void update_route_response(struct call *call)
{
    apigateway_part_update(call, &route_response_part);
}

static void delete_route_response(struct call *call)
{
    apigateway_part_delete(call, &route_response_part);
}

/* --- of integrations --- */

static const char *const integration_members[] = {
    "contentHandlingStrategy", "integrationResponseKey",      "responseParameters",
    "responseTemplates",       "templateSelectionExpression", NULL};

static bool complete_integration(struct apigateway_edit *edit, const json_t *before,
                                 json_t *response)
{
    struct error err;

    if (!check_key(edit, response, "integrationResponses", "integrationResponseId",
                   "integrationResponseKey"))
        return false;
    if (socket_response_check(response, &err) == 0)
        return true;
    apigateway_fail(edit->call, "%s", err.text);
    return false;
}

static const struct apigateway_part integration_response_part = {
    .collection = "integrationResponses",
    .id = "integrationResponseId",
    .title = "IntegrationResponse",
    .members = integration_members,
    .max = LIMIT_API_ROUTES,
    .deploys = true,
    .parent = "integrationId",
    .parent_collection = "integrations",
    .parent_title = "Integration",
    .complete = complete_integration,
};
APIGATEWAY_PART_RUNS(integration_response_part)

/* clang-format off */
#define ROUTE_ROWS                                                                                 \
    ROW_TEXT("modelSelectionExpression", 128), ROW_TEXTS("responseModels"),                        \
    ROW_MAP("responseParameters")
#define INTEGRATION_ROWS                                                                           \
    ROW_ENUM("contentHandlingStrategy", "CONVERT_TO_BINARY, CONVERT_TO_TEXT"),                     \
    ROW_TEXTS("responseParameters"), ROW_TEXTS("responseTemplates"),                               \
    ROW_TEXT("templateSelectionExpression", 128)

static const struct param create_route_params[] = {ROW_NEEDED("routeResponseKey", 128), ROUTE_ROWS, {0}};
static const struct param update_route_params[] = {ROW_TEXT("routeResponseKey", 128), ROUTE_ROWS, {0}};
static const struct param create_params[] = {ROW_NEEDED("integrationResponseKey", 128), INTEGRATION_ROWS, {0}};
static const struct param update_params[] = {ROW_TEXT("integrationResponseKey", 128), INTEGRATION_ROWS, {0}};

#define ROUTE_PATH "/v2/apis/{apiId}/routes/{routeId}/routeresponses"
#define PATH "/v2/apis/{apiId}/integrations/{integrationId}/integrationresponses"
const struct action apigateway_response_actions[] = {
    APIGATEWAY_POST("CreateRouteResponse", ROUTE_PATH, create_route_params, create_route_response),
    APIGATEWAY_GET("GetRouteResponses", ROUTE_PATH, apigateway_api_params, get_route_responses),
    APIGATEWAY_GET("GetRouteResponse", ROUTE_PATH "/{routeResponseId}", apigateway_path_params, get_route_response),
    APIGATEWAY_PATCH("UpdateRouteResponse", ROUTE_PATH "/{routeResponseId}", update_route_params, update_route_response),
    APIGATEWAY_DELETE("DeleteRouteResponse", ROUTE_PATH "/{routeResponseId}", apigateway_path_params, delete_route_response),
    APIGATEWAY_POST("CreateIntegrationResponse", PATH, create_params, run_create),
    APIGATEWAY_GET("GetIntegrationResponses", PATH, apigateway_api_params, run_list),
    APIGATEWAY_GET("GetIntegrationResponse", PATH "/{integrationResponseId}", apigateway_path_params, run_get),
    APIGATEWAY_PATCH("UpdateIntegrationResponse", PATH "/{integrationResponseId}", update_params, run_update),
    APIGATEWAY_DELETE("DeleteIntegrationResponse", PATH "/{integrationResponseId}", apigateway_path_params, run_delete),
    {0},
};
/* clang-format on */
