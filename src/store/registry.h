/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "store/store.h"

/*
 * The named things of one kind (buses, rules, queues, schedules), as JSON documents in
 * memory and on disk. The control thread owns it: a change is in memory at once, so that
 * the next action sees it, and done() tells when it is on disk; if it cannot be stored,
 * memory goes back to what it was. Keys are "ACCOUNT/REGION/..." in bytewise order.
 *
 * Documents are never changed in place: make a new one and put it.
 */
struct registry;

/* Reads all documents of that kind; blocks; before the loops run. The store and the loop
 * outlive it. */
struct registry *registry_open(struct store *store, struct loop *control, const char *kind,
                               struct error *err);
/* After the control loop has ended: changes that wait are never told. */
void registry_free(struct registry *registry);
DEFINE_SCOPED(struct registry *, registry_free)

/* Borrowed until the next change of that key; json_incref() keeps it. NULL: absent. */
const json_t *registry_find(const struct registry *registry, struct text key);

/* In key order, the keys that begin with prefix and are greater than `after` (TEXT_NONE:
 * all). each() returns false to stop, and must not change the registry. */
void registry_each(const struct registry *registry, struct text prefix, struct text after,
                   bool (*each)(void *arg, struct text key, const json_t *document), void *arg);
size_t registry_count(const struct registry *registry);

/*
 * One or several puts and deletes, at most STORE_CHANGES_MAX, of one registry or several of
 * the same store, that are stored together. {0} but for done; embedded in what waits. What
 * is added to it in one callback of the control loop belongs together: it goes to the store
 * at the end of the loop's iteration.
 */
struct registry_change {
    /* On the control thread, never before the call has returned. When failed, memory is
     * again as it was before the change, unless a later change has set the same key. */
    void (*done)(struct registry_change *change, bool failed, const struct error *err);
    /* private */
    struct store *store;
    struct loop_task complete;
    struct store_write write;
    struct registry_undo *undo;
};
/* Takes document. */
void registry_put(struct registry *registry, struct text key, json_t *document,
                  struct registry_change *change);
/* Absent is no error. */
void registry_delete(struct registry *registry, struct text key, struct registry_change *change);
