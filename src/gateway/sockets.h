/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/scoped.h"

/*
 * The open WebSocket connections of a daemon. Each belongs to the shard it came to, whose
 * gateway alone touches it; its id says which, so that "@connections" reaches it from all.
 */
struct sockets;

/* For the gateways of that many shards, of gateway_options.shard 0.. . */
struct sockets *sockets_new(int shard_count);
void sockets_free(struct sockets *sockets); /* after the loops have ended */
DEFINE_SCOPED(struct sockets *, sockets_free)
