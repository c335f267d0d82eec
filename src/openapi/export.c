/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/openapi.h"

#include "base/json.h"
#include "base/mem.h"
#include "model/route_key.h"

/*
 * An API as an OpenAPI document. Routes stand in the order of their paths and methods, so that
 * the same API gives the same document whatever the order it was made in. An integration of
 * one route stands at its operation; one of several, or of none, among the components.
 */

struct export
{
    const json_t *api; /* the whole */
    json_t *document;
    json_t *uses;    /* by the id of an integration: how many routes have it */
    json_t *named;   /* names among the components, by id */
    json_t *schemes; /* names of security schemes: by an authorizer's id, "" and "-" */
    bool with_extensions;
};

/* The value of document[name], made when it is not there. */
static json_t *member(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    if (!value) {
        value = json_object();
        json_object_set_new(object, name, value);
    }
    return value;
}

static void copy(json_t *into, const char *as, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);

    if (value)
        json_object_set(into, as, value);
}

/* --- the API itself --- */

static void write_tags(struct export *export, const json_t *api)
{
    json_t *tags = json_array(), *value;
    const char *name;

    json_object_foreach(json_object_get(api, "tags"), name, value)
    {
        json_t *tag = json_pack("{s:s}", "name", name);
        if (export->with_extensions)
            json_object_set(tag, "x-amazon-apigateway-tag-value", value);
        json_array_append_new(tags, tag);
    }
    if (json_array_size(tags) > 0)
        json_object_set(export->document, "tags", tags);
    json_decref(tags);
}

static void write_server(struct export *export, const json_t *api, const char *server)
{
    bool is_disabled = json_bool(api, "disableExecuteApiEndpoint", false);

    if (!*server && !is_disabled)
        return;
    json_t *one = json_pack("{s:s}", "url", *server ? server : "/");
    if (is_disabled && export->with_extensions)
        json_object_set_new(one, "x-amazon-apigateway-endpoint-configuration",
                            json_pack("{s:b}", "disableExecuteApiEndpoint", 1));
    json_object_set_new(export->document, "servers", json_pack("[o]", one));
}

static void write_head(struct export *export, const char *server)
{
    const json_t *api = json_object_get(export->api, "api");
    json_t *info = json_object();

    json_object_set_new(export->document, "openapi", json_string("3.0.1"));
    json_object_set_new(export->document, "info", info);
    copy(info, "title", api, "name");
    copy(info, "description", api, "description");
    copy(info, "version", api, json_object_get(api, "version") ? "version" : "createdDate");
    if (!json_object_get(info, "version"))
        json_object_set_new(info, "version", json_string("1.0"));
    write_server(export, api, server);
    write_tags(export, api);
}

static void write_tail(struct export *export)
{
    if (!export->with_extensions)
        return;
    copy(export->document, "x-amazon-apigateway-cors", json_object_get(export->api, "api"),
         "corsConfiguration");
    copy(export->document, "x-evoke-guard", json_object_get(export->api, "guards"), "");
    json_object_set_new(export->document, "x-amazon-apigateway-importexport-version",
                        json_string("1.0"));
}

/* --- security --- */

/* A name no other scheme has. */
static char *free_name(const json_t *schemes, const char *wanted)
{
    char *name = mem_strdup(wanted);

    while (json_object_get(schemes, name)) {
        char *longer = mem_format("%s_", name);
        free(name);
        name = longer;
    }
    return name;
}

/* Adds a scheme and remembers its name under id. */
static void add_scheme(struct export *export, const char *id, const char *wanted, json_t *scheme)
{
    json_t *schemes = member(member(export->document, "components"), "securitySchemes");
    scoped(free) char *name = free_name(schemes, wanted);

    json_object_set_new(schemes, name, scheme);
    json_object_set_new(export->schemes, id, json_string(name));
}

static json_t *authorizer_scheme(const struct export *export, const json_t *authorizer)
{
    static const char *const members[][2] = {
        {"authorizerUri", "authorizerUri"},
        {"authorizerPayloadFormatVersion", "authorizerPayloadFormatVersion"},
        {"authorizerResultTtlInSeconds", "authorizerResultTtlInSeconds"},
        {"enableSimpleResponses", "enableSimpleResponses"},
        {"authorizerCredentials", "authorizerCredentialsArn"},
        {"identityValidationExpression", "identityValidationExpression"},
        {"jwtConfiguration", "jwtConfiguration"},
        {"identitySource", "identitySource"},
    };
    bool is_jwt = text_equal(json_text(authorizer, "authorizerType"), TEXT("JWT"));
    json_t *scheme =
        is_jwt
            ? json_pack("{s:s,s:s,s:s}", "type", "http", "scheme", "bearer", "bearerFormat", "JWT")
            : json_pack("{s:s,s:s,s:s}", "type", "apiKey", "name", "Authorization", "in", "header");

    if (!export->with_extensions)
        return scheme;
    json_t *extension = json_pack("{s:s}", "type", is_jwt ? "jwt" : "request");
    for (size_t i = 0; i < COUNT_OF(members); i++)
        copy(extension, members[i][0], authorizer, members[i][1]);
    json_object_set_new(scheme, "x-amazon-apigateway-authorizer", extension);
    return scheme;
}

static void write_schemes(struct export *export)
{
    const char *id;
    json_t *authorizer;

    json_object_foreach(json_object_get(export->api, "authorizers"), id, authorizer)
    {
        add_scheme(export, id, json_string_value(json_object_get(authorizer, "name")),
                   authorizer_scheme(export, authorizer));
    }
}

static void require(json_t *requirement, const struct export *export, const char *id,
                    json_t *scopes)
{
    const char *name = json_string_value(json_object_get(export->schemes, id));

    if (name)
        json_object_set_new(requirement, name, scopes ? json_incref(scopes) : json_array());
}

static void write_security(struct export *export, json_t *operation, const json_t *route)
{
    struct text type = json_text(route, "authorizationType");
    json_t *requirement = json_object();

    if (text_equal(type, TEXT("AWS_IAM"))) {
        if (!json_object_get(export->schemes, "-"))
            add_scheme(export, "-", "sigv4",
                       json_pack("{s:s,s:s,s:s,s:s}", "type", "apiKey", "name", "Authorization",
                                 "in", "header", "x-amazon-apigateway-authtype", "awsSigv4"));
        require(requirement, export, "-", NULL);
    } else if (!text_equal(type, TEXT("NONE"))) {
        require(requirement, export, json_string_value(json_object_get(route, "authorizerId")),
                json_object_get(route, "authorizationScopes"));
    }
    if (json_bool(route, "apiKeyRequired", false)) {
        if (!json_object_get(export->schemes, ""))
            add_scheme(
                export, "", "api_key",
                json_pack("{s:s,s:s,s:s}", "type", "apiKey", "name", "x-api-key", "in", "header"));
        require(requirement, export, "", NULL);
    }
    if (json_object_size(requirement) > 0)
        json_object_set_new(operation, "security", json_pack("[O]", requirement));
    json_decref(requirement);
}

/* --- integrations --- */

static const char *target_of(const json_t *route)
{
    const char *target = json_string_value(json_object_get(route, "target"));

    return target && strncmp(target, "integrations/", 13) == 0 ? target + 13 : "";
}

static json_t *integration_extension(const json_t *integration)
{
    static const char *const members[][2] = {
        {"integrationSubtype", "integrationSubtype"},
        {"httpMethod", "integrationMethod"},
        {"uri", "integrationUri"},
        {"payloadFormatVersion", "payloadFormatVersion"},
        {"connectionType", "connectionType"},
        {"connectionId", "connectionId"},
        {"credentials", "credentialsArn"},
        {"description", "description"},
        {"requestParameters", "requestParameters"},
        {"responseParameters", "responseParameters"},
        {"timeoutInMillis", "timeoutInMillis"},
        {"tlsConfig", "tlsConfig"},
    };
    char type[16] = "";
    struct text given = json_text(integration, "integrationType");

    for (size_t i = 0; i < given.len && i < sizeof type - 1; i++)
        type[i] = (char)(given.at[i] == '_' ? '_' : given.at[i] | 0x20);
    json_t *extension = json_pack("{s:s}", "type", type);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        copy(extension, members[i][0], integration, members[i][1]);
    return extension;
}

/* Its name among the components, given when it is first asked for. */
static const char *name_integration(struct export *export, const char *id,
                                    const json_t *integration)
{
    json_t *name = json_object_get(export->named, id);

    if (!name) {
        name = json_sprintf("integration%zu", json_object_size(export->named) + 1);
        json_object_set_new(export->named, id, name);
        json_object_set_new(
            member(member(export->document, "components"), "x-amazon-apigateway-integrations"),
            json_string_value(name), integration_extension(integration));
    }
    return json_string_value(name);
}

static void write_integration(struct export *export, json_t *operation, const json_t *route)
{
    const char *id = target_of(route);
    const json_t *integration = json_object_get(json_object_get(export->api, "integrations"), id);

    if (!integration)
        return;
    json_object_set_new(
        operation, "x-amazon-apigateway-integration",
        json_int(export->uses, id, 0) == 1
            ? integration_extension(integration)
            : json_pack("{s:o}", "$ref",
                        json_sprintf("#/components/x-amazon-apigateway-integrations/%s",
                                     name_integration(export, id, integration))));
}

static void count_uses(struct export *export)
{
    const char *id;
    json_t *route;

    json_object_foreach(json_object_get(export->api, "routes"), id, route)
    {
        const char *target = target_of(route);
        json_object_set_new(export->uses, target,
                            json_integer(json_int(export->uses, target, 0) + 1));
    }
}

/* Those of no route. */
static void write_unused(struct export *export)
{
    const char *id;
    json_t *integration;

    json_object_foreach(json_object_get(export->api, "integrations"), id, integration)
    {
        if (json_int(export->uses, id, 0) == 0)
            (void)name_integration(export, id, integration);
    }
}

/* --- operations --- */

static json_t *path_parameters(struct text path)
{
    json_t *parameters = json_array();
    struct text name;
    bool greedy;

    while (route_key_next_parameter(&path, &name, &greedy))
        json_array_append_new(
            parameters, json_pack("{s:o,s:s,s:o,s:b,s:{s:s}}", "name", json_from_text(name), "in",
                                  "path", "description",
                                  json_sprintf("Generated path parameter for %.*s", TEXT_ARG(name)),
                                  "required", 1, "schema", "type", "string"));
    return parameters;
}

static json_t *new_operation(struct export *export, const json_t *route, struct text key)
{
    json_t *operation = json_object();

    copy(operation, "operationId", route, "operationName");
    json_object_set_new(operation, "responses",
                        json_pack("{s:{s:o}}", "default", "description",
                                  json_sprintf("Default response for %.*s", TEXT_ARG(key))));
    write_security(export, operation, route);
    if (!export->with_extensions)
        return operation;
    if (text_equal(key, TEXT(ROUTE_KEY_DEFAULT)))
        json_object_set_new(operation, "isDefaultRoute", json_true());
    write_integration(export, operation, route);
    json_t *guard = json_object_getn(json_object_get(export->api, "guards"), key.at, key.len);
    if (guard)
        json_object_set(operation, "x-evoke-guard", guard);
    return operation;
}

/* "GET" as it stands in a path item. */
static const char *method_name(struct text method)
{
    static const char *const methods[][2] = {
        {"GET", "get"},         {"PUT", "put"},   {"POST", "post"},   {"DELETE", "delete"},
        {"OPTIONS", "options"}, {"HEAD", "head"}, {"PATCH", "patch"},
    };

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (text_equal(method, text_of(methods[i][0])))
            return methods[i][1];
    return "x-amazon-apigateway-any-method";
}

static void write_route(struct export *export, const json_t *route)
{
    struct text key = json_text(route, "routeKey"), path = key, method = TEXT("ANY");
    bool is_default = text_equal(key, TEXT(ROUTE_KEY_DEFAULT));

    if (is_default)
        path = TEXT("/" ROUTE_KEY_DEFAULT);
    else
        (void)text_split(&path, ' ', &method);
    const char *name = method_name(method);
    if (!export->with_extensions && *name == 'x')
        return; /* ANY is an extension */
    scoped(free) char *path_name = text_dup(path);
    json_t *item = member(member(export->document, "paths"), path_name);
    json_object_set_new(item, name, new_operation(export, route, key));
    scoped(json_decref) json_t *parameters = path_parameters(path);
    if (json_array_size(parameters) > 0)
        json_object_set(item, "parameters", parameters);
}

/* By path, then by method. */
static int compare_routes(const void *a, const void *b)
{
    const char *one = json_string_value(json_object_get(*(json_t *const *)a, "routeKey"));
    const char *other = json_string_value(json_object_get(*(json_t *const *)b, "routeKey"));
    const char *path = strchr(one, ' '), *other_path = strchr(other, ' ');
    int order = strcmp(path ? path : one, other_path ? other_path : other);

    return order ? order : strcmp(one, other);
}

static void write_routes(struct export *export)
{
    const json_t *routes = json_object_get(export->api, "routes");
    size_t count = 0;
    scoped(free) json_t **sorted = mem_zalloc((json_object_size(routes) + 1) * sizeof *sorted);
    const char *id;
    json_t *route;

    json_object_foreach((json_t *)(uintptr_t)routes, id, route)
    {
        sorted[count++] = route;
    }
    qsort(sorted, count, sizeof *sorted, compare_routes);
    (void)member(export->document, "paths");
    for (size_t i = 0; i < count; i++)
        write_route(export, sorted[i]);
}

json_t *openapi_export(const json_t *api, bool with_extensions, const char *server)
{
    struct export export = {.api = api,
                            .document = json_object(),
                            .uses = json_object(),
                            .named = json_object(),
                            .schemes = json_object(),
                            .with_extensions = with_extensions};

    count_uses(&export);
    write_head(&export, server);
    write_schemes(&export);
    write_routes(&export);
    if (with_extensions)
        write_unused(&export);
    write_tail(&export);
    json_decref(export.uses);
    json_decref(export.named);
    json_decref(export.schemes);
    return export.document;
}
