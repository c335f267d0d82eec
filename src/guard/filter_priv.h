/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guard/filter.h"
#include "model/shape.h"
#include "router/pattern.h"

/* What the files of the filter share. */

/* --- which values are hidden: filter_paths.c --- */

#define FILTER_PATHS_MAX 100

enum filter_action { FILTER_REDACT, FILTER_MASK, FILTER_REMOVE };

struct filter_path {
    enum filter_action action;
    char **steps; /* "*": any */
    size_t count;
};

struct filter_paths {
    struct filter_path *at;
    size_t count;
};

/* Reads redact, mask and remove of part, whose own path is at. */
int filter_paths_read(const json_t *part, const char *at, struct filter_paths *ret,
                      struct error *err);
void filter_paths_done(struct filter_paths *paths);

/* --- hiding them: filter_rewrite.c --- */

/* Appends source, JSON that json_parse() or json_parse_real() took, without what is hidden. False,
 * and nothing is appended, when nothing is there to hide. */
bool filter_paths_rewrite(const struct filter_paths *paths, struct text source,
                          struct buffer *out);

/* --- parameters as values: filter_values.c --- */

/* The schema with the names of its properties in lower case, for headers. New. */
json_t *filter_lower_names(const json_t *schema);
/* An object of texts, read as the types that the schema's properties have. New. */
json_t *filter_query(const json_t *schema, struct text query, struct arena *arena);
json_t *filter_headers(const json_t *schema, const struct http_request *request);
json_t *filter_parameters(const json_t *schema, const struct filter_input *input);
/* The query with parameters added that the schema has defaults for. */
struct text filter_fill_query(const json_t *schema, const json_t *values, struct text query,
                              struct arena *arena);

struct filter {
    bool is_typed;
    json_t *types;             /* content types, or NULL: any */
    int64_t depth, size, keys; /* -1: no limit */
    json_t *query_schema, *header_schema, *path_schema;
    struct shape *body, *query, *headers, *path;
    struct pattern *block;
    bool blocks_members; /* the pattern looks into the body */
    struct filter_paths paths;
    struct shape *answer;
    struct filter_paths answer_paths;
    bool refuses; /* answers that do not fit */
};
