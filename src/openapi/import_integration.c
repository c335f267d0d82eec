/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/import_priv.h"

/* x-amazon-apigateway-integration into integrations. */

#define INTEGRATION "x-amazon-apigateway-integration"
#define NAMED "x-amazon-apigateway-integrations"
#define REFERENCE "#/components/" NAMED "/"

static int check_texts(struct import *import, const json_t *map, const char *where)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        if (!json_is_string(value))
            return import_fail(import, "%s: the value of parameter '%s' is not a text", where,
                               name);
    }
    return 0;
}

static int check_parameters(struct import *import, const json_t *integration, const char *where)
{
    const char *status;
    json_t *map;

    if (check_texts(import, json_object_get(integration, "requestParameters"), where) < 0)
        return -1;
    json_object_foreach(json_object_get(integration, "responseParameters"), status, map)
    {
        if (!json_is_object(map))
            return import_fail(import, "%s: responseParameters of '%s' are not an object", where,
                               status);
        if (check_texts(import, map, where) < 0)
            return -1;
    }
    return 0;
}

/* "aws_proxy", in any case, as the API spells it. */
static int read_type(struct import *import, json_t *integration, const json_t *given,
                     const char *where)
{
    static const char *const types[] = {"AWS_PROXY", "HTTP_PROXY", "AWS", "HTTP", "MOCK"};
    struct text type = json_text(given, "type");

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (text_equal_nocase(type, text_of(types[i]))) {
            json_object_set_new(integration, "integrationType", json_string(types[i]));
            return 0;
        }
    return import_fail(import,
                       "%s: '%.*s' is no type of an integration: an HTTP API has "
                       "aws_proxy and http_proxy",
                       where, TEXT_ARG(type));
}

static json_t *read_integration(struct import *import, const json_t *given, const char *where)
{
    static const struct {
        const char *as, *name;
        json_type type;
    } members[] = {
        {"integrationMethod", "httpMethod", JSON_STRING},
        {"integrationUri", "uri", JSON_STRING},
        {"payloadFormatVersion", "payloadFormatVersion", JSON_STRING},
        {"connectionType", "connectionType", JSON_STRING},
        {"connectionId", "connectionId", JSON_STRING},
        {"credentialsArn", "credentials", JSON_STRING},
        {"description", "description", JSON_STRING},
        {"integrationSubtype", "integrationSubtype", JSON_STRING},
        {"requestParameters", "requestParameters", JSON_OBJECT},
        {"responseParameters", "responseParameters", JSON_OBJECT},
        {"timeoutInMillis", "timeoutInMillis", JSON_INTEGER},
        {"tlsConfig", "tlsConfig", JSON_OBJECT},
    };
    struct text id = import->options->new_id(import->options->arg);
    json_t *integration = json_pack("{s:s%}", "integrationId", id.at, id.len);

    json_object_setn_new(import_collection(import, "integrations"), id.at, id.len, integration);
    if (!json_is_object(given)) {
        (void)import_fail(import, "%s: the integration is not an object", where);
        return NULL;
    }
    if (json_object_get(given, "responses"))
        import_info(import,
                    "%s: 'responses' of the integration are ignored: an HTTP API has "
                    "responseParameters",
                    where);
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (import_member(import, integration, members[i].as, given, members[i].name,
                          members[i].type, where) < 0)
            return NULL;
    return read_type(import, integration, given, where) < 0 ||
                   check_parameters(import, integration, where) < 0
               ? NULL
               : integration;
}

int import_named_integrations(struct import *import)
{
    const json_t *named = json_object_get(json_object_get(import->source, "components"), NAMED);
    const char *name;
    json_t *given;

    json_object_foreach((json_t *)(uintptr_t)named, name, given)
    {
        const json_t *integration = read_integration(import, given, name);
        if (!integration)
            return -1;
        json_object_set(import->named, name, json_object_get(integration, "integrationId"));
    }
    return 0;
}

static void set_target(json_t *route, struct text id)
{
    json_object_set_new(route, "target", json_sprintf("integrations/%.*s", TEXT_ARG(id)));
}

int import_integration(struct import *import, const json_t *operation, json_t *route,
                       const char *where)
{
    const json_t *given = json_object_get(operation, INTEGRATION);
    struct text reference = json_text(given, "$ref");

    if (!given) {
        import->without_integration++;
        return 0;
    }
    if (!text_is_set(reference)) {
        const json_t *integration = read_integration(import, given, where);
        if (!integration)
            return -1;
        set_target(route, json_text(integration, "integrationId"));
        return 0;
    }
    struct text name = text_starts(reference, TEXT(REFERENCE))
                           ? text_skip(reference, sizeof REFERENCE - 1)
                           : TEXT_NONE;
    const json_t *id = json_object_getn(import->named, name.len ? name.at : "", name.len);
    if (!id)
        return import_fail(import, "%s: there is no integration '%.*s'", where,
                           TEXT_ARG(reference));
    set_target(route, text_from(json_string_value(id), json_string_length(id)));
    return 0;
}
