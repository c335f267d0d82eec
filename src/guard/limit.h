/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * How much may pass: token buckets, quotas and numbers at once, counted for all shards
 * together. A table holds one slot a key; a key is any text (a route, an API key, the
 * address of a client). Any thread may use it, without locks.
 *
 * A bucket is one number, the time at which it will be full again (the "generic cell rate
 * algorithm"), changed by one compare-and-swap: what passes is exact, whatever shards it
 * passes on, and also for a client with one connection. Leasing tokens to shards in blocks
 * was refused: it is inexact exactly when few requests come.
 *
 * The number of keys is bounded. Those of routes and API keys have a part of the table, those
 * of clients another, so that a flood of addresses forgets addresses only. A new key takes the
 * place of the one whose loss costs least (a bucket that is full again, else the one unused for
 * longest) among the few where it may stand; what is forgotten begins anew with a full bucket.
 */
struct limit_table;

/* Which part of the table a key stands in. The same key text in two kinds is two keys. */
enum limit_kind { LIMIT_OF_ROUTE, LIMIT_OF_KEY, LIMIT_OF_CLIENT };

enum limit_verdict { LIMIT_PASS, LIMIT_RATE, LIMIT_QUOTA, LIMIT_AT_ONCE };

/* A bucket that holds burst tokens and gains rate a second; a rate of 0 lets nothing pass. */
struct limit_rate {
    bool is_set;
    int64_t interval_ns; /* between two tokens; 0: nothing passes */
    int64_t depth_ns;    /* how far ahead a full bucket may be used up */
};
/* rate: tokens a second, 0 to LIMIT_RATE_MAX; burst: 0 to LIMIT_BURST_MAX. */
#define LIMIT_RATE_MAX 1e7
#define LIMIT_BURST_MAX 1000000000
struct limit_rate limit_rate_of(double rate, int64_t burst);

enum limit_period { LIMIT_DAY, LIMIT_WEEK, LIMIT_MONTH }; /* of UTC; weeks begin on Sunday */
struct limit_quota {
    bool is_set;
    int64_t limit; /* requests a period */
    enum limit_period period;
};

#define LIMIT_ROUTES_AND_KEYS 16384
#define LIMIT_CLIENTS 65536

/* Rounded up to a power of two, at least 64; others are routes and API keys, clients addresses. */
struct limit_table *limit_table_new(size_t others, size_t clients);
void limit_table_free(struct limit_table *table);
DEFINE_SCOPED(struct limit_table *, limit_table_free)

/* Each takes one, or says after how long (at least 1 ms) trying again may help. */
enum limit_verdict limit_take(struct limit_table *table, enum limit_kind kind, struct text key,
                              const struct limit_rate *rate, int64_t mono_us,
                              int64_t *ret_retry_ms);
enum limit_verdict limit_take_quota(struct limit_table *table, enum limit_kind kind,
                                    struct text key, const struct limit_quota *quota,
                                    int64_t epoch_ms, int64_t *ret_retry_ms);
/* The first day of the running period, since 1970-01-01. */
int64_t limit_period_day(enum limit_period period, int64_t epoch_ms);
/* How much of the running period was taken. */
int64_t limit_used(const struct limit_table *table, enum limit_kind kind, struct text key,
                   const struct limit_quota *quota, int64_t epoch_ms);

/* One more at once of at most max. *ret_slot is for limit_leave() and may be NULL even if it
 * passes: then there was no place to count it. */
struct limit_slot;
enum limit_verdict limit_enter(struct limit_table *table, enum limit_kind kind, struct text key,
                               int64_t max, struct limit_slot **ret_slot);
void limit_leave(struct limit_slot *slot); /* NULL is fine */

/*
 * Quotas survive a restart by a file of what was taken in periods that still run (keys are
 * hashed, by a secret that is in it). Save it every few seconds and at the end: what passed after
 * the last time is forgiven by a crash. Save and restore are for one thread each; restore
 * before anything is taken. Text that is no such file is refused and changes nothing.
 */
void limit_save(const struct limit_table *table, int64_t epoch_ms, struct buffer *out);
int limit_restore(struct limit_table *table, struct text saved, struct error *err);
