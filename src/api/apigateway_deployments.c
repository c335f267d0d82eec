/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

/* CreateDeployment, GetDeployment, GetDeployments, UpdateDeployment, DeleteDeployment. */

/* The stage that is to serve it; NULL with *ret false: answered. */
static json_t *stage_to_deploy(struct apigateway_edit *edit, struct text name)
{
    json_t *stage = apigateway_edit_part(edit, "stages", name);

    if (!stage) {
        call_fail(edit->call, "NotFoundException", "Invalid stage identifier specified");
        return NULL;
    }
    if (json_bool(stage, "autoDeploy", false)) {
        apigateway_fail(edit->call,
                        "Deployment attempt failed: the stage '%.*s' deploys by itself "
                        "(autoDeploy)",
                        TEXT_ARG(name));
        return NULL;
    }
    return stage;
}

static void create_deployment(struct call *call)
{
    scoped(apigateway_edit_done) struct apigateway_edit edit = {0};
    struct text stage_name = call_input(call, "stageName");
    struct text description = call_input(call, "description");
    json_t *stage = NULL;

    if (!apigateway_edit_begin(&edit, call))
        return;
    if (json_object_size(json_object_get(edit.document, "routes")) == 0) {
        apigateway_fail(call, "Unable to deploy API because no routes exist in this API");
        return;
    }
    if (stage_name.len > 0 && !(stage = stage_to_deploy(&edit, stage_name)))
        return;
    json_t *deployment = apigateway_edit_deploy(&edit, /* automatic= */ false);
    if (description.len > 0)
        json_object_set_new(deployment, "description", json_from_text(description));
    if (stage)
        apigateway_edit_set_deployed(stage, edit.deployment_id);
    apigateway_show(call, deployment);
    apigateway_edit_end(&edit, 201);
}

/* NULL: answered. */
static const json_t *find_deployment(struct call *call, struct text *ret_key)
{
    struct text id = call->path_values[1];

    if (!apigateway_find_api(call, call->path_values[0]))
        return NULL;
    *ret_key = apigateway_deployment_key(call, call->path_values[0], id);
    const json_t *deployment =
        registry_find(apigateway_registry(call->api->apigateway, APIGATEWAY_DEPLOYMENT), *ret_key);
    if (!deployment)
        call_fail(call, "NotFoundException", "Invalid deployment identifier specified %.*s",
                  TEXT_ARG(id));
    return deployment;
}

static void get_deployment(struct call *call)
{
    struct text key;
    const json_t *document = find_deployment(call, &key);

    if (!document)
        return;
    apigateway_show(call, json_object_get(document, "deployment"));
    call_reply(call, 200);
}

static bool add_deployment(void *arg, struct text key, const json_t *document)
{
    json_t *deployments = arg, *deployment = json_object_get(document, "deployment");

    json_object_set(deployments, json_string_value(json_object_get(deployment, "deploymentId")),
                    deployment);
    return true;
}

static void get_deployments(struct call *call)
{
    scoped(json_decref) json_t *deployments = json_object();
    struct text id = call->path_values[0];

    if (!apigateway_find_api(call, id))
        return;
    registry_each(apigateway_registry(call->api->apigateway, APIGATEWAY_DEPLOYMENT),
                  apigateway_deployment_key(call, id, TEXT("")), TEXT_NONE, add_deployment,
                  deployments);
    apigateway_reply_parts(call, deployments, NULL);
}

static void update_deployment(struct call *call)
{
    struct text key, description = call_input(call, "description");
    const json_t *before = find_deployment(call, &key);

    if (!before)
        return;
    json_t *document = json_copy((json_t *)(uintptr_t)before);
    json_t *deployment = json_deep_copy(json_object_get(before, "deployment"));
    json_object_set_new(document, "deployment", deployment);
    if (text_is_set(description))
        json_object_set_new(deployment, "description", json_from_text(description));
    apigateway_show(call, deployment);
    apigateway_save_put(apigateway_save_new(call, 200), APIGATEWAY_DEPLOYMENT, key, document);
}

static void delete_deployment(struct call *call)
{
    const json_t *api = apigateway_find_api(call, call->path_values[0]);
    const char *name;
    struct text key;
    json_t *stage;

    if (!api || !find_deployment(call, &key))
        return;
    apigateway_each(name, stage, api, "stages")
    {
        if (text_equal(json_text(stage, "deploymentId"), call->path_values[1])) {
            apigateway_fail(call, "Active stages pointing to this deployment must be moved or "
                                  "deleted");
            return;
        }
    }
    apigateway_save_delete(apigateway_save_new(call, 204), APIGATEWAY_DEPLOYMENT, key);
}

/* clang-format off */
static const struct param create_params[] = {
    ROW_TEXT("description", 1024), ROW_TEXT("stageName", 128), {0}};
static const struct param update_params[] = {ROW_TEXT("description", 1024), {0}};

#define PATH "/v2/apis/{apiId}/deployments"
const struct action apigateway_deployment_actions[] = {
    APIGATEWAY_POST("CreateDeployment", PATH, create_params, create_deployment),
    APIGATEWAY_GET("GetDeployments", PATH, apigateway_api_params, get_deployments),
    APIGATEWAY_GET("GetDeployment", PATH "/{deploymentId}", apigateway_path_params, get_deployment),
    APIGATEWAY_PATCH("UpdateDeployment", PATH "/{deploymentId}", update_params, update_deployment),
    APIGATEWAY_DELETE("DeleteDeployment", PATH "/{deploymentId}", apigateway_path_params, delete_deployment),
    {0},
};
/* clang-format on */
