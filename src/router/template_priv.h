/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "router/json_path.h"
#include "router/template.h"

/*
 * A template is cut into pieces once: text that is copied and variables that are looked up.
 * A path is followed once an event, however often its variable stands in the template.
 */
enum piece_kind {
    PIECE_TEXT,
    PIECE_PATH,
    PIECE_RULE_ARN,
    PIECE_RULE_NAME,
    PIECE_INGESTION_TIME,
    PIECE_EVENT,      /* the envelope without its detail, under the names of its Java class */
    PIECE_EVENT_JSON, /* the envelope */
};

struct piece {
    enum piece_kind kind;
    bool is_quoted;
    struct text text; /* PIECE_TEXT: within the template's source */
    size_t path;      /* PIECE_PATH: an index */
};

struct template
{
    char *bytes;
    struct text source; /* of bytes, NULs included */
    bool is_json;
    struct piece *pieces;
    size_t piece_count;
    struct json_path **paths; /* of the variables, in the order of the map */
    size_t path_count;
};
