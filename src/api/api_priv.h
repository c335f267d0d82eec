/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "api/api.h"
#include "api/errors.h"
#include "api/names.h"
#include "api/validate.h"
#include "api/writer.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "http/http.h"
#include "http/sigv4.h"
#include "model/limits.h"
#include "model/service.h"
#include "source/queue.h"

/* What the files of the API share: a call, the table row that says how it is served, and
 * the ways it travels and ends. */

#define API_BODY_INLINE (64 << 10)       /* bytes of JSON parsed on a loop; more goes to the pool */
#define API_BODIES_MAX (512ll << 20)     /* bytes of request bodies in memory at once, all shards */
#define API_SKEW_MS (5 * 60 * 1000)      /* a signature's age: AWS's for JSON services */
#define API_PATH_VALUES 3                /* {names} in one path */
#define API_CODE_URL_MS (10 * 60 * 1000) /* how long Code.Location works: AWS's ten minutes */
#define API_CODE_REQUEST_MAX 70167211    /* bytes of a CreateFunction request: AWS's number */
#define API_SQS_MAX (8 << 20)            /* bytes of a request of SQS: 1 MB, escaped in any way */
#define API_JSON_MAX (1 << 20)           /* bytes of any other JSON request */
#define API_SHARDS_MAX 256

struct api {
    struct engine *engine;
    struct queues *queues;
    struct mappings *mappings;
    struct reloader *reloader; /* NULL: nothing is read anew */
    struct meters *meters; /* of the gateway; any thread */
    struct map deleted_queues; /* struct deleted_name by key; control thread */
    struct buses *buses;
    struct schedules *schedules; /* control thread */
    struct apigateway *apigateway; /* control thread */
    const struct engine_options *options;
    struct text region, account;
    char *api_url, *gateway_url;
    uint8_t code_secret[32];  /* signs Code.Location; of this daemon's life */
    _Atomic int64_t buffered; /* bytes of bodies in memory */
    struct api_shard *shards[API_SHARDS_MAX];
    int shard_count;
    int64_t started_ms;
};

struct api_shard {
    struct api *api;
    struct shard *shard;
    struct loop *loop;
    struct list idle; /* calls to use again */
    int idle_count;
    struct map waiting; /* receives of queues at home here, by the request's id */
    struct services services;
};

struct call;
typedef void call_f(struct call *call);

enum action_body {
    BODY_NONE, /* ignored */
    BODY_JSON, /* call->input */
    BODY_FORM, /* of the query protocol */
    BODY_RAW,  /* call->body */
};
enum action_access {
    ACCESS_SIGNED,
    ACCESS_FUNCTIONS, /* signed, by a function too */
    ACCESS_LOOPBACK,  /* signed, or from this machine */
    ACCESS_OPEN,
};
enum action_place { PLACE_SHARD, PLACE_CONTROL };

/* One action. A call ends in call_reply(), call_fail() or one of their kind, exactly once;
 * then it is gone. */
struct action {
    const char *name; /* AWS's */
    enum protocol protocol; /* of a request that says no other */
    const char *service; /* in the credential's scope */
    enum http_method method;
    const char *path; /* "/2015-03-31/functions/{FunctionName}"; NULL: by target or Action */
    enum action_body body;
    int64_t body_max;
    enum action_access access;
    enum action_place place;
    const struct param *params;
    call_f *run;            /* NULL: AWS has it, Evoke does not serve it yet */
    const char *permission; /* IAM's name when it is not service:name */
};

/* Each ends with {0}. */
extern const struct action lambda_function_actions[], lambda_code_actions[], lambda_url_actions[];
extern const struct action lambda_permission_actions[], lambda_tag_actions[];
extern const struct action lambda_version_actions[], lambda_alias_actions[];
extern const struct action lambda_invoke_actions[];
extern const struct action lambda_event_invoke_actions[], lambda_concurrency_actions[];
extern const struct action lambda_mapping_actions[], lambda_runtime_actions[];
extern const struct action lambda_unserved_actions[];
extern const struct action logs_actions[], sts_actions[], sqs_actions[], admin_actions[];
extern const struct action events_bus_actions[], events_rule_actions[], events_target_actions[];
extern const struct action events_put_actions[], events_permission_actions[], events_tag_actions[];
extern const struct action events_archive_actions[], events_replay_actions[];
extern const struct action events_connection_actions[], events_destination_actions[];
extern const struct action events_unserved_actions[], logs_unserved_actions[];
extern const struct action scheduler_schedule_actions[], scheduler_group_actions[];
extern const struct action scheduler_tag_actions[];
extern const struct action apigateway_api_actions[], apigateway_route_actions[];
extern const struct action apigateway_integration_actions[], apigateway_authorizer_actions[];
extern const struct action apigateway_response_actions[], apigateway_model_actions[];
extern const struct action apigateway_stage_actions[], apigateway_deployment_actions[];
extern const struct action apigateway_domain_actions[], apigateway_tag_actions[];
extern const struct action apigateway_import_actions[], apigateway_key_actions[];
extern const struct action apigateway_plan_actions[], apigateway_usage_actions[];
extern const struct action apigateway_unserved_actions[];
extern const struct action admin_event_actions[], admin_api_actions[];

struct call {
    struct list link; /* in its shard's idle calls */
    struct api_shard *shard;
    struct api *api;
    struct http_stream *stream; /* shard only; NULL when the client is gone */
    struct service_call *inner; /* likewise, of a call from within: it has no stream */
    const struct action *action;
    enum protocol protocol; /* it is spoken to in */
    struct arena arena;
    struct text path, query, host, form; /* copies: they outlive the stream */
    struct text path_values[API_PATH_VALUES];
    char request_id[UUID_LEN + 1];

    /* reading */
    struct crypto_hash *hash; /* of a long body, as it arrives */
    struct buffer body;
    int64_t body_bytes; /* seen, whether kept or not */
    int64_t counted;    /* of api->buffered */
    bool is_too_large, is_dispatched;

    /* who calls */
    struct sigv4_claim *claim; /* while the stream is there; NULL: unsigned */
    struct key *key;
    const struct origin *origin; /* while the stream is there */
    enum key_kind caller;

    json_t *input; /* an object: with BODY_JSON, and with BODY_FORM */

    /* the answer */
    int status;
    const char *content_type, *error_code, *query_error;
    struct buffer answer;

    /* on the way */
    struct loop_message message;
    struct loop_job job;
    call_f *then, *work;
    struct engine_change change;
    const struct function *saved; /* for then() of lambda_save() and lambda_deploy() */
    call_f *resume;               /* the client takes more of a streamed answer; optional */
    call_f *gone;                 /* the client left, or seems to have; on the shard; optional */
    void *state;                  /* the action's own, in the arena or freed by drop() */
    void (*drop)(void *state);
};

/* --- finding the action: routes.c --- */

/* NULL when nothing is there. Fills call->path_values. */
const struct action *routes_find_path(struct call *call, enum http_method method);
const struct action *routes_find_target(struct text target); /* "Logs_20140328.GetLogEvents" */
/* Of a form, by its Action: "GetCallerIdentity". */
const struct action *routes_find_query(enum protocol protocol, struct text name);
/* What stands for a form's action until its body is there: one of its service. */
const struct action *routes_find_form(struct call *call, const struct http_request *request);
/* The next of all actions, for tests and documentation; NULL first and last. */
const struct action *routes_next(const struct action *action);

/* --- who calls: auth.c --- */

/* On the shard, with the body read. False: answered. */
bool auth_check(struct call *call, struct text body_sha256);
/* Before the body is read: false when no body could make it right; answered. */
bool auth_check_early(struct call *call);
/* What its key may do, once the action is known. False: answered. */
bool auth_authorize(struct call *call);
/* Answers AccessDeniedException. resource: an ARN or "*". */
void auth_deny(struct call *call, const char *permission, struct text resource);
/* "arn:aws:iam::ACCOUNT:root", "arn:aws:sts::ACCOUNT:assumed-role/ROLE/FUNCTION". On the
 * shard, like the next two. */
const char *auth_caller_arn(struct call *call);
const struct function *auth_calling_function(const struct call *call); /* NULL: not a function */
/* Whether function.yaml of the calling function lists name under calls, or the policy of the
 * function of that name lets its role or session invoke it. */
bool auth_may_call(struct call *call, struct text name);
bool auth_may_put(const struct call *call, struct text bus);    /* likewise under buses */
bool auth_may_send(const struct call *call, struct text queue); /* likewise under queues */
/* How many functions the chain went through that ends in this call with that X-Amzn-Trace-Id:
 * a call from within a function is one more, and one from outside begins a chain. */
int auth_hops(const struct call *call, struct text trace);

/* --- travelling and ending: call.c --- */

struct call *call_new(struct api_shard *shard, struct http_stream *stream);
void call_free(struct call *call); /* on its shard */

/* Goes on with then() on another loop. */
void call_go(struct call *call, struct loop *loop, call_f *then);
void call_go_control(struct call *call, call_f *then);
void call_go_home(struct call *call, call_f *then);
/* work() in the pool, then then() on this loop. */
void call_work(struct call *call, call_f *work, call_f *then);

/* Ends it. call->answer is the body ("" stays ""). Any thread. */
void call_reply(struct call *call, int status);
void call_fail(struct call *call, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* message may be long, and hold what a request said. */
void call_fail_text(struct call *call, const char *code, struct text message);
/* Without the words of whose fault it is, as some of Lambda's layers answer. */
void call_fail_bare(struct call *call, const char *code, struct text message);
void call_fail_error(struct call *call, const struct error *err);
/* Whether its action is of that service, as named in signatures. */
bool call_is_of(const struct call *call, const char *service);
void call_throttle(struct call *call, const char *reason);

/* The X-Amzn-Trace-Id that came with it, or none; lives as its stream. On the shard. */
struct text call_trace(const struct call *call);

/* Parameters. Texts are decoded and live as long as the call. */
struct text call_query(struct call *call, const char *name); /* TEXT_NONE: absent */
int64_t call_query_int(struct call *call, const char *name, int64_t absent);
struct text call_input(const struct call *call, const char *name);
/* The action's rows; false: answered with all that is wrong. */
bool call_validate(struct call *call);
/* Runs the action: validated already. */
void call_run(struct call *call);

/* For a document in call->answer. */
struct writer call_writer(struct call *call);

/* --- admin.c --- */

/* What makes a link to a package's ZIP good until expires_ms; out has room for its hex. */
void admin_sign_code(const struct api *api, struct text code, int64_t expires_ms,
                     char out[static 2 * SHA256_LEN + 1]);
