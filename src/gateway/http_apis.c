/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http_apis.h"

#include "base/json.h"
#include "base/mem.h"
#include "guard/api_key.h"
#include "http/tls.h"
#include "loop/broadcast.h"

/*
 * What changes together is one snapshot: an API, all domains, all keys. A publication takes
 * it to each shard, whose view lets go of the one before; the last to let go frees it.
 */

struct api_domain {
    char *name; /* "api.example.com", "*.example.com" in lower case */
    struct api_mapping *mappings;
    size_t count;
    struct tls_clients *clients; /* NULL: anybody */
};

struct domains {
    atomic_int refs;
    struct map by_name; /* -> struct api_domain */
    struct api_domain *list;
    size_t count;
};

struct keys {
    atomic_int refs;
    struct api_keys *compiled;
};

struct http_api_view {
    struct map apis; /* id -> struct http_api, counted */
    struct domains *domains;
    struct keys *keys;
};

struct http_apis {
    struct http_apis_options options;
    struct http_api_view *views;
};

/* --- domains --- */

static void domains_unref(struct domains *domains)
{
    if (!domains || atomic_fetch_sub_explicit(&domains->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < domains->count; i++) {
        struct api_domain *domain = &domains->list[i];
        for (size_t j = 0; j < domain->count; j++) {
            free(domain->mappings[j].key);
            free(domain->mappings[j].api_id);
            free(domain->mappings[j].stage);
        }
        free(domain->mappings);
        tls_clients_unref(domain->clients);
        free(domain->name);
    }
    map_done(&domains->by_name);
    free(domains->list);
    free(domains);
}

static char *lower(struct text text)
{
    char *copy = text_dup(text);

    for (char *at = copy; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at |= 0x20;
    return copy;
}

static struct tls_clients *read_clients(const json_t *document)
{
    const json_t *mutual = json_object_get(document, "mutualTlsAuthentication");
    struct error err;

    if (json_text(mutual, "truststoreUri").len == 0)
        return NULL;
    struct tls_clients *clients = tls_clients_parse(json_text(document, "-truststore"), &err);
    return clients ? clients : tls_clients_nobody();
}

const struct tls_clients *api_domain_clients(const struct api_domain *domain)
{
    return domain->clients;
}

static void read_domain(struct api_domain *domain, const json_t *document)
{
    const json_t *mappings = json_object_get(document, "mappings"), *mapping;
    size_t index;

    domain->name = lower(json_text(document, "domainName"));
    domain->clients = read_clients(document);
    domain->mappings = mem_zalloc((json_array_size(mappings) + 1) * sizeof *domain->mappings);
    json_array_foreach(mappings, index, mapping) domain->mappings[domain->count++] =
        (struct api_mapping){text_dup(json_text(mapping, "apiMappingKey")),
                             text_dup(json_text(mapping, "apiId")),
                             text_dup(json_text(mapping, "stage"))};
}

static struct domains *read_domains(const json_t *json)
{
    struct domains *domains = mem_new(struct domains);
    const json_t *list = json_object_get(json, "domains"), *document;
    size_t index;

    atomic_init(&domains->refs, 1);
    domains->list = mem_zalloc((json_array_size(list) + 1) * sizeof *domains->list);
    json_array_foreach(list, index, document)
    {
        struct api_domain *domain = &domains->list[domains->count++];
        read_domain(domain, document);
        map_put(&domains->by_name, text_of(domain->name), domain);
    }
    return domains;
}

/* The name itself, else one whose "*" is its first label. */
const struct api_domain *http_api_view_domain(const struct http_api_view *view, struct text host)
{
    char wild[256];
    struct text after = text_skip(host, text_find(host, '.'));

    if (!view->domains || view->domains->count == 0)
        return NULL;
    const struct api_domain *domain = map_find(&view->domains->by_name, host);
    if (domain || after.len == 0 || after.len + 1 > sizeof wild)
        return domain;
    wild[0] = '*';
    memcpy(wild + 1, after.at, after.len);
    return map_find(&view->domains->by_name, text_from(wild, after.len + 1));
}

static bool is_under(struct text path, struct text key)
{
    if (key.len == 0)
        return true;
    struct text rest = text_skip(path, 1);
    return text_starts(rest, key) && (rest.len == key.len || rest.at[key.len] == '/');
}

const struct api_mapping *api_domain_map(const struct api_domain *domain, struct text path)
{
    const struct api_mapping *best = NULL;

    for (size_t i = 0; i < domain->count; i++) {
        const struct api_mapping *mapping = &domain->mappings[i];
        if (is_under(path, text_of(mapping->key)) &&
            (!best || strlen(mapping->key) > strlen(best->key)))
            best = mapping;
    }
    return best;
}

/* --- keys --- */

static void keys_unref(struct keys *keys)
{
    if (!keys || atomic_fetch_sub_explicit(&keys->refs, 1, memory_order_acq_rel) != 1)
        return;
    api_keys_free(keys->compiled);
    free(keys);
}

const struct api_keys *http_api_view_keys(const struct http_api_view *view)
{
    return view->keys ? view->keys->compiled : NULL;
}

/* --- publishing --- */

/* A snapshot on its way to the shards, and who waits for it. */
struct publication {
    struct http_apis *apis;
    char *api_id;         /* of an API that is published or removed */
    struct http_api *api; /* NULL: it is removed */
    struct domains *domains;
    struct keys *keys;
    struct http_apis_change *change;
};

static void apply_api(struct http_api_view *view, const struct publication *publication)
{
    struct text id = text_of(publication->api_id);

    http_api_unref(publication->api ? map_put(&view->apis, id, http_api_ref(publication->api))
                                    : map_remove(&view->apis, id));
}

static void apply(void *arg, int index)
{
    const struct publication *publication = arg;
    struct http_api_view *view = &publication->apis->views[index];

    if (publication->api_id)
        apply_api(view, publication);
    if (publication->domains) {
        domains_unref(view->domains);
        view->domains = publication->domains;
        atomic_fetch_add_explicit(&view->domains->refs, 1, memory_order_relaxed);
    }
    if (publication->keys) {
        keys_unref(view->keys);
        view->keys = publication->keys;
        atomic_fetch_add_explicit(&view->keys->refs, 1, memory_order_relaxed);
    }
}

static void on_published(void *arg)
{
    struct publication *publication = arg;

    http_api_unref(publication->api);
    domains_unref(publication->domains);
    keys_unref(publication->keys);
    free(publication->api_id);
    if (publication->change)
        publication->change->done(publication->change);
    free(publication);
}

static void publish(struct http_apis *apis, const struct publication *what)
{
    struct publication *publication = mem_copy(what, sizeof *what);

    publication->apis = apis;
    loop_broadcast(apis->options.loops, apis->options.loop_count, apply, on_published, publication);
}

int http_apis_publish(struct http_apis *apis, const json_t *bundle, struct http_apis_change *change,
                      struct error *err)
{
    struct http_api *api =
        http_api_compile(bundle, text_of(apis->options.account), text_of(apis->options.region),
                         apis->options.guards, err);

    if (!api)
        return -1;
    publish(apis,
            &(struct publication){.api_id = mem_strdup(api->id), .api = api, .change = change});
    return 0;
}

const struct guard_services *http_apis_guards(const struct http_apis *apis)
{
    return apis->options.guards;
}

void http_apis_remove(struct http_apis *apis, struct text api_id, struct http_apis_change *change)
{
    publish(apis, &(struct publication){.api_id = text_dup(api_id), .change = change});
}

int http_apis_publish_domains(struct http_apis *apis, const json_t *domains,
                              struct http_apis_change *change, struct error *err)
{
    if (!json_is_array(json_object_get(domains, "domains")))
        return error_set(err, ERROR_INVALID, "\"domains\" is a list of domain names");
    publish(apis, &(struct publication){.domains = read_domains(domains), .change = change});
    return 0;
}

int http_apis_publish_keys(struct http_apis *apis, const json_t *keys,
                           struct http_apis_change *change, struct error *err)
{
    if (!json_is_array(json_object_get(keys, "keys")))
        return error_set(err, ERROR_INVALID, "\"keys\" is a list of API keys");
    struct api_keys *compiled = api_keys_compile(keys, err);
    if (!compiled)
        return -1;
    struct keys *snapshot = mem_new(struct keys);
    atomic_init(&snapshot->refs, 1);
    snapshot->compiled = compiled;
    publish(apis, &(struct publication){.keys = snapshot, .change = change});
    return 0;
}

/* --- life --- */

struct http_apis *http_apis_new(const struct http_apis_options *options)
{
    struct http_apis *apis = mem_new(struct http_apis);

    apis->options = *options;
    apis->views = mem_zalloc((size_t)options->loop_count * sizeof *apis->views);
    return apis;
}

void http_apis_free(struct http_apis *apis)
{
    if (!apis)
        return;
    for (int i = 0; i < apis->options.loop_count; i++) {
        struct map_cursor cursor = {0};
        while (map_next(&apis->views[i].apis, &cursor))
            http_api_unref(cursor.value);
        map_done(&apis->views[i].apis);
        domains_unref(apis->views[i].domains);
        keys_unref(apis->views[i].keys);
    }
    free(apis->views);
    free(apis);
}

const struct http_api_view *http_apis_view(const struct http_apis *apis, int index)
{
    return &apis->views[index];
}

struct http_api *http_api_view_find(const struct http_api_view *view, struct text api_id)
{
    return map_find(&view->apis, api_id);
}
