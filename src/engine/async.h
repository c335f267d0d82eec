/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/text.h"

/*
 * Asynchronous invocation: the receiver of LANE_FUNCTION. Each function's lane has a home
 * shard, which gives its events to the invoker in order of arrival, as many at a time as
 * there is room for, and takes a record off the disk when its event is done with:
 *
 *     the function returned   -> deleted, with the record for its OnSuccess destination
 *     it failed               -> tried again after one and after two minutes
 *     it failed for good      -> deleted, with the records for OnFailure and the dead letter
 *     no room, or not served  -> the lane pauses: 1 s, doubling up to 5 minutes
 *
 * What follows from an event is put beside the DELETE of the event, in one write. Attempts
 * are counted on disk, so that a restart goes on with the next one; an attempt that the end
 * of the daemon broke off is made again.
 */
struct async; /* one a shard; on its loop */
struct engine;
struct shard;

/* Before the loops run: the engine hears of the events in functions' lanes. */
void async_subscribe(struct engine *engine);

struct async *async_new(struct shard *shard);
void async_free(struct async *async); /* after its loop has ended; NULL does nothing */

/* The function of that lane changed: what its lane waits for may be there now. */
void async_function_changed(struct async *async, struct text key);
/* No event is given out any more. */
void async_drain(struct async *async);
/* Nothing is being written or read. Told through shard_check_drained() when it becomes so. */
bool async_is_settled(const struct async *async);
