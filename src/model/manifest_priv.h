/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <yaml.h>

#include "model/manifest.h"

/*
 * What the files behind manifest.h share: the schema is the tables of manifest_keys.c;
 * manifest_read.c walks libyaml's events along them, so that an error is found at its place and
 * nothing is built that the schema does not know. What YAML allows beyond plain maps, lists and
 * scalars (aliases, tags, several documents) is refused: a settings file does not need it, and
 * aliases are YAML's bombs.
 */

enum manifest_key_type {
    KEY_END = 0,
    KEY_STRING,
    KEY_INT,
    KEY_BOOL,
    KEY_LIST,
    KEY_VARIABLES,
    KEY_MAP,
    KEY_JSON
};

/* How a string must look. */
struct manifest_form {
    bool (*accepts)(struct text value);
    const char *meaning; /* after "must be" */
};

struct manifest_key {
    const char *name;
    enum manifest_key_type type;
    size_t offset;                    /* of the member in struct manifest */
    size_t count_offset;              /* LIST, VARIABLES: of the count */
    size_t given_offset;              /* of a bool that is set when the key is there; 0 without */
    int64_t min, max;                 /* INT: the value; STRING, LIST's items: bytes */
    int64_t items_max;                /* LIST */
    const struct manifest_form *form; /* STRING, LIST; or NULL */
    const struct manifest_key *keys;  /* MAP */
    const char *summary;
    bool needs_first; /* MAP: the first key must be there, or its value instead of the map */
};

/* The keys at the root; tables end with {0}. */
extern const struct manifest_key manifest_keys[];

bool manifest_is_alnum(char c);
bool manifest_is_name(struct text value); /* letters, digits, '-' and '_' only */

/* --- the walk: manifest_read.c --- */

struct manifest_reader {
    yaml_parser_t yaml;
    yaml_event_t event; /* the current one */
    struct manifest *manifest;
    struct error *err;
};

/* Reads all of source into reader->manifest. */
int manifest_read(struct manifest_reader *reader, struct text source);

/* -1, always. */
__attribute__((format(printf, 3, 4))) int
manifest_fail_at(struct manifest_reader *reader, yaml_mark_t mark, const char *format, ...);
#define manifest_fail(reader, ...) manifest_fail_at(reader, (reader)->event.start_mark, __VA_ARGS__)

/* The next event becomes the current one. */
int manifest_next(struct manifest_reader *reader);
bool manifest_is_at(const struct manifest_reader *reader, yaml_event_type_t type);
/* Of the current event, a scalar; valid until the next. */
struct text manifest_scalar(const struct manifest_reader *reader);
bool manifest_is_plain(const struct manifest_reader *reader); /* without quotes */
bool manifest_is_null(const struct manifest_reader *reader);

/* --- routes: manifest_routes.c --- */

/* From manifest->routing to manifest->routes; a reason that begins with the path of what is
 * wrong. */
int manifest_read_routes(struct manifest *manifest, struct error *reason);

/* --- subtrees that others judge: manifest_json.c --- */

/* The value that begins with the current event, as JSON under the key's name in *member, and
 * the places of all that is in it. */
int manifest_read_json(struct manifest_reader *reader, const struct manifest_key *key,
                       json_t **member);
