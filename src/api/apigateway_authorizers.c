/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

/* CreateAuthorizer, GetAuthorizer, GetAuthorizers, UpdateAuthorizer, DeleteAuthorizer. */

#define TTL_S 300 /* of what a function answered, when nothing is said */
#define AUDIENCES_MAX 50
#define AUTHORIZERS_MAX 100 /* AWS: 10 */

static const char *const members[] = {
    "authorizerCredentialsArn",
    "authorizerPayloadFormatVersion",
    "authorizerResultTtlInSeconds",
    "authorizerType",
    "authorizerUri",
    "enableSimpleResponses",
    "identitySource",
    "identityValidationExpression",
    "jwtConfiguration",
    "name",
    NULL,
};

/* --- identity sources --- */

static bool is_source(struct text source)
{
    static const char *const heads[] = {
        "$request.header.",      "$request.querystring.",      "$context.", "$stageVariables.",
        "route.request.header.", "route.request.querystring.", "context.",  "stageVariables."};

    for (size_t i = 0; i < COUNT_OF(heads); i++)
        if (text_starts(source, text_of(heads[i])) && source.len > strlen(heads[i]))
            return true;
    return false;
}

static bool check_sources(struct call *call, const json_t *authorizer)
{
    const json_t *sources = json_object_get(authorizer, "identitySource"), *source;
    size_t index;

    json_array_foreach(sources, index, source)
    {
        struct text text = text_from(json_string_value(source), json_string_length(source));
        if (!is_source(text)) {
            apigateway_fail(call,
                            "Invalid mapping expression specified: Validation Result: "
                            "warnings : [], errors : [Invalid mapping expression "
                            "specified: %.*s]",
                            TEXT_ARG(text));
            return false;
        }
    }
    return true;
}

/* --- the kinds --- */

static bool check_jwt(struct call *call, const json_t *authorizer)
{
    const json_t *jwt = json_object_get(authorizer, "jwtConfiguration");
    const json_t *sources = json_object_get(authorizer, "identitySource");
    struct text issuer = json_text(jwt, "issuer");

    if (json_array_size(sources) != 1) {
        apigateway_fail(call, "A JWT authorizer has exactly one identitySource");
        return false;
    }
    if (!text_starts(issuer, TEXT("https://")) && !text_starts(issuer, TEXT("http://"))) {
        apigateway_fail(call, "Invalid issuer: it is the URL that stands in 'iss' of the tokens");
        return false;
    }
    if (json_array_size(json_object_get(jwt, "audience")) <= AUDIENCES_MAX)
        return true;
    apigateway_fail(call, "A JWT authorizer has at most %d audiences", AUDIENCES_MAX);
    return false;
}

static bool check_simple(struct call *call, const json_t *authorizer, struct text version)
{
    if (!json_bool(authorizer, "enableSimpleResponses", false) || text_equal(version, TEXT("2.0")))
        return true;
    apigateway_fail(call, "EnableSimpleResponses needs authorizerPayloadFormatVersion 2.0");
    return false;
}

static bool check_function(struct call *call, json_t *authorizer, bool is_websocket)
{
    struct text uri = json_text(authorizer, "authorizerUri");
    struct text version = json_text(authorizer, "authorizerPayloadFormatVersion");
    size_t sources = json_array_size(json_object_get(authorizer, "identitySource"));

    if (text_find_text(uri, TEXT(":function:")) >= uri.len) {
        apigateway_fail(call,
                        "Invalid Authorizer URI: %.*s. Authorizer URI should be a valid API "
                        "Gateway ARN that represents a Lambda function invocation.",
                        TEXT_ARG(uri));
        return false;
    }
    if (is_websocket)
        return true;
    if (!text_equal(version, TEXT("1.0")) && !text_equal(version, TEXT("2.0"))) {
        apigateway_fail(call, "AuthorizerPayloadFormatVersion is a required parameter for REQUEST "
                              "authorizer: 1.0 or 2.0");
        return false;
    }
    if (!check_simple(call, authorizer, version))
        return false;
    if (!json_object_get(authorizer, "authorizerResultTtlInSeconds"))
        json_object_set_new(authorizer, "authorizerResultTtlInSeconds",
                            json_integer(sources > 0 ? TTL_S : 0));
    if (sources > 0 || json_int(authorizer, "authorizerResultTtlInSeconds", 0) == 0)
        return true;
    apigateway_fail(call, "Caching needs an identitySource: set authorizerResultTtlInSeconds to 0, "
                          "or say what is the key of the cache");
    return false;
}

static bool check_name(struct apigateway_edit *edit, const json_t *authorizer)
{
    struct text name = json_text(authorizer, "name");
    const char *id;
    json_t *other;

    apigateway_each(id, other, edit->document, "authorizers")
    {
        if (text_equal(json_text(other, "name"), name) &&
            !text_equal(text_of(id), json_text(authorizer, "authorizerId"))) {
            call_fail(edit->call, "ConflictException",
                      "Authorizer name must be unique. Authorizer "
                      "%.*s already exists in this API.",
                      TEXT_ARG(name));
            return false;
        }
    }
    return true;
}

static bool complete(struct apigateway_edit *edit, const json_t *before, json_t *authorizer)
{
    bool is_websocket = apigateway_is_websocket(edit->document);
    struct text type = json_text(authorizer, "authorizerType");

    if (!check_name(edit, authorizer) || !check_sources(edit->call, authorizer))
        return false;
    if (text_equal(type, TEXT("REQUEST")))
        return check_function(edit->call, authorizer, is_websocket);
    if (!is_websocket)
        return check_jwt(edit->call, authorizer);
    apigateway_fail(edit->call, "JWT authorizers are for HTTP APIs");
    return false;
}

static bool may_delete(struct apigateway_edit *edit, struct text id)
{
    const char *route_id;
    json_t *route;

    apigateway_each(route_id, route, edit->document, "routes")
    {
        if (text_equal(json_text(route, "authorizerId"), id)) {
            call_fail(edit->call, "ConflictException",
                      "Cannot delete authorizer '%.*s', it is referenced by route '%s' (%s)",
                      TEXT_ARG(id), route_id,
                      json_string_value(json_object_get(route, "routeKey")));
            return false;
        }
    }
    return true;
}

const struct apigateway_part apigateway_authorizer_part = {
    .collection = "authorizers",
    .id = "authorizerId",
    .title = "Authorizer",
    .members = members,
    .max = AUTHORIZERS_MAX,
    .deploys = true,
    .complete = complete,
    .may_delete = may_delete,
};
APIGATEWAY_PART_RUNS(apigateway_authorizer_part)

/* clang-format off */
static const struct param jwt_params[] = {ROW_LIST("audience"), ROW_TEXT("issuer", 1024), {0}};
#define ROWS                                                                                       \
    ROW_TEXT("authorizerCredentialsArn", 2048), ROW_TEXT("authorizerPayloadFormatVersion", 64),    \
    {PARAM_BODY, PARAM_INT, "authorizerResultTtlInSeconds", "authorizerResultTtlInSeconds",        \
     .min = 0, .max = 3600},                                                                       \
    ROW_TEXT("authorizerUri", 2048), ROW_BOOL("enableSimpleResponses"),                            \
    ROW_TEXT("identityValidationExpression", 1024),                                                \
    {PARAM_BODY, PARAM_OBJECT, "jwtConfiguration", "jwtConfiguration", .members = jwt_params}

static const struct param create_params[] = {
    {PARAM_BODY, PARAM_STRING, "authorizerType", "authorizerType", true, .values = "REQUEST, JWT"},
    {PARAM_BODY, PARAM_LIST, "identitySource", "identitySource", .members = &apigateway_text_row},
    ROW_NEEDED("name", 128), ROWS, {0}};
static const struct param update_params[] = {
    ROW_ENUM("authorizerType", "REQUEST, JWT"), ROW_LIST("identitySource"), ROW_TEXT("name", 128),
    ROWS, {0}};

#define PATH "/v2/apis/{apiId}/authorizers"
const struct action apigateway_authorizer_actions[] = {
    APIGATEWAY_POST("CreateAuthorizer", PATH, create_params, run_create),
    APIGATEWAY_GET("GetAuthorizers", PATH, apigateway_api_params, run_list),
    APIGATEWAY_GET("GetAuthorizer", PATH "/{authorizerId}", apigateway_path_params, run_get),
    APIGATEWAY_PATCH("UpdateAuthorizer", PATH "/{authorizerId}", update_params, run_update),
    APIGATEWAY_DELETE("DeleteAuthorizer", PATH "/{authorizerId}", apigateway_path_params, run_delete),
    {0},
};
/* clang-format on */
