/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/scoped.h"
#include "engine/engine.h"
#include "http/http.h"

/*
 * The control API: AWS Lambda, the parts of CloudWatch Logs and STS that belong to it, and
 * Evoke's own actions below /_evoke. A request is read, authenticated and answered on the
 * shard it came in on; Invoke runs there too, everything else is handed to the control loop
 * or to the pool as a message and comes back as one. An action that has begun is completed
 * when its client goes away.
 */
struct api;       /* one a process */
struct apigateway;
struct queues;
struct buses;
struct schedules;
struct mappings;
struct meters;
struct services;
struct api_shard; /* one a shard, used on its loop only */

/* What reads anew what the gateway has from files. On the control loop. */
struct reload {
    /* report: {"certificates": n, "lists": n, "ruleSets": n, "errors": [sentence]}, borrowed. */
    void (*done)(struct reload *reload, const json_t *report);
    struct list link; /* private */
};
struct reloader {
    void (*start)(struct reloader *reloader, struct reload *reload);
};

struct api *api_new(struct engine *engine);
/* How clients outside reach the daemon: "http://127.0.0.1:9000", "http://127.0.0.1:8080".
 * Known once the listeners are bound; to be told before the loops run. */
void api_set_addresses(struct api *api, const char *api_url, const char *gateway_url);
/* Before the loops run; they outlive the API. */
void api_set_queues(struct api *api, struct queues *queues);
void api_set_buses(struct api *api, struct buses *buses);
/* What actions of the Scheduler work on; outlives the API. Before the loops run. */
void api_set_schedules(struct api *api, struct schedules *schedules);
void api_set_mappings(struct api *api, struct mappings *mappings);
void api_set_meters(struct api *api, struct meters *meters);
void api_set_reloader(struct api *api, struct reloader *reloader);
void api_set_apigateway(struct api *api, struct apigateway *apigateway);
void api_free(struct api *api); /* after the loops have ended; its shards go with it */
DEFINE_SCOPED(struct api *, api_free)

struct api_shard *api_shard_new(struct api *api, struct shard *shard);
/* For those who ask from within, on the shard's loop; lives as long as it. */
struct services *api_shard_services(struct api_shard *shard);

/* stream->context is a struct origin whose service is the struct api_shard of the loop. */
extern const struct http_app api_app;
