/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scan.h"

#include "base/buffer.h"
#include "base/json.h"
#include "base/scoped.h"
#include "test.h"

static bool is_json(struct text json)
{
    struct scan_value value;

    return scan_document(json, NULL, NULL, &value);
}

TEST(what_is_json_and_what_is_not_agrees_with_jansson)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "1",
        "-1",
        "0",
        "-0",
        "1.5",
        "1e9",
        "1E+9",
        "1e-9",
        "-0.0e0",
        "\"\"",
        "\"a\"",
        "true",
        "false",
        "null",
        " 1 ",
        "\n[\t1 ,\r2 ]",
        "{\"a\":1}",
        "{ \"a\" : [ { \"b\" : null } ] , \"c\" : \"d\" }",
        "\"\\u00e9\\n\\\"\\\\\\/\\b\\f\\r\\t\"",
        "[[[[[]]]]]",
        "\"\\ud83d\\ude00\"",
        "",
        " ",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "--1",
        "-",
        "tru",
        "truex",
        "nul",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\",
        "\"\n\"",
        "\"\x01\"",
        "1 1",
        "{} {}",
        "[}",
        "{]",
        "'a'",
        "\"a\"b",
        "NaN",
        "Infinity",
        "[1]]",
        "\"abcdefg\"",
        "\"abcdefgh\"",
        "\"abcdefghi\"",
        "\"abcdefg\th\"",
        "\"abcdefgh\\",
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *json = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        CHECK_MSG(is_json(text_of(texts[i])) == (json != NULL), "'%s'", texts[i]);
        json_decref(json);
    }
}

TEST(every_prefix_of_a_document_is_refused)
{
    struct text json = TEXT("{\"a\":[1,-2.5e3,true,null],\"b\":\"\\u00e9\\\"x\",\"c\":{}}");

    for (size_t len = 0; len < json.len; len++) {
        scoped(free) char *exact = text_dup(text_slice(json, 0, len));
        CHECK_MSG(!is_json(text_from(exact, len)), "%.*s", (int)len, json.at);
    }
    CHECK(is_json(json));
}

TEST(nesting_ends_at_its_limit)
{
    char deep[2 * (SCAN_DEPTH_MAX + 1)];

    memset(deep, '[', SCAN_DEPTH_MAX + 1);
    memset(deep + SCAN_DEPTH_MAX + 1, ']', SCAN_DEPTH_MAX + 1);
    CHECK(is_json(text_from(deep + 1, 2 * SCAN_DEPTH_MAX)));
    CHECK(!is_json(text_from(deep, sizeof deep)));
}

static void see(void *arg, const struct scan_value *name, const struct scan_value *value)
{
    struct buffer *seen = arg;

    buffer_add_format(seen, "%.*s=%d:%.*s;", TEXT_ARG(name->text), value->kind,
                      TEXT_ARG(value->text));
}

TEST(members_of_the_outermost_object_are_seen_and_no_others)
{
    scoped(buffer_done) struct buffer seen = {0};
    struct scan_value value;

    CHECK(scan_document(TEXT(" {\"a\" : \"x\", \"b\":{\"c\":1},\"d\":[{\"e\":2}]} "), see, &seen,
                        &value));
    CHECK_TEXT(buffer_text(&seen), "a=3:x;b=1:{\"c\":1};d=2:[{\"e\":2}];");
    CHECK_TEXT(value.text, "{\"a\" : \"x\", \"b\":{\"c\":1},\"d\":[{\"e\":2}]}");
    buffer_clear(&seen);
    CHECK(scan_document(TEXT("[{\"a\":1}]"), see, &seen, &value));
    CHECK(seen.len == 0);
}

TEST(items_and_members_are_walked_in_order)
{
    struct scan_value array, object, item, name;

    CHECK(scan_document(TEXT("[ 1 , \"two\",[3] ]"), NULL, NULL, &array));
    struct scan scan = scan_open(&array);
    CHECK(scan_item(&scan, &item) && item.kind == SCAN_NUMBER);
    CHECK(scan_item(&scan, &item) && item.kind == SCAN_STRING);
    CHECK_TEXT(item.text, "two");
    CHECK(scan_item(&scan, &item) && item.kind == SCAN_ARRAY);
    CHECK(!scan_item(&scan, &item));

    CHECK(scan_document(TEXT("{\"a\":1, \"b\" : true }"), NULL, NULL, &object));
    scan = scan_open(&object);
    CHECK(scan_member(&scan, &name, &item) && scan_is(&name, TEXT("a")));
    CHECK(scan_member(&scan, &name, &item) && scan_is(&name, TEXT("b")));
    CHECK(item.kind == SCAN_TRUE);
    CHECK(!scan_member(&scan, &name, &item));

    CHECK(scan_document(TEXT("{ }"), NULL, NULL, &object));
    scan = scan_open(&object);
    CHECK(!scan_member(&scan, &name, &item));
}

TEST(escapes_are_decoded_where_they_stand)
{
    static const struct {
        const char *json;
        struct text want;
    } cases[] = {
        {"\"plain\"", TEXT("plain")},
        {"\"a\\nb\"", TEXT("a\nb")},
        {"\"\\\"\\\\\\/\\b\\f\\r\\t\"", TEXT("\"\\/\b\f\r\t")},
        {"\"\\u0041\\u00e9\\u20ac\"", TEXT("A\xc3\xa9\xe2\x82\xac")},
        {"\"\\ud83d\\ude00!\"", TEXT("\xf0\x9f\x98\x80!")},
        {"\"\\ud83d\"", TEXT("\xef\xbf\xbd")},
        {"\"\\ude00x\"", TEXT("\xef\xbf\xbdx")},
        {"\"\\ud83d\\u0041\"", TEXT("\xef\xbf\xbd"
                                    "A")},
        {"\"\\ud83d\\n\"", TEXT("\xef\xbf\xbd\n")},
        {"\"\\u0000.\"", TEXT("\0.")},
        {"\"\\\\n\"", TEXT("\\n")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(free) char *json = text_dup(text_of(cases[i].json));
        struct scan_value value;
        CHECK(scan_document(text_of(json), NULL, NULL, &value) && value.kind == SCAN_STRING);
        CHECK_MSG(text_equal(scan_unescape(&value), cases[i].want), "%s", cases[i].json);
    }
}

TEST(a_name_is_the_same_however_it_is_escaped)
{
    struct scan_value value;

    CHECK(scan_document(TEXT("\"\\u0062ody\""), NULL, NULL, &value));
    CHECK(scan_is(&value, TEXT("body")) && !scan_is(&value, TEXT("Body")));
    CHECK_TEXT(value.text, "\\u0062ody");
}

TEST(a_long_name_is_compared_whole)
{
    char json[6 * 64 + 3] = "\"";
    struct scan_value value;

    for (size_t i = 0; i < 64; i++)
        memcpy(json + 1 + 6 * i, "\\u0061", 6);
    json[6 * 64 + 1] = '"';
    CHECK(scan_document(text_of(json), NULL, NULL, &value));
    CHECK(scan_is(&value, TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    CHECK(!scan_is(&value, TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    CHECK(!scan_is(&value, TEXT("a")));
}

TEST(a_string_is_decoded_beside_the_input)
{
    scoped(buffer_done) struct buffer out = {0};
    struct scan_value value;

    buffer_add_literal(&out, "<");
    CHECK(scan_document(TEXT("\"a\\nb\""), NULL, NULL, &value));
    scan_add_decoded(&value, &out);
    CHECK_TEXT(buffer_text(&out), "<a\nb");
    CHECK_TEXT(value.text, "a\\nb");
    CHECK(scan_document(TEXT("\"\""), NULL, NULL, &value));
    scan_add_decoded(&value, &out);
    CHECK_TEXT(buffer_text(&out), "<a\nb");
}

TEST(json_is_written_without_blanks)
{
    static const struct {
        const char *json, *want;
    } cases[] = {
        {" { \"a b\" : [ 1 , \"\\\" c\" ] ,\n\t\"d\":{ } }\r\n",
         "{\"a b\":[1,\"\\\" c\"],\"d\":{}}"},
        {"\"a \\n\"", "\"a \\n\""},
        {"\"\"", "\"\""},
        {" 1.50 ", "1.50"},
        {"[\"x\\\\\" , null]", "[\"x\\\\\",null]"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer out = {0};
        struct scan_value value;
        CHECK(scan_document(text_of(cases[i].json), NULL, NULL, &value));
        scan_add_json(&value, &out);
        CHECK_TEXT(buffer_text(&out), cases[i].want);
    }
}

TEST(depth_counts_brackets_outside_strings)
{
    CHECK(scan_depth(TEXT("1")) == 0);
    CHECK(scan_depth(TEXT("\"[[\\\"[\"")) == 0);
    CHECK(scan_depth(TEXT("[]")) == 1);
    CHECK(scan_depth(TEXT("[{\"a[[\":[1]},[]]")) == 3);
}
