/* SPDX-License-Identifier: Apache-2.0 */
#include "apis.h"

#define ROUTES                                                                                     \
    "{\"routeId\":\"r1\",\"routeKey\":\"GET /pets/{id}\",\"target\":\"integrations/i1\"},"          \
    "{\"routeId\":\"r2\",\"routeKey\":\"POST /pets\",\"target\":\"integrations/i1\"},"              \
    "{\"routeId\":\"r3\",\"routeKey\":\"ANY /files/{path+}\",\"target\":\"integrations/i1\"},"      \
    "{\"routeId\":\"r4\",\"routeKey\":\"GET /nothing\"}"

static json_t *event_of(struct fixture *f)
{
    struct error err;

    CHECK_MSG(f->invoked != NULL, "not invoked: %d %.*s", f->status, (int)f->body.len, f->body.at);
    json_t *event = json_parse(buffer_text(&f->invoked->payload), &err);
    CHECK_MSG(event != NULL, "%s", err.text);
    return event;
}

static struct http_apis *start(struct fixture *f, const char *version)
{
    struct http_apis *apis = apis_init(f);
    scoped(free) char *bundle = apis_bundle(version, ROUTES, "");

    apis_publish(f, apis, bundle);
    apis_add_function(f, "hello", "arn:aws:execute-api:us-east-1:000000000000:api1/*");
    return apis;
}

static void finish(struct fixture *f, struct http_apis *apis)
{
    fixture_done(f);
    http_apis_free(apis);
}

static const char *text_at(const json_t *event, const char *path)
{
    static char kept[256];
    struct text rest = text_of(path), name;

    while (event && text_split(&rest, '/', &name))
        event = json_object_getn(event, name.at, name.len);
    snprintf(kept, sizeof kept, "%s",
             json_is_string(event) ? json_string_value(event) : event ? "?" : "-");
    return kept;
}

#define CHECK_AT(event, path, expected)                                                            \
    CHECK_MSG(strcmp(text_at(event, path), expected) == 0, "%s is '%s'", path, text_at(event, path))

TEST(an_api_is_reached_by_host_path_and_stage)
{
    static const struct {
        const char *head, *stage, *raw_path, *id;
    } cases[] = {
        {"GET /pets/7\nhost: api1.localhost:8080", "$default", "/pets/7", "7"},
        {"GET /dev/pets/7\nhost: API1.localhost", "dev", "/dev/pets/7", "7"},
        {"GET /dev/pets/7\nhost: api1.execute-api.us-east-1.localhost:8080", "dev", "/dev/pets/7",
         "7"},
        {"GET /apis/api1/pets/7\nhost: h", "$default", "/pets/7", "7"},
        {"GET /apis/api1/dev/pets/a%20b\nhost: h", "dev", "/dev/pets/a b", "a b"},
        {"GET /pets/a%2Fb\nhost: api1.localhost", "$default", "/pets/a/b", "a/b"},
        {"GET /pets/7%3Fx\nhost: api1.localhost", "$default", "/pets/7", "7"},
        {"GET /pets/%252e%252E%252Fb\nhost: api1.localhost", "$default", "/pets/%2e%2E%2Fb",
         "%2e%2E%2Fb"}, /* decoded once */
    };
    struct fixture f;
    struct http_apis *apis = start(&f, "2.0");

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture_request(&f, cases[i].head, "");
        scoped(json_decref) json_t *event = event_of(&f);
        CHECK_AT(event, "requestContext/stage", cases[i].stage);
        CHECK_AT(event, "rawPath", cases[i].raw_path);
        CHECK_AT(event, "requestContext/http/path", cases[i].raw_path);
        CHECK_AT(event, "pathParameters/id", cases[i].id);
        CHECK_AT(event, "routeKey", "GET /pets/{id}");
        CHECK_AT(event, "requestContext/routeKey", "GET /pets/{id}");
        CHECK_AT(event, "requestContext/apiId", "api1");
        fixture_return(&f, "{\"ok\":true}");
        CHECK(f.status == 200);
        CHECK_TEXT(fixture_field(&f, "content-type"), "application/json");
        CHECK(fixture_field(&f, "apigw-requestid").len == 16);
        CHECK(!text_is_set(fixture_field(&f, "x-amzn-requestid")));
    }
    finish(&f, apis);
}

TEST(a_custom_domain_leads_to_the_longest_mapping)
{
    static const struct {
        const char *head, *stage; /* "": 404 */
    } cases[] = {
        {"GET /pets/7\nhost: shop.example.com", "$default"},
        {"GET /v2/pets/7\nhost: Shop.example.com:443", "dev"},
        {"GET /v2x/pets/7\nhost: shop.example.com", ""},
        {"GET /v2/pets/7\nhost: any.wild.example.com", "dev"},
        {"GET /pets/7\nhost: any.wild.example.com", ""},
    };
    struct fixture f;
    struct http_apis *apis = start(&f, "2.0");

    apis_change(
        &f, apis, NULL,
        "{\"domains\":[{\"domainName\":\"shop.example.com\",\"mappings\":["
        "{\"apiMappingKey\":\"v2\",\"apiId\":\"api1\",\"stage\":\"dev\"},"
        "{\"apiId\":\"api1\",\"stage\":\"$default\"}]},{\"domainName\":\"*.wild.example.com\","
        "\"mappings\":[{\"apiMappingKey\":\"v2\",\"apiId\":\"api1\",\"stage\":\"dev\"}]}]}");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture_request(&f, cases[i].head, "");
        if (!cases[i].stage[0]) {
            CHECK_MSG(f.answered && f.status == 404, "%s", cases[i].head);
            continue;
        }
        scoped(json_decref) json_t *event = event_of(&f);
        CHECK_AT(event, "requestContext/stage", cases[i].stage);
        CHECK_AT(event, "pathParameters/id", "7");
        fixture_return(&f, "{}");
    }
    finish(&f, apis);
}

TEST(a_domain_with_mutual_tls_is_reached_by_its_clients_only)
{
    struct fixture f;
    struct http_apis *apis = start(&f, "2.0");

    apis_change(&f, apis, NULL,
                "{\"domains\":[{\"domainName\":\"*.example.com\",\"mutualTlsAuthentication\":{"
                "\"truststoreUri\":\"/x\"},\"mappings\":[{\"apiId\":\"api1\",\"stage\":"
                "\"$default\"}]},{\"domainName\":\"open.example.com\",\"mappings\":[{\"apiId\":"
                "\"api1\",\"stage\":\"$default\"}]}]}");
    CHECK(gateway_clients(&f.origin, TEXT("A.example.com")));
    CHECK(!gateway_clients(&f.origin, TEXT("open.example.com")));
    CHECK(!gateway_clients(&f.origin, TEXT("example.com")));
    for (int i = 0; i < 2; i++) {
        fixture_request(&f, i ? "GET /none\nhost: a.example.com" : "GET /pets/7\nhost: A.EXAMPLE.com",
                        "");
        CHECK(f.status == 403);
        CHECK_TEXT(buffer_text(&f.body), "{\"message\":\"Forbidden\"}");
    }
    fixture_request(&f, "GET /pets/7\nhost: open.example.com", "");
    CHECK(f.invoked);
    fixture_return(&f, "{}");
    finish(&f, apis);
}

TEST(an_event_of_format_2_is_as_aws_makes_it)
{
    struct fixture f;
    struct http_apis *apis = start(&f, "2.0");

    fixture_request(&f,
                    "POST /dev/files/a/b?x=1&x=2&e=\nhost: api1.localhost\ncookie: a=1; b=2\n"
                    "x-two: one\nx-two: two\ncontent-length: 3\ncontent-type: application/json",
                    "{ }");
    scoped(json_decref) json_t *event = event_of(&f);
    CHECK_AT(event, "version", "2.0");
    CHECK_AT(event, "routeKey", "ANY /files/{path+}");
    CHECK_AT(event, "pathParameters/path", "a/b");
    CHECK_AT(event, "stageVariables/color", "blue");
    CHECK_AT(event, "rawQueryString", "x=1&x=2&e=");
    CHECK_AT(event, "queryStringParameters/x", "1,2");
    CHECK_AT(event, "headers/x-two", "one,two");
    CHECK_AT(event, "headers/cookie", "-");
    CHECK_AT(event, "requestContext/accountId", "000000000000");
    CHECK_AT(event, "requestContext/domainPrefix", "api1");
    CHECK_AT(event, "body", "{ }");
    CHECK(json_array_size(json_object_get(event, "cookies")) == 2);
    char id[24];
    snprintf(id, sizeof id, "%s", text_at(event, "requestContext/requestId"));
    fixture_return(&f, "{\"statusCode\":201,\"headers\":{\"X-A\":\"1\"},\"body\":\"hi\"}");
    CHECK(f.status == 201);
    CHECK_TEXT(fixture_field(&f, "content-type"), "text/plain; charset=utf-8");
    CHECK_TEXT(fixture_field(&f, "apigw-requestid"), id);
    finish(&f, apis);
}

TEST(an_event_of_format_1_is_as_aws_makes_it)
{
    struct fixture f;
    struct http_apis *apis = start(&f, "1.0");

    fixture_request(&f,
                    "GET /dev/pets/7?x=1&x=2\nhost: api1.localhost\ncookie: a=1\nx-two: one\n"
                    "x-two: two",
                    "");
    json_t *event = event_of(&f);
    CHECK_AT(event, "version", "1.0");
    CHECK_AT(event, "resource", "/pets/{id}");
    CHECK_AT(event, "path", "/dev/pets/7");
    CHECK_AT(event, "httpMethod", "GET");
    CHECK_AT(event, "headers/x-two", "two");
    CHECK_AT(event, "headers/cookie", "a=1");
    CHECK_AT(event, "queryStringParameters/x", "1");
    CHECK(json_array_size(json_object_get(
              json_object_get(event, "multiValueQueryStringParameters"), "x")) == 2);
    CHECK(json_array_size(json_object_get(json_object_get(event, "multiValueHeaders"), "x-two")) ==
          2);
    CHECK_AT(event, "requestContext/resourcePath", "/pets/{id}");
    CHECK_AT(event, "requestContext/identity/sourceIp", "192.0.2.7");
    CHECK(json_is_null(json_object_get(event, "body")));
    CHECK(json_is_false(json_object_get(event, "isBase64Encoded")));
    json_decref(event);
    fixture_return(&f, "{\"statusCode\":200,\"multiValueHeaders\":{\"X-A\":[\"1\",\"2\"]},"
                       "\"headers\":{\"x-a\":\"3\"},\"body\":\"hi\"}");
    CHECK(f.status == 200 && f.field_count == 4);
    fixture_request(&f, "GET /pets/7\nhost: api1.localhost", "");
    event = event_of(&f);
    CHECK(json_is_null(json_object_get(event, "stageVariables")));
    CHECK(json_is_null(json_object_get(event, "queryStringParameters")));
    json_decref(event);
    fixture_return(&f, "{\"no\":\"status\"}");
    CHECK(f.status == 500);
    CHECK_TEXT(buffer_text(&f.body), "{\"message\":\"Internal Server Error\"}");
    finish(&f, apis);
}

TEST(the_head_of_a_request_has_its_quota)
{
    static char head[2 * LIMIT_API_HEAD];
    struct fixture f;
    struct http_apis *apis = start(&f, "2.0");
    /* "GET /dev/pets/7 HTTP/1.1" and the host: names of headers do not count */
    size_t most = LIMIT_API_HEAD - strlen("GET /dev/pets/7 HTTP/1.1" "api1.localhost");

    for (size_t len = most; len <= most + 1; len++) {
        int used = snprintf(head, sizeof head, "GET /dev/pets/7\nhost: api1.localhost\nx-long: ");
        memset(head + used, 'a', len);
        head[(size_t)used + len] = '\0';
        fixture_request(&f, head, "");
        if (len == most) {
            fixture_return(&f, "{}");
            CHECK(f.status == 200);
        }
    }
    CHECK(f.answered && f.status == 431);
    CHECK_TEXT(buffer_text(&f.body), "{\"message\":\"Request Header Fields Too Large\"}");
    finish(&f, apis);
}

TEST(what_leads_nowhere_gets_awss_error)
{
    static const struct {
        const char *head;
        int status;
        const char *body;
    } cases[] = {
        {"GET /none\nhost: api1.localhost", 404, "{\"message\":\"Not Found\"}"},
        {"PUT /pets/1\nhost: api1.localhost", 404, "{\"message\":\"Not Found\"}"},
        {"GET /pets/1/\nhost: api1.localhost", 404, "{\"message\":\"Not Found\"}"},
        {"GET /apis/none/x\nhost: h", 404, "{\"message\":\"Not Found\"}"},
        {"GET /nothing\nhost: api1.localhost", 500, "{\"message\":\"Internal Server Error\"}"},
        {"GET /pets/%zz\nhost: api1.localhost", 400, "{\"message\":\"Bad Request\"}"},
        {"GET /$default/pets/7\nhost: api1.localhost", 404, "{\"message\":\"Not Found\"}"},
        {"GET /files/..%2Fx\nhost: api1.localhost", 400, "{\"message\":\"Bad Request\"}"},
        {"POST /pets\nhost: api1.localhost\ncontent-length: 10485761", 413,
         "{\"message\":\"Request Entity Too Large\"}"},
    };
    struct fixture f;
    struct http_apis *apis = start(&f, "2.0");

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture_request(&f, cases[i].head, "");
        CHECK_MSG(f.answered && f.status == cases[i].status, "%s: %d", cases[i].head, f.status);
        CHECK_TEXT(buffer_text(&f.body), cases[i].body);
        CHECK_TEXT(fixture_field(&f, "content-type"), "application/json");
    }
    CHECK(f.invocations == 0);
    finish(&f, apis);
}

TEST(a_function_is_called_only_with_its_permission)
{
    static const struct {
        const char *request, *arn; /* from the API's id on */
        bool may;
    } cases[] = {
        {"GET /pets/7", "", true},
        {"GET /pets/7", "api1/*/*/pets/{id}", true},
        {"GET /pets/7", "api1/$default/GET/pets/*", true},
        {"GET /pets/7", "api1/$default/GET/pets/{id}", true},
        {"GET /pets/7", "api1/$default/GET/pets/7", false},
        {"GET /pets/7", "api1/dev/*", false},
        {"GET /pets/7", "api2/*", false},
        {"GET /dev/pets/7", "api1/dev/GET/pets/{id}", true},
        {"GET /dev/pets/7", "api1/$default/*", false},
        {"PUT /files/a/b", "api1/$default/PUT/files/{path+}", true},
        {"PUT /files/a/b", "api1/$default/ANY/files/{path+}", false},
        {"GET /else", "api1/$default/$default", true},
        {"GET /else", "api1/$default/GET/else", false},
    };
    struct fixture f;
    struct http_apis *apis = apis_init(&f);
    scoped(free) char *bundle = apis_bundle(
        "2.0", ROUTES ",{\"routeKey\":\"$default\",\"target\":\"integrations/i1\"}", "");

    apis_publish(&f, apis, bundle);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(free) char *arn =
            mem_format("%s%s", cases[i].arn[0] ? "arn:aws:execute-api:us-east-1:000000000000:" : "",
                       cases[i].arn);
        scoped(free) char *head = mem_format("%s\nhost: api1.localhost", cases[i].request);
        apis_add_function(&f, "hello", arn);
        fixture_request(&f, head, "");
        if (cases[i].may)
            fixture_return(&f, "{}");
        CHECK_MSG(f.status == (cases[i].may ? 200 : 500), "%s, %s: %d", cases[i].request,
                  cases[i].arn, f.status);
    }
    finish(&f, apis);
}

TEST(a_preflight_is_answered_without_a_route)
{
    struct fixture f;
    struct http_apis *apis = apis_init(&f);
    scoped(free) char *bundle = apis_bundle(
        "2.0", ROUTES,
        ",\"corsConfiguration\":{\"allowOrigins\":[\"https://a\"],\"allowMethods\":[\"GET\"]}");

    apis_publish(&f, apis, bundle);
    fixture_request(&f,
                    "OPTIONS /none\nhost: api1.localhost\norigin: https://a\n"
                    "access-control-request-method: GET",
                    "");
    CHECK(f.status == 204);
    CHECK_TEXT(fixture_field(&f, "access-control-allow-origin"), "https://a");
    CHECK_TEXT(fixture_field(&f, "access-control-allow-methods"), "GET");
    fixture_request(&f, "OPTIONS /none\nhost: api1.localhost\norigin: https://a", "");
    CHECK(f.status == 404);
    finish(&f, apis);
}

TEST(a_published_api_takes_the_place_of_the_one_before_and_may_go)
{
    struct fixture f;
    struct http_apis *apis = start(&f, "2.0");
    scoped(free) char *bundle = apis_bundle(
        "2.0", "{\"routeId\":\"r\",\"routeKey\":\"$default\",\"target\":\"integrations/i1\"}", "");

    fixture_request(&f, "GET /pets/7\nhost: api1.localhost", "");
    CHECK(f.invoked);
    apis_publish(&f, apis, bundle); /* while a request is under way */
    fixture_return(&f, "{}");
    CHECK(f.status == 200);
    fixture_request(&f, "BREW /x\nhost: api1.localhost", "");
    CHECK(f.status == 405);
    fixture_request(&f, "GET /x\nhost: api1.localhost", "");
    fixture_return(&f, "\"text\"");
    CHECK_TEXT(buffer_text(&f.body), "\"text\"");
    apis_change(&f, apis, NULL, NULL);
    fixture_request(&f, "GET /x\nhost: api1.localhost", "");
    CHECK(f.status == 404);
    finish(&f, apis);
}

TEST(a_bundle_that_does_not_fit_together_is_refused)
{
    static const struct {
        const char *routes, *says;
    } cases[] = {
        {"{\"routeKey\":\"GET /a\",\"target\":\"integrations/none\"}", "integrations/none"},
        {"{\"routeKey\":\"GET a\"}", "does not start with"},
        {"{\"routeKey\":\"GET /{a}\"},{\"routeKey\":\"GET /{b}\"}", "another route"},
        {"{\"routeKey\":\"GET /a\",\"authorizationType\":\"JWT\",\"authorizerId\":\"none\"}",
         "authorizer 'none'"},
    };
    struct error err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(free) char *bundle = apis_bundle("2.0", cases[i].routes, "");
        scoped(json_decref) json_t *json = apis_json(bundle);
        CHECK(!http_api_compile(json, TEXT("0"), TEXT("r"), NULL, &err));
        CHECK_MSG(strstr(err.text, cases[i].says), "%s", err.text);
    }
    scoped(json_decref) json_t *json =
        apis_json("{\"api\":{\"apiId\":\"a\"},\"guards\":{\"\":{\"unheard\":1}}}");
    CHECK(!http_api_compile(json, TEXT("0"), TEXT("r"), NULL, &err));
    CHECK_MSG(strstr(err.text, "unheard"), "%s", err.text);
}

TEST(a_stages_variables_name_the_functions_of_authorizers)
{
    static const struct {
        const char *variables;
        bool is_good;
    } cases[] = {{"\"f\":\"check\"", true}, {"\"g\":\"check\"", false}};
    struct error err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(free) char *bundle = mem_format(
            "{\"api\":{\"apiId\":\"a\",\"protocolType\":\"HTTP\"},\"stages\":[{\"stageName\":"
            "\"dev\",\"stageVariables\":{%s},\"deployed\":{\"routes\":[{\"routeKey\":\"GET /\","
            "\"authorizationType\":\"CUSTOM\",\"authorizerId\":\"z\"}],\"authorizers\":[{"
            "\"authorizerId\":\"z\",\"authorizerType\":\"REQUEST\",\"identitySource\":["
            "\"$request.header.a\"],\"authorizerUri\":\"arn:aws:apigateway:us-east-1:lambda:path/"
            "2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:"
            "${stageVariables.f}/invocations\"}]}}]}",
            cases[i].variables);
        scoped(json_decref) json_t *json = apis_json(bundle);
        scoped(http_api_unref) struct http_api *api =
            http_api_compile(json, TEXT("000000000000"), TEXT("us-east-1"), NULL, &err);
        CHECK_MSG((api != NULL) == cases[i].is_good, "%s: %s", cases[i].variables, err.text);
    }
}
