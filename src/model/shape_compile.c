/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/limits.h"
#include "model/shape_priv.h"

/*
 * Schemas are compiled one after the other from a list of what is still to be done, so that
 * neither depth nor references make it recurse: a schema within a schema is a node that is
 * pointed to at once and filled in later, and a reference is one more pointer to the node of
 * the schema it means. What a keyword does is one row of a table and one function.
 */

struct task {
    struct list link;
    const json_t *schema;
    struct shape_node *node;
    struct text path; /* in the schema, for errors */
};

struct compiler {
    struct shape *shape;
    struct shape_references references;
    struct list tasks;
    struct map nodes; /* by the address of their schema */
    struct arena arena;
    const struct task *task; /* the schema being compiled */
    const char *word;        /* its keyword */
    struct error *err;
};

const struct shape_type_name shape_types[SHAPE_TYPES] = {
    {"null", "null", SHAPE_NULL},
    {"boolean", "true or false", SHAPE_BOOLEAN},
    {"integer", "an integer", SHAPE_INTEGER},
    {"number", "a number", SHAPE_NUMBER | SHAPE_INTEGER},
    {"string", "a string", SHAPE_STRING},
    {"array", "an array", SHAPE_ARRAY},
    {"object", "an object", SHAPE_OBJECT},
};

static int refuse(struct compiler *compiler, const char *what)
{
    struct text path = compiler->task ? compiler->task->path : TEXT_NONE;

    if (path.len > 200)
        path = text_skip(path, path.len - 200);
    return error_set(compiler->err, ERROR_INVALID, "the schema's %.*s%s'%s' %s", TEXT_ARG(path),
                     path.len ? "/ " : "", compiler->word, what);
}

/* --- nodes --- */

static struct shape_node *new_node(struct shape *shape)
{
    struct shape_node *node = mem_new(struct shape_node);

    node->max_length = node->max_items = node->max_properties = node->max_contains = -1;
    node->min_contains = 1;
    list_push(&shape->nodes, &node->link);
    shape->count++;
    return node;
}

/* The node of a schema at step (one more member's name) below the current one; NULL beyond
 * the limit. */
static struct shape_node *node_of(struct compiler *compiler, const json_t *schema, const char *step)
{
    const struct text key = text_from(&schema, sizeof schema);
    struct shape_node *node = map_find(&compiler->nodes, key);
    struct text above = compiler->task ? compiler->task->path : TEXT_NONE;

    if (node)
        return node;
    if (!json_is_object(schema) && !json_is_boolean(schema)) {
        refuse(compiler, "must hold schemas: an object, true or false");
        return NULL;
    }
    if (compiler->shape->count == LIMIT_SHAPE_NODES) {
        refuse(compiler, "holds more schemas than are allowed");
        return NULL;
    }
    node = new_node(compiler->shape);
    map_put(&compiler->nodes, key, node);
    struct task *task = arena_zalloc(&compiler->arena, sizeof *task);
    task->schema = schema;
    task->node = node;
    task->path = text_of(
        arena_format(&compiler->arena, "%.*s%s%s", TEXT_ARG(above), above.len ? "/" : "", step));
    list_push(&compiler->tasks, &task->link);
    return node;
}

static const char *step_to(struct compiler *compiler, const char *name)
{
    return arena_format(&compiler->arena, "%s/%.64s", compiler->word, name);
}

/* --- keywords --- */

static int set_type(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    for (size_t i = 0; i < SHAPE_TYPES; i++)
        if (json_is_string(value) &&
            text_equal(text_of(json_string_value(value)), text_of(shape_types[i].name))) {
            node->types |= shape_types[i].type;
            return 0;
        }
    return refuse(compiler, "must be null, boolean, integer, number, string, array or object, or "
                            "a list of them");
}

static int on_type(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(value))
        return set_type(compiler, node, value);
    if (json_array_size(value) == 0)
        return refuse(compiler, "must not be empty");
    json_array_foreach(value, i, item) if (set_type(compiler, node, item) < 0) return -1;
    return 0;
}

static int on_enum(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    if (!json_is_array(value))
        return refuse(compiler, "must be a list of values");
    node->values = json_deep_copy(value);
    return 0;
}

static int on_const(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    node->constant = json_deep_copy(value);
    return 0;
}

static int on_default(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    scoped(free) char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    node->fallback = json_deep_copy(value);
    node->fallback_bytes = text ? strlen(text) : 0;
    return 0;
}

static int keep_number(struct compiler *compiler, json_t **member, const json_t *value)
{
    if (!json_is_number(value))
        return refuse(compiler, "must be a number");
    *member = json_deep_copy(value);
    return 0;
}

static int on_minimum(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    bool is_open = json_is_true(json_object_get(compiler->task->schema, "exclusiveMinimum"));

    return keep_number(compiler, is_open ? &node->above : &node->minimum, value);
}

static int on_maximum(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    bool is_open = json_is_true(json_object_get(compiler->task->schema, "exclusiveMaximum"));

    return keep_number(compiler, is_open ? &node->below : &node->maximum, value);
}

/* OpenAPI 3.0 has true and false here, which say how the bound beside them is meant. */
static int on_above(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    return json_is_boolean(value) ? 0 : keep_number(compiler, &node->above, value);
}

static int on_below(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    return json_is_boolean(value) ? 0 : keep_number(compiler, &node->below, value);
}

static int on_multiple(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    if (json_number_value(value) <= 0)
        return refuse(compiler, "must be a number above 0");
    return keep_number(compiler, &node->multiple, value);
}

static int keep_count(struct compiler *compiler, int64_t *member, const json_t *value)
{
    double number = json_number_value(value);

    if (!json_is_number(value) || number < 0 || number > 1e15 || number != (double)(int64_t)number)
        return refuse(compiler, "must be a whole number, 0 or more");
    *member = (int64_t)number;
    return 0;
}

#define COUNT_KEYWORD(name)                                                                       \
    static int on_##name(struct compiler *compiler, struct shape_node *node, const json_t *value) \
    {                                                                                             \
        return keep_count(compiler, &node->name, value);                                          \
    }
COUNT_KEYWORD(min_length)
COUNT_KEYWORD(max_length)
COUNT_KEYWORD(min_items)
COUNT_KEYWORD(max_items)
COUNT_KEYWORD(min_properties)
COUNT_KEYWORD(max_properties)
COUNT_KEYWORD(min_contains)
COUNT_KEYWORD(max_contains)

static int on_unique(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    if (!json_is_boolean(value))
        return refuse(compiler, "must be true or false");
    node->is_unique = json_is_true(value);
    return 0;
}

/* ECMA-262 as far as PCRE2 has it: \u escapes, "$" at the very end only. \C would
 * split characters. */
static int compile_pattern(struct compiler *compiler, const char *source, struct shape_pattern *ret)
{
    const uint32_t options = PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY |
                             PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    int number;
    PCRE2_SIZE offset;

    if (strlen(source) > LIMIT_REGEX_BYTES)
        return refuse(compiler, "has a regular expression that is too long");
    ret->code =
        pcre2_compile((PCRE2_SPTR)source, PCRE2_ZERO_TERMINATED, options, &number, &offset, NULL);
    if (ret->code) {
        ret->source = mem_strdup(source);
        return 0;
    }
    char reason[120], text[200];
    pcre2_get_error_message(number, (PCRE2_UCHAR *)reason, sizeof reason);
    snprintf(text, sizeof text, "has a wrong regular expression: %s at character %zu", reason,
             (size_t)offset + 1);
    return refuse(compiler, text);
}

static int on_pattern(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    if (!json_is_string(value))
        return refuse(compiler, "must be a regular expression");
    return compile_pattern(compiler, json_string_value(value), &node->pattern);
}

static int on_format(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    if (!json_is_string(value))
        return refuse(compiler, "must be a name such as date-time");
    node->format = shape_format_find(text_of(json_string_value(value)));
    return 0;
}

static bool is_names(const json_t *value)
{
    const json_t *item;
    size_t i;

    json_array_foreach(value, i, item) if (!json_is_string(item)) return false;
    return json_is_array(value);
}

static int on_required(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    if (json_is_boolean(value)) /* draft 3, and written often; without a meaning since */
        return refuse(compiler, "must be a list of names beside 'properties'");
    if (!is_names(value))
        return refuse(compiler, "must be a list of names");
    node->required = json_deep_copy(value);
    return 0;
}

static int on_properties(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    const char *name;
    json_t *schema;

    if (!json_is_object(value))
        return refuse(compiler, "must be names and schemas");
    json_object_foreach((json_t *)(uintptr_t)value, name, schema)
    {
        struct shape_node *child = node_of(compiler, schema, step_to(compiler, name));
        if (!child)
            return -1;
        map_put(&node->properties, text_of(name), child);
    }
    return 0;
}

static int on_patterned(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    const char *source;
    json_t *schema;

    if (!json_is_object(value))
        return refuse(compiler, "must be regular expressions and schemas");
    node->patterned = mem_zalloc((json_object_size(value) + 1) * sizeof *node->patterned);
    json_object_foreach((json_t *)(uintptr_t)value, source, schema)
    {
        struct shape_pattern_node *patterned = &node->patterned[node->patterned_count];
        if (compile_pattern(compiler, source, &patterned->pattern) < 0)
            return -1;
        node->patterned_count++;
        patterned->node = node_of(compiler, schema, step_to(compiler, source));
        if (!patterned->node)
            return -1;
    }
    return 0;
}

static int keep_child(struct compiler *compiler, struct shape_node **member, const json_t *value)
{
    *member = node_of(compiler, value, compiler->word);
    return *member ? 0 : -1;
}

#define CHILD_KEYWORD(name)                                                                       \
    static int on_##name(struct compiler *compiler, struct shape_node *node, const json_t *value) \
    {                                                                                             \
        return keep_child(compiler, &node->name, value);                                          \
    }
CHILD_KEYWORD(additional)
CHILD_KEYWORD(names)
CHILD_KEYWORD(contains)
CHILD_KEYWORD(not )
CHILD_KEYWORD(if_)
CHILD_KEYWORD(then_)
CHILD_KEYWORD(else_)

static int keep_children(struct compiler *compiler, struct shape_nodes *nodes, const json_t *value)
{
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count == 0)
        return refuse(compiler, "must be a list of schemas, not empty");
    nodes->at = mem_zalloc(count * sizeof *nodes->at);
    for (size_t i = 0; i < count; i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        nodes->at[i] = node_of(compiler, json_array_get(value, i), step_to(compiler, index));
        if (!nodes->at[i])
            return -1;
        nodes->count++;
    }
    return 0;
}

#define CHILDREN_KEYWORD(name)                                                                    \
    static int on_##name(struct compiler *compiler, struct shape_node *node, const json_t *value) \
    {                                                                                             \
        return keep_children(compiler, &node->name, value);                                       \
    }
CHILDREN_KEYWORD(prefix)
CHILDREN_KEYWORD(all)
CHILDREN_KEYWORD(any)
CHILDREN_KEYWORD(one)

/* A list is what "prefixItems" is called since; "additionalItems" is "items" then. */
static int on_items(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    const json_t *rest = json_object_get(compiler->task->schema, "additionalItems");

    if (!json_is_array(value))
        return keep_child(compiler, &node->items, value);
    if (json_array_size(value) > 0 && keep_children(compiler, &node->prefix, value) < 0)
        return -1;
    return rest ? keep_child(compiler, &node->items, rest) : 0;
}

static struct shape_dependency *add_dependency(struct shape_node *node, const char *name)
{
    node->dependencies =
        mem_realloc(node->dependencies, (node->dependency_count + 1) * sizeof *node->dependencies);
    struct shape_dependency *dependency = &node->dependencies[node->dependency_count++];
    *dependency = (struct shape_dependency){.name = mem_strdup(name)};
    return dependency;
}

static int on_dependent_schemas(struct compiler *compiler, struct shape_node *node,
                                const json_t *value)
{
    const char *name;
    json_t *schema;

    if (!json_is_object(value))
        return refuse(compiler, "must be names and schemas");
    json_object_foreach((json_t *)(uintptr_t)value, name, schema)
    {
        struct shape_node *child = node_of(compiler, schema, step_to(compiler, name));
        if (!child)
            return -1;
        add_dependency(node, name)->node = child;
    }
    return 0;
}

static int on_dependent_required(struct compiler *compiler, struct shape_node *node,
                                 const json_t *value)
{
    const char *name;
    json_t *names;

    if (!json_is_object(value))
        return refuse(compiler, "must be names and lists of names");
    json_object_foreach((json_t *)(uintptr_t)value, name, names)
    {
        if (!is_names(names))
            return refuse(compiler, "must be names and lists of names");
        add_dependency(node, name)->required = json_deep_copy(names);
    }
    return 0;
}

/* What both were called before 2019-09. */
static int on_dependencies(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    scoped(json_decref) json_t *lists = json_object();
    scoped(json_decref) json_t *schemas = json_object();
    const char *name;
    json_t *member;

    if (!json_is_object(value))
        return refuse(compiler, "must be names and schemas or lists of names");
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
        json_object_set(json_is_array(member) ? lists : schemas, name, member);
    if (on_dependent_required(compiler, node, lists) < 0)
        return -1;
    return on_dependent_schemas(compiler, node, schemas);
}

/* --- references --- */

static int on_ref(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    struct text text = text_of(json_string_value(value));

    if (!text_starts(text, TEXT("#")))
        return refuse(compiler, "must be a reference within the document, as in "
                                "#/components/schemas/Pet");
    const json_t *target =
        shape_references_find(&compiler->references, text_skip(text, 1), &compiler->arena);
    if (!target)
        return refuse(compiler, "leads nowhere");
    node->ref = node_of(compiler, target, text.at);
    return node->ref ? 0 : -1;
}

static int on_unsupported(struct compiler *compiler, struct shape_node *node, const json_t *value)
{
    return refuse(compiler, "is not supported");
}

typedef int keyword_f(struct compiler *compiler, struct shape_node *node, const json_t *value);

static const struct {
    const char *name;
    keyword_f *read;
} keywords[] = {
    {"type", on_type},
    {"enum", on_enum},
    {"const", on_const},
    {"default", on_default},
    {"minimum", on_minimum},
    {"maximum", on_maximum},
    {"exclusiveMinimum", on_above},
    {"exclusiveMaximum", on_below},
    {"multipleOf", on_multiple},
    {"minLength", on_min_length},
    {"maxLength", on_max_length},
    {"pattern", on_pattern},
    {"format", on_format},
    {"required", on_required},
    {"properties", on_properties},
    {"patternProperties", on_patterned},
    {"additionalProperties", on_additional},
    {"propertyNames", on_names},
    {"minProperties", on_min_properties},
    {"maxProperties", on_max_properties},
    {"dependencies", on_dependencies},
    {"dependentRequired", on_dependent_required},
    {"dependentSchemas", on_dependent_schemas},
    {"prefixItems", on_prefix},
    {"items", on_items},
    {"contains", on_contains},
    {"minContains", on_min_contains},
    {"maxContains", on_max_contains},
    {"minItems", on_min_items},
    {"maxItems", on_max_items},
    {"uniqueItems", on_unique},
    {"allOf", on_all},
    {"anyOf", on_any},
    {"oneOf", on_one},
    {"not", on_not},
    {"if", on_if_},
    {"then", on_then_},
    {"else", on_else_},
    {"$ref", on_ref},
    {"$dynamicRef", on_unsupported},
    {"$recursiveRef", on_unsupported},
    {"unevaluatedProperties", on_unsupported},
    {"unevaluatedItems", on_unsupported},
};

/* OpenAPI 3.0: beside a type, null is taken too; beside an enum without it, not. */
static void apply_nullable(const struct task *task)
{
    if (json_is_true(json_object_get(task->schema, "nullable")) && task->node->types)
        task->node->types |= SHAPE_NULL;
}

static int compile_one(struct compiler *compiler)
{
    const struct task *task = compiler->task;

    if (json_is_boolean(task->schema)) {
        task->node->is_never = json_is_false(task->schema);
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(keywords); i++) {
        const json_t *value = json_object_get(task->schema, keywords[i].name);
        compiler->word = keywords[i].name;
        if (value && keywords[i].read(compiler, task->node, value) < 0)
            return -1;
    }
    apply_nullable(task);
    return 0;
}

static int compile_all(struct compiler *compiler)
{
    struct list *link;

    while ((link = list_pop(&compiler->tasks))) {
        compiler->task = container_of(link, struct task, link);
        if (compile_one(compiler) < 0)
            return -1;
    }
    return 0;
}

struct shape *shape_compile(const json_t *schema, const json_t *document, struct error *err)
{
    scoped(shape_free) struct shape *shape = mem_new(struct shape);
    struct compiler compiler = {
        .shape = shape,
        .references = {.document = document ? document : schema},
        .word = "root",
        .err = err,
    };

    list_init(&shape->nodes);
    list_init(&compiler.tasks);
    shape->root = node_of(&compiler, schema, "");
    int result = shape->root ? compile_all(&compiler) : -1;
    map_done(&compiler.nodes);
    shape_references_done(&compiler.references);
    arena_done(&compiler.arena);
    return result < 0 ? NULL : take(shape);
}

/* --- freeing --- */

static void pattern_done(struct shape_pattern *pattern)
{
    free(pattern->source);
    pcre2_code_free(pattern->code);
}

static void free_node(struct shape_node *node)
{
    json_decref(node->values);
    json_decref(node->constant);
    json_decref(node->minimum);
    json_decref(node->maximum);
    json_decref(node->above);
    json_decref(node->below);
    json_decref(node->multiple);
    json_decref(node->required);
    json_decref(node->fallback);
    pattern_done(&node->pattern);
    map_done(&node->properties);
    for (size_t i = 0; i < node->patterned_count; i++)
        pattern_done(&node->patterned[i].pattern);
    free(node->patterned);
    for (size_t i = 0; i < node->dependency_count; i++) {
        free(node->dependencies[i].name);
        json_decref(node->dependencies[i].required);
    }
    free(node->dependencies);
    free(node->prefix.at);
    free(node->all.at);
    free(node->any.at);
    free(node->one.at);
    free(node);
}

void shape_free(struct shape *shape)
{
    struct list *link;

    if (!shape)
        return;
    while ((link = list_pop(&shape->nodes)))
        free_node(container_of(link, struct shape_node, link));
    free(shape);
}
