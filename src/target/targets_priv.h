/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "model/note.h"
#include "router/buses.h"
#include "store/event_store.h"
#include "http/client.h"
#include "target/targets.h"

/* What the files of the targets share. */

/* What one loop has; used on it only. */
struct place {
    struct targets *targets;
    int index;
    struct loop *loop;
    struct client *client;
    struct map destinations, connections; /* name -> json_t, documents of its own */
    struct map tokens;                    /* name of the connection -> struct token */
    struct list trials;                   /* tokens whose trial is to be made once more */
    struct map lanes;                     /* struct lane */
    int64_t warned_us;                    /* of a refused address; 0: never */
};

struct targets {
    struct targets_options options;
    struct event_receiver receiver;
    struct buses_watch destination_watch, connection_watch;
    struct place *places;
};

struct lane {
    struct place *place;
    char *name, *kind, *resource; /* "api-destination", its name */
    struct list waiting;          /* deliveries whose turn it is */
    int in_flight;
    struct loop_timer pace;
    int64_t next_ms; /* not before, by the rate limit */
    struct log_stream *log;
};

/* One event on its way to its target. */
struct delivery {
    struct list link; /* in its lane's or its token's waiting list */
    struct lane *lane;
    struct event *event;
    struct arena arena;
    struct note note;
    struct event_read read;
    struct client_call call;
    struct event_change changes[2];
    struct event_write write;
    struct loop_timer retry;
    struct buffer scratch;
    bool has_fresh_token;
};

/* --- targets.c --- */

/* Each ends the attempt. */
void delivery_succeed(struct delivery *delivery);
/* code is EventBridge's. Tried again if it may be, not before after_s. */
void delivery_retry(struct delivery *delivery, const char *code, const char *why, int64_t after_s);
void delivery_fail(struct delivery *delivery, const char *code, const char *why);

/* --- destination.c: one attempt at an API destination --- */

void destination_attempt(struct delivery *delivery);
/* Calls a second that the lane's destination takes. */
int64_t destination_rate(const struct lane *lane);
/* What to tell of a call that failed, made for the destination or connection of that name. Of an
 * address that may not be called who runs the daemon hears too, now and then. */
const char *destination_explain(struct place *place, const struct client_call *call,
                                const char *name);

/* --- token.c: client credentials --- */

/* Goes on with destination_attempt() when there is one, or fails. NULL: it is on its way. */
const char *token_find(struct delivery *delivery, const char *name, const json_t *connection);
void token_forget(struct place *place, const char *name);
/* Gets one and tells the connection's document how that went; an issuer that cannot be reached
 * is asked again. */
void token_try(struct place *place, const char *name, const json_t *connection);
void token_free_all(struct place *place);
