/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/scoped.h"
#include "guard/jwks.h"
#include "http/http.h"
#include "model/directory.h"
#include "model/invocation.h"

/*
 * Authorizers of an API: tokens (type JWT), and functions that are asked (type REQUEST) and
 * answer with a policy or, in short, with yes or no.
 */
struct authorizer; /* compiled, never changes: any thread */

#define AUTHORIZER_TTL_MAX_S 3600   /* API Gateway */
#define AUTHORIZER_TIMEOUT_MS 10000 /* API Gateway: of the function */
#define AUTHORIZER_SOURCES_MAX 20
#define AUTHORIZER_AUDIENCES_MAX 50 /* API Gateway */

/* Where it stands. */
struct authorizer_place {
    struct text account, region, api_id, stage;
    int64_t resets; /* how often its cache was reset: what was kept before is not used again */
    /* It belongs to a guard: its function is of the account and region of what is guarded, and
     * needs no permission. */
    bool is_guards;
};
/* document: AWS's Authorizer shape. NULL and *err, which names the setting. */
struct authorizer *authorizer_compile(const json_t *document, const struct authorizer_place *place,
                                      struct error *err);
void authorizer_free(struct authorizer *authorizer);
DEFINE_SCOPED(struct authorizer *, authorizer_free)
/* Whether it is of type JWT. */
bool authorizer_takes_tokens(const struct authorizer *authorizer);
/* Of one that asks a function: its name, *ret_qualifier "" or its version. TEXT_NONE: it asks none. */
struct text authorizer_function(const struct authorizer *authorizer, struct text *ret_qualifier);
/* 1 or 2: of the event its function gets. */
int authorizer_payload_version(const struct authorizer *authorizer);

/* What authorizing needs on a loop: keys of issuers, answers that are kept. */
struct authorizing;
#define AUTHORIZING_KEPT_MAX 10000        /* answers */
#define AUTHORIZING_KEPT_BYTES (16 << 20) /* of them */

struct upstreams;

/* Everything it is given outlives it. upstreams: where keys may be fetched; NULL: everywhere. */
struct authorizing *authorizing_new(struct loop *loop, struct invoker *invoker,
                                    const struct directory *directory,
                                    const struct upstreams *upstreams);
void authorizing_free(struct authorizing *authorizing); /* nothing is being authorized */
DEFINE_SCOPED(struct authorizing *, authorizing_free)

/* One request. {0} but for what is given, which is borrowed until done(). */
struct authorization {
    /* Given */
    void (*done)(struct authorization *authorization);
    const struct http_request *request;
    struct arena *arena;   /* results are in it */
    struct text route_arn; /* arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path */
    struct text source_ip;
    bool is_secure; /* came by TLS */
    /* Of a guard's authorizer: what it guards, and whose that is. */
    struct text guarded, account, region;
    const struct text *scopes; /* the route's: one of them is needed; none: any token will do */
    size_t scope_count;
    int64_t now_ms;
    int hops;
    /* "context.routeKey", "stageVariables.x": TEXT_NONE when there is none. */
    struct text (*value)(struct authorization *authorization, struct text name);
    /* Appends the event for a function that is asked; sources: what identifies the client. */
    void (*write_event)(struct authorization *authorization, const struct text *sources,
                        size_t source_count, struct buffer *out);
    /* Result */
    int status;                   /* 0: it may pass; 401, 403, 500 */
    struct text www_authenticate; /* TEXT_NONE without */
    struct text context;   /* JSON: of JWT {"claims":...,"scopes":...}, of REQUEST what the function
                              adds, an object; TEXT_NONE without */
    struct text principal; /* "sub", or what the function said; TEXT_NONE without */
    struct text usage_key; /* the value of an API key that the function named; TEXT_NONE without */
    /* private */
    struct authorizing *authorizing;
    const struct authorizer *authorizer;
    struct text token;
    struct jwks_wait key;
    struct invocation *invocation;
    struct loop_timer timer;
    uint8_t cache_key[32];
    bool may_keep;
};
/* Calls done() once, possibly before it returns. */
void authorize(struct authorizing *authorizing, const struct authorizer *authorizer,
               struct authorization *authorization);
/* done() is not called any more; what the function does is not undone. */
void authorization_cancel(struct authorization *authorization);
