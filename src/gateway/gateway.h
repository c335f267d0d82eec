/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/scoped.h"
#include "gateway/forwarded.h"
#include "http/http.h"
#include "model/directory.h"
#include "model/invocation.h"
#include "model/keyring.h"
#include "model/origin.h"

/*
 * The door for clients: finds the function of an HTTP request, checks who may pass, makes
 * it an event, and turns the function's answer into a response. One a shard, used on its
 * loop only.
 */
struct bus_view;
struct event_store;
struct gateway;
struct sockets;
struct access_format;
struct http_api_view;
struct meter;
struct limit_table;
struct deliveries;
struct waf;
struct upstreams;
struct services;
struct tls_clients;
struct log_writer;
struct usage;

struct gateway_options {
    struct loop *loop;
    struct invoker *invoker;
    const struct directory *directory;
    const struct bus_view *buses; /* NULL: events are not taken */
    struct event_store *events;
    const struct http_api_view *apis; /* NULL: there are none */
    struct limit_table *limits;       /* of all shards; NULL: nothing is limited */
    struct deliveries *deliveries;    /* of webhooks, likewise; NULL: none is remembered */
    struct waf *waf;                  /* NULL: there is no firewall */
    const struct upstreams *upstreams; /* what may be called for clients; NULL: everything */
    const char *upstream_ca;           /* file of PEM that they trust; NULL: the system's */
    struct usage *usage;               /* of API keys, on the shard; NULL: it is not counted */
    struct log_writer *logs;           /* of the shard, for stages' access logs; NULL: none */
    struct services *services;         /* for integrations with them; NULL: there are none */
    const struct keyring *keyring;
    const char *account, *region; /* copied */
    struct sockets *sockets;      /* of all shards */
    int shard;                    /* this one's index */
    int64_t socket_idle_ms;       /* a WebSocket client that is silent for so long is sent away */
    uint16_t port;                /* where clients reach it, for forwarded headers */
    const char *data_folder;      /* of access.log, copied; NULL: no access log */
    const struct access_format *access_format; /* NULL: the combined one */
    struct forwarding forwarding; /* whom requests are for, where proxies stand before it */
    bool compresses;                           /* answers, where no route says otherwise */
    struct meter *meter;                       /* of the shard; NULL: nothing is counted */
};

/* Everything the options point to outlives it. */
struct gateway *gateway_new(const struct gateway_options *options);
/* Writes what the access log still holds. Blocks: for the end of the daemon. */
void gateway_flush(struct gateway *gateway);
/* No stream and no invocation of it is left. */
void gateway_free(struct gateway *gateway);
DEFINE_SCOPED(struct gateway *, gateway_free)

/* For TLS listeners (http/server.h): who the clients of a custom domain must be. */
const struct tls_clients *gateway_clients(void *context, struct text name);

/* Each listener's context is a struct origin whose service is the struct gateway. */
extern const struct http_app gateway_app;
