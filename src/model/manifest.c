/* SPDX-License-Identifier: Apache-2.0 */
#include "model/manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "model/field_priv.h"
#include "model/limits.h"
#include "model/manifest_priv.h"
#include "model/typed.h"

/* The place whose path the reason begins with ("limits.rate must be ..."), the innermost. */
static const struct manifest_place *find_place(const struct manifest *manifest, struct text reason)
{
    const struct manifest_place *found = NULL;
    size_t len = 0;

    for (size_t i = 0; i < manifest->place_count; i++) {
        struct text path = text_of(manifest->places[i].path);
        char after = reason.len > path.len ? reason.at[path.len] : '\0';
        if (path.len < len || !text_starts(reason, path) || manifest_is_alnum(after) ||
            after == '-')
            continue;
        found = &manifest->places[i];
        len = path.len;
    }
    return found;
}

int manifest_refuse(const struct manifest *manifest, const struct error *reason, struct error *err)
{
    struct error copy = *reason;
    struct text text = text_of(copy.text);
    const struct manifest_place *place;

    if (text_starts(text, TEXT("'"))) /* "'limits' is no setting ..." */
        text = text_skip(text, 1);
    place = find_place(manifest, text);
    if (!place)
        return error_set(err, copy.code, "function.yaml: %s", copy.text);
    return error_set(err, copy.code, "function.yaml, line %zu, column %zu: %s", place->line,
                     place->column, copy.text);
}

/* What the schema does not. */
static int judge(struct manifest *manifest, struct error *reason)
{
    if (manifest->routing && manifest_read_routes(manifest, reason) < 0)
        return -1;
    if (!manifest->types)
        return 0;
    scoped(json_decref) json_t *schemas = typed_schemas(manifest->types, reason);
    return schemas ? 0 : -1;
}

struct manifest *manifest_parse(struct text source, struct error *err)
{
    if (source.len > LIMIT_YAML_BYTES) {
        error_set(err, ERROR_LIMIT, "function.yaml is larger than %d bytes", LIMIT_YAML_BYTES);
        return NULL;
    }
    if (!text_is_utf8(source)) {
        error_set(err, ERROR_INVALID, "function.yaml is not UTF-8 text");
        return NULL;
    }

    scoped(manifest_free) struct manifest *manifest = mem_new(struct manifest);
    struct manifest_reader reader = {.manifest = manifest, .err = err};
    struct error reason;

    manifest->memory_mb = manifest->timeout_s = manifest->tmp_mb = -1;
    manifest->async_retries = manifest->async_max_age_s = -1;
    fields_init(cors_fields, &manifest->cors);
    if (manifest_read(&reader, source) < 0)
        return NULL;
    if (judge(manifest, &reason) < 0) {
        manifest_refuse(manifest, &reason, err);
        return NULL;
    }
    return take(manifest);
}

json_t *manifest_guard(const struct manifest *manifest)
{
    json_t *guard = manifest->guard ? json_deep_copy(manifest->guard) : NULL;

    if (!manifest->types)
        return guard;
    if (!guard)
        guard = json_object();
    json_object_set_new(guard, "types", json_deep_copy(manifest->types));
    return guard;
}

/* Keys may share a member: what was freed is gone for the next. */
static void free_member(struct manifest *manifest, const struct manifest_key *key);

static void free_keys(struct manifest *manifest, const struct manifest_key *keys)
{
    for (const struct manifest_key *key = keys; key->type != KEY_END; key++)
        free_member(manifest, key);
}

static void free_strings(char ***strings, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free((*strings)[i]);
    free(*strings);
    *strings = NULL;
    *count = 0;
}

static void free_variables(struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->variable_count; i++) {
        free(manifest->variables[i].name);
        free(manifest->variables[i].value);
    }
    free(manifest->variables);
}

static void free_member(struct manifest *manifest, const struct manifest_key *key)
{
    char *object = (char *)manifest;
    void *member = object + key->offset;

    switch (key->type) {
    case KEY_STRING:
        free(*(char **)member);
        *(char **)member = NULL;
        break;
    case KEY_LIST:
        free_strings(member, (size_t *)(void *)(object + key->count_offset));
        break;
    case KEY_VARIABLES:
        free_variables(manifest);
        break;
    case KEY_MAP:
        free_keys(manifest, key->keys);
        break;
    case KEY_JSON:
        json_decref(*(json_t **)member);
        *(json_t **)member = NULL;
        break;
    case KEY_END:
    case KEY_INT:
    case KEY_BOOL:
        break;
    }
}

void manifest_free(struct manifest *manifest)
{
    if (!manifest)
        return;
    free_keys(manifest, manifest_keys);
    free_strings(&manifest->routes, &manifest->route_count);
    for (size_t i = 0; i < manifest->place_count; i++)
        free(manifest->places[i].path);
    free(manifest->places);
    free(manifest);
}
