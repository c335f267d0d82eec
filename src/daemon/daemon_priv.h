/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"
#include "engine/engine.h"
#include "guard/guard.h"

/* The daemon's components, as build.c makes them and serve.c runs them. */

/* What one shard has of each component. */
struct place {
    struct daemon *daemon;
    struct shard *shard;
    struct loop *loop;
    struct http_server *server;
    struct api_shard *api;
    struct gateway *gateway;
    struct origin api_origin, gateway_origin; /* requests from outside */
    struct loop_message drain, flush, drained;
};

struct daemon {
    struct config config;
    const struct settings *settings;
    int lock_fd;
    struct spawner_report report;
    pid_t spawner;
    int *sockets;
    struct interpreters *interpreters;
    struct store *store;
    struct event_store *events;
    struct registry *queue_documents;
    struct queues *queues;
    struct buses *buses;
    const struct directory **directories; /* of the shards */
    struct replays *replays;
    struct bus_inbox *inbox;
    struct log_writer **log_writers; /* of the shards */
    struct targets *targets;
    struct timer *timer;
    struct scheduled_rules *rules;
    struct schedules *schedules;
    struct registry *mapping_documents;
    struct mappings *mappings;
    struct apigateway *apigateway;
    struct access_format *access_format; /* NULL: combined */
    struct meters *meters;
    struct limit_table *limits;
    struct deliveries *deliveries;
    struct limit_file *limit_file;
    struct address_files *address_files;
    struct reloading *reloading;
    struct waf *waf; /* NULL: there is none */
    struct guard_services guards;
    struct upstreams *upstreams;
    struct usages *usages;
    struct http_apis *http_apis;
    struct sockets *web_sockets;
    struct keyring *keyring;
    struct log_store *logs;
    struct loop *control, **loops;
    struct engine *engine;
    struct api *api;
    struct doors *doors;
    const struct endpoint *api_endpoint, *gateway_endpoint;
    struct place *places;
    int shards, waiting;
    bool is_stopping;
    struct loop_signal term, interrupt;
    struct loop_timer expire;
    struct loop_job expire_job;
};

/* Makes every component of every shard; no loop runs yet. The state is open, the doors too. */
int daemon_build(struct daemon *daemon, struct error *err);
