/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/manifest_priv.h"

#define JSON_KEY_DEPTH_MAX 64 /* levels of a subtree */

static void manifest_note_place(struct manifest_reader *reader, const char *path)
{
    struct manifest *manifest = reader->manifest;

    manifest->places =
        mem_realloc(manifest->places, (manifest->place_count + 1) * sizeof *manifest->places);
    manifest->places[manifest->place_count++] = (struct manifest_place){
        mem_strdup(path), reader->event.start_mark.line + 1, reader->event.start_mark.column + 1};
}

static bool is_number(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr("0123456789+-.eE", text.at[i], 15))
            return false;
    return text.len > 0 && text.len < 40;
}

/* As YAML's core schema has it, without octal and hexadecimal. */
static json_t *make_scalar(const struct manifest_reader *reader)
{
    struct text text = manifest_scalar(reader);
    char copy[40], *end;

    if (!manifest_is_plain(reader))
        return json_from_text(text);
    if (manifest_is_null(reader))
        return json_null();
    if (text_equal(text, TEXT("true")) || text_equal(text, TEXT("false")))
        return json_boolean(text.len == 4);
    if (!is_number(text))
        return json_from_text(text);
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    errno = 0;
    long long integer = strtoll(copy, &end, 10);
    if (!*end && !errno)
        return json_integer(integer);
    double real = strtod(copy, &end);
    return *end || !isfinite(real) ? json_from_text(text) : json_real(real);
}

static json_t *read_json(struct manifest_reader *reader, const char *path, int depth);

static int read_json_member(struct manifest_reader *reader, json_t *object, const char *path,
                            int depth)
{
    if (!manifest_is_at(reader, YAML_SCALAR_EVENT))
        return manifest_fail(reader, "a key must be a word");
    scoped(free) char *name = text_dup(manifest_scalar(reader));
    if (strlen(name) != manifest_scalar(reader).len)
        return manifest_fail(reader, "a key contains a NUL character");
    if (json_object_get(object, name))
        return manifest_fail(reader, "the key '%.64s' is there twice", name);
    scoped(free) char *inner = mem_format("%s.%s", path, name);
    manifest_note_place(reader, inner);
    if (manifest_next(reader) < 0)
        return -1;
    json_t *value = read_json(reader, inner, depth + 1);
    return value ? json_object_set_new(object, name, value) : -1;
}

static json_t *read_json_object(struct manifest_reader *reader, const char *path, int depth)
{
    scoped(json_decref) json_t *object = json_object();

    for (;;) {
        if (manifest_next(reader) < 0)
            return NULL;
        if (manifest_is_at(reader, YAML_MAPPING_END_EVENT))
            return take(object);
        if (read_json_member(reader, object, path, depth) < 0)
            return NULL;
    }
}

static json_t *read_json_array(struct manifest_reader *reader, const char *path, int depth)
{
    scoped(json_decref) json_t *array = json_array();

    for (;;) {
        if (manifest_next(reader) < 0)
            return NULL;
        if (manifest_is_at(reader, YAML_SEQUENCE_END_EVENT))
            return take(array);
        scoped(free) char *inner = mem_format("%s[%zu]", path, json_array_size(array));
        manifest_note_place(reader, inner);
        json_t *item = read_json(reader, inner, depth + 1);
        if (!item)
            return NULL;
        json_array_append_new(array, item);
    }
}

/* The value that begins with the current event, or NULL and the error. */
static json_t *read_json(struct manifest_reader *reader, const char *path, int depth)
{
    if (depth > JSON_KEY_DEPTH_MAX) {
        manifest_fail(reader, "nested deeper than %d", JSON_KEY_DEPTH_MAX);
        return NULL;
    }
    if (manifest_is_at(reader, YAML_MAPPING_START_EVENT))
        return read_json_object(reader, path, depth);
    if (manifest_is_at(reader, YAML_SEQUENCE_START_EVENT))
        return read_json_array(reader, path, depth);
    if (!text_contains(manifest_scalar(reader), '\0'))
        return make_scalar(reader);
    manifest_fail(reader, "'%s' contains a NUL character", path);
    return NULL;
}

int manifest_read_json(struct manifest_reader *reader, const struct manifest_key *key,
                       json_t **member)
{
    manifest_note_place(reader, key->name);
    json_t *value = read_json(reader, key->name, 0);

    if (!value)
        return -1;
    if (!*member)
        *member = json_object();
    return json_object_set_new(*member, key->name, value);
}
