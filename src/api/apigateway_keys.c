/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_patch.h"
#include "api/apigateway_priv.h"

#include "base/clock.h"

/* CreateApiKey, GetApiKey, GetApiKeys, UpdateApiKey, DeleteApiKey: of the older API, as AWS has
 * them nowhere else. */

#define KEYS_MAX 100000 /* AWS: 10000 */
#define VALUE_MIN 20    /* AWS: characters */
#define VALUE_MAX 128
#define VALUE_LEN 40 /* of a value that is made here */

static const char *const members[] = {"name",  "description", "enabled",
                                      "value", "customerId",  NULL};

/* NULL: answered. */
static const json_t *find_key(struct call *call, struct text id)
{
    const json_t *key = apigateway_find(call, APIGATEWAY_KEY, id);

    if (!key)
        call_fail(call, "NotFoundException", "Invalid API Key identifier specified");
    return key;
}

/* Without the value unless it is asked for. */
static void write_api_key(struct writer *writer, const json_t *key, bool with_value)
{
    scoped(json_decref) json_t *shown = json_copy((json_t *)(uintptr_t)key);

    if (!with_value)
        json_object_del(shown, "value");
    apigateway_write(writer, NULL, shown);
}

static bool has_value(void *arg, struct text key, const json_t *document)
{
    struct text *value = arg;

    if (!text_equal(json_text(document, "value"), *value))
        return true;
    *value = TEXT_NONE;
    return false;
}

static bool check_value(struct call *call, struct text value)
{
    if (value.len < VALUE_MIN || value.len > VALUE_MAX) {
        apigateway_fail(call,
                        value.len < VALUE_MIN ? "API Key value should be at least %d characters"
                                              : "API Key value should be at most %d characters",
                        value.len < VALUE_MIN ? VALUE_MIN : VALUE_MAX);
        return false;
    }
    registry_each(apigateway_registry(call->api->apigateway, APIGATEWAY_KEY),
                  apigateway_key(call, TEXT("")), TEXT_NONE, has_value, &value);
    if (text_is_set(value))
        return true;
    call_fail(call, "ConflictException", "API Key already exists");
    return false;
}

static json_t *now_s(void)
{
    return json_integer(clock_now_ms() / 1000);
}

static void create_key(struct call *call)
{
    struct text id = apigateway_new_id(call, APIGATEWAY_ID);
    struct writer writer = call_writer(call);

    if (registry_count(apigateway_registry(call->api->apigateway, APIGATEWAY_KEY)) >= KEYS_MAX) {
        call_fail(call, "LimitExceededException", "There are at most %d API keys", KEYS_MAX);
        return;
    }
    scoped(json_decref) json_t *key =
        json_pack("{s:o,s:b,s:o,s:o,s:[],s:{}}", "id", json_from_text(id), "enabled", 0,
                  "createdDate", now_s(), "lastUpdatedDate", now_s(), "stageKeys", "tags");
    apigateway_take_members(key, call->input, members, false);
    if (!json_object_get(key, "value"))
        json_object_set_new(key, "value", json_from_text(apigateway_new_id(call, VALUE_LEN)));
    else if (!check_value(call, json_text(key, "value")))
        return;
    if (!apigateway_take_tags(call, json_object_get(key, "tags")))
        return;
    write_api_key(&writer, key, true);
    apigateway_save_put(apigateway_save_new(call, 201), APIGATEWAY_KEY, apigateway_key(call, id),
                        take(key));
}

static void get_key(struct call *call)
{
    const json_t *key = find_key(call, call->path_values[0]);
    struct writer writer = call_writer(call);

    if (!key)
        return;
    write_api_key(&writer, key, text_equal(call_query(call, "includeValue"), TEXT("true")));
    call_reply(call, 200);
}

struct listing {
    struct apigateway_page page;
    struct text name, customer;
    bool with_values;
};

static bool add_key(void *arg, struct text id, const json_t *key)
{
    struct listing *listing = arg;

    if (!text_starts(json_text(key, "name"), listing->name) ||
        (text_is_set(listing->customer) &&
         !text_equal(json_text(key, "customerId"), listing->customer)))
        return true;
    if (!apigateway_page_has_room(&listing->page, id))
        return false;
    write_api_key(&listing->page.writer, key, listing->with_values);
    return true;
}

static void get_keys(struct call *call)
{
    struct listing listing = {
        .name = call_query(call, "name"),
        .customer = call_query(call, "customerId"),
        .with_values = text_equal(call_query(call, "includeValues"), TEXT("true")),
    };

    if (!apigateway_page_begin(&listing.page, call))
        return;
    registry_each(apigateway_registry(call->api->apigateway, APIGATEWAY_KEY),
                  apigateway_key(call, TEXT("")), listing.page.after, add_key, &listing);
    apigateway_page_end(&listing.page);
}

static void update_key(struct call *call)
{
    static const struct apigateway_patch patches[] = {
        {"/name", PATCH_TEXT},
        {"/description", PATCH_TEXT},
        {"/enabled", PATCH_BOOL},
        {"/customerId", PATCH_TEXT},
        {0},
    };
    struct text id = call->path_values[0];
    const json_t *before = find_key(call, id);
    struct writer writer = call_writer(call);

    if (!before)
        return;
    scoped(json_decref) json_t *key = json_deep_copy(before);
    if (apigateway_patch_apply(call, patches, key, NULL) < 0)
        return;
    json_object_set_new(key, "lastUpdatedDate", now_s());
    write_api_key(&writer, key, false);
    apigateway_save_put(apigateway_save_new(call, 200), APIGATEWAY_KEY, apigateway_key(call, id),
                        take(key));
}

static void delete_key(struct call *call)
{
    struct text id = call->path_values[0];

    if (!find_key(call, id))
        return;
    struct apigateway_save *save = apigateway_save_new(call, 202);
    apigateway_save_delete(save, APIGATEWAY_KEY, apigateway_key(call, id));
}

/* clang-format off */
#define ROW_FLAG(name) {PARAM_QUERY, PARAM_STRING, name, name, .values = "true, false"}
static const struct param create_params[] = {
    ROW_TEXT("name", 1024), ROW_TEXT("description", 1024), ROW_BOOL("enabled"),
    ROW_BOOL("generateDistinctId"), {PARAM_BODY, PARAM_STRING, "value", "value", .sensitive = true},
    ROW_TEXT("customerId", 1024), ROW_TEXTS("tags"), {0}};
static const struct param get_params[] = {ROW_FLAG("includeValue"), {0}};
static const struct param list_params[] = {
    {PARAM_QUERY, PARAM_INT, "limit", "limit", false, 1, APIGATEWAY_PAGE_MAX},
    ROW_FLAG("includeValues"), {0}};

#define PATH "/apikeys"
const struct action apigateway_key_actions[] = {
    APIGATEWAY_POST("CreateApiKey", PATH, create_params, create_key),
    APIGATEWAY_GET("GetApiKeys", PATH, list_params, get_keys),
    APIGATEWAY_GET("GetApiKey", PATH "/{api_Key}", get_params, get_key),
    APIGATEWAY_PATCH("UpdateApiKey", PATH "/{api_Key}", apigateway_patch_params, update_key),
    APIGATEWAY_DELETE("DeleteApiKey", PATH "/{api_Key}", apigateway_path_params, delete_key),
    {0},
};
/* clang-format on */
