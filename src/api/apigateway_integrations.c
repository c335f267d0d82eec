/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"
#include "gateway/http_api.h"

/* CreateIntegration, GetIntegration, GetIntegrations, UpdateIntegration, DeleteIntegration. */

#define TIMEOUT_HTTP_MS 30000 /* AWS: the default and the most */
#define TIMEOUT_WEBSOCKET_MS 29000

static const char *const members[] = {
    "connectionId",    "connectionType",      "contentHandlingStrategy",     "credentialsArn",
    "description",     "integrationMethod",   "integrationSubtype",          "integrationType",
    "integrationUri",  "passthroughBehavior", "payloadFormatVersion",        "requestTemplates",
    "timeoutInMillis", "tlsConfig",           "templateSelectionExpression", NULL,
};

/* --- what maps parameters --- */

/* Members are merged; an empty value takes one away. What removes a parameter of the request is
 * new with an empty value, too. */
static bool merge_texts(struct call *call, json_t *into, const json_t *from, const char *what)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)from, name, value)
    {
        if (!json_is_string(value)) {
            apigateway_fail(call, "%s: the value of %s is not a text", what, name);
            return false;
        }
        bool removes = text_starts(text_of(name), TEXT("remove:"));
        if (json_string_length(value) == 0 && (!removes || json_object_get(into, name)))
            json_object_del(into, name);
        else
            json_object_set(into, name, value);
    }
    return true;
}

/* The member as it will be, to be changed; made when it is not there. */
static json_t *member(json_t *integration, const char *name)
{
    json_t *value = json_object_get(integration, name);

    if (!value) {
        value = json_object();
        json_object_set_new(integration, name, value);
    }
    return value;
}

static void drop_empty(json_t *integration, const char *name)
{
    if (json_object_size(json_object_get(integration, name)) == 0)
        json_object_del(integration, name);
}

static bool merge_responses(struct call *call, json_t *integration, const json_t *from)
{
    json_t *into = member(integration, "responseParameters"), *value;
    const char *status;

    json_object_foreach((json_t *)(uintptr_t)from, status, value)
    {
        if (!json_is_object(value)) {
            apigateway_fail(call, "responseParameters: the value of %s is not a map", status);
            return false;
        }
        if (json_object_size(value) == 0)
            json_object_del(into, status);
        else if (!merge_texts(call, member(into, status), value, "responseParameters"))
            return false;
        drop_empty(into, status);
    }
    drop_empty(integration, "responseParameters");
    return true;
}

static bool merge_parameters(struct call *call, json_t *integration)
{
    const json_t *request = json_object_get(call->input, "requestParameters");
    const json_t *response = json_object_get(call->input, "responseParameters");

    if (json_is_object(request)) {
        if (!merge_texts(call, member(integration, "requestParameters"), request,
                         "requestParameters"))
            return false;
        drop_empty(integration, "requestParameters");
    }
    return !json_is_object(response) || merge_responses(call, integration, response);
}

/* --- checks --- */

static bool is_lambda_uri(struct text uri)
{
    return text_starts(uri, TEXT("arn:")) && text_find_text(uri, TEXT(":function:")) < uri.len;
}

static bool is_http_url(struct text uri)
{
    return text_starts(uri, TEXT("http://")) || text_starts(uri, TEXT("https://"));
}

static bool check_service(struct call *call, const json_t *integration)
{
    struct text version = json_text(integration, "payloadFormatVersion");

    if (!text_is_set(json_text(integration, "credentialsArn"))) {
        apigateway_fail(call, "An integration with an integrationSubtype needs a credentialsArn");
        return false;
    }
    if (!text_equal(version, TEXT("1.0"))) {
        apigateway_fail(call, "PayloadFormatVersion of an integration with an integrationSubtype "
                              "must be 1.0");
        return false;
    }
    return true;
}

static bool check_function(struct call *call, const json_t *integration, bool is_websocket)
{
    struct text version = json_text(integration, "payloadFormatVersion");
    struct text uri = json_text(integration, "integrationUri");

    if (!is_lambda_uri(uri)) {
        apigateway_fail(call,
                        "Invalid integrationUri '%.*s': an AWS_PROXY integration needs the "
                        "ARN of a function",
                        TEXT_ARG(uri));
        return false;
    }
    if (is_websocket || text_equal(version, TEXT("1.0")) || text_equal(version, TEXT("2.0")))
        return true;
    apigateway_fail(call, "PayloadFormatVersion of an AWS_PROXY integration must be 1.0 or 2.0");
    return false;
}

static bool check_url(struct call *call, const json_t *integration)
{
    struct text uri = json_text(integration, "integrationUri");

    if (!is_http_url(uri)) {
        apigateway_fail(call, "Invalid HTTP endpoint specified for URI: '%.*s'", TEXT_ARG(uri));
        return false;
    }
    if (text_is_set(json_text(integration, "integrationMethod")))
        return true;
    apigateway_fail(call, "HTTP integrations need an integrationMethod");
    return false;
}

/* What HTTP APIs do not have. */
static bool check_http_api(struct call *call, const json_t *integration, struct text type)
{
    if (!text_equal(type, TEXT("AWS_PROXY")) && !text_equal(type, TEXT("HTTP_PROXY"))) {
        apigateway_fail(call,
                        "Integration type %.*s is for WebSocket APIs: HTTP APIs have "
                        "AWS_PROXY and HTTP_PROXY",
                        TEXT_ARG(type));
        return false;
    }
    if (text_equal(type, TEXT("HTTP_PROXY")) &&
        !text_equal(json_text(integration, "payloadFormatVersion"), TEXT("1.0"))) {
        apigateway_fail(call, "PayloadFormatVersion of an HTTP_PROXY integration must be 1.0");
        return false;
    }
    return true;
}

static bool check_connection(struct call *call, const json_t *integration)
{
    if (!text_equal(json_text(integration, "connectionType"), TEXT("VPC_LINK")))
        return true;
    apigateway_fail(call, "VPC links are not there: an integration with connectionType INTERNET "
                          "reaches private addresses that the daemon's setting upstream-networks "
                          "lists");
    return false;
}

static bool check_timeout(struct call *call, const json_t *integration, int64_t most)
{
    int64_t timeout = json_int(integration, "timeoutInMillis", most);

    if (timeout >= 50 && timeout <= most)
        return true;
    apigateway_fail(call, "Timeout should be between 50 ms and %lld ms", (long long)most);
    return false;
}

static bool check_type(struct apigateway_edit *edit, const json_t *integration, struct text type)
{
    bool is_websocket = apigateway_is_websocket(edit->document);

    if (!is_websocket && !check_http_api(edit->call, integration, type))
        return false;
    if (text_equal(type, TEXT("MOCK")))
        return true;
    if (text_starts(type, TEXT("HTTP")))
        return check_url(edit->call, integration);
    if (json_object_get(integration, "integrationSubtype"))
        return check_service(edit->call, integration);
    return text_equal(type, TEXT("AWS")) || check_function(edit->call, integration, is_websocket);
}

/* Its mappings and templates, and whether Evoke has what it leads to. */
static bool check_served(struct apigateway_edit *edit, const json_t *integration)
{
    enum api_protocol protocol = apigateway_is_websocket(edit->document) ? API_WEBSOCKET : API_HTTP;
    struct error err;

    if (api_integration_check(integration, protocol, edit->call->api->region, &err) == 0)
        return true;
    apigateway_fail(edit->call, "%s", err.text);
    return false;
}

static void set_default(json_t *integration, const char *name, const char *value)
{
    if (!json_object_get(integration, name))
        json_object_set_new(integration, name, json_string(value));
}

static void set_defaults(json_t *integration, struct text type, bool is_websocket)
{
    set_default(integration, "connectionType", "INTERNET");
    if (text_equal(type, TEXT("AWS_PROXY")) && !json_object_get(integration, "integrationSubtype"))
        set_default(integration, "integrationMethod", "POST");
    if (!json_object_get(integration, "timeoutInMillis"))
        json_object_set_new(integration, "timeoutInMillis",
                            json_integer(is_websocket ? TIMEOUT_WEBSOCKET_MS : TIMEOUT_HTTP_MS));
    if (is_websocket) {
        set_default(integration, "payloadFormatVersion", "1.0");
        set_default(integration, "passthroughBehavior", "WHEN_NO_MATCH");
        set_default(integration, "integrationResponseSelectionExpression",
                    "${integration.response.statuscode}");
    } else if (text_equal(type, TEXT("HTTP_PROXY"))) {
        set_default(integration, "payloadFormatVersion", "1.0");
    }
}

static bool complete(struct apigateway_edit *edit, const json_t *before, json_t *integration)
{
    bool is_websocket = apigateway_is_websocket(edit->document);
    struct text type = json_text(integration, "integrationType");

    set_defaults(integration, type, is_websocket);
    return merge_parameters(edit->call, integration) && check_connection(edit->call, integration) &&
           check_timeout(edit->call, integration,
                         is_websocket ? TIMEOUT_WEBSOCKET_MS : TIMEOUT_HTTP_MS) &&
           check_type(edit, integration, type) && check_served(edit, integration);
}

static bool may_delete(struct apigateway_edit *edit, struct text id)
{
    json_t *responses, *part;
    const char *key;
    void *next;

    apigateway_each(key, part, edit->document, "routes")
    {
        struct text target = json_text(part, "target");
        if (text_starts(target, TEXT("integrations/")) &&
            text_equal(text_skip(target, sizeof "integrations/" - 1), id)) {
            call_fail(edit->call, "ConflictException",
                      "Cannot delete Integration '%.*s' due to Route '%s' (%s): give the route "
                      "another target first",
                      TEXT_ARG(id), key, json_string_value(json_object_get(part, "routeKey")));
            return false;
        }
    }
    responses = apigateway_edit_parts(edit, "integrationResponses");
    json_object_foreach_safe(responses, next, key, part)
    {
        if (text_equal(json_text(part, "-parent"), id))
            json_object_del(responses, key);
    }
    return true;
}

const struct apigateway_part apigateway_integration_part = {
    .collection = "integrations",
    .id = "integrationId",
    .title = "Integration",
    .members = members,
    .max = LIMIT_API_ROUTES,
    .deploys = true,
    .complete = complete,
    .may_delete = may_delete,
};
APIGATEWAY_PART_RUNS(apigateway_integration_part)

/* clang-format off */
static const struct param tls_params[] = {ROW_TEXT("serverNameToVerify", 512), {0}};
#define TYPES "AWS, HTTP, MOCK, HTTP_PROXY, AWS_PROXY"
#define ROWS                                                                                       \
    ROW_TEXT("connectionId", 1024), ROW_ENUM("connectionType", "INTERNET, VPC_LINK"),              \
    ROW_ENUM("contentHandlingStrategy", "CONVERT_TO_BINARY, CONVERT_TO_TEXT"),                     \
    ROW_TEXT("credentialsArn", 2048), ROW_TEXT("description", 1024),                               \
    ROW_TEXT("integrationMethod", 64), ROW_TEXT("integrationSubtype", 128),                        \
    ROW_TEXT("integrationUri", 2048),                                                              \
    ROW_ENUM("passthroughBehavior", "WHEN_NO_MATCH, NEVER, WHEN_NO_TEMPLATES"),                    \
    ROW_TEXT("payloadFormatVersion", 64), ROW_MAP("requestParameters"),                            \
    ROW_TEXTS("requestTemplates"), ROW_MAP("responseParameters"),                                  \
    ROW_TEXT("templateSelectionExpression", 128),                                                  \
    {PARAM_BODY, PARAM_INT, "timeoutInMillis", "timeoutInMillis", .min = 50, .max = 30000},        \
    {PARAM_BODY, PARAM_OBJECT, "tlsConfig", "tlsConfig", .members = tls_params}

static const struct param create_params[] = {
    {PARAM_BODY, PARAM_STRING, "integrationType", "integrationType", true, .values = TYPES}, ROWS, {0}};
static const struct param update_params[] = {ROW_ENUM("integrationType", TYPES), ROWS, {0}};

#define PATH "/v2/apis/{apiId}/integrations"
const struct action apigateway_integration_actions[] = {
    APIGATEWAY_POST("CreateIntegration", PATH, create_params, run_create),
    APIGATEWAY_GET("GetIntegrations", PATH, apigateway_api_params, run_list),
    APIGATEWAY_GET("GetIntegration", PATH "/{integrationId}", apigateway_path_params, run_get),
    APIGATEWAY_PATCH("UpdateIntegration", PATH "/{integrationId}", update_params, run_update),
    APIGATEWAY_DELETE("DeleteIntegration", PATH "/{integrationId}", apigateway_path_params, run_delete),
    {0},
};
/* clang-format on */
