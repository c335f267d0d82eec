/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "fixture.h"
#include "gateway/access_format.h"

static const struct access_entry entry = {
    .peer = TEXT("192.0.2.7"),
    .time = TEXT("31/Jan/2026:12:00:00 +0000"),
    .epoch_ms = 1769860800000,
    .protocol = TEXT("HTTP/1.1"),
    .method = TEXT("GET"),
    .target = TEXT("/a?b"),
    .path = TEXT("/a"),
    .domain = TEXT("abc.execute-api.test"),
    .agent = TEXT("curl/8"),
    .api_id = TEXT("abc"),
    .stage = TEXT("$default"),
    .route_key = TEXT("GET /a"),
    .request_id = TEXT("id-1"),
    .status = 200,
    .bytes = 5,
    .us = 1234567,
};

static void check_line(const char *source, const struct access_entry *of, const char *want)
{
    struct error err = {0};
    scoped(access_format_free) struct access_format *format =
        access_format_compile(text_of(source), &err);
    scoped(buffer_done) struct buffer out = {0};

    CHECK_MSG(format, "%s", err.text);
    access_format_write(format, of, &out);
    CHECK_TEXT(buffer_text(&out), want);
}

TEST(variables_are_filled_in)
{
    check_line("$context.requestId $context.identity.sourceIp $context.routeKey $context.status",
               &entry, "id-1 192.0.2.7 GET /a 200\n");
    check_line("{\"at\":$context.requestTimeEpoch,\"ms\":$context.responseLatency,\"bytes\":"
               "\"$context.responseLength\",\"host\":\"$context.domainPrefix\"}",
               &entry, "{\"at\":1769860800000,\"ms\":1234,\"bytes\":\"5\",\"host\":\"abc\"}\n");
    check_line("$ $contex $context.stage. 100%s", &entry, "$ $contex $default. 100%s\n");
    check_line("$context.httpMethod$context.path", &entry, "GET/a\n");
    check_line("$context.xrayTraceId $context.error.messageString", &entry, "- \"-\"\n");
}

static struct text find(void *arg, struct text name)
{
    return text_equal(name, TEXT("authorizer.claims.sub")) ? TEXT("alice") : TEXT_NONE;
}

TEST(what_is_behind_the_route_and_who_came_are_variables_too)
{
    struct access_entry one = entry;

    one.find = find;
    one.integration_status = 404;
    one.integration_us = 5999;
    one.integration_id = TEXT("id-2");
    one.received_bytes = 10;
    check_line("$context.authorizer.claims.sub $context.authorizer.role $context.integrationStatus "
               "$context.integration.status $context.integrationLatency $context.dataProcessed "
               "$context.awsEndpointRequestId $context.identity.cognitoIdentityId",
               &one, "alice - 404 404 5 15 id-2 -\n");
    one.function = TEXT("f");
    check_line("$context.integration.integrationStatus $context.integration.status", &one,
               "200 404\n");
    one.integration_us = -1;
    one.integration_status = 0;
    check_line("$context.integration.latency $context.integration.status", &one, "- -\n");
}

TEST(what_the_gateway_answers_itself_is_an_error)
{
    struct access_entry one = entry;

    check_line("$context.error.message $context.error.responseType", &one, "- -\n");
    one.error = TEXT("Unauthorized");
    one.status = 401;
    check_line("$context.error.message $context.error.messageString $context.error.responseType",
               &one, "Unauthorized \"Unauthorized\" UNAUTHORIZED\n");
    one.status = 504;
    one.integration_error = TEXT("too slow");
    check_line("$context.error.responseType $context.integrationErrorMessage", &one,
               "DEFAULT_5XX too slow\n");
}

TEST(a_client_that_left_is_499)
{
    struct access_entry left = entry;

    left.status = 0;
    check_line("$context.status", &left, "499\n");
}

TEST(a_bad_format_is_refused_with_its_reason)
{
    static const struct {
        struct text source;
        const char *says;
    } bad[] = {
        {TEXT(""), "bytes"},
        {TEXT("$context.nothing"), "$context.nothing"},
        {TEXT("$context."), "not a variable"},
        {TEXT("$context.status\n$context.path"), "one line"},
        {TEXT("a\x1b[31m"), "one line"},
    };
    static char source[ACCESS_FORMAT_MAX + 1];
    struct error err;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!access_format_compile(bad[i].source, &err));
        CHECK_MSG(err.code == ERROR_INVALID && strstr(err.text, bad[i].says), "%s", err.text);
    }
    memset(source, 'a', sizeof source);
    CHECK(!access_format_compile(text_from(source, sizeof source), &err));
}

TEST(no_client_leaves_its_place)
{
    static const struct text agents[] = {
        TEXT("\",\"status\":\"200\"}\n{\"forged\":\"1"),
        TEXT("a\r\nb\x1b[31m\\\x7f"),
        TEXT("\xff\x9b\x00"),
        TEXT("caf\xc3\xa9 \xf0\x9f\x98\x80 \xc2\x9b"),
    };
    struct error err;
    scoped(access_format_free) struct access_format *format = access_format_compile(
        TEXT("{\"agent\":\"$context.identity.userAgent\",\"status\":$context.status}"), &err);

    for (size_t i = 0; i < COUNT_OF(agents); i++) {
        struct access_entry forged = entry;
        scoped(buffer_done) struct buffer out = {0};
        forged.agent = agents[i];
        access_format_write(format, &forged, &out);
        struct text line = text_slice(buffer_text(&out), 0, out.len - 1);
        for (size_t j = 0; j < line.len; j++)
            CHECK(line.at[j] >= 0x20 && line.at[j] < 0x7f);
        scoped(json_decref) json_t *json = json_parse(line, &err);
        CHECK_MSG(json && json_object_size(json) == 2, "%.*s", TEXT_ARG(line));
        if (text_is_utf8(agents[i]))
            CHECK(text_equal(json_text(json, "agent"), agents[i]));
    }
}

TEST(a_long_value_is_cut_off)
{
    static char target[100000];
    struct access_entry long_one = entry;
    struct error err;
    scoped(access_format_free) struct access_format *format =
        access_format_compile(TEXT("$context.target"), &err);
    scoped(buffer_done) struct buffer out = {0};

    memset(target, 'a', sizeof target);
    long_one.target = text_from(target, sizeof target);
    access_format_write(format, &long_one, &out);
    CHECK(out.len == ACCESS_WORD_MAX + 1);
}

TEST(what_happens_to_a_connection_has_variables_of_its_own)
{
    struct access_entry one = entry;

    check_line("$context.eventType $context.connectionId $context.connectedAt $context.messageId",
               &entry, "- - - -\n");
    one.event_type = TEXT("MESSAGE");
    one.connection_id = TEXT("c=");
    one.message_id = TEXT("m=");
    one.connected_ms = 1769860800000;
    check_line("$context.eventType $context.connectionId $context.connectedAt $context.messageId",
               &one, "MESSAGE c= 1769860800000 m=\n");
}

TEST(an_entry_that_is_kept_needs_nothing_of_what_it_was_made_of)
{
    char agent[] = "curl/8", error[] = "Forbidden";
    struct access_entry one = entry;
    struct arena arena = {0};
    struct error err;
    scoped(access_format_free) struct access_format *format = access_format_compile(
        TEXT("$context.authorizer.claims.sub $context.authorizer.claims.no "
             "$context.identity.userAgent $context.error.message $context.status"),
        &err);
    scoped(buffer_done) struct buffer out = {0};

    one.find = find;
    one.agent = text_of(agent);
    one.error = text_of(error);
    access_format_keep(format, &one, &arena);
    memset(agent, 'x', sizeof agent - 1);
    memset(error, 'x', sizeof error - 1);
    CHECK(one.find != find);
    one.status = 403;
    access_format_write(format, &one, &out);
    CHECK_TEXT(buffer_text(&out), "alice - curl/8 Forbidden 403\n");
    arena_done(&arena);
}
