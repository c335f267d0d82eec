/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guard/authorizer.h"

/*
 * Who may pass by a token, or whom a function lets pass, set where AWS has no setting for it
 * (function.yaml): an authorizer, and the scopes that its route asks for of tokens.
 */
struct tokens {
    struct authorizer *authorizer;
    char **scopes;
    size_t scope_count;
};

/* {"issuer": URL, "audience": text or list, "scopes": likewise, "from": an identity source}, or
 * {"function": NAME, "identity": text or list, "ttl": seconds, "answer": "simple" or "policy"}. NULL
 * and *err, which names the setting. Whether there is such a function is not looked at here. */
struct tokens *tokens_compile(const json_t *part, struct error *err);
void tokens_free(struct tokens *tokens); /* NULL does nothing */
DEFINE_SCOPED(struct tokens *, tokens_free)
