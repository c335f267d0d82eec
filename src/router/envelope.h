/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

/* An event as targets get it: what it is made of, and how that is written. */
struct envelope {
    struct text id, detail_type, source, account, region;
    int64_t time_ms;
    struct text resources;   /* a JSON array; empty: none */
    struct text detail;      /* a JSON object */
    struct text replay_name; /* empty: not replayed */
};

/* Appends it as compact JSON, its members in EventBridge's order. */
void envelope_write(const struct envelope *envelope, struct buffer *out);

/* Appends JSON without the blanks between its tokens; json was checked before. */
void envelope_add_compact(struct text json, struct buffer *out);

/* Appends an envelope again, with replay_name where EventBridge has it. */
void envelope_add_replay(struct text json, struct text replay_name, struct buffer *out);

/* Appends "2026-01-31T12:00:00Z". */
void envelope_add_time(int64_t time_ms, struct buffer *out);
