/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/waf_cost.h"

#include <string.h>

#include "base/buffer.h"
#include "base/scoped.h"
#include "test.h"

static struct waf_cost cost_of(const char *query, const char *type, struct text body)
{
    const struct http_field fields[] = {{TEXT("content-type"), text_of(type)}};
    const struct http_request request = {
        .target = TEXT("/"), .query = text_of(query), .fields = fields, .field_count = 1};
    struct waf_cost cost;

    waf_cost_of(&request, body, 1, &cost);
    return cost;
}

TEST(arguments_are_counted_by_kind_of_body)
{
    static const struct {
        const char *query, *type, *body;
        int64_t arguments, depth;
    } cases[] = {
        {NULL, "", "", 0, 0},
        {"a=1&b", "", "", 2, 0},
        {"a", "application/x-www-form-urlencoded", "a=1&b=2&&", 5, 0},
        {NULL, "application/json", "{\"a\":1,\"b\":[1,2,3]}", 5, 2},
        {NULL, "Application/JSON", "[[[[]]]]", 4, 4},
        {NULL, "application/json", "{\"a,{[\\\"\":\"},]\"}", 1, 1},
        {NULL, "application/json", "]]]]{\"\\", 4, 1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct waf_cost cost = cost_of(cases[i].query, cases[i].type, text_of(cases[i].body));
        CHECK_MSG(cost.arguments == cases[i].arguments && cost.depth == cases[i].depth,
                  "case %zu: %lld arguments, depth %lld", i, (long long)cost.arguments,
                  (long long)cost.depth);
    }
}

/* A long way down that many members repeat: few bytes to send, many to inspect. */
TEST(a_member_costs_the_whole_way_to_it)
{
    scoped(buffer_done) struct buffer body = {0};

    for (int i = 0; i < 20; i++)
        buffer_add_format(&body, "{\"%0200d\":", 0);
    buffer_add_literal(&body, "[");
    for (int i = 0; i < 500; i++)
        buffer_add_literal(&body, "1,");
    buffer_add_literal(&body, "1]");
    struct waf_cost cost = cost_of(NULL, "application/json", buffer_text(&body));
    CHECK_MSG(cost.bytes > 500 * 20 * 200, "%lld", (long long)cost.bytes);
}

TEST(what_is_over_a_limit_says_which)
{
    static const struct {
        struct waf_cost cost;
        const char *says;
    } cases[] = {
        {{.bytes = 101}, "101 bytes to inspect are more than waf.limits.bytes 100"},
        {{.arguments = 11}, "11 arguments are more than waf.limits.arguments 10"},
        {{.depth = 6}, "depth 6 is more than waf.limits.depth 5"},
        {{.us = 21000}, "inspecting would take about 21 ms, more than waf.limits.budget 20"},
    };
    const struct waf_limits limits = {100, 10, 5, 20, false};
    const struct waf_cost fine = {100, 10, 5, 20000};
    struct error err = {0};

    CHECK(waf_cost_check(&fine, &limits, &err) == 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK(waf_cost_check(&cases[i].cost, &limits, &err) < 0 && err.code == ERROR_LIMIT);
        CHECK_TEXT(text_of(err.text), cases[i].says);
    }
}
