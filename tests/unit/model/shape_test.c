/* SPDX-License-Identifier: Apache-2.0 */
#include "model/shape.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "test.h"

static struct shape *compile(const char *schema, struct error *err)
{
    scoped(json_decref) json_t *json = json_parse(text_of(schema), err);

    return json ? shape_compile(json, NULL, err) : NULL;
}

/* The faults of a value, "place: message", a line each. The caller frees. */
static char *faults_of(const char *schema, const char *source)
{
    struct error err = {0};
    scoped(arena_done) struct arena arena = {0};
    struct shape_report report = {.arena = &arena};
    scoped(buffer_done) struct buffer out = {0};
    scoped(shape_free) struct shape *shape = compile(schema, &err);
    CHECK_MSG(shape, "%s: %s", schema, err.text);
    scoped(json_decref) json_t *value = json_parse(text_of(source), &err);
    CHECK_MSG(value, "%s: %s", source, err.text);

    bool fits = shape_check(shape, value, &report);
    CHECK(fits == (report.count == 0));
    CHECK(fits == shape_check(shape, value, NULL));
    for (size_t i = 0; i < report.count; i++)
        buffer_add_format(&out, "%s%.*s: %.*s", i ? "\n" : "", TEXT_ARG(report.faults[i].at),
                          TEXT_ARG(report.faults[i].message));
    return text_dup(buffer_text(&out));
}

TEST(what_is_wrong_is_named_with_its_place)
{
    static const struct {
        const char *schema, *value, *faults;
    } cases[] = {
        {"{}", "1", ""},
        {"{\"type\":\"integer\"}", "1.0", ""},
        {"{\"type\":\"integer\"}", "1.5", ": must be an integer"},
        {"{\"type\":[\"string\",\"null\"]}", "1", ": must be a string or null"},
        {"{\"type\":\"string\",\"nullable\":true}", "null", ""},
        {"{\"required\":[\"a\",\"b/c\"]}", "{}", "/a: is required\n/b~1c: is required"},
        {"{\"properties\":{\"a\":{\"minimum\":2},\"b\":{\"type\":\"string\"}}}",
         "{\"a\":1,\"b\":2}", "/a: must be at least 2\n/b: must be a string"},
        {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1,\"z\":2}",
         "/z: is not known here"},
        {"{\"items\":{\"type\":\"boolean\"}}", "[true,1,2]",
         "/1: must be true or false\n/2: must be true or false"},
        {"{\"minLength\":2,\"maxLength\":3}", "\"\xc3\xa4\"", ": must have at least 2 characters"},
        {"{\"minimum\":1,\"exclusiveMinimum\":true}", "1", ": must be above 1"},
        {"{\"exclusiveMaximum\":1}", "1", ": must be below 1"},
        {"{\"multipleOf\":0.01}", "4.02", ""},
        {"{\"multipleOf\":0.01}", "4.025", ": must be a multiple of 0.01"},
        {"{\"multipleOf\":0.01}", "10000000000.005", ": must be a multiple of 0.01"},
        {"{\"multipleOf\":0.5}", "1e308", ""},
        {"{\"maximum\":1234567}", "1234568", ": must be at most 1234567"},
        {"{\"maximum\":0.1}", "0.2", ": must be at most 0.1"},
        {"{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"required\":[\"d\"]},\"e\":false}}",
         "{\"a\":1,\"c\":2}", "/b: is required\n/d: is required"},
        {"{\"uniqueItems\":true}", "[9007199254740992,9007199254740993,9007199254740992]",
         ": must not have equal items, as those at 0 and 2"},
        {"{\"uniqueItems\":true}", "[9007199254740992,9007199254740993]", ""},
        {"{\"enum\":[\"a\",2]}", "\"b\"", ": must be one of \"a\", 2"},
        {"{\"const\":1}", "1.0", ""},
        {"{\"uniqueItems\":true}", "[1,{\"a\":1},{\"a\":1.0}]",
         ": must not have equal items, as those at 1 and 2"},
        {"{\"format\":\"date\"}", "\"2025-02-29\"", ": must be a date such as 2026-11-27"},
        {"{\"maximum\":12345678}", "12345679", ": must be at most 12345678"},
        {"{\"multipleOf\":0.1}", "0.25", ": must be a multiple of 0.1"},
        {"{\"format\":\"email\"}", "\"a@b@\"", ": must be an e-mail address"},
        {"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\",\"maxLength\":1}]}", "\"ab\"",
         ": must have at most 1 character"},
        {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "2",
         ": is more than one of the kinds of value that are allowed here"},
        {"{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"properties\":{\"n\":{\"$ref\":\"#/$defs/"
         "n\"}},"
         "\"required\":[\"v\"]}}}",
         "{\"v\":1,\"n\":{}}", "/n/v: is required"},
        {"{\"pattern\":\"^[a-z]+$\"}", "\"ab\\n\"", ": must match the regular expression ^[a-z]+$"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(free) char *faults = faults_of(cases[i].schema, cases[i].value);
        CHECK_MSG(strcmp(faults, cases[i].faults) == 0, "%s of %s: '%s'", cases[i].value,
                  cases[i].schema, faults);
    }
}

TEST(a_schema_that_cannot_be_kept_is_refused_with_its_place)
{
    static const struct {
        const char *schema, *reason;
    } cases[] = {
        {"1", "must hold schemas"},
        {"{\"type\":\"text\"}", "'type' must be null, boolean"},
        {"{\"properties\":{\"a\":{\"minimum\":\"1\"}}}",
         "properties/a/ 'minimum' must be a number"},
        {"{\"pattern\":\"(\"}", "wrong regular expression: missing closing parenthesis"},
        {"{\"$ref\":\"other.json#/a\"}", "must be a reference within the document"},
        {"{\"$ref\":\"#/a\"}", "leads nowhere"},
        {"{\"$ref\":\"#/%+1\",\"\\u0001\":{}}", "leads nowhere"},
        {"{\"$ref\":\"#/a%4\"}", "leads nowhere"},
        {"{\"$ref\":\"#/a~2b\",\"a~2b\":{}}", "leads nowhere"},
        {"{\"unevaluatedProperties\":false}", "is not supported"},
        {"{\"allOf\":[]}", "must be a list of schemas, not empty"},
        {"{\"required\":true}", "must be a list of names"},
        {"{\"multipleOf\":0}", "must be a number above 0"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(shape_free) struct shape *shape = compile(cases[i].schema, &err);
        CHECK_MSG(!shape && strstr(err.text, cases[i].reason), "%s: '%s'", cases[i].schema,
                  shape ? "accepted" : err.text);
    }
}

/* What takes exponential time elsewhere ends here, soon and refused. */
TEST(checking_ends_whatever_schema_and_value_are)
{
    static const char *const cases[][2] = {
        {"{\"pattern\":\"^(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\""},
        {"{\"$ref\":\"#\"}", "1"},
        {"{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "1"},
        {"{\"anyOf\":[{\"items\":{\"$ref\":\"#\"},\"type\":\"array\"},{\"items\":{\"$ref\":\"#\"},"
         "\"type\":\"array\"}]}",
         "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1,[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(free) char *faults = faults_of(cases[i][0], cases[i][1]);
        CHECK_MSG(strstr(faults, ": is too complex to be checked"), "%s: '%s'", cases[i][0],
                  faults);
    }
}

TEST(many_slow_patterns_together_are_refused_in_bounded_time)
{
    scoped(buffer_done) struct buffer value = {0};

    buffer_add_char(&value, '[');
    for (int i = 0; i < 5000; i++)
        buffer_add_format(&value, "%s\"aaaaaaaaaaaaaaaaaaaa%d\"", i ? "," : "", i);
    buffer_add_char(&value, ']');
    scoped(free) char *faults =
        faults_of("{\"items\":{\"pattern\":\"^(a?){20}a{20}.*!$\"}}", value.at);
    CHECK(strstr(faults, "too complex") || strstr(faults, "must match"));
}

TEST(no_more_faults_are_kept_than_a_report_holds)
{
    struct error err = {0};
    scoped(arena_done) struct arena arena = {0};
    struct shape_report report = {.arena = &arena, .prefix = TEXT("body")};
    scoped(shape_free) struct shape *shape = compile("{\"items\":{\"type\":\"null\"}}", &err);
    scoped(json_decref) json_t *value = json_array();

    for (int i = 0; i < 1000; i++)
        json_array_append_new(value, json_integer(i));
    CHECK(!shape_check(shape, value, &report));
    CHECK(report.count == SHAPE_FAULTS_MAX && report.is_cut);
    CHECK_TEXT(report.faults[99].at, "body/99");
}

TEST(defaults_go_in_where_nothing_is)
{
    static const struct {
        const char *schema, *value, *filled;
    } cases[] = {
        {"{\"properties\":{\"a\":{\"default\":1}}}", "{}", "{\"a\":1}"},
        {"{\"properties\":{\"a\":{\"default\":1}}}", "{\"a\":null}", "{\"a\":null}"},
        {"{\"items\":{\"properties\":{\"a\":{\"default\":[]}}}}", "[{},1]", "[{\"a\":[]},1]"},
        {"{\"allOf\":[{\"$ref\":\"#/$defs/"
         "d\"}],\"$defs\":{\"d\":{\"properties\":{\"a\":{\"default\":"
         "\"x\"}}}}}",
         "{}", "{\"a\":\"x\"}"},
        {"{\"anyOf\":[{\"properties\":{\"a\":{\"default\":1}}}]}", "{}", "{}"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(shape_free) struct shape *shape = compile(cases[i].schema, &err);
        CHECK_MSG(shape, "%s", err.text);
        scoped(json_decref) json_t *value = json_parse(text_of(cases[i].value), &err);
        bool has_filled = shape_fill(shape, value);
        scoped(free) char *filled = json_write(value);
        CHECK_MSG(strcmp(filled, cases[i].filled) == 0, "%s: %s", cases[i].schema, filled);
        CHECK(has_filled == (strcmp(cases[i].value, cases[i].filled) != 0));
    }
}
