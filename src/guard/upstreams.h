/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"

/*
 * Where the daemon may connect to on a client's behalf, for who may choose the name chooses its
 * address too: public addresses, and of the others (this machine, private and link-local networks,
 * translated and reserved ones) those that a setting lists. Never the daemon's own listeners. What
 * is judged is the address that is connected to, so it does not matter how it was spelt or what a
 * name meant a moment ago. Built before the threads start, read by all of them.
 */
struct upstreams;
struct sockaddr_storage;

/* networks: "10.1.0.0/16, 192.168.1.7", "private" for all that are private and this machine, or
 * NULL. */
struct upstreams *upstreams_compile(const char *networks, struct error *err);
void upstreams_free(struct upstreams *upstreams); /* NULL does nothing */
DEFINE_SCOPED(struct upstreams *, upstreams_free)
/* A port that this daemon listens at, on whatever address of the machine. */
void upstreams_add_own(struct upstreams *upstreams, uint16_t port);

/* For client_restrict(); arg is the struct upstreams. */
bool upstreams_may_connect(const void *arg, const struct sockaddr_storage *address);
