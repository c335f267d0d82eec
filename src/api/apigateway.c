/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"
#include "api/apigateway_truststores.h"

#include "base/log.h"
#include "base/mem.h"

/* The documents, and how a change of them is stored, served and answered. */

struct apigateway {
    struct registry *registries[APIGATEWAY_KINDS];
    struct loop *control;
    struct http_apis *http_apis;
    struct truststores *truststores;
    struct usages *usages;
    struct limit_table *limits;
    char *data_folder;
    /* the start */
    struct http_apis_change first;
    void (*started)(void *arg);
    void *arg;
};

static const char *const kind_names[] = {
    [APIGATEWAY_API] = "http-api",       [APIGATEWAY_DEPLOYMENT] = "http-deployment",
    [APIGATEWAY_DOMAIN] = "http-domain", [APIGATEWAY_KEY] = "api-key",
    [APIGATEWAY_PLAN] = "usage-plan",
};

struct orphan {
    const struct apigateway *apigateway;
    json_t *keys; /* of APIs that are gone */
};

/* "ACCOUNT/REGION/API/DEPLOYMENT" */
static bool look_for_orphan(void *arg, struct text key, const json_t *document)
{
    const struct orphan *orphan = arg;
    size_t slash = key.len;

    while (slash > 0 && key.at[slash - 1] != '/')
        slash--;
    struct text api = text_slice(key, 0, slash - (slash > 0));
    if (!registry_find(orphan->apigateway->registries[APIGATEWAY_API], api))
        json_object_setn_new(orphan->keys, api.at, api.len, json_true());
    return true;
}

static void on_first(struct http_apis_change *first)
{
    struct apigateway *apigateway = container_of(first, struct apigateway, first);

    apigateway->started(apigateway->arg);
}

static void on_truststore(void *arg)
{
    struct error err;

    if (apigateway_publish_domains(arg, NULL, &err) < 0)
        log_error("a changed truststore cannot be served", LOG_ERROR(&err));
    else
        log_info("truststores of domains read");
}

void apigateway_start(struct apigateway *apigateway, void (*done)(void *arg), void *arg)
{
    scoped(json_decref) json_t *keys = json_object();
    struct orphan orphan = {apigateway, keys};
    const char *key;
    json_t *value;

    apigateway->started = done;
    apigateway->arg = arg;
    apigateway->first.done = on_first;
    truststores_watch(apigateway->truststores, on_truststore, apigateway);
    if (!apigateway_publish_all(apigateway, &apigateway->first))
        done(arg);
    registry_each(apigateway->registries[APIGATEWAY_DEPLOYMENT], TEXT(""), TEXT_NONE,
                  look_for_orphan, &orphan);
    json_object_foreach(keys, key, value)
    {
        apigateway_forget_deployments(apigateway, text_of(key));
    }
}

static bool load_truststore(void *arg, struct text key, const json_t *document)
{
    struct text uri = apigateway_truststore_uri(json_object_get(document, "domain"));

    if (uri.len > 0)
        truststores_load(arg, uri);
    return true;
}

struct apigateway *apigateway_open(const struct apigateway_options *options, struct error *err)
{
    scoped(apigateway_free) struct apigateway *apigateway = mem_new(struct apigateway);

    apigateway->control = options->control;
    apigateway->http_apis = options->http_apis;
    apigateway->usages = options->usages;
    apigateway->limits = options->limits;
    apigateway->data_folder = mem_strdup(options->data_folder);
    apigateway->truststores = truststores_new(options->control, options->data_folder);
    for (int i = 0; i < APIGATEWAY_KINDS; i++) {
        apigateway->registries[i] =
            registry_open(options->store, options->control, kind_names[i], err);
        if (!apigateway->registries[i])
            return NULL;
    }
    registry_each(apigateway->registries[APIGATEWAY_DOMAIN], TEXT(""), TEXT_NONE, load_truststore,
                  apigateway->truststores);
    return take(apigateway);
}

void apigateway_free(struct apigateway *apigateway)
{
    if (!apigateway)
        return;
    for (int i = 0; i < APIGATEWAY_KINDS; i++)
        registry_free(apigateway->registries[i]);
    truststores_free(apigateway->truststores);
    free(apigateway->data_folder);
    free(apigateway);
}

/* --- documents --- */

struct http_apis *apigateway_http_apis(const struct apigateway *apigateway)
{
    return apigateway->http_apis;
}

struct truststores *apigateway_truststores(const struct apigateway *apigateway)
{
    return apigateway->truststores;
}

struct limit_table *apigateway_limits(const struct apigateway *apigateway)
{
    return apigateway->limits;
}

struct usages *apigateway_usages(const struct apigateway *apigateway)
{
    return apigateway->usages;
}

const char *apigateway_data_folder(const struct apigateway *apigateway)
{
    return apigateway->data_folder;
}

struct text apigateway_truststore_uri(const json_t *domain)
{
    return json_text(json_object_get(domain, "mutualTlsAuthentication"), "truststoreUri");
}

const struct registry *apigateway_registry(const struct apigateway *apigateway,
                                           enum apigateway_kind kind)
{
    return apigateway->registries[kind];
}

struct text apigateway_key(struct call *call, struct text name)
{
    return text_of(arena_format(&call->arena, "%.*s/%.*s/%.*s", TEXT_ARG(call->api->account),
                                TEXT_ARG(call->api->region), TEXT_ARG(name)));
}

struct text apigateway_deployment_key(struct call *call, struct text api, struct text deployment)
{
    return text_of(arena_format(&call->arena, "%.*s/%.*s/%.*s/%.*s", TEXT_ARG(call->api->account),
                                TEXT_ARG(call->api->region), TEXT_ARG(api), TEXT_ARG(deployment)));
}

const json_t *apigateway_find(struct call *call, enum apigateway_kind kind, struct text name)
{
    return registry_find(call->api->apigateway->registries[kind], apigateway_key(call, name));
}

struct text apigateway_new_id(struct call *call, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char *id = arena_zalloc(&call->arena, len + 1);
    uint32_t random;

    for (size_t i = 0; i < len; i++) {
        crypto_random(&random, sizeof random);
        id[i] = letters[random % (i == 0 ? 26 : sizeof letters - 1)];
    }
    return text_from(id, len);
}

/* --- deployments of what is gone --- */

/* One write of several that nobody waits for. */
struct sweep {
    struct registry_change stored;
    struct registry *registry;
    char *prefix;
    bool is_last;
};

static void sweep_next(struct sweep *sweep);

static void on_swept(struct registry_change *stored, bool failed, const struct error *err)
{
    struct sweep *sweep = container_of(stored, struct sweep, stored);

    if (!failed && !sweep->is_last) {
        sweep_next(sweep);
        return;
    }
    if (failed)
        log_warn("deployments of a deleted API stay until the next start", LOG_ERROR(err));
    free(sweep->prefix);
    free(sweep);
}

static bool add_key(void *arg, struct text key, const json_t *document)
{
    json_t *keys = arg;

    json_array_append_new(keys, json_from_text(key));
    return json_array_size(keys) < STORE_CHANGES_MAX;
}

/* As many as go into one write; the end when there are none. */
static void sweep_next(struct sweep *sweep)
{
    scoped(json_decref) json_t *keys = json_array();
    const json_t *key;
    size_t index;

    registry_each(sweep->registry, text_of(sweep->prefix), TEXT_NONE, add_key, keys);
    sweep->stored = (struct registry_change){.done = on_swept};
    sweep->is_last = json_array_size(keys) < STORE_CHANGES_MAX;
    json_array_foreach(keys, index, key)
    {
        registry_delete(sweep->registry, text_from(json_string_value(key), json_string_length(key)),
                        &sweep->stored);
    }
    if (json_array_size(keys) > 0)
        return;
    free(sweep->prefix);
    free(sweep);
}

void apigateway_forget_deployments(struct apigateway *apigateway, struct text api_key)
{
    struct sweep *sweep = mem_new(struct sweep);

    sweep->registry = apigateway->registries[APIGATEWAY_DEPLOYMENT];
    sweep->prefix = mem_format("%.*s/", TEXT_ARG(api_key));
    sweep_next(sweep);
}

/* --- changes --- */

struct apigateway_save {
    struct registry_change stored;
    struct http_apis_change served;
    struct call *call;
    int status;
    bool is_changed[APIGATEWAY_KINDS];
    struct text api_key; /* of APIGATEWAY_API */
    int missing;         /* publications that are under way */
};

static void on_served(struct http_apis_change *served)
{
    struct apigateway_save *save = container_of(served, struct apigateway_save, served);

    if (--save->missing == 0)
        call_reply(save->call, save->status);
}

static int publish(struct apigateway_save *save, struct error *err)
{
    struct apigateway *apigateway = save->call->api->apigateway;
    bool has_keys = save->is_changed[APIGATEWAY_KEY] || save->is_changed[APIGATEWAY_PLAN];

    if (save->is_changed[APIGATEWAY_API]) {
        if (apigateway_publish_api(apigateway, save->api_key, &save->served, err) < 0)
            return -1;
        save->missing++;
    }
    if (save->is_changed[APIGATEWAY_DOMAIN]) {
        if (apigateway_publish_domains(apigateway, &save->served, err) < 0)
            return -1;
        save->missing++;
    }
    if (has_keys) {
        if (apigateway_publish_keys(apigateway, &save->served, err) < 0)
            return -1;
        save->missing++;
    }
    return 0;
}

static void on_stored(struct registry_change *stored, bool failed, const struct error *err)
{
    struct apigateway_save *save = container_of(stored, struct apigateway_save, stored);
    struct error reason;

    if (failed)
        call_fail(save->call, "InternalServerErrorException", "%s", err->text);
    else if (publish(save, &reason) < 0)
        call_fail(save->call, "BadRequestException", "It is stored, and not served: %s",
                  reason.text);
    else if (save->missing == 0)
        call_reply(save->call, save->status);
}

struct apigateway_save *apigateway_save_new(struct call *call, int status)
{
    struct apigateway_save *save = arena_zalloc(&call->arena, sizeof *save);

    *save = (struct apigateway_save){
        .stored = {.done = on_stored}, .served = {on_served}, .call = call, .status = status};
    return save;
}

static void note(struct apigateway_save *save, enum apigateway_kind kind, struct text key)
{
    save->is_changed[kind] = true;
    if (kind == APIGATEWAY_API)
        save->api_key = arena_copy(&save->call->arena, key);
}

void apigateway_save_put(struct apigateway_save *save, enum apigateway_kind kind, struct text key,
                         json_t *document)
{
    note(save, kind, key);
    registry_put(save->call->api->apigateway->registries[kind], key, document, &save->stored);
}

void apigateway_save_delete(struct apigateway_save *save, enum apigateway_kind kind,
                            struct text key)
{
    note(save, kind, key);
    registry_delete(save->call->api->apigateway->registries[kind], key, &save->stored);
}
