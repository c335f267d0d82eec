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

    waf_cost_of(&request, body, &(struct waf_effort){1, 3}, &cost);
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
        /* What begins as JSON is read so, whatever its type. */
        {NULL, "text/plain", " {\"a\":1,\"b\":[1,2,3]}", 5, 2},
        {NULL, "", "[{}]", 2, 2},
        {NULL, "text/plain", "{a: 1, b: 2}", 0, 0},
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

static int64_t us_of(const char *type, const char *unit, int times, int rule_set)
{
    scoped(buffer_done) struct buffer body = {0};
    const struct http_field fields[] = {{TEXT("content-type"), text_of(type)}};
    const struct http_request request = {.target = TEXT("/"), .fields = fields, .field_count = 1};
    struct waf_cost cost;

    for (int i = 0; i < times; i++)
        buffer_add_text(&body, text_of(unit));
    waf_cost_of(&request, buffer_text(&body), &(struct waf_effort){1, rule_set}, &cost);
    return cost.us;
}

TEST(signs_that_stand_together_are_dear_however_they_are_written)
{
    static const char *const forms[] = {"<",          "%3c",   "%253c",   "%26#x3c;",
                                        "%26lt%3b",   "\\x3c", "%26lt",   "%5cx3c",
                                        "%26#92;x3c", "\\74",  "\\\\x3c", "%u003c"};

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        int64_t us = us_of("application/x-www-form-urlencoded", forms[i], 1000, 3);
        CHECK_MSG(us > 100000, "%s: %lld", forms[i], (long long)us);
    }
    CHECK(us_of("application/x-www-form-urlencoded", "<a", 1000, 3) < 20000);
}

TEST(ends_of_lines_are_dear_with_rule_set_4)
{
    static const char *const forms[] = {"\n", "\r", "%0a", "%0D", "%250a", "\n ", "\\n", "&#xa;"};

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        CHECK_MSG(us_of("urlencoded", forms[i], 300, 4) > 20000, "%s", forms[i]);
        CHECK_MSG(us_of("urlencoded", "a<", 300, 4) < 20000, "%s", forms[i]);
    }
    /* Text as people indent it. */
    CHECK(us_of("urlencoded", "\n                    word", 100, 4) < 20000);
}

TEST(of_xml_texts_and_values_count_and_names_do_not)
{
    CHECK(us_of("text/xml", "<a b='c'>word</a>", 500, 3) < 20000);
    CHECK(us_of("text/xml", "<a>&lt;</a>", 1000, 3) > 100000); /* one text across all tags */
    CHECK(us_of("text/xml", "<![CDATA[<]]>", 1000, 3) > 100000);
    CHECK(us_of("Text/XML", "&lt;", 1000, 3) > 100000);
    CHECK(us_of("text/plain", "<", 8000, 3) < 20000); /* few rules look at it */
}

TEST(what_cannot_be_estimated_is_said)
{
    static const struct {
        const char *body;
        bool is_fine;
    } cases[] = {
        {"<a/>", true},
        {"<?xml version='1.0'?><a/>", true},
        {"<?xml version='1.0' encoding=\"UTF-8\"?><a/>", true},
        {"<?xml version='1.0' encoding='utf-16'?><a/>", false},
        {"<?xml version='1.0' encoding='utf-7'?><a/>", false},
        {"<?xml version='1.0' encoding='iso-8859-15'?><a/>", false},
        {"\xff\xfe<", false},
        {"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct waf_cost cost = cost_of(NULL, "text/xml", text_of(cases[i].body));
        CHECK_MSG(!cost.obstacle == cases[i].is_fine, "%s", cases[i].body);
    }
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
        {{.obstacle = "this"}, "what inspecting this would take cannot be bounded"},
        {{.us = 21000}, "inspecting would take about 21 ms, more than waf.limits.budget 20"},
    };
    const struct waf_limits limits = {.bytes = 100, .arguments = 10, .depth = 5, .budget_ms = 20};
    const struct waf_cost fine = {100, 10, 5, 20000, NULL};
    struct error err = {0};

    CHECK(waf_cost_check(&fine, &limits, &err) == 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK(waf_cost_check(&cases[i].cost, &limits, &err) < 0 && err.code == ERROR_LIMIT);
        CHECK_TEXT(text_of(err.text), cases[i].says);
    }
}
