/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/*
 * Where the daemon listens: each address once for every shard (SO_REUSEPORT), so that the
 * kernel spreads connections and a request stays on the core it came to. "localhost:9000"
 * means 127.0.0.1 and [::1]; the latter is left out where the machine has no IPv6.
 */
#define ENDPOINT_ADDRESSES_MAX 2

struct endpoint {
    char addresses[ENDPOINT_ADDRESSES_MAX][64]; /* with the real port: "127.0.0.1:9000" */
    int address_count;
    uint16_t port;
    int *fds; /* address_count for each shard: fds[shard * address_count + i] */
};

/* Binds all of them, or none. setting is its name, for the error. */
int endpoint_bind(struct endpoint *endpoint, const char *setting, struct text address, int shards,
                  struct error *err);
void endpoint_done(struct endpoint *endpoint); /* not the descriptors that were given away */
