/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "store/registry.h"

/*
 * The buses of this daemon and what hangs on them, as the control thread has it: a registry
 * for each kind of document, and the publication of what the shards need of them. Keys are
 * "ACCOUNT/REGION/NAME", those of rules "ACCOUNT/REGION/BUS/RULE". The bus "default" is
 * always there.
 */
struct archives;
struct bus_view;
struct buses;
struct event_store;

enum buses_kind {
    BUSES_BUS,
    BUSES_RULE, /* with its targets */
    BUSES_ARCHIVE,
    BUSES_REPLAY,
    BUSES_CONNECTION,
    BUSES_DESTINATION,
    BUSES_KIND_COUNT
};

struct buses_options {
    struct store *store;
    struct event_store *events;
    struct loop *control;
    struct loop *const *loops; /* of the shards */
    int loop_count;
    const char *account, *region;
};

/* Reads what is stored; blocks; before the loops run. Everything in options outlives it. */
struct buses *buses_open(const struct buses_options *options, struct error *err);
void buses_free(struct buses *buses); /* after the loops have ended; NULL does nothing */
DEFINE_SCOPED(struct buses *, buses_free)
/* Tells the watches what there is, and makes the bus "default" at the first start. On the
 * control thread. */
void buses_start(struct buses *buses);

/* --- the control thread's side --- */

/* To be read only: changes go through buses_put(). */
const struct registry *buses_registry(const struct buses *buses, enum buses_kind kind);
/* Whether the bus of that document lets everybody put events, signed or not. */
bool buses_is_public(struct text key, const json_t *document);
/* Of a bus; key is the bus's. */
size_t buses_rule_count(const struct buses *buses, struct text key);
struct archives *buses_archives(const struct buses *buses);
const struct buses_options *buses_options(const struct buses *buses);

/* A change under way, embedded in what waits for it; {0} but for done. done() comes when it is
 * on disk and every shard acts by it, never before the call has returned; failed: nothing
 * changed. */
struct buses_change {
    void (*done)(struct buses_change *change, bool failed, const struct error *err);
    /* private */
    struct buses *buses;
    enum buses_kind kind;
    char *key;
    json_t *before; /* NULL: there was none */
    struct registry_change stored;
};
/* Takes document. */
void buses_put(struct buses *buses, enum buses_kind kind, struct text key, json_t *document,
               struct buses_change *change);
void buses_delete(struct buses *buses, enum buses_kind kind, struct text key,
                  struct buses_change *change);

/* Hears of each document of a kind that is put or deleted (NULL), once it is on disk and
 * before the change is answered; and by buses_start() of each there is. Added before
 * buses_start(); stays until the end. */
struct buses_watch {
    void (*changed)(struct buses_watch *watch, struct text key, const json_t *document);
    enum buses_kind kind;
    struct list link; /* private */
};
void buses_watch(struct buses *buses, struct buses_watch *watch);

/* --- a loop's side --- */

/* What the shard of that index sees, for dispatch_init() on its loop. */
const struct bus_view *buses_view(const struct buses *buses, int index);
