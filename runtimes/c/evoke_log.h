/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a function in C prints. On the ring, stdout and stderr become streams that write
 * log frames, so that each line finds its event. One per process, as the streams are. */

/* Makes both streams line-buffered, and framed if on_ring. */
void evoke_log_capture(bool on_ring);

/* The event that output belongs to from now on. */
void evoke_log_sequence(uint64_t sequence);

/* Writes out unfinished lines. */
void evoke_log_flush(void);
