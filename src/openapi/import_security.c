/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/import_priv.h"

/* Security schemes into authorizers, security requirements into what routes ask for. */

#define AUTHORIZER "x-amazon-apigateway-authorizer"
#define OWN_TYPE "x-amazon-apigateway-auth"
#define OPENID "/.well-known/openid-configuration"

/* --- authorizers --- */

static void derive_issuer(json_t *jwt, const json_t *scheme)
{
    struct text url = json_text(scheme, "openIdConnectUrl");

    if (!json_object_get(jwt, "issuer") && text_ends(url, TEXT(OPENID))) {
        url.len -= sizeof OPENID - 1;
        json_object_set_new(jwt, "issuer", json_from_text(url));
    }
}

static int read_jwt(struct import *import, json_t *authorizer, const json_t *scheme,
                    const json_t *given, const char *name)
{
    const json_t *configuration = json_object_get(given, "jwtConfiguration");
    json_t *jwt = json_object();

    json_object_set_new(authorizer, "authorizerType", json_string("JWT"));
    json_object_set_new(authorizer, "jwtConfiguration", jwt);
    if (import_member(import, jwt, "issuer", configuration, "issuer", JSON_STRING, name) < 0 ||
        import_list(import, jwt, "audience", configuration, "audience", name) < 0)
        return -1;
    derive_issuer(jwt, scheme);
    if (!json_object_get(authorizer, "identitySource"))
        json_object_set_new(authorizer, "identitySource",
                            json_pack("[s]", "$request.header.Authorization"));
    return 0;
}

static int read_function(struct import *import, json_t *authorizer, const json_t *given,
                         const char *name)
{
    static const struct {
        const char *as, *name;
        json_type type;
    } members[] = {
        {"authorizerUri", "authorizerUri", JSON_STRING},
        {"authorizerPayloadFormatVersion", "authorizerPayloadFormatVersion", JSON_STRING},
        {"authorizerResultTtlInSeconds", "authorizerResultTtlInSeconds", JSON_INTEGER},
        {"enableSimpleResponses", "enableSimpleResponses", JSON_TRUE},
        {"authorizerCredentialsArn", "authorizerCredentials", JSON_STRING},
        {"identityValidationExpression", "identityValidationExpression", JSON_STRING},
    };

    json_object_set_new(authorizer, "authorizerType", json_string("REQUEST"));
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (import_member(import, authorizer, members[i].as, given, members[i].name,
                          members[i].type, name) < 0)
            return -1;
    return 0;
}

static int read_authorizer(struct import *import, const char *name, const json_t *scheme)
{
    const json_t *given = json_object_get(scheme, AUTHORIZER);
    struct text type = json_text(given, "type");
    struct text id = import->options->new_id(import->options->arg);
    json_t *authorizer = json_pack("{s:s%,s:s}", "authorizerId", id.at, id.len, "name", name);

    json_object_setn_new(import_collection(import, "authorizers"), id.at, id.len, authorizer);
    json_object_set_new(import->schemes, name, json_from_text(id));
    if (import_list(import, authorizer, "identitySource", given, "identitySource", name) < 0)
        return -1;
    if (text_equal(type, TEXT("jwt")))
        return read_jwt(import, authorizer, scheme, given, name);
    if (text_equal(type, TEXT("request")))
        return read_function(import, authorizer, given, name);
    return import_fail(
        import, "security scheme '%s': the type of " AUTHORIZER " must be jwt or request", name);
}

int import_schemes(struct import *import)
{
    const json_t *schemes =
        json_object_get(json_object_get(import->source, "components"), "securitySchemes");
    const char *name;
    json_t *scheme;

    json_object_foreach((json_t *)(uintptr_t)schemes, name, scheme)
    {
        if (json_object_get(scheme, AUTHORIZER) && read_authorizer(import, name, scheme) < 0)
            return -1;
    }
    return 0;
}

/* --- requirements --- */

static const json_t *find_scheme(const struct import *import, const char *name)
{
    return json_object_get(
        json_object_get(json_object_get(import->source, "components"), "securitySchemes"), name);
}

static bool is_api_key(const json_t *scheme)
{
    return text_equal(json_text(scheme, "type"), TEXT("apiKey")) &&
           text_equal(json_text(scheme, "in"), TEXT("header")) &&
           text_equal_nocase(json_text(scheme, "name"), TEXT("x-api-key"));
}

static bool is_signed(const json_t *scheme)
{
    return text_equal_nocase(json_text(scheme, "x-amazon-apigateway-authtype"), TEXT("awsSigv4"));
}

static void warn_open(struct import *import, const char *name, const json_t *scheme,
                      const char *where)
{
    if (json_object_get(import->open_schemes, name))
        return;
    json_object_set_new(import->open_schemes, name, json_true());
    import_warn(import,
                "security scheme '%s' (%.*s) has no " AUTHORIZER
                ": routes that ask for it, such as %s, are not protected by it",
                name, TEXT_ARG(json_text(scheme, "type")), where);
}

/* One scheme of a requirement into the route. 1: it means something here. */
static int read_requirement_scheme(struct import *import, const char *name, const json_t *scopes,
                                   json_t *route, const char *where)
{
    const json_t *scheme = find_scheme(import, name);
    json_t *id = json_object_get(import->schemes, name);

    if (!scheme)
        return import_fail(import, "%s: there is no security scheme '%s'", where, name);
    if (is_api_key(scheme) && !id) {
        json_object_set_new(route, "apiKeyRequired", json_true());
        return 1;
    }
    if (!id && !is_signed(scheme)) {
        warn_open(import, name, scheme, where);
        return 0;
    }
    if (!text_equal(json_text(route, "authorizationType"), TEXT("NONE")))
        return import_fail(import, "%s: more than one authorizer on an operation", where);
    if (!id) {
        json_object_set_new(route, "authorizationType", json_string("AWS_IAM"));
        return 1;
    }
    const json_t *authorizer =
        json_object_get(import_collection(import, "authorizers"), json_string_value(id));
    bool is_jwt = text_equal(json_text(authorizer, "authorizerType"), TEXT("JWT"));
    json_object_set_new(route, "authorizationType", json_string(is_jwt ? "JWT" : "CUSTOM"));
    json_object_set(route, "authorizerId", id);
    if (is_jwt && json_array_size(scopes) > 0)
        json_object_set_new(route, "authorizationScopes", json_deep_copy(scopes));
    return 1;
}

static int read_requirement(struct import *import, const json_t *requirement, json_t *route,
                            const char *where)
{
    int known = 0;
    const char *name;
    json_t *scopes;

    json_object_foreach((json_t *)(uintptr_t)requirement, name, scopes)
    {
        int one = read_requirement_scheme(import, name, scopes, route, where);
        if (one < 0)
            return -1;
        known += one;
    }
    return known;
}

/* What is said of an operation, else of the document. NULL: nothing. */
static const json_t *find_said(const struct import *import, const json_t *operation,
                               const char *name)
{
    const json_t *said = json_object_get(operation, name);

    if (!said || json_is_null(said))
        said = json_object_get(import->source, name);
    return json_is_null(said) ? NULL : said;
}

/* An operation's own word for signatures, without a scheme. A type that would protect it and is
 * not known must not leave it open. */
static int read_own_type(struct import *import, const json_t *operation, json_t *route,
                         const char *where)
{
    const json_t *own = find_said(import, operation, OWN_TYPE);
    struct text type = json_text(own, "type"), has = json_text(route, "authorizationType");
    bool is_open = text_equal(has, TEXT("NONE"));

    if (!own || text_equal_nocase(type, TEXT("NONE")) || text_equal_nocase(type, has))
        return 0;
    if (!text_equal_nocase(type, TEXT("AWS_IAM")))
        return is_open ? import_fail(import,
                                     "%s: " OWN_TYPE " has the type AWS_IAM or NONE, what else "
                                     "protects an operation is a security scheme",
                                     where)
                       : 0;
    if (!is_open)
        return import_fail(import, "%s: more than one authorizer on an operation", where);
    json_object_set_new(route, "authorizationType", json_string("AWS_IAM"));
    return 0;
}

int import_security(struct import *import, const json_t *operation, json_t *route,
                    const char *where)
{
    const json_t *security = find_said(import, operation, "security"), *requirement;
    bool found = false;
    size_t index;

    if (security && !json_is_array(security))
        return import_fail(import, "%s: 'security' is not a list", where);
    json_array_foreach(security, index, requirement)
    {
        if (!json_is_object(requirement))
            return import_fail(import, "%s: a member of 'security' is not an object", where);
        /* One at a time into a copy: what is an alternative to what is known is an error. */
        scoped(json_decref) json_t *changed = json_copy(route);
        if (found) {
            json_object_set_new(changed, "authorizationType", json_string("NONE"));
            json_object_set_new(changed, "apiKeyRequired", json_false());
        }
        int known = read_requirement(import, requirement, changed, where);
        if (known < 0)
            return -1;
        if (known > 0 && found)
            return import_fail(import,
                               "%s: several security requirements on one operation are "
                               "not supported",
                               where);
        if (known > 0)
            json_object_update(route, changed);
        found = found || known > 0;
    }
    return read_own_type(import, operation, route, where);
}
