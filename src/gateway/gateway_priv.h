/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/list.h"
#include "gateway/access_log.h"
#include "gateway/gateway.h"
#include "http/sigv4.h"
#include "model/limits.h"

/* What the files of the gateway share. */

#define ANSWER_FIELDS_MAX 128        /* headers and cookies a function may answer with */
#define PRELUDE_BYTES_MAX (16 << 10) /* Lambda: of a streamed answer's head */
#define OWN_FIELDS_MAX 16            /* what the gateway adds to them */

struct gateway {
    struct gateway_options options; /* its strings are the gateway's own */
    struct access_log *log;         /* NULL: none is kept */
    struct list postings;           /* of events, to use again */
    int posting_count;
    int64_t time_s; /* what time holds */
    char time[32];  /* now, as the common log format has it */
    /* For the answer being given: used and left before the next. */
    struct http_field fields[ANSWER_FIELDS_MAX + OWN_FIELDS_MAX];
    struct buffer scratch;
};

/* --- which function: route.c --- */

struct route {
    const struct function *function; /* borrowed from the directory; has a URL */
    struct text raw_path;            /* what the function sees of the path, still encoded */
    struct text path;                /* the same, decoded */
};

/*
 * A function is reached by the host of its URL ("<id>.localhost"), by "/urls/<id>/...", by
 * "/functions/<name>/..." or by the route in its function.yaml; always under the rules of
 * its URL, so one without a URL is not reached. The path is split before it is decoded,
 * decoded once, and what was compared is what the function gets. 0, or the status to
 * refuse with: 400 (not decodable, or dot segments where the path chooses the function),
 * 403 (no such URL or function), 404 (no route).
 */
int route_find(const struct gateway_options *options, const struct http_request *request,
               struct arena *arena, struct route *ret);

/* --- who may pass: auth.c --- */

/* Who signed a request. Lives in the stream's arena. */
struct caller {
    struct sigv4_claim claim;
    struct key key;
    struct text service; /* what the signature is for */
    int64_t now_ms;      /* when the head came: a slow body does not make it expire */
    /* As an event shows them. */
    struct text account, id, arn;
};

/* Whether everybody may call the function's URL: type NONE and the permission for it. */
bool auth_is_public(const struct function *function);
/* Reads who claims to have signed a request; NULL and *refusal also for unknown keys. */
struct caller *auth_read(const struct gateway_options *options, struct http_stream *stream,
                         struct text service, int64_t now_ms, struct sigv4_refusal *refusal);
/* Whether the body's hash has to be known to check it. */
bool auth_needs_hash(const struct http_request *request);
/* Checks the signature. body_sha256: lower-case hex. */
int auth_verify(const struct gateway_options *options, struct http_stream *stream,
                const struct caller *caller, struct text body_sha256,
                struct sigv4_refusal *refusal);
/* Whether a caller who is who it says may call that function. */
bool caller_may_call(const struct gateway_options *options, const struct origin *origin,
                     const struct caller *caller, const struct function *function);
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

struct url_event {
    const struct http_request *request;
    const struct route *route;
    const struct caller *caller; /* NULL: anonymous */
    struct text source_ip;
    uint16_t port;
    const char *request_id, *trace;
    const char *time; /* common log format */
    int64_t now_ms;
    struct text body;
};
/* Appends the event in payload format 2.0. */
void event_write(const struct url_event *event, struct arena *arena, struct buffer *out);

/* Whether a header of the client is the function's to see under its own name. Not those
 * about the connection, those the platform itself sets, nor a checked signature. */
bool header_passes(struct text name, bool is_signed);
/* Whether a Connection header lists the name: it is for the next hop, which is us
 * (RFC 9110 7.6.1). */
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

/* --- the answer: answer.c --- */

struct answer {
    int status;
    struct http_field *fields; /* the caller's array of ANSWER_FIELDS_MAX */
    size_t count;
    bool has_content_type;
    struct text body;
};
/*
 * What a function meant by the JSON it returned. An object with a statusCode says all of
 * it; anything else is the body of a 200, a string without its quotes. Decodes within json
 * and into scratch (emptied first): *ret is valid as long as both. False when the structure
 * is not one AWS accepts.
 */
bool answer_read(struct buffer *json, struct buffer *scratch, struct answer *ret);
/* The head of a streamed answer: statusCode, headers, cookies. */
bool answer_read_prelude(struct buffer *json, size_t len, struct answer *ret);

/* --- one request: exchange.c, reply.c, stream.c --- */

enum refusal {
    REFUSE_BAD_REQUEST,
    REFUSE_UNKNOWN,   /* no such function, as far as the client may know */
    REFUSE_FORBIDDEN, /* there is one, but not for this client */
    REFUSE_NOT_FOUND,
    REFUSE_RECURSION,
    REFUSE_METHOD,
    REFUSE_TOO_LARGE,
    REFUSE_UNAVAILABLE,
    REFUSE_FUNCTION_FAILED,
};

/* Lives in the stream's arena. Its invocation goes on when the client has gone: then the
 * invocation has no owner any more. */
struct exchange {
    struct gateway *gateway;
    struct http_stream *stream;
    const struct origin *origin;
    struct route route; /* its function may be used in the loop's iteration found_us only */
    int64_t found_us;
    struct caller *caller; /* NULL: not of type AWS_IAM */
    bool has_cors;
    struct http_field cors[CORS_FIELDS_MAX];
    size_t cors_count;
    struct buffer body; /* as far as it has come, when it comes in pieces */
    struct crypto_hash *hash;
    int64_t now_ms;
    int hops;
    char source_ip[INET6_ADDRSTRLEN];
    char url_id[sizeof(((struct function_url *)0)->id)];
    char request_id[UUID_LEN + 1]; /* of an answer without an invocation */
    struct invocation *invocation; /* once the invoker has it */

    /* A streamed answer */
    bool expects_prelude, has_begun, is_paused;
    struct text content_type;
    struct buffer prelude;
    int64_t streamed_bytes;
};

/* Each ends the exchange: it may be gone afterwards. */
void reply_refuse(struct exchange *exchange, enum refusal refusal);
void reply_refuse_signature(struct exchange *exchange, const struct sigv4_refusal *refusal);
void reply_refuse_throttled(struct exchange *exchange, const char *reason);
void reply_preflight(struct exchange *exchange);
/* Of an invocation that is done and did not stream to here. */
void reply_done(struct exchange *exchange, struct invocation *invocation);
void reply_failed(struct exchange *exchange, const struct invocation *invocation);
/* answer->fields is gateway->fields; what the gateway adds is added here. */
void reply_complete(struct exchange *exchange, struct answer *answer, struct text content_type);
/* The same, and the body follows. */
void reply_begin(struct exchange *exchange, struct answer *answer, struct text content_type);

#define PRELUDE_SEPARATOR_LEN 8 /* NUL bytes between a streamed answer's head and body */
bool reply_is_prelude_type(struct text content_type);
/* Where the separator begins, or text.len. */
size_t reply_find_separator(struct text text);

/* Invocations whose answers are collected, and those whose answers pass through. */
extern const struct invocation_sink exchange_sink, stream_sink;
void stream_writable(struct exchange *exchange);
/* The client or the invocation is gone. */
void stream_done(struct exchange *exchange);
