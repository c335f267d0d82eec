/* SPDX-License-Identifier: Apache-2.0 */
#include "router/json_path.h"

#include "test.h"

static void on_value(void *arg, const struct scan_value *value)
{
    struct buffer *out = arg;

    buffer_add_text(out, out->len ? TEXT(" ") : TEXT(""));
    scan_add_json(value, out);
}

TEST(a_path_leads_to_values)
{
    static const char document[] =
        "{\"time\":\"t\",\"resources\":[\"r0\",\"r1\"],\"detail\":{\"a-b\":{\"c_d\":1.0},"
        "\"list\":[{\"n\":1},{\"n\":2},{}],\"a/b\":true,\"\\u0065\":\"e\",\"twice\":1,\"twice\":2,"
        "\"nested\":[[1,2],[3]],\"null\":null}}";
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"$.time", "\"t\""},
        {"$.detail.a-b", "{\"c_d\":1.0}"},
        {"$.detail.a-b.c_d", "1.0"},
        {"$.detail.a/b", "true"},
        {"$.detail.e", "\"e\""},
        {"$.detail.twice", "2"},
        {"$.detail.null", "null"},
        {"$.resources[0]", "\"r0\""},
        {"$.resources[1]", "\"r1\""},
        {"$.resources[2]", ""},
        {"$.resources[*]", "\"r0\" \"r1\""},
        {"$.resources.*", "\"r0\" \"r1\""},
        {"$.detail.list[*].n", "1 2"},
        {"$.detail.list.n", ""},
        {"$.detail.list[1].n", "2"},
        {"$.detail.nested[1][0]", "3"},
        {"$.detail.nested[*][*]", "1 2 3"},
        {"$.detail.a-b.*", "1.0"},
        {"$.time[0]", ""},
        {"$.time.x", ""},
        {"$.detail.missing", ""},
        {"$.detail.missing[*]", ""},
        {"$.TIME", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(json_path_free) struct json_path *path = json_path_compile(text_of(cases[i].path));
        scoped(buffer_done) struct buffer out = {0};
        struct scan_value root;

        CHECK_MSG(path, "'%s' was refused", cases[i].path);
        CHECK(scan_document(text_of(document), NULL, NULL, &root));
        json_path_each(path, &root, on_value, &out);
        CHECK_MSG(text_equal(buffer_text(&out), text_of(cases[i].want)), "'%s' gives '%.*s'",
                  cases[i].path, TEXT_ARG(buffer_text(&out)));
        CHECK(json_path_is_list(path) == (strchr(cases[i].path, '*') != NULL));
    }
}

TEST(the_root_is_the_whole_document)
{
    scoped(json_path_free) struct json_path *path = json_path_compile(TEXT("$"));
    scoped(buffer_done) struct buffer out = {0};
    struct scan_value root;

    CHECK(scan_document(TEXT("[1]"), NULL, NULL, &root));
    json_path_each(path, &root, on_value, &out);
    CHECK_TEXT(buffer_text(&out), "[1]");
    CHECK(!json_path_is_list(path));
}

TEST(what_is_no_path_is_refused)
{
    static const char *const bad[] = {
        "",
        "detail",
        "$detail",
        "$.",
        "$.a.",
        "$..a",
        "$.a..b",
        "$[",
        "$[]",
        "$[-1]",
        "$[1",
        "$['a']",
        "$.a['b']",
        "$.a[\"b\"]",
        "$.a[?(@.b)]",
        "$.a[0:2]",
        "$.a[0,1]",
        "$.a*",
        "$.a[99999999999]",
        "@.a",
        " $.a",
        "$.length()",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_MSG(!json_path_compile(text_of(bad[i])), "'%s' was accepted", bad[i]);
}
