/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "gateway/mapping.h"
#include "guard/authorizer.h"
#include "guard/guard.h"
#include "guard/limit.h"
#include "model/function.h"
#include "model/route_tree.h"

/*
 * An API as the shards have it: compiled from the bundle that the control plane makes of its
 * documents (AWS's shapes as on the wire):
 *
 *     {"api": Api, "stages": [{Stage..., "deployed": {"routes": [Route], "integrations":
 *      [Integration], "authorizers": [Authorizer]}}], "guards": {"": guard, "ROUTEKEY": guard}}
 *
 * A snapshot never changes and is counted: any thread reads it, a request keeps the one it
 * began with.
 */
struct access_format;
struct service_integration;
struct socket_mapping;
struct socket_responses;
struct socket_templates;

enum api_protocol { API_HTTP, API_WEBSOCKET };

enum integration_kind {
    INTEGRATION_FUNCTION,
    INTEGRATION_HTTP,     /* the request goes on to a URL */
    INTEGRATION_SERVICE,  /* an action of a service */
    INTEGRATION_MOCK,     /* of a WebSocket API: the gateway answers */
    INTEGRATION_UNSERVED, /* something Evoke has not: its requests get a 501 */
};

struct api_integration {
    enum integration_kind kind;
    char *id, *uri, *method;
    int payload_version; /* 1 or 2 */
    int64_t timeout_ms;
    bool has_credentials; /* a role is named: no permission of the function's is asked for */
    /* INTEGRATION_FUNCTION */
    char *account, *region, *function, *qualifier;
    char *function_key; /* of the three, and its hash: looked up for each request */
    uint64_t function_hash;
    /* INTEGRATION_HTTP: uri with "{parameter}", method with ANY */
    char *server_name; /* that TLS asks for instead of the URL's; NULL: none */
    /* INTEGRATION_SERVICE */
    struct service_integration *service;
    bool is_whole; /* the message itself is the action's input */
    /* Of a WebSocket API */
    bool is_custom; /* no proxy: the message itself is sent, and templates hold */
    struct socket_mapping *socket_mapping;
    struct socket_templates *templates; /* NULL: a proxy */
    struct socket_responses *responses; /* likewise */
    struct mapping *request_mapping; /* NULL: none */
    struct api_response_mapping {
        int status; /* of the integration's answer */
        struct mapping *mapping;
    } * response_mappings;
    size_t response_mapping_count;
    json_t *document; /* AWS's, stage variables filled in */
};

enum route_authorization {
    AUTHORIZATION_NONE,
    AUTHORIZATION_JWT,
    AUTHORIZATION_CUSTOM,
    AUTHORIZATION_IAM
};

struct api_route {
    char *id, *key;           /* "GET /pets/{id}", "$default" */
    struct text method, path; /* of the key; "$default" has neither */
    struct text *parameters;  /* their names, in the path's order */
    size_t parameter_count;
    const struct api_integration *integration; /* NULL: none */
    enum route_authorization authorization;
    const struct authorizer *authorizer; /* the stage's; of JWT and CUSTOM only */
    char **scopes;
    size_t scope_count;
    bool needs_key;  /* apiKeyRequired */
    bool is_two_way; /* of a WebSocket API: what the function answers goes to the client */
    struct limit_rate throttle; /* AWS's, of the stage's settings */
    struct guard *guard;        /* of the route; NULL: none of its own, the API's holds */
};

struct api_authorizer {
    char *id;
    struct authorizer *compiled;
};

struct api_stage {
    char *name;
    char *arn; /* "arn:aws:execute-api:REGION:ACCOUNT:API/NAME/": method and path follow */
    struct variable *variables;
    size_t variable_count;
    struct route_tree tree;     /* of struct api_route */
    struct api_route *fallback; /* $default; NULL: none */
    struct api_route *routes;
    size_t route_count;
    struct api_integration *integrations;
    size_t integration_count;
    struct api_authorizer *authorizers;
    size_t authorizer_count;
    struct access_format *log_format; /* of accessLogSettings; NULL: none */
    char *log_group;
    const json_t *document; /* AWS's: settings that others read. Borrowed from the API */
};

struct http_api {
    atomic_int refs;
    enum api_protocol protocol;
    char *id, *name, *account, *region;
    bool is_endpoint_disabled; /* disableExecuteApiEndpoint: at its domains only */
    bool is_key_authorizers;   /* apiKeySelectionExpression: what an authorizer names */
    struct cors cors;
    char *route_selection; /* routeSelectionExpression */
    struct api_stage *stages;
    size_t stage_count;
    struct guard *guard;                 /* of the API as a whole; NULL: none */
    const struct guard_services *guards; /* what guards are compiled with */
    json_t *bundle;                      /* what it was made of: read only */
};

/* Fails with a sentence that names what is wrong: what the control plane answers then. */
struct http_api *http_api_compile(const json_t *bundle, struct text account, struct text region,
                                  const struct guard_services *guards, struct error *err);
struct http_api *http_api_ref(struct http_api *api);
void http_api_unref(struct http_api *api); /* NULL does nothing */
DEFINE_SCOPED(struct http_api *, http_api_unref)

/* Whether an Integration can be served as far as it can be told before it is deployed: its mappings,
 * templates, and what service it names. */
int api_integration_check(const json_t *document, enum api_protocol protocol, struct text region,
                          struct error *err);

/* A stage's accessLogSettings, checked: the name of the log group, and what its lines look like. */
int api_log_settings(const json_t *settings, struct text *ret_group,
                     struct access_format **ret_format, struct error *err);

/* By its name; NULL. */
const struct api_stage *http_api_stage(const struct http_api *api, struct text name);
/* The stage that a path chooses: of its first segment's name, which is then taken off *path,
 * else "$default". NULL: neither is there. */
const struct api_stage *http_api_choose_stage(const struct http_api *api, struct text *path);

/* The route of a method and a path within the stage; NULL. match is valid then, and of $default
 * has no parameters. */
const struct api_route *api_stage_find(const struct api_stage *stage, struct text method,
                                       struct text path, struct route_match *ret);
/* The ARN of a request: of its method and path, or of what stands in place of both. */
struct text api_stage_request_arn(const struct api_stage *stage, struct text method,
                                  struct text path, struct arena *arena);
const char *api_stage_variable(const struct api_stage *stage, struct text name); /* or NULL */
