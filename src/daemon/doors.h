/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "daemon/endpoint.h"
#include "engine/settings.h"
#include "http/server.h"

/*
 * The listeners of the gateway and of the API, plain and TLS, and the certificates that the
 * latter share. Certificates are read anew at SIGHUP and when their folder changes: new
 * connections get the new ones, old ones keep what they began with. What cannot be read
 * changes nothing and is logged. Of the control thread, but for what each shard listens with.
 */
struct doors;

enum door { DOOR_API, DOOR_GATEWAY, DOOR_API_TLS, DOOR_GATEWAY_TLS, DOORS };

/* Binds what the settings name and reads the certificates (blocks). */
struct doors *doors_open(const struct settings *settings, struct error *err);
/* NULL for a TLS listener that was not asked for. */
const struct endpoint *doors_endpoint(const struct doors *doors, enum door door);
/* Of trusted-proxies, or NULL. */
const struct ranges *doors_proxies(const struct doors *doors);
/* Before the shard's loop runs: its server serves these listeners. */
void doors_listen(struct doors *doors, int shard, enum door door, struct http_server *server,
                  const struct http_app *app, void *context);
/* From now on certificates are watched; on the running control loop. */
void doors_watch(struct doors *doors, struct loop *control, struct loop *const *shards);
/* Embedded in what wants certificates read now; {0} but for done. */
struct doors_reload {
    /* count: of certificates, 0 without TLS. err NULL: they are served by every shard. */
    void (*done)(struct doors_reload *reload, size_t count, const struct error *err);
    struct list link; /* private */
};
void doors_reload(struct doors *doors, struct doors_reload *reload);
void doors_unwatch(struct doors *doors);
