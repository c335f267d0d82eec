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
