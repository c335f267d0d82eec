/* SPDX-License-Identifier: Apache-2.0 */
#include "openapi/yaml_json.h"

#include <errno.h>
#include <yaml.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"

/*
 * libyaml's events become JSON values. An alias is another reference to the value it names;
 * how much it stands for is counted each time, so that a few lines cannot become a document
 * that takes forever to walk through.
 */

struct anchor {
    json_t *value;
    size_t nodes;
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    struct map anchors; /* struct anchor by name */
    size_t nodes, depth;
    struct error *err;
};

static int fail(struct reader *reader, const yaml_mark_t *mark, const char *reason)
{
    return error_set(reader->err, ERROR_INVALID, "line %zu, column %zu: %s", mark->line + 1,
                     mark->column + 1, reason);
}

static int next(struct reader *reader)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = false;
    if (!yaml_parser_parse(&reader->parser, &reader->event))
        return fail(reader, &reader->parser.problem_mark,
                    reader->parser.problem ? reader->parser.problem : "not YAML");
    reader->has_event = true;
    return 0;
}

static int count(struct reader *reader, size_t nodes)
{
    reader->nodes += nodes;
    if (reader->nodes <= YAML_NODES_MAX)
        return 0;
    return fail(reader, &reader->event.start_mark, "the document has too many values");
}

static struct text scalar_text(const struct reader *reader)
{
    return text_from(reader->event.data.scalar.value, reader->event.data.scalar.length);
}

/* --- scalars --- */

static bool is_one_of(struct text text, const char *a, const char *b, const char *c)
{
    return text_equal(text, text_of(a)) || text_equal(text, text_of(b)) ||
           text_equal(text, text_of(c));
}

static bool is_digits(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.len > 0;
}

static struct text without_sign(struct text text)
{
    return text_starts(text, TEXT("-")) || text_starts(text, TEXT("+")) ? text_skip(text, 1) : text;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(struct text text)
{
    struct text rest = without_sign(text), exponent = TEXT_NONE;
    size_t e = text_find(rest, 'e');

    if (e == rest.len)
        e = text_find(rest, 'E');
    if (e < rest.len) {
        exponent = without_sign(text_skip(rest, e + 1));
        if (!is_digits(exponent))
            return false;
        rest = text_slice(rest, 0, e);
    }
    size_t dot = text_find(rest, '.');
    struct text whole = text_slice(rest, 0, dot), part = text_skip(rest, dot + 1);
    if (dot == rest.len)
        return is_digits(whole) && text_is_set(exponent);
    return (whole.len == 0 ? part.len > 0 : is_digits(whole)) && (part.len == 0 || is_digits(part));
}

static json_t *plain_number(struct text text)
{
    char digits[64];
    char *end;

    if (text.len >= sizeof digits)
        return NULL;
    memcpy(digits, text.at, text.len);
    digits[text.len] = '\0';
    errno = 0;
    if (is_digits(without_sign(text))) {
        long long number = strtoll(digits, &end, 10);
        return errno == 0 ? json_integer(number) : json_real(strtod(digits, &end));
    }
    return is_float(text) ? json_real(strtod(digits, &end)) : NULL;
}

static json_t *plain(struct text text)
{
    if (text.len == 0 || text_equal(text, TEXT("~")) || is_one_of(text, "null", "Null", "NULL"))
        return json_null();
    if (is_one_of(text, "true", "True", "TRUE"))
        return json_true();
    if (is_one_of(text, "false", "False", "FALSE"))
        return json_false();
    json_t *number = plain_number(text);
    return number ? number : json_from_text(text);
}

static json_t *read_scalar(struct reader *reader)
{
    const char *tag = (const char *)reader->event.data.scalar.tag;

    if (tag && strcmp(tag, YAML_STR_TAG) != 0) {
        (void)fail(reader, &reader->event.start_mark, "tags are not supported");
        return NULL;
    }
    if (reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE || tag)
        return json_from_text(scalar_text(reader));
    return plain(scalar_text(reader));
}

/* --- collections --- */

static json_t *read_value(struct reader *reader);

/* The event is the key's. The value's event is next. */
static int read_member(struct reader *reader, json_t *object)
{
    if (reader->event.type != YAML_SCALAR_EVENT)
        return fail(reader, &reader->event.start_mark, "a key is not a text");
    scoped(json_decref) json_t *key = json_from_text(scalar_text(reader));
    const char *name = json_string_value(key);
    if (strlen(name) != json_string_length(key))
        return fail(reader, &reader->event.start_mark, "a key has a NUL in it");
    if (strcmp(name, "<<") == 0 && reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return fail(reader, &reader->event.start_mark, "merge keys (<<) are not supported");
    if (json_object_get(object, name))
        return fail(reader, &reader->event.start_mark, "the key is there twice");
    if (count(reader, 1) < 0 || next(reader) < 0)
        return -1;
    json_t *value = read_value(reader);
    return value ? json_object_set_new(object, name, value) : -1;
}

static json_t *read_mapping(struct reader *reader)
{
    scoped(json_decref) json_t *object = json_object();

    for (;;) {
        if (next(reader) < 0)
            return NULL;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            return take(object);
        if (read_member(reader, object) < 0)
            return NULL;
    }
}

static json_t *read_sequence(struct reader *reader)
{
    scoped(json_decref) json_t *array = json_array();

    for (;;) {
        if (next(reader) < 0)
            return NULL;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            return take(array);
        json_t *value = read_value(reader);
        if (!value)
            return NULL;
        json_array_append_new(array, value);
    }
}

static json_t *read_collection(struct reader *reader, bool is_mapping)
{
    const char *tag = is_mapping ? (const char *)reader->event.data.mapping_start.tag
                                 : (const char *)reader->event.data.sequence_start.tag;

    if (tag) {
        (void)fail(reader, &reader->event.start_mark, "tags are not supported");
        return NULL;
    }
    if (reader->depth == YAML_DEPTH_MAX) {
        (void)fail(reader, &reader->event.start_mark, "nested too deep");
        return NULL;
    }
    reader->depth++;
    json_t *value = is_mapping ? read_mapping(reader) : read_sequence(reader);
    reader->depth--;
    return value;
}

/* --- anchors --- */

static json_t *read_alias(struct reader *reader)
{
    const struct anchor *anchor =
        map_find(&reader->anchors, text_of((const char *)reader->event.data.alias.anchor));

    if (!anchor) {
        (void)fail(reader, &reader->event.start_mark, "no such anchor before this alias");
        return NULL;
    }
    return count(reader, anchor->nodes) < 0 ? NULL : json_incref(anchor->value);
}

static void set_anchor(struct reader *reader, const char *name, json_t *value, size_t nodes)
{
    struct anchor *anchor = mem_new(struct anchor);

    *anchor = (struct anchor){json_incref(value), nodes};
    anchor = map_put(&reader->anchors, text_of(name), anchor);
    if (anchor)
        json_decref(anchor->value);
    free(anchor);
}

static const char *anchor_name(const yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        return (const char *)event->data.scalar.anchor;
    if (event->type == YAML_MAPPING_START_EVENT)
        return (const char *)event->data.mapping_start.anchor;
    return (const char *)event->data.sequence_start.anchor;
}

static json_t *read_value(struct reader *reader)
{
    size_t before = reader->nodes;
    json_t *value;

    if (reader->event.type == YAML_ALIAS_EVENT)
        return read_alias(reader);
    if (count(reader, 1) < 0)
        return NULL;
    const char *name = anchor_name(&reader->event);
    scoped(free) char *anchor = name ? mem_strdup(name) : NULL;
    if (reader->event.type == YAML_SCALAR_EVENT)
        value = read_scalar(reader);
    else
        value = read_collection(reader, reader->event.type == YAML_MAPPING_START_EVENT);
    if (value && anchor)
        set_anchor(reader, anchor, value, reader->nodes - before);
    return value;
}

/* --- the document --- */

static int expect(struct reader *reader, yaml_event_type_t type, const char *otherwise)
{
    if (next(reader) < 0)
        return -1;
    return reader->event.type == type ? 0 : fail(reader, &reader->event.start_mark, otherwise);
}

static json_t *read_document(struct reader *reader)
{
    if (expect(reader, YAML_STREAM_START_EVENT, "not YAML") < 0 ||
        expect(reader, YAML_DOCUMENT_START_EVENT, "the document is empty") < 0 || next(reader) < 0)
        return NULL;
    scoped(json_decref) json_t *value = read_value(reader);
    if (!value || expect(reader, YAML_DOCUMENT_END_EVENT, "not YAML") < 0 ||
        expect(reader, YAML_STREAM_END_EVENT, "there is more than one document") < 0)
        return NULL;
    return take(value);
}

static void free_anchors(struct reader *reader)
{
    struct map_cursor cursor = {0};

    while (map_next(&reader->anchors, &cursor)) {
        struct anchor *anchor = cursor.value;
        json_decref(anchor->value);
        free(anchor);
    }
    map_done(&reader->anchors);
}

json_t *yaml_parse(struct text source, struct error *err)
{
    struct reader reader = {.err = err};

    if (!yaml_parser_initialize(&reader.parser))
        abort();
    yaml_parser_set_input_string(&reader.parser,
                                 (const unsigned char *)(source.len ? source.at : ""), source.len);
    json_t *document = read_document(&reader);
    if (reader.has_event)
        yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    free_anchors(&reader);
    return document;
}
