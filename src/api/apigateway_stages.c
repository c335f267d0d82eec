/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"
#include "gateway/access_format.h"
#include "gateway/http_api.h"

/* CreateStage, GetStage, GetStages, UpdateStage, DeleteStage, and what takes settings away. */

#define STAGES_MAX 50        /* AWS: 10 */
#define VARIABLES_MAX 100    /* AWS */
#define VARIABLE_NAME_MAX 64 /* AWS: characters */
#define VARIABLE_VALUE_MAX 512

static const char *const members[] = {
    "accessLogSettings",
    "autoDeploy",
    "clientCertificateId",
    "defaultRouteSettings",
    "deploymentId",
    "description",
    NULL,
};

/* --- checks --- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_stage_name(struct text name)
{
    if (text_equal(name, TEXT("$default")))
        return true;
    for (size_t i = 0; i < name.len; i++)
        if (!is_word(name.at[i]) && name.at[i] != '-')
            return false;
    return name.len > 0;
}

static bool is_variable(struct text name, struct text value)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_word(name.at[i]))
            return false;
    for (size_t i = 0; i < value.len; i++)
        if (!is_word(value.at[i]) && (value.at[i] == '\0' || !strchr("-._~:/?#&=,", value.at[i])))
            return false;
    return name.len > 0 && name.len <= VARIABLE_NAME_MAX && value.len <= VARIABLE_VALUE_MAX;
}

static bool check_variables(struct call *call, const json_t *stage)
{
    const json_t *variables = json_object_get(stage, "stageVariables");
    const char *name;
    json_t *value;

    if (json_object_size(variables) > VARIABLES_MAX) {
        apigateway_fail(call, "A stage has at most %d stage variables", VARIABLES_MAX);
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)variables, name, value)
    {
        if (!is_variable(text_of(name),
                         text_from(json_string_value(value), json_string_length(value)))) {
            apigateway_fail(call,
                            "Stage variable '%s': a name is of letters, digits and '_', at "
                            "most %d; a value matches [A-Za-z0-9-._~:/?#&=,]+, at most %d",
                            name, VARIABLE_NAME_MAX, VARIABLE_VALUE_MAX);
            return false;
        }
    }
    return true;
}

/* Given variables join those there are; an empty value takes one away. */
static void merge_variables(const struct call *call, json_t *stage)
{
    json_t *variables = json_object_get(stage, "stageVariables"), *value;
    const char *name;

    if (!variables)
        json_object_set_new(stage, "stageVariables", variables = json_object());
    json_object_foreach(json_object_get(call->input, "stageVariables"), name, value)
    {
        if (json_string_length(value) == 0)
            json_object_del(variables, name);
        else
            json_object_set(variables, name, value);
    }
}

static bool has_route(const json_t *document, struct text key)
{
    const char *id;
    json_t *route;

    apigateway_each(id, route, document, "routes")
    {
        if (text_equal(json_text(route, "routeKey"), key))
            return true;
    }
    return false;
}

/* Settings of a route: all kinds of numbers, none of them negative. */
static bool check_settings(struct call *call, const json_t *settings, const char *where)
{
    const json_t *rate = json_object_get(settings, "throttlingRateLimit");
    const json_t *burst = json_object_get(settings, "throttlingBurstLimit");

    if (json_is_object(settings) &&
        (!rate || (json_is_number(rate) && json_number_value(rate) >= 0)) &&
        (!burst || (json_is_integer(burst) && json_integer_value(burst) >= 0)))
        return true;
    apigateway_fail(call, "Throttling limits of %s are numbers of at least 0", where);
    return false;
}

/* Given settings replace those of their routes and leave other routes alone. */
static bool merge_route_settings(struct apigateway_edit *edit, json_t *stage)
{
    const json_t *given = json_object_get(edit->call->input, "routeSettings");
    json_t *settings = json_object_get(stage, "routeSettings"), *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)given, key, value)
    {
        if (!has_route(edit->document, text_of(key))) {
            call_fail(edit->call, "NotFoundException",
                      "Unable to find Route by key %s within the provided RouteSettings", key);
            return false;
        }
        if (!check_settings(edit->call, value, key))
            return false;
        json_object_set(settings, key, value);
    }
    return true;
}

static bool check_deployment(struct apigateway_edit *edit, const json_t *before,
                             const json_t *stage)
{
    struct text id = json_text(edit->call->input, "deploymentId");

    if (!text_is_set(id) || id.len == 0 || text_equal(id, json_text(before, "deploymentId")))
        return true;
    if (json_bool(stage, "autoDeploy", false)) {
        apigateway_fail(edit->call, "Deployment ID cannot be set on a stage with autoDeploy");
        return false;
    }
    if (registry_find(apigateway_registry(edit->call->api->apigateway, APIGATEWAY_DEPLOYMENT),
                      apigateway_deployment_key(edit->call, edit->id, id)))
        return true;
    call_fail(edit->call, "NotFoundException", "Invalid deployment identifier specified %.*s",
              TEXT_ARG(id));
    return false;
}

static bool check_log(const struct apigateway_edit *edit, const json_t *stage)
{
    const json_t *settings = json_object_get(stage, "accessLogSettings");
    scoped(access_format_free) struct access_format *format = NULL;
    struct text group;
    struct error err;

    if (json_object_size(settings) == 0)
        return true;
    if (api_log_settings(settings, &group, &format, &err) == 0)
        return true;
    apigateway_fail(edit->call, "%s", err.text);
    return false;
}

static bool complete(struct apigateway_edit *edit, const json_t *before, json_t *stage)
{
    const json_t *defaults = json_object_get(stage, "defaultRouteSettings");

    merge_variables(edit->call, stage);
    return check_variables(edit->call, stage) && check_log(edit, stage) &&
           (!defaults || check_settings(edit->call, defaults, "defaultRouteSettings")) &&
           merge_route_settings(edit, stage) && check_deployment(edit, before, stage);
}

/* --- actions --- */

/* NULL: answered. */
static const json_t *find_stage(struct call *call, const json_t *document, struct text name)
{
    const json_t *stage = apigateway_part(document, "stages", name);

    if (!stage)
        call_fail(call, "NotFoundException", "Invalid stage identifier specified");
    return stage;
}

static json_t *new_stage(const struct apigateway_edit *edit, struct text name)
{
    json_t *settings = apigateway_is_websocket(edit->document)
                           ? json_pack("{s:b,s:b,s:s}", "dataTraceEnabled", 0,
                                       "detailedMetricsEnabled", 0, "loggingLevel", "OFF")
                           : json_pack("{s:b}", "detailedMetricsEnabled", 0);

    return json_pack("{s:o,s:o,s:o,s:{},s:o,s:{},s:{}}", "createdDate", apigateway_now(),
                     "defaultRouteSettings", settings, "lastUpdatedDate", apigateway_now(),
                     "routeSettings", "stageName", json_from_text(name), "stageVariables", "tags");
}

/* A stage that begins to deploy by itself shows at once what there is. */
static void put_stage(struct apigateway_edit *edit, struct text name, json_t *stage)
{
    json_t *stages = apigateway_edit_parts(edit, "stages");

    if (json_bool(stage, "autoDeploy", false)) {
        (void)apigateway_edit_deploy(edit, /* automatic= */ true);
        apigateway_edit_set_deployed(stage, edit->deployment_id);
    }
    json_object_setn(stages, name.at, name.len, stage);
}

static void create_stage(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text name = call_input(call, "stageName");

    if (!apigateway_edit_begin(&edit, call))
        return;
    if (apigateway_part(edit.document, "stages", name)) {
        call_fail(call, "ConflictException", "Stage already exists");
        return;
    }
    if (json_object_size(json_object_get(edit.document, "stages")) >= STAGES_MAX) {
        apigateway_fail(call, "Maximum number of Stages for this API has been reached: %d",
                        STAGES_MAX);
        return;
    }
    scoped(json_decref) json_t *stage = new_stage(&edit, name);
    apigateway_take_members(stage, call->input, members, false);
    if (!apigateway_take_tags(call, json_object_get(stage, "tags")) ||
        !complete(&edit, NULL, stage))
        return;
    put_stage(&edit, name, stage);
    apigateway_show(call, stage);
    apigateway_edit_end(&edit, 201);
}

static void get_stage(struct call *call)
{
    const json_t *document = apigateway_find_api(call, call->path_values[0]), *stage;

    if (!document || !(stage = find_stage(call, document, call->path_values[1])))
        return;
    apigateway_show(call, stage);
    call_reply(call, 200);
}

static void get_stages(struct call *call)
{
    const json_t *document = apigateway_find_api(call, call->path_values[0]);

    if (document)
        apigateway_reply_parts(call, json_object_get(document, "stages"), NULL);
}

static void update_stage(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text name = call->path_values[1];

    if (!apigateway_edit_begin(&edit, call))
        return;
    const json_t *before = find_stage(call, edit.document, name);
    if (!before)
        return;
    scoped(json_decref) json_t *stage = json_deep_copy(before);
    bool was_automatic = json_bool(before, "autoDeploy", false);
    apigateway_take_members(stage, call->input, members, false);
    if (!complete(&edit, before, stage))
        return;
    json_object_set_new(stage, "lastUpdatedDate", apigateway_now());
    if (was_automatic)
        json_object_setn(apigateway_edit_parts(&edit, "stages"), name.at, name.len, stage);
    else
        put_stage(&edit, name, stage);
    apigateway_show(call, stage);
    apigateway_edit_end(&edit, 200);
}

static void delete_stage(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text name = call->path_values[1];

    if (!apigateway_edit_begin(&edit, call) || !find_stage(call, edit.document, name))
        return;
    if (!apigateway_is_unmapped(call, edit.id, name))
        return;
    json_object_deln(apigateway_edit_parts(&edit, "stages"), name.at, name.len);
    apigateway_edit_end(&edit, 204);
}

/* --- settings taken away --- */

/* A copy of the stage in the path, to be changed. NULL: answered. */
static json_t *begin_stage(struct apigateway_edit *edit, struct call *call)
{
    if (!apigateway_edit_begin(edit, call) ||
        !find_stage(call, edit->document, call->path_values[1]))
        return NULL;
    json_t *stage = apigateway_edit_part(edit, "stages", call->path_values[1]);
    json_object_set_new(stage, "lastUpdatedDate", apigateway_now());
    return stage;
}

static void delete_log_settings(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    json_t *stage = begin_stage(&edit, call);

    if (!stage)
        return;
    json_object_del(stage, "accessLogSettings");
    apigateway_edit_end(&edit, 204);
}

static void delete_route_settings(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text key = call->path_values[2];
    json_t *stage = begin_stage(&edit, call);

    if (!stage)
        return;
    if (json_object_deln(json_object_get(stage, "routeSettings"), key.at, key.len) < 0)
        call_fail(call, "NotFoundException", "Unable to find Route settings for key %.*s",
                  TEXT_ARG(key));
    else
        apigateway_edit_end(&edit, 204);
}

/* Authorizers that are compiled anew have an empty cache: their number makes them others. */
static void reset_cache(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    json_t *stage = begin_stage(&edit, call);

    if (!stage)
        return;
    json_object_set_new(stage, "-authorizersReset",
                        json_integer(json_int(stage, "-authorizersReset", 0) + 1));
    apigateway_edit_end(&edit, 204);
}

/* clang-format off */
static const struct param log_params[] = {
    ROW_TEXT("destinationArn", 2048), ROW_TEXT("format", 4096), {0}};
static const struct param settings_params[] = {
    ROW_BOOL("dataTraceEnabled"), ROW_BOOL("detailedMetricsEnabled"),
    ROW_ENUM("loggingLevel", "ERROR, INFO, OFF"),
    {PARAM_BODY, PARAM_INT, "throttlingBurstLimit", "throttlingBurstLimit"},
    {PARAM_BODY, PARAM_NUMBER, "throttlingRateLimit", "throttlingRateLimit"},
    {0}};
#define ROWS                                                                                       \
    {PARAM_BODY, PARAM_OBJECT, "accessLogSettings", "accessLogSettings", .members = log_params},   \
    ROW_BOOL("autoDeploy"), ROW_TEXT("clientCertificateId", 128),                                  \
    {PARAM_BODY, PARAM_OBJECT, "defaultRouteSettings", "defaultRouteSettings",                     \
     .members = settings_params},                                                                  \
    ROW_TEXT("deploymentId", 128), ROW_TEXT("description", 1024), ROW_MAP("routeSettings"),        \
    ROW_TEXTS("stageVariables"), ROW_TEXTS("tags")
static const struct param create_params[] = {
    {PARAM_BODY, PARAM_STRING, "stageName", "stageName", true, 1, 128,
     .pattern = "[a-zA-Z0-9_-]+|\\$default", .matches = is_stage_name},
    ROWS, {0}};
static const struct param update_params[] = {ROWS, {0}};

#define PATH "/v2/apis/{apiId}/stages"
const struct action apigateway_stage_actions[] = {
    APIGATEWAY_POST("CreateStage", PATH, create_params, create_stage),
    APIGATEWAY_GET("GetStages", PATH, apigateway_api_params, get_stages),
    APIGATEWAY_GET("GetStage", PATH "/{stageName}", apigateway_path_params, get_stage),
    APIGATEWAY_PATCH("UpdateStage", PATH "/{stageName}", update_params, update_stage),
    APIGATEWAY_DELETE("DeleteStage", PATH "/{stageName}", apigateway_path_params, delete_stage),
    APIGATEWAY_DELETE("DeleteAccessLogSettings", PATH "/{stageName}/accesslogsettings",
                      apigateway_path_params, delete_log_settings),
    APIGATEWAY_DELETE("DeleteRouteSettings", PATH "/{stageName}/routesettings/{routeKey}",
                      apigateway_path_params, delete_route_settings),
    APIGATEWAY_DELETE("ResetAuthorizersCache", PATH "/{stageName}/cache/authorizers",
                      apigateway_path_params, reset_cache),
    {0},
};
/* clang-format on */
