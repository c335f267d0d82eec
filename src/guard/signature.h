/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdint.h>

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
 */
struct signature; /* never changes: any thread */

#define SIGNATURE_SECRETS_MAX 8
#define SIGNATURE_TOLERANCE_MAX_S 86400

/* The error names the key ("signature.scheme must be ..."). */
struct signature *signature_compile(const json_t *part, struct error *err);
void signature_free(struct signature *signature);
DEFINE_SCOPED(struct signature *, signature_free)

/* body: as it came, before anything read it. *ret_id: what names the delivery, the same when it
 * is repeated (TEXT_NONE: the scheme has no such thing). -1 and *err, which does not say what
 * would be right. */
int signature_check(const struct signature *signature, const struct http_request *request,
                    struct text body, int64_t now_s, struct text *ret_id, struct error *err);
