/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "openapi/openapi.h"

/* What the files of the import share. */

struct import {
    const json_t *source; /* the document */
    const struct openapi_options *options;
    struct openapi_import *ret;
    struct error *err;
    json_t *named;        /* ids of integrations by their name in components */
    json_t *schemes;      /* ids of authorizers by the name of their security scheme */
    json_t *open_schemes; /* names of schemes that protect nothing here */
    struct arena arena;
    const char *prefix; /* of all paths */
    int without_integration, with_parameters, with_bodies, with_callbacks;
};

void import_info(struct import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void import_warn(struct import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* -1, and why. */
int import_fail(struct import *import, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Copies a member under another name when it has that type (JSON_STRING, ...). -1 when it has
 * another; absent is no error. where is for messages. */
int import_member(struct import *import, json_t *into, const char *as, const json_t *from,
                  const char *name, json_type type, const char *where);
/* A list of texts: from one, several with commas between them, or one text. */
int import_list(struct import *import, json_t *into, const char *as, const json_t *from,
                const char *name, const char *where);
json_t *import_collection(struct import *import, const char *name); /* of the result */

/* --- import_security.c --- */

/* All security schemes into authorizers. */
int import_schemes(struct import *import);
/* What an operation asks for, into its route. */
int import_security(struct import *import, const json_t *operation, json_t *route,
                    const char *where);

/* --- import_integration.c --- */

int import_named_integrations(struct import *import);
/* Sets the route's target. */
int import_integration(struct import *import, const json_t *operation, json_t *route,
                       const char *where);
