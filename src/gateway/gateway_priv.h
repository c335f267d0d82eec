/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/list.h"
#include "gateway/access_log.h"
#include "gateway/meter.h"
#include "gateway/gateway.h"
#include "gateway/http_apis.h"
#include "gateway/mapping.h"
#include "http/client.h"
#include "http/compress.h"
#include "http/sigv4.h"
#include "http/tls.h"
#include "model/limits.h"

/* What the files of the gateway share. */

#define ANSWER_FIELDS_MAX 128        /* headers and cookies a function may answer with */
#define PRELUDE_BYTES_MAX (16 << 10) /* Lambda: of a streamed answer's head */
#define OWN_FIELDS_MAX 16            /* what the gateway adds to them */

struct gateway {
    struct gateway_options options; /* its strings are the gateway's own */
    struct access_log *log;         /* NULL: none is kept */
    struct authorizing *authorizing;
    struct map stage_logs;          /* log group -> struct log_stream, of this shard */
    struct client *client;          /* for HTTP integrations */
    int64_t warned_us;              /* when an address that is refused was last told of */
    struct compressing compressing;
    struct list postings;           /* of events, to use again */
    int posting_count;
    struct map open_sockets; /* connection id -> struct socket, of this shard */
    struct list unheard;     /* struct socket_call, whose client is gone */
    int64_t time_s;          /* what time holds */
    char time[32];           /* now, as the common log format has it */
    /* For the answer being given: used and left before the next. */
    struct http_field fields[ANSWER_FIELDS_MAX + OWN_FIELDS_MAX];
    struct buffer scratch;
};

/* --- which function or API: route.c, route_api.c --- */

struct route {
    /* Of a URL or of function.yaml, or NULL: borrowed from the directory, valid in this turn of
     * the loop; exchange_continue() finds it again for later ones. */
    const struct function *function;
    const struct function_url *url; /* the rules it is reached under; NULL: the function's URL */
    struct text qualifier;          /* the alias whose URL that is; empty: the function's */
    /* Of an API, or NULL: the exchange holds a reference, so what follows is valid throughout. */
    struct http_api *api;
    const struct api_stage *stage;
    const struct api_route *matched; /* NULL: only a preflight is answered without one */
    const struct guard *guard;       /* the route's, else its API's or function's; NULL: none */
    const struct api_domain *domain; /* it was reached by, or NULL: borrowed, like function */
    struct text raw_path;            /* what an event's rawPath says */
    struct text path;                /* the same, decoded */
    struct text stage_path;          /* of an API: path within the stage; else path */
    struct text key;                 /* "GET /pets/{id}"; none of a URL, which has no routes */
    const struct text *names;        /* of the parameters */
    struct text *values;             /* decoded */
    size_t parameter_count;
};

/*
 * A function is reached by the host of its URL ("<id>.localhost"), by "/urls/<id>/...", by
 * "/functions/<name>/..." or by a route of its function.yaml; always under the rules of
 * its URL, so one without a URL is not reached. An API is reached by its host
 * ("<api-id>.localhost", "<api-id>.execute-api.<region>.localhost"), by a domain that is
 * mapped to it, or by "/apis/<api-id>/...". The path is split before it is decoded,
 * decoded once, and what was compared is what the function gets. 0, or the status to
 * refuse with: 400 (not decodable, or dot segments where the path chooses the function),
 * 403 (no such URL or function), 404 (no route). An API that was found is counted in *ret,
 * whatever is returned.
 */
int route_find(const struct gateway_options *options, const struct http_request *request,
               struct arena *arena, struct route *ret);

/* Sets what the URL of that id leads to; function stays NULL when there is none. */
void route_find_url(const struct gateway_options *options, struct text id, struct route *route);
/* Of a route with a function. */
const struct function_url *route_url(const struct route *route);

/* The custom domain that a name is served by; NULL. */
const struct api_domain *route_domain(const struct gateway_options *options, struct text name);

/* Parts of it: the API of a host, or of "/apis/..." when in_path. NULL with status 0: none is
 * meant. */
int route_find_api(const struct gateway_options *options, const struct http_request *request,
                   struct text host, struct arena *arena, struct route *ret);
/* The name within a Host header: without port and the dot of the root. */
struct text route_host(struct text host);
/* A path to compare with routes: decoded, with NUL for a slash that was escaped, so that "%2F"
 * separates nothing. */
struct text route_comparable(struct text raw_path, struct arena *arena);
/* What a parameter has, of what it matched of such a path. */
struct text route_value(struct text matched, struct arena *arena);
/* "." or ".." between separators. Whatever stands before this server (or the function
 * behind it) might resolve them, and mean another path than the one looked at here. */
bool route_has_dots(struct text path);

/* --- who may pass: auth.c --- */

/* Who signed a request. Lives in the stream's arena. */
struct caller {
    struct sigv4_claim claim;
    struct key key;
    struct text service; /* what the signature is for */
    int64_t now_ms;      /* when the head came: a slow body does not make it expire */
    /* As an event shows them. */
    struct text account, id, arn;
    struct text role; /* ARN of an instance's function's role; none of the root user */
};

/* Whether everybody may call the URL: type NONE and the permission for it. */
bool auth_is_public(const struct route *route);
/* Reads who claims to have signed a request; NULL and *refusal also for unknown keys. */
struct caller *auth_read(const struct gateway_options *options, struct http_stream *stream,
                         struct text service, int64_t now_ms, struct sigv4_refusal *refusal);
/* Whether the body's hash has to be known to check it. */
bool auth_needs_hash(const struct http_request *request);
/* Checks the signature. body_sha256: lower-case hex. */
int auth_verify(const struct gateway_options *options, struct http_stream *stream,
                const struct caller *caller, struct text body_sha256,
                struct sigv4_refusal *refusal);
/* The same of a body that is there as a whole. */
int auth_verify_body(const struct gateway_options *options, struct http_stream *stream,
                     const struct caller *caller, struct text body,
                     struct sigv4_refusal *refusal);
/* Whether a caller who is who it says may call that function: an instance may if its function's
 * file lists it, or if the policy of the one that is called names its role or session. */
bool caller_may_call(const struct gateway_options *options, const struct origin *origin,
                     const struct caller *caller, const struct function *function);
bool caller_may_call_url(const struct gateway_options *options, const struct origin *origin,
                         const struct caller *caller, const struct route *route);
/* Whether it is an instance of that function of the gateway's account. */
bool caller_is_function(const struct caller *caller, struct text name);
/* Likewise put events into that bus. */
bool caller_may_put(const struct gateway_options *options, const struct origin *origin,
                    const struct caller *caller, struct text bus);

/* --- CORS: cors.c --- */

#define CORS_FIELDS_MAX 6
/* OPTIONS with Origin and Access-Control-Request-Method. */
bool cors_is_preflight(const struct http_request *request);
/* The headers of an answer to that origin, none if it is not allowed. They are in arena or
 * of the request, so they outlive the function's snapshot. */
size_t cors_headers(const struct cors *cors, const struct http_request *request, bool preflight,
                    struct arena *arena, struct http_field ret[static CORS_FIELDS_MAX]);

/* --- the event: event.c, header.c, trace.c --- */

struct request_event {
    const struct http_request *request; /* as the client sent it, or as it was mapped */
    const struct route *route;
    const struct caller *caller; /* who signed; NULL: nobody had to */
    struct text authorizer;      /* the value of requestContext.authorizer; or none */
    struct text account, source_ip, forwarded_for;
    uint16_t port;
    bool is_secure;                  /* it came by TLS, to the first proxy */
    const struct tls_client *client; /* with this certificate; NULL: none */
    const char *request_id, *trace;
    const struct trace_context *context; /* NULL: no W3C headers */
    const char *time; /* common log format */
    int64_t now_ms;
    struct text body;
};
/* Appends the event in payload format 2.0, or (of an API only) 1.0. */
void event_write(const struct request_event *event, struct arena *arena, struct buffer *out);
void event_write_1(const struct request_event *event, struct arena *arena, struct buffer *out);

/* ,"accessKey":...: what an event of format 1.0 says in its identity of who signed. */
void event_add_signer(struct buffer *out, const struct caller *caller);
/* {"iam": {...}}, as an event shows who signed. In arena. */
struct text event_caller(const struct caller *caller, struct arena *arena);

/* Parts that both have: event_parts.c. */
void event_add_member(struct buffer *out, struct text name,
                      struct text value); /* name with
                                           * quotes and colon */
/* The values of a request's header of that index and those after it of the same name. */
struct text event_join_values(const struct http_request *request, size_t index,
                              struct text separator, struct arena *arena);
bool event_came_before(const struct http_request *request, size_t index);
/* All Cookie headers as one: HTTP/2 may have split it. */
struct text event_cookies(const struct http_request *request, struct arena *arena);
struct text event_domain(struct text host); /* without port */
/* `,"body":...,"isBase64Encoded":...}` */
void event_add_body(struct buffer *out, const struct request_event *event);
/* A member of strings for each: `"name":{"a":"b"}`. */
void event_add_parameters(struct buffer *out, const struct route *route);
void event_add_variables(struct buffer *out, const struct api_stage *stage);
/* `"clientCert":{...}` */
void event_add_certificate(struct buffer *out, const struct tls_client *client);

struct event_parameter {
    struct text name, value;                       /* decoded */
    struct event_parameter *next_same, *last_same; /* the first of a name leads to the others */
    bool is_first;
};
struct event_query {
    struct event_parameter *list;
    size_t count;
    struct event_parameter **table; /* private */
    size_t mask;
};
struct event_query event_read_query(struct text query, struct arena *arena);

/* As format 1.0 has them: event_1.c. */
void event_add_headers_1(struct buffer *out, const struct request_event *event, bool all_values,
                         struct arena *arena);
void event_add_query_1(struct buffer *out, const struct event_query *query, bool all_values);
/* What is within format 2.0's {"jwt": ...} or {"lambda": ...}. */
struct text event_inner_authorizer(struct text authorizer);

/* Whether a header of the client is the function's to see under its own name. Not those
 * about the connection, those the platform itself sets, nor a checked signature. */
bool header_passes(struct text name, bool is_signed);
/* Whether what all Connection headers say lists the name: then that is for the next hop, which is us (RFC 9110 7.6.1). */
bool header_is_listed(struct text connection, struct text name);
/* Whether a header of a function's answer is the client's to see. */
bool header_returns(struct text name, bool has_cors);

/* How many functions called each other before this request, by its Lineage; to be believed
 * of requests from within sandboxes only. */
int trace_hops(struct text given);
/* The X-Amzn-Trace-Id of a request: what a client gave, cut down to its well-formed parts
 * (Root, Parent, Sampled, Self), or a new Root; with a Lineage of hops, if any. */
#define TRACE_BYTES sizeof(((struct invocation *)0)->trace)
void trace_make(struct text given, int hops, int64_t now_ms, char ret[static TRACE_BYTES]);

/* The same as W3C trace context has it, for the function: its span is a new one. */
#define TRACEPARENT_LEN 55
struct trace_context {
    char parent[TRACEPARENT_LEN + 1]; /* "00-TRACE ID-SPAN ID-FLAGS" */
    struct text state;                /* the client's tracestate, or none; lives as its head */
};
/* Both of a request. A valid traceparent says whose trace it is, and X-Amzn-Trace-Id is made of
 * it (Root, the new span as Parent, Sampled); otherwise it is made of X-Amzn-Trace-Id, or of a
 * new Root. */
void trace_begin(const struct http_request *request, int hops, int64_t now_ms, struct arena *arena,
                 char ret[static TRACE_BYTES], struct trace_context *ret_context);

/* --- the answer: answer.c --- */

struct answer {
    int status;
    struct http_field *fields; /* the caller's array of ANSWER_FIELDS_MAX */
    size_t count;
    bool has_content_type;
    bool is_inferred; /* the function said no statusCode: the body is JSON, unless said otherwise */
    struct text body;
    int64_t head_length; /* to HEAD: of the body that GET would get; 0: the body's own; -1: not known */
};
/*
 * What a function meant by the JSON it returned. An object with a statusCode says all of
 * it; anything else is the body of a 200, a string without its quotes. Decodes within json
 * and into scratch (emptied first): *ret is valid as long as both. False when the structure
 * is not one AWS accepts.
 */
bool answer_read(struct buffer *json, struct buffer *scratch, struct answer *ret);
/* The same by the rules of an API's payload format (1 or 2), which differ: a string keeps its
 * quotes; version 1 infers nothing and knows multiValueHeaders. */
bool answer_read_api(struct buffer *json, struct buffer *scratch, int version, struct answer *ret);
/* The head of a streamed answer: statusCode, headers, cookies. */
bool answer_read_prelude(struct buffer *json, size_t len, struct answer *ret);

/*
 * --- one request: exchange.c, reply.c, stream.c ---
 *
 * What happens to a request is a list of stages in exchange.c, run one after the other. To
 * plug one in: write gateway/stage_X.c with `enum stage_verdict stage_X(struct exchange *)`,
 * declare it at the end of this file, and add it to the list at its place. A stage reads what
 * it needs from exchange->route.guard (its part of struct guard, guard/guard.h), route.matched
 * (of an API) and stream->request; those behind stage_body also exchange->content.
 *
 * STAGE_PASS: the next one runs. STAGE_ANSWERED: the request was answered (reply_*), and the
 * exchange may be gone by now. STAGE_WAITS: exchange_continue() runs the next one, or an answer
 * is given, later on the same loop; what waits sets exchange->cancel, which is called if the
 * client goes away before (the exchange's memory goes with it).
 */
enum stage_verdict { STAGE_PASS, STAGE_ANSWERED, STAGE_WAITS };

enum refusal {
    REFUSE_BAD_REQUEST,
    REFUSE_UNAUTHORIZED, /* of an API */
    REFUSE_UNKNOWN,      /* no such function, as far as the client may know */
    REFUSE_FORBIDDEN,    /* there is one, but not for this client */
    REFUSE_NOT_FOUND,
    REFUSE_RECURSION,
    REFUSE_METHOD,
    REFUSE_TOO_LARGE,
    REFUSE_HEAD,        /* of an API: it is too long */
    REFUSE_TOO_MANY,    /* of an API */
    REFUSE_UPGRADE,     /* of a WebSocket API */
    REFUSE_BAD_GATEWAY, /* likewise: what is behind it failed */
    REFUSE_FAILED,      /* the gateway's own or its integration's fault, of an API */
    REFUSE_UNAVAILABLE,
    REFUSE_FUNCTION_FAILED,
};

/* Lives in the stream's arena. Its invocation goes on when the client has gone: then the
 * invocation has no owner any more. */
struct exchange {
    struct gateway *gateway;
    struct http_stream *stream;
    const struct origin *origin;
    struct route route;
    int64_t found_us; /* the turn of the loop in which route.function may be used */
    size_t next_stage;
    void (*cancel)(struct exchange *exchange); /* of what waits; NULL: nothing does */

    /* Who asks, as the stages found out */
    struct caller *caller; /* NULL: not of type AWS_IAM */
    struct asking *asking;  /* an authorizer, while it is asked; stage_authorize.c */
    struct text authorizer; /* JSON: an event's requestContext.authorizer; or none */
    struct guarded *guarded; /* of a function: what route.guard belongs to. Counted; or NULL */
    struct text principal;  /* for logs and limits; may be none */
    struct text usage_key;  /* an API key's value that an authorizer named; may be none */
    struct text key_id;     /* of an API key; may be none */

    bool docs; /* it asks for a description */
    bool has_cors;
    struct http_field cors[CORS_FIELDS_MAX];
    size_t cors_count;

    /* The body, for the stages behind stage_body. It may stand in the transport's memory until
     * the stage returns: one that waits and reads it meanwhile calls exchange_keep_content(). */
    struct text content;
    int64_t content_max; /* 413 above it; a stage before stage_body may lower it */
    struct buffer body;  /* as far as it has come, when it comes in pieces or was kept */
    bool is_complete, needs_body;
    struct crypto_hash *hash;

    int64_t now_ms;
    int hops;
    char source_ip[INET6_ADDRSTRLEN]; /* of the client */
    struct forwarded from;            /* what proxies say of it; its address is source_ip */
    char url_id[sizeof(((struct function_url *)0)->id)];
    char request_id[UUID_LEN + 1]; /* of an API's request, or of an answer without an invocation */
    struct invocation *invocation; /* once the invoker has it */
    bool is_going_out;             /* the invocation's answer, still: the invocation is ours */
    struct loop_timer timeout;     /* of an API's integration, or of the route's limits */
    /* For access logs: what the integration said and when, what the gateway itself answered */
    int64_t asked_us, integration_us; /* when it was asked, how long it took; 0, -1: it was not */
    int integration_status;
    const char *integration_error; /* lasts; NULL: none */
    bool is_timeout;
    bool is_stage_told; /* the stage's log has what there is to say */
    struct text error;             /* of the gateway's own answer */
    struct socket *socket;         /* of a WebSocket API; NULL before its integration */
    struct limit_slot *place;      /* among what the route may do at once */
    struct delivery_place *delivery; /* of a webhook that is remembered, until it is answered */
    struct waf_check *waf;         /* from its request on, until the firewall has looked at all */
    struct held_answer *held;      /* the answer, while the firewall looks at it */
    bool is_refused;               /* it did not like the answer */
    struct relay *relay;           /* to an HTTP integration */
    struct asked *asked;           /* of a service */

    /* A streamed answer */
    bool expects_prelude, has_begun, is_paused;
    struct text content_type;
    struct buffer prelude;
    int64_t streamed_bytes;
};

/* The stage that waited is done, and let the request pass. The exchange may be gone afterwards. */
void exchange_continue(struct exchange *exchange);
/* Moves content where it stays until the exchange ends. */
void exchange_keep_content(struct exchange *exchange);
/* Now, as the common log format has it. */
const char *exchange_time(const struct exchange *exchange);

/* What is behind the route has answered, or (status 0) failed: error lasts. */
void exchange_integrated(struct exchange *exchange, int status, const char *error);
/* Or took too long. */
void exchange_timed_out(struct exchange *exchange);

/* Tells what became of a request, when it is over: report.c. */
void report_exchange(struct exchange *exchange);
/* Parts of it, for what happens to WebSockets. The entry borrows from the exchange. */
struct access_entry report_entry(struct exchange *exchange, int64_t us);
bool report_has_stage_log(const struct gateway *gateway, const struct api_stage *stage);
void report_stage_line(struct gateway *gateway, const struct api_stage *stage,
                       const struct access_entry *entry);
/* What the firewall found in its "request" or "answer", if rules matched: a line of the log, and
 * the route's numbers. */
void report_finding(const struct exchange *exchange, const char *what);

/* The stages, in their order. */
enum stage_verdict stage_route(struct exchange *exchange);
enum stage_verdict stage_address(struct exchange *exchange);
enum stage_verdict stage_docs(struct exchange *exchange);
enum stage_verdict stage_cors(struct exchange *exchange);
enum stage_verdict stage_limit_head(struct exchange *exchange);
enum stage_verdict stage_method(struct exchange *exchange);
enum stage_verdict stage_caller(struct exchange *exchange);
enum stage_verdict stage_hops(struct exchange *exchange);
enum stage_verdict stage_authorize(struct exchange *exchange);
enum stage_verdict stage_api_key(struct exchange *exchange);
enum stage_verdict stage_limit_caller(struct exchange *exchange);
enum stage_verdict stage_body(struct exchange *exchange);
enum stage_verdict stage_waf(struct exchange *exchange);
enum stage_verdict stage_signed(struct exchange *exchange);
enum stage_verdict stage_signature(struct exchange *exchange);
enum stage_verdict stage_filter(struct exchange *exchange);
enum stage_verdict stage_integration(struct exchange *exchange);

/* With each answer, before it is sent; 0: there is none. stage_signature.c. */
void delivery_settle(struct exchange *exchange, int status);

/* The filter and the types on the way out: false, and a line in the log, when the answer must not
 * go. type: the content type if it has none of its own. stage_filter.c. */
bool filter_outgoing(struct exchange *exchange, struct answer *answer, struct text type);

/* --- the firewall and answers: waf_answer.c --- */

/* Whether an answer is to be held, which is sent or refused later. */
bool waf_looks_at_answers(const struct exchange *exchange);
void waf_hold_answer(struct exchange *exchange, const struct answer *answer);
/* Only its head is looked at; chunks and the end that come meanwhile are held too. */
void waf_hold_stream(struct exchange *exchange, const struct answer *answer);
void waf_hold_chunk(struct exchange *exchange, struct text chunk);
void waf_hold_end(struct exchange *exchange, bool failed);
void waf_answer_checked(struct exchange *exchange);
void waf_drop_answer(struct exchange *exchange);

/* --- the event and its answer by a guard's conversion: convert.c --- */

/* 1 or 2: the payload format of events and answers. */
int convert_version(const struct exchange *exchange);
/* Appends the event if it is not in a payload format. False: answered. */
bool convert_request(struct exchange *exchange, struct buffer *out);
/* Whether the response was read as the conversion has it. */
bool convert_answer(struct exchange *exchange, struct text response, struct answer *answer);

/* --- descriptions: docs.c --- */

/* Whether the request is for the description of a function or an API: then stage_docs answers. */
bool docs_asked(struct exchange *exchange);
/* arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path, of the request itself. */
struct text exchange_route_arn(const struct exchange *exchange);

/* What stage_integration does, by kind: integration_*.c. Each has the answer come, later. */
enum stage_verdict integration_function(struct exchange *exchange);
enum stage_verdict integration_http(struct exchange *exchange);
enum stage_verdict integration_service(struct exchange *exchange);
enum stage_verdict socket_connect(struct exchange *exchange); /* of a WebSocket API */

/* Parts of integration_http() that messages of WebSocket APIs use too. */

/* pattern with what fill() writes for each "{name}" in it. */
typedef void relay_fill_f(const void *arg, struct text name, struct buffer *url);
void relay_fill(struct text pattern, relay_fill_f *fill, const void *arg, struct buffer *url);
/* What is about the connection is not for the next one. */
void relay_add_fields(const struct exchange *exchange, const struct http_request *request,
                      struct client_call *call);
void relay_add_forwarded(const struct exchange *exchange, struct client_call *call,
                         struct arena *arena);
#define RELAY_ANSWER_MAX (10 << 20) /* bytes. API Gateway: of an HTTP API's answer */
/* False: it is none that can be passed on. answer->fields is gateway->fields; their texts and the
 * body stand in the call. */
bool relay_read_answer(const struct client_call *call, struct gateway *gateway, struct arena *arena,
                       struct answer *answer);
void relay_warn_refused(struct gateway *gateway, const char *api_id, const char *uri);

/* The function that an API's integration leads to; NULL: another kind of integration, or none, or
 * the function is not there. */
const struct function *integration_called(const struct gateway_options *options,
                                          const struct api_integration *integration);
/* The version that an API's integration names; NULL: there is none, or its function does not
 * let that source ARN call it. */
const struct version *integration_version(const struct gateway_options *options,
                                          const struct http_api *api,
                                          const struct api_integration *integration,
                                          struct text source_arn);

/* What parameter mappings and integrations' parameters take their values from: context.c. */
struct mapping_source context_source(struct exchange *exchange);
struct text context_find(void *exchange, struct text name, struct arena *arena);
/* Of a route that was found, by what follows "$context."; TEXT_NONE: it has none. */
struct text context_value(const struct exchange *exchange, struct text name, struct arena *arena);
/* What is changed by the integration's parameter mapping: copies of the exchange's own. The path
 * that it became, or none. */
struct text context_map_request(struct exchange *exchange, struct http_request *request,
                                struct route *route);
/* How long its integration may take: its own time, or that of the route's limits. 0: as long as
 * the function may. */
int64_t exchange_timeout_ms(const struct exchange *exchange);

/* Each ends the exchange: it may be gone afterwards. */
void reply_refuse(struct exchange *exchange, enum refusal refusal);
/* Any status with a JSON body that the gateway made. In the arena, or for ever. */
void reply_json(struct exchange *exchange, int status, struct text body);
/* The same with one more header. */
void reply_refuse_with(struct exchange *exchange, enum refusal refusal, struct text name,
                       struct text value);
void reply_refuse_signature(struct exchange *exchange, const struct sigv4_refusal *refusal);
/* {"message": message}; retry_ms: for Retry-After, 0: none. */
void reply_refuse_message(struct exchange *exchange, int status, const char *message,
                          int64_t retry_ms);
void reply_refuse_throttled(struct exchange *exchange, const char *reason);
void reply_preflight(struct exchange *exchange);
/* Of an invocation that is done and did not stream to here. */
void reply_done(struct exchange *exchange, struct invocation *invocation);
void reply_failed(struct exchange *exchange, const struct invocation *invocation);
/* An answer of an integration as it came: mapped and judged before it goes. */
void reply_relayed(struct exchange *exchange, struct answer *answer);
/* answer->fields is gateway->fields; what the gateway adds is added here. content_type: if it has
 * none, or none is to be added. */
void reply_complete(struct exchange *exchange, struct answer *answer, struct text content_type);
/* The same, and the body follows. */
void reply_begin(struct exchange *exchange, struct answer *answer, struct text content_type);
/* One that is complete and that nobody looks at any more. */
void reply_send(struct exchange *exchange, const struct answer *answer);

#define PRELUDE_SEPARATOR_LEN 8 /* NUL bytes between a streamed answer's head and body */
bool reply_is_prelude_type(struct text content_type);
/* Where the separator begins, or text.len. */
size_t reply_find_separator(struct text text);

/* Invocations whose answers are collected, and those whose answers pass through. */
extern const struct invocation_sink exchange_sink, stream_sink;
void stream_writable(struct exchange *exchange);
/* The client or the invocation is gone. */
void stream_done(struct exchange *exchange);
