/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/json.h"
#include "guard/limit.h"

/*
 * The limits of a route as they are set: "limits" in function.yaml and elsewhere, AWS's stage
 * throttling, usage plans. Immutable; what is counted stands in a struct limit_table.
 */
struct limits_each {
    struct limit_rate rate;
    struct limit_quota daily;
};

struct limits {
    struct limits_each route, client, key; /* in all, for each address, for each API key */
    int64_t concurrency;                   /* 0: not limited; so are the next */
    int64_t body_bytes, header_bytes, url_bytes;
    int64_t time_ms; /* for the answer */
};

/* {rate, burst, daily, client: {...}, key: {...}, concurrency, body, headers, url, time}; a
 * burst that is not set is a second's worth. The error names the key. */
struct limits *limits_compile(const json_t *part, struct error *err);
void limits_free(struct limits *limits);
DEFINE_SCOPED(struct limits *, limits_free)

/* AWS's shapes. A stage: routeSettings of the route key, else defaultRouteSettings (either
 * number may come from either); not set when there is neither number. A usage plan: throttle,
 * quota. */
int limits_of_stage(const json_t *stage, struct text route_key, struct limit_rate *ret,
                    struct error *err);
int limits_of_throttle(const json_t *throttle, struct limit_rate *ret, struct error *err);
int limits_of_quota(const json_t *quota, struct limit_quota *ret, struct error *err);

/* What counts as one client: an IPv4 address, or the /64 network of an IPv6 one, which is what
 * one subscriber has. Written to out; returns its text. */
struct sockaddr_storage;
#define LIMITS_CLIENT_BYTES 64
struct text limits_client(const struct sockaddr_storage *peer,
                          char out[static LIMITS_CLIENT_BYTES]);
