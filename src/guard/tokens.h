/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guard/authorizer.h"

/*
 * Who may pass by a token, set where AWS has no setting for it (function.yaml): an authorizer of
 * type JWT and the scopes that its route asks for.
 */
struct tokens {
    struct authorizer *authorizer;
    char **scopes;
    size_t scope_count;
};

/* {"issuer": URL, "audience": text or list, "scopes": likewise, "from": an identity source}. NULL
 * and *err, which names the setting. */
struct tokens *tokens_compile(const json_t *part, struct error *err);
void tokens_free(struct tokens *tokens); /* NULL does nothing */
DEFINE_SCOPED(struct tokens *, tokens_free)
