/* SPDX-License-Identifier: Apache-2.0 */
#include "model/route_key.h"

#include "base/scoped.h"
#include "test.h"

TEST(keys_of_http_apis_are_known)
{
    static const char *const good[] = {
        "$default",       "GET /",           "ANY /{proxy+}",       "POST /a/{b}/c/{d+}",
        "DELETE /a.b-c_d~", "PATCH /{a-b}/x", "OPTIONS /{proxy+}", "HEAD /%20",
    };
    static const char *const bad[] = {
        "",           "GET",          "GET  /a",       "get /a",        "TRACE /a",
        "GET a",      "GET /a/",      "GET //a",       "GET /a/{b+}/c", "GET /a{b}",
        "GET /{a}.x", "GET /{a",      "GET /a}",       "GET /{}",       "GET /{+}",
        "GET /{a}/{a}", "GET /a?b",   "GET /a#b",      "GET /a b",      "GET /{a b}",
        "GET /{a}{b}", "default",     "$connect",      "GET /{{a}}",
    };
    struct error err;

    for (size_t i = 0; i < COUNT_OF(good); i++)
        CHECK_MSG(route_key_check(text_of(good[i]), &err) == 0, "%s: %s", good[i], err.text);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_MSG(route_key_check(text_of(bad[i]), &err) < 0, "%s", bad[i]);
}

TEST(parameters_are_found_in_order)
{
    struct text rest = TEXT("/a/{b}/{c+}"), name;
    bool greedy;

    CHECK(route_key_next_parameter(&rest, &name, &greedy));
    CHECK_TEXT(name, "b");
    CHECK(!greedy);
    CHECK(route_key_next_parameter(&rest, &name, &greedy));
    CHECK_TEXT(name, "c");
    CHECK(greedy);
    CHECK(!route_key_next_parameter(&rest, &name, &greedy));
}
