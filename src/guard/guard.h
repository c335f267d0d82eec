/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/scoped.h"

/*
 * What stands between a request and its function beyond what AWS's API knows: the object
 * that is `http:`'s in function.yaml, "x-evoke-guard" in OpenAPI and set on an API by the
 * admin API. A guard is the bundle of its compiled parts, each the matter of one file of
 * this folder; it never changes, and belongs to the route (or API, or function) it guards.
 *
 * A part plugs in by a member here and a row in guard.c, with the stage of the gateway that
 * obeys it: a setting that nobody obeys is refused as unknown.
 */
struct guard {                     /* each NULL when not set */
    struct filter *filter, *types; /* types: of typed inputs and outputs */
    struct conversion *conversion;
    struct compression *compression;
    struct docs *docs;
    struct signature *signature; /* of webhooks */
    struct tokens *tokens;       /* "authorizer" */
    struct addresses *addresses;
    struct limits *limits;
    struct waf_rules *waf;
};

/* What parts are compiled with: what is NULL (all of it, if this is) is not there, and settings
 * that need it are refused. Outlives every guard. */
struct address_files;
struct waf;
struct guard_services {
    struct address_files *files;
    struct waf *waf;
};

/* Fails with a sentence that names the key ("limits.rate must be ..."): unknown ones too. May
 * block (files are read, the firewall's rules take 100 ms): never on a shard. */
struct guard *guard_compile(const json_t *json, const struct guard_services *services,
                            struct error *err);
void guard_free(struct guard *guard); /* NULL does nothing */
DEFINE_SCOPED(struct guard *, guard_free)

/* Compiles what a function.yaml said into it, unless that was done. */
struct guarded;
int guard_settle(struct guarded *guarded, const struct guard_services *services, struct error *err);
