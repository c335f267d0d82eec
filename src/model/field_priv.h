/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * A row describes one member of a struct of the model: how it is kept in JSON, copied and
 * freed. One table serves all of them, so that a member cannot be forgotten in one.
 * Tables end with {0}.
 */
enum field_type {
    FIELD_END = 0,
    FIELD_STRING,  /* char *, never NULL */
    FIELD_CHARS,   /* char[size], NUL-terminated */
    FIELD_INT,     /* int64_t */
    FIELD_BOOL,    /* bool */
    FIELD_ENUM,    /* an enum with the names `names`, NULL at the end */
    FIELD_STRINGS, /* char ** and, at `size`, a size_t with their count */
    FIELD_PAIRS,   /* an array of two char * each, and, at `size`, a size_t */
};

struct field {
    const char *name; /* in JSON */
    enum field_type type;
    size_t offset;
    size_t size;              /* of CHARS; offset of the count */
    const char *const *names; /* of ENUM */
    int64_t absent;           /* INT: the value of a member that is not in the JSON */
};

struct field_pair {
    char *first, *second;
};

/* object is zeroed memory: strings become "", numbers what is absent. */
void fields_init(const struct field *fields, void *object);
/* Frees what the members own; object is zeroed memory again for them. */
void fields_done(const struct field *fields, void *object);
/* A deep copy of the members into an initialised object. */
void fields_copy(const struct field *fields, void *object, const void *from);
/* Adds each member to the JSON object. */
void fields_to_json(const struct field *fields, const void *object, json_t *json);
/* The reverse, into an initialised object. Members that are absent keep their value;
 * ERROR_INVALID for one of the wrong type. */
int fields_from_json(const struct field *fields, void *object, const json_t *json,
                     struct error *err);

/* Tables that several files use. */
extern const struct field cors_fields[], config_fields[], version_fields[];
extern const struct field url_fields[], function_fields[], permission_fields[],
    event_invoke_fields[], alias_fields[];
