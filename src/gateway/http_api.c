/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http_api.h"

#include "base/json.h"
#include "base/mem.h"
#include "gateway/http_api_priv.h"

/* The compiled API's life and what is looked up in it; stages are compiled in
 * http_api_stage.c. */

/* --- strings and lists of JSON --- */

static char **read_list(const json_t *object, const char *key, size_t *ret_count, bool *ret_given)
{
    const json_t *list = json_object_get(object, key), *item;
    size_t count = json_array_size(list), index;
    char **values = count ? mem_zalloc(count * sizeof *values) : NULL;

    json_array_foreach(list, index, item) values[index] =
        mem_strdup(json_is_string(item) ? json_string_value(item) : "");
    *ret_count = count;
    *ret_given = json_is_array(list);
    return values;
}

static void free_list(char **values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(values[i]);
    free(values);
}

/* --- CORS --- */

static void read_cors(struct cors *cors, const json_t *json)
{
    *cors = (struct cors){.is_set = json_object_size(json) > 0,
                          .allow_credentials = json_bool(json, "allowCredentials", false),
                          .max_age_s = json_int(json, "maxAge", -1)};
    cors->allow_origins = read_list(json, "allowOrigins", &cors->origin_count, &cors->has_origins);
    cors->allow_methods = read_list(json, "allowMethods", &cors->method_count, &cors->has_methods);
    cors->allow_headers = read_list(json, "allowHeaders", &cors->header_count, &cors->has_headers);
    cors->expose_headers = read_list(json, "exposeHeaders", &cors->expose_count, &cors->has_expose);
}

static void free_cors(struct cors *cors)
{
    free_list(cors->allow_origins, cors->origin_count);
    free_list(cors->allow_methods, cors->method_count);
    free_list(cors->allow_headers, cors->header_count);
    free_list(cors->expose_headers, cors->expose_count);
}

/* --- life --- */

static void free_api(struct http_api *api)
{
    for (size_t i = 0; i < api->stage_count; i++)
        api_stage_done(&api->stages[i]);
    free(api->stages);
    free_cors(&api->cors);
    guard_free(api->guard);
    json_decref(api->bundle);
    free(api->id);
    free(api->name);
    free(api->account);
    free(api->region);
    free(api->route_selection);
    free(api);
}

struct http_api *http_api_ref(struct http_api *api)
{
    atomic_fetch_add_explicit(&api->refs, 1, memory_order_relaxed);
    return api;
}

void http_api_unref(struct http_api *api)
{
    if (api && atomic_fetch_sub_explicit(&api->refs, 1, memory_order_acq_rel) == 1)
        free_api(api);
}

static int compile_guard(struct http_api *api, struct error *err)
{
    const json_t *guard = json_object_get(json_object_get(api->bundle, "guards"), "");

    if (!guard)
        return 0;
    api->guard = guard_compile(guard, api->guards, err);
    return api->guard ? 0 : -1;
}

static int compile_stages(struct http_api *api, struct error *err)
{
    const json_t *stages = json_object_get(api->bundle, "stages"), *stage;
    size_t count = json_array_size(stages), index;

    api->stages = count ? mem_zalloc(count * sizeof *api->stages) : NULL;
    json_array_foreach(stages, index, stage)
    {
        api->stage_count = index + 1;
        if (api_stage_compile(&api->stages[index], api, stage, err) < 0)
            return -1;
    }
    return 0;
}

struct http_api *http_api_compile(const json_t *bundle, struct text account, struct text region,
                                  const struct guard_services *guards, struct error *err)
{
    scoped(http_api_unref) struct http_api *api = mem_new(struct http_api);
    const json_t *document = json_object_get(bundle, "api");

    atomic_init(&api->refs, 1);
    api->guards = guards;
    api->bundle = json_deep_copy(bundle);
    api->id = text_dup(json_text(document, "apiId"));
    api->name = text_dup(json_text(document, "name"));
    api->account = text_dup(account);
    api->region = text_dup(region);
    api->protocol = text_equal(json_text(document, "protocolType"), TEXT("WEBSOCKET"))
                        ? API_WEBSOCKET
                        : API_HTTP;
    api->is_key_authorizers = text_equal(json_text(document, "apiKeySelectionExpression"),
                                         TEXT("$context.authorizer.usageIdentifierKey"));
    api->is_endpoint_disabled = json_bool(document, "disableExecuteApiEndpoint", false);
    api->route_selection = text_dup(json_text(document, "routeSelectionExpression"));
    read_cors(&api->cors, json_object_get(document, "corsConfiguration"));
    if (!api->id[0]) {
        error_set(err, ERROR_INVALID, "the bundle of an API has no apiId");
        return NULL;
    }
    if (compile_guard(api, err) < 0 || compile_stages(api, err) < 0)
        return NULL;
    return take(api);
}

/* --- looking up --- */

const struct api_stage *http_api_stage(const struct http_api *api, struct text name)
{
    for (size_t i = 0; i < api->stage_count; i++)
        if (text_equal(text_of(api->stages[i].name), name))
            return &api->stages[i];
    return NULL;
}

const struct api_stage *http_api_choose_stage(const struct http_api *api, struct text *path)
{
    struct text rest = text_skip(*path, 1);
    size_t end = text_find(rest, '/');
    const struct api_stage *stage = http_api_stage(api, text_slice(rest, 0, end));

    if (!stage || text_equal(text_of(stage->name), DEFAULT_STAGE)) /* that has no place in paths */
        return http_api_stage(api, DEFAULT_STAGE);
    *path = end < rest.len ? text_skip(rest, end) : TEXT("/");
    return stage;
}

const struct api_route *api_stage_find(const struct api_stage *stage, struct text method,
                                       struct text path, struct route_match *ret)
{
    if (route_tree_find(&stage->tree, method, path, ret))
        return ret->value;
    ret->count = 0;
    return stage->fallback;
}

struct text api_stage_request_arn(const struct api_stage *stage, struct text method,
                                  struct text path, struct arena *arena)
{
    const struct text parts[] = {text_of(stage->arn), method, path};

    return arena_join(arena, parts, COUNT_OF(parts));
}

const char *api_stage_variable(const struct api_stage *stage, struct text name)
{
    for (size_t i = 0; i < stage->variable_count; i++)
        if (text_equal(text_of(stage->variables[i].name), name))
            return stage->variables[i].value;
    return NULL;
}
