/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_guard.h"
#include "api/apigateway_priv.h"

#include "openapi/openapi.h"
#include "openapi/yaml_json.h"

/* ImportApi, ReimportApi and ExportApi. Documents are read and written in the pool. */

#define IMPORT_MAX (32 << 20) /* bytes of a request: the document, escaped within JSON */

/* --- import: in the pool --- */

struct importing {
    struct openapi_import import;
    struct error err;
    bool failed;
};

static void drop_importing(void *state)
{
    struct importing *importing = state;

    openapi_import_done(&importing->import);
}

static struct text new_id(void *arg)
{
    return apigateway_new_id(arg, APIGATEWAY_PART_ID);
}

static enum openapi_basepath basepath_of(struct call *call)
{
    struct text basepath = call_query(call, "basepath");

    if (text_equal(basepath, TEXT("prepend")))
        return OPENAPI_PREPEND;
    return text_equal(basepath, TEXT("split")) ? OPENAPI_SPLIT : OPENAPI_IGNORE;
}

static void work_import(struct call *call)
{
    struct importing *importing = call->state;
    const struct openapi_options options = {basepath_of(call), new_id, call};
    scoped(json_decref) json_t *document = openapi_parse(call_input(call, "body"), &importing->err);

    importing->failed =
        !document || openapi_import(document, &options, &importing->import, &importing->err) < 0;
}

/* --- import: what was read becomes the API --- */

/* False: answered. */
static bool check_outcome(struct call *call, const struct importing *importing)
{
    const json_t *warnings = importing->import.warnings, *warning;
    scoped(buffer_done) struct buffer message = {0};
    size_t index;

    if (importing->failed) {
        apigateway_fail(call, "Errors found during import:\n\t%s", importing->err.text);
        return false;
    }
    if (json_array_size(warnings) == 0 ||
        !text_equal(call_query(call, "failOnWarnings"), TEXT("true")))
        return true;
    buffer_add_literal(&message, "Warnings found during import:");
    json_array_foreach(warnings, index, warning)
    {
        buffer_add_format(&message, "\n\t%s", json_string_value(warning));
    }
    call_fail_text(call, "BadRequestException", buffer_text(&message));
    return false;
}

/* Every part as if it had been created by its action. */
static bool complete_parts(struct apigateway_edit *edit, const struct apigateway_part *part)
{
    const char *id;
    json_t *one;

    apigateway_each(id, one, edit->document, part->collection)
    {
        if (!part->complete(edit, NULL, one))
            return false;
    }
    return true;
}

static void set_list(json_t *api, const char *name, json_t *list)
{
    if (json_array_size(list) > 0)
        json_object_set(api, name, list);
    else
        json_object_del(api, name);
}

/* What the document says of the API itself. */
static void take_api(json_t *api, const struct openapi_import *import)
{
    json_t *given = json_object_get(import->document, "api");

    json_object_del(api, "corsConfiguration");
    json_object_del(api, "description");
    json_object_del(api, "version");
    json_object_update(json_object_get(api, "tags"), json_object_get(given, "tags"));
    json_object_del(given, "tags");
    json_object_update(api, given);
    set_list(api, "importInfo", import->info);
    set_list(api, "warnings", import->warnings);
}

static bool check_counts(struct call *call, const json_t *document)
{
    if (json_object_size(json_object_get(document, "routes")) <= LIMIT_API_ROUTES &&
        json_object_size(json_object_get(document, "integrations")) <= LIMIT_API_ROUTES)
        return true;
    apigateway_fail(call, "Maximum number of Routes for this API has been reached: %d",
                    LIMIT_API_ROUTES);
    return false;
}

static bool check_guards(struct call *call, const json_t *document)
{
    struct error err;
    const char *key;
    json_t *guard;

    apigateway_each(key, guard, document, "guards")
    {
        if (apigateway_check_guard(call, guard, &err) < 0) {
            apigateway_fail(call, "Errors found during import:\n\tx-evoke-guard of '%s': %s", key,
                            err.text);
            return false;
        }
    }
    return true;
}

static void take_document(struct apigateway_edit *edit, const struct importing *importing)
{
    static const char *const collections[] = {"routes", "integrations", "authorizers", "guards"};
    struct call *call = edit->call;
    json_t *api = apigateway_edit_api(edit);

    for (size_t i = 0; i < COUNT_OF(collections); i++)
        json_object_set(edit->document, collections[i],
                        json_object_get(importing->import.document, collections[i]));
    json_object_set_new(edit->document, "routeResponses", json_object());
    json_object_set_new(edit->document, "integrationResponses", json_object());
    take_api(api, &importing->import);
    edit->keys_are_unique = true;
    if (!apigateway_check_api(call, api) || !check_counts(call, edit->document) ||
        !check_guards(call, edit->document) || !complete_parts(edit, &apigateway_authorizer_part) ||
        !complete_parts(edit, &apigateway_integration_part) ||
        !complete_parts(edit, &apigateway_route_part))
        return;
    apigateway_edit_auto_deploy(edit);
    apigateway_show_api(call, api);
    apigateway_edit_end(edit, 201);
}

static void after_import(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};

    if (!check_outcome(call, call->state) || !apigateway_has_room(call))
        return;
    apigateway_edit_new(&edit, call, apigateway_new_api(call, TEXT("HTTP")));
    take_document(&edit, call->state);
}

static void after_reimport(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};

    if (check_outcome(call, call->state) && apigateway_edit_begin(&edit, call))
        take_document(&edit, call->state);
}

static void begin_import(struct call *call, call_f *then)
{
    call->state = arena_zalloc(&call->arena, sizeof(struct importing));
    call->drop = drop_importing;
    call_work(call, work_import, then);
}

static void import_api(struct call *call)
{
    begin_import(call, after_import);
}

static void reimport_api(struct call *call)
{
    const json_t *document = apigateway_find_api(call, call->path_values[0]);

    if (!document)
        return;
    if (apigateway_is_websocket(document))
        apigateway_fail(call, "OpenAPI documents describe HTTP APIs, this is a WebSocket API");
    else
        begin_import(call, after_reimport);
}

/* --- export --- */

struct exporting {
    json_t *api; /* as openapi_export() takes it */
    const char *server;
    bool is_yaml, with_extensions;
};

static void drop_exporting(void *state)
{
    struct exporting *exporting = state;

    json_decref(exporting->api);
}

static void work_export(struct call *call)
{
    const struct exporting *exporting = call->state;
    scoped(json_decref) json_t *document =
        openapi_export(exporting->api, exporting->with_extensions, exporting->server);

    if (exporting->is_yaml) {
        yaml_write(document, &call->answer);
        return;
    }
    scoped(free) char *json = json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    buffer_add_text(&call->answer, text_of(json));
}

static void after_export(struct call *call)
{
    const struct exporting *exporting = call->state;

    call->content_type = exporting->is_yaml ? "application/yaml" : "application/json";
    call_reply(call, 200);
}

/* The list of a deployment as it was in the API, by ids. */
static json_t *by_id(const json_t *list, const char *id)
{
    json_t *parts = json_object(), *part;
    size_t index;

    json_array_foreach(list, index, part)
    {
        json_object_set(parts, json_string_value(json_object_get(part, id)), part);
    }
    return parts;
}

/* What a stage serves. NULL: answered. */
static json_t *deployed_api(struct call *call, const json_t *document, struct text stage_name)
{
    const json_t *stage = apigateway_part(document, "stages", stage_name);
    struct text id = json_text(stage, "deploymentId");

    if (!stage) {
        call_fail(call, "NotFoundException", "Invalid stage identifier specified");
        return NULL;
    }
    const json_t *deployment =
        registry_find(apigateway_registry(call->api->apigateway, APIGATEWAY_DEPLOYMENT),
                      apigateway_deployment_key(call, call->path_values[0], id));
    const json_t *deployed = json_object_get(deployment, "deployed");
    if (!deployed) {
        apigateway_fail(call, "Nothing is deployed at stage '%.*s'", TEXT_ARG(stage_name));
        return NULL;
    }
    json_t *api = json_copy((json_t *)(uintptr_t)document);
    json_object_set_new(api, "routes", by_id(json_object_get(deployed, "routes"), "routeId"));
    json_object_set_new(api, "integrations",
                        by_id(json_object_get(deployed, "integrations"), "integrationId"));
    json_object_set_new(api, "authorizers",
                        by_id(json_object_get(deployed, "authorizers"), "authorizerId"));
    return api;
}

static const char *server_of(struct call *call, struct text stage)
{
    const char *endpoint = apigateway_endpoint(call, call->path_values[0], false);

    if (stage.len == 0 || text_equal(stage, TEXT("$default")))
        return endpoint;
    return arena_format(&call->arena, "%s/%.*s", endpoint, TEXT_ARG(stage));
}

static void export_api(struct call *call)
{
    struct text id = call->path_values[0], stage = call_query(call, "stageName");
    struct text version = call_query(call, "exportVersion");
    const json_t *document = apigateway_find_api(call, id);
    struct exporting *exporting = arena_zalloc(&call->arena, sizeof *exporting);

    if (!document)
        return;
    if (!text_equal(call->path_values[1], TEXT("OAS30"))) {
        apigateway_fail(call, "Unsupported specification '%.*s': OAS30 is there",
                        TEXT_ARG(call->path_values[1]));
        return;
    }
    if (apigateway_is_websocket(document) ||
        (text_is_set(version) && !text_equal(version, TEXT("1.0")))) {
        apigateway_fail(call, "Only HTTP APIs can be exported, with exportVersion 1.0");
        return;
    }
    exporting->api = stage.len > 0 ? deployed_api(call, document, stage)
                                   : json_incref((json_t *)(uintptr_t)document);
    if (!exporting->api)
        return;
    exporting->server = server_of(call, stage);
    exporting->is_yaml = text_equal(call_query(call, "outputType"), TEXT("YAML"));
    exporting->with_extensions = !text_equal(call_query(call, "includeExtensions"), TEXT("false"));
    call->state = exporting;
    call->drop = drop_exporting;
    call_work(call, work_export, after_export);
}

/* clang-format off */
#define ROW_FLAG(name) {PARAM_QUERY, PARAM_STRING, name, name, .values = "true, false"}
static const struct param import_params[] = {
    {PARAM_QUERY, PARAM_STRING, "basepath", "basepath", .values = "ignore, prepend, split"},
    ROW_FLAG("failOnWarnings"),
    {PARAM_BODY, PARAM_STRING, "body", "body", .required = true, .sensitive = true},
    {0}};
static const struct param export_params[] = {
    {PARAM_QUERY, PARAM_STRING, "outputType", "outputType", .required = true, .values = "YAML, JSON"},
    ROW_FLAG("includeExtensions"), {0}};

const struct action apigateway_import_actions[] = {
    {"ImportApi", APIGATEWAY, METHOD_PUT, "/v2/apis", BODY_JSON, IMPORT_MAX, ACCESS_SIGNED,
     PLACE_CONTROL, import_params, import_api, NULL},
    {"ReimportApi", APIGATEWAY, METHOD_PUT, "/v2/apis/{apiId}", BODY_JSON, IMPORT_MAX,
     ACCESS_SIGNED, PLACE_CONTROL, import_params, reimport_api, NULL},
    APIGATEWAY_GET("ExportApi", "/v2/apis/{apiId}/exports/{specification}", export_params, export_api),
    {0},
};
/* clang-format on */
