/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api_priv.h"
#include "api/apigateway.h"
#include "gateway/http_apis.h"
#include "store/registry.h"

/*
 * What the files of the API Gateway actions share. All actions run on the control thread.
 *
 * An API is one document, so that an import or a deletion is all or nothing:
 *
 *     {"api": {...}, "routes": {ID: {...}}, "integrations": ..., "authorizers": ...,
 *      "models": ..., "routeResponses": ..., "integrationResponses": ...,
 *      "stages": {NAME: {...}}, "guards": {ROUTE-KEY or "": {...}}}
 *
 * The parts have AWS's shapes, as on the wire; members that begin with "-" are ours and not
 * shown. A deployment is a document of its own, {"deployment": {...}, "deployed": {"routes":
 * [...], ...}}, a copy of what the API was; a domain name {"domain": {...}, "mappings": {ID:
 * {...}}}. Documents never change: an edit makes a new one that shares what stays.
 */

#define APIGATEWAY PROTOCOL_REST_JSON, "apigateway"
#define APIGATEWAY_ID 10     /* characters of an API's id, and of keys and plans */
#define APIGATEWAY_PART_ID 7 /* of a part's */
#define APIGATEWAY_PAGE 100
#define APIGATEWAY_PAGE_MAX 500

struct truststores;
struct usages;
struct limit_table;

enum apigateway_kind {
    APIGATEWAY_API,
    APIGATEWAY_DEPLOYMENT,
    APIGATEWAY_DOMAIN,
    APIGATEWAY_KEY,
    APIGATEWAY_PLAN,
    APIGATEWAY_KINDS
};

/* --- documents: apigateway.c --- */

const struct registry *apigateway_registry(const struct apigateway *apigateway,
                                           enum apigateway_kind kind);
struct truststores *apigateway_truststores(const struct apigateway *apigateway);
struct usages *apigateway_usages(const struct apigateway *apigateway);
struct limit_table *apigateway_limits(const struct apigateway *apigateway);
const char *apigateway_data_folder(const struct apigateway *apigateway);
struct text apigateway_truststore_uri(const json_t *domain); /* none: no mutual TLS */
/* "ACCOUNT/REGION/NAME", in the arena. */
struct text apigateway_key(struct call *call, struct text name);
struct text apigateway_deployment_key(struct call *call, struct text api, struct text deployment);
const json_t *apigateway_find(struct call *call, enum apigateway_kind kind, struct text name);
/* A new id of lower-case letters and digits, in the arena. */
struct text apigateway_new_id(struct call *call, size_t len);

/* What is to be stored together; answered when it is on disk and every shard serves it. The
 * answer's body is in call->answer already. */
struct apigateway_save;
struct apigateway_save *apigateway_save_new(struct call *call, int status);
void apigateway_save_put(struct apigateway_save *save, enum apigateway_kind kind, struct text key,
                         json_t *document);

/* --- apigateway_plans.c --- */

/* The key in the path, and in the plan, whose document is *ret_document. NULL: answered. */
const json_t *apigateway_find_plan_key(struct call *call, const json_t **ret_document);
/* Ends the call: the plan in the path with another member; takes value. */
void apigateway_save_plan(struct call *call, const json_t *before, const char *name, json_t *value,
                          int status);
 /* takes document */
void apigateway_save_delete(struct apigateway_save *save, enum apigateway_kind kind,
                            struct text key);

/* Deletes the deployments of an API that is no more, in the background. */
void apigateway_forget_deployments(struct apigateway *apigateway, struct text api_key);

/* --- what the shards serve: apigateway_publish.c --- */

struct http_apis *apigateway_http_apis(const struct apigateway *apigateway);
/* As the documents are now; of an API that is gone, that it is. As http_apis_publish() and so on:
 * after -1 nothing changed and change->done() does not come. */
int apigateway_publish_api(struct apigateway *apigateway, struct text key,
                           struct http_apis_change *change, struct error *err);
int apigateway_publish_domains(struct apigateway *apigateway, struct http_apis_change *change,
                               struct error *err);
int apigateway_publish_keys(struct apigateway *apigateway, struct http_apis_change *change,
                            struct error *err);
/* All there is. change->done() comes when every shard serves it. False: some of it cannot be
 * served, and it does not come. */
bool apigateway_publish_all(struct apigateway *apigateway, struct http_apis_change *change);
/* Whether the gateway can serve an API as it would be, with a deployment that is not stored yet
 * (or NULL). -1, and why not. */
int apigateway_try(const struct apigateway *apigateway, struct text key, const json_t *document,
                   const json_t *deployment, struct error *err);

/* --- answers: apigateway_answer.c --- */

void apigateway_fail(struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* BadRequestException */
/* "Invalid WHAT identifier specified ID" */
void apigateway_fail_absent(struct call *call, const char *what, struct text id);
/* A document as AWS shows it, into call->answer. */
void apigateway_write(struct writer *writer, const char *key, const json_t *document);
void apigateway_show(struct call *call, const json_t *document);
/* A page of a list: {"items": [...], "nextToken": ...}, or with "item" and "position" in the
 * older API, by what the action takes. */
struct apigateway_page {
    struct call *call;
    struct writer writer;
    struct text after; /* the last one of the page before */
    struct text last;
    int64_t left;
    bool is_old, is_cut;
};
bool apigateway_page_begin(struct apigateway_page *page, struct call *call); /* false: answered */
bool apigateway_page_has_room(struct apigateway_page *page, struct text key);
void apigateway_page_end(struct apigateway_page *page);
/* All of an object of documents, in the order of their keys. wants() may be NULL. */
void apigateway_reply_parts(struct call *call, const json_t *parts,
                            bool (*wants)(struct call *call, const json_t *part));
json_t *apigateway_now(void); /* "2026-01-31T12:00:00Z" */

/* --- changing an API: apigateway_edit.c --- */

struct apigateway_edit {
    struct call *call;
    struct text id, key;
    const json_t *before; /* NULL: a new one */
    json_t *document;     /* being made */
    json_t *deployment;   /* made with it; or NULL */
    struct text deployment_id;
    bool keys_are_unique; /* of routes, known without looking */
};
/* Of the API in the path. False: answered that it is not there. */
bool apigateway_edit_begin(struct apigateway_edit *edit, struct call *call);
/* Of one that is not there yet. */
void apigateway_edit_new(struct apigateway_edit *edit, struct call *call, json_t *api);
void apigateway_edit_done(struct apigateway_edit *edit);
static inline void apigateway_edit_done_scoped(struct apigateway_edit *edit)
{
    apigateway_edit_done(edit);
}
json_t *apigateway_edit_api(struct apigateway_edit *edit); /* a copy that may be changed */
/* "routes", to be put into and deleted from; its values are not to be changed. */
json_t *apigateway_edit_parts(struct apigateway_edit *edit, const char *collection);
/* One of them, as a copy that may be changed; NULL: absent. */
json_t *apigateway_edit_part(struct apigateway_edit *edit, const char *collection, struct text id);
/* A copy of what the API is now, as a deployment; its id is edit->deployment_id. */
json_t *apigateway_edit_deploy(struct apigateway_edit *edit, bool automatic);
void apigateway_edit_set_deployed(json_t *stage, struct text deployment_id);
/* The same for the stages that deploy by themselves. */
void apigateway_edit_auto_deploy(struct apigateway_edit *edit);
/* Stores it, and answers with what is in call->answer. */
void apigateway_edit_end(struct apigateway_edit *edit, int status);

/* Of an API's document. */
const json_t *apigateway_part(const json_t *document, const char *collection, struct text id);
bool apigateway_is_websocket(const json_t *document);
#define apigateway_each(key, part, document, collection) \
    json_object_foreach((json_t *)(uintptr_t)json_object_get(document, collection), key, part)

/* --- what all parts of an API have in common: apigateway_part.c --- */

struct apigateway_part {
    const char *collection;     /* "routes" */
    const char *id;             /* "routeId" */
    const char *title;          /* "Route" */
    const char *const *members; /* that a request may set; ends with NULL */
    size_t max;
    bool deploys; /* stages with autoDeploy take a change at once */
    const char *parent, *parent_collection, *parent_title; /* "routeId", "routes", "Route" */
    /* Checks it and fills in what is by default; before: NULL for a new one. False: answered. */
    bool (*complete)(struct apigateway_edit *edit, const json_t *before, json_t *part);
    bool (*may_delete)(struct apigateway_edit *edit, struct text id); /* optional */
};
void apigateway_part_create(struct call *call, const struct apigateway_part *part);
void apigateway_part_get(struct call *call, const struct apigateway_part *part);
void apigateway_part_list(struct call *call, const struct apigateway_part *part);
void apigateway_part_update(struct call *call, const struct apigateway_part *part);
void apigateway_part_delete(struct call *call, const struct apigateway_part *part);
/* Copies what a request sets; an empty text, when it may be absent, takes a member away. */
void apigateway_take_members(json_t *document, const json_t *input, const char *const *members,
                             bool keeps_absent);
/* What actions of a part run. */
#define APIGATEWAY_PART_RUNS(part)             \
    static void run_create(struct call *call)  \
    {                                          \
        apigateway_part_create(call, &(part)); \
    }                                          \
    static void run_get(struct call *call)     \
    {                                          \
        apigateway_part_get(call, &(part));    \
    }                                          \
    static void run_list(struct call *call)    \
    {                                          \
        apigateway_part_list(call, &(part));   \
    }                                          \
    static void run_update(struct call *call)  \
    {                                          \
        apigateway_part_update(call, &(part)); \
    }                                          \
    static void run_delete(struct call *call)  \
    {                                          \
        apigateway_part_delete(call, &(part)); \
    }

extern const struct apigateway_part apigateway_route_part, apigateway_integration_part;
extern const struct apigateway_part apigateway_authorizer_part;

/* --- what several files ask for --- */

const json_t *apigateway_find_api(struct call *call, struct text id); /* NULL: answered */
/* A new API's shape, {"apiId": ..., ...}. */
json_t *apigateway_new_api(struct call *call, struct text protocol);
/* "http://ID.localhost:PORT", in the arena. */
const char *apigateway_endpoint(struct call *call, struct text id, bool is_websocket);
/* With its apiEndpoint. */
void apigateway_write_api(struct call *call, struct writer *writer, const json_t *api);
void apigateway_show_api(struct call *call, const json_t *api); /* into call->answer */
bool apigateway_has_room(struct call *call); /* for one more API; false: answered */
/* Checks an API's shape and fills in what is by default. False: answered. */
bool apigateway_check_api(struct call *call, json_t *api);
/* Whether no domain name has a mapping to the API, or to that stage of it. False: answered. */
bool apigateway_is_unmapped(struct call *call, struct text api, struct text stage);
/* Puts the request's tags into tags. False: answered. */
bool apigateway_take_tags(struct call *call, json_t *tags);

/* --- rows --- */

/* clang-format off */
#define ROW_TEXT(name, most) {PARAM_BODY, PARAM_STRING, name, name, .max = most}
#define ROW_NEEDED(name, most)                                                                     \
    {PARAM_BODY, PARAM_STRING, name, name, .required = true, .min = 1, .max = most}
#define ROW_BOOL(name) {PARAM_BODY, PARAM_BOOL, name, name}
#define ROW_MAP(name) {PARAM_BODY, PARAM_MAP, name, name}
#define ROW_TEXTS(name) {PARAM_BODY, PARAM_MAP, name, name, .members = &apigateway_text_row}
#define ROW_LIST(name) {PARAM_BODY, PARAM_LIST, name, name, .members = &apigateway_text_row}
#define ROW_ENUM(name, all) {PARAM_BODY, PARAM_STRING, name, name, .values = all}
#define ROWS_PAGE                                                                                  \
    {PARAM_QUERY, PARAM_INT, "maxResults", "maxResults", false, 1, APIGATEWAY_PAGE_MAX},           \
    {PARAM_QUERY, PARAM_STRING, "nextToken", "nextToken", false, 1, 2048}
/* An action: its name, method, path, whether it has a body, its rows and what it runs. */
#define APIGATEWAY_GET(name, path, params, run)                                                    \
    {name, APIGATEWAY, METHOD_GET, path, BODY_NONE, 0, ACCESS_SIGNED, PLACE_CONTROL, params, run, NULL}
#define APIGATEWAY_POST(name, path, params, run)                                                   \
    {name, APIGATEWAY, METHOD_POST, path, BODY_JSON, API_JSON_MAX, ACCESS_SIGNED, PLACE_CONTROL, params, run, NULL}
#define APIGATEWAY_PATCH(name, path, params, run)                                                  \
    {name, APIGATEWAY, METHOD_PATCH, path, BODY_JSON, API_JSON_MAX, ACCESS_SIGNED, PLACE_CONTROL, params, run, NULL}
#define APIGATEWAY_DELETE(name, path, params, run)                                                 \
    {name, APIGATEWAY, METHOD_DELETE, path, BODY_NONE, 0, ACCESS_SIGNED, PLACE_CONTROL, params, run, NULL}
/* clang-format on */
extern const struct param apigateway_text_row;
extern const struct param apigateway_api_params[];  /* {apiId} and a page */
extern const struct param apigateway_path_params[]; /* nothing but what is in the path */
