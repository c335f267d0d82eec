/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy.h"

#include "base/mem.h"
#include "test.h"

#define ARN(path) "arn:aws:execute-api:us-east-1:123456789012:abc/prod/" path
#define POLICY(statements) "{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define ALLOW(rest) "{\"Effect\":\"Allow\",\"Action\":\"execute-api:Invoke\"," rest "}"
#define WHEN(condition) POLICY(ALLOW("\"Resource\":\"*\",\"Condition\":{" condition "}"))

static const struct text source_ip[] = {TEXT("192.0.2.77")}, user[] = {TEXT("eva*")},
                         tags[] = {TEXT("team"), TEXT("stage")}, age[] = {TEXT("42")},
                         now[] = {TEXT("2026-01-31T12:00:00Z")}, secure[] = {TEXT("true")},
                         arn[] = {TEXT("arn:aws:events:us-east-1:123456789012:rule/a/b")},
                         v6[] = {TEXT("2001:db8::7")};
static const struct policy_key keys[] = {
    {TEXT("aws:SourceIp"), source_ip, 1}, {TEXT("aws:username"), user, 1},
    {TEXT("aws:TagKeys"), tags, 2},       {TEXT("my:age"), age, 1},
    {TEXT("aws:CurrentTime"), now, 1},    {TEXT("aws:SecureTransport"), secure, 1},
    {TEXT("aws:SourceArn"), arn, 1},      {TEXT("my:v6"), v6, 1},
};

static struct policy_request request_of(const char *resource)
{
    return (struct policy_request){
        .action = TEXT("execute-api:Invoke"),
        .resource = text_of(resource),
        .keys = keys,
        .key_count = COUNT_OF(keys),
    };
}

static enum policy_effect evaluate(const char *source, enum policy_kind kind,
                                   const struct policy_request *request)
{
    struct error err = {0};
    scoped(policy_free) struct policy *policy = policy_parse(text_of(source), kind, &err);

    CHECK_MSG(policy != NULL, "%s: %s", source, err.text);
    return policy_evaluate(policy, request);
}

TEST(statements_decide_and_deny_wins)
{
    static const struct {
        const char *policy, *resource;
        enum policy_effect effect;
    } cases[] = {
        {POLICY(ALLOW("\"Resource\":\"*\"")), ARN("GET/pets"), POLICY_ALLOW},
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/*") "\"")), ARN("GET/pets/1/toys"), POLICY_ALLOW},
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/p?ts") "\"")), ARN("GET/pots"), POLICY_ALLOW},
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/p?ts") "\"")), ARN("GET/pts"), POLICY_SILENT},
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/pets") "\"")), ARN("GET/Pets"), POLICY_SILENT},
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/pets") "\"")), ARN("POST/pets"), POLICY_SILENT},
        {POLICY(ALLOW("\"Resource\":[\"x\",\"" ARN("*") "\"]")), ARN("POST/pets"), POLICY_ALLOW},
        {POLICY(ALLOW("\"NotResource\":\"" ARN("GET/*") "\"")), ARN("GET/pets"), POLICY_SILENT},
        {POLICY(ALLOW("\"NotResource\":\"" ARN("GET/*") "\"")), ARN("PUT/pets"), POLICY_ALLOW},
        {POLICY(ALLOW("\"Resource\":\"*\"") ",{\"Effect\":\"Deny\",\"Action\":\"*\","
                                            "\"Resource\":\"" ARN("DELETE/*") "\"}"),
         ARN("DELETE/pets"), POLICY_DENY},
        {POLICY("{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}," ALLOW(
             "\"Resource\":\"*\"")),
         ARN("GET/pets"), POLICY_DENY},
        {POLICY("{\"Effect\":\"Allow\",\"Action\":\"EXECUTE-API:inv*\",\"Resource\":\"*\"}"),
         ARN("GET/pets"), POLICY_ALLOW},
        {POLICY("{\"Effect\":\"Allow\",\"NotAction\":\"execute-api:Invoke\",\"Resource\":\"*\"}"),
         ARN("GET/pets"), POLICY_SILENT},
        {POLICY("{\"Effect\":\"Allow\",\"NotAction\":\"sqs:*\",\"Resource\":\"*\"}"),
         ARN("GET/pets"), POLICY_ALLOW},
        /* One statement without a list. */
        {"{\"Statement\":" ALLOW("\"Resource\":\"*\"") "}", ARN("GET/pets"), POLICY_ALLOW},
        /* A variable's value is taken literally. */
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/${aws:username}") "\"")), ARN("GET/eva*"),
         POLICY_ALLOW},
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/${aws:username}") "\"")), ARN("GET/evangeline"),
         POLICY_SILENT},
        {POLICY(ALLOW("\"Resource\":\"" ARN("*/${my:none, 'all'}") "\"")), ARN("GET/all"),
         POLICY_ALLOW},
        {POLICY(ALLOW("\"Resource\":\"" ARN("*/${my:none}") "\"")), ARN("GET/"), POLICY_SILENT},
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/a${*}") "\"")), ARN("GET/a*"), POLICY_ALLOW},
        {POLICY(ALLOW("\"Resource\":\"" ARN("GET/a${*}") "\"")), ARN("GET/ab"), POLICY_SILENT},
        /* The old version knows none. */
        {"{\"Statement\":" ALLOW("\"Resource\":\"" ARN("GET/${aws:username}") "\"") "}",
         ARN("GET/eva*"), POLICY_SILENT},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct policy_request request = request_of(cases[i].resource);
        CHECK_MSG(evaluate(cases[i].policy, POLICY_OF_IDENTITY, &request) == cases[i].effect,
                  "%s with %s", cases[i].policy, cases[i].resource);
    }
}

TEST(conditions_hold_or_not)
{
    static const struct {
        const char *policy;
        bool holds;
    } cases[] = {
        {WHEN("\"StringEquals\":{\"AWS:USERNAME\":\"eva*\"}"), true},
        {WHEN("\"StringEquals\":{\"aws:username\":\"Eva*\"}"), false},
        {WHEN("\"StringEquals\":{\"aws:username\":[\"x\",\"eva*\"]}"), true},
        {WHEN("\"StringEquals\":{\"aws:username\":\"e*\"}"), false},
        {WHEN("\"StringEqualsIgnoreCase\":{\"aws:username\":\"EVA*\"}"), true},
        {WHEN("\"StringNotEqualsIgnoreCase\":{\"aws:username\":\"EVA*\"}"), false},
        {WHEN("\"StringNotEquals\":{\"aws:username\":[\"x\",\"eva*\"]}"), false},
        {WHEN("\"StringNotEquals\":{\"my:none\":\"x\"}"), true},
        {WHEN("\"StringEquals\":{\"my:none\":\"x\"}"), false},
        {WHEN("\"StringEqualsIfExists\":{\"my:none\":\"x\"}"), true},
        {WHEN("\"StringEqualsIfExists\":{\"aws:username\":\"x\"}"), false},
        {WHEN("\"StringLike\":{\"aws:username\":\"e*\"}"), true},
        {WHEN("\"StringLike\":{\"aws:username\":\"${aws:username}\"}"), true},
        {WHEN("\"StringLike\":{\"aws:username\":\"ev?\"}"), false},
        {WHEN("\"StringNotLike\":{\"aws:username\":\"e*\"}"), false},
        {WHEN("\"NumericEquals\":{\"my:age\":42.0}"), true},
        {WHEN("\"NumericEquals\":{\"my:age\":\"42\"}"), true},
        {WHEN("\"NumericNotEquals\":{\"my:age\":\"42\"}"), false},
        {WHEN("\"NumericLessThan\":{\"my:age\":42}"), false},
        {WHEN("\"NumericLessThanEquals\":{\"my:age\":42}"), true},
        {WHEN("\"NumericGreaterThan\":{\"my:age\":41}"), true},
        {WHEN("\"NumericGreaterThanEquals\":{\"my:age\":43}"), false},
        {WHEN("\"NumericEquals\":{\"aws:username\":42}"), false},
        {WHEN("\"DateGreaterThan\":{\"aws:CurrentTime\":\"2026-01-01T00:00:00Z\"}"), true},
        {WHEN("\"DateLessThan\":{\"aws:CurrentTime\":\"2026-01-01\"}"), false},
        {WHEN("\"DateEquals\":{\"aws:CurrentTime\":\"2026-01-31T13:00:00+01:00\"}"), true},
        {WHEN("\"DateEquals\":{\"aws:CurrentTime\":\"1769860800\"}"), true},
        {WHEN("\"DateNotEquals\":{\"aws:CurrentTime\":\"2026-01-31T12:00:00.5Z\"}"), false},
        {WHEN("\"DateEquals\":{\"aws:CurrentTime\":\"2026-01-31T12:00Z\"}"), true},
        {WHEN("\"DateEquals\":{\"aws:CurrentTime\":\"2026-01-31T13:00+01:00\"}"), true},
        {WHEN("\"Bool\":{\"aws:SecureTransport\":true}"), true},
        {WHEN("\"Bool\":{\"aws:SecureTransport\":\"FALSE\"}"), false},
        {WHEN("\"BinaryEquals\":{\"my:age\":\"42\"}"), true},
        {WHEN("\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/24\"}"), true},
        {WHEN("\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.64/29\"}"), false},
        {WHEN("\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.72/29\"}"), true},
        {WHEN("\"IpAddress\":{\"aws:SourceIp\":\"0.0.0.0/0\"}"), true},
        {WHEN("\"IpAddress\":{\"aws:SourceIp\":\"2001:db8::/32\"}"), false},
        {WHEN("\"IpAddress\":{\"my:v6\":\"2001:db8::/32\"}"), true},
        {WHEN("\"IpAddress\":{\"my:v6\":\"0.0.0.0/0\"}"), false},
        {WHEN("\"IpAddress\":{\"my:v6\":\"::/0\"}"), true},
        {WHEN("\"IpAddress\":{\"aws:SourceIp\":\"::/0\"}"), false},
        {WHEN("\"NotIpAddress\":{\"aws:SourceIp\":\"::/0\"}"), true},
        {WHEN("\"IpAddress\":{\"aws:SourceIp\":\"::ffff:192.0.2.0/120\"}"), true},
        {WHEN("\"NotIpAddress\":{\"aws:SourceIp\":\"192.0.2.77\"}"), false},
        {WHEN("\"NotIpAddress\":{\"aws:SourceIp\":\"192.0.2.78\"}"), true},
        {WHEN("\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:events:*:123456789012:rule/*\"}"), true},
        {WHEN("\"ArnEquals\":{\"aws:SourceArn\":\"arn:aws:events:us-*:*:rule/a/?\"}"), true},
        /* A star does not reach over a colon. */
        {WHEN("\"ArnLike\":{\"aws:SourceArn\":\"arn:aws:*:rule/*\"}"), false},
        {WHEN("\"ArnNotLike\":{\"aws:SourceArn\":\"arn:aws:s3:*:*:*\"}"), true},
        {WHEN("\"Null\":{\"my:none\":true}"), true},
        {WHEN("\"Null\":{\"my:none\":false}"), false},
        {WHEN("\"Null\":{\"my:age\":\"false\"}"), true},
        {WHEN("\"ForAnyValue:StringEquals\":{\"aws:TagKeys\":[\"stage\",\"x\"]}"), true},
        {WHEN("\"ForAnyValue:StringEquals\":{\"my:none\":[\"stage\",\"x\"]}"), false},
        {WHEN("\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"stage\",\"x\"]}"), false},
        {WHEN("\"ForAllValues:StringEquals\":{\"aws:TagKeys\":[\"stage\",\"team\",\"x\"]}"), true},
        {WHEN("\"ForAllValues:StringEquals\":{\"my:none\":\"x\"}"), true},
        {WHEN("\"ForAnyValue:StringNotEquals\":{\"aws:TagKeys\":\"team\"}"), true},
        {WHEN("\"ForAllValues:StringNotEquals\":{\"aws:TagKeys\":\"team\"}"), false},
        {WHEN("\"ForAllValues:StringNotLike\":{\"aws:TagKeys\":\"x*\"}"), true},
        /* All of several. */
        {WHEN("\"NumericEquals\":{\"my:age\":42},\"Bool\":{\"aws:SecureTransport\":true}"), true},
        {WHEN("\"NumericEquals\":{\"my:age\":42},\"Bool\":{\"aws:SecureTransport\":false}"), false},
        {WHEN("\"StringEquals\":{\"aws:username\":\"eva*\",\"my:age\":\"1\"}"), false},
        {WHEN(""), true},
    };

    struct policy_request request = request_of(ARN("GET/pets"));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG((evaluate(cases[i].policy, POLICY_OF_IDENTITY, &request) == POLICY_ALLOW) ==
                      cases[i].holds,
                  "%s", cases[i].policy);
}

TEST(principals_are_meant_or_not)
{
    static const struct policy_principal nobody = {0},
                                         eva = {TEXT("arn:aws:iam::123456789012:user/eva"),
                                                TEXT("123456789012")},
                                         session = {TEXT("arn:aws:sts::123456789012:assumed-role/"
                                                         "reader/f"),
                                                    TEXT("123456789012")},
                                         events = {.service = TEXT("events.amazonaws.com")};
    static const struct {
        const char *principal;
        const struct policy_principal *who;
        bool meant;
    } cases[] = {
        {"\"Principal\":\"*\"", &nobody, true},
        {"\"Principal\":{\"AWS\":\"*\"}", &nobody, true},
        {"\"Principal\":{\"AWS\":\"123456789012\"}", &nobody, false},
        {"\"Principal\":{\"AWS\":\"\"}", &nobody, false},
        {"\"Principal\":{\"AWS\":\"123456789012\"}", &eva, true},
        {"\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:root\"}", &eva, true},
        {"\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:root\"}", &eva, false},
        {"\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:user/eva\"}", &eva, true},
        {"\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:user/ev\"}", &eva, false},
        {"\"Principal\":{\"AWS\":[\"1\",\"123456789012\"]}", &eva, true},
        {"\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:role/reader\"}", &session, true},
        {"\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:role/p/q/reader\"}", &session, true},
        {"\"Principal\":{\"AWS\":\"arn:aws:iam::123456789012:role/read\"}", &session, false},
        {"\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:role/reader\"}", &session, false},
        {"\"Principal\":{\"Service\":\"events.amazonaws.com\"}", &events, true},
        {"\"Principal\":{\"Service\":\"s3.amazonaws.com\"}", &events, false},
        {"\"Principal\":{\"Service\":\"events.amazonaws.com\"}", &eva, false},
        {"\"Principal\":{\"Service\":\"*\"}", &nobody, false},
        {"\"NotPrincipal\":{\"AWS\":\"123456789012\"}", &eva, false},
        {"\"NotPrincipal\":{\"AWS\":\"123456789012\"}", &events, true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct policy_request request = request_of("r");
        request.principal = *cases[i].who;
        scoped(free) char *source = mem_format(
            "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",%s}}", cases[i].principal);
        CHECK_MSG((evaluate(source, POLICY_OF_RESOURCE, &request) == POLICY_ALLOW) ==
                      cases[i].meant,
                  "%s", source);
    }
}

TEST(what_is_no_policy_is_told)
{
    static const struct {
        const char *policy, *reason;
    } cases[] = {
        {"[]", "the policy is not valid: it must be an object"},
        {"{}", "the policy is not valid: Statement must hold 1 to 128 statements"},
        {"{\"Statement\":[]}", "the policy is not valid: Statement must hold 1 to 128 statements"},
        {"{\"Version\":\"2020-01-01\",\"Statement\":[{}]}",
         "the policy is not valid: Version must be \"2012-10-17\" or \"2008-10-17\""},
        {"{\"statement\":[{}]}", "the policy is not valid: there is no element 'statement'"},
        {POLICY("1"), "statement 1 of the policy is not valid: it must be an object"},
        {POLICY(ALLOW("\"Resource\":\"*\"") ",{\"Effect\":\"allow\"}"),
         "statement 2 of the policy is not valid: Effect must be \"Allow\" or \"Deny\""},
        {POLICY("{\"Effect\":\"Allow\",\"Resource\":\"*\"}"),
         "statement 1 of the policy is not valid: it needs an Action"},
        {POLICY("{\"Effect\":\"Allow\",\"Action\":\"*\"}"),
         "statement 1 of the policy is not valid: it needs a Resource"},
        {POLICY("{\"Effect\":\"Allow\",\"Action\":\"Invoke\",\"Resource\":\"*\"}"),
         "statement 1 of the policy is not valid: the action 'Invoke' names no service: it is "
         "\"*\" or like \"execute-api:Invoke\""},
        {POLICY("{\"Effect\":\"Allow\",\"Action\":[],\"Resource\":\"*\"}"),
         "statement 1 of the policy is not valid: Action is empty"},
        {POLICY("{\"Effect\":\"Allow\",\"Action\":{},\"Resource\":\"*\"}"),
         "statement 1 of the policy is not valid: Action must be a string or a list of strings"},
        {POLICY(ALLOW("\"Resource\":\"*\",\"NotResource\":\"*\"")),
         "statement 1 of the policy is not valid: Resource and NotResource exclude each other"},
        {POLICY(ALLOW("\"Resource\":\"*\",\"Principal\":\"*\"")),
         "statement 1 of the policy is not valid: Principal has no place in an identity's policy"},
        {POLICY(ALLOW("\"Resource\":\"${aws:x\"")),
         "statement 1 of the policy is not valid: the variable in '${aws:x' does not end"},
        {WHEN("\"StringIs\":{\"a\":\"b\"}"),
         "statement 1 of the policy is not valid: there is no condition operator 'StringIs'"},
        {WHEN("\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/33\"}"),
         "statement 1 of the policy is not valid: '192.0.2.0/33' is no value for IpAddress"},
        {WHEN("\"NumericEquals\":{\"a\":\"0x10\"}"),
         "statement 1 of the policy is not valid: '0x10' is no value for NumericEquals"},
        {WHEN("\"DateEquals\":{\"a\":\"2026-02-30\"}"),
         "statement 1 of the policy is not valid: '2026-02-30' is no value for DateEquals"},
        {WHEN("\"NullIfExists\":{\"a\":true}"),
         "statement 1 of the policy is not valid: Null takes neither IfExists nor ForAnyValue or "
         "ForAllValues"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(policy_free) struct policy *policy =
            policy_parse(text_of(cases[i].policy), POLICY_OF_IDENTITY, &err);
        CHECK_MSG(!policy, "%s", cases[i].policy);
        CHECK_TEXT(text_of(err.text), cases[i].reason);
    }
}

TEST(a_policy_of_a_resource_names_whom_it_means)
{
    struct error err = {0};

    CHECK(!policy_parse(TEXT("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\"}}"),
                        POLICY_OF_RESOURCE, &err));
    CHECK_TEXT(text_of(err.text), "statement 1 of the policy is not valid: it needs a Principal");
    CHECK(!policy_parse(TEXT("{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\","
                             "\"Principal\":{\"AWS\":\"arn:aws:iam::1:user/*\"}}}"),
                        POLICY_OF_RESOURCE, &err));
    CHECK_TEXT(text_of(err.text),
               "statement 1 of the policy is not valid: the principal 'arn:aws:iam::1:user/*' has "
               "a wildcard: name it whole, or everybody by \"*\"");
}

TEST(conditions_that_cannot_be_looked_at_let_nobody_pass)
{
#define EVERYBODY(effect, rest) \
    "{\"Effect\":\"" effect "\",\"Action\":\"*\",\"Principal\":\"*\"" rest "}"
#define IF ",\"Condition\":{\"StringNotEquals\":{\"my:none\":\"x\"}}"
    static const struct {
        const char *policy;
        enum policy_effect effect;
    } cases[] = {
        {POLICY(EVERYBODY("Allow", "")), POLICY_ALLOW},
        {POLICY(EVERYBODY("Allow", IF)), POLICY_SILENT},
        {POLICY(EVERYBODY("Allow", IF) "," EVERYBODY("Allow", "")), POLICY_ALLOW},
        {POLICY(EVERYBODY("Allow", "") "," EVERYBODY("Deny", IF)), POLICY_DENY},
    };
    struct policy_request request = request_of("r");

    request.ignores_conditions = true;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(evaluate(cases[i].policy, POLICY_OF_RESOURCE, &request) == cases[i].effect, "%s",
                  cases[i].policy);
}
