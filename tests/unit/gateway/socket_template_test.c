/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/socket_template.h"

#include "base/json.h"
#include "test.h"

static json_t *json_of(const char *text)
{
    struct error err;
    json_t *json = json_parse(text_of(text), &err);

    CHECK_MSG(json, "%s: %s", text, err.text);
    return json;
}

/* What is sent, or NULL: the message does not pass. */
static void check(const char *integration, const char *message, const char *sent, int status)
{
    scoped(json_decref) json_t *document = json_of(integration);
    struct error err = {0};
    scoped(socket_templates_free) struct socket_templates *templates =
        socket_templates_compile(document, &err);
    struct text body;
    int got;

    CHECK_MSG(templates, "%s: %s", integration, err.text);
    bool passes = socket_templates_apply(templates, text_of(message), &body, &got);
    CHECK_MSG(passes == (sent != NULL), "%s of %s", integration, message);
    if (sent) {
        CHECK_TEXT(body, sent);
        CHECK_MSG(got == status, "%s: %d", integration, got);
    }
}

#define MOCK "\"integrationType\":\"MOCK\""
#define HTTP "\"integrationType\":\"HTTP\""

TEST(a_mock_answers_what_its_template_says)
{
    check("{" MOCK ",\"requestTemplates\":{\"200\":\"{\\\"statusCode\\\": 200}\"},"
          "\"templateSelectionExpression\":\"200\"}",
          "hello", "{\"statusCode\": 200}", 200);
    check("{" MOCK ",\"requestTemplates\":{\"$default\":\"{\\\"statusCode\\\":403}\"},"
          "\"templateSelectionExpression\":\"\\\\$default\"}",
          "{}", "{\"statusCode\":403}", 403);
    check("{" MOCK "}", "{}", "{}", 200);
}

TEST(a_message_may_choose_the_template)
{
    const char *chosen = "{" HTTP ",\"requestTemplates\":{\"a\":\"is a\",\"b\":\"$input.body\"},"
                         "\"templateSelectionExpression\":\"$request.body.kind\"}";

    check(chosen, "{\"kind\":\"a\"}", "is a", 200);
    check(chosen, "{\"kind\":\"b\"}", "{\"kind\":\"b\"}", 200);
    check(chosen, "{\"kind\":\"c\"}", "{\"kind\":\"c\"}", 200);
    check(chosen, "no JSON", "no JSON", 200);
}

TEST(messages_without_a_template_pass_as_the_integration_says)
{
    check("{" HTTP ",\"passthroughBehavior\":\"NEVER\"}", "x", NULL, 0);
    check("{" HTTP ",\"passthroughBehavior\":\"WHEN_NO_TEMPLATES\"}", "x", "x", 200);
    check("{" HTTP ",\"passthroughBehavior\":\"WHEN_NO_TEMPLATES\","
          "\"requestTemplates\":{\"a\":\"b\"}}",
          "x", NULL, 0);
    check("{" HTTP ",\"passthroughBehavior\":\"WHEN_NO_MATCH\","
          "\"requestTemplates\":{\"a\":\"b\"}}",
          "x", "x", 200);
}

TEST(templates_that_would_have_to_be_run_are_refused)
{
    static const char *const bad[] = {
        "{" HTTP ",\"requestTemplates\":{\"a\":\"$input.path('$.x')\"}}",
        "{" HTTP ",\"requestTemplates\":{\"a\":\"#set($x = 1)\"}}",
        "{" HTTP ",\"templateSelectionExpression\":\"$context.routeKey\"}",
        "{" MOCK ",\"requestTemplates\":{\"a\":\"{}\"}}",
        "{" MOCK ",\"requestTemplates\":{\"a\":\"\"}}",
        "{" MOCK ",\"requestTemplates\":{\"a\":\"{\\\"statusCode\\\":99}\"}}",
        "{" MOCK ",\"requestTemplates\":{\"a\":\"{\\\"statusCode\\\":200,\\\"x\\\":1}\"}}",
        "{" MOCK ",\"requestTemplates\":{\"a\":\"$input.body\"}}",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        scoped(json_decref) json_t *document = json_of(bad[i]);
        struct error err = {0};
        CHECK_MSG(!socket_templates_compile(document, &err), "%s", bad[i]);
        CHECK(err.text[0]);
    }
}

TEST(an_answers_status_chooses_its_response)
{
    scoped(json_decref) json_t *list =
        json_of("[{\"-parent\":\"i\",\"integrationResponseKey\":\"$default\","
                "  \"responseTemplates\":{\"$default\":\"other\"}},"
                " {\"-parent\":\"i\",\"integrationResponseKey\":\"/4\\\\d\\\\d/\","
                "  \"responseTemplates\":{\"x\":\"wrong\"},\"templateSelectionExpression\":\"x\"},"
                " {\"-parent\":\"i\",\"integrationResponseKey\":\"/20./\"},"
                " {\"-parent\":\"j\",\"integrationResponseKey\":\"/.*/\","
                "  \"responseTemplates\":{\"x\":\"not mine\"}}]");
    struct error err = {0};
    scoped(socket_responses_free) struct socket_responses *responses =
        socket_responses_compile(list, TEXT("i"), &err);

    CHECK_MSG(responses, "%s", err.text);
    CHECK_TEXT(socket_responses_apply(responses, 404, TEXT("body")), "wrong");
    CHECK_TEXT(socket_responses_apply(responses, 204, TEXT("body")), "body");
    CHECK_TEXT(socket_responses_apply(responses, 500, TEXT("body")), "other");
    CHECK_TEXT(socket_responses_apply(NULL, 500, TEXT("body")), "body");
}

TEST(response_keys_are_patterns_of_a_status)
{
    static const struct {
        const char *response;
        bool fits;
    } cases[] = {
        {"{\"integrationResponseKey\":\"$default\"}", true},
        {"{\"integrationResponseKey\":\"/200/\"}", true},
        {"{\"integrationResponseKey\":\"/5\\\\d./\"}", true},
        {"{\"integrationResponseKey\":\"/.+/\"}", true},
        {"{\"integrationResponseKey\":\"200\"}", false},
        {"{\"integrationResponseKey\":\"/20/\"}", false},
        {"{\"integrationResponseKey\":\"/2001/\"}", false},
        {"{\"integrationResponseKey\":\"/(200|201)/\"}", false},
        {"{\"integrationResponseKey\":\"/\"}", false},
        {"{\"integrationResponseKey\":\"/200/\",\"responseTemplates\":{\"a\":\"$x\"}}", false},
        {"{\"integrationResponseKey\":\"/200/\",\"templateSelectionExpression\":"
         "\"${integration.response.statuscode}\"}",
         false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(json_decref) json_t *response = json_of(cases[i].response);
        struct error err = {0};
        CHECK_MSG((socket_response_check(response, &err) == 0) == cases[i].fits, "%s: %s",
                  cases[i].response, err.text);
    }
}
