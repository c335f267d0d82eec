/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api_priv.h"

/* What the files of the Lambda actions share. */

#define LAMBDA_REGION "((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?"
#define LAMBDA_ARN_HEAD "(arn:(aws[a-zA-Z-]*)?:lambda:)?" LAMBDA_REGION "(\\d{12}:)?(function:)?"
#define PATTERN_FUNCTION LAMBDA_ARN_HEAD "([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
#define PATTERN_NAMESPACED \
    LAMBDA_ARN_HEAD "([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
#define PATTERN_URL_FUNCTION LAMBDA_ARN_HEAD "([a-zA-Z0-9-_]{1,64})(:((?!\\d+$)[0-9a-zA-Z-_]+))?"
#define PATTERN_QUALIFIER "\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
#define PATTERN_URL_QUALIFIER "((?!^\\d+$)^[0-9a-zA-Z-_]+$)"

/* Rows many actions begin with. */
/* clang-format off */
#define ROW_QUALIFIER                                                                              \
    {PARAM_QUERY, PARAM_STRING, "Qualifier", "qualifier", .min = 1, .max = 128,                    \
     .pattern = PATTERN_QUALIFIER, .matches = name_is_qualifier}
#define ROW_NAMESPACED                                                                             \
    {PARAM_PATH, PARAM_STRING, "FunctionName", "functionName", .required = true, .min = 1,         \
     .max = 256, .pattern = PATTERN_NAMESPACED, .matches = name_is_namespaced_function}
#define ROW_FUNCTION(place)                                                                        \
    {place, PARAM_STRING, "FunctionName", "functionName", .required = true, .min = 1,              \
     .max = 140, .pattern = PATTERN_FUNCTION, .matches = name_is_function}
#define ROW_URL_QUALIFIER                                                                          \
    {PARAM_QUERY, PARAM_STRING, "Qualifier", "qualifier", .min = 1, .max = 128,                    \
     .pattern = PATTERN_URL_QUALIFIER, .matches = name_is_url_qualifier}
#define ROW_URL_FUNCTION                                                                           \
    {PARAM_PATH, PARAM_STRING, "FunctionName", "functionName", .required = true, .min = 1,         \
     .max = 140, .pattern = PATTERN_URL_FUNCTION, .matches = name_is_url_function}
#define ROW_MAX_ITEMS(most)                                                                        \
    {PARAM_QUERY, PARAM_INT, "MaxItems", "maxItems", .min = 1, .max = most}
/* clang-format on */

#define PATH_FUNCTIONS "/2015-03-31/functions"
#define PATH_FUNCTION PATH_FUNCTIONS "/{FunctionName}"
#define LAMBDA PROTOCOL_REST_JSON, "lambda" /* how each row of a table of actions goes on */

extern const struct param lambda_name_params[];       /* Qualifier, FunctionName (namespaced) */
extern const struct param lambda_namespaced_params[]; /* FunctionName (namespaced) */
/* Whether the Tags of the input may be a function's; false: answered. */
bool lambda_check_tags(struct call *call);
extern const struct param lambda_tags_params[];       /* the body's Tags, optional */

/* --- names and look-ups: lambda.c --- */

struct target {
    struct text name, qualifier; /* TEXT_NONE: none was given */
};

/* Reads a function name and a qualifier (TEXT_NONE: none). False: answered, because it is of
 * another region or account, or says two different qualifiers. */
bool lambda_read_target(struct call *call, struct text name, struct text qualifier,
                        struct target *ret);
/* The same from the path's first value and the parameter Qualifier. */
bool lambda_target(struct call *call, struct target *ret);
/* In the arena; an empty qualifier leaves its part away. */
const char *lambda_arn(struct call *call, struct text name, struct text qualifier);

/* Control thread. Borrowed until the next change. NULL: answered "Function not found: ARN". */
const struct function *lambda_find(struct call *call, const struct target *target);
/* The version that the call's path and Qualifier name, and its function. */
const struct version *lambda_target_version(struct call *call, struct target *ret,
                                            const struct function **ret_function);
void lambda_fail_not_found(struct call *call, const struct target *target);

/* Control thread. False: answered, because the function is Pending, Failed or InProgress. */
bool lambda_may_change(struct call *call, const struct function *function);
/* False: answered PreconditionFailedException. An unset text is right. action is whose
 * answer holds the id: "GetFunction/GetAlias". */
bool lambda_check_revision(struct call *call, const char *revision_id, struct text given,
                           const char *action);

/* function_edit() with a $LATEST of a new revision: same code, configuration and serial, so
 * that its instances stay. */
struct function *lambda_edit(const struct function *function);
void lambda_set_latest(struct function *function, struct version *version); /* takes it */

/* Take the function; then() runs on the control thread with call->saved, or the call was
 * answered with what went wrong. */
void lambda_save(struct call *call, struct function *function, call_f *then);
void lambda_deploy(struct call *call, struct function *function, bool create, call_f *then);

/* Whether a version was numbered from what $LATEST still is. */
bool lambda_is_unchanged(const struct version *latest, const struct version *published);
/* Numbers $LATEST as a new version, unless nothing changed since the last one. description
 * NULL: $LATEST's. The result is borrowed from function. */
const struct version *lambda_publish(struct function *function, const char *description);

/* --- configuration: lambda_config.c --- */

enum {
    CONFIG_QUALIFIED = 1,      /* the ARN names the version */
    CONFIG_WITHOUT_STATE = 2,  /* as in lists */
    CONFIG_WITHOUT_UPDATE = 4, /* as CreateFunction answers */
};
extern const char config_architecture[]; /* of this machine: "x86_64" or "arm64" */

/* FunctionConfiguration's members, as one object. key NULL: the document. */
void config_write(struct writer *writer, const char *key, const struct function *function,
                  const struct version *version, unsigned flags);
void config_reply(struct call *call, int status, const struct function *function,
                  const struct version *version, unsigned flags);

/* The same of the version that a qualifier stands for, whose ARN names it; TEXT_NONE: none. */
void config_write_for(struct writer *writer, const char *key, const struct function *function,
                      const struct version *version, struct text qualifier);

/* Body members of CreateFunction and UpdateFunctionConfiguration, in AWS's order. */
extern const struct param config_params[];

/* Sets what the request gives. False: answered. */
bool config_apply_request(struct call *call, struct function_config *config, struct text name);
/* Sets what the API never gave: from the manifest (may be NULL), else the default. */
struct manifest;
void config_apply_manifest(struct function_config *config, const struct manifest *manifest);
/* Environment, runtime and handler of a complete configuration. Any thread. False:
 * answered. Sets version->resolved_runtime. */
bool config_check(struct call *call, struct version *version);

/* --- events: lambda_invoke_event.c, lambda_event_invoke.c, lambda_concurrency.c --- */

/* Puts call->body into the function's lane, and answers 202 when it is on disk. On the shard;
 * everything lives as long as the call. */
struct event_request {
    struct text name, qualifier, client_context;
    const char *trace;
    int hops;
};
void lambda_put_event(struct call *call, const struct event_request *request);

/* Whether events can be sent to arn: a queue, bus or function of this account and region.
 * False: answered. */
bool lambda_check_destination(struct call *call, struct text arn);
/* What reservations leave to functions without one; `except` (may be NULL) does not count. */
int64_t lambda_unreserved(const struct api *api, const struct function *except);

/* --- event source mappings: lambda_mappings.c, lambda_tags.c --- */

const char *lambda_mapping_key(struct call *call, struct text uuid); /* in the arena */
char *lambda_mapping_arn(const struct call *call, struct text uuid); /* the caller's */
/* Puts the Tags of the input into a new mapping's document. False: answered. */
bool lambda_mapping_tags(struct call *call, json_t *document);

/* --- function URLs and permissions, also made by function.yaml --- */

void url_make(struct function_url *url, enum url_auth auth, enum invoke_mode mode);
void url_apply_manifest(struct function *function, const struct manifest *manifest,
                        struct guarded *guarded);
void events_apply_manifest(struct function *function, const struct manifest *manifest);
void permission_open_url(struct function *function);  /* adds the statement, if missing */
/* The statements of a version or an alias that goes. */
void permission_forget(struct function *function, struct text qualifier);
/* Makes the statement that lets a rule call it the one of that ARN; without one it goes. */
void permission_follow_rule(struct function *function, struct text rule_arn);
void permission_close_url(struct function *function); /* removes the one added above */
