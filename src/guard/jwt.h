/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "base/json.h"
#include "guard/jwk.h"

/*
 * JSON Web Tokens (RFC 7519) in their compact form, signed by the algorithms of guard/jwk.h.
 * What is refused is refused in one sentence that may be shown to the client.
 */
#define JWT_BYTES_MAX (16 << 10) /* what fits into a request's head */

struct jwt {
    const struct jwk_algorithm *algorithm;
    struct text kid;     /* of header; never absent */
    struct text content; /* what is signed; of the token */
    struct buffer signature;
    json_t *header, *claims; /* objects */
};

/* Reads what a token says; nothing of it is to be believed before its signature was checked.
 * token outlives *ret, which is to be released, after failure too. */
int jwt_parse(struct text token, struct jwt *ret, struct error *err);
void jwt_done(struct jwt *jwt);
static inline void jwt_done_scoped(struct jwt *jwt)
{
    jwt_done(jwt);
}

/* Whom a token must come from and be for. */
struct jwt_rules {
    struct text issuer;
    const struct text *audiences; /* one of them is in "aud" or, only without one, "client_id" */
    size_t audience_count;
};
/* The claims: iss, aud or client_id, exp in the future, nbf and iat (when given) not. */
int jwt_check(const struct jwt *jwt, const struct jwt_rules *rules, int64_t now_ms,
              struct error *err);

/* Whether its scope (or scp) has one of these. */
bool jwt_has_scope(const struct jwt *jwt, const struct text *scopes, size_t count);

/* Appends {"claims":{...},"scopes":...} as AWS shows it to functions: each claim a string,
 * lists as "[a b]", null left out; scopes null unless the route asks for some. */
void jwt_write(const struct jwt *jwt, bool with_scopes, struct buffer *out);
