/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * Networks and what is said of them: a number each, found by the most specific network that
 * holds an address. Collected, then built once; a built one never changes and may be read by
 * any thread. IPv4 addresses stand among the IPv6 ones as ::ffff:a.b.c.d.
 */
struct ranges;
typedef unsigned __int128 address_number;
struct sockaddr_storage;

#define RANGES_NETWORKS_MAX 4000000

struct ranges *ranges_new(void);
void ranges_free(struct ranges *ranges);
DEFINE_SCOPED(struct ranges *, ranges_free)

/* "192.0.2.0/24", "2001:db8::/32" or an address alone; value is not 0. Of the same network said
 * twice the later counts. Fails when it is none, or has bits set behind its prefix. */
int ranges_add(struct ranges *ranges, struct text network, uint16_t value, struct error *err);
/* Built, of "192.0.2.0/24,10.0.0.1"; what is said of each is 1. */
struct ranges *ranges_of_list(struct text networks, struct error *err);
/* Nothing is added afterwards. */
void ranges_build(struct ranges *ranges);

/* What is said of the address, or 0. About log2(networks) steps. */
uint16_t ranges_find(const struct ranges *ranges, address_number address);
/* False for what has no address (a socket of this machine). */
bool ranges_address(const struct sockaddr_storage *peer, address_number *ret);
