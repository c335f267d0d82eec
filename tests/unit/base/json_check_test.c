/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_check.h"

#include "base/json.h"
#include "test.h"

TEST(json_passes)
{
    static const char *const good[] = {
        "{}",
        "[]",
        "null",
        "true",
        " false ",
        "0",
        "-0",
        "-1.5e+10",
        "\"\"",
        "1E5",
        "{\"a\":[1,{\"b\":null}],\"c\":\"\\u00e9\\n\"}",
        "[[],[[]],{}]",
        "\n\t\r {\"a\" : 1 }\n",
        "\"caf\xc3\xa9\"",
        "{\"a\":1,\"a\":2}",
    };

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        scoped(buffer_done) struct buffer why = {0};
        CHECK_MSG(json_check(text_of(good[i]), &why), "'%s': %s", good[i], why.at);
        CHECK(why.len == 0);
    }
}

TEST(what_is_wrong_is_told_in_the_words_of_aws)
{
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"", "No content to map due to end-of-input\n at [Source: (byte[])\"\"; line: 1, column: "
             "1]"},
        {"x", "Unrecognized token 'x': was expecting (JSON String, Number, Array, Object or token "
              "'null', 'true' or 'false')\n at [Source: (byte[])\"x\"; line: 1, column: 3]"},
        {"}",
         "Unexpected character ('}' (code 125)): expected a valid value (JSON String, Number, "
         "Array, Object or token 'null', 'true' or 'false')\n at [Source: (byte[])\"}\"; line: "
         "1, column: 2]"},
        {"1\x84", "Unexpected character ((CTRL-CHAR, code 132)): Expected space separating "
                  "root-level values\n at [Source: (byte[])\"1\x84\"; line: 1, column: 3]"},
        {"{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field "
                  "name\n at [Source: (byte[])\"{a:1}\"; line: 1, column: 3]"},
        {"{\"a\" 1}", "Unexpected character ('1' (code 49)): was expecting a colon to separate "
                      "field name and value\n at [Source: (byte[])\"{\"a\" 1}\"; line: 1, column: "
                      "7]"},
        {"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array "
                  "entries\n at [Source: (byte[])\"[1 2]\"; line: 1, column: 5]"},
        {"{\n\"a\":1 \"b\"}",
         "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries\n "
         "at [Source: (byte[])\"{\n\"a\":1 \"b\"}\"; line: 2, column: 8]"},
        {"[1",
         "Unexpected end-of-input: expected close marker for Array (start marker at "
         "[Source: (byte[])\"[1\"; line: 1, column: 1])\n at [Source: (byte[])\"[1\"; line: 1, "
         "column: 3]"},
        {"\"a", "Unexpected end-of-input: was expecting closing quote for a string value\n at "
                "[Source: (byte[])\"\"a\"; line: 1, column: 3]"},
        {"\"\\x\"", "Unrecognized character escape 'x' (code 120)\n at [Source: "
                    "(byte[])\"\"\\x\"\"; line: 1, column: 4]"},
        {"01", "Invalid numeric value: Leading zeroes not allowed\n at [Source: (byte[])\"01\"; "
               "line: 1, column: 3]"},
        {"\"\xff\"", "Invalid UTF-8 start byte 0xff\n at [Source: (byte[])\"\"\xff\"\"; line: 1, "
                     "column: 3]"},
        {"\"\xc3(\"",
         "Invalid UTF-8 middle byte 0x28\n at [Source: (byte[])\"\"\xc3(\"\"; line: 1, "
         "column: 3]"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer why = {0};
        CHECK_MSG(!json_check(text_of(cases[i].source), &why), "'%s'", cases[i].source);
        CHECK_TEXT(buffer_text(&why), cases[i].want);
    }
}

TEST(other_broken_json_is_refused)
{
    static const char *const bad[] = {
        "[1,]",        "{\"a\":1,}", "[,1]",     "{,}",   "-",       "1.",  "1e",
        ".5",          "+1",         "nul",      "truex", "{\"a\"}", "[1}", "{\"a\":1]",
        "\"\\u12g4\"", "\"\\u12",    "\"a\nb\"", "1 2",   "{} x",    "'a'", "[\"a]",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        scoped(buffer_done) struct buffer why = {0};
        CHECK_MSG(!json_check(text_of(bad[i]), &why), "'%s' was accepted", bad[i]);
        CHECK(why.len > 0);
    }
}

TEST(nesting_is_bounded)
{
    scoped(buffer_done) struct buffer deep = {0}, why = {0};

    for (int i = 0; i < 1000; i++)
        buffer_add_char(&deep, '[');
    for (int i = 0; i < 1000; i++)
        buffer_add_char(&deep, ']');
    CHECK(json_check(buffer_text(&deep), &why));
    scoped(buffer_done) struct buffer deeper = {0};
    buffer_add_format(&deeper, "[%s]", deep.at);
    CHECK(!json_check(buffer_text(&deeper), &why));
}

TEST(a_long_source_is_cut_off_in_the_message)
{
    scoped(buffer_done) struct buffer source = {0}, why = {0};

    buffer_add_char(&source, '[');
    for (int i = 0; i < 600; i++)
        buffer_add_char(&source, ' ');
    CHECK(!json_check(buffer_text(&source), &why));
    CHECK(text_find_text(buffer_text(&why),
                         TEXT("\"[truncated 101 bytes]; line: 1, column: 602]")) < why.len);
}

TEST(of_a_text_in_a_request_only_the_place_is_told)
{
    static const struct {
        const char *source, *place;
    } cases[] = {
        {"env:dev", "line: 1, column: 4]"},  {"{'db_name':1}", "line: 1, column: 3]"},
        {"{\"a\":1", "line: 1, column: 7]"}, {"{\"a\":\n1,}", "line: 2, column: 4]"},
        {"", "line: 1, column: 1]"},         {"1 2", "line: 1, column: 4]"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer where = {0}, want = {0};
        buffer_add_format(&want, "[Source: (String)\"%s\"; %s", cases[i].source, cases[i].place);
        CHECK(!json_check_text(text_of(cases[i].source), /* many= */ false, &where));
        CHECK_TEXT(buffer_text(&where), want.at);
    }
}

TEST(several_values_may_follow_each_other_where_that_is_asked_for)
{
    scoped(buffer_done) struct buffer where = {0};

    CHECK(json_check_text(TEXT("\"a\"\n\"b\" {} 1"), /* many= */ true, &where));
    CHECK(!json_check_text(TEXT("\"a\" b"), /* many= */ true, &where));
    CHECK(!json_check_text(TEXT(""), /* many= */ true, &where));
}
