/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "loop/loop.h"

/*
 * Durable state behind one interface: documents, each with a kind, a key and a body.
 * Writes are grouped: those that arrive while a commit is under way share the next one
 * (one fsync for many), and each is answered after it is on disk. All calls are
 * asynchronous; a thread of the store's own does the work.
 *
 * Kinds in use: "function" (key account/region/name), "setting".
 */
struct store;

/* Opens or creates the store in folder, brings its schema up to date and locks it.
 * ERROR_CONFLICT: another daemon has it. ERROR_SYSTEM: disk trouble, or a schema newer
 * than this Evoke. Blocks; called by main before the loops run. */
struct store *store_open(const char *folder, struct error *err);
void store_close(struct store *store); /* finishes what was queued, then closes */
DEFINE_SCOPED(struct store *, store_close)

/* One write: all of it or nothing. Filled by the caller, embedded in what waits for it. */
enum store_action { STORE_PUT, STORE_DELETE };
struct store_change {
    enum store_action action;
    char *kind, *key;   /* freed by the store */
    struct buffer body; /* PUT; freed by the store */
};
#define STORE_CHANGES_MAX 8
#define STORE_BODY_MAX (16 << 20) /* bytes; a write with a longer one fails with ERROR_LIMIT */
struct store_write {
    /* Runs on `loop`. failed: nothing of it is stored and *err says why. */
    void (*done)(struct store_write *write, bool failed, const struct error *err);
    struct loop *loop;
    struct store_change changes[STORE_CHANGES_MAX];
    size_t count;
    /* private */
    struct store *store;
    struct loop_message message;
    struct store_write *next;
    bool failed;
    struct error error;
};
/* Any thread. */
void store_write(struct store *store, struct store_write *write);

/* Reads at start, before any write: each document of a kind, in key order. Blocks. */
int store_each(struct store *store, const char *kind,
               int (*each)(void *arg, struct text key, struct text body, struct error *err),
               void *arg, struct error *err);

/* For metrics; any thread. */
struct store_counters {
    uint64_t writes, commits, failures;
};
struct store_counters store_counters(const struct store *store);
