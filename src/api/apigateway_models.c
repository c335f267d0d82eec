/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"

/* CreateModel, GetModel, GetModels, UpdateModel, DeleteModel. */

static const char *const members[] = {"contentType", "description", "name", "schema", NULL};

static bool is_name(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    return text.len > 0;
}

static bool complete(struct apigateway_edit *edit, const json_t *before, json_t *model)
{
    struct text name = json_text(model, "name");
    struct error err;
    const char *id;
    json_t *other;

    if (!apigateway_is_websocket(edit->document)) {
        apigateway_fail(edit->call, "Models are for WebSocket APIs; a guard's filter checks the "
                                    "bodies of HTTP APIs");
        return false;
    }
    apigateway_each(id, other, edit->document, "models")
    {
        if (text_equal(json_text(other, "name"), name) &&
            !text_equal(text_of(id), json_text(model, "modelId"))) {
            call_fail(edit->call, "ConflictException", "Model with name %.*s already exists",
                      TEXT_ARG(name));
            return false;
        }
    }
    scoped(json_decref) json_t *schema = json_parse(json_text(model, "schema"), &err);
    if (!schema) {
        apigateway_fail(edit->call, "Invalid model schema specified: %s", err.text);
        return false;
    }
    if (!json_object_get(model, "contentType"))
        json_object_set_new(model, "contentType", json_string("application/json"));
    return true;
}

static const struct apigateway_part model_part = {
    .collection = "models",
    .id = "modelId",
    .title = "Model",
    .members = members,
    .max = LIMIT_API_ROUTES,
    .deploys = true,
    .complete = complete,
};
APIGATEWAY_PART_RUNS(model_part)

/* clang-format off */
#define NAME_PATTERN .pattern = "^[a-zA-Z0-9]+$", .matches = is_name
#define ROWS ROW_TEXT("contentType", 256), ROW_TEXT("description", 1024)
static const struct param create_params[] = {
    {PARAM_BODY, PARAM_STRING, "name", "name", true, 1, 128, NAME_PATTERN},
    ROW_NEEDED("schema", 32768), ROWS, {0}};
static const struct param update_params[] = {
    {PARAM_BODY, PARAM_STRING, "name", "name", false, 1, 128, NAME_PATTERN},
    ROW_TEXT("schema", 32768), ROWS, {0}};

#define PATH "/v2/apis/{apiId}/models"
const struct action apigateway_model_actions[] = {
    APIGATEWAY_POST("CreateModel", PATH, create_params, run_create),
    APIGATEWAY_GET("GetModels", PATH, apigateway_api_params, run_list),
    APIGATEWAY_GET("GetModel", PATH "/{modelId}", apigateway_path_params, run_get),
    APIGATEWAY_PATCH("UpdateModel", PATH "/{modelId}", update_params, run_update),
    APIGATEWAY_DELETE("DeleteModel", PATH "/{modelId}", apigateway_path_params, run_delete),
    {0},
};
/* clang-format on */
