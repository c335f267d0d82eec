/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * Public keys of token issuers, as JSON Web Key Sets publish them (RFC 7517), and checking
 * signatures with them (RFC 7518, RFC 8037). A key is used with the algorithms of its type
 * only: RSA of at least 2048 bits for RS* and PS*, a curve for its ES*, Ed25519 for EdDSA.
 * There is no HMAC and no "none". Used by one thread.
 */
enum jwk_type { JWK_RSA, JWK_EC, JWK_OKP };

struct jwk_algorithm {
    const char *name; /* "RS256" */
    enum jwk_type type;
    const char *hash;  /* OpenSSL's name; NULL: the signature brings its own */
    const char *curve; /* of JWK_EC and JWK_OKP, as JWKs call it */
    bool is_pss;
};
/* NULL: not one that is accepted. */
const struct jwk_algorithm *jwk_algorithm_find(struct text name);

struct jwk_set;
struct jwk;

#define JWK_KEYS_MAX 100 /* of a set; those behind are not read */

/* Keys that are of no use here (other types, for encryption, too short) are left out. NULL and
 * *err when it is no key set. */
struct jwk_set *jwk_set_parse(struct text source, struct error *err);
void jwk_set_free(struct jwk_set *set);
DEFINE_SCOPED(struct jwk_set *, jwk_set_free)
/* Owned by the set; NULL: it has no key of that id. */
const struct jwk *jwk_set_find(const struct jwk_set *set, struct text kid);
size_t jwk_set_count(const struct jwk_set *set);

/* Whether the key may be used with that algorithm, and its holder signed so. */
bool jwk_verify(const struct jwk *key, const struct jwk_algorithm *algorithm, struct text content,
                struct text signature);
