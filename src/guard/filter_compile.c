/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "guard/fields.h"
#include "guard/filter_priv.h"
#include "model/limits.h"
#include "model/typed.h"

static int read_shape(const json_t *part, const char *at, const char *key, struct shape **ret,
                      struct error *err)
{
    const json_t *schema = json_object_get(part, key);
    struct error reason;

    if (!schema)
        return 0;
    *ret = shape_compile(schema, NULL, &reason);
    return *ret ? 0 : error_set(err, ERROR_INVALID, "%s.%s: %s", at, key, reason.text);
}

static int read_types(const json_t *part, json_t **ret, struct error *err)
{
    const json_t *list = NULL;

    if (fields_texts(part, "filter", "content-types", &list, err) < 0)
        return -1;
    *ret = list ? json_deep_copy(list) : NULL;
    return 0;
}

/* Whether a pattern names members of the body: then a text that may be JSON is not one text. */
static bool names_members(const json_t *pattern)
{
    const json_t *branch;
    size_t i;

    if (json_is_object(json_object_get(pattern, "body")))
        return true;
    json_array_foreach(json_object_get(pattern, "$or"), i,
                       branch) if (names_members(branch)) return true;
    return false;
}

static int read_block(const json_t *part, struct filter *filter, struct error *err)
{
    const json_t *block = json_object_get(part, "block");
    struct error reason;

    if (!block)
        return 0;
    scoped(free) char *source = json_write(block);
    filter->block = pattern_compile(text_of(source), NULL, &reason);
    filter->blocks_members = names_members(block);
    return filter->block
               ? 0
               : error_set(err, ERROR_INVALID, "filter.block is no event pattern: %s", reason.text);
}

static int read_response(const json_t *part, struct filter *filter, struct error *err)
{
    static const char *const names[] = {"body", "redact", "mask", "remove", "strict", NULL};
    const json_t *response = json_object_get(part, "response");

    if (!response)
        return 0;
    if (fields_check(response, "filter.response", names, err) < 0 ||
        read_shape(response, "filter.response", "body", &filter->answer, err) < 0 ||
        filter_paths_read(response, "filter.response", &filter->answer_paths, err) < 0)
        return -1;
    filter->refuses = json_bool(response, "strict", true);
    return 0;
}

static int read_header_shape(const json_t *part, struct filter *filter, struct error *err)
{
    const json_t *schema = json_object_get(part, "headers");

    if (!schema)
        return 0;
    filter->header_schema = filter_lower_names(schema);
    scoped(json_decref) json_t *lowered = json_pack("{s:O}", "headers", filter->header_schema);
    return read_shape(lowered, "filter", "headers", &filter->headers, err);
}

static struct filter *new_filter(void)
{
    struct filter *filter = mem_new(struct filter);

    filter->depth = filter->size = filter->keys = -1;
    return filter;
}

struct filter *filter_compile(const json_t *part, struct error *err)
{
    static const char *const names[] = {"content-types", "depth",    "size",  "keys",   "body",
                                        "query",         "headers",  "block", "redact", "mask",
                                        "remove",        "response", NULL};
    scoped(filter_free) struct filter *filter = new_filter();

    if (fields_check(part, "filter", names, err) < 0 || read_types(part, &filter->types, err) < 0 ||
        fields_int(part, "filter", "depth", 1, JSON_DEPTH_MAX, &filter->depth, err) < 0 ||
        fields_int(part, "filter", "size", 0, LIMIT_PAYLOAD, &filter->size, err) < 0 ||
        fields_int(part, "filter", "keys", 0, 1000000, &filter->keys, err) < 0 ||
        read_shape(part, "filter", "body", &filter->body, err) < 0 ||
        read_shape(part, "filter", "query", &filter->query, err) < 0 ||
        read_header_shape(part, filter, err) < 0 || read_block(part, filter, err) < 0 ||
        filter_paths_read(part, "filter", &filter->paths, err) < 0 ||
        read_response(part, filter, err) < 0)
        return NULL;
    filter->query_schema = json_deep_copy(json_object_get(part, "query"));
    return take(filter);
}

struct filter *filter_compile_types(const json_t *types, struct error *err)
{
    scoped(json_decref) json_t *schemas = typed_schemas(types, err);
    scoped(filter_free) struct filter *filter = new_filter();

    filter->is_typed = true;
    if (!schemas)
        return NULL;
    filter->query_schema = json_deep_copy(json_object_get(schemas, "query"));
    filter->path_schema = json_deep_copy(json_object_get(schemas, "path"));
    const json_t *headers = json_object_get(schemas, "header");
    if (headers)
        filter->header_schema = filter_lower_names(headers);
    if (headers)
        json_object_set(schemas, "header", filter->header_schema);
    if (read_shape(schemas, "inputs", "body", &filter->body, err) < 0 ||
        read_shape(schemas, "inputs", "query", &filter->query, err) < 0 ||
        read_shape(schemas, "inputs", "path", &filter->path, err) < 0 ||
        read_shape(schemas, "inputs", "header", &filter->headers, err) < 0 ||
        read_shape(schemas, "outputs", "answer", &filter->answer, err) < 0)
        return NULL;
    filter->refuses = json_bool(schemas, "strict", false);
    return take(filter);
}

void filter_free(struct filter *filter)
{
    if (!filter)
        return;
    json_decref(filter->types);
    json_decref(filter->query_schema);
    json_decref(filter->header_schema);
    json_decref(filter->path_schema);
    shape_free(filter->body);
    shape_free(filter->query);
    shape_free(filter->headers);
    shape_free(filter->path);
    shape_free(filter->answer);
    pattern_unref(filter->block);
    filter_paths_done(&filter->paths);
    filter_paths_done(&filter->answer_paths);
    free(filter);
}
