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
struct guard { /* each NULL when not set */
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

/* What parts are compiled with, for the whole process: set once, before any thread starts, and
 * cleared at the end. Without them settings that need files or the firewall are refused. */
struct address_files;
struct waf;
void guard_serve(struct address_files *files, struct waf *waf);

/* Fails with a sentence that names the key ("limits.rate must be ..."): unknown ones too. */
struct guard *guard_compile(const json_t *json, struct error *err);
void guard_free(struct guard *guard); /* NULL does nothing */
DEFINE_SCOPED(struct guard *, guard_free)
