/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/yaml_json.h"

#include "base/json.h"
#include "base/scoped.h"
#include "test.h"

TEST(yaml_becomes_json)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}"},
        {"200:\n  description: ok\n", "{\"200\":{\"description\":\"ok\"}}"},
        {"a: yes\nb: true\nc: ~\nd:\ne: '1'\n",
         "{\"a\":\"yes\",\"b\":true,\"c\":null,\"d\":null,\"e\":\"1\"}"},
        {"[1, -2, 1.5, 1e3, 0x10, 1.2.3, '', 99999999999999999999]",
         "[1,-2,1.5,1000.0,\"0x10\",\"1.2.3\",\"\",1e20]"},
        {"a: &x {b: 1}\nc: *x\n", "{\"a\":{\"b\":1},\"c\":{\"b\":1}}"},
        {"a: |\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\"}"},
        {"a: !!str 1", "{\"a\":\"1\"}"},
        {"{\"a\": {\"b\": []}}", "{\"a\":{\"b\":[]}}"},
        {"2020-01-01", "\"2020-01-01\""},
    };
    struct error err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(json_decref) json_t *json = yaml_parse(text_of(cases[i].yaml), &err);
        CHECK_MSG(json, "%s: %s", cases[i].yaml, err.text);
        scoped(json_decref) json_t *expected = json_parse(text_of(cases[i].json), &err);
        CHECK_MSG(json_equal(json, expected), "%s", cases[i].yaml);
    }
}

TEST(what_is_not_plain_yaml_is_refused_with_its_place)
{
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"", "empty"},
        {"a: 1\na: 2\n", "line 2, column 1: the key is there twice"},
        {"a: [", "line"},
        {"a: *x", "no such anchor"},
        {"a: !local 1", "tags are not supported"},
        {"a: !!map {}", "tags are not supported"},
        {"a: &x {b: 1}\nc:\n  <<: *x\n", "merge keys"},
        {"? [a]\n: 1\n", "a key is not a text"},
        {"a: 1\n---\nb: 1\n", "more than one document"},
        {"a: &a [*a]", "no such anchor"},
    };
    struct error err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_MSG(!yaml_parse(text_of(cases[i].yaml), &err), "%s", cases[i].yaml);
        CHECK_MSG(strstr(err.text, cases[i].says), "%s: %s", cases[i].yaml, err.text);
    }
}

TEST(a_bomb_of_aliases_is_counted)
{
    scoped(buffer_done) struct buffer bomb = {0};
    struct error err;

    buffer_add_literal(&bomb, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 12; i++) {
        buffer_add_format(&bomb, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buffer_add_format(&bomb, "%s*a%d", j ? "," : "", i - 1);
        buffer_add_literal(&bomb, "]\n");
    }
    CHECK(!yaml_parse(buffer_text(&bomb), &err));
    CHECK_MSG(strstr(err.text, "too many values"), "%s", err.text);
}

TEST(depth_is_bounded)
{
    scoped(buffer_done) struct buffer deep = {0};
    struct error err;

    for (int i = 0; i < 1000; i++)
        buffer_add_char(&deep, '[');
    CHECK(!yaml_parse(buffer_text(&deep), &err));
    CHECK_MSG(strstr(err.text, "nested too deep"), "%s", err.text);
}

TEST(what_is_written_is_read_again)
{
    static const char *const documents[] = {
        "{\"a\":\"true\",\"b\":\"1\",\"c\":\"\",\"d\":[],\"e\":{},\"f\":null,\"g\":1.5,\"h\":"
        "false}",
        "{\"200\":{\"yes\":\"no\",\"~\":\"- x\",\"a: b\":\"#\",\"\":\"\\n\\t\\\"\\\\\"}}",
        "[[],[[1,-2,[\"\\u0001\\u00e4\\ud83d\\ude00\\u2028\"]]],{\"a\":[{\"b\":{}}]}]",
        "\"text\"",
        "{\"/{proxy+}\":{\"$ref\":\"#/x\",\"x-y\":1e300}}",
    };
    struct error err;

    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        scoped(json_decref) json_t *json = json_parse(text_of(documents[i]), &err);
        scoped(buffer_done) struct buffer yaml = {0};
        yaml_write(json, &yaml);
        scoped(json_decref) json_t *again = yaml_parse(buffer_text(&yaml), &err);
        CHECK_MSG(again, "%s: %s", yaml.at, err.text);
        CHECK_MSG(json_equal(json, again), "%s", yaml.at);
    }
}
