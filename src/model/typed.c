/* SPDX-License-Identifier: Apache-2.0 */
#include "model/typed.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/shape.h"

#define FIELD_DEPTH_MAX 16

const char *const typed_places[TYPED_PLACES] = {"body", "query", "path", "header"};

static const struct {
    const char *name, *type; /* type: NULL for any */
    const char *min, *max;   /* what the keys mean for it */
} types[] = {
    {"string", "string", "minLength", "maxLength"},
    {"text", "string", "minLength", "maxLength"},
    {"integer", "integer", "minimum", "maximum"},
    {"number", "number", "minimum", "maximum"},
    {"boolean", "boolean", NULL, NULL},
    {"list", "array", "minItems", "maxItems"},
    {"array", "array", "minItems", "maxItems"},
    {"object", "object", "minProperties", "maxProperties"},
    {"any", NULL, NULL, NULL},
};

/* A field on its way to a schema. */
struct field_task {
    const char *path;
    const json_t *source;
    json_t *schema;
    size_t type; /* index in types */
    int depth;
    struct error *err;
};

static json_t *make_fields(const char *path, const json_t *fields, const char *place, int depth,
                           struct error *err);
static json_t *make_field(const char *path, const json_t *source, int depth, struct error *err);

static int refuse(const struct field_task *task, const char *key, const char *what)
{
    return error_set(task->err, ERROR_INVALID, "%s%s%s %s", task->path, *key ? "." : "", key, what);
}

/* "string", and "string?" for what may be null as well. */
static int read_type(struct field_task *task, struct text name)
{
    bool may_be_null =
        text_ends(name, TEXT("?")) || json_is_true(json_object_get(task->source, "nullable"));

    if (text_ends(name, TEXT("?")))
        name.len--;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (!text_equal(name, text_of(types[i].name)))
            continue;
        task->type = i;
        if (types[i].type && may_be_null)
            json_object_set_new(task->schema, "type", json_pack("[s,s]", types[i].type, "null"));
        else if (types[i].type)
            json_object_set_new(task->schema, "type", json_string(types[i].type));
        return 0;
    }
    return refuse(task, json_is_object(task->source) ? "type" : "",
                  "must be string, integer, number, boolean, list, object or any");
}

static int copy_text(struct field_task *task, const char *key, const json_t *value)
{
    if (!json_is_string(value))
        return refuse(task, key, "must be text");
    return json_object_set_new(task->schema, key, json_deep_copy(value));
}

static int copy_value(struct field_task *task, const char *key, const json_t *value)
{
    return json_object_set_new(task->schema, key, json_deep_copy(value));
}

static int copy_example(struct field_task *task, const char *key, const json_t *value)
{
    return json_object_set_new(task->schema, "examples", json_pack("[o]", json_deep_copy(value)));
}

static int copy_enum(struct field_task *task, const char *key, const json_t *value)
{
    if (json_array_size(value) == 0)
        return refuse(task, key, "must be a list of values");
    return copy_value(task, key, value);
}

static int copy_bound(struct field_task *task, const char *key, const json_t *value)
{
    const char *word = strcmp(key, "min") == 0 ? types[task->type].min : types[task->type].max;

    if (!word)
        return refuse(task, key, "says nothing about this type");
    if (!json_is_number(value))
        return refuse(task, key, "must be a number");
    return copy_value(task, word, value);
}

static int read_items(struct field_task *task, const char *key, const json_t *value)
{
    scoped(free) char *path = mem_format("%s.items", task->path);
    json_t *items = make_field(path, value, task->depth + 1, task->err);

    return items ? json_object_set_new(task->schema, "items", items) : -1;
}

static int read_properties(struct field_task *task, const char *key, const json_t *value)
{
    scoped(free) char *path = mem_format("%s.properties", task->path);
    scoped(json_decref) json_t *inner = make_fields(path, value, NULL, task->depth + 1, task->err);

    if (!inner)
        return -1;
    json_object_del(inner, "type"); /* which may be null too */
    return json_object_update(task->schema, inner);
}

static int read_additional(struct field_task *task, const char *key, const json_t *value)
{
    if (!json_is_boolean(value))
        return refuse(task, key, "must be true or false");
    return json_object_set_new(task->schema, "additionalProperties", json_deep_copy(value));
}

static int read_flag(struct field_task *task, const char *key, const json_t *value)
{
    return json_is_boolean(value) ? 0 : refuse(task, key, "must be true or false");
}

/* Read elsewhere: here, that it is allowed. */
static int skip(struct field_task *task, const char *key, const json_t *value)
{
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct field_task *task, const char *key, const json_t *value);
} keys[] = {
    {"type", skip},
    {"in", skip},
    {"description", copy_text},
    {"required", read_flag},
    {"nullable", read_flag},
    {"default", copy_value},
    {"example", copy_example},
    {"min", copy_bound},
    {"max", copy_bound},
    {"pattern", copy_text},
    {"format", copy_text},
    {"enum", copy_enum},
    {"items", read_items},
    {"properties", read_properties},
    {"additional", read_additional},
};

static int read_key(struct field_task *task, const char *name, const json_t *value)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (strcmp(keys[i].name, name) == 0)
            return keys[i].read(task, name, value);
    return refuse(task, name,
                  "is not known; there are type, in, description, required, nullable, default, "
                  "example, min, max, pattern, format, enum, items, properties and additional");
}

static struct text implied_type(const json_t *source)
{
    if (json_object_get(source, "properties"))
        return TEXT("object");
    return json_object_get(source, "items") ? TEXT("list") : TEXT("any");
}

static int read_field(struct field_task *task)
{
    const json_t *type = json_object_get(task->source, "type");
    const char *name;
    json_t *value;

    if (json_is_string(task->source))
        return read_type(task, text_of(json_string_value(task->source)));
    if (!json_is_object(task->source))
        return refuse(task, "", "must be a type, or an object of settings such as {type: string}");
    if (type && !json_is_string(type))
        return refuse(task, "type", "must be a word");
    if (read_type(task, type ? text_of(json_string_value(type)) : implied_type(task->source)) < 0)
        return -1;
    json_object_foreach((json_t *)(uintptr_t)task->source, name, value)
    {
        if (read_key(task, name, value) < 0)
            return -1;
    }
    return 0;
}

/* What a field says must hold for its own default as well. */
static int check_field(const struct field_task *task)
{
    scoped(arena_done) struct arena arena = {0};
    struct shape_report report = {.arena = &arena};
    const json_t *fallback = json_object_get(task->schema, "default");
    struct error reason;
    scoped(shape_free) struct shape *shape = shape_compile(task->schema, NULL, &reason);

    if (!shape)
        return refuse(task, "", reason.text);
    if (!fallback || shape_check(shape, fallback, &report))
        return 0;
    return refuse(
        task, "default",
        arena_format(&arena, "does not fit: it %.*s", TEXT_ARG(report.faults[0].message)));
}

static json_t *make_field(const char *path, const json_t *source, int depth, struct error *err)
{
    scoped(json_decref) json_t *schema = json_object();
    struct field_task task = {path, source, schema, 0, depth, err};

    if (depth > FIELD_DEPTH_MAX) {
        refuse(&task, "", "is nested too deeply");
        return NULL;
    }
    return read_field(&task) < 0 || check_field(&task) < 0 ? NULL : take(schema);
}

static const char *place_of(const json_t *source)
{
    struct text in = json_text(source, "in");

    for (size_t i = 0; i < TYPED_PLACES; i++)
        if (text_equal(in, text_of(typed_places[i])))
            return typed_places[i];
    return json_object_get(source, "in") ? NULL : typed_places[TYPED_BODY];
}

/* The schema of an object with those fields that are in place (NULL: all). */
static json_t *make_fields(const char *path, const json_t *fields, const char *place, int depth,
                           struct error *err)
{
    scoped(json_decref) json_t *properties = json_object();
    scoped(json_decref) json_t *required = json_array();
    const char *name;
    json_t *source;

    if (!json_is_object(fields)) {
        error_set(err, ERROR_INVALID, "%s must be names and types", path);
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)fields, name, source)
    {
        if (place && place_of(source) != place)
            continue;
        scoped(free) char *inner = mem_format("%s.%s", path, name);
        json_t *schema = make_field(inner, source, depth, err);
        if (!schema)
            return NULL;
        json_object_set_new(properties, name, schema);
        if (json_is_true(json_object_get(source, "required")))
            json_array_append_new(required, json_string(name));
    }
    json_t *schema = json_pack("{s:s,s:O}", "type", "object", "properties", properties);
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    return schema;
}

/* A parameter comes as text: of a type that text can be read as. */
static int check_parameter(const char *path, const json_t *source, struct error *err)
{
    struct text type =
        json_is_string(source) ? text_of(json_string_value(source)) : json_text(source, "type");

    if (!place_of(source))
        return error_set(err, ERROR_INVALID, "%s.in must be body, query, path or header", path);
    if (strcmp(place_of(source), "body") != 0 && text_starts(type, TEXT("object")))
        return error_set(err, ERROR_INVALID, "%s.type must not be object outside of the body",
                         path);
    return 0;
}

static int add_inputs(json_t *schemas, const json_t *inputs, struct error *err)
{
    const char *name;
    json_t *source;

    json_object_foreach((json_t *)(uintptr_t)inputs, name, source)
    {
        scoped(free) char *path = mem_format("inputs.%s", name);
        if (check_parameter(path, source, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < TYPED_PLACES; i++) {
        json_t *schema = make_fields("inputs", inputs, typed_places[i], 0, err);
        if (!schema)
            return -1;
        if (json_object_size(json_object_get(schema, "properties")) > 0)
            json_object_set_new(schemas, typed_places[i], schema);
        else
            json_decref(schema);
    }
    return 0;
}

static int add_outputs(json_t *schemas, const json_t *outputs, struct error *err)
{
    json_t *schema = make_fields("outputs", outputs, NULL, 0, err);

    return schema ? json_object_set_new(schemas, "answer", schema) : -1;
}

static int read_strict(json_t *schemas, const json_t *strict, struct error *err)
{
    struct text word = text_of(json_string_value(strict));
    bool refuses = text_equal(word, TEXT("refuse"));

    if (!refuses && !text_equal(word, TEXT("log")))
        return error_set(err, ERROR_INVALID, "outputs-strict must be log or refuse");
    return json_object_set_new(schemas, "strict", json_boolean(refuses));
}

json_t *typed_schemas(const json_t *source, struct error *err)
{
    scoped(json_decref) json_t *schemas = json_object();
    const json_t *inputs = json_object_get(source, "inputs");
    const json_t *outputs = json_object_get(source, "outputs");
    const json_t *strict = json_object_get(source, "outputs-strict");

    if ((inputs && add_inputs(schemas, inputs, err) < 0) ||
        (outputs && add_outputs(schemas, outputs, err) < 0) ||
        (strict && read_strict(schemas, strict, err) < 0))
        return NULL;
    return take(schemas);
}
