/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/scoped.h"

/*
 * Replays: what an archive holds of a span of time is put into its bus once more, minute by
 * minute of the events' own times, marked with the replay's name. A replay is a document
 * that StartReplay makes; what becomes of it is written into that document. One that the end
 * of the daemon broke off goes on at the minute it was in, so that events may come twice.
 *
 * On the control thread; events are dispatched on the shards.
 */
struct replays;
struct buses;
struct directory;

/* functions: of each shard, as dispatch_init() wants them. */
struct replays *replays_new(struct buses *buses, const struct directory *const *functions);
void replays_free(struct replays *replays); /* after the loops have ended; NULL does nothing */
DEFINE_SCOPED(struct replays *, replays_free)
