/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/socket_mapping.h"

#include "base/buffer.h"
#include "base/json.h"
#include "test.h"

static json_t *json_of(const char *text)
{
    struct error err;
    json_t *json = json_parse(text_of(text), &err);

    CHECK_MSG(json, "%s: %s", text, err.text);
    return json;
}

static struct text find(void *arg, struct text name, struct arena *arena)
{
    return text_equal(name, TEXT("context.connectionId"))   ? TEXT("id=")
           : text_equal(name, TEXT("stageVariables.color")) ? TEXT("blue")
                                                            : TEXT_NONE;
}

static void add(void *arg, struct text name, struct text value)
{
    buffer_add_format(arg, "%.*s=%.*s;", TEXT_ARG(name), TEXT_ARG(value));
}

TEST(values_come_from_the_message_the_connection_and_the_stage)
{
    scoped(json_decref) json_t *parameters =
        json_of("{\"integration.request.header.user\": \"route.request.body.user.id\","
                " \"integration.request.header.absent\": \"route.request.body.nothing\","
                " \"integration.request.header.token\": \"route.request.header.X-Token\","
                " \"integration.request.querystring.q\": \"route.request.querystring.q\","
                " \"integration.request.querystring.from\": \"context.connectionId\","
                " \"integration.request.querystring.all\": \"route.request.body\","
                " \"integration.request.path.color\": \"stageVariables.color\","
                " \"integration.request.path.room\": \"'a room'\"}");
    const struct http_field fields[] = {{TEXT("x-token"), TEXT("t")}};
    const struct http_request request = {.fields = fields, .field_count = 1, .query = TEXT("q=1")};
    struct arena arena = {0};
    const struct mapping_source source = {
        .request = &request, .body = TEXT("{\"user\":{\"id\":7}}"), .find = find, .arena = &arena};
    struct error err;
    scoped(socket_mapping_free) struct socket_mapping *mapping =
        socket_mapping_compile(parameters, &err);
    scoped(buffer_done) struct buffer headers = {0}, query = {0};

    CHECK_MSG(mapping, "%s", err.text);
    socket_mapping_each(mapping, SOCKET_HEADER, &source, add, &headers);
    socket_mapping_each(mapping, SOCKET_QUERY, &source, add, &query);
    CHECK_TEXT(buffer_text(&headers), "user=7;token=t;");
    CHECK_TEXT(buffer_text(&query), "q=1;from=id=;all={\"user\":{\"id\":7}};");
    CHECK_TEXT(socket_mapping_find(mapping, SOCKET_PATH, TEXT("room"), &source), "a room");
    CHECK_TEXT(socket_mapping_find(mapping, SOCKET_PATH, TEXT("color"), &source), "blue");
    CHECK(!text_is_set(socket_mapping_find(mapping, SOCKET_PATH, TEXT("user"), &source)));
    CHECK(!text_is_set(socket_mapping_find(NULL, SOCKET_PATH, TEXT("room"), &source)));
    arena_done(&arena);
}

TEST(what_is_no_place_or_no_value_is_refused)
{
    static const struct {
        const char *parameters, *says;
    } cases[] = {
        {"{\"append:header.x\": \"'1'\"}", "append:header.x"},
        {"{\"integration.request.body.x\": \"'1'\"}", "integration.request.body.x"},
        {"{\"integration.request.header.\": \"'1'\"}", "integration.request.header."},
        {"{\"integration.request.header.a b\": \"'1'\"}", "a b"},
        {"{\"integration.request.header.Host\": \"'1'\"}", "Host"},
        {"{\"integration.request.header.x\": \"1\"}", "'1' is no value"},
        {"{\"integration.request.header.x\": \"$request.body.x\"}", "no value"},
        {"{\"integration.request.header.x\": \"route.request.bodyx\"}", "no value"},
        {"{\"integration.request.header.x\": \"route.request.body.\"}", "no value"},
        {"{\"integration.request.header.x\": \"'${a}'\"}", "'$'"},
        {"{\"integration.request.header.x\": 1}", "not a text"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(json_decref) json_t *parameters = json_of(cases[i].parameters);
        struct error err = {0};
        CHECK_MSG(!socket_mapping_compile(parameters, &err), "%s", cases[i].parameters);
        CHECK_MSG(strstr(err.text, cases[i].says), "%s: %s", cases[i].parameters, err.text);
    }
}

TEST(an_action_takes_what_stands_in_the_query)
{
    scoped(json_decref) json_t *given =
        json_of("{\"integration.request.querystring.MessageBody\": \"route.request.body\","
                " \"integration.request.querystring.QueueUrl\": \"'http://q'\"}");
    scoped(json_decref) json_t *bad = json_of("{\"integration.request.header.X\": \"'1'\"}");
    struct error err = {0};
    scoped(json_decref) json_t *parameters = socket_mapping_parameters(given, &err);

    CHECK_MSG(parameters, "%s", err.text);
    CHECK_TEXT(json_text(parameters, "MessageBody"), "$request.body");
    CHECK_TEXT(json_text(parameters, "QueueUrl"), "http://q");
    CHECK(!socket_mapping_parameters(bad, &err));
    CHECK_MSG(strstr(err.text, "querystring"), "%s", err.text);
}
