/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "base/scoped.h"
#include "gateway/mapping.h"

/*
 * requestParameters of a WebSocket API's integration: where its request gets what from.
 *
 *     {"integration.request.header.user": "route.request.body.user.id",
 *      "integration.request.querystring.from": "context.connectionId",
 *      "integration.request.path.room": "'lobby'"}
 *
 * A mapping never changes.
 */
struct socket_mapping;

enum socket_place { SOCKET_HEADER, SOCKET_QUERY, SOCKET_PATH };

/* Fails on places and values that are none, and on headers that are the gateway's own. */
struct socket_mapping *socket_mapping_compile(const json_t *parameters, struct error *err);
void socket_mapping_free(struct socket_mapping *mapping); /* NULL does nothing */
DEFINE_SCOPED(struct socket_mapping *, socket_mapping_free)

/* Those of a place whose value is there. mapping may be NULL. */
typedef void socket_mapping_f(void *arg, struct text name, struct text value);
void socket_mapping_each(const struct socket_mapping *mapping, enum socket_place place,
                         const struct mapping_source *source, socket_mapping_f *f, void *arg);
/* Whether a header of that name is mapped, with whatever comes of it. */
bool socket_mapping_has_header(const struct socket_mapping *mapping, struct text name);
/* One of them; TEXT_NONE: there is none. */
struct text socket_mapping_find(const struct socket_mapping *mapping, enum socket_place place,
                                struct text name, const struct mapping_source *source);

/* What stands in the query, as the parameters of a service (gateway/service.h): the caller's. NULL
 * and *err likewise, or when it has other places. */
json_t *socket_mapping_parameters(const json_t *parameters, struct error *err);
