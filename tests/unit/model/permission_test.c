/* SPDX-License-Identifier: Apache-2.0 */
#include "model/permission.h"

#include "test.h"

#define RULE "arn:aws:events:us-east-1:123456789012:rule/a"

static char empty[] = "";

/* With one statement; fields that are NULL are absent. */
static bool lets(struct permission permission, struct permission_ask ask)
{
    char **const fields[] = {&permission.qualifier,          &permission.source_arn,
                             &permission.source_account,     &permission.function_url_auth_type,
                             &permission.event_source_token, &permission.principal_org_id};
    struct function function = {.permissions = &permission, .permission_count = 1};

    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (!*fields[i])
            *fields[i] = empty;
    return permission_lets(&function, &ask);
}

#define STATEMENT(...) ((struct permission){__VA_ARGS__})
#define OF_EVENTS              \
    .principal = (char[])      \
    {                          \
        "events.amazonaws.com" \
    }
#define INVOKE                  \
    .action = (char[])          \
    {                           \
        "lambda:InvokeFunction" \
    }
static const struct permission_ask events = {
    .service = TEXT("events.amazonaws.com"),
    .action = TEXT("lambda:InvokeFunction"),
    .source_arn = TEXT(RULE),
    .source_account = TEXT("123456789012"),
};
static const struct permission_ask url = {
    .action = TEXT("lambda:InvokeFunctionUrl"),
    .url_auth_type = TEXT("NONE"),
};

TEST(who_is_named_may)
{
    CHECK(lets(STATEMENT(OF_EVENTS, INVOKE), events));
    CHECK(lets(STATEMENT(.principal = (char[]){"*"}, .action = (char[]){"lambda:*"}), events));
    CHECK(lets(STATEMENT(OF_EVENTS, .action = (char[]){"*"}), events));
    CHECK(!lets(STATEMENT(.principal = (char[]){"s3.amazonaws.com"}, INVOKE), events));
    CHECK(!lets(STATEMENT(OF_EVENTS, .action = (char[]){"lambda:InvokeFunctionUrl"}), events));
    CHECK(!lets(STATEMENT(.principal = (char[]){""}, INVOKE),
                ((struct permission_ask){.action = TEXT("lambda:InvokeFunction")})));
    CHECK(!permission_lets(&(struct function){0}, &events));
}

TEST(a_statement_of_a_qualifier_counts_for_that_alone)
{
    static const struct {
        const char *statement, *asked;
        bool may;
    } cases[] = {
        {"", "", true},       {"", "live", true},       {"live", "live", true}, {"live", "", false},
        {"1", "live", false}, {"live", "live2", false}, {"live", "liv", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char qualifier[8];
        struct permission_ask ask = events;
        ask.qualifier = *cases[i].asked ? text_of(cases[i].asked) : TEXT_NONE;
        snprintf(qualifier, sizeof qualifier, "%s", cases[i].statement);
        CHECK_MSG(lets(STATEMENT(OF_EVENTS, INVOKE, .qualifier = qualifier), ask) == cases[i].may,
                  "'%s' for '%s'", cases[i].statement, cases[i].asked);
    }
}

TEST(a_role_and_its_session_are_principals)
{
    static const struct permission_ask ask = {
        .action = TEXT("lambda:InvokeFunction"),
        .role = TEXT("arn:aws:iam::1:role/r"),
        .session = TEXT("arn:aws:sts::1:assumed-role/r/s"),
    };

    CHECK(lets(STATEMENT(.principal = (char[]){"arn:aws:iam::1:role/r"}, INVOKE), ask));
    CHECK(lets(STATEMENT(.principal = (char[]){"arn:aws:sts::1:assumed-role/r/s"}, INVOKE), ask));
    CHECK(!lets(STATEMENT(.principal = (char[]){"arn:aws:iam::1:role/r*"}, INVOKE), ask));
    CHECK(!lets(STATEMENT(.principal = (char[]){"arn:aws:iam::1:root"}, INVOKE), ask));
    CHECK(!lets(STATEMENT(OF_EVENTS, INVOKE), ask));
    CHECK(!lets(STATEMENT(.principal = (char[]){""}, INVOKE), ask));
}

TEST(each_condition_must_be_met)
{
    CHECK(lets(STATEMENT(OF_EVENTS, INVOKE, .source_arn = (char[]){RULE "*"}), events));
    CHECK(!lets(STATEMENT(OF_EVENTS, INVOKE, .source_arn = (char[]){RULE "b"}), events));
    CHECK(lets(STATEMENT(OF_EVENTS, INVOKE, .source_account = (char[]){"123456789012"}), events));
    CHECK(!lets(STATEMENT(OF_EVENTS, INVOKE, .source_account = (char[]){"210987654321"}), events));
    CHECK(!lets(STATEMENT(OF_EVENTS, INVOKE, .event_source_token = (char[]){"t"}), events));
    CHECK(!lets(STATEMENT(OF_EVENTS, INVOKE, .principal_org_id = (char[]){"o-1"}), events));
    CHECK(!lets(STATEMENT(OF_EVENTS, INVOKE, .function_url_auth_type = (char[]){"NONE"}), events));
}

TEST(an_url_is_for_everybody_or_not)
{
    static char everybody[] = "*", action[] = "lambda:InvokeFunctionUrl";

    CHECK(lets(STATEMENT(.principal = everybody, .action = action), url));
    CHECK(lets(STATEMENT(.principal = everybody, .action = action,
                         .function_url_auth_type = (char[]){"NONE"}),
               url));
    CHECK(!lets(STATEMENT(.principal = everybody, .action = action,
                          .function_url_auth_type = (char[]){"AWS_IAM"}),
                url));
    CHECK(!lets(STATEMENT(.principal = everybody, .action = action, .source_arn = (char[]){"*"}),
                url));
    CHECK(!lets(STATEMENT(OF_EVENTS, .action = action), url));
    CHECK(!lets(
        STATEMENT(.principal = everybody, .action = action, .has_invoked_via_function_url = true),
        url));
}
