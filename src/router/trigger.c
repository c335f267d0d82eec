/* SPDX-License-Identifier: Apache-2.0 */
#include "router/trigger_priv.h"

#include "base/json.h"
#include "base/mem.h"
#include "model/limits.h"

struct compile {
    struct trigger *trigger;
    size_t count;
    unsigned depth;
    char path[256]; /* "filters[0].any[2]", for messages */
    struct error *err;
};

static struct filter *parse_filter(struct compile *compile, json_t *object);

static struct filter *fail(const struct compile *compile, const char *reason)
{
    error_set(compile->err, ERROR_INVALID, "%s: %s", compile->path, reason);
    return NULL;
}

/* Lengthens the path; the caller puts it back to the length returned. */
static size_t enter(struct compile *compile, const char *name, size_t index)
{
    size_t len = strlen(compile->path), room = sizeof compile->path - len;

    if (index == SIZE_MAX)
        (void)snprintf(compile->path + len, room, "%s%s", len ? "." : "", name);
    else
        (void)snprintf(compile->path + len, room, "[%zu]", index);
    return len;
}

static struct filter *new_filter(struct compile *compile, enum filter_kind kind)
{
    struct filter *filter = arena_zalloc(&compile->trigger->arena, sizeof *filter);

    filter->kind = kind;
    if (++compile->count <= LIMIT_TRIGGER_FILTERS)
        return filter;
    error_set(compile->err, ERROR_LIMIT, "the trigger has more than %d filters",
              LIMIT_TRIGGER_FILTERS);
    return NULL;
}

static struct filter *new_void(struct compile *compile)
{
    struct filter *filter = new_filter(compile, FILTER_NONE);

    if (filter)
        filter->is_void = true;
    return filter;
}

/* Knative's rule: lower-case letters and digits, a letter first. */
static bool is_name(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789")] == '\0';
}

static int add_pair(struct compile *compile, struct filter *filter, struct filter_pair *pair,
                    const char *name, const json_t *value)
{
    struct text text = text_from(json_string_value(value), json_string_length(value));

    if (!is_name(name))
        return error_set(compile->err, ERROR_INVALID, "%s: Invalid attribute name: \"%s\"",
                         compile->path, name);
    if (!json_is_string(value))
        return error_set(compile->err, ERROR_INVALID, "%s.%s: must be a string", compile->path,
                         name);
    if (text.len == 0 && filter->kind != FILTER_ATTRIBUTES)
        return error_set(compile->err, ERROR_INVALID, "%s.%s: must not be empty", compile->path,
                         name);
    pair->name = arena_copy(&compile->trigger->arena, text_of(name));
    pair->value = arena_copy(&compile->trigger->arena, text.len ? text : TEXT(""));
    return 0;
}

/* {"attribute": "value", ...} */
static struct filter *parse_pairs(struct compile *compile, json_t *map, enum filter_kind kind)
{
    struct filter *filter = new_filter(compile, kind);
    const char *name;
    json_t *value;

    if (!filter)
        return NULL;
    if (!json_is_object(map))
        return fail(compile, "must be an object");
    if (json_object_size(map) > LIMIT_CLOUD_ATTRIBUTES)
        return fail(compile, "has more attributes than an event may have");
    struct filter_pair *pairs =
        arena_alloc(&compile->trigger->arena, (json_object_size(map) + 1) * sizeof pairs[0]);
    filter->pairs = pairs;
    json_object_foreach(map, name, value)
    {
        if (add_pair(compile, filter, &pairs[filter->pair_count], name, value) < 0)
            return NULL;
        filter->pair_count++;
    }
    filter->is_void = filter->pair_count == 0;
    return filter;
}

static struct filter *parse_list(struct compile *compile, const json_t *list, enum filter_kind kind)
{
    struct filter *filter = new_filter(compile, kind);

    if (!filter)
        return NULL;
    if (!json_is_array(list))
        return fail(compile, "must be a list of filters");
    filter->inner = arena_alloc(&compile->trigger->arena,
                                (json_array_size(list) + 1) * sizeof filter->inner[0]);
    filter->is_void = true;
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t len = enter(compile, "", i);
        const struct filter *inner = parse_filter(compile, json_array_get(list, i));
        if (!inner)
            return NULL;
        compile->path[len] = '\0';
        filter->inner[filter->inner_count++] = inner;
        filter->is_void &= inner->is_void;
    }
    return filter;
}

static struct filter *parse_not(struct compile *compile, json_t *object)
{
    struct filter *filter = new_filter(compile, FILTER_NOT);
    const struct filter *inner = filter ? parse_filter(compile, object) : NULL;

    if (!inner)
        return NULL;
    filter->inner = arena_alloc(&compile->trigger->arena, sizeof filter->inner[0]);
    filter->inner[filter->inner_count++] = inner;
    filter->is_void = inner->is_void;
    return filter;
}

static struct filter *parse_cesql(struct compile *compile, const json_t *expression)
{
    struct filter *filter = new_filter(compile, FILTER_CESQL);
    struct error reason;

    if (!filter)
        return NULL;
    if (!json_is_string(expression))
        return fail(compile, "must be a string");
    filter->is_void = json_string_length(expression) == 0;
    if (filter->is_void)
        return filter;
    filter->cesql = cesql_compile(
        text_from(json_string_value(expression), json_string_length(expression)), &reason);
    if (!filter->cesql) {
        error_set(compile->err, reason.code, "%s: %s", compile->path, reason.text);
        return NULL;
    }
    filter->next = compile->trigger->with_cesql;
    compile->trigger->with_cesql = filter;
    return filter;
}

static struct filter *parse_dialect(struct compile *compile, const char *name, json_t *value)
{
    if (strcmp(name, "exact") == 0)
        return parse_pairs(compile, value, FILTER_EXACT);
    if (strcmp(name, "prefix") == 0)
        return parse_pairs(compile, value, FILTER_PREFIX);
    if (strcmp(name, "suffix") == 0)
        return parse_pairs(compile, value, FILTER_SUFFIX);
    if (strcmp(name, "all") == 0)
        return parse_list(compile, value, FILTER_ALL);
    if (strcmp(name, "any") == 0)
        return parse_list(compile, value, FILTER_ANY);
    if (strcmp(name, "not") == 0)
        return parse_not(compile, value);
    if (strcmp(name, "cesql") == 0)
        return parse_cesql(compile, value);
    return fail(compile, "is not a filter dialect");
}

static struct filter *parse_members(struct compile *compile, json_t *object)
{
    void *member = json_object_iter(object);

    if (!json_is_object(object))
        return fail(compile, "a filter must be an object");
    if (json_object_size(object) > 1)
        return fail(compile, "multiple dialects found, filters can have only one dialect set");
    if (!member)
        return new_void(compile);
    size_t len = enter(compile, json_object_iter_key(member), SIZE_MAX);
    struct filter *filter =
        parse_dialect(compile, json_object_iter_key(member), json_object_iter_value(member));
    if (filter)
        compile->path[len] = '\0';
    return filter;
}

static struct filter *parse_filter(struct compile *compile, json_t *object)
{
    if (++compile->depth > LIMIT_TRIGGER_DEPTH) {
        error_set(compile->err, ERROR_LIMIT, "the filters nest deeper than %d",
                  LIMIT_TRIGGER_DEPTH);
        return NULL;
    }
    struct filter *filter = parse_members(compile, object);
    compile->depth--;
    return filter;
}

static const struct filter *parse_spec(struct compile *compile, const json_t *spec)
{
    json_t *filters = json_object_get(spec, "filters");
    json_t *attributes = json_object_get(json_object_get(spec, "filter"), "attributes");

    if (filters && !json_is_null(filters) &&
        !(json_is_array(filters) && !json_array_size(filters))) {
        (void)enter(compile, "filters", SIZE_MAX);
        return parse_list(compile, filters, FILTER_ALL);
    }
    if (attributes && !json_is_null(attributes)) {
        (void)enter(compile, "filter.attributes", SIZE_MAX);
        return parse_pairs(compile, attributes, FILTER_ATTRIBUTES);
    }
    return new_void(compile);
}

struct trigger *trigger_compile(const json_t *spec, struct error *err)
{
    scoped(trigger_free) struct trigger *trigger = mem_new(struct trigger);
    struct compile compile = {.trigger = trigger, .err = err};

    trigger->root = parse_spec(&compile, spec);
    return trigger->root ? take(trigger) : NULL;
}

void trigger_free(struct trigger *trigger)
{
    if (!trigger)
        return;
    for (struct filter *filter = trigger->with_cesql; filter; filter = filter->next)
        cesql_free(filter->cesql);
    arena_done(&trigger->arena);
    free(trigger);
}
