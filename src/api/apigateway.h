/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "base/scoped.h"

/*
 * What was configured through the control API of API Gateway: HTTP and WebSocket APIs with
 * their parts, deployments, domain names, API keys and usage plans. Documents on the control
 * thread; what the shards need of them is handed to the gateway.
 */
struct apigateway;
struct http_apis;
struct loop;
struct usages;
struct limit_table;
struct store;

struct apigateway_options {
    struct store *store;
    struct loop *control;
    struct http_apis *http_apis; /* where they are served */
    struct usages *usages;       /* of API keys */
    struct limit_table *limits;  /* what counts their quotas */
    const char *data_folder;     /* below which truststores named as S3 objects are */
    const char *account, *region;
};

/* Reads what is stored; blocks; before the loops run. Everything in options outlives it. */
struct apigateway *apigateway_open(const struct apigateway_options *options, struct error *err);
/* On the control thread: has what is stored served, and removes what a crash left of deleted
 * APIs. done() comes, perhaps at once, when every shard serves it. */
void apigateway_start(struct apigateway *apigateway, void (*done)(void *arg), void *arg);
/* After the loops have ended; NULL does nothing. */
void apigateway_free(struct apigateway *apigateway);
DEFINE_SCOPED(struct apigateway *, apigateway_free)
