/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/crypto.h"
#include "base/map.h"
#include "guard/authorizer.h"
#include "model/policy.h"

/* What the files of authorizers share. */

enum source_kind { SOURCE_HEADER, SOURCE_QUERY, SOURCE_VALUE };
struct source {
    enum source_kind kind;
    char *name; /* a header's in lower case */
};

enum authorizer_type { AUTHORIZER_JWT, AUTHORIZER_REQUEST };

struct authorizer {
    enum authorizer_type type;
    struct source sources[AUTHORIZER_SOURCES_MAX];
    size_t source_count;
    /* JWT */
    char *issuer;
    struct text audiences[AUTHORIZER_AUDIENCES_MAX];
    size_t audience_count;
    /* REQUEST */
    char *account, *region, *function, *qualifier; /* qualifier: "" without */
    char *arn;                                     /* what its function's policy names */
    int payload_version;
    bool is_simple, has_credentials, is_guards;
    int64_t ttl_ms;
    uint8_t seal[SHA256_LEN]; /* of all of it: answers are kept for this very authorizer */
};

/* --- answers of functions: authorizer_answer.c --- */

struct answer_kept {
    struct list link;
    uint8_t key[SHA256_LEN];
    int64_t expires_ms; /* monotonic */
    size_t bytes;
    bool is_allowed;       /* without a policy */
    struct policy *policy; /* NULL: a simple answer */
    char *context, *principal, *usage_key; /* NULL or "": none */
};

/* NULL and *err when it is not what the authorizer's settings ask for. */
struct answer_kept *answer_parse(const struct authorizer *authorizer, struct text response,
                                 struct error *err);
void answer_free(struct answer_kept *answer);
DEFINE_SCOPED(struct answer_kept *, answer_free)
/* Fills the authorization's result. */
void answer_apply(const struct answer_kept *answer, struct authorization *authorization);

struct authorizing {
    struct loop *loop;
    struct invoker *invoker;
    const struct directory *directory;
    struct jwks *jwks;
    struct map kept;       /* struct answer_kept by key */
    struct list kept_list; /* the one used last in front */
    size_t kept_bytes;
};

const struct answer_kept *kept_find(struct authorizing *authorizing, struct text key);
void kept_put(struct authorizing *authorizing, struct answer_kept *answer); /* takes it */
void kept_clear(struct authorizing *authorizing);

/* --- ways: authorizer_jwt.c, authorizer_request.c --- */
void authorize_by_token(struct authorization *authorization, struct text token);
void authorize_by_function(struct authorization *authorization, const struct text *sources);
/* Ends it. */
void authorization_end(struct authorization *authorization, int status);
