/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/scoped.h"
#include "http/client.h"
#include "loop/loop.h"

/*
 * What has no lane of its own: the receiver of LANE_TARGET, which calls API destinations and
 * writes into log groups. A lane is served by its home, a shard by the hash of its name. What
 * fails is tried again as the rule's target says, and goes to its dead-letter queue in the
 * write that takes it off the lane.
 */
struct targets;
struct buses;
struct event_store;
struct log_writer;

struct targets_options {
    struct buses *buses;
    struct event_store *events;
    struct loop *control;
    struct loop *const *loops;
    int loop_count;
    struct log_writer *const *logs; /* of each loop */
    const char *account, *region;
    client_may_connect_f *may_connect; /* for client_restrict(); NULL: everything */
    const void *may_connect_arg;
};
/* Before buses_start() and event_store_start(). Everything in options outlives it. */
struct targets *targets_new(const struct targets_options *options);
void targets_free(struct targets *targets); /* after the loops have ended; NULL does nothing */
DEFINE_SCOPED(struct targets *, targets_free)
