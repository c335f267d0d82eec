/* SPDX-License-Identifier: Apache-2.0 */
#include "api/validate.h"

#include "api/names.h"
#include "base/json.h"
#include "base/mem.h"
#include "test.h"

static const struct param variable = {PARAM_BODY, PARAM_STRING, "", "", .sensitive = true};
static const struct param environment_members[] = {
    {PARAM_BODY, PARAM_MAP, "Variables", "variables", .members = &variable,
     .key_matches = name_is_variable, .key_pattern = "[a-zA-Z]([a-zA-Z0-9_])+", .sensitive = true},
    {0},
};
static const struct param method = {PARAM_BODY, PARAM_STRING, "", "", .max = 6};
static const struct param architecture = {PARAM_BODY, PARAM_STRING, "", "",
                                          .values = "x86_64, arm64"};
static const struct param cors_members[] = {
    {PARAM_BODY, PARAM_LIST, "AllowMethods", "allowMethods", .max = 6, .members = &method},
    {0},
};
static const struct param body_params[] = {
    {PARAM_BODY, PARAM_STRING, "Role", "role", .required = true},
    {PARAM_BODY, PARAM_INT, "Timeout", "timeout", .min = 1, .max = 900},
    {PARAM_BODY, PARAM_STRING, "Description", "description", .max = 8},
    {PARAM_BODY, PARAM_OBJECT, "Environment", "environment", .members = environment_members},
    {PARAM_BODY, PARAM_OBJECT, "Cors", "cors", .members = cors_members},
    {PARAM_BODY, PARAM_LIST, "Architectures", "architectures", .min = 1, .max = 1,
     .members = &architecture},
    {PARAM_BODY, PARAM_BOOL, "Publish", "publish"},
    {0},
};
static const struct param params[] = {
    {PARAM_QUERY, PARAM_STRING, "Qualifier", "qualifier", .min = 1, .max = 8,
     .pattern = "[a-zA-Z0-9-_$]+", .matches = name_is_qualifier},
    {PARAM_PATH, PARAM_STRING, "FunctionName", "functionName", .required = true,
     .pattern = "([a-zA-Z0-9-_]+)", .matches = name_is_function},
    {PARAM_HEADER, PARAM_STRING, "x-amz-log-type", "logType", .values = "None, Tail"},
    {PARAM_QUERY, PARAM_INT, "MaxItems", "maxItems", .min = 1, .max = 50},
    {PARAM_ALSO, .members = body_params},
    {0},
};

struct request {
    const char *qualifier, *name, *log_type, *max_items, *body;
};

static struct text get(void *arg, enum param_place place, const char *name)
{
    const struct request *request = arg;

    if (place == PARAM_PATH)
        return text_of(request->name);
    if (place == PARAM_HEADER)
        return text_of(request->log_type);
    return text_of(strcmp(name, "Qualifier") == 0 ? request->qualifier : request->max_items);
}

static enum validity check(const struct request *request, struct buffer *out)
{
    struct error err;
    scoped(json_decref) json_t *body =
        json_parse(text_of(request->body ? request->body : "{\"Role\":\"r\"}"), &err);
    struct request copy = *request;
    const struct param_source source = {get, &copy, body};

    return validate(params, &source, out);
}

#define ONE "1 validation error detected: "
#define FAILED " failed to satisfy constraint: "

TEST(errors_are_told_in_the_words_of_aws)
{
    static const struct {
        struct request request;
        const char *want;
    } cases[] = {
        {{.name = "fn", .qualifier = "123456789"},
         ONE "Value '123456789' at 'qualifier'" FAILED
             "Member must have length less than or equal to 8"},
        {{.name = "fn", .qualifier = ""},
         "2 validation errors detected: Value '' at 'qualifier'" FAILED
         "Member must have length greater than or equal to 1; Value '' at 'qualifier'" FAILED
         "Member must satisfy regular expression pattern: [a-zA-Z0-9-_$]+"},
        {{.name = "fn!"},
         ONE "Value 'fn!' at 'functionName'" FAILED
             "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"},
        {{.name = NULL}, ONE "Value null at 'functionName'" FAILED "Member must not be null"},
        {{.name = "fn", .log_type = "Head"},
         ONE "Value 'Head' at 'logType'" FAILED "Member must satisfy enum value set: [None, Tail]"},
        {{.name = "fn", .max_items = "51"},
         ONE "Value '51' at 'maxItems'" FAILED "Member must have value less than or equal to 50"},
        {{.name = "fn", .max_items = "-3"},
         ONE "Value '-3' at 'maxItems'" FAILED "Member must have value greater than or equal to 1"},
        {{.name = "fn", .body = "{}"}, ONE "Value null at 'role'" FAILED "Member must not be null"},
        {{.name = "fn", .body = "{\"Role\":\"r\",\"Timeout\":901}"},
         ONE "Value '901' at 'timeout'" FAILED "Member must have value less than or equal to 900"},
        {{.name = "fn", .body = "{\"Role\":null,\"Timeout\":0}"},
         "2 validation errors detected: Value null at 'role'" FAILED
         "Member must not be null; Value '0' at 'timeout'" FAILED
         "Member must have value greater than or equal to 1"},
        {{.name = "fn",
          .body = "{\"Role\":\"r\",\"Environment\":{\"Variables\":{\"A-B\":\"secret\"}}}"},
         ONE "Value at 'environment.variables'" FAILED
             "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
             "[a-zA-Z]([a-zA-Z0-9_])+]"},
        {{.name = "fn",
          .body = "{\"Role\":\"r\",\"Cors\":{\"AllowMethods\":[\"GET\",\"OPTIONS\"]}}"},
         ONE "Value '[GET, OPTIONS]' at 'cors.allowMethods'" FAILED
             "Member must satisfy constraint: [Member must have length less than or equal to 6, "
             "Member must have length greater than or equal to 0, Member must not be null]"},
        {{.name = "fn", .body = "{\"Role\":\"r\",\"Architectures\":[\"x86_64\",\"arm64\"]}"},
         ONE "Value '[x86_64, arm64]' at 'architectures'" FAILED
             "Member must have length less than or equal to 1"},
        {{.name = "fn", .body = "{\"Role\":\"r\",\"Architectures\":[\"vax\"]}"},
         ONE "Value '[vax]' at 'architectures'" FAILED
             "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, "
             "arm64], Member must not be null]"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer out = {0};
        CHECK(check(&cases[i].request, &out) == INVALID_VALUE);
        CHECK_TEXT(buffer_text(&out), cases[i].want);
    }
}

TEST(wrong_types_are_told_before_wrong_values)
{
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"{\"Role\":1}", "NUMBER_VALUE can not be converted to a String"},
        {"{\"Role\":true}", "TRUE_VALUE can not be converted to a String"},
        {"{\"Timeout\":\"3\"}", "STRING_VALUE can not be converted to an Integer"},
        {"{\"Role\":\"r\",\"Publish\":\"yes\"}", "STRING_VALUE can not be converted to a Boolean"},
        {"{\"Role\":{}}", "Start of structure or map found where not expected."},
        {"{\"Role\":\"r\",\"Timeout\":[]}", "Start of list found where not expected"},
        {"{\"Role\":\"r\",\"Environment\":{\"Variables\":{\"LEVEL\":1}}}",
         "NUMBER_VALUE can not be converted to a String"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer out = {0};
        CHECK(check(&(struct request){.name = "fn", .body = cases[i].body}, &out) == INVALID_TYPE);
        CHECK_TEXT(buffer_text(&out), cases[i].want);
    }
}

TEST(a_text_that_is_no_number_is_of_the_wrong_type)
{
    scoped(buffer_done) struct buffer out = {0};

    CHECK(check(&(struct request){.name = "fn", .max_items = "many"}, &out) == INVALID_TYPE);
}

TEST(lengths_count_characters_as_java_does)
{
    scoped(buffer_done) struct buffer out = {0};

    /* Eight letters of two bytes each fit into eight; four pairs of surrogates do too. */
    CHECK(check(&(struct request){.name = "fn",
                                  .body = "{\"Role\":\"r\",\"Description\":"
                                          "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3"
                                          "\xa9\xc3\xa9\"}"},
                &out) == VALID);
    CHECK(check(&(struct request){.name = "fn",
                                  .body = "{\"Role\":\"r\",\"Description\":"
                                          "\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0"
                                          "\x9f\x98\x80x\"}"},
                &out) == INVALID_VALUE);
}

TEST(a_right_request_passes)
{
    scoped(buffer_done) struct buffer out = {0};

    CHECK(check(&(struct request){"$LATEST", "fn", "Tail", "50",
                                  "{\"Role\":\"r\",\"Timeout\":900,\"Publish\":false,"
                                  "\"Environment\":{\"Variables\":{\"LEVEL\":\"\"}},"
                                  "\"Architectures\":[\"x86_64\"],\"Unknown\":{\"x\":[1]}}"},
                &out) == VALID);
    CHECK(out.len == 0);
}
