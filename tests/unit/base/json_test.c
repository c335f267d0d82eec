/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/buffer.h"
#include "test.h"

TEST(any_kind_of_value_is_a_document)
{
    static const char *const rows[] = {
        "{}", "[]", "null", "true", "\"a\"", "12", "-1.5", "[1,2]", "{\"a\":{\"b\":[null]}}"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err;
        scoped(json_decref) json_t *json = json_parse(text_of(rows[i]), &err);
        CHECK_MSG(json, "%s", rows[i]);
        scoped(free) char *written = json_write(json);
        CHECK_TEXT(text_of(written), rows[i]);
    }
}

TEST(errors_name_line_and_column)
{
    static const struct {
        struct text source;
        const char *text;
    } rows[] = {
        {{NULL, 0}, "line 1, column"},
        {{"{\n  \"a\": 1,\n  \"b\": }", 20}, "line 3, column"},
        {{"{\"a\":1,\"a\":2}", 13}, "line 1, column 10: duplicate object key near '\"a\"'"},
        {{"{} x", 4}, "line 1, column"},
        {{"\"\xFF\"", 3}, "line 1, column"},
        {{"[1,]", 4}, "line 1, column"},
        {{"{'a':1}", 7}, "line 1, column"},
        {{"\"a", 2}, "line 1, column"},
        {{"\"\\ud800\"", 8}, "line 1, column"},
        {{"01", 2}, "line 1, column"},
        {{"nul", 3}, "line 1, column"},
        {{"[]\0", 3}, "line 1, column 3: a byte with the value 0"},
        {{"\n-66\0", 5}, "line 2, column 4: a byte with the value 0"},
        {{"1\0000", 3}, "line 1, column 2: a byte with the value 0"},
        {{"\"\0\"", 3}, "line 1, column 2: a byte with the value 0"},
        {{"\"a\nb\"", 5}, "line 1, column"},
        {{"99999999999999999999", 20}, "line 1, column"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct error err = {0};
        scoped(json_decref) json_t *json = json_parse(rows[i].source, &err);
        CHECK_MSG(!json, "row %zu", i);
        CHECK(err.code == ERROR_INVALID);
        CHECK_MSG(text_starts(text_of(err.text), text_of(rows[i].text)), "row %zu: %s", i,
                  err.text);
    }
}

static json_t *parse_nested(int depth, struct error *err)
{
    scoped(buffer_done) struct buffer source = {0};
    buffer_add_literal(&source, "\n");
    for (int i = 0; i < depth; i++)
        buffer_add_char(&source, '[');
    buffer_add_literal(&source, "\"[[{{\\\"[[\"");
    for (int i = 0; i < depth; i++)
        buffer_add_char(&source, ']');
    return json_parse(buffer_text(&source), err);
}

TEST(depth_is_limited)
{
    struct error err;
    scoped(json_decref) json_t *deepest = parse_nested(JSON_DEPTH_MAX, &err);
    scoped(json_decref) json_t *deeper = parse_nested(JSON_DEPTH_MAX + 1, &err);
    scoped(json_decref) json_t *absurd = parse_nested(1000000, &err);
    CHECK(deepest && !deeper && !absurd);
    CHECK_TEXT(text_of(err.text), "line 2, column 129: nested deeper than 128");
}

TEST(brackets_in_strings_do_not_nest)
{
    struct error err;
    scoped(buffer_done) struct buffer source = {0};
    buffer_add_literal(&source, "[\"\\\\\",\"\\\"");
    for (int i = 0; i < 500; i++)
        buffer_add_literal(&source, "[\\\\");
    buffer_add_literal(&source, "\",1]");
    scoped(json_decref) json_t *json = json_parse(buffer_text(&source), &err);
    CHECK(json && json_array_size(json) == 3);
}

TEST(members_are_read_by_their_kind)
{
    struct error err;
    scoped(json_decref) json_t *json = json_parse(
        TEXT("{\"t\":\"x\\u0000y\",\"n\":7,\"r\":1.5,\"b\":true,\"f\":false,\"z\":null}"), &err);
    CHECK(json);
    CHECK(text_equal(json_text(json, "t"), TEXT("x\0y")));
    CHECK(!text_is_set(json_text(json, "n")));
    CHECK(!text_is_set(json_text(json, "absent")));
    CHECK(!text_is_set(json_text(NULL, "t")));
    CHECK(json_int(json, "n", -1) == 7);
    CHECK(json_int(json, "r", -1) == -1);
    CHECK(json_int(json, "absent", -1) == -1);
    CHECK(json_bool(json, "b", false));
    CHECK(!json_bool(json, "f", true));
    CHECK(json_bool(json, "z", true));
    CHECK(!json_bool(json, "absent", false));
}

TEST(text_becomes_a_json_string)
{
    static const struct {
        struct text source;
        const char *written;
    } rows[] = {
        {{NULL, 0}, "\"\""},
        {{"a\"b", 3}, "\"a\\\"b\""},
        {{"\xC3\xA4", 2}, "\"\xC3\xA4\""},
        {{"a\xFF\xC3\xA4", 4}, "\"a\xEF\xBF\xBD\xC3\xA4\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        scoped(json_decref) json_t *json = json_from_text(rows[i].source);
        scoped(free) char *written = json_write(json);
        CHECK_TEXT(text_of(written), rows[i].written);
    }
}
