/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "model/directory.h"
#include "model/invocation.h"
#include "source/queue.h"
#include "store/event_store.h"
#include "store/registry.h"

/*
 * Event source mappings: the messages of a queue invoke a function, a batch at a time. What
 * the function did is deleted from the queue, what it failed at comes again when its
 * visibility ends, and goes where the queue's redrive policy says in the end.
 *
 * The control thread owns a mapping's document. The home of its queue polls, invokes and
 * deletes; so a batch never leaves the thread it was received on.
 */
struct mappings; /* one a process */

#define MAPPING_CONCURRENCY_MAX 1000 /* batches of one mapping at a time; Lambda: 1250 */

/* What a shard lends to mappings. */
struct mapping_place {
    struct loop *loop;
    struct invoker *invoker;
    const struct directory *directory;
};

struct mappings_options {
    struct queues *queues;
    struct event_store *events;
    struct registry *registry; /* kind "mapping" */
    struct loop *control;
    const struct mapping_place *places; /* of each shard; copied */
    int place_count;
};
struct mappings *mappings_new(const struct mappings_options *options);
/* Control thread, once queues have their messages: those enabled begin to poll. */
void mappings_start(struct mappings *mappings);
/* Any thread: no batch is begun any more. */
void mappings_drain(struct mappings *mappings);
void mappings_free(struct mappings *mappings); /* after the loops have ended; NULL does nothing */
DEFINE_SCOPED(struct mappings *, mappings_free)

/*
 * The rest on the control thread. A document is
 *     {"queue": ARN, "function": ARN as it was given, "name": of it, "qualifier": "",
 *      "batch": 10, "window": 0, "concurrency": 0, "partial": false, "enabled": true,
 *      "filters": [pattern, ...], "modified": ms, "tags": {key: value}}
 * Keys are "ACCOUNT/REGION/UUID".
 */

/* A document is taken; NULL deletes. done() comes when it is on disk; the home of the queue
 * acts by it soon after, and until then mappings_state() names what is under way. */
struct mappings_change {
    void (*done)(struct mappings_change *change, bool failed, const struct error *err);
    /* private */
    struct mappings *mappings;
    char *key;
    struct registry_change stored;
};
void mappings_put(struct mappings *mappings, struct text key, json_t *document,
                  struct mappings_change *change);

/* Those that are being deleted too. Borrowed until the next change of that key. NULL: absent. */
const json_t *mappings_find(const struct mappings *mappings, struct text key);
/* "Creating", "Enabling", "Enabled", "Disabling", "Disabled", "Updating" or "Deleting". */
const char *mappings_state(const struct mappings *mappings, struct text key);
/* As registry_each(), without those that are being deleted. */
void mappings_each(const struct mappings *mappings, struct text prefix, struct text after,
                   bool (*each)(void *arg, struct text key, const json_t *document), void *arg);
