/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * What the gateway served since the daemon's start, by route: answers by status, bytes,
 * durations; and which clients ask most. Each shard counts into a meter of its own, under a lock
 * that only a reader ever contends for; whoever reads adds them up, on any thread.
 *
 * Routes beyond METER_ROUTES_MAX count together as "other routes", whoever chose the paths:
 * a client cannot make the numbers grow without end.
 */
#define METER_ROUTES_MAX                                                                    \
    200 /* with numbers of their own: 28 lines of /metrics each, and one for each rule that \
           matched */

struct meter;  /* one shard's */
struct meters; /* all of them */

struct meters *meters_new(int count);
void meters_free(struct meters *meters); /* NULL does nothing */
DEFINE_SCOPED(struct meters *, meters_free)
struct meter *meters_of(struct meters *meters, int index);

#define METER_NO_ROUTE TEXT("no route")

/* One request that is over. */
struct meter_entry {
    struct text api, stage;             /* of an API; else none */
    struct text route;                  /* "GET /pets/{id}", "/functions/hello", METER_NO_ROUTE */
    struct text client;                 /* its address */
    int status;                         /* 0: the client left before there was an answer */
    int64_t received_bytes, sent_bytes; /* of bodies */
    int64_t us;
};
void meter_add(struct meter *meter, const struct meter_entry *entry, int64_t mono_us);

/* What the firewall found in a request or its answer. */
struct meter_finding {
    struct text api, stage, route; /* as in struct meter_entry */
    bool was_blocked, would_block; /* it was refused; it would have been, but in mode detect */
    const int64_t *rules;          /* that matched */
    size_t rule_count;
};
void meter_add_finding(struct meter *meter, const struct meter_finding *finding);

/* As Prometheus text. */
void meters_metrics(struct meters *meters, struct buffer *out);
/* As JSON: {"routes": [{"api", "stage", "route", "requests", "status": {"2xx", ...}, "throttled",
 * "forbidden", "blocked", "wouldBlock", "rules": [{"id", "matches"}...], "receivedBytes",
 * "sentBytes", "durationUs", "durations": [COUNT...]}], "bucketsUs": [...],
 * "clients": [{"address", "requests"}], "clientsMs"}. Of rules id 0 is all others. durations has
 * one more than bucketsUs: what took longer than all. clients: who asked most in the last
 * clientsMs. */
void meters_json(struct meters *meters, int64_t mono_us, struct buffer *out);
