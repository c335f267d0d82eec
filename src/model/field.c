/* SPDX-License-Identifier: Apache-2.0 */
#include "model/field_priv.h"

#include <stdbool.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

static void *member(const struct field *field, void *object)
{
    return (char *)object + field->offset;
}

static const void *const_member(const struct field *field, const void *object)
{
    return (const char *)object + field->offset;
}

static size_t *count_of(const struct field *field, void *object)
{
    return (size_t *)(void *)((char *)object + field->size);
}

static size_t const_count(const struct field *field, const void *object)
{
    return *(const size_t *)(const void *)((const char *)object + field->size);
}

void fields_init(const struct field *fields, void *object)
{
    for (const struct field *f = fields; f->type != FIELD_END; f++) {
        if (f->type == FIELD_STRING)
            *(char **)member(f, object) = mem_strdup("");
        if (f->type == FIELD_INT)
            *(int64_t *)member(f, object) = f->absent;
    }
}

static void strings_done(char ***strings, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free((*strings)[i]);
    free(*strings);
    *strings = NULL;
    *count = 0;
}

static void pairs_done(struct field_pair **pairs, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        free((*pairs)[i].first);
        free((*pairs)[i].second);
    }
    free(*pairs);
    *pairs = NULL;
    *count = 0;
}

void fields_done(const struct field *fields, void *object)
{
    for (const struct field *f = fields; f->type != FIELD_END; f++) {
        void *at = member(f, object);

        if (f->type == FIELD_STRING) {
            free(*(char **)at);
            *(char **)at = NULL;
        }
        if (f->type == FIELD_STRINGS)
            strings_done(at, count_of(f, object));
        if (f->type == FIELD_PAIRS)
            pairs_done(at, count_of(f, object));
    }
}

static void copy_strings(const struct field *field, void *object, const void *from)
{
    char *const *strings = *(char *const *const *)const_member(field, from);
    size_t count = const_count(field, from);
    char **copy = count ? mem_alloc(count * sizeof *copy) : NULL;

    for (size_t i = 0; i < count; i++)
        copy[i] = mem_strdup(strings[i]);
    *(char ***)member(field, object) = copy;
    *count_of(field, object) = count;
}

static void copy_pairs(const struct field *field, void *object, const void *from)
{
    const struct field_pair *pairs = *(const struct field_pair *const *)const_member(field, from);
    size_t count = const_count(field, from);
    struct field_pair *copy = count ? mem_alloc(count * sizeof *copy) : NULL;

    for (size_t i = 0; i < count; i++)
        copy[i] = (struct field_pair){mem_strdup(pairs[i].first), mem_strdup(pairs[i].second)};
    *(struct field_pair **)member(field, object) = copy;
    *count_of(field, object) = count;
}

void fields_copy(const struct field *fields, void *object, const void *from)
{
    fields_done(fields, object);
    for (const struct field *f = fields; f->type != FIELD_END; f++) {
        void *at = member(f, object);
        const void *source = const_member(f, from);

        switch (f->type) {
        case FIELD_END:
            break;
        case FIELD_STRING:
            *(char **)at = mem_strdup(*(char *const *)source);
            break;
        case FIELD_CHARS:
            memcpy(at, source, f->size);
            break;
        case FIELD_INT:
            *(int64_t *)at = *(const int64_t *)source;
            break;
        case FIELD_BOOL:
            *(bool *)at = *(const bool *)source;
            break;
        case FIELD_ENUM:
            *(unsigned *)at = *(const unsigned *)source;
            break;
        case FIELD_STRINGS:
            copy_strings(f, object, from);
            break;
        case FIELD_PAIRS:
            copy_pairs(f, object, from);
            break;
        }
    }
}

static json_t *strings_to_json(char *const *strings, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_from_text(text_of(strings[i])));
    return array;
}

static json_t *pairs_to_json(const struct field_pair *pairs, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *pair = json_array();

        json_array_append_new(pair, json_from_text(text_of(pairs[i].first)));
        json_array_append_new(pair, json_from_text(text_of(pairs[i].second)));
        json_array_append_new(array, pair);
    }
    return array;
}

static json_t *to_json(const struct field *field, const void *object)
{
    const void *at = const_member(field, object);

    switch (field->type) {
    case FIELD_END:
        break;
    case FIELD_STRING:
        return json_from_text(text_of(*(char *const *)at));
    case FIELD_CHARS:
        return json_from_text(text_of((const char *)at));
    case FIELD_INT:
        return json_integer(*(const int64_t *)at);
    case FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case FIELD_ENUM:
        return json_string(field->names[*(const unsigned *)at]);
    case FIELD_STRINGS:
        return strings_to_json(*(char *const *const *)at, const_count(field, object));
    case FIELD_PAIRS:
        return pairs_to_json(*(const struct field_pair *const *)at, const_count(field, object));
    }
    return json_null();
}

void fields_to_json(const struct field *fields, const void *object, json_t *json)
{
    for (const struct field *f = fields; f->type != FIELD_END; f++)
        json_object_set_new(json, f->name, to_json(f, object));
}

static int wrong(const struct field *field, struct error *err)
{
    return error_set(err, ERROR_INVALID, "the member '%s' is not what it should be", field->name);
}

/* C strings end at the first NUL: a value with one inside would come back shortened. */
static bool is_string(const json_t *json)
{
    return json_is_string(json) && strlen(json_string_value(json)) == json_string_length(json);
}

static int string_from_json(const struct field *field, char **at, const json_t *json,
                            struct error *err)
{
    if (!is_string(json))
        return wrong(field, err);
    free(*at);
    *at = mem_strdup(json_string_value(json));
    return 0;
}

static int chars_from_json(const struct field *field, char *at, const json_t *json,
                           struct error *err)
{
    if (!is_string(json) || json_string_length(json) >= field->size)
        return wrong(field, err);
    memcpy(at, json_string_value(json), json_string_length(json) + 1);
    return 0;
}

static int enum_from_json(const struct field *field, unsigned *at, const json_t *json,
                          struct error *err)
{
    for (unsigned i = 0; is_string(json) && field->names[i]; i++)
        if (strcmp(field->names[i], json_string_value(json)) == 0) {
            *at = i;
            return 0;
        }
    return wrong(field, err);
}

static int strings_from_json(const struct field *field, void *object, const json_t *json,
                             struct error *err)
{
    char ***at = member(field, object);
    size_t *count = count_of(field, object);

    if (!json_is_array(json))
        return wrong(field, err);
    strings_done(at, count);
    *at = json_array_size(json) ? mem_alloc(json_array_size(json) * sizeof **at) : NULL;
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *item = json_array_get(json, i);

        if (!is_string(item))
            return wrong(field, err);
        (*at)[(*count)++] = mem_strdup(json_string_value(item));
    }
    return 0;
}

static int pairs_from_json(const struct field *field, void *object, const json_t *json,
                           struct error *err)
{
    struct field_pair **at = member(field, object);
    size_t *count = count_of(field, object);

    if (!json_is_array(json))
        return wrong(field, err);
    pairs_done(at, count);
    *at = json_array_size(json) ? mem_alloc(json_array_size(json) * sizeof **at) : NULL;
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *pair = json_array_get(json, i);
        const json_t *first = json_array_get(pair, 0), *second = json_array_get(pair, 1);

        if (json_array_size(pair) != 2 || !is_string(first) || !is_string(second))
            return wrong(field, err);
        (*at)[(*count)++] = (struct field_pair){mem_strdup(json_string_value(first)),
                                                mem_strdup(json_string_value(second))};
    }
    return 0;
}

static int from_json(const struct field *field, void *object, const json_t *json, struct error *err)
{
    void *at = member(field, object);

    switch (field->type) {
    case FIELD_END:
        break;
    case FIELD_STRING:
        return string_from_json(field, at, json, err);
    case FIELD_CHARS:
        return chars_from_json(field, at, json, err);
    case FIELD_INT:
        if (!json_is_integer(json))
            return wrong(field, err);
        *(int64_t *)at = json_integer_value(json);
        return 0;
    case FIELD_BOOL:
        if (!json_is_boolean(json))
            return wrong(field, err);
        *(bool *)at = json_is_true(json);
        return 0;
    case FIELD_ENUM:
        return enum_from_json(field, at, json, err);
    case FIELD_STRINGS:
        return strings_from_json(field, object, json, err);
    case FIELD_PAIRS:
        return pairs_from_json(field, object, json, err);
    }
    return wrong(field, err);
}

int fields_from_json(const struct field *fields, void *object, const json_t *json,
                     struct error *err)
{
    for (const struct field *f = fields; f->type != FIELD_END; f++) {
        const json_t *value = json_object_get(json, f->name);

        if (value && from_json(f, object, value, err) < 0)
            return -1;
    }
    return 0;
}
