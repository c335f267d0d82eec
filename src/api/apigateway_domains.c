/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_priv.h"
#include "api/apigateway_truststores.h"

/* Domain names and what of an API is served at which of their paths. */

#define MAPPINGS_MAX 200 /* AWS */
#define MAPPING_KEY_MAX 300

static const char *const members[] = {"domainNameConfigurations", "mutualTlsAuthentication", NULL};
static const char *const mapping_members[] = {"apiId", "apiMappingKey", "stage", NULL};

/* --- what is mapped --- */

struct search {
    struct text api, stage; /* TEXT_NONE: any */
    struct text domain;     /* found */
};

static bool look_for_mapping(void *arg, struct text key, const json_t *document)
{
    struct search *search = arg;
    const char *id;
    json_t *mapping;

    apigateway_each(id, mapping, document, "mappings")
    {
        if (text_equal(json_text(mapping, "apiId"), search->api) &&
            (!text_is_set(search->stage) ||
             text_equal(json_text(mapping, "stage"), search->stage))) {
            search->domain = json_text(json_object_get(document, "domain"), "domainName");
            return false;
        }
    }
    return true;
}

bool apigateway_is_unmapped(struct call *call, struct text api, struct text stage)
{
    struct search search = {api, stage, TEXT_NONE};

    registry_each(apigateway_registry(call->api->apigateway, APIGATEWAY_DOMAIN),
                  apigateway_key(call, TEXT("")), TEXT_NONE, look_for_mapping, &search);
    if (!text_is_set(search.domain))
        return true;
    apigateway_fail(call,
                    "Please remove all API mappings of the %s in your domain names first: "
                    "'%.*s' has one",
                    text_is_set(stage) ? "stage" : "API", TEXT_ARG(search.domain));
    return false;
}

/* --- domain names --- */

static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* "api.example.com", "*.example.com", in lower case. */
static bool is_domain_name(struct text name)
{
    struct text rest = text_starts(name, TEXT("*.")) ? text_skip(name, 2) : name, label;

    if (rest.len == 0 || name.len > 253 || text_ends(rest, TEXT(".")))
        return false;
    while (text_split(&rest, '.', &label)) {
        if (label.len == 0 || label.len > 63 || text_starts(label, TEXT("-")))
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!is_label_byte(label.at[i]))
                return false;
    }
    return true;
}

static const json_t *find_domain(struct call *call, struct text name)
{
    const json_t *document = apigateway_find(call, APIGATEWAY_DOMAIN, name);

    if (!document)
        call_fail(call, "NotFoundException", "Invalid domain name identifier specified");
    return document;
}

/* Every domain name is regional, whatever else it asks to be. AWS tells where a DNS record should
 * point, and how far it is. */
static bool complete_configurations(struct call *call, json_t *domain)
{
    json_t *configurations = json_object_get(domain, "domainNameConfigurations"), *one;
    size_t index;

    if (!json_array_size(configurations)) {
        configurations = json_pack("[{}]");
        json_object_set_new(domain, "domainNameConfigurations", configurations);
    }
    json_array_foreach(configurations, index, one)
    {
        if (text_equal(json_text(one, "endpointType"), TEXT("EDGE"))) {
            apigateway_fail(call,
                            "EDGE endpoint type is not supported for APIGatewayV2 domainName");
            return false;
        }
        json_object_set_new(one, "endpointType", json_string("REGIONAL"));
        if (!json_object_get(one, "securityPolicy"))
            json_object_set_new(one, "securityPolicy", json_string("TLS_1_2"));
        if (!json_object_get(one, "apiGatewayDomainName"))
            json_object_set_new(
                one, "apiGatewayDomainName",
                json_sprintf("d-%.*s.localhost", TEXT_ARG(apigateway_new_id(call, APIGATEWAY_ID))));
        json_object_set_new(one, "domainNameStatus", json_string("AVAILABLE"));
    }
    return true;
}

/* --- mutual TLS --- */

/* While a truststore is read; in the call's arena. */
struct trusting {
    struct text uri;
    struct truststore_file file;
    struct error err;
    bool is_read;
    call_f *then;
};

static void drop_trusting(void *state)
{
    struct trusting *trusting = state;

    buffer_done(&trusting->file.pem);
}

static void work_truststore(struct call *call)
{
    struct trusting *trusting = call->state;

    trusting->is_read = truststores_read(apigateway_data_folder(call->api->apigateway),
                                         trusting->uri, &trusting->file, &trusting->err) == 0;
}

static void after_truststore(struct call *call)
{
    struct trusting *trusting = call->state;

    if (!trusting->is_read) {
        apigateway_fail(call, "%s", trusting->err.text);
        return;
    }
    truststores_put(apigateway_truststores(call->api->apigateway), trusting->uri, &trusting->file);
    trusting->then(call);
}

/* Goes on when the truststore that the call names, if any, is one. */
static void with_truststore(struct call *call, call_f *then)
{
    struct text uri = apigateway_truststore_uri(call->input);
    struct trusting *trusting;

    if (uri.len == 0) {
        then(call);
        return;
    }
    trusting = arena_zalloc(&call->arena, sizeof *trusting);
    trusting->uri = uri;
    trusting->then = then;
    call->state = trusting;
    call->drop = drop_trusting;
    call_work(call, work_truststore, after_truststore);
}

/* --- actions --- */

static void create_checked(struct call *call)
{
    struct text name = call_input(call, "domainName"), key = apigateway_key(call, name);

    if (apigateway_find(call, APIGATEWAY_DOMAIN, name)) {
        call_fail(call, "ConflictException", "The domain name you provided already exists.");
        return;
    }
    scoped(json_decref) json_t *domain = json_object();
    apigateway_take_members(domain, call->input, members, false);
    json_object_set_new(domain, "domainName", json_from_text(name));
    json_object_set_new(domain, "apiMappingSelectionExpression", json_string("$request.basepath"));
    json_object_set_new(domain, "tags", json_object());
    if (!apigateway_take_tags(call, json_object_get(domain, "tags")))
        return;
    if (!complete_configurations(call, domain))
        return;
    apigateway_show(call, domain);
    apigateway_save_put(apigateway_save_new(call, 201), APIGATEWAY_DOMAIN, key,
                        json_pack("{s:O,s:{}}", "domain", domain, "mappings"));
}

static void create_domain(struct call *call)
{
    with_truststore(call, create_checked);
}

static void get_domain(struct call *call)
{
    const json_t *document = find_domain(call, call->path_values[0]);

    if (!document)
        return;
    apigateway_show(call, json_object_get(document, "domain"));
    call_reply(call, 200);
}

static bool add_domain(void *arg, struct text key, const json_t *document)
{
    struct apigateway_page *page = arg;

    if (!apigateway_page_has_room(page, key))
        return false;
    apigateway_write(&page->writer, NULL, json_object_get(document, "domain"));
    return true;
}

static void get_domains(struct call *call)
{
    struct apigateway_page page;

    if (!apigateway_page_begin(&page, call))
        return;
    registry_each(apigateway_registry(call->api->apigateway, APIGATEWAY_DOMAIN),
                  apigateway_key(call, TEXT("")), page.after, add_domain, &page);
    apigateway_page_end(&page);
}

static void update_checked(struct call *call)
{
    struct text name = call->path_values[0];
    const json_t *before = find_domain(call, name);

    if (!before)
        return;
    scoped(json_decref) json_t *document = json_copy((json_t *)(uintptr_t)before);
    json_t *domain = json_deep_copy(json_object_get(before, "domain"));
    json_object_set_new(document, "domain", domain);
    apigateway_take_members(domain, call->input, members, false);
    if (!complete_configurations(call, domain))
        return;
    if (json_text(json_object_get(domain, "mutualTlsAuthentication"), "truststoreUri").len == 0)
        json_object_del(domain, "mutualTlsAuthentication");
    apigateway_show(call, domain);
    apigateway_save_put(apigateway_save_new(call, 200), APIGATEWAY_DOMAIN,
                        apigateway_key(call, name), take(document));
}

static void update_domain(struct call *call)
{
    with_truststore(call, update_checked);
}

static void delete_domain(struct call *call)
{
    struct text name = call->path_values[0];

    if (find_domain(call, name))
        apigateway_save_delete(apigateway_save_new(call, 204), APIGATEWAY_DOMAIN,
                               apigateway_key(call, name));
}

/* --- mappings --- */

static bool is_blank(struct text key)
{
    return key.len > 0 && text_trim(key).len == 0;
}

static bool has_key_bytes(struct text key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr("$-_.+!*'(),/", c)))
            return false;
    }
    return true;
}

static bool check_key(struct call *call, struct text key)
{
    const char *why = NULL;

    if (key.len > MAPPING_KEY_MAX)
        why = "ApiMapping key length must be under 300 characters.";
    else if (text_ends(key, TEXT("/")))
        why = "API mapping key should not end with a '/'.";
    else if (is_blank(key) || text_starts(key, TEXT("/")) ||
             text_find_text(key, TEXT("//")) < key.len)
        why = "API mapping key should not start with a '/' or have consecutive '/'s.";
    else if (!has_key_bytes(key))
        why = "An API mapping key may contain only letters, numbers and one of $-_.+!*'(), "
              "characters.";
    if (why)
        apigateway_fail(call, "%s", why);
    return !why;
}

/* A domain name serves HTTP APIs or WebSocket APIs. */
static bool check_protocol(struct call *call, const json_t *document, const json_t *api)
{
    const char *id;
    json_t *other;

    apigateway_each(id, other, document, "mappings")
    {
        const json_t *mapped = apigateway_find(call, APIGATEWAY_API, json_text(other, "apiId"));
        if (mapped && apigateway_is_websocket(mapped) != apigateway_is_websocket(api)) {
            apigateway_fail(call, "WebSocket APIs and HTTP APIs cannot share a domain name");
            return false;
        }
    }
    return true;
}

static bool check_mapping(struct call *call, const json_t *document, const json_t *mapping)
{
    struct text api_id = json_text(mapping, "apiId"), key = json_text(mapping, "apiMappingKey");
    const json_t *api = apigateway_find_api(call, api_id);
    const char *id;
    json_t *other;

    if (!api)
        return false;
    if (!check_key(call, key))
        return false;
    if (!apigateway_part(api, "stages", json_text(mapping, "stage"))) {
        apigateway_fail(call, "Invalid stage identifier specified");
        return false;
    }
    apigateway_each(id, other, document, "mappings")
    {
        if (text_equal(json_text(other, "apiMappingKey"), key) &&
            !text_equal(text_of(id), json_text(mapping, "apiMappingId"))) {
            call_fail(call, "ConflictException",
                      "ApiMapping key already exists for this domain "
                      "name");
            return false;
        }
    }
    return check_protocol(call, document, api);
}

static void save_mappings(struct call *call, const json_t *before, json_t *mappings, int status)
{
    json_t *document = json_copy((json_t *)(uintptr_t)before);

    json_object_set_new(document, "mappings", mappings);
    apigateway_save_put(apigateway_save_new(call, status), APIGATEWAY_DOMAIN,
                        apigateway_key(call, call->path_values[0]), document);
}

static void create_mapping(struct call *call)
{
    const json_t *document = find_domain(call, call->path_values[0]);
    struct text id = apigateway_new_id(call, APIGATEWAY_PART_ID - 1);

    if (!document)
        return;
    scoped(json_decref) json_t *mapping =
        json_pack("{s:o,s:s}", "apiMappingId", json_from_text(id), "apiMappingKey", "");
    scoped(json_decref) json_t *mappings = json_copy(json_object_get(document, "mappings"));
    apigateway_take_members(mapping, call->input, mapping_members, true);
    if (is_blank(json_text(mapping, "apiMappingKey")))
        json_object_set_new(mapping, "apiMappingKey", json_string(""));
    if (!check_mapping(call, document, mapping))
        return;
    if (json_object_size(mappings) >= MAPPINGS_MAX) {
        apigateway_fail(call, "A domain name has at most %d API mappings", MAPPINGS_MAX);
        return;
    }
    json_object_setn(mappings, id.at, id.len, mapping);
    apigateway_show(call, mapping);
    save_mappings(call, document, take(mappings), 201);
}

/* NULL: answered. */
static const json_t *find_mapping(struct call *call, const json_t **ret_document)
{
    *ret_document = find_domain(call, call->path_values[0]);
    if (!*ret_document)
        return NULL;
    const json_t *mapping = apigateway_part(*ret_document, "mappings", call->path_values[1]);
    if (!mapping)
        call_fail(call, "NotFoundException", "Invalid API mapping identifier specified");
    return mapping;
}

static void get_mapping(struct call *call)
{
    const json_t *document, *mapping = find_mapping(call, &document);

    if (!mapping)
        return;
    apigateway_show(call, mapping);
    call_reply(call, 200);
}

static void get_mappings(struct call *call)
{
    const json_t *document = find_domain(call, call->path_values[0]);

    if (document)
        apigateway_reply_parts(call, json_object_get(document, "mappings"), NULL);
}

static void update_mapping(struct call *call)
{
    const json_t *document, *before = find_mapping(call, &document);
    struct text id = call->path_values[1];

    if (!before)
        return;
    scoped(json_decref) json_t *mapping = json_deep_copy(before);
    apigateway_take_members(mapping, call->input, mapping_members, true);
    if (!check_mapping(call, document, mapping))
        return;
    json_t *mappings = json_copy(json_object_get(document, "mappings"));
    json_object_setn(mappings, id.at, id.len, mapping);
    apigateway_show(call, mapping);
    save_mappings(call, document, mappings, 200);
}

static void delete_mapping(struct call *call)
{
    const json_t *document;

    if (!find_mapping(call, &document))
        return;
    json_t *mappings = json_copy(json_object_get(document, "mappings"));
    json_object_deln(mappings, call->path_values[1].at, call->path_values[1].len);
    save_mappings(call, document, mappings, 204);
}

/* clang-format off */
static const struct param configuration_params[] = {
    ROW_TEXT("certificateArn", 2048), ROW_TEXT("certificateName", 256),
    ROW_TEXT("endpointType", 64), ROW_ENUM("securityPolicy", "TLS_1_0, TLS_1_2"), {0}};
static const struct param configuration_row = {
    PARAM_BODY, PARAM_OBJECT, "", "", .members = configuration_params,
    .java_name = "DomainNameConfiguration"};
static const struct param tls_params[] = {
    ROW_TEXT("truststoreUri", 2048), ROW_TEXT("truststoreVersion", 64), {0}};
#define ROWS                                                                                       \
    {PARAM_BODY, PARAM_LIST, "domainNameConfigurations", "domainNameConfigurations",               \
     .members = &configuration_row},                                                               \
    {PARAM_BODY, PARAM_OBJECT, "mutualTlsAuthentication", "mutualTlsAuthentication",               \
     .members = tls_params}
static const struct param create_params[] = {
    {PARAM_BODY, PARAM_STRING, "domainName", "domainName", true, 1, 512,
     .pattern = "(\\*\\.)?[a-z0-9-]+(\\.[a-z0-9-]+)*", .matches = is_domain_name},
    ROWS, ROW_TEXTS("tags"), {0}};
static const struct param update_params[] = {ROWS, {0}};
static const struct param create_mapping_params[] = {
    ROW_NEEDED("apiId", 128), ROW_TEXT("apiMappingKey", 2048), ROW_NEEDED("stage", 128), {0}};
static const struct param update_mapping_params[] = {
    ROW_TEXT("apiId", 128), ROW_TEXT("apiMappingKey", 2048), ROW_TEXT("stage", 128), {0}};

#define PATH "/v2/domainnames"
#define MAPPINGS_PATH PATH "/{domainName}/apimappings"
const struct action apigateway_domain_actions[] = {
    APIGATEWAY_POST("CreateDomainName", PATH, create_params, create_domain),
    APIGATEWAY_GET("GetDomainNames", PATH, apigateway_api_params, get_domains),
    APIGATEWAY_GET("GetDomainName", PATH "/{domainName}", apigateway_path_params, get_domain),
    APIGATEWAY_PATCH("UpdateDomainName", PATH "/{domainName}", update_params, update_domain),
    APIGATEWAY_DELETE("DeleteDomainName", PATH "/{domainName}", apigateway_path_params, delete_domain),
    APIGATEWAY_POST("CreateApiMapping", MAPPINGS_PATH, create_mapping_params, create_mapping),
    APIGATEWAY_GET("GetApiMappings", MAPPINGS_PATH, apigateway_api_params, get_mappings),
    APIGATEWAY_GET("GetApiMapping", MAPPINGS_PATH "/{apiMappingId}", apigateway_path_params, get_mapping),
    APIGATEWAY_PATCH("UpdateApiMapping", MAPPINGS_PATH "/{apiMappingId}", update_mapping_params, update_mapping),
    APIGATEWAY_DELETE("DeleteApiMapping", MAPPINGS_PATH "/{apiMappingId}", apigateway_path_params, delete_mapping),
    {0},
};
/* clang-format on */
