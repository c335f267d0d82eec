/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"
#include "api/apigateway_truststores.h"

#include "base/log.h"
#include "base/mem.h"

/*
 * From documents to what the shards serve: an API with what its stages have deployed becomes
 * one bundle (gateway/http_api.h); domain names go together, and so do keys with plans.
 */

static struct text last_part(struct text key)
{
    size_t start = key.len;

    while (start > 0 && key.at[start - 1] != '/')
        start--;
    return text_skip(key, start);
}

/* --- an API --- */

/* What a stage serves: of its deployment, if it has one. */
static json_t *bundle_stage(const struct registry *deployments, struct text api_key,
                            const json_t *stage, const json_t *made)
{
    struct text id = json_text(stage, "deploymentId");
    json_t *bundled = json_copy((json_t *)(uintptr_t)stage);
    scoped(free) char *key = mem_format("%.*s/%.*s", TEXT_ARG(api_key), TEXT_ARG(id));
    const json_t *deployment =
        text_is_set(id) &&
                text_equal(json_text(json_object_get(made, "deployment"), "deploymentId"), id)
            ? made
            : registry_find(deployments, text_of(key));

    json_object_set(bundled, "deployed", json_object_get(deployment, "deployed"));
    return bundled;
}

/* made: a deployment that is not stored yet; or NULL. */
static json_t *bundle_api(const struct apigateway *apigateway, struct text key,
                          const json_t *document, const json_t *made)
{
    const struct registry *deployments = apigateway_registry(apigateway, APIGATEWAY_DEPLOYMENT);
    json_t *bundle = json_object(), *stages = json_array(), *stage;
    const char *name;

    apigateway_each(name, stage, document, "stages")
    {
        json_array_append_new(stages, bundle_stage(deployments, key, stage, made));
    }
    json_object_set(bundle, "api", json_object_get(document, "api"));
    json_object_set_new(bundle, "stages", stages);
    json_object_set(bundle, "guards", json_object_get(document, "guards"));
    return bundle;
}

int apigateway_publish_api(struct apigateway *apigateway, struct text key,
                           struct http_apis_change *change, struct error *err)
{
    const json_t *document = registry_find(apigateway_registry(apigateway, APIGATEWAY_API), key);

    if (!document) {
        http_apis_remove(apigateway_http_apis(apigateway), last_part(key), change);
        return 0;
    }
    scoped(json_decref) json_t *bundle = bundle_api(apigateway, key, document, NULL);
    return http_apis_publish(apigateway_http_apis(apigateway), bundle, change, err);
}

int apigateway_try(const struct apigateway *apigateway, struct text key, const json_t *document,
                   const json_t *deployment, struct error *err)
{
    scoped(json_decref) json_t *bundle = bundle_api(apigateway, key, document, deployment);
    struct text rest = key, account, region;

    (void)text_split(&rest, '/', &account);
    (void)text_split(&rest, '/', &region);
    scoped(http_api_unref) struct http_api *api = http_api_compile(
        bundle, account, region, http_apis_guards(apigateway_http_apis(apigateway)), err);
    return api ? 0 : -1;
}

/* --- domain names --- */

struct domains {
    struct truststores *truststores;
    json_t *list;
};

static bool add_domain(void *arg, struct text key, const json_t *document)
{
    const struct domains *domains = arg;
    json_t *mappings = json_array(), *mapping;
    json_t *domain = json_copy(json_object_get(document, "domain"));
    struct text uri = apigateway_truststore_uri(domain);
    const char *id;

    apigateway_each(id, mapping, document, "mappings")
    {
        json_array_append(mappings, mapping);
    }
    json_object_set_new(domain, "mappings", mappings);
    if (uri.len > 0)
        json_object_set_new(domain, "-truststore",
                            json_from_text(truststores_find(domains->truststores, uri)));
    json_array_append_new(domains->list, domain);
    return true;
}

int apigateway_publish_domains(struct apigateway *apigateway, struct http_apis_change *change,
                               struct error *err)
{
    scoped(json_decref) json_t *all = json_pack("{s:[]}", "domains");

    struct domains domains = {apigateway_truststores(apigateway), json_object_get(all, "domains")};

    truststores_begin(domains.truststores);
    registry_each(apigateway_registry(apigateway, APIGATEWAY_DOMAIN), TEXT(""), TEXT_NONE,
                  add_domain, &domains);
    return http_apis_publish_domains(apigateway_http_apis(apigateway), all, change, err);
}

/* --- keys and plans --- */

static bool add_key(void *arg, struct text key, const json_t *document)
{
    json_t *shown = json_copy((json_t *)(uintptr_t)document);
    struct text id = json_text(document, "id");

    json_object_set_new(shown, "plans", json_array());
    json_object_set_new(shown, "extensions", json_object());
    json_object_setn_new(arg, id.at, id.len, shown);
    return true;
}

struct plans {
    json_t *keys; /* id -> key */
    json_t *list;
};

/* {"plan": {...}, "keys": {ID: true, or what extends its quota}}; keys that are gone stay named
 * there. */
static bool add_plan(void *arg, struct text key, const json_t *document)
{
    const struct plans *plans = arg;
    const json_t *plan = json_object_get(document, "plan");
    const char *id;
    json_t *extension;

    json_array_append(plans->list, (json_t *)(uintptr_t)plan);
    apigateway_each(id, extension, document, "keys")
    {
        json_t *of_key = json_object_get(plans->keys, id);
        struct text plan_id = json_text(plan, "id");
        if (!of_key)
            continue;
        json_array_append(json_object_get(of_key, "plans"), json_object_get(plan, "id"));
        if (json_is_object(extension))
            json_object_setn(json_object_get(of_key, "extensions"), plan_id.at, plan_id.len,
                             extension);
    }
    return true;
}

int apigateway_publish_keys(struct apigateway *apigateway, struct http_apis_change *change,
                            struct error *err)
{
    scoped(json_decref) json_t *all = json_pack("{s:[],s:[]}", "keys", "plans");
    scoped(json_decref) json_t *keys = json_object();
    struct plans plans = {keys, json_object_get(all, "plans")};
    const char *id;
    json_t *key;

    registry_each(apigateway_registry(apigateway, APIGATEWAY_KEY), TEXT(""), TEXT_NONE, add_key,
                  keys);
    registry_each(apigateway_registry(apigateway, APIGATEWAY_PLAN), TEXT(""), TEXT_NONE, add_plan,
                  &plans);
    json_object_foreach(keys, id, key)
    {
        json_array_append(json_object_get(all, "keys"), key);
    }
    return http_apis_publish_keys(apigateway_http_apis(apigateway), all, change, err);
}

/* --- at the start --- */

static bool publish_one(void *arg, struct text key, const json_t *document)
{
    scoped(free) char *name = text_dup(key);
    struct error err;

    if (apigateway_publish_api(arg, key, NULL, &err) < 0)
        log_error("stored API cannot be served", LOG_TEXT("key", name), LOG_ERROR(&err));
    return true;
}

/* Publications come to a shard in their order: who waits for the last one waits for all. */
bool apigateway_publish_all(struct apigateway *apigateway, struct http_apis_change *change)
{
    struct error err;

    registry_each(apigateway_registry(apigateway, APIGATEWAY_API), TEXT(""), TEXT_NONE, publish_one,
                  apigateway);
    if (apigateway_publish_domains(apigateway, NULL, &err) < 0)
        log_error("stored domain names cannot be served", LOG_ERROR(&err));
    if (apigateway_publish_keys(apigateway, change, &err) == 0)
        return true;
    log_error("stored API keys cannot be served", LOG_ERROR(&err));
    return false;
}
