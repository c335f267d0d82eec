/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_patch.h"
#include "api/apigateway_priv.h"

#include "base/mem.h"

/*
 * Usage plans: how much the keys in them may call of which stages. A document is {"plan":
 * {...}, "keys": {ID: true}}; a key that was deleted stays named there and is passed over. In place
 * of true may stand what UpdateUsage says of the key's quota.
 */

#define PLANS_MAX 1000 /* AWS: 300 */

static const char *const members[] = {"name", "description", "throttle", "quota", NULL};

/* NULL: answered. */
static const json_t *find_plan(struct call *call, struct text id)
{
    const json_t *document = apigateway_find(call, APIGATEWAY_PLAN, id);

    if (!document)
        call_fail(call, "NotFoundException", "Invalid Usage Plan ID specified");
    return document;
}

/* --- checks --- */

static bool check_limits(struct call *call, const json_t *plan)
{
    const json_t *throttle = json_object_get(plan, "throttle");
    const json_t *quota = json_object_get(plan, "quota");
    struct text period = json_text(quota, "period");
    const char *wrong = NULL;

    if (json_number_value(json_object_get(throttle, "rateLimit")) < 0 ||
        json_int(throttle, "burstLimit", 0) < 0)
        wrong = "Usage Plan throttle rateLimit and burstLimit must not be negative";
    else if (quota && json_int(quota, "limit", 0) < 1)
        wrong = "Usage Plan quota limit must be a number of at least 1";
    else if (quota && !text_equal(period, TEXT("DAY")) && !text_equal(period, TEXT("WEEK")) &&
             !text_equal(period, TEXT("MONTH")))
        wrong = "Usage Plan quota period must be DAY, WEEK or MONTH";
    else if (quota && (json_int(quota, "offset", 0) < 0 ||
                       json_int(quota, "offset", 0) >= json_int(quota, "limit", 0)))
        wrong = "Usage Plan quota offset must be less than its limit";
    if (wrong)
        apigateway_fail(call, "%s", wrong);
    return !wrong;
}

static bool add_stage(struct call *call, json_t *plan, struct text api, struct text stage)
{
    json_t *stages = json_object_get(plan, "apiStages"), *other;
    const json_t *document = apigateway_find(call, APIGATEWAY_API, api);
    size_t index;

    if (!document || !apigateway_part(document, "stages", stage)) {
        call_fail(call, "NotFoundException", "API Stage not found: %.*s:%.*s", TEXT_ARG(api),
                  TEXT_ARG(stage));
        return false;
    }
    json_array_foreach(stages, index, other)
    {
        if (text_equal(json_text(other, "apiId"), api) &&
            text_equal(json_text(other, "stage"), stage))
            return true;
    }
    json_array_append_new(stages, json_pack("{s:o,s:o}", "apiId", json_from_text(api), "stage",
                                            json_from_text(stage)));
    return true;
}

/* --- throttles of single methods --- */

static json_t *find_stage(const json_t *plan, struct text api, struct text stage)
{
    const json_t *stages = json_object_get(plan, "apiStages");
    json_t *one;
    size_t index;

    json_array_foreach(stages, index, one)
    {
        if (text_equal(json_text(one, "apiId"), api) && text_equal(json_text(one, "stage"), stage))
            return one;
    }
    return NULL;
}

static bool check_throttle(struct call *call, struct text method, const json_t *throttle)
{
    const json_t *rate = json_object_get(throttle, "rateLimit");
    const json_t *burst = json_object_get(throttle, "burstLimit");

    if (json_is_object(throttle) &&
        (!rate || (json_is_number(rate) && json_number_value(rate) >= 0)) &&
        (!burst || (json_is_integer(burst) && json_integer_value(burst) >= 0)))
        return true;
    apigateway_fail(call, "throttle of '%.*s': rateLimit and burstLimit are numbers of at least 0",
                    TEXT_ARG(method));
    return false;
}

/* {"/pets/GET": {"rateLimit": 1, "burstLimit": 2}} */
static bool take_throttles(struct call *call, json_t *plan, const json_t *given)
{
    json_t *throttles = json_object_get(given, "throttle"), *throttle;
    const char *method;

    if (json_object_size(throttles) == 0)
        return true;
    json_object_foreach(throttles, method, throttle)
    {
        if (!check_throttle(call, text_of(method), throttle))
            return false;
    }
    json_object_set(find_stage(plan, json_text(given, "apiId"), json_text(given, "stage")),
                    "throttle", throttles);
    return true;
}

static int set_throttle(struct call *call, json_t *stage, struct text method, struct text member,
                        struct text value)
{
    json_t *throttles = json_object_get(stage, "throttle");
    const char *digits = arena_string(&call->arena, value);
    bool is_rate = text_equal(member, TEXT("rateLimit"));
    char *end;
    double number = strtod(digits, &end);

    if (value.len == 0 || *end || !(number >= 0 && number <= 1e9)) {
        apigateway_fail(call, "Invalid value '%s' of a throttle", digits);
        return -1;
    }
    if (!throttles) {
        throttles = json_object();
        json_object_set_new(stage, "throttle", throttles);
    }
    json_t *throttle = json_object_getn(throttles, method.at, method.len);
    if (!throttle) {
        throttle = json_object();
        json_object_setn_new(throttles, method.at, method.len, throttle);
    }
    json_object_set_new(throttle, is_rate ? "rateLimit" : "burstLimit",
                        is_rate ? json_real(number) : json_integer((json_int_t)number));
    return 1;
}

static void remove_throttle(json_t *stage, struct text method, struct text member)
{
    json_t *throttles = json_object_get(stage, "throttle");
    json_t *throttle = json_object_getn(throttles, method.at, method.len);

    if (member.len > 0)
        json_object_deln(throttle, member.at, member.len);
    if (member.len == 0 || json_object_size(throttle) == 0)
        json_object_deln(throttles, method.at, method.len);
    if (json_object_size(throttles) == 0)
        json_object_del(stage, "throttle");
}

/* "/apiStages/API:STAGE/throttle", then nothing, "/PATH/METHOD", or that and "/rateLimit". */
static int patch_throttle(struct call *call, json_t *plan, struct text op, struct text path,
                          struct text value)
{
    const struct text limits[] = {TEXT("rateLimit"), TEXT("burstLimit")};
    struct text stage = text_slice(path, 0, text_find(path, '/')), api, member = TEXT_NONE;
    struct text method = text_skip(path, stage.len);
    bool removes = text_equal(op, TEXT("remove"));

    (void)text_split(&stage, ':', &api);
    json_t *found = find_stage(plan, api, stage);
    if (!found || !text_starts(method, TEXT("/throttle")))
        return 0;
    method = text_skip(method, sizeof "/throttle" - 1);
    if (removes && method.len == 0) {
        json_object_del(found, "throttle");
        return 1;
    }
    if (text_starts(method, TEXT("//")))
        method = text_skip(method, 1);
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        if (text_ends(method, limits[i]) && method.len > limits[i].len + 1 &&
            method.at[method.len - limits[i].len - 1] == '/') {
            member = limits[i];
            method.len -= limits[i].len + 1;
            break;
        }
    if (text_equal(method, TEXT("/$default")))
        method = text_skip(method, 1);
    if (removes)
        remove_throttle(found, method, member);
    return removes                ? 1
           : member.len == 0      ? 0
                                  : set_throttle(call, found, method, member, value);
}

static bool take_stages(struct call *call, json_t *plan)
{
    const json_t *given = json_object_get(call->input, "apiStages"), *one;
    size_t index;

    json_array_foreach(given, index, one)
    {
        if (!add_stage(call, plan, json_text(one, "apiId"), json_text(one, "stage")) ||
            !take_throttles(call, plan, one))
            return false;
    }
    return true;
}

/* "/apiStages" with "API:STAGE". */
static int patch_stages(struct call *call, json_t *plan, struct text op, struct text path,
                        struct text value)
{
    json_t *stages = json_object_get(plan, "apiStages"), *one;
    struct text stage = value, api;
    size_t index;

    if (text_starts(path, TEXT("/apiStages/")))
        return patch_throttle(call, plan, op, text_skip(path, 11), value);
    if (!text_equal(path, TEXT("/apiStages")))
        return 0;
    (void)text_split(&stage, ':', &api);
    if (text_equal(op, TEXT("add")))
        return add_stage(call, plan, api, stage) ? 1 : -1;
    if (!text_equal(op, TEXT("remove")))
        return 0;
    json_array_foreach(stages, index, one)
    {
        if (text_equal(json_text(one, "apiId"), api) &&
            text_equal(json_text(one, "stage"), stage)) {
            json_array_remove(stages, index);
            return 1;
        }
    }
    call_fail(call, "NotFoundException", "API Stage not found: %.*s", TEXT_ARG(value));
    return -1;
}

/* --- plans --- */

static void create_plan(struct call *call)
{
    struct text id = apigateway_new_id(call, APIGATEWAY_ID - 4);

    if (registry_count(apigateway_registry(call->api->apigateway, APIGATEWAY_PLAN)) >= PLANS_MAX) {
        call_fail(call, "LimitExceededException", "There are at most %d usage plans", PLANS_MAX);
        return;
    }
    scoped(json_decref) json_t *plan =
        json_pack("{s:o,s:[],s:{}}", "id", json_from_text(id), "apiStages", "tags");
    apigateway_take_members(plan, call->input, members, false);
    if (!take_stages(call, plan) || !check_limits(call, plan) ||
        !apigateway_take_tags(call, json_object_get(plan, "tags")))
        return;
    apigateway_show(call, plan);
    apigateway_save_put(apigateway_save_new(call, 201), APIGATEWAY_PLAN, apigateway_key(call, id),
                        json_pack("{s:O,s:{}}", "plan", plan, "keys"));
}

static void get_plan(struct call *call)
{
    const json_t *document = find_plan(call, call->path_values[0]);

    if (!document)
        return;
    apigateway_show(call, json_object_get(document, "plan"));
    call_reply(call, 200);
}

struct listing {
    struct apigateway_page page;
    struct text key;
};

static bool add_plan(void *arg, struct text id, const json_t *document)
{
    struct listing *listing = arg;

    if (text_is_set(listing->key) && !apigateway_part(document, "keys", listing->key))
        return true;
    if (!apigateway_page_has_room(&listing->page, id))
        return false;
    apigateway_write(&listing->page.writer, NULL, json_object_get(document, "plan"));
    return true;
}

static void get_plans(struct call *call)
{
    struct listing listing = {.key = call_query(call, "keyId")};

    if (!apigateway_page_begin(&listing.page, call))
        return;
    registry_each(apigateway_registry(call->api->apigateway, APIGATEWAY_PLAN),
                  apigateway_key(call, TEXT("")), listing.page.after, add_plan, &listing);
    apigateway_page_end(&listing.page);
}

void apigateway_save_plan(struct call *call, const json_t *before, const char *name, json_t *value,
                          int status)
{
    json_t *document = json_copy((json_t *)(uintptr_t)before);

    json_object_set_new(document, name, value);
    apigateway_save_put(apigateway_save_new(call, status), APIGATEWAY_PLAN,
                        apigateway_key(call, call->path_values[0]), document);
}

static void update_plan(struct call *call)
{
    static const struct apigateway_patch patches[] = {
        {"/name", PATCH_TEXT},
        {"/description", PATCH_TEXT},
        {"/productCode", PATCH_TEXT},
        {"/throttle/rateLimit", PATCH_NUMBER},
        {"/throttle/burstLimit", PATCH_INT},
        {"/throttle", PATCH_REMOVAL},
        {"/quota/limit", PATCH_INT},
        {"/quota/offset", PATCH_INT},
        {"/quota/period", PATCH_TEXT},
        {"/quota", PATCH_REMOVAL},
        {0},
    };
    const json_t *before = find_plan(call, call->path_values[0]);

    if (!before)
        return;
    scoped(json_decref) json_t *plan = json_deep_copy(json_object_get(before, "plan"));
    if (apigateway_patch_apply(call, patches, plan, patch_stages) < 0 || !check_limits(call, plan))
        return;
    apigateway_show(call, plan);
    apigateway_save_plan(call, before, "plan", take(plan), 200);
}

static void delete_plan(struct call *call)
{
    struct text id = call->path_values[0];
    const json_t *document = find_plan(call, id);

    if (!document)
        return;
    if (json_array_size(json_object_get(json_object_get(document, "plan"), "apiStages")) > 0) {
        apigateway_fail(call, "Cannot delete usage plan %.*s because it has associated API stages",
                        TEXT_ARG(id));
        return;
    }
    apigateway_save_delete(apigateway_save_new(call, 202), APIGATEWAY_PLAN,
                           apigateway_key(call, id));
}

/* --- their keys --- */

static void write_plan_key(struct writer *writer, const json_t *key)
{
    write_open(writer, NULL, '{');
    write_text(writer, "id", json_text(key, "id"));
    write_string(writer, "type", "API_KEY");
    write_text(writer, "name", json_text(key, "name"));
    write_text(writer, "value", json_text(key, "value"));
    write_close(writer, '}');
}

static void create_plan_key(struct call *call)
{
    struct text id = call_input(call, "keyId");
    const json_t *document = find_plan(call, call->path_values[0]);
    const json_t *key = apigateway_find(call, APIGATEWAY_KEY, id);
    struct writer writer = call_writer(call);

    if (!document)
        return;
    if (!key) {
        call_fail(call, "NotFoundException", "Invalid API Key identifier specified");
        return;
    }
    if (apigateway_part(document, "keys", id)) {
        call_fail(call, "ConflictException", "The API Key is in this usage plan already");
        return;
    }
    json_t *keys = json_copy(json_object_get(document, "keys"));
    json_object_setn_new(keys, id.at, id.len, json_true());
    write_plan_key(&writer, key);
    apigateway_save_plan(call, document, "keys", keys, 201);
}

const json_t *apigateway_find_plan_key(struct call *call, const json_t **ret_document)
{
    struct text id = call->path_values[1];

    *ret_document = find_plan(call, call->path_values[0]);
    if (!*ret_document)
        return NULL;
    const json_t *key = apigateway_find(call, APIGATEWAY_KEY, id);
    if (key && apigateway_part(*ret_document, "keys", id))
        return key;
    call_fail(call, "NotFoundException", "Invalid API Key identifier specified");
    return NULL;
}

static void get_plan_key(struct call *call)
{
    const json_t *document, *key = apigateway_find_plan_key(call, &document);
    struct writer writer = call_writer(call);

    if (!key)
        return;
    write_plan_key(&writer, key);
    call_reply(call, 200);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void get_plan_keys(struct call *call)
{
    const json_t *document = find_plan(call, call->path_values[0]);
    const json_t *keys = json_object_get(document, "keys");
    struct apigateway_page page;
    const char *id;
    json_t *value;
    size_t count = 0;

    if (!document || !apigateway_page_begin(&page, call))
        return;
    scoped(free) const char **ids = mem_zalloc((json_object_size(keys) + 1) * sizeof *ids);
    json_object_foreach((json_t *)(uintptr_t)keys, id, value)
    {
        if (!text_is_set(page.after) || text_compare(text_of(id), page.after) > 0)
            ids[count++] = id;
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 0; i < count; i++) {
        const json_t *key = apigateway_find(call, APIGATEWAY_KEY, text_of(ids[i]));
        if (!key || !text_starts(json_text(key, "name"), call_query(call, "name")))
            continue;
        if (!apigateway_page_has_room(&page, text_of(ids[i])))
            break;
        write_plan_key(&page.writer, key);
    }
    apigateway_page_end(&page);
}

static void delete_plan_key(struct call *call)
{
    struct text id = call->path_values[1];
    const json_t *document;

    if (!apigateway_find_plan_key(call, &document))
        return;
    json_t *keys = json_copy(json_object_get(document, "keys"));
    json_object_deln(keys, id.at, id.len);
    apigateway_save_plan(call, document, "keys", keys, 202);
}

/* clang-format off */
static const struct param stage_params[] = {ROW_TEXT("apiId", 128), ROW_TEXT("stage", 128), ROW_MAP("throttle"), {0}};
static const struct param stage_row = {
    PARAM_BODY, PARAM_OBJECT, "", "", .members = stage_params, .java_name = "ApiStage"};
static const struct param throttle_params[] = {
    {PARAM_BODY, PARAM_INT, "burstLimit", "burstLimit"},
    {PARAM_BODY, PARAM_NUMBER, "rateLimit", "rateLimit"}, {0}};
static const struct param quota_params[] = {
    {PARAM_BODY, PARAM_INT, "limit", "limit"}, {PARAM_BODY, PARAM_INT, "offset", "offset"},
    ROW_ENUM("period", "DAY, WEEK, MONTH"), {0}};
static const struct param create_params[] = {
    ROW_NEEDED("name", 256), ROW_TEXT("description", 1024),
    {PARAM_BODY, PARAM_LIST, "apiStages", "apiStages", .members = &stage_row},
    {PARAM_BODY, PARAM_OBJECT, "throttle", "throttle", .members = throttle_params},
    {PARAM_BODY, PARAM_OBJECT, "quota", "quota", .members = quota_params}, ROW_TEXTS("tags"), {0}};
static const struct param list_params[] = {
    {PARAM_QUERY, PARAM_INT, "limit", "limit", false, 1, APIGATEWAY_PAGE_MAX}, {0}};
static const struct param key_params[] = {
    ROW_NEEDED("keyId", 128),
    {PARAM_BODY, PARAM_STRING, "keyType", "keyType", true, .values = "API_KEY"}, {0}};

#define PATH "/usageplans"
#define PLAN PATH "/{usageplanId}"
const struct action apigateway_plan_actions[] = {
    APIGATEWAY_POST("CreateUsagePlan", PATH, create_params, create_plan),
    APIGATEWAY_GET("GetUsagePlans", PATH, list_params, get_plans),
    APIGATEWAY_GET("GetUsagePlan", PLAN, apigateway_path_params, get_plan),
    APIGATEWAY_PATCH("UpdateUsagePlan", PLAN, apigateway_patch_params, update_plan),
    APIGATEWAY_DELETE("DeleteUsagePlan", PLAN, apigateway_path_params, delete_plan),
    APIGATEWAY_POST("CreateUsagePlanKey", PLAN "/keys", key_params, create_plan_key),
    APIGATEWAY_GET("GetUsagePlanKeys", PLAN "/keys", list_params, get_plan_keys),
    APIGATEWAY_GET("GetUsagePlanKey", PLAN "/keys/{keyId}", apigateway_path_params, get_plan_key),
    APIGATEWAY_DELETE("DeleteUsagePlanKey", PLAN "/keys/{keyId}", apigateway_path_params, delete_plan_key),
    {0},
};
/* clang-format on */
