/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/interpreters.h"
#include "engine/settings.h"
#include "http/server.h"
#include "loop/loop.h"
#include "model/directory.h"
#include "model/invocation.h"
#include "model/keyring.h"
#include "model/origin.h"
#include "sandbox/spawner.h"
#include "store/event_store.h"
#include "store/log_store.h"
#include "store/store.h"

/*
 * The compute engine: which functions exist, and instances of them on every shard.
 *
 * The control thread owns the master list; every shard has a directory of what it
 * serves. While an update is InProgress the master shows the new configuration and the
 * shards still serve the old version: the new one becomes visible in one step, when it
 * has been loaded once, and the update is Successful when every shard has it.
 */
struct engine;
struct shard;

struct engine_options {
    struct settings *settings; /* outlives the engine */
    struct store *store;
    struct event_store *events; /* started by who made it, once ready() was called */
    struct log_store *logs;
    struct keyring *keyring;
    struct interpreters *interpreters;
    struct loop *control;
    struct loop **shard_loops; /* settings->shards of them, not yet running */
    int *spawner_sockets;      /* one a shard; the engine's now */
    struct spawner_report report;
    const char *data_folder;
    const char *api_address, *gateway_address; /* "127.0.0.1:9000": the daemon's own ports */
    const struct guard_services *guards;       /* of function.yaml's; outlives the engine */
};

/* Before the loops run; reads the functions from the store. */
struct engine *engine_new(const struct engine_options *options, struct error *err);
/* On the control thread, once the loops run: publishes all functions to the shards, goes
 * on with deployments a crash interrupted, then calls ready. */
void engine_start(struct engine *engine, void (*ready)(void *arg), void *arg);
/* Control thread. No new invocation is taken; running ones finish or are cut off after
 * limit_ms; then every instance ends and drained is called. */
void engine_drain(struct engine *engine, int64_t limit_ms, void (*drained)(void *arg), void *arg);
/* After its loops have ended, drained and with their log writers flushed; before they are
 * freed, which closes the last descriptors. */
void engine_free(struct engine *engine);

/* --- the control thread's side --- */

/* The newest snapshot, InProgress ones included; borrowed until the next change. */
const struct function *engine_find(const struct engine *engine, struct text account,
                                   struct text region, struct text name);
/* All functions of an account and region in name order; borrowed likewise. The caller
 * frees the array. */
const struct function **engine_list(const struct engine *engine, struct text account,
                                    struct text region, size_t *ret_count);

/* A change under way. Embedded in what waits for it; done() runs on the control thread,
 * never before the call has returned. failed: nothing has changed. */
struct engine_change {
    void (*done)(struct engine_change *change, const struct function *function, bool failed,
                 const struct error *err);
};

/*
 * Stores a new or updated function whose code or configuration changed, then brings it
 * into service. done() comes when it is durable (state Pending or update InProgress, as
 * set here); loading it, making it visible and turning it Active and Successful follow
 * by themselves. Takes the function. ERROR_CONFLICT: create and it exists (create), or
 * an update is in progress. ERROR_NOT_FOUND: update and it is gone.
 * serials of changed versions must be 0: they get theirs here.
 */
void engine_deploy(struct engine *engine, struct function **function, bool create,
                   struct engine_change *change);

/* Stores and publishes a change of anything else (tags, permissions, URL). done() comes
 * when every shard serves it. */
void engine_save(struct engine *engine, struct function **function, struct engine_change *change);

/* Removes a function: done() when no shard serves it any more. Its instances drain, its
 * code goes when nobody uses it. Logs stay, as with AWS. */
void engine_delete(struct engine *engine, struct text account, struct text region, struct text name,
                   struct engine_change *change);

/* While a package is being staged (between package_stage() beginning and engine_deploy())
 * no code is collected: it might be the same. */
void engine_hold_code(struct engine *engine);
void engine_release_code(struct engine *engine);

/* Instances of a version right now, over all shards; by state for metrics. */
struct engine_counts {
    int64_t starting, idle, busy, frozen;
    int64_t concurrency_used, concurrency_limit;
    int64_t functions;
};
struct engine_counts engine_counts(const struct engine *engine);
int64_t engine_instances(const struct engine *engine, const struct function *function);

const struct engine_options *engine_options(const struct engine *engine);

/* --- a shard's side: on that shard's loop --- */

struct shard *engine_shard(struct engine *engine, int index);
struct loop *shard_loop(const struct shard *shard);
int shard_index(const struct shard *shard);
const struct directory *shard_directory(const struct shard *shard);
struct invoker *shard_invoker(struct shard *shard);
struct log_writer *shard_log_writer(struct shard *shard);
/* What listens inside sandboxes of this shard; set before the loops run. Each request's
 * stream->context is a struct origin whose service is this one. */
void shard_set_doors(struct shard *shard, const struct http_app *api_app, void *api_service,
                     const struct http_app *gateway_app, void *gateway_service);

/* --- the events that wait for a function: on the home loop of its lane --- */

struct engine_event {
    uint64_t id;
    int64_t arrived_ms, due_ms; /* wall clock; due 0: at once */
    const char *state;          /* "running", "ready" or "delayed" */
    struct text note;           /* as in model/note.h */
    size_t body_len;
};
struct loop *engine_events_home(struct engine *engine, struct text lane); /* any thread */
/* In the order they will be given out; each() returns false to stop. */
void engine_events_each(struct engine *engine, struct text lane,
                        bool (*each)(void *arg, const struct engine_event *event), void *arg);
/* Those that wait for a retry are tried now; how many. */
int64_t engine_events_retry(struct engine *engine, struct text lane);
/* Takes away the event with that id, or all of them (0), but for those that run; how many. */
int64_t engine_events_remove(struct engine *engine, struct text lane, uint64_t id);

/* Prometheus text, appended. Any thread; counters are read without a lock. */
void engine_metrics(const struct engine *engine, struct buffer *out);
/* The same by function, of those in a directory that were used: on its thread. At most
 * LIMIT_METRICS_FUNCTIONS have lines of their own. */
void engine_function_metrics(const struct directory *directory, struct text account,
                             struct text region, struct buffer *out);
