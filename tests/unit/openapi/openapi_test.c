/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/openapi.h"

#include "base/json.h"
#include "base/scoped.h"
#include "openapi/yaml_json.h"
#include "test.h"

#define HEAD "openapi: 3.0.1\ninfo: {title: t, version: '1'}\n"
#define JWT                                                                                      \
    "components: {securitySchemes: {jwt: {type: openIdConnect, openIdConnectUrl: "               \
    "'https://i/.well-known/openid-configuration', x-amazon-apigateway-authorizer: {type: jwt, " \
    "jwtConfiguration: {audience: [me]}}}, key: {type: apiKey, in: header, name: X-Api-Key}, "   \
    "aws: {type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: "        \
    "awsSigv4}, "                                                                                \
    "basic: {type: http, scheme: basic}}}\n"

static char ids[256][8];
static int id_count;

static struct text new_id(void *arg)
{
    snprintf(ids[id_count], sizeof ids[0], "i%d", id_count);
    return text_of(ids[id_count++]);
}

static int import_with(const char *source, enum openapi_basepath basepath,
                       struct openapi_import *ret, struct error *err)
{
    const struct openapi_options options = {basepath, new_id, NULL};
    scoped(json_decref) json_t *document = openapi_parse(text_of(source), err);

    id_count = 0;
    CHECK_MSG(document, "%s: %s", source, err->text);
    return openapi_import(document, &options, ret, err);
}

static struct openapi_import import(const char *source)
{
    struct openapi_import ret;
    struct error err;

    CHECK_MSG(import_with(source, OPENAPI_IGNORE, &ret, &err) == 0, "%s: %s", source, err.text);
    return ret;
}

static const json_t *route(const struct openapi_import *import, const char *key)
{
    const char *id;
    json_t *one;

    json_object_foreach(json_object_get(import->document, "routes"), id, one)
    {
        if (text_equal(json_text(one, "routeKey"), text_of(key)))
            return one;
    }
    return NULL;
}

static bool says(const json_t *list, const char *what)
{
    const json_t *text;
    size_t index;

    json_array_foreach(list, index, text)
    {
        if (strstr(json_string_value(text), what))
            return true;
    }
    return false;
}

TEST(routes_come_of_paths_and_methods)
{
    struct openapi_import got =
        import(HEAD "paths:\n"
                    "  /a/{b}: {get: {operationId: getB}, x-amazon-apigateway-any-method: {}}\n"
                    "  /$default: {x-amazon-apigateway-any-method: {isDefaultRoute: true}}\n"
                    "  /c/: {post: {}, trace: {}}\n"
                    "  /d.{e}: {get: {}}\n");

    CHECK(json_object_size(json_object_get(got.document, "routes")) == 4);
    CHECK_TEXT(json_text(route(&got, "GET /a/{b}"), "operationName"), "getB");
    CHECK(route(&got, "ANY /a/{b}") && route(&got, "$default") && route(&got, "POST /c"));
    CHECK(says(got.warnings, "TRACE /c/") && says(got.warnings, "without the slash"));
    CHECK(says(got.warnings, "/d.{e}") && says(got.info, "4 operations have no"));
    openapi_import_done(&got);
}

TEST(the_path_of_the_server_is_ignored_or_prepended_or_split)
{
    static const struct {
        enum openapi_basepath basepath;
        const char *key;
    } cases[] = {
        {OPENAPI_IGNORE, "GET /x"},
        {OPENAPI_PREPEND, "GET /v1/pets/x"},
        {OPENAPI_SPLIT, "GET /pets/x"},
    };
    struct openapi_import got;
    struct error err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK(import_with(HEAD "servers: [{url: 'https://h/{v}/pets/', variables: {v: {default: "
                               "v1}}}]\npaths: {/x: {get: {}}}\n",
                          cases[i].basepath, &got, &err) == 0);
        CHECK_MSG(route(&got, cases[i].key), "%s", cases[i].key);
        openapi_import_done(&got);
    }
}

TEST(security_becomes_authorization)
{
    struct openapi_import got = import(
        HEAD JWT "security: [{jwt: [root]}]\n"
                 "paths: {/a: {get: {}, put: {security: []}, post: {security: [{jwt: [x, y], key: "
                 "[]}]}, delete: {security: [{aws: []}]}, patch: {security: [{basic: []}]}}}\n");
    const json_t *get = route(&got, "GET /a"), *post = route(&got, "POST /a");

    CHECK_TEXT(json_text(get, "authorizationType"), "JWT");
    CHECK(json_array_size(json_object_get(get, "authorizationScopes")) == 1);
    CHECK_TEXT(json_text(route(&got, "PUT /a"), "authorizationType"), "NONE");
    CHECK(json_array_size(json_object_get(post, "authorizationScopes")) == 2);
    CHECK(json_bool(post, "apiKeyRequired", false));
    CHECK_TEXT(json_text(route(&got, "DELETE /a"), "authorizationType"), "AWS_IAM");
    CHECK(says(got.warnings, "'basic'"));
    const json_t *authorizer =
        json_object_get(json_object_get(got.document, "authorizers"),
                        json_string_value(json_object_get(get, "authorizerId")));
    CHECK_TEXT(json_text(json_object_get(authorizer, "jwtConfiguration"), "issuer"), "https://i");
    openapi_import_done(&got);
}

TEST(an_operation_may_want_signatures_by_itself)
{
    struct openapi_import got = import(
        HEAD JWT "security: [{jwt: []}]\n"
                 "paths: {/a: {get: {security: [], x-amazon-apigateway-auth: {type: AWS_IAM}},\n"
                 "put: {security: null, x-amazon-apigateway-auth: {type: NONE}},\n"
                 "post: {security: [{aws: []}], x-amazon-apigateway-auth: {type: aws_iam}}}}\n");

    CHECK_TEXT(json_text(route(&got, "GET /a"), "authorizationType"), "AWS_IAM");
    CHECK_TEXT(json_text(route(&got, "PUT /a"), "authorizationType"), "JWT");
    CHECK_TEXT(json_text(route(&got, "POST /a"), "authorizationType"), "AWS_IAM");
    openapi_import_done(&got);
}

TEST(documents_that_contradict_themselves_are_refused)
{
    static const struct {
        const char *source, *says;
    } cases[] = {
        {"openapi: 3.0.0\n", "title"},
        {HEAD "paths: []\n", "'paths'"},
        {HEAD "paths: {a: {}}\n", "slash"},
        {HEAD "paths: {/a: {get: 1}}\n", "not an object"},
        {HEAD JWT "paths: {/a: {get: {security: [{jwt: []}, {aws: []}]}}}\n", "several security"},
        {HEAD JWT "paths: {/a: {get: {security: [{jwt: [], aws: []}]}}}\n", "more than one"},
        {HEAD "paths: {/a: {get: {security: [{absent: []}]}}}\n", "no security scheme 'absent'"},
        /* What is wrong leaves nothing open. */
        {HEAD JWT "paths: {/a: {get: {security: jwt}}}\n", "'security' is not a list"},
        {HEAD JWT "security: {jwt: []}\npaths: {/a: {get: {}}}\n", "'security' is not a list"},
        {HEAD JWT "paths: {/a: {get: {security: [jwt]}}}\n", "is not an object"},
        {HEAD "paths: {/a: {get: {x-amazon-apigateway-auth: {type: CUSTOM}}}}\n",
         "AWS_IAM or NONE"},
        {HEAD JWT "paths: {/a: {get: {security: [{jwt: []}], x-amazon-apigateway-auth: {type: "
                  "AWS_IAM}}}}\n",
         "more than one"},
        {HEAD "paths: {/a: {get: {x-amazon-apigateway-integration: {type: nonsense}}}}\n",
         "'nonsense'"},
        {HEAD "paths: {/a: {get: {x-amazon-apigateway-integration: {$ref: '#/x'}}}}\n",
         "no integration '#/x'"},
        {HEAD "paths: {/a: {get: {operationId: 1}}}\n", "'operationId' is not a text"},
        {HEAD "paths: {}\nx-evoke-guard: 1\n", "x-evoke-guard"},
        {HEAD "paths: {}\nx-amazon-apigateway-cors: {allowOrigins: [1]}\n", "allowOrigins"},
    };
    struct openapi_import got;
    struct error err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_MSG(import_with(cases[i].source, OPENAPI_IGNORE, &got, &err) < 0, "%s",
                  cases[i].source);
        CHECK_MSG(strstr(err.text, cases[i].says), "%s: %s", cases[i].source, err.text);
    }
}

TEST(other_documents_are_told_apart)
{
    struct error err;

    CHECK(!openapi_parse(TEXT("swagger: '2.0'"), &err) && strstr(err.text, "convert"));
    CHECK(!openapi_parse(TEXT("{\"openapi\": \"4.0.0\"}"), &err) && strstr(err.text, "3.0"));
    CHECK(!openapi_parse(TEXT("{\"openapi\": }"), &err) && strstr(err.text, "line 1, column"));
    CHECK(!openapi_parse(TEXT("[]"), &err) && !openapi_parse(TEXT(""), &err));
}

TEST(an_export_is_imported_to_the_same)
{
    struct openapi_import first = import(
        HEAD JWT "tags: [{name: a, x-amazon-apigateway-tag-value: b}]\n"
                 "x-amazon-apigateway-cors: {allowOrigins: ['*'], maxAge: 5}\n"
                 "x-evoke-guard: {limits: {rate: 5}}\n"
                 "paths:\n"
                 "  /a/{b+}: {get: {x-amazon-apigateway-integration: &i {type: AWS_PROXY, uri: u, "
                 "payloadFormatVersion: '2.0', httpMethod: POST, timeoutInMillis: 5000, "
                 "requestParameters: {'append:header.a': b}, responseParameters: {'200': "
                 "{'overwrite:statuscode': '201'}}}, security: [{jwt: [s]}]}}\n"
                 "  /c: {x-amazon-apigateway-any-method: {security: [{key: []}], x-evoke-guard: "
                 "{waf: block}, x-amazon-apigateway-integration: *i}}\n");
    scoped(json_decref) json_t *one = openapi_export(first.document, true, "http://h");
    scoped(buffer_done) struct buffer yaml = {0};
    yaml_write(one, &yaml);
    struct openapi_import second = import(yaml.at);
    scoped(json_decref) json_t *other = openapi_export(second.document, true, "http://h");

    CHECK_MSG(json_equal(one, other), "%s", yaml.at);
    CHECK(json_array_size(second.warnings) == 0);
    CHECK(json_equal(json_object_get(first.document, "guards"),
                     json_object_get(second.document, "guards")));
    scoped(json_decref) json_t *plain = openapi_export(first.document, false, "");
    scoped(free) char *text = json_write(plain);
    CHECK(!strstr(text, "x-"));
    openapi_import_done(&first);
    openapi_import_done(&second);
}
