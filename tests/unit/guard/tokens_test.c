/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/tokens.h"

#include "base/json.h"
#include "test.h"

static struct tokens *compile(const char *source, struct error *err)
{
    scoped(json_decref) json_t *part = json_parse(text_of(source), err);

    CHECK(part);
    return tokens_compile(part, err);
}

TEST(a_text_alone_stands_for_a_list)
{
    struct error err = {0};
    scoped(tokens_free) struct tokens *tokens =
        compile("{\"issuer\": \"https://i\", \"audience\": \"a\", \"scopes\": \"read\"}", &err);

    CHECK_MSG(tokens, "%s", err.text);
    CHECK(tokens->scope_count == 1 && authorizer_takes_tokens(tokens->authorizer));
    CHECK_TEXT(text_of(tokens->scopes[0]), "read");
    scoped(tokens_free) struct tokens *more =
        compile("{\"issuer\": \"http://i\", \"audience\": [\"a\", \"b\"], \"scopes\": [\"r\", "
                "\"w\"], \"from\": \"$request.querystring.t\"}",
                &err);
    CHECK_MSG(more && more->scope_count == 2, "%s", err.text);
    scoped(tokens_free) struct tokens *least =
        compile("{\"issuer\": \"http://i\", \"audience\": [\"a\"]}", &err);
    CHECK_MSG(least && least->scope_count == 0, "%s", err.text);
}

TEST(a_function_may_be_asked_instead)
{
    static const struct {
        const char *source, *function, *version;
    } cases[] = {
        {"{\"function\": \"keeper\"}", "keeper", ""},
        {"{\"function\": \"keeper:7\", \"ttl\": 300}", "keeper", "7"},
        {"{\"function\": \"a-b_C9:$LATEST\", \"answer\": \"policy\"}", "a-b_C9", "$LATEST"},
        {"{\"function\": \"k\", \"identity\": \"$request.querystring.key\"}", "k", ""},
        {"{\"function\": \"k\", \"identity\": [\"$request.header.X\", \"$context.routeKey\"]}",
         "k", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        struct text version;
        scoped(tokens_free) struct tokens *tokens = compile(cases[i].source, &err);
        CHECK_MSG(tokens, "%s: %s", cases[i].source, err.text);
        CHECK(!authorizer_takes_tokens(tokens->authorizer) && tokens->scope_count == 0);
        CHECK(authorizer_payload_version(tokens->authorizer) == 2);
        CHECK_TEXT(authorizer_function(tokens->authorizer, &version), cases[i].function);
        CHECK_TEXT(version, cases[i].version);
    }
}

TEST(what_would_let_too_many_pass_is_refused)
{
    static const struct {
        const char *source, *error;
    } cases[] = {
        {"\"https://i\"", "authorizer"},
        {"{}", "authorizer.issuer must be the URL"},
        {"{\"issuer\": \"i\", \"audience\": \"a\"}", "authorizer.issuer must be the URL"},
        {"{\"issuer\": 1, \"audience\": \"a\"}", "authorizer.issuer"},
        {"{\"issuer\": \"https://i\"}", "authorizer.audience must say for whom"},
        {"{\"issuer\": \"https://i\", \"audience\": []}", "authorizer.audience"},
        {"{\"issuer\": \"https://i\", \"audience\": \"\"}", "authorizer.audience"},
        {"{\"issuer\": \"https://i\", \"audience\": [\"\"]}", "authorizer.audience"},
        {"{\"issuer\": \"https://i\", \"audience\": \"a\", \"scopes\": [1]}", "authorizer.scopes"},
        {"{\"issuer\": \"https://i\", \"audience\": \"a\", \"from\": \"$context.path\"}",
         "authorizer.from must be"},
        {"{\"issuer\": \"https://i\", \"audience\": \"a\", \"scope\": \"r\"}", "scope"},
        {"{\"function\": 7}", "authorizer.function"},
        {"{\"function\": \"\"}", "authorizer.function"},
        {"{\"function\": \"arn:aws:lambda:us-east-1:1:function:f\"}",
         "authorizer.function must be the name of a function of the same account, or NAME:VERSION"},
        {"{\"function\": \"a/b\"}", "authorizer.function must be the name"},
        {"{\"function\": \"a:\"}", "authorizer.function must be the name"},
        {"{\"function\": \"a:b:c\"}", "authorizer.function must be the name"},
        {"{\"function\": \"f\", \"ttl\": 3601}", "authorizer.ttl"},
        {"{\"function\": \"f\", \"ttl\": -1}", "authorizer.ttl"},
        {"{\"function\": \"f\", \"answer\": \"yes\"}", "authorizer.answer must be simple or policy"},
        {"{\"function\": \"f\", \"identity\": \"Authorization\"}",
         "authorizer.identity has no 'Authorization': there are $request.header.NAME"},
        {"{\"function\": \"f\", \"identity\": [\"$stageVariables.a\"]}", "authorizer.identity has no"},
        {"{\"function\": \"f\", \"identity\": \"$request.header.\"}", "authorizer.identity has no"},
        {"{\"function\": \"f\", \"identity\": [1]}", "authorizer.identity"},
        {"{\"function\": \"f\", \"issuer\": \"https://i\"}", "issuer"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(tokens_free) struct tokens *tokens = compile(cases[i].source, &err);
        CHECK_MSG(!tokens, "'%s' was accepted", cases[i].source);
        CHECK_MSG(strstr(err.text, cases[i].error), "'%s': %s", cases[i].source, err.text);
    }
}
