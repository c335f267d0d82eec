/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/scoped.h"
#include "loop/loop.h"
#include "model/directory.h"
#include "store/event_store.h"

/*
 * Events put on a bus from within: the records of functions' destinations. Who sends one puts
 * the whole event (the envelope) into the bus's lane, LANE_BUS; here it is matched, and its
 * records for the targets go to disk in one write with its removal. A bus that is not there
 * has no rules: the event is gone, as with PutEvents.
 */
struct bus_inbox;
struct buses;

struct bus_inbox_options {
    struct buses *buses;
    struct event_store *events;
    struct loop *const *loops;                  /* of the shards */
    const struct directory *const *directories; /* of the shards; copied */
    int loop_count;
};
/* Becomes the receiver of LANE_BUS: before event_store_start(). */
struct bus_inbox *bus_inbox_new(const struct bus_inbox_options *options);
void bus_inbox_free(struct bus_inbox *inbox); /* after the loops have ended; NULL does nothing */
DEFINE_SCOPED(struct bus_inbox *, bus_inbox_free)
