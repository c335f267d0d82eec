/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"

/*
 * OpenAPI 3 documents as descriptions of HTTP APIs, with API Gateway's extensions: read into
 * an API with its routes, integrations and authorizers, and written from one. Also
 * x-evoke-guard, at the root and at an operation.
 *
 * An API is here
 *
 *     {"api": {...}, "routes": {ID: {...}}, "integrations": {ID: {...}},
 *      "authorizers": {ID: {...}}, "guards": {ROUTE-KEY or "": {...}}}
 *
 * with AWS's shapes of Api, Route, Integration and Authorizer, as on the wire.
 */

#define OPENAPI_TEXTS_MAX 100 /* of info and of warnings */

/* JSON or YAML into a document: an object whose "openapi" is 3.0 or 3.1. NULL and *err, with
 * line and column of what is not JSON or YAML. */
json_t *openapi_parse(struct text source, struct error *err);

enum openapi_basepath { OPENAPI_IGNORE, OPENAPI_PREPEND, OPENAPI_SPLIT };

struct openapi_options {
    enum openapi_basepath basepath;   /* what becomes of the path of the first server's URL */
    struct text (*new_id)(void *arg); /* for parts; good until the import is done */
    void *arg;
};

struct openapi_import {
    json_t *document;        /* an API as above */
    json_t *info, *warnings; /* texts: what was ignored, and what could not be taken over */
};

/* -1 and *err when the document contradicts itself or the format; *ret is empty then. Takes
 * time by the size of the document: for the pool. */
int openapi_import(const json_t *document, const struct openapi_options *options,
                   struct openapi_import *ret, struct error *err);
void openapi_import_done(struct openapi_import *import);

/* A document of an API. server: its URL, "" for none. */
json_t *openapi_export(const json_t *api, bool with_extensions, const char *server);
