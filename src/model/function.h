/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "model/guarded.h"

/*
 * A function as everybody reads it: an immutable snapshot, counted, safe on any thread.
 * A change makes a new snapshot (function_edit(), change it, publish it); versions that
 * did not change are shared between snapshots.
 *
 * All strings are NUL-terminated, never NULL ("" is unset), and owned by the struct.
 */

struct variable {
    char *name, *value;
};

struct tag {
    char *key, *value;
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* The settings that both the API and function.yaml know. An API call beats the file. */
enum config_key {
    CONFIG_RUNTIME,
    CONFIG_HANDLER,
    CONFIG_DESCRIPTION,
    CONFIG_TIMEOUT,
    CONFIG_MEMORY,
    CONFIG_TMP,
    CONFIG_ENVIRONMENT,
    CONFIG_LOG_FORMAT,
};

/* What a caller may set. Embedded in a version and never changed there. */
struct function_config {
    char *runtime; /* as asked for: "python3.12"; "" for package type Image */
    char *handler;
    char *role; /* kept and shown; roles come later */
    char *description;
    int64_t timeout_s, memory_mb, tmp_mb;
    struct variable *variables;
    size_t variable_count;
    bool has_environment; /* an empty Environment was given: AWS shows it */
    enum log_format log_format;
    char *application_log_level, *system_log_level; /* "" with LOG_FORMAT_TEXT */
    char *log_group;                                /* "/aws/lambda/<name>" unless set */
    char *tracing_mode;                             /* "PassThrough" or "Active" */
    char *dead_letter;    /* ARN: where events go whose last attempt failed; "" without */
    int64_t given_by_api; /* 1 << enum config_key: function.yaml does not change these */
    bool host_network;    /* function.yaml: network: host */
    char **calls;         /* function.yaml: functions it may call, by name */
    size_t call_count;
    char **queues; /* function.yaml: queues it may send to, by name */
    size_t queue_count;
    char **buses; /* function.yaml: event buses it may put events into, by name */
    size_t bus_count;
};

#define VERSION_SHARDS_MAX 64

/* What became of a function's invocations since the daemon started. Any thread adds to it. */
#define DURATION_BUCKETS 16
#define DURATION_BUCKET_US(i) (INT64_C(100) << (i)) /* the most that goes into it */
struct tally {
    _Atomic int64_t errors; /* timeouts too */
    _Atomic int64_t throttles, cold_starts, duration_us;
    _Atomic int64_t ran[DURATION_BUCKETS + 1]; /* by duration; the last: longer than all */
};

/* How many invocations of one function may run at a time and how many did, shared by all
 * its versions and snapshots: the one thing about them that changes. Any thread. */
struct quota {
    atomic_int refs;
    atomic_int limit;   /* -1: no other than the account's */
    atomic_int running; /* of those that began under a limit */
    struct tally tally;
};

/* One version: code and configuration that do not change. The identity of instances:
 * an instance never serves two versions. */
struct version {
    atomic_int refs;
    uint64_t serial; /* unique in this daemon's life: the key of instance pools */
    char *account, *region, *name;
    char *number;         /* "$LATEST" or "1", "2", ... */
    char *arn;            /* with the number, except for $LATEST */
    char code[65];        /* hex SHA-256 of the ZIP: the code folder's name */
    char code_sha256[48]; /* base64 of the same */
    int64_t code_bytes;   /* of the ZIP */
    struct function_config config;
    char *resolved_runtime; /* what runs it here: "nodejs20 (/usr/bin/node v20.20.2)" */
    char *load_error;       /* JSON of the failed trial load, "" when it loaded */
    char revision_id[37];
    int64_t modified_ms;
    char *published_description; /* of a published version, "" */
    struct quota *quota;         /* counted; the function's */
    atomic_int
        idle_on[VERSION_SHARDS_MAX]; /* idle instances on each shard: a hint for the others */
};

enum function_state { STATE_PENDING, STATE_ACTIVE, STATE_INACTIVE, STATE_FAILED };
enum update_status { UPDATE_SUCCESSFUL, UPDATE_IN_PROGRESS, UPDATE_FAILED };

struct cors {
    bool is_set, allow_credentials;
    char **allow_origins, **allow_methods, **allow_headers, **expose_headers;
    size_t origin_count, method_count, header_count, expose_count;
    bool has_origins, has_methods, has_headers, has_expose; /* given, maybe empty */
    int64_t max_age_s;                                      /* -1: not given */
};

enum url_auth { URL_AUTH_NONE, URL_AUTH_IAM };
enum invoke_mode { INVOKE_BUFFERED, INVOKE_RESPONSE_STREAM };

/* Of a function ($LATEST) or of one of its aliases. */
struct function_url {
    char id[33]; /* "" when there is no URL; 32 of [a-z0-9] */
    enum url_auth auth;
    enum invoke_mode mode;
    bool mode_given; /* the request named a mode: then Create's answer shows it */
    struct cors cors;
    int64_t created_ms, modified_ms;
};

/* One statement of a resource policy, as AddPermission makes it. "" is absent. */
struct permission {
    char *qualifier; /* whose policy it is of: a version's number or an alias; "": the function's */
    char *statement_id, *action, *principal, *source_arn, *source_account;
    char *function_url_auth_type, *event_source_token, *principal_org_id;
    bool invoked_via_function_url;
    bool has_invoked_via_function_url;
};

/* How events for one qualifier of a function are tried, and what follows from them. */
struct event_invoke {
    char *qualifier;               /* "$LATEST", a version's number or an alias */
    int64_t max_retries;           /* -1: not given, LIMIT_ASYNC_RETRIES */
    int64_t max_age_s;             /* -1: not given, LIMIT_ASYNC_AGE_S */
    char *on_success, *on_failure; /* ARNs; "" without */
    int64_t modified_ms;
};

/* A name for a version, or for two. */
#define ALIAS_WEIGHT_ALL 1000000000 /* of all invocations */
struct alias {
    char *name, *description;
    char *version;  /* a number, or "$LATEST" */
    char *other;    /* the number of the second one; "" without */
    int64_t weight; /* what goes to the second one, of ALIAS_WEIGHT_ALL */
    char revision_id[37];
    struct function_url url;
};

struct function {
    atomic_int refs;
    char *account, *region, *name, *arn;
    struct version *latest;    /* counted */
    struct version **versions; /* published, ascending; counted */
    size_t version_count;
    int64_t next_version;
    enum function_state state;
    char *state_reason, *state_reason_code;
    enum update_status update_status;
    char *update_reason, *update_reason_code;
    struct function_url url;
    char **routes; /* function.yaml: route keys that the gateway serves with it */
    size_t route_count;
    struct guarded
        *guarded; /* function.yaml: what it says about requests; NULL: nothing. Counted */
    struct permission *permissions;
    size_t permission_count;
    char policy_revision_id[37];
    struct event_invoke *event_invokes; /* by qualifier, bytewise */
    size_t event_invoke_count;
    struct alias *aliases; /* by name, bytewise */
    size_t alias_count;
    bool may_recurse;             /* its loops are not stopped: RecursiveLoop Allow */
    int64_t reserved_concurrency; /* of all its versions together; -1: the account's */
    struct tag *tags;
    size_t tag_count;
    int64_t created_ms;
};

struct version *version_new(void);                           /* one reference, all strings "" */
struct version *version_copy(const struct version *version); /* new, with a serial of 0 */
/* Makes it share the quota of another version of its function. */
void version_join(struct version *version, const struct version *other);
const struct version *version_ref(const struct version *version);
void version_unref(const struct version *version); /* NULL does nothing */
DEFINE_SCOPED(struct version *, version_unref)
uint64_t version_next_serial(void);

struct function *function_new(void);
/* A private deep copy with one reference (its versions are shared, counted). */
struct function *function_edit(const struct function *function);
const struct function *function_ref(const struct function *function);
void function_unref(const struct function *function);
DEFINE_SCOPED(struct function *, function_unref)

/* Replaces *field (freed) by a copy of value. */
void model_set(char **field, struct text value);

/* Replaces its routes by copies. */
void function_set_routes(struct function *function, char *const *routes, size_t count);

/* The version of that number ("$LATEST", "1"), or the one that an alias of that name stands for
 * first, or NULL. An empty qualifier is $LATEST. alias_route() says where an invocation goes. */
const struct version *function_version(const struct function *function, struct text qualifier);
/* Whether its `calls` list that function: until roles exist, what its instances may call. */
bool version_may_call(const struct version *version, struct text name);
bool version_may_put(const struct version *version, struct text bus);    /* likewise `buses` */
bool version_may_send(const struct version *version, struct text queue); /* likewise `queues` */
const char *version_variable(const struct version *version, struct text name); /* or NULL */

/* The one for a qualifier (empty: $LATEST), or NULL. */
const struct event_invoke *function_event_invoke(const struct function *function,
                                                 struct text qualifier);
/* The same to be changed; a new one with nothing given when there is none. Borrowed until the
 * next call of this or of function_remove_event_invoke(). */
struct event_invoke *function_set_event_invoke(struct function *function, struct text qualifier);
void function_remove_event_invoke(struct function *function, struct text qualifier);

/* The tags: sets (replacing) or removes one. */
void function_set_tag(struct function *function, struct text key, struct text value);
void function_remove_tag(struct function *function, struct text key);

/* The whole function as the document the store keeps, and back. The JSON is ours, not
 * AWS's; it carries a format number. Parsing fails on documents this version of Evoke
 * cannot read. Serials are given anew. */
json_t *function_to_json(const struct function *function);
struct function *function_from_json(const json_t *json, struct error *err);

const char *function_state_name(enum function_state state); /* "Active" */
const char *update_status_name(enum update_status status);  /* "InProgress" */

/* "account/region/name", the key in maps and in the store. */
char *function_key(struct text account, struct text region, struct text name);
