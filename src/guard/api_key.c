/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/api_key.h"

#include "base/crypto.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "guard/limits.h"

/* One stage of an API that a plan is for. */
struct plan_stage {
    char *api_id, *stage;
    struct plan_method {
        char *name; /* "/pets/GET" */
        struct limit_rate throttle;
    } * methods;
    size_t method_count;
};

struct plan {
    struct api_plan plan;
    struct plan_stage *stages;
    size_t stage_count;
};

/* Of a period that begins on that day; a limit of 0: there is none. */
struct extension {
    enum limit_period period;
    int64_t day, limit;
};

struct api_key {
    char *id;
    const struct plan **plans;
    struct extension *extensions; /* of each plan */
    size_t plan_count;
};

struct api_keys {
    struct plan *plans;
    size_t plan_count;
    struct api_key *keys;
    size_t key_count;
    struct map by_hash; /* of values */
};

static int read_methods(struct plan_stage *stage, const json_t *throttles, struct error *err)
{
    const char *name;
    json_t *throttle;

    stage->methods = mem_zalloc((json_object_size(throttles) + 1) * sizeof *stage->methods);
    json_object_foreach((json_t *)(uintptr_t)throttles, name, throttle)
    {
        struct plan_method *method = &stage->methods[stage->method_count++];
        method->name = mem_strdup(name);
        if (limits_of_throttle(throttle, &method->throttle, err) < 0)
            return -1;
    }
    return 0;
}

static int read_stages(struct plan *plan, const json_t *list, struct error *err)
{
    size_t index;
    json_t *item;

    plan->stages = mem_zalloc((json_array_size(list) + 1) * sizeof *plan->stages);
    json_array_foreach(list, index, item)
    {
        struct plan_stage *stage = &plan->stages[plan->stage_count++];
        stage->api_id = text_dup(json_text(item, "apiId"));
        stage->stage = text_dup(json_text(item, "stage"));
        if (read_methods(stage, json_object_get(item, "throttle"), err) < 0)
            return -1;
    }
    return 0;
}

static int read_plan(struct plan *plan, const json_t *json, struct error *err)
{
    const json_t *throttle = json_object_get(json, "throttle"),
                 *quota = json_object_get(json, "quota");

    plan->plan.id = text_dup(json_text(json, "id"));
    if (json_is_object(throttle) && limits_of_throttle(throttle, &plan->plan.throttle, err) < 0)
        return -1;
    if (json_is_object(quota) && limits_of_quota(quota, &plan->plan.quota, err) < 0)
        return -1;
    return read_stages(plan, json_object_get(json, "apiStages"), err);
}

static const struct plan *find_plan(const struct api_keys *keys, struct text id)
{
    for (size_t i = 0; i < keys->plan_count; i++)
        if (text_equal(text_of(keys->plans[i].plan.id), id))
            return &keys->plans[i];
    return NULL;
}

static void read_extension(const json_t *json, struct extension *ret)
{
    struct limit_quota quota;
    struct error err;

    if (json && limits_of_quota(json, &quota, &err) == 0)
        *ret = (struct extension){quota.period, json_int(json, "day", 0), quota.limit};
}

static void add_key(struct api_keys *keys, const json_t *json)
{
    struct text value = json_text(json, "value");
    const json_t *plans = json_object_get(json, "plans"), *item;
    const json_t *extensions = json_object_get(json, "extensions");
    uint8_t hash[SHA256_LEN];
    size_t index;

    if (value.len == 0 || !json_bool(json, "enabled", true))
        return;
    struct api_key *key = &keys->keys[keys->key_count++];
    key->id = text_dup(json_text(json, "id"));
    key->plans = mem_zalloc((json_array_size(plans) + 1) * sizeof(*key->plans));
    key->extensions = mem_zalloc((json_array_size(plans) + 1) * sizeof *key->extensions);
    json_array_foreach(plans, index, item)
    {
        const struct plan *plan =
            json_is_string(item) ? find_plan(keys, text_of(json_string_value(item))) : NULL;
        if (!plan)
            continue;
        read_extension(json_object_get(extensions, plan->plan.id),
                       &key->extensions[key->plan_count]);
        key->plans[key->plan_count++] = plan;
    }
    crypto_sha256(value, hash);
    map_put(&keys->by_hash, text_from(hash, sizeof hash), key);
}

static int compile(struct api_keys *keys, const json_t *bundle, struct error *err)
{
    const json_t *list = json_object_get(bundle, "keys"), *plans = json_object_get(bundle, "plans"),
                 *item;
    size_t index;

    if (json_array_size(list) > API_KEYS_MAX || json_array_size(plans) > API_KEYS_MAX)
        return error_set(err, ERROR_LIMIT, "there are more than %d API keys", API_KEYS_MAX);
    keys->plans = mem_zalloc((json_array_size(plans) + 1) * sizeof *keys->plans);
    keys->keys = mem_zalloc((json_array_size(list) + 1) * sizeof *keys->keys);
    json_array_foreach(plans, index, item) if (read_plan(&keys->plans[keys->plan_count++], item,
                                                         err) < 0) return -1;
    json_array_foreach(list, index, item) add_key(keys, item);
    return 0;
}

struct api_keys *api_keys_compile(const json_t *bundle, struct error *err)
{
    scoped(api_keys_free) struct api_keys *keys = mem_new(struct api_keys);

    return compile(keys, bundle, err) < 0 ? NULL : take(keys);
}

static void done_plan(struct plan *plan)
{
    for (size_t i = 0; i < plan->stage_count; i++) {
        free(plan->stages[i].api_id);
        free(plan->stages[i].stage);
        for (size_t j = 0; j < plan->stages[i].method_count; j++)
            free(plan->stages[i].methods[j].name);
        free(plan->stages[i].methods);
    }
    free(plan->stages);
    free(plan->plan.id);
}

void api_keys_free(struct api_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->plan_count; i++)
        done_plan(&keys->plans[i]);
    for (size_t i = 0; i < keys->key_count; i++) {
        free(keys->keys[i].id);
        free((void *)keys->keys[i].plans);
        free(keys->keys[i].extensions);
    }
    free(keys->plans);
    free(keys->keys);
    map_done(&keys->by_hash);
    free(keys);
}

const struct api_key *api_keys_find(const struct api_keys *keys, struct text value)
{
    uint8_t hash[SHA256_LEN];

    if (!keys || value.len == 0 || value.len > API_KEY_VALUE_MAX)
        return NULL;
    crypto_sha256(value, hash);
    return map_find(&keys->by_hash, text_from(hash, sizeof hash));
}

struct text api_key_id(const struct api_key *key)
{
    return text_of(key->id);
}

static const struct limit_rate *find_method(const struct plan_stage *stage, struct text method)
{
    for (size_t i = 0; i < stage->method_count; i++)
        if (text_equal(text_of(stage->methods[i].name), method) &&
            stage->methods[i].throttle.is_set)
            return &stage->methods[i].throttle;
    return NULL;
}

static const struct plan_stage *find_stage(const struct plan *plan, struct text api_id,
                                           struct text stage)
{
    for (size_t i = 0; i < plan->stage_count; i++)
        if (text_equal(text_of(plan->stages[i].api_id), api_id) &&
            text_equal(text_of(plan->stages[i].stage), stage))
            return &plan->stages[i];
    return NULL;
}

const struct api_plan *api_key_plan(const struct api_key *key, struct text api_id,
                                    struct text stage, struct text method,
                                    const struct limit_rate **ret_method)
{
    *ret_method = NULL;
    for (size_t i = 0; i < key->plan_count; i++) {
        const struct plan_stage *found = find_stage(key->plans[i], api_id, stage);
        if (!found)
            continue;
        *ret_method = find_method(found, method);
        return &key->plans[i]->plan;
    }
    return NULL;
}

struct limit_quota api_key_quota(const struct api_key *key, const struct api_plan *plan,
                                 int64_t epoch_ms)
{
    struct limit_quota quota = plan->quota;

    for (size_t i = 0; i < key->plan_count; i++) {
        const struct extension *extension = &key->extensions[i];
        if (&key->plans[i]->plan == plan && quota.is_set && extension->limit > 0 &&
            extension->period == quota.period &&
            extension->day == limit_period_day(quota.period, epoch_ms))
            quota.limit = extension->limit;
    }
    return quota;
}

struct text api_key_counted(struct arena *arena, struct text plan_id, struct text key_id)
{
    return text_of(arena_format(arena, "plan %.*s %.*s", TEXT_ARG(plan_id), TEXT_ARG(key_id)));
}
