/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "http/http.h"

/*
 * Parameter mapping of HTTP APIs: what is changed of a request on its way to an integration
 * ({"append:header.x": "$request.querystring.y", "overwrite:path": "/a", "remove:header.z": "''"})
 * and of an answer on its way back. Values are constants, one "$request.header.x", or text with
 * "${...}" in it. A mapping never changes.
 */
struct mapping;

enum mapping_side { MAPPING_REQUEST, MAPPING_RESPONSE };

/* An empty object is a mapping that changes nothing. Fails on an unknown action or value and on
 * headers that are the gateway's own. */
struct mapping *mapping_compile(const json_t *parameters, enum mapping_side side,
                                struct error *err);
void mapping_free(struct mapping *mapping); /* NULL does nothing */
DEFINE_SCOPED(struct mapping *, mapping_free)

/* What values are taken from. */
struct mapping_source {
    const struct http_request *request;
    struct text path; /* "$request.path": within the stage */
    struct text body;
    const struct http_field *answer_fields; /* of an answer; or none */
    size_t answer_count;
    struct text answer_body;
    /* Others, by what follows the "$": "context.requestId", "stageVariables.x",
     * "request.path.id". TEXT_NONE: there is none. */
    struct text (*find)(void *arg, struct text name, struct arena *arena);
    void *arg;
    struct arena *arena;
};

/* request becomes what the integration is sent, in the arena; *path its path, or TEXT_NONE when
 * that stays. A value that is not there changes nothing. */
void mapping_apply_request(const struct mapping *mapping, const struct mapping_source *source,
                           struct http_request *request, struct text *path);

/* fields has room for max; *status is changed too. */
void mapping_apply_response(const struct mapping *mapping, const struct mapping_source *source,
                            struct http_field *fields, size_t *count, size_t max, int *status);

/* The value of a text like a mapping's, as of integrations' parameters ("$request.body.id",
 * "${request.path.id}-x"). */
struct mapping_value;
struct mapping_value *mapping_value_compile(struct text text, struct error *err);
void mapping_value_free(struct mapping_value *value);
struct text mapping_value_get(const struct mapping_value *value,
                              const struct mapping_source *source); /* TEXT_NONE: not there */
