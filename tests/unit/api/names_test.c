/* SPDX-License-Identifier: Apache-2.0 */
#include "api/names.h"

#include "base/scoped.h"
#include "test.h"

#define ACCOUNT "000000000000"

TEST(a_name_may_be_any_part_of_an_arn)
{
    static const struct {
        const char *source, *region, *account, *name, *qualifier;
    } cases[] = {
        {"fn", "", "", "fn", ""},
        {"fn:1", "", "", "fn", "1"},
        {"fn:$LATEST", "", "", "fn", "$LATEST"},
        {"function:fn", "", "", "fn", ""},
        {ACCOUNT ":fn", "", ACCOUNT, "fn", ""},
        {ACCOUNT ":function:fn:prod", "", ACCOUNT, "fn", "prod"},
        {"us-east-1:fn", "us-east-1", "", "fn", ""},
        {"us-gov-west-1:" ACCOUNT ":fn", "us-gov-west-1", ACCOUNT, "fn", ""},
        {"eusc-de-east-1:" ACCOUNT ":fn", "eusc-de-east-1", ACCOUNT, "fn", ""},
        {"us-isob-east-1:fn", "us-isob-east-1", "", "fn", ""},
        {"arn:aws:lambda:us-east-1:" ACCOUNT ":function:fn", "us-east-1", ACCOUNT, "fn", ""},
        {"arn:aws:lambda:us-east-1:" ACCOUNT ":function:fn:7", "us-east-1", ACCOUNT, "fn", "7"},
        /* An ARN that stops before the name has its last word for a name. */
        {"arn:aws:lambda:us-east-1:" ACCOUNT ":function", "us-east-1", ACCOUNT, "function", ""},
        {"function", "", "", "function", ""},
        {"us-east-1", "", "", "us-east-1", ""},
        {ACCOUNT, "", "", ACCOUNT, ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct function_name name;
        CHECK_MSG(name_parse(text_of(cases[i].source), NAME_PLAIN, &name), "'%s'", cases[i].source);
        CHECK_TEXT(name.region, cases[i].region);
        CHECK_TEXT(name.account, cases[i].account);
        CHECK_TEXT(name.name, cases[i].name);
        CHECK_TEXT(name.qualifier, cases[i].qualifier);
        CHECK(text_is_set(name.qualifier) == (*cases[i].qualifier != '\0'));
    }
}

TEST(what_is_no_name_is_refused)
{
    static const char *const bad[] = {
        "",
        "*",
        "my-function!",
        "fn:",
        "fn:1:2",
        "fn:invalid!",
        "fn:$LATES",
        "function:fn:$LATEST:extra",
        "invalid-account:function:fn",
        "arn:aws:ec2:us-east-1:" ACCOUNT ":instance:i-1234567890abcdef0",
        "arn:aws:lambda::" ACCOUNT ":function:fn",
        "arn:aws:lambda:us-east-1::function:fn",
        "arn:aws:lambda:invalid-region:" ACCOUNT ":function:fn",
        "arn:aws:lambda:us-east-1:123400000000@function:fn",
        "a/b",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_MSG(!name_is_function(text_of(bad[i])), "'%s'", bad[i]);
        CHECK_MSG(!name_is_namespaced_function(text_of(bad[i])), "'%s'", bad[i]);
    }
}

TEST(styles_differ_in_dots_length_and_qualifiers)
{
    CHECK(!name_is_function(TEXT("my.function")));
    CHECK(name_is_namespaced_function(TEXT("my.function")));
    CHECK(!name_is_function(TEXT("fn:$LATEST.PUBLISHED")));
    CHECK(name_is_namespaced_function(TEXT("fn:$LATEST.PUBLISHED")));
    CHECK(name_is_url_function(TEXT("fn:prod")));
    CHECK(!name_is_url_function(TEXT("fn:12")));
    CHECK(!name_is_url_function(TEXT("fn:$LATEST")));
    CHECK(!name_is_url_function(
        TEXT("a2345678901234567890123456789012345678901234567890123456789012345")));
}

struct matcher_case {
    bool (*matches)(struct text text);
    const char *text;
    bool want;
};

TEST(each_matcher_is_the_pattern_it_stands_for)
{
    static const struct matcher_case cases[] = {
        {name_is_qualifier, "$LATEST", true},
        {name_is_qualifier, "$LATEST.PUBLISHED", true},
        {name_is_qualifier, "prod_1-a", true},
        {name_is_qualifier, "invalid!", false},
        {name_is_qualifier, "", false},
        {name_is_alias, "2024-01-02", true},
        {name_is_alias, "2024", false},
        {name_is_alias, "$LATEST", false},
        {name_is_alias, "", false},
        {name_is_version, "12", true},
        {name_is_version, "$LATEST", true},
        {name_is_version, "1a", false},
        {name_is_version, "", false},
        {name_is_url_qualifier, "prod", true},
        {name_is_url_qualifier, "12", false},
        {name_is_url_qualifier, "$LATEST", false},
        {name_is_role_arn, "arn:aws:iam::" ACCOUNT ":role/lambda-role", true},
        {name_is_role_arn, "arn:aws:iam::" ACCOUNT ":role/path/to/role", true},
        {name_is_role_arn, "arn:aws-cn:iam::" ACCOUNT ":role/r", true},
        {name_is_role_arn, "arn:aws:iam::" ACCOUNT ":user/u", false},
        {name_is_role_arn, "lambda-role", false},
        {name_is_role_arn, "arn:aws:iam::" ACCOUNT ":role", false},
        {name_is_arn, "arn:aws:s3:::bucket", true},
        {name_is_destination, "", true},
        {name_is_destination, "arn:aws:sqs:us-east-1:" ACCOUNT ":q", true},
        {name_is_destination, "arn:aws:_-/!lambda:us-east-1:" ACCOUNT ":function:f", false},
        {name_is_destination, "kafka://topic.one", true},
        {name_is_destination, "kafka://.topic", false},
        {name_is_destination, "queue", false},
        {name_is_dead_letter, "", true},
        {name_is_dead_letter, "arn:aws:sqs:us-east-1:" ACCOUNT ":q", true},
        {name_is_dead_letter, "arn:aws:SQS:us-east-1:" ACCOUNT ":q", false},
        {name_is_dead_letter, "q", false},
        {name_is_arn, "arn:aws:sns:us-east-1:" ACCOUNT ":topic", true},
        {name_is_arn, "arn:aws:something", false},
        {name_is_taggable, "arn:aws:lambda:us-east-1:" ACCOUNT ":function:fn", true},
        {name_is_taggable, "arn:aws:lambda:us-east-1:" ACCOUNT ":function:fn:v1", true},
        {name_is_taggable,
         "arn:aws:lambda:us-east-1:" ACCOUNT
         ":event-source-mapping:14e0db71-5d35-4eb5-b481-8945cf9d10c2",
         true},
        {name_is_taggable, "arn:aws:something", false},
        {name_is_taggable, "fn", false},
        {name_is_statement_id, "public-1_a", true},
        {name_is_statement_id, "a.b", false},
        {name_is_namespaced_statement_id, "a.b", true},
        {name_is_permission_action, "lambda:InvokeFunction", true},
        {name_is_permission_action, "lambda:*", true},
        {name_is_permission_action, "*", true},
        {name_is_permission_action, "s3:GetObject", false},
        {name_is_account, ACCOUNT, true},
        {name_is_account, "12", false},
        {name_is_org, "o-a1b2c3d4e5", true},
        {name_is_org, "o-short", false},
        {name_is_variable, "LEVEL_1", true},
        {name_is_variable, "A", false},
        {name_is_variable, "1A", false},
        {name_is_variable, "A-B", false},
        {name_is_log_group, "/aws/lambda/fn", true},
        {name_is_log_group, "a b", false},
        {name_is_log_stream, "2026/01/31/[$LATEST]0123", true},
        {name_is_log_stream, "a:b", false},
        {name_is_tag_key, "team:name/x", true},
        {name_is_tag_key, "", false},
        {name_is_tag_text, "caf\xc3\xa9", true},
        {name_is_tag_text, "a;b", false},
        {name_has_no_blanks, "index.handler", true},
        {name_has_no_blanks, "index handler", false},
        {name_is_bucket, "my.bucket", true},
        {name_is_bucket, "my.bucket.", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_MSG(cases[i].matches(text_of(cases[i].text)) == cases[i].want, "case %zu: '%s'", i,
                  cases[i].text);
}
