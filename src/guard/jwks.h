/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "base/scoped.h"
#include "base/text.h"
#include "guard/jwk.h"
#include "loop/loop.h"

/*
 * The keys of token issuers, fetched by discovery (ISSUER/.well-known/openid-configuration
 * names the key set) and kept for two hours. A key that is not in the set has it fetched again,
 * at most every JWKS_RETRY_MS, so new keys are known at once and made-up ones cost nothing.
 * While an issuer cannot be reached its old keys go on to be used, for a day. However many
 * requests wait for an issuer, it is asked once. One a loop, used on it only.
 */
struct jwks;

#define JWKS_FRESH_MS (2 * 3600 * 1000) /* API Gateway */
#define JWKS_KEPT_MS (24 * 3600 * 1000) /* of an issuer that is down */
#define JWKS_RETRY_MS 3000
#define JWKS_TIMEOUT_MS 1500     /* API Gateway: for each of the two requests */
#define JWKS_ANSWER_BYTES 150000 /* API Gateway */
#define JWKS_ISSUERS_MAX 1000    /* the one unused for longest goes */

struct upstreams;

/* upstreams: what may be connected to, outlives it; NULL: everything. */
struct jwks *jwks_new(struct loop *loop, const struct upstreams *upstreams);
void jwks_free(struct jwks *jwks); /* nobody waits */
DEFINE_SCOPED(struct jwks *, jwks_free)

/* Embedded in what waits for a key; {0} but for done. */
struct jwks_wait {
    /* key: valid during the call. NULL: reason says why. */
    void (*done)(struct jwks_wait *wait, const struct jwk *key, const char *reason);
    struct text kid; /* private from here */
    struct list link;
};
/* Calls done() once, possibly before it returns. kid is borrowed until then. */
void jwks_find(struct jwks *jwks, struct text issuer, struct text kid, struct jwks_wait *wait);
void jwks_cancel(struct jwks_wait *wait); /* no-op when it is done */
