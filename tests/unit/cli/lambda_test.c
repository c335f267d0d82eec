/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lambda.h"

#include "base/scoped.h"
#include "test.h"

TEST(a_function_error_is_shown_with_its_trace)
{
    static const struct {
        const char *error, *want;
    } cases[] = {
        {"{\"errorType\":\"TypeError\",\"errorMessage\":\"x is not a function\",\"trace\":["
         "\"TypeError: x is not a function\",\"    at handler (/var/task/index.js:1:1)\"]}",
         "TypeError: x is not a function\n    at handler (/var/task/index.js:1:1)\n"},
        {"{\"errorMessage\":\"no\",\"errorType\":\"KeyError\",\"requestId\":\"\",\"stackTrace\":["
         "\"  File \\\"/var/task/app.py\\\", line 3\\n    x\\n\"]}",
         "KeyError: no\n  File \"/var/task/app.py\", line 3\n    x\n"},
        {"{\"errorMessage\":\"Task timed out after 1.00 seconds\"}",
         "Task timed out after 1.00 seconds\n"},
        {"{\"errorType\":\"Runtime.ExitError\",\"stackTrace\":[]}", "Runtime.ExitError\n"},
        {"\"text\"", "\"text\"\n"},
        {"not JSON", "not JSON\n"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer out = {0};
        lambda_error_text(text_of(cases[i].error), &out);
        CHECK_TEXT(buffer_text(&out), cases[i].want);
    }
}

TEST(a_function_is_settled_when_nothing_is_under_way)
{
    static const struct {
        const char *configuration;
        bool want;
    } cases[] = {
        {"{\"State\":\"Active\",\"LastUpdateStatus\":\"Successful\"}", true},
        {"{\"State\":\"Pending\",\"LastUpdateStatus\":\"Successful\"}", false},
        {"{\"State\":\"Active\",\"LastUpdateStatus\":\"InProgress\"}", false},
        {"{\"State\":\"Failed\",\"LastUpdateStatus\":\"Failed\"}", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err;
        scoped(json_decref) json_t *json = json_parse(text_of(cases[i].configuration), &err);
        CHECK_MSG(lambda_is_settled(json) == cases[i].want, "%s", cases[i].configuration);
    }
}

TEST(a_url_has_two_forms_when_its_host_carries_the_id)
{
    static const struct {
        const char *url, *gateway, *id, *path_form;
    } cases[] = {
        {"http://abc.localhost:8080/", "http://127.0.0.1:8080", "abc",
         "http://127.0.0.1:8080/urls/abc/"},
        {"http://abc.localhost:8080/", "", "abc", "http://abc.localhost:8080/"},
        {"http://127.0.0.1:8080/urls/abc/", "http://127.0.0.1:8080", "",
         "http://127.0.0.1:8080/urls/abc/"},
        {"", "http://127.0.0.1:8080", "", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct session session = {.gateway = cases[i].gateway};
        struct lambda_url url;
        lambda_url_read(&session, text_of(cases[i].url), &url);
        CHECK_TEXT(text_of(url.id), cases[i].id);
        CHECK_TEXT(text_of(url.path_form), cases[i].path_form);
        CHECK_TEXT(text_of(url.host_form), cases[i].url);
        arena_done(&session.arena);
    }
}
