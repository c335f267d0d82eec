/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/nearest.h"
#include "model/manifest_priv.h"

/* --- libyaml's events --- */

int manifest_fail_at(struct manifest_reader *reader, yaml_mark_t mark, const char *format, ...)
{
    char text[sizeof reader->err->text];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(reader->err, ERROR_INVALID, "function.yaml, line %zu, column %zu: %s",
                     mark.line + 1, mark.column + 1, text);
}

static int refuse_extras(struct manifest_reader *reader)
{
    const yaml_event_t *event = &reader->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return manifest_fail(reader, "aliases are not supported");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    }
    if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    }
    if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        return manifest_fail(reader, "anchors are not supported");
    return tag ? manifest_fail(reader, "tags are not supported") : 0;
}

int manifest_next(struct manifest_reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->yaml, &reader->event))
        return refuse_extras(reader);

    reader->event = (yaml_event_t){0};
    if (reader->yaml.error == YAML_MEMORY_ERROR)
        return error_set(reader->err, ERROR_SYSTEM, "out of memory");
    return manifest_fail_at(reader, reader->yaml.problem_mark, "%s",
                            reader->yaml.problem ? reader->yaml.problem : "this is not YAML");
}

bool manifest_is_at(const struct manifest_reader *reader, yaml_event_type_t type)
{
    return reader->event.type == type;
}

struct text manifest_scalar(const struct manifest_reader *reader)
{
    return text_from(reader->event.data.scalar.value, reader->event.data.scalar.length);
}

bool manifest_is_plain(const struct manifest_reader *reader)
{
    return reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

bool manifest_is_null(const struct manifest_reader *reader)
{
    struct text value = manifest_scalar(reader);

    return manifest_is_plain(reader) &&
           (!value.len || text_equal(value, TEXT("~")) || text_equal(value, TEXT("null")));
}

/* --- values --- */

/* The current event as a string. Plain numbers and the like are taken as written. */
static int read_string(struct manifest_reader *reader, const char *name, struct text *ret)
{
    if (!manifest_is_at(reader, YAML_SCALAR_EVENT))
        return manifest_fail(reader, "'%s' must be text", name);
    if (manifest_is_null(reader))
        return manifest_fail(reader, "'%s' has no value; write \"\" for empty text", name);
    *ret = manifest_scalar(reader);
    if (text_contains(*ret, '\0'))
        return manifest_fail(reader, "'%s' contains a NUL character", name);
    return 0;
}

static int read_formed(struct manifest_reader *reader, const struct manifest_key *key,
                       struct text *ret)
{
    if (read_string(reader, key->name, ret) < 0)
        return -1;
    if ((int64_t)ret->len < key->min || (int64_t)ret->len > key->max)
        return manifest_fail(reader, "'%s' must have %d to %d characters", key->name, (int)key->min,
                             (int)key->max);
    if (key->form && !key->form->accepts(*ret))
        return manifest_fail(reader, "'%s' must be %s", key->name, key->form->meaning);
    return 0;
}

static int read_int(struct manifest_reader *reader, const struct manifest_key *key, int64_t *ret)
{
    if (!manifest_is_at(reader, YAML_SCALAR_EVENT) || !manifest_is_plain(reader) ||
        !text_to_int(manifest_scalar(reader), key->min, key->max, ret))
        return manifest_fail(reader, "'%s' must be a whole number from %lld to %lld", key->name,
                             (long long)key->min, (long long)key->max);
    return 0;
}

static int read_bool(struct manifest_reader *reader, const struct manifest_key *key, bool *ret)
{
    if (manifest_is_at(reader, YAML_SCALAR_EVENT) && manifest_is_plain(reader)) {
        *ret = text_equal(manifest_scalar(reader), TEXT("true"));
        if (*ret || text_equal(manifest_scalar(reader), TEXT("false")))
            return 0;
    }
    return manifest_fail(reader, "'%s' must be true or false", key->name);
}

static int add_item(struct manifest_reader *reader, const struct manifest_key *key, char ***items,
                    size_t *count)
{
    struct text item;

    if (read_formed(reader, key, &item) < 0)
        return -1;
    if (*count == (size_t)key->items_max)
        return manifest_fail(reader, "'%s' has more than %d items", key->name, (int)key->items_max);
    for (size_t i = 0; i < *count; i++)
        if (text_equal(text_of((*items)[i]), item))
            return manifest_fail(reader, "'%s' has '%.*s' twice", key->name, TEXT_ARG(item));
    *items = mem_realloc(*items, (*count + 1) * sizeof **items);
    (*items)[(*count)++] = text_dup(item);
    return 0;
}

static int read_list(struct manifest_reader *reader, const struct manifest_key *key, char ***items,
                     size_t *count)
{
    if (!manifest_is_at(reader, YAML_SEQUENCE_START_EVENT))
        return manifest_fail(reader, "'%s' must be a list", key->name);
    for (;;) {
        if (manifest_next(reader) < 0)
            return -1;
        if (manifest_is_at(reader, YAML_SEQUENCE_END_EVENT))
            return 0;
        if (add_item(reader, key, items, count) < 0)
            return -1;
    }
}

static bool is_variable(struct text name)
{
    return name.len >= 2 && manifest_is_name(name) && !text_contains(name, '-') &&
           (name.at[0] > '9' && name.at[0] != '_');
}

static int read_variable_name(struct manifest_reader *reader, char **ret)
{
    const struct manifest *manifest = reader->manifest;

    if (!manifest_is_at(reader, YAML_SCALAR_EVENT) || !is_variable(manifest_scalar(reader)))
        return manifest_fail(reader,
                             "the name of a variable is a letter, then one or more letters, digits "
                             "and '_'");
    for (size_t i = 0; i < manifest->variable_count; i++)
        if (text_equal(text_of(manifest->variables[i].name), manifest_scalar(reader)))
            return manifest_fail(reader, "the variable '%s' is there twice",
                                 manifest->variables[i].name);
    *ret = text_dup(manifest_scalar(reader));
    return 0;
}

static int read_variable(struct manifest_reader *reader, const struct manifest_key *key,
                         int64_t *bytes)
{
    struct manifest *manifest = reader->manifest;
    char *taken = NULL;
    struct text value;

    if (read_variable_name(reader, &taken) < 0)
        return -1;
    scoped(free) char *name = taken;
    if (manifest_next(reader) < 0 || read_string(reader, name, &value) < 0)
        return -1;
    *bytes += (int64_t)(strlen(name) + value.len);
    if (*bytes > key->max)
        return manifest_fail(reader, "the environment has more than %d bytes", (int)key->max);
    manifest->variables =
        mem_realloc(manifest->variables, (manifest->variable_count + 1) * sizeof(struct variable));
    manifest->variables[manifest->variable_count++] =
        (struct variable){take(name), text_dup(value)};
    return 0;
}

static int read_variables(struct manifest_reader *reader, const struct manifest_key *key)
{
    int64_t bytes = 0;

    if (!manifest_is_at(reader, YAML_MAPPING_START_EVENT))
        return manifest_fail(reader, "'%s' must be names and values", key->name);
    for (;;) {
        if (manifest_next(reader) < 0)
            return -1;
        if (manifest_is_at(reader, YAML_MAPPING_END_EVENT))
            return 0;
        if (read_variable(reader, key, &bytes) < 0)
            return -1;
    }
}

/* --- the keys of the schema --- */

static int read_keys(struct manifest_reader *reader, const struct manifest_key *keys);
static int read_value(struct manifest_reader *reader, const struct manifest_key *key);

static int read_map(struct manifest_reader *reader, const struct manifest_key *key)
{
    const yaml_mark_t mark = reader->event.start_mark;
    const struct manifest_key *first = &key->keys[0];

    if (key->needs_first && manifest_is_at(reader, YAML_SCALAR_EVENT))
        return read_value(reader, first);
    if (!manifest_is_at(reader, YAML_MAPPING_START_EVENT))
        return manifest_fail(reader, "'%s' must have keys of its own; write {} for none",
                             key->name);
    if (read_keys(reader, key->keys) < 0)
        return -1;
    if (key->needs_first && !*(char **)(void *)((char *)reader->manifest + first->offset))
        return manifest_fail_at(reader, mark, "'%s' needs the key '%s'", key->name, first->name);
    return 0;
}

static int read_value(struct manifest_reader *reader, const struct manifest_key *key)
{
    char *object = (char *)reader->manifest;
    void *member = object + key->offset;
    struct text value;

    if (key->given_offset)
        *(bool *)(object + key->given_offset) = true;
    switch (key->type) {
    case KEY_END:
        break;
    case KEY_STRING:
        if (read_formed(reader, key, &value) < 0)
            return -1;
        *(char **)member = text_dup(value);
        return 0;
    case KEY_INT:
        return read_int(reader, key, member);
    case KEY_BOOL:
        return read_bool(reader, key, member);
    case KEY_LIST:
        return read_list(reader, key, member, (size_t *)(void *)(object + key->count_offset));
    case KEY_VARIABLES:
        return read_variables(reader, key);
    case KEY_MAP:
        return read_map(reader, key);
    case KEY_JSON:
        return manifest_read_json(reader, key, member);
    }
    return manifest_fail(reader, "unknown type of key");
}

/* Which key of the table the current event names; -1 and the error without. */
static int find_key(struct manifest_reader *reader, const struct manifest_key *keys)
{
    if (!manifest_is_at(reader, YAML_SCALAR_EVENT))
        return manifest_fail(reader, "a key must be a word");
    struct text name = text_slice(manifest_scalar(reader), 0, 64);
    struct nearest nearest = {.typed = name};
    char hint[NEAREST_HINT_MAX];
    for (int i = 0; keys[i].type != KEY_END; i++) {
        if (text_equal(manifest_scalar(reader), text_of(keys[i].name)))
            return i;
        nearest_offer(&nearest, keys[i].name);
    }
    return manifest_fail(reader, "unknown key '%.*s'%s", TEXT_ARG(name),
                         nearest_hint(&nearest, "", hint));
}

static int read_keys(struct manifest_reader *reader, const struct manifest_key *keys)
{
    unsigned seen = 0;

    for (;;) {
        if (manifest_next(reader) < 0)
            return -1;
        if (manifest_is_at(reader, YAML_MAPPING_END_EVENT))
            return 0;

        int index = find_key(reader, keys);
        if (index < 0)
            return -1;
        if (seen & 1u << index)
            return manifest_fail(reader, "the key '%s' is there twice", keys[index].name);
        seen |= 1u << index;
        if (manifest_next(reader) < 0 || read_value(reader, &keys[index]) < 0)
            return -1;
    }
}

/* A file without a document (empty, or comments only) says nothing, and that is fine. */
static int read_stream(struct manifest_reader *reader)
{
    if (manifest_next(reader) < 0 ||
        manifest_next(reader) < 0) /* the stream begins; a document or its end */
        return -1;
    if (manifest_is_at(reader, YAML_STREAM_END_EVENT))
        return 0;
    if (manifest_next(reader) < 0)
        return -1;
    if (!manifest_is_at(reader, YAML_MAPPING_START_EVENT))
        return manifest_fail(reader, "expected keys, as in 'handler: index.handler'");
    if (read_keys(reader, manifest_keys) < 0)
        return -1;
    if (manifest_next(reader) < 0 ||
        manifest_next(reader) < 0) /* the document ends; the stream ends */
        return -1;
    return manifest_is_at(reader, YAML_STREAM_END_EVENT)
               ? 0
               : manifest_fail(reader, "only one document is allowed");
}

int manifest_read(struct manifest_reader *reader, struct text source)
{
    if (!yaml_parser_initialize(&reader->yaml))
        return error_set(reader->err, ERROR_SYSTEM, "out of memory");
    yaml_parser_set_encoding(&reader->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->yaml,
                                 (const unsigned char *)(source.len ? source.at : ""), source.len);
    int result = read_stream(reader);

    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->yaml);
    return result;
}
