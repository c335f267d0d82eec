/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "model/directory.h"
#include "router/bus.h"
#include "store/event_store.h"

/*
 * What becomes of accepted events: each is matched against its bus's rules, and for each
 * target of each rule that matches there is a record for the target's lane; all records of
 * all events are one write. So an event goes to all its targets or was not accepted.
 *
 * An event whose target is another bus is matched there too, in the same write; it is not
 * given to a bus it came through, and to no more than LIMIT_BUS_HOPS buses in a row.
 *
 * Belongs to one loop, whose view it reads. Records hold texts of the arena until the write
 * is done.
 */
struct dispatch {
    const struct bus_view *view;
    const struct directory *functions; /* NULL: whether a function exists is not looked up */
    struct arena arena;
    struct event_change *changes;
    size_t count, capacity;
    struct buffer scratch;
};
void dispatch_init(struct dispatch *dispatch, const struct bus_view *view,
                   const struct directory *functions);
void dispatch_done(struct dispatch *dispatch);
/* For the next events; memory is kept. */
void dispatch_clear(struct dispatch *dispatch);

/* An event as it is delivered. Texts are borrowed until the write is done. */
struct bus_event {
    struct text json; /* the envelope */
    struct text id;
    struct text trace;   /* X-Amzn-Trace-Id; TEXT_NONE: none */
    int64_t hops;        /* functions the chain went through */
    int64_t accepted_ms; /* wall clock */
    int64_t time_ms;     /* its own time */
    int64_t size;        /* as AWS counts it, for archives */
    const json_t *only;  /* ARNs of the only rules it is for; NULL: all */
    bool is_replay;
};

/* Adds the records of one event on a bus. A bus that is not there has no rules. */
void dispatch_event(struct dispatch *dispatch, struct text bus_key, const struct bus_event *event);
/* Gives an event to all targets of one rule, whatever its pattern says. */
void dispatch_to_rule(struct dispatch *dispatch, const struct bus_rule *rule,
                      const struct bus_event *event);
