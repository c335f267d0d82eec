/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

#include "model/route_key.h"

/* CreateApi, GetApi, GetApis, UpdateApi, DeleteApi, DeleteCorsConfiguration. */

#define APIS_MAX 10000 /* AWS: 600 */
#define HTTP_SELECTION "$request.method $request.path"
#define KEY_SELECTION "$request.header.x-api-key"
#define KEY_SELECTION_2 "$context.authorizer.usageIdentifierKey"

static const char *const members[] = {
    "apiKeySelectionExpression",
    "corsConfiguration",
    "description",
    "disableSchemaValidation",
    "disableExecuteApiEndpoint",
    "name",
    "routeSelectionExpression",
    "version",
    NULL,
};

const json_t *apigateway_find_api(struct call *call, struct text id)
{
    const json_t *document = apigateway_find(call, APIGATEWAY_API, id);

    if (!document)
        apigateway_fail_absent(call, "API", id);
    return document;
}

/* --- checks --- */

static bool has_star(const json_t *list)
{
    const json_t *item;
    size_t index;

    json_array_foreach(list, index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), "*") == 0)
            return true;
    }
    return false;
}

static bool check_cors(struct call *call, const json_t *api)
{
    const json_t *cors = json_object_get(api, "corsConfiguration");
    int64_t age = json_int(cors, "maxAge", 0);

    if (json_bool(cors, "allowCredentials", false) &&
        has_star(json_object_get(cors, "allowOrigins"))) {
        apigateway_fail(call, "allow-credentials is not supported if 'allow-origin' is *");
        return false;
    }
    if (age >= -1 && age <= 86400)
        return true;
    apigateway_fail(call, "maxAge of CORS is between -1 and 86400 seconds");
    return false;
}

static bool check_selection(struct call *call, const json_t *api, bool is_websocket)
{
    struct text selection = json_text(api, "routeSelectionExpression");

    if (is_websocket && text_starts(selection, TEXT("$")))
        return true;
    if (!is_websocket && (text_equal(selection, TEXT(HTTP_SELECTION)) ||
                          text_equal(selection, TEXT("${request.method} ${request.path}"))))
        return true;
    apigateway_fail(call, "%s",
                    is_websocket
                        ? "RouteSelectionExpression is required for a WEBSOCKET API, such as "
                          "$request.body.action"
                        : "RouteSelectionExpression must be ${request.method} ${request.path} for "
                          "an HTTP API");
    return false;
}

static bool check_key_selection(struct call *call, const json_t *api)
{
    struct text selection = json_text(api, "apiKeySelectionExpression");

    if (text_equal(selection, TEXT(KEY_SELECTION)) || text_equal(selection, TEXT(KEY_SELECTION_2)))
        return true;
    apigateway_fail(call,
                    "ApiKeySelectionExpression must be " KEY_SELECTION " or " KEY_SELECTION_2);
    return false;
}

bool apigateway_check_api(struct call *call, json_t *api)
{
    struct text protocol = json_text(api, "protocolType");
    bool is_websocket = text_equal(protocol, TEXT("WEBSOCKET"));

    if (!json_object_get(api, "apiKeySelectionExpression"))
        json_object_set_new(api, "apiKeySelectionExpression", json_string(KEY_SELECTION));
    if (!json_object_get(api, "disableExecuteApiEndpoint"))
        json_object_set_new(api, "disableExecuteApiEndpoint", json_false());
    if (!is_websocket && !json_object_get(api, "routeSelectionExpression"))
        json_object_set_new(api, "routeSelectionExpression", json_string(HTTP_SELECTION));
    if (is_websocket && json_object_get(api, "corsConfiguration")) {
        apigateway_fail(call, "CORS is for HTTP APIs");
        return false;
    }
    return check_selection(call, api, is_websocket) && check_key_selection(call, api) &&
           check_cors(call, api);
}

/* --- quick create: a target in CreateApi and UpdateApi --- */

static void set_target(json_t *integration, struct text target, struct text credentials)
{
    bool is_function = text_starts(target, TEXT("arn:"));

    json_object_set_new(integration, "connectionType", json_string("INTERNET"));
    json_object_set_new(integration, "integrationType",
                        json_string(is_function ? "AWS_PROXY" : "HTTP_PROXY"));
    json_object_set_new(integration, "integrationMethod",
                        json_string(is_function ? "POST" : "ANY"));
    json_object_set_new(integration, "integrationUri", json_from_text(target));
    json_object_set_new(integration, "payloadFormatVersion",
                        json_string(is_function ? "2.0" : "1.0"));
    json_object_set_new(integration, "timeoutInMillis", json_integer(30000));
    if (text_is_set(credentials))
        json_object_set_new(integration, "credentialsArn", json_from_text(credentials));
}

static bool check_target(struct call *call, struct text target, struct text key, bool is_websocket)
{
    struct error err;

    if (is_websocket) {
        apigateway_fail(call, "A target (quick create) is for HTTP APIs");
        return false;
    }
    if (!text_starts(target, TEXT("arn:")) && !text_starts(target, TEXT("http://")) &&
        !text_starts(target, TEXT("https://"))) {
        apigateway_fail(call, "Invalid target '%.*s': the ARN of a function, or a URL",
                        TEXT_ARG(target));
        return false;
    }
    if (route_key_check(key, &err) == 0)
        return true;
    apigateway_fail(call, "%s", err.text);
    return false;
}

/* An integration, a route and the stage $default, which are the API's own. */
static void add_managed(struct apigateway_edit *edit, struct text target, struct text key)
{
    struct call *call = edit->call;
    struct text integration_id = apigateway_new_id(call, APIGATEWAY_PART_ID);
    struct text route_id = apigateway_new_id(call, APIGATEWAY_PART_ID);
    json_t *integration = json_pack("{s:b,s:o}", "apiGatewayManaged", 1, "integrationId",
                                    json_from_text(integration_id));
    json_t *route = json_pack("{s:b,s:b,s:s,s:o,s:o,s:o}", "apiGatewayManaged", 1, "apiKeyRequired",
                              0, "authorizationType", "NONE", "routeId", json_from_text(route_id),
                              "routeKey", json_from_text(key), "target",
                              json_sprintf("integrations/%.*s", TEXT_ARG(integration_id)));

    set_target(integration, target, call_input(call, "credentialsArn"));
    json_object_set_new(apigateway_edit_parts(edit, "integrations"), integration_id.at,
                        integration);
    json_object_set_new(apigateway_edit_parts(edit, "routes"), route_id.at, route);
    json_t *stage = json_pack("{s:b,s:b,s:o,s:{s:b},s:{},s:s,s:{},s:{}}", "apiGatewayManaged", 1,
                              "autoDeploy", 1, "createdDate", apigateway_now(),
                              "defaultRouteSettings", "detailedMetricsEnabled", 0, "routeSettings",
                              "stageName", "$default", "stageVariables", "tags");
    json_object_set_new(apigateway_edit_parts(edit, "stages"), "$default", stage);
    apigateway_edit_auto_deploy(edit);
}

/* The id of the part that quick create made; NULL: there is none. */
static const char *find_managed(const json_t *document, const char *collection)
{
    const char *id;
    json_t *part;

    apigateway_each(id, part, document, collection)
    {
        if (json_bool(part, "apiGatewayManaged", false))
            return id;
    }
    return NULL;
}

static bool change_managed(struct apigateway_edit *edit)
{
    struct call *call = edit->call;
    struct text target = call_input(call, "target"), key = call_input(call, "routeKey");
    const char *integration_id = find_managed(edit->document, "integrations");
    const char *route_id = find_managed(edit->document, "routes");

    if (!text_is_set(target) && !text_is_set(key))
        return true;
    if (!integration_id || !route_id) {
        apigateway_fail(call, "Target and routeKey change what was made by quick create: this API "
                              "was not made with a target");
        return false;
    }
    json_t *route = apigateway_edit_part(edit, "routes", text_of(route_id));
    json_t *integration = apigateway_edit_part(edit, "integrations", text_of(integration_id));
    if (!text_is_set(key))
        key = json_text(route, "routeKey");
    if (!text_is_set(target))
        target = json_text(integration, "integrationUri");
    target = arena_copy(&call->arena, target); /* of what is about to change */
    key = arena_copy(&call->arena, key);
    if (!check_target(call, target, key, apigateway_is_websocket(edit->document)))
        return false;
    set_target(integration, target, call_input(call, "credentialsArn"));
    json_object_set_new(route, "routeKey", json_from_text(key));
    apigateway_edit_auto_deploy(edit);
    return true;
}

/* --- actions --- */

json_t *apigateway_new_api(struct call *call, struct text protocol)
{
    struct text id = apigateway_new_id(call, APIGATEWAY_ID);

    return json_pack("{s:o,s:o,s:o,s:{}}", "apiId", json_from_text(id), "createdDate",
                     apigateway_now(), "protocolType", json_from_text(protocol), "tags");
}

const char *apigateway_endpoint(struct call *call, struct text id, bool is_websocket)
{
    struct text port = text_of(call->api->gateway_url);

    while (text_contains(port, ':'))
        port = text_skip(port, text_find(port, ':') + 1);
    return arena_format(&call->arena, "%s://%.*s.localhost:%.*s", is_websocket ? "ws" : "http",
                        TEXT_ARG(id), TEXT_ARG(port));
}

/* Where it is served is not stored: the port may be another one tomorrow. */
void apigateway_write_api(struct call *call, struct writer *writer, const json_t *api)
{
    scoped(json_decref) json_t *shown = json_object();
    bool is_websocket = text_equal(json_text(api, "protocolType"), TEXT("WEBSOCKET"));

    json_object_set_new(
        shown, "apiEndpoint",
        json_string(apigateway_endpoint(call, json_text(api, "apiId"), is_websocket)));
    json_object_update(shown, (json_t *)(uintptr_t)api);
    apigateway_write(writer, NULL, shown);
}

void apigateway_show_api(struct call *call, const json_t *api)
{
    struct writer writer = call_writer(call);

    apigateway_write_api(call, &writer, api);
}

bool apigateway_has_room(struct call *call)
{
    if (registry_count(apigateway_registry(call->api->apigateway, APIGATEWAY_API)) < APIS_MAX)
        return true;
    apigateway_fail(call, "Maximum number of APIs has been reached: %d", APIS_MAX);
    return false;
}

static void create_api(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text target = call_input(call, "target"), key = call_input(call, "routeKey");
    struct text protocol = call_input(call, "protocolType");

    if (!text_equal(protocol, TEXT("HTTP")) && !text_equal(protocol, TEXT("WEBSOCKET"))) {
        apigateway_fail(call, "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]");
        return;
    }
    if (!apigateway_has_room(call))
        return;
    json_t *api = apigateway_new_api(call, protocol);
    apigateway_edit_new(&edit, call, api);
    apigateway_take_members(api, call->input, members, false);
    if (!text_is_set(key))
        key = TEXT(ROUTE_KEY_DEFAULT);
    if (!apigateway_take_tags(call, json_object_get(api, "tags")) ||
        !apigateway_check_api(call, api) ||
        (text_is_set(target) &&
         !check_target(call, target, key, apigateway_is_websocket(edit.document))))
        return;
    if (text_is_set(target))
        add_managed(&edit, target, key);
    apigateway_show_api(call, api);
    apigateway_edit_end(&edit, 201);
}

static void get_api(struct call *call)
{
    const json_t *document = apigateway_find_api(call, call->path_values[0]);

    if (!document)
        return;
    apigateway_show_api(call, json_object_get(document, "api"));
    call_reply(call, 200);
}

static bool add_api(void *arg, struct text key, const json_t *document)
{
    struct apigateway_page *page = arg;

    if (!apigateway_page_has_room(page, key))
        return false;
    apigateway_write_api(page->call, &page->writer, json_object_get(document, "api"));
    return true;
}

static void get_apis(struct call *call)
{
    struct apigateway_page page;

    if (!apigateway_page_begin(&page, call))
        return;
    registry_each(apigateway_registry(call->api->apigateway, APIGATEWAY_API),
                  apigateway_key(call, TEXT("")), page.after, add_api, &page);
    apigateway_page_end(&page);
}

static void update_api(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};

    if (!apigateway_edit_begin(&edit, call))
        return;
    json_t *api = apigateway_edit_api(&edit);
    apigateway_take_members(api, call->input, members, false);
    if (!apigateway_check_api(call, api) || !change_managed(&edit))
        return;
    apigateway_show_api(call, api);
    apigateway_edit_end(&edit, 200);
}

static void delete_cors(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};

    if (!apigateway_edit_begin(&edit, call))
        return;
    json_object_del(apigateway_edit_api(&edit), "corsConfiguration");
    apigateway_edit_end(&edit, 204);
}

static void delete_api(struct call *call)
{
    struct text id = call->path_values[0];

    if (!apigateway_find_api(call, id) || !apigateway_is_unmapped(call, id, TEXT_NONE))
        return;
    apigateway_save_delete(apigateway_save_new(call, 204), APIGATEWAY_API,
                           apigateway_key(call, id));
    apigateway_forget_deployments(call->api->apigateway, apigateway_key(call, id));
}

/* clang-format off */
static const struct param cors_params[] = {
    ROW_BOOL("allowCredentials"), ROW_LIST("allowHeaders"), ROW_LIST("allowMethods"),
    ROW_LIST("allowOrigins"), ROW_LIST("exposeHeaders"),
    {PARAM_BODY, PARAM_INT, "maxAge", "maxAge"}, {0}};
#define ROWS                                                                                       \
    ROW_TEXT("apiKeySelectionExpression", 128),                                                    \
    {PARAM_BODY, PARAM_OBJECT, "corsConfiguration", "corsConfiguration", .members = cors_params},  \
    ROW_TEXT("credentialsArn", 2048), ROW_TEXT("description", 1024),                               \
    ROW_BOOL("disableSchemaValidation"), ROW_BOOL("disableExecuteApiEndpoint"),                    \
    ROW_TEXT("routeKey", ROUTE_KEY_MAX), ROW_TEXT("routeSelectionExpression", 256),                \
    ROW_TEXT("target", 2048), ROW_TEXT("version", 64)
static const struct param create_params[] = {
    ROW_NEEDED("name", 128),
    ROW_NEEDED("protocolType", 64),
    ROWS, ROW_TEXTS("tags"), {0}};
static const struct param update_params[] = {ROW_TEXT("name", 128), ROWS, {0}};

#define PATH "/v2/apis"
const struct action apigateway_api_actions[] = {
    APIGATEWAY_POST("CreateApi", PATH, create_params, create_api),
    APIGATEWAY_GET("GetApis", PATH, apigateway_api_params, get_apis),
    APIGATEWAY_GET("GetApi", PATH "/{apiId}", apigateway_path_params, get_api),
    APIGATEWAY_PATCH("UpdateApi", PATH "/{apiId}", update_params, update_api),
    APIGATEWAY_DELETE("DeleteApi", PATH "/{apiId}", apigateway_path_params, delete_api),
    APIGATEWAY_DELETE("DeleteCorsConfiguration", PATH "/{apiId}/cors", apigateway_path_params, delete_cors),
    {0},
};
/* clang-format on */
