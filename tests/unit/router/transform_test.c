/* SPDX-License-Identifier: Apache-2.0 */
#include "router/transform.h"

#include "base/json.h"
#include "model/limits.h"
#include "test.h"

#define EVENT                                                                                    \
    "{\"version\":\"0\",\"id\":\"e-1\",\"detail-type\":\"account\",\"source\":\"my.app\","       \
    "\"account\":\"111111111111\",\"time\":\"2026-01-31T12:00:00Z\",\"region\":\"eu\","          \
    "\"resources\":[],\"detail\":{\"command\":\"update\",\"payload\":{\"acc_id\":\"0a-40\","     \
    "\"sf_id\":\"baz\"},\"one\":[\"HIGH\"],\"two\":[\"ACTIVE\",\"INACTIVE\"],\"numbers\":[1,2]," \
    "\"valid\":true,\"count\":12345678901234567890,\"none\":null,\"said\":\"a \\\"b\\\"\\n\"}}"

#define PATHS                                                                               \
    "{\"type\":\"$.detail-type\",\"time\":\"$.time\",\"command\":\"$.detail.command\","     \
    "\"payload\":\"$.detail.payload\",\"userId\":\"$.detail.payload.acc_id\","              \
    "\"one\":\"$.detail.one\",\"two\":\"$.detail.two\",\"numbers\":\"$.detail.numbers\","   \
    "\"valid\":\"$.detail.valid\",\"count\":\"$.detail.count\",\"none\":\"$.detail.none\"," \
    "\"said\":\"$.detail.said\",\"missing\":\"$.detail.missing\",\"all\":\"$.detail.payload.*\"}"

static const struct transform_facts facts = {
    .rule_arn = {"arn:aws:events:eu:111111111111:rule/bus/r", 41},
    .rule_name = {"r", 1},
    .ingested_ms = 1769860800123,
};

/* The target with this member, and Id "t1". */
static struct transform *compile(const char *member, const char *value, struct error *err)
{
    scoped(json_decref) json_t *target = json_pack("{s:s}", "Id", "t1");

    if (json_object_set_new(target, member, json_parse(text_of(value), err)) < 0)
        fail();
    return transform_compile(target, err);
}

static struct transform *compile_template(const char *template, struct error *err)
{
    scoped(json_decref) json_t *target =
        json_pack("{s:s, s:{s:o, s:s}}", "Id", "t1", "InputTransformer", "InputPathsMap",
                  json_parse(TEXT(PATHS), err), "InputTemplate", template);

    CHECK(target);
    return transform_compile(target, err);
}

TEST(a_target_without_input_is_given_the_event)
{
    struct error err;
    scoped(json_decref) json_t *target = json_pack("{s:s}", "Id", "t1");
    scoped(transform_free) struct transform *transform = transform_compile(target, &err);
    scoped(buffer_done) struct buffer out = {0};

    CHECK(transform_is_whole(transform));
    CHECK(transform_apply(transform, TEXT(EVENT), &facts, &out, &err) == 0);
    CHECK_TEXT(buffer_text(&out), EVENT);
}

TEST(input_is_given_as_it_is)
{
    struct error err;
    scoped(transform_free) struct transform *transform =
        compile("Input", "\"{ \\\"a\\\" : 1 }\"", &err);
    scoped(buffer_done) struct buffer out = {0};

    CHECK(transform && !transform_is_whole(transform));
    CHECK(transform_apply(transform, TEXT(EVENT), &facts, &out, &err) == 0);
    CHECK_TEXT(buffer_text(&out), "{ \"a\" : 1 }");
}

TEST(an_input_path_selects_json)
{
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"\"$.detail.payload\"", "{\"acc_id\":\"0a-40\",\"sf_id\":\"baz\"}"},
        {"\"$.detail.payload.sf_id\"", "\"baz\""},
        {"\"$.detail.two[1]\"", "\"INACTIVE\""},
        {"\"$.detail.payload.*\"", "[\"0a-40\",\"baz\"]"},
        {"\"$.detail.none\"", "null"},
        {"\"$\"", EVENT},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err;
        scoped(transform_free) struct transform *transform =
            compile("InputPath", cases[i].path, &err);
        scoped(buffer_done) struct buffer out = {0};
        CHECK(transform);
        CHECK(transform_apply(transform, TEXT(EVENT), &facts, &out, &err) == 0);
        CHECK_TEXT(buffer_text(&out), cases[i].want);
    }
}

TEST(an_event_without_what_the_path_leads_to_is_not_delivered)
{
    struct error err = {0};
    scoped(transform_free) struct transform *transform =
        compile("InputPath", "\"$.detail.missing\"", &err);
    scoped(buffer_done) struct buffer out = {0};

    CHECK(transform_apply(transform, TEXT(EVENT), &facts, &out, &err) < 0);
    CHECK(err.code == ERROR_INVALID && out.len == 0);
}

TEST(a_template_is_filled_in)
{
    static const struct {
        const char *template, *want;
    } cases[] = {
        /* Strings keep their quotes; values are put in as they are. */
        {"\"Event of <type> type, at time <time>, info <command>\"",
         "\"Event of account type, at time 2026-01-31T12:00:00Z, info update\""},
        {"\"info <missing>\"", "\"info \""},
        {"\"{[/Check <type>\"", "\"{[/Check account\""},
        {"\"Payload of <payload> with <userId>\"",
         "\"Payload of {acc_id:0a-40,sf_id:baz} with 0a-40\""},
        {"\"<one> single\"", "\"[HIGH] single\""},
        {"\"<two> multiple\"", "\"[ACTIVE,INACTIVE] multiple\""},
        {"\"<all>\"", "\"[0a-40,baz]\""},
        {"\"Command is <valid>! <count> <none>\"",
         "\"Command is true! 12345678901234567890 null\""},
        {"\"a <command>\"\n\"b <type>\"", "\"a update\"\n\"b account\""},
        {"\"<said>\"", "\"a \"b\"\n\""},
        {"\"say \\\"<command>\\\" <\"", "\"say \\\"update\\\" <\""},
        {"\"<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time>\"",
         "\"arn:aws:events:eu:111111111111:rule/bus/r r 2026-01-31T12:00:00Z\""},
        {"<payload>", "{\"acc_id\":\"0a-40\",\"sf_id\":\"baz\"}"},
        {"<command>", "\"update\""},
        {"\"a < b\"", "\"a < b\""},
        /* JSON. */
        {"{\"id\" : <userId>}", "{\"id\":\"0a-40\"}"},
        {"{\"id\" : \"<userId>\"}", "{\"id\":\"0a-40\"}"},
        {"\n  {\"id\" : <userId>}\n", "{\"id\":\"0a-40\"}"},
        {"{\"path\": \"users/<userId>/second/<userId>\", \"bod\": [<userId>, \"hard coded\"]}",
         "{\"path\":\"users/0a-40/second/0a-40\",\"bod\":[\"0a-40\",\"hard coded\"]}"},
        {"{\"bod\": <payload>, \"l\": <one>}",
         "{\"bod\":{\"acc_id\":\"0a-40\",\"sf_id\":\"baz\"},\"l\":[\"HIGH\"]}"},
        {"{\"command\": <missing>, \"text\": \"<missing>.\"}", "{\"command\":\"\",\"text\":\".\"}"},
        {"{\"n\": <count>, \"b\": <valid>, \"z\": <none>, \"s\": \"<count> <valid>\"}",
         "{\"n\":12345678901234567890,\"b\":true,\"z\":null,\"s\":\"12345678901234567890 true\"}"},
        {"{\"said\": <said>}", "{\"said\":\"a \\\"b\\\"\\n\"}"},
        {"{\"l\": \"<numbers>\", \"all\": <all>}", "{\"l\":\"[1,2]\",\"all\":[\"0a-40\",\"baz\"]}"},
        {"[<command>, <valid>]", "[\"update\",true]"},
        {"{\"state\": \"x \\\"<command>\\\"\"}", "{\"state\":\"x \\\"update\\\"\"}"},
        {"{\"rule\": <aws.events.rule-name>, \"arn\": \"<aws.events.rule-arn>\"}",
         "{\"rule\":\"r\",\"arn\":\"arn:aws:events:eu:111111111111:rule/bus/r\"}"},
        {"{\"e\": <aws.events.event>}",
         "{\"e\":{\"id\":\"e-1\",\"account\":\"111111111111\",\"detailType\":\"account\","
         "\"time\":\"2026-01-31T12:00:00Z\",\"source\":\"my.app\",\"region\":\"eu\","
         "\"resources\":[],\"version\":\"0\"}}"},
        {"{\"e\": <aws.events.event.json>}", "{\"e\":" EVENT "}"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(transform_free) struct transform *transform =
            compile_template(cases[i].template, &err);
        scoped(buffer_done) struct buffer out = {0};
        CHECK_MSG(transform, "%s: %s", cases[i].template, err.text);
        CHECK_MSG(transform_apply(transform, TEXT(EVENT), &facts, &out, &err) == 0, "%s: %s",
                  cases[i].template, err.text);
        CHECK_MSG(text_equal(buffer_text(&out), text_of(cases[i].want)), "%s gives %.*s",
                  cases[i].template, TEXT_ARG(buffer_text(&out)));
    }
}

TEST(an_event_that_makes_no_json_of_a_json_template_is_not_delivered)
{
    static const char *const templates[] = {
        "{\"p\": \"<payload>\"}",
        "{\"a\": \"users/<payload>\"}",
        "{\"l\": \"<one>\"}",
        "{\"said\": \"<said>\"}",
        "[\"<two>\"]",
        "{\"e\": \"<aws.events.event.json>\"}",
    };

    for (size_t i = 0; i < COUNT_OF(templates); i++) {
        struct error err = {0};
        scoped(transform_free) struct transform *transform = compile_template(templates[i], &err);
        scoped(buffer_done) struct buffer out = {0};
        buffer_add_literal(&out, "before");
        CHECK_MSG(transform, "%s: %s", templates[i], err.text);
        CHECK_MSG(transform_apply(transform, TEXT(EVENT), &facts, &out, &err) < 0, "%s gives %.*s",
                  templates[i], TEXT_ARG(buffer_text(&out)));
        CHECK(err.code == ERROR_INVALID);
        CHECK_TEXT(buffer_text(&out), "before");
    }
}

TEST(what_is_wrong_with_a_target_is_said_as_aws_does)
{
    static const struct {
        const char *target, *want;
    } cases[] = {
        {"{\"Id\":\"t1\",\"Input\":\"{}\",\"InputPath\":\"$.a\"}",
         "Only one of Input, InputPath, or InputTransformer must be provided for target t1."},
        {"{\"Id\":\"t1\",\"InputPath\":\"$.a\",\"InputTransformer\":{\"InputTemplate\":"
         "\"\\\"\\\"\"}}",
         "Only one of Input, InputPath, or InputTransformer must be provided for target t1."},
        {"{\"Id\":\"t1\",\"Input\":\"env:dev\"}",
         "JSON syntax error in input for target t1: [Source: (String)\"env:dev\"; line: 1, "
         "column: 4]"},
        {"{\"Id\":\"t1\",\"Input\":\"\"}",
         "JSON syntax error in input for target t1: [Source: (String)\"\"; line: 1, column: 1]"},
        {"{\"Id\":\"t1\",\"InputPath\":\"detail\"}", "InputPath for target t1 is invalid."},
        {"{\"Id\":\"t1\",\"InputPath\":\"$.detail['a']\"}", "InputPath for target t1 is invalid."},
        {"{\"Id\":\"t1\",\"InputTransformer\":{\"InputPathsMap\":{\"a\":\"detail\"},"
         "\"InputTemplate\":\"\\\"x\\\"\"}}",
         "InputPath for target t1 is invalid."},
        {"{\"Id\":\"t1\",\"InputTransformer\":{\"InputPathsMap\":{\"a\":\"$.a\"},"
         "\"InputTemplate\":\"\\\"<a> <nothere>\\\"\"}}",
         "InputTemplate for target t1 contains invalid placeholder nothere."},
        {"{\"Id\":\"t1\",\"InputTransformer\":{\"InputTemplate\":\"{\\\"a\\\":<aws.events.no>}\"}}",
         "InputTemplate for target t1 contains invalid placeholder aws.events.no."},
        {"{\"Id\":\"t1\",\"InputTransformer\":{\"InputTemplate\":\"[<aws.events.event.json>]\"}}",
         "InputTemplate for target t1 contains placeholder aws.events.event.json valid only for "
         "JSON template."},
        {"{\"Id\":\"t1\",\"InputTransformer\":{\"InputTemplate\":\"\\\"<aws.events.event>\\\"\"}}",
         "InputTemplate for target t1 contains placeholder aws.events.event valid only for JSON "
         "template."},
        {"{\"Id\":\"t1\",\"InputTransformer\":{\"InputTemplate\":\"hello\"}}",
         "Invalid InputTemplate for target t1 : [Source: (String)\"hello\"; line: 1, column: 6]."},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(json_decref) json_t *target = json_parse(text_of(cases[i].target), &err);
        CHECK_MSG(target, "%s: %s", cases[i].target, err.text);
        CHECK_MSG(!transform_compile(target, &err), "%s", cases[i].target);
        CHECK(err.code == ERROR_INVALID);
        CHECK_TEXT(text_of(err.text), cases[i].want);
    }
}

TEST(a_template_that_cannot_become_json_is_refused)
{
    static const char *const templates[] = {
        "{<command>: 1}",
        "{\"a\": <command><type>}",
        "{\"a\": 1<command>}",
        "{\"a\": x}",
        "{\"a\": <command>",
        "\"open <command>",
        "\"a\nb\"",
        "{} {}",
        "text <command>",
    };

    for (size_t i = 0; i < COUNT_OF(templates); i++) {
        struct error err = {0};
        CHECK_MSG(!compile_template(templates[i], &err), "%s", templates[i]);
        CHECK_MSG(text_starts(text_of(err.text), TEXT("Invalid InputTemplate for target t1 : ")),
                  "%s: %s", templates[i], err.text);
    }
}

TEST(a_filled_in_template_has_a_limit)
{
    scoped(buffer_done) struct buffer event = {0}, template = {0}, out = {0};
    struct error err = {0};

    buffer_add_literal(&event, "{\"detail-type\":\"");
    memset(buffer_room(&event, LIMIT_TRANSFORMED / 16), 'x', LIMIT_TRANSFORMED / 16);
    buffer_added(&event, LIMIT_TRANSFORMED / 16);
    buffer_add_literal(&event, "\"}");
    buffer_add_char(&template, '"');
    for (int i = 0; i < 17; i++)
        buffer_add_literal(&template, "<type>");
    buffer_add_char(&template, '"');
    scoped(transform_free) struct transform *transform = compile_template(template.at, &err);
    CHECK(transform_apply(transform, buffer_text(&event), &facts, &out, &err) < 0);
    CHECK(err.code == ERROR_LIMIT && out.len == 0);
}
