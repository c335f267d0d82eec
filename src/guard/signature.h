/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/error.h"
#include "base/scoped.h"
#include "http/http.h"

/*
 * Signatures of webhooks: whether who holds one of the secrets sent this body, and not too long
 * ago. Schemes: github, stripe, slack, standard (standardwebhooks.com: HMAC and Ed25519).
 *
 *     signature: "github env:GITHUB_SECRET"
 *     signature: {scheme: stripe, secrets: [env:NEW, file:/run/secrets/old], tolerance: 300}
 *
 * "env:NAME" and "file:PATH" are read when it is compiled, by the daemon; a file's last line
 * end is not part of the secret. Several secrets are all right while they are changed. A
 * secret of scheme standard is base64 behind "whsec_", a public key is base64 behind "whpk_".
 *
 * "replay" says what becomes of a delivery that was taken and comes again: refuse, ignore, or
 * allow. Schemes that sign the time refuse unless it is set; github allows, for who presses
 * "Redeliver" there means it.
 */
struct signature; /* never changes: any thread */

#define SIGNATURE_SECRETS_MAX 8
#define SIGNATURE_TOLERANCE_MAX_S 86400

/* The error names the key ("signature.scheme must be ..."). */
struct signature *signature_compile(const json_t *part, struct error *err);
void signature_free(struct signature *signature);
DEFINE_SCOPED(struct signature *, signature_free)

enum signature_replay { SIGNATURE_ALLOW, SIGNATURE_REFUSE, SIGNATURE_IGNORE };
enum signature_replay signature_replay(const struct signature *signature);

/* What tells a delivery from others, of what is signed only: who recorded one can change the rest,
 * X-GitHub-Delivery for one. The id of scheme standard, else the signature. */
struct signed_delivery {
    struct text id;  /* of the request, or digest */
    int64_t until_s; /* from then on its time is too long ago; INT64_MAX: never */
    uint8_t digest[SHA256_LEN];
};

/* body: as it came, before anything read it. -1 and *err, which does not say what would be
 * right. */
int signature_check(const struct signature *signature, const struct http_request *request,
                    struct text body, int64_t now_s, struct signed_delivery *ret_delivery,
                    struct error *err);
