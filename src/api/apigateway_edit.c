/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

/*
 * A change of an API is made on a copy that shares with the stored document whatever stays:
 * the document, then the collection, then the part is copied when it is about to change.
 */

#define OLD_DEPLOYMENTS_MAX 4 /* deleted with one change: STORE_CHANGES_MAX less the rest */

/* What a deployment keeps. */
static const char *const deployed[] = {"routes", "integrations",   "authorizers",
                                       "models", "routeResponses", "integrationResponses"};

const json_t *apigateway_part(const json_t *document, const char *collection, struct text id)
{
    return json_object_getn(json_object_get(document, collection), id.len ? id.at : "", id.len);
}

bool apigateway_is_websocket(const json_t *document)
{
    return text_equal(json_text(json_object_get(document, "api"), "protocolType"),
                      TEXT("WEBSOCKET"));
}

bool apigateway_edit_begin(struct apigateway_edit *edit, struct call *call)
{
    struct text id = call->path_values[0];
    const json_t *before = apigateway_find(call, APIGATEWAY_API, id);

    if (!before) {
        apigateway_fail_absent(call, "API", id);
        return false;
    }
    *edit = (struct apigateway_edit){
        .call = call,
        .id = id,
        .key = apigateway_key(call, id),
        .before = before,
        .document = json_copy((json_t *)(uintptr_t)before),
    };
    return true;
}

void apigateway_edit_new(struct apigateway_edit *edit, struct call *call, json_t *api)
{
    struct text id = json_text(api, "apiId");

    *edit = (struct apigateway_edit){
        .call = call,
        .id = arena_copy(&call->arena, id),
        .key = apigateway_key(call, id),
        .document = json_pack("{s:o}", "api", api),
    };
}

void apigateway_edit_done(struct apigateway_edit *edit)
{
    json_decref(edit->document);
    json_decref(edit->deployment);
}

json_t *apigateway_edit_parts(struct apigateway_edit *edit, const char *collection)
{
    json_t *parts = json_object_get(edit->document, collection);

    if (parts && parts != json_object_get(edit->before, collection))
        return parts;
    parts = parts ? json_copy(parts) : json_object();
    json_object_set_new(edit->document, collection, parts);
    return parts;
}

json_t *apigateway_edit_api(struct apigateway_edit *edit)
{
    json_t *api = json_object_get(edit->document, "api");

    if (api != json_object_get(edit->before, "api"))
        return api;
    api = json_deep_copy(api);
    json_object_set_new(edit->document, "api", api);
    return api;
}

json_t *apigateway_edit_part(struct apigateway_edit *edit, const char *collection, struct text id)
{
    const json_t *part = apigateway_part(edit->document, collection, id);

    if (!part)
        return NULL;
    json_t *copy = json_deep_copy(part);
    json_object_setn_new(apigateway_edit_parts(edit, collection), id.at, id.len, copy);
    return copy;
}

/* --- deployments --- */

static json_t *copy_deployed(const json_t *document)
{
    json_t *copy = json_object(), *part;
    const char *key;

    for (size_t i = 0; i < COUNT_OF(deployed); i++) {
        json_t *list = json_array();
        apigateway_each(key, part, document, deployed[i])
        {
            json_array_append(list, part);
        }
        json_object_set_new(copy, deployed[i], list);
    }
    return copy;
}

json_t *apigateway_edit_deploy(struct apigateway_edit *edit, bool automatic)
{
    edit->deployment_id = apigateway_new_id(edit->call, APIGATEWAY_PART_ID - 1);
    json_t *shape = json_pack("{s:b,s:o,s:s%,s:s}", "autoDeployed", automatic, "createdDate",
                              apigateway_now(), "deploymentId", edit->deployment_id.at,
                              edit->deployment_id.len, "deploymentStatus", "DEPLOYED");
    json_decref(edit->deployment);
    edit->deployment =
        json_pack("{s:o,s:o}", "deployment", shape, "deployed", copy_deployed(edit->document));
    return shape;
}

void apigateway_edit_set_deployed(json_t *stage, struct text deployment_id)
{
    json_object_set_new(stage, "deploymentId", json_from_text(deployment_id));
    json_object_set_new(stage, "lastUpdatedDate", apigateway_now());
    json_object_set_new(stage, "lastDeploymentStatusMessage",
                        json_sprintf("Successfully deployed stage with deployment ID '%.*s'",
                                     TEXT_ARG(deployment_id)));
}

void apigateway_edit_auto_deploy(struct apigateway_edit *edit)
{
    scoped(json_decref) json_t *stages =
        json_incref(json_object_get(edit->document, "stages")); /* the parts are put anew */
    const char *name;
    json_t *stage;

    json_object_foreach(stages, name, stage)
    {
        if (!json_bool(stage, "autoDeploy", false))
            continue;
        if (!edit->deployment)
            (void)apigateway_edit_deploy(edit, /* automatic= */ true);
        json_t *copy = json_deep_copy(stage);
        apigateway_edit_set_deployed(copy, edit->deployment_id);
        json_object_set_new(apigateway_edit_parts(edit, "stages"), name, copy);
    }
}

static bool is_in_use(const json_t *document, struct text deployment)
{
    const char *name;
    json_t *stage;

    apigateway_each(name, stage, document, "stages")
    {
        if (text_equal(json_text(stage, "deploymentId"), deployment))
            return true;
    }
    return false;
}

/* What a stage deployed by itself and no stage serves any more. */
static void delete_old(struct apigateway_edit *edit, struct apigateway_save *save)
{
    struct call *call = edit->call;
    const char *name;
    json_t *stage;
    int left = OLD_DEPLOYMENTS_MAX;

    apigateway_each(name, stage, edit->before, "stages")
    {
        struct text id = json_text(stage, "deploymentId");
        struct text key = apigateway_deployment_key(call, edit->id, id);
        const json_t *old =
            registry_find(apigateway_registry(call->api->apigateway, APIGATEWAY_DEPLOYMENT), key);
        if (left > 0 && json_bool(json_object_get(old, "deployment"), "autoDeployed", false) &&
            !is_in_use(edit->document, id)) {
            apigateway_save_delete(save, APIGATEWAY_DEPLOYMENT, key);
            left--;
        }
    }
}

/* What cannot be served is not stored. False: answered. */
static bool can_be_served(struct apigateway_edit *edit)
{
    struct error err;

    if (apigateway_try(edit->call->api->apigateway, edit->key, edit->document, edit->deployment,
                       &err) == 0)
        return true;
    apigateway_fail(edit->call, "%s", err.text);
    return false;
}

void apigateway_edit_end(struct apigateway_edit *edit, int status)
{
    if (!can_be_served(edit))
        return;
    struct apigateway_save *save = apigateway_save_new(edit->call, status);

    if (edit->deployment)
        apigateway_save_put(save, APIGATEWAY_DEPLOYMENT,
                            apigateway_deployment_key(edit->call, edit->id, edit->deployment_id),
                            take(edit->deployment));
    if (edit->before)
        delete_old(edit, save);
    apigateway_save_put(save, APIGATEWAY_API, edit->key, take(edit->document));
}
