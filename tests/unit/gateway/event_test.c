/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "fixture.h"

static struct caller root_caller = {
    .account = TEXT("000000000000"),
    .id = TEXT("000000000000"),
    .arn = TEXT("arn:aws:iam::000000000000:root"),
};

/* The event of a request to a function URL, in json, which is freed with the arena. */
static struct text write_event(const char *head, struct text body, const struct caller *caller,
                               struct arena *arena)
{
    struct function *function = fixture_function("hello", URL_A);
    struct http_field fields[HTTP_FIELDS_MAX];
    struct http_request request;
    scoped(buffer_done) struct buffer out = {0};

    fixture_parse(&request, fields, head);
    const struct route route = {
        .function = function, .raw_path = request.path, .path = request.path};
    const struct request_event event = {
        .request = &request,
        .route = &route,
        .caller = caller,
        .source_ip = TEXT("192.0.2.7"),
        .forwarded_for = TEXT("192.0.2.7"),
        .port = 8080,
        .request_id = "11111111-2222-4333-8444-555555555555",
        .trace = "Root=1-67891233-abcdef012345678912345678",
        .time = "12/Mar/2020:19:03:58 +0000",
        .now_ms = 1583348638390,
        .body = body,
    };
    event_write(&event, arena, &out);
    function_unref(function);
    return arena_copy(arena, buffer_text(&out));
}

static void check_event(const char *head, const char *body, const struct caller *caller,
                        const char *want_json)
{
    struct arena arena = {0};
    struct error err = {0};
    struct text got = write_event(head, text_of(body), caller, &arena);
    scoped(json_decref) json_t *event = json_parse(got, &err);
    scoped(json_decref) json_t *want = json_parse(text_of(want_json), &err);

    CHECK_MSG(event, "%s: %.*s", err.text, TEXT_ARG(got));
    CHECK_MSG(want, "%s", err.text);
    CHECK_MSG(json_equal(event, want), "%.*s", TEXT_ARG(got));
    arena_done(&arena);
}

#define CONTEXT(account, more, method, path, http)                                            \
    "\"requestContext\":{\"accountId\":\"" account "\",\"apiId\":\"" URL_A "\"," more         \
    "\"domainName\":\"h.test\",\"domainPrefix\":\"" URL_A "\",\"http\":{\"method\":\"" method \
    "\",\"path\":\"" path "\",\"protocol\":\"HTTP/1.1\",\"sourceIp\":\"192.0.2.7\"" http "}," \
    "\"requestId\":\"11111111-2222-4333-8444-555555555555\",\"routeKey\":\"$default\","       \
    "\"stage\":\"$default\",\"time\":\"12/Mar/2020:19:03:58 +0000\",\"timeEpoch\":1583348638390}"
#define ADDED                                                                                   \
    "\"host\":\"h.test:8080\",\"x-forwarded-for\":\"192.0.2.7\",\"x-forwarded-port\":\"8080\"," \
    "\"x-forwarded-proto\":\"http\","                                                           \
    "\"x-amzn-trace-id\":\"Root=1-67891233-abcdef012345678912345678\""
#define START(path, query)                                                     \
    "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"" path "\"," \
    "\"rawQueryString\":\"" query "\","

TEST(a_plain_get_is_what_aws_makes_of_it)
{
    check_event(
        "GET /a\nhost: h.test:8080\naccept: */*\nuser-agent: curl/7.81.0", "", NULL,
        START("/a", "") "\"headers\":{\"accept\":\"*/*\",\"user-agent\":\"curl/7.81.0\"," ADDED
                        "}," CONTEXT("anonymous", "", "GET", "/a",
                                     ",\"userAgent\":\"curl/7.81.0\"") ",\"isBase64Encoded\":"
                                                                       "false}");
}

TEST(cookies_stand_by_themselves_and_in_the_header)
{
    check_event("GET /\nhost: h.test:8080\ncookie: a=1; b=\"2\"\ncookie: c=3;", "", NULL,
                START("/", "") "\"cookies\":[\"a=1\",\"b=\\\"2\\\"\",\"c=3\"],\"headers\":{"
                               "\"cookie\":\"a=1; b=\\\"2\\\"; c=3;\"," ADDED "}," CONTEXT(
                                   "anonymous", "", "GET", "/", "") ","
                                                                    "\"isBase64Encoded\":false}");
}

TEST(headers_that_repeat_are_joined_and_forged_ones_are_gone)
{
    check_event("GET /\nhost: h.test:8080\nx-a: first\nx-b: 1\nx-a: second\nx-a:\n"
                "x-forwarded-for: 6.6.6.6\nx-amzn-trace-id: Root=1-0-0\nx-amz-date: x\n"
                "x-evoke-hops: 0\nauthorization: Bearer t",
                "", NULL,
                START("/", "") "\"headers\":{\"x-a\":\"first,second,\",\"x-b\":\"1\","
                               "\"authorization\":\"Bearer t\"," ADDED "}," CONTEXT(
                                   "anonymous", "", "GET", "/", "") ","
                                                                    "\"isBase64Encoded\":false}");
}

TEST(a_query_is_kept_as_it_came_and_given_decoded)
{
    check_event(
        "GET /?a=1&b=x%20y+z&a=2%2C3&empty=&none&%C3%A9=%e9&bad=100%&&p=a%2Bb\n"
        "host: h.test:8080",
        "", NULL,
        START(
            "/",
            "a=1&b=x%20y+z&a=2%2C3&empty=&none&%C3%A9=%e9&bad=100%&&p=a%2Bb") "\"headers\":{" ADDED
                                                                              "},"
                                                                              "\"queryStringParamet"
                                                                              "ers\":{\"a\":\"1,2,"
                                                                              "3\",\"b\":\"x y "
                                                                              "z\",\"empty\":\"\","
                                                                              "\"none\":\"\","
                                                                              "\"\xc3\xa9\":"
                                                                              "\"\xef\xbf\xbd\","
                                                                              "\"bad\":\"100%\","
                                                                              "\"p\":\"a+b\"}"
                                                                              "," CONTEXT(
                                                                                  "anonymous", "",
                                                                                  "GET", "/",
                                                                                  "") ",\"isBase64E"
                                                                                      "ncoded\":"
                                                                                      "false}");
    check_event("GET /?&&\nhost: h.test:8080", "", NULL,
                START("/", "&&") "\"headers\":{" ADDED "}," CONTEXT(
                    "anonymous", "", "GET", "/", "") ","
                                                     "\"isBase64Encoded\":false}");
}

TEST(a_signed_request_tells_who_signed_it_and_not_how)
{
    root_caller.claim.access_key = TEXT("AKIAX");
    check_event(
        "GET /\nhost: h.test:8080\nauthorization: AWS4-HMAC-SHA256 secret", "", &root_caller,
        START("/", "") "\"headers\":{" ADDED
                       "}," CONTEXT("000000000000",
                                    "\"authorizer\":{\"iam\":{\"accessKey\":\"AKIAX\","
                                    "\"accountId\":\"000000000000\",\"callerId\":\"000000000000\","
                                    "\"cognitoIdentity\":null,\"principalOrgId\":null,"
                                    "\"userArn\":\"arn:aws:iam::000000000000:root\","
                                    "\"userId\":\"000000000000\"}},",
                                    "GET", "/", "") ",\"isBase64Encoded\":false}");
}

TEST(a_body_is_text_or_base64_by_its_headers_alone)
{
    static const struct {
        const char *headers;
        bool is_text;
    } cases[] = {
        {"content-type: text/plain", true},
        {"content-type: text/x-own", true},
        {"content-type: TEXT/HTML", true},
        {"content-type: application/json", true},
        {"content-type: application/json; charset=utf-8", true},
        {"content-type: application/json ; Charset=\"UTF-8\"", true},
        {"content-type: application/json; profile=x", true},
        {"content-type: application/xml", true},
        {"content-type: application/javascript", true},
        {"content-type: application/graphql", true},
        {"content-type: text/plain; charset=iso-8859-1", false},
        {"content-type: application/ld+json", false},
        {"content-type: application/x-www-form-urlencoded", false},
        {"content-type: multipart/form-data; boundary=x", false},
        {"content-type: application/octet-stream", false},
        {"content-type: application/jsonx", false},
        {"content-type: text/", false},
        {"content-type:", false},
        {"x: y", false},
        {"content-type: application/json\ncontent-encoding: gzip", false},
        {"content-type: application/json\ncontent-encoding: identity", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = {0};
        struct error err = {0};
        const char *head =
            arena_format(&arena, "POST /\nhost: h\ncontent-length: 4\n%s", cases[i].headers);
        struct text got = write_event(head, TEXT("\"\xc3\xa9!"), NULL, &arena);
        scoped(json_decref) json_t *event = json_parse(got, &err);
        CHECK_MSG(event, "%s", err.text);
        CHECK_MSG(json_bool(event, "isBase64Encoded", cases[i].is_text) == !cases[i].is_text, "%s",
                  cases[i].headers);
        CHECK_TEXT(json_text(event, "body"), cases[i].is_text ? "\"\xc3\xa9!" : "IsOpIQ==");
        CHECK_TEXT(json_text(json_object_get(event, "headers"), "content-length"), "4");
        arena_done(&arena);
    }
}

TEST(an_empty_body_is_absent)
{
    check_event("POST /\nhost: h.test:8080\ncontent-length: 0", "", NULL,
                START("/", "") "\"headers\":{\"content-length\":\"0\"," ADDED "}," CONTEXT(
                    "anonymous", "", "POST", "/", "") ","
                                                      "\"isBase64Encoded\":false}");
}

TEST(thousands_of_parameters_are_read_in_order)
{
    scoped(buffer_done) struct buffer head = {0};
    struct arena arena = {0};
    struct error err = {0};

    buffer_add_literal(&head, "GET /?");
    for (int i = 0; i < 6000; i++)
        buffer_add_format(&head, "%x&", i % 3000);
    buffer_add_literal(&head, "\nhost: h");
    struct text got = write_event(head.at, TEXT_NONE, NULL, &arena);
    scoped(json_decref) json_t *event = json_parse(got, &err);
    json_t *query = json_object_get(event, "queryStringParameters");
    CHECK(json_object_size(query) == 3000);
    CHECK_TEXT(json_text(query, "bb7"), ",");
    arena_done(&arena);
}
