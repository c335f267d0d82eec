/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "gateway/http_api.h"
#include "loop/loop.h"

/*
 * The APIs as the control thread publishes them to the shards, and what a shard sees. What
 * is to be kept is kept elsewhere: this has only what was published since the start.
 */
struct http_apis;
struct api_keys;
struct guard_services;
struct tls_clients;

struct http_apis_options {
    struct loop *control;
    struct loop *const *loops; /* of the shards */
    int loop_count;
    const char *account, *region;
    const struct guard_services *guards;
};

/* Everything in options outlives it. */
struct http_apis *http_apis_new(const struct http_apis_options *options);
void http_apis_free(struct http_apis *apis); /* after the loops have ended */
DEFINE_SCOPED(struct http_apis *, http_apis_free)

/* --- the control thread's side --- */

const struct guard_services *http_apis_guards(const struct http_apis *apis);

/* Who waits for a publication; may be NULL everywhere below. done() comes when every shard acts
 * by it, never before the call has returned. */
struct http_apis_change {
    void (*done)(struct http_apis_change *change);
};

/* An API's bundle (see http_api.h), in place of the one before. -1: it does not compile, and
 * nothing changed; done() does not come. */
int http_apis_publish(struct http_apis *apis, const json_t *bundle, struct http_apis_change *change,
                      struct error *err);
void http_apis_remove(struct http_apis *apis, struct text api_id, struct http_apis_change *change);
/* {"domains": [{DomainName..., "mappings": [ApiMapping], "-truststore": PEM}]}: all there are. One
 * with mutualTlsAuthentication and no truststore that can be read lets nobody in. */
int http_apis_publish_domains(struct http_apis *apis, const json_t *domains,
                              struct http_apis_change *change, struct error *err);
/* {"keys": [...], "plans": [...]}: all there are. */
int http_apis_publish_keys(struct http_apis *apis, const json_t *keys,
                           struct http_apis_change *change, struct error *err);

/* --- a loop's side --- */

struct http_api_view;
/* Of the shard of that index, to be used on its loop. */
const struct http_api_view *http_apis_view(const struct http_apis *apis, int index);
/* Borrowed for the loop's iteration: take a reference to keep it. NULL: there is none. */
struct http_api *http_api_view_find(const struct http_api_view *view, struct text api_id);

/* A custom domain that serves a host (in lower case); NULL. */
struct api_domain;
const struct api_domain *http_api_view_domain(const struct http_api_view *view, struct text host);
/* Who its clients must be (mutualTlsAuthentication); NULL: anybody. */
const struct tls_clients *api_domain_clients(const struct api_domain *domain);
/* Where a path (starting with "/") of a domain leads: the mapping with the longest key that is
 * a prefix of it, in whole segments. False: none. */
struct api_mapping {
    char *key; /* "", "orders", "orders/v2" */
    char *api_id, *stage;
};
const struct api_mapping *api_domain_map(const struct api_domain *domain, struct text path);

/* What http_apis_publish_keys() was given last, borrowed for the loop's iteration; NULL: nothing
 * yet. */
const struct api_keys *http_api_view_keys(const struct http_api_view *view);
