/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api/api_priv.h"

/* patchOperations, as the older API changes things: [{"op": "replace", "path": "/name",
 * "value": "x"}]. Values are texts, whatever the member is. */

enum apigateway_patch_kind { PATCH_TEXT, PATCH_BOOL, PATCH_INT, PATCH_NUMBER, PATCH_REMOVAL };

/* A path that may be replaced, or, with PATCH_REMOVAL, removed: "/throttle/rateLimit". At most
 * two names. */
struct apigateway_patch {
    const char *path;
    enum apigateway_patch_kind kind;
};

/* Applies what the table knows to document; other() is asked for the rest and says whether it
 * knew it (NULL: nothing else is known). -1: answered. */
int apigateway_patch_apply(struct call *call, const struct apigateway_patch *patches,
                           json_t *document,
                           int (*other)(struct call *call, json_t *document, struct text op,
                                        struct text path, struct text value));

extern const struct param apigateway_patch_params[];
