/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/api_key.h"

#include "base/json.h"
#include "test.h"

TEST(a_key_is_found_by_its_value_and_used_by_its_plans)
{
    struct error err;
    scoped(json_decref) json_t *json = json_loads(
        "{\"keys\":[{\"id\":\"k1\",\"value\":\"secret-of-one\",\"enabled\":true,"
        "\"plans\":[\"gone\",\"p\"]},{\"id\":\"k2\",\"value\":\"two\",\"enabled\":false,"
        "\"plans\":[\"p\"]},{\"id\":\"k3\",\"value\":\"three\",\"enabled\":true,\"plans\":[]}],"
        "\"plans\":[{\"id\":\"p\",\"throttle\":{\"rateLimit\":10,\"burstLimit\":5},"
        "\"apiStages\":[{\"apiId\":\"a\",\"stage\":\"prod\",\"throttle\":{\"/x/GET\":{"
        "\"rateLimit\":1,\"burstLimit\":2}}}]}]}",
        0, NULL);
    scoped(api_keys_free) struct api_keys *keys = api_keys_compile(json, &err);
    const struct api_key *one = api_keys_find(keys, TEXT("secret-of-one"));

    const struct limit_rate *method;

    CHECK(one);
    CHECK_TEXT(api_key_id(one), "k1");
    const struct api_plan *plan =
        api_key_plan(one, TEXT("a"), TEXT("prod"), TEXT("/x/GET"), &method);
    CHECK(plan && plan->throttle.is_set && !plan->quota.is_set);
    CHECK(method && method->is_set && method->interval_ns == 1000000000);
    CHECK(api_key_plan(one, TEXT("a"), TEXT("prod"), TEXT("/x/POST"), &method) == plan && !method);
    CHECK(!api_key_plan(one, TEXT("a"), TEXT("dev"), TEXT(""), &method) &&
          !api_key_plan(one, TEXT("b"), TEXT("prod"), TEXT(""), &method));
    CHECK(!api_keys_find(keys, TEXT("two")) && !api_keys_find(keys, TEXT("secret-of-on")));
    CHECK(!api_keys_find(keys, TEXT("")) && !api_keys_find(NULL, TEXT("two")));
    CHECK(!api_key_plan(api_keys_find(keys, TEXT("three")), TEXT("a"), TEXT("prod"), TEXT(""),
                        &method));
}

static const struct api_plan *plan_of(const struct api_key *key)
{
    const struct limit_rate *method;

    return api_key_plan(key, TEXT("a"), TEXT("s"), TEXT(""), &method);
}

TEST(what_a_key_may_can_be_changed_for_one_period)
{
    const int64_t day_ms = 86400000, now_ms = 20000 * day_ms + 7;
    struct error err;
    scoped(arena_done) struct arena arena = {0};
    scoped(json_decref) json_t *json = json_pack(
        "{s:[{s:s,s:s,s:[s],s:{s:{s:s,s:i,s:i}}},{s:s,s:s,s:[s]}],"
        "s:[{s:s,s:{s:s,s:i},s:[{s:s,s:s}]}]}",
        "keys", "id", "k1", "value", "one", "plans", "p", "extensions", "p", "period", "DAY", "day",
        20000, "limit", 50, "id", "k2", "value", "two", "plans", "p", "plans", "id", "p", "quota",
        "period", "DAY", "limit", 10, "apiStages", "apiId", "a", "stage", "s");
    scoped(api_keys_free) struct api_keys *keys = api_keys_compile(json, &err);
    const struct api_key *one = api_keys_find(keys, TEXT("one")),
                         *two = api_keys_find(keys, TEXT("two"));

    CHECK(one && two && plan_of(one) == plan_of(two));
    CHECK(api_key_quota(one, plan_of(one), now_ms).limit == 50);
    CHECK(api_key_quota(one, plan_of(one), now_ms + day_ms).limit == 10);
    CHECK(api_key_quota(one, plan_of(one), now_ms - day_ms).limit == 10);
    CHECK(api_key_quota(two, plan_of(two), now_ms).limit == 10);
    CHECK_TEXT(api_key_counted(&arena, TEXT("p"), TEXT("k1")), "plan p k1");
}
