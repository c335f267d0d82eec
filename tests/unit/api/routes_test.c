/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

#include "test.h"

#define FUNCTIONS "/2015-03-31/functions"

TEST(a_path_finds_its_action)
{
    static const struct {
        enum http_method method;
        const char *path, *action, *first, *second;
    } cases[] = {
        {METHOD_POST, FUNCTIONS, "CreateFunction", "", ""},
        {METHOD_GET, FUNCTIONS, "ListFunctions", "", ""},
        {METHOD_GET, FUNCTIONS "/", "ListFunctions", "", ""},
        {METHOD_GET, FUNCTIONS "/fn", "GetFunction", "fn", ""},
        {METHOD_DELETE, FUNCTIONS "/fn", "DeleteFunction", "fn", ""},
        {METHOD_POST, FUNCTIONS "/fn/invocations", "Invoke", "fn", ""},
        {METHOD_POST, FUNCTIONS "/arn%3Aaws%3Alambda%3Afn/invocations", "Invoke",
         "arn:aws:lambda:fn", ""},
        {METHOD_DELETE, FUNCTIONS "/fn/policy/sid", "RemovePermission", "fn", "sid"},
        {METHOD_GET, "/2021-10-31/functions/fn/urls", "ListFunctionUrlConfigs", "fn", ""},
        {METHOD_POST, "/2021-11-15/functions/fn/response-streaming-invocations",
         "InvokeWithResponseStream", "fn", ""},
        {METHOD_GET, "/2017-03-31/tags/a%2Fb", "ListTags", "a/b", ""},
        {METHOD_GET, "/healthz", "GetHealth", "", ""},
        {METHOD_POST, FUNCTIONS "/fn/aliases", "CreateAlias", "fn", ""},
        {METHOD_GET, "/2018-10-31/layers", "ListLayers", "", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct call call = {.path = text_of(cases[i].path)};
        const struct action *action = routes_find_path(&call, cases[i].method);
        CHECK_MSG(action, "%s", cases[i].path);
        CHECK_TEXT(text_of(action->name), cases[i].action);
        CHECK_TEXT(call.path_values[0], cases[i].first);
        CHECK_TEXT(call.path_values[1], cases[i].second);
        arena_done(&call.arena);
    }
}

TEST(other_paths_find_none)
{
    static const struct {
        enum http_method method;
        const char *path;
    } cases[] = {
        {METHOD_GET, "/"},
        {METHOD_GET, ""},
        {METHOD_GET, "*"},
        {METHOD_PUT, FUNCTIONS},
        {METHOD_GET, FUNCTIONS "/fn/"
                               "x"},
        {METHOD_GET, FUNCTIONS "//"},
        {METHOD_GET, FUNCTIONS "/fn/configuration/more"},
        {METHOD_GET, FUNCTIONS "/%zz"},
        {METHOD_GET, "/2015-03-31/function"},
        {METHOD_POST, "/healthz"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct call call = {.path = text_of(cases[i].path)};
        CHECK_MSG(!routes_find_path(&call, cases[i].method), "%s", cases[i].path);
        arena_done(&call.arena);
    }
}

TEST(targets_and_form_actions_are_found_by_name)
{
    CHECK_TEXT(text_of(routes_find_target(TEXT("Logs_20140328.GetLogEvents"))->name),
               "GetLogEvents");
    CHECK(!routes_find_target(TEXT("Logs_20140328.")));
    CHECK(!routes_find_target(TEXT("DynamoDB_20120810.GetItem")));
    CHECK_TEXT(text_of(routes_find_query(PROTOCOL_QUERY, TEXT("GetCallerIdentity"))->name), "GetCallerIdentity");
    CHECK(!routes_find_query(PROTOCOL_QUERY, TEXT("AssumeRole"))->run);
    CHECK(!routes_find_query(PROTOCOL_QUERY, TEXT("AssumeNothing")));
    CHECK(!routes_find_target(TEXT("AWSEvents.CreateEndpoint"))->run);
}

/* The tables themselves: what their reader relies on. */
TEST(every_row_is_complete)
{
    size_t count = 0, served = 0;

    for (const struct action *action = routes_next(NULL); action; action = routes_next(action)) {
        size_t braces = 0;
        for (const char *c = action->path ? action->path : ""; *c; c++)
            braces += *c == '{';
        CHECK_MSG(action->service && *action->name, "row %zu", count);
        CHECK_MSG(braces <= API_PATH_VALUES || !action->run, "%s", action->name);
        CHECK_MSG(action->body == BODY_NONE || action->body_max > 0, "%s", action->name);
        CHECK_MSG(action->access != ACCESS_FUNCTIONS || action->run, "%s", action->name);
        served += action->run != NULL;
        count++;
    }
    CHECK(served >= 30 && count > served);
}
