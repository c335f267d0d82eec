/* SPDX-License-Identifier: Apache-2.0 */
#include "model/shape_priv.h"

#include <math.h>
#include <time.h>

#include "base/buffer.h"
#include "base/mem.h"
#include "model/limits.h"

/*
 * One walk over value and shape. Without a report it ends at the first fault; alternatives
 * (anyOf, oneOf, not, if) are tried without one, and the one that came nearest is walked again
 * to say what is wrong with it. Where the walk is, is a list through the C stack: pointers are
 * written for faults only.
 */

struct place {
    const struct place *above;
    const char *name; /* or NULL: */
    size_t index;
};

struct check {
    struct shape_report *report; /* NULL: only whether it fits */
    int64_t steps;               /* left */
    int64_t cpu_start_us;
    int depth;
    bool is_exhausted; /* what was found no longer counts */
};

static bool check_node(struct check *check, const struct shape_node *node, const json_t *value,
                       const struct place *place);

/* --- faults --- */

static void add_place(struct buffer *out, const struct place *place)
{
    if (!place)
        return;
    add_place(out, place->above);
    buffer_add_char(out, '/');
    if (!place->name) {
        buffer_add_int(out, (int64_t)place->index);
        return;
    }
    for (const char *at = place->name; *at; at++)
        if (*at == '~')
            buffer_add_literal(out, "~0");
        else if (*at == '/')
            buffer_add_literal(out, "~1");
        else
            buffer_add_char(out, *at);
}

static void add_fault(struct shape_report *report, struct text at, const char *format, va_list args)
{
    char message[400];

    if (report->count == SHAPE_FAULTS_MAX) {
        report->is_cut = true;
        return;
    }
    vsnprintf(message, sizeof message, format, args);
    struct text text = text_of(message);
    while (text.len > 0 && !text_is_utf8(text)) /* cut off within a character */
        text.len--;
    report->faults[report->count++] = (struct shape_fault){
        .at = text_of(
            arena_format(report->arena, "%.*s%.*s", TEXT_ARG(report->prefix), TEXT_ARG(at))),
        .message = arena_copy(report->arena, text),
    };
}

void shape_report_add(struct shape_report *report, struct text at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_fault(report, at, format, args);
    va_end(args);
}

/* False, for what does not fit. */
static bool __attribute__((format(printf, 3, 4)))
fault(struct check *check, const struct place *place, const char *format, ...)
{
    scoped(buffer_done) struct buffer at = {0};
    va_list args;

    if (!check->report || check->is_exhausted)
        return false;
    add_place(&at, place);
    va_start(args, format);
    add_fault(check->report, buffer_text(&at), format, args);
    va_end(args);
    return false;
}

/* --- what it may cost --- */

static int64_t cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool exhaust(struct check *check)
{
    check->is_exhausted = true;
    return false;
}

static bool has_time(struct check *check)
{
    if (!check->cpu_start_us)
        check->cpu_start_us = cpu_us();
    return cpu_us() - check->cpu_start_us > LIMIT_SHAPE_US ? exhaust(check) : !check->is_exhausted;
}

/* Asking for the time costs more than a step, so only some steps do it. */
static bool spend(struct check *check, int64_t steps)
{
    int64_t before = check->steps;

    check->steps -= steps;
    if (check->steps < 0)
        return exhaust(check);
    return before / 4096 == check->steps / 4096 ? !check->is_exhausted : has_time(check);
}

static int64_t count_values(const json_t *value)
{
    int64_t count = 1;
    const char *name;
    json_t *member;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)value, name, member) count += count_values(member);
    json_array_foreach(value, i, member) count += count_values(member);
    return count;
}

/* --- numbers and strings --- */

static bool check_multiple(const struct shape_node *node, const json_t *value)
{
    if (json_is_integer(value) && json_is_integer(node->multiple))
        return json_integer_value(value) % json_integer_value(node->multiple) == 0;
    double dividend = json_number_value(value), divisor = json_number_value(node->multiple);
    double quotient = dividend / divisor, rest = fabs(quotient - round(quotient));
    if (!isfinite(quotient))
        return fmod(dividend, divisor) == 0;
    return rest <= fmax(1e-9, fabs(quotient) * 1e-15); /* what a double can tell */
}

static bool check_number(struct check *check, const struct shape_node *node, const json_t *value,
                         const struct place *place)
{
    long double number = shape_number_of(value);
    bool fits = true;

    if (node->minimum && number < shape_number_of(node->minimum))
        fits = fault(check, place, "must be at least %.15Lg", shape_number_of(node->minimum));
    if (node->maximum && number > shape_number_of(node->maximum))
        fits = fault(check, place, "must be at most %.15Lg", shape_number_of(node->maximum));
    if (node->above && number <= shape_number_of(node->above))
        fits = fault(check, place, "must be above %.15Lg", shape_number_of(node->above));
    if (node->below && number >= shape_number_of(node->below))
        fits = fault(check, place, "must be below %.15Lg", shape_number_of(node->below));
    if (node->multiple && !check_multiple(node, value))
        fits = fault(check, place, "must be a multiple of %.15Lg", shape_number_of(node->multiple));
    return fits;
}

static int64_t characters(struct text text)
{
    int64_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return count;
}

/* 1 or 0; -1 when it would take too long, which refuses the value. The interpreter counts its
 * steps; compiled code of PCRE2 would not count all. */
static int match_pattern(struct check *check, const struct shape_pattern *pattern, struct text text)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);

    assert(context && match);
    pcre2_set_match_limit(context, LIMIT_REGEX_STEPS);
    pcre2_set_depth_limit(context, LIMIT_REGEX_STEPS);
    pcre2_set_heap_limit(context, 8 << 10); /* KB */
    int result = pcre2_match(pattern->code, (PCRE2_SPTR)(text.at ? text.at : ""), text.len, 0,
                             PCRE2_NO_UTF_CHECK, match, context);
    pcre2_match_data_free(match);
    pcre2_match_context_free(context);
    if (result == PCRE2_ERROR_NOMATCH)
        return 0;
    if (result < 0)
        exhaust(check);
    return result < 0 ? -1 : 1;
}

static bool check_pattern(struct check *check, const struct shape_pattern *pattern,
                          struct text text, const struct place *place)
{
    /* What a match takes is unknown: often nearly nothing, at worst a millisecond. */
    if (!spend(check, 16) || (text.len >= 16 && !has_time(check)))
        return false;
    int result = match_pattern(check, pattern, text);
    if (result == 0)
        return fault(check, place, "must match the regular expression %s", pattern->source);
    return result > 0;
}

static bool check_string(struct check *check, const struct shape_node *node, const json_t *value,
                         const struct place *place)
{
    struct text text = text_from(json_string_value(value), json_string_length(value));
    bool fits = true;

    if (node->min_length > 0 && characters(text) < node->min_length)
        fits = fault(check, place, "must have at least %lld character%s",
                     (long long)node->min_length, node->min_length == 1 ? "" : "s");
    if (node->max_length >= 0 && characters(text) > node->max_length)
        fits = fault(check, place, "must have at most %lld character%s",
                     (long long)node->max_length, node->max_length == 1 ? "" : "s");
    if (node->pattern.code && !check_pattern(check, &node->pattern, text, place))
        fits = false;
    return fits;
}

/* --- arrays --- */

struct hashed {
    uint64_t hash;
    size_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool check_unique(struct check *check, const json_t *value, const struct place *place)
{
    size_t count = json_array_size(value);
    scoped(free) struct hashed *items = mem_alloc((count + 1) * sizeof *items);

    for (size_t i = 0; i < count; i++)
        items[i] = (struct hashed){shape_hash_of(json_array_get(value, i)), i};
    qsort(items, count, sizeof *items, by_hash);
    for (size_t i = 1; i < count; i++)
        if (items[i].hash == items[i - 1].hash &&
            shape_same(json_array_get(value, items[i].index),
                       json_array_get(value, items[i - 1].index)))
            return fault(check, place, "must not have equal items, as those at %zu and %zu",
                         items[i - 1].index, items[i].index);
    return true;
}

static bool fits_quietly(struct check *check, const struct shape_node *node, const json_t *value)
{
    struct shape_report *report = check->report;

    check->report = NULL;
    bool fits = check_node(check, node, value, NULL);
    check->report = report;
    return fits;
}

static bool check_contains(struct check *check, const struct shape_node *node, const json_t *value,
                           const struct place *place)
{
    const json_t *item;
    int64_t found = 0;
    size_t i;

    json_array_foreach(value, i, item) found += fits_quietly(check, node->contains, item);
    if (found < node->min_contains)
        return fault(check, place, "must contain at least %lld item%s of another shape",
                     (long long)node->min_contains, node->min_contains == 1 ? "" : "s");
    if (node->max_contains >= 0 && found > node->max_contains)
        return fault(check, place, "must contain at most %lld such items",
                     (long long)node->max_contains);
    return true;
}

static bool check_items(struct check *check, const struct shape_node *node, const json_t *value,
                        const struct place *place)
{
    const json_t *item;
    bool fits = true;
    size_t i;

    json_array_foreach(value, i, item)
    {
        const struct shape_node *shape = i < node->prefix.count ? node->prefix.at[i] : node->items;
        const struct place at = {.above = place, .index = i};
        if (!shape)
            break;
        if (!check_node(check, shape, item, &at))
            fits = false;
        if (!fits && (!check->report || check->is_exhausted || check->report->is_cut))
            return false;
    }
    return fits;
}

static bool check_array(struct check *check, const struct shape_node *node, const json_t *value,
                        const struct place *place)
{
    int64_t count = (int64_t)json_array_size(value);
    bool fits = true;

    if (count < node->min_items)
        fits = fault(check, place, "must have at least %lld item%s", (long long)node->min_items,
                     node->min_items == 1 ? "" : "s");
    if (node->max_items >= 0 && count > node->max_items)
        fits = fault(check, place, "must have at most %lld item%s", (long long)node->max_items,
                     node->max_items == 1 ? "" : "s");
    if (node->is_unique && !check_unique(check, value, place))
        fits = false;
    if (node->contains && !check_contains(check, node, value, place))
        fits = false;
    return (node->prefix.count || node->items) && !check_items(check, node, value, place) ? false
                                                                                          : fits;
}

/* --- objects --- */

static bool check_names(struct check *check, const json_t *names, const json_t *value,
                        const struct place *place)
{
    const json_t *name;
    bool fits = true;
    size_t i;

    json_array_foreach(names, i, name)
    {
        const struct place at = {.above = place, .name = json_string_value(name)};
        if (!json_object_get(value, at.name))
            fits = fault(check, &at, "is required");
    }
    return fits;
}

static bool check_member(struct check *check, const struct shape_node *node, const char *name,
                         const json_t *member, const struct place *at)
{
    const struct shape_node *shape = map_find(&node->properties, text_of(name));
    bool is_known = shape, fits = !shape || check_node(check, shape, member, at);

    for (size_t i = 0; i < node->patterned_count; i++) {
        const struct shape_pattern_node *patterned = &node->patterned[i];
        if (!spend(check, 16) || !has_time(check))
            return false;
        if (match_pattern(check, &patterned->pattern, text_of(name)) != 1)
            continue;
        is_known = true;
        fits &= check_node(check, patterned->node, member, at);
    }
    if (is_known || !node->additional)
        return fits;
    if (node->additional->is_never)
        return fault(check, at, "is not known here");
    return check_node(check, node->additional, member, at);
}

static bool check_members(struct check *check, const struct shape_node *node, const json_t *value,
                          const struct place *place)
{
    const char *name;
    json_t *member;
    bool fits = true;

    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        const struct place at = {.above = place, .name = name};
        if (!check_member(check, node, name, member, &at))
            fits = false;
        if (node->names) {
            json_t *as_value = json_string(name);
            if (!fits_quietly(check, node->names, as_value))
                fits = fault(check, &at, "has a name that is not allowed");
            json_decref(as_value);
        }
        if (!fits && (!check->report || check->is_exhausted || check->report->is_cut))
            return false;
    }
    return fits;
}

static bool check_dependencies(struct check *check, const struct shape_node *node,
                               const json_t *value, const struct place *place)
{
    bool fits = true;

    for (size_t i = 0; i < node->dependency_count; i++) {
        const struct shape_dependency *dependency = &node->dependencies[i];
        if (!json_object_get(value, dependency->name))
            continue;
        if (dependency->node ? !check_node(check, dependency->node, value, place)
                             : !check_names(check, dependency->required, value, place))
            fits = false;
    }
    return fits;
}

static bool check_object(struct check *check, const struct shape_node *node, const json_t *value,
                         const struct place *place)
{
    int64_t count = (int64_t)json_object_size(value);
    bool fits = check_names(check, node->required, value, place);

    if (count < node->min_properties)
        fits = fault(check, place, "must have at least %lld member%s",
                     (long long)node->min_properties, node->min_properties == 1 ? "" : "s");
    if (node->max_properties >= 0 && count > node->max_properties)
        fits = fault(check, place, "must have at most %lld member%s",
                     (long long)node->max_properties, node->max_properties == 1 ? "" : "s");
    if (!check_dependencies(check, node, value, place))
        fits = false;
    if (node->properties.count || node->patterned_count || node->additional || node->names)
        return check_members(check, node, value, place) && fits;
    return fits;
}

/* --- alternatives --- */

/* Whether the value is of a type the node takes, as far as it says. */
static bool suits(const struct shape_node *node, const json_t *value)
{
    for (int i = 0; node->ref && i < LIMIT_SHAPE_DEPTH; i++)
        node = node->ref;
    return !node->types || node->types & shape_type_of(value);
}

/* The only alternative for values of this type: what is wrong with it is worth saying. */
static const struct shape_node *only_suitable(const struct shape_nodes *nodes, const json_t *value)
{
    const struct shape_node *found = NULL;

    for (size_t i = 0; i < nodes->count; i++) {
        if (!suits(nodes->at[i], value))
            continue;
        if (found)
            return NULL;
        found = nodes->at[i];
    }
    return found;
}

static bool fault_alternatives(struct check *check, const struct shape_nodes *nodes,
                               const json_t *value, const struct place *place)
{
    const struct shape_node *only = check->report ? only_suitable(nodes, value) : NULL;

    if (only)
        return check_node(check, only, value, place);
    return fault(check, place, "is none of the %zu kinds of value that are allowed here",
                 nodes->count);
}

static bool check_any(struct check *check, const struct shape_node *node, const json_t *value,
                      const struct place *place)
{
    for (size_t i = 0; i < node->any.count; i++)
        if (fits_quietly(check, node->any.at[i], value))
            return true;
    return fault_alternatives(check, &node->any, value, place);
}

static bool check_one(struct check *check, const struct shape_node *node, const json_t *value,
                      const struct place *place)
{
    size_t fitting = 0;

    for (size_t i = 0; i < node->one.count && fitting < 2; i++)
        fitting += fits_quietly(check, node->one.at[i], value);
    if (fitting == 0)
        return fault_alternatives(check, &node->one, value, place);
    return fitting == 1 ||
           fault(check, place, "is more than one of the kinds of value that are allowed here");
}

static bool check_condition(struct check *check, const struct shape_node *node, const json_t *value,
                            const struct place *place)
{
    const struct shape_node *then =
        fits_quietly(check, node->if_, value) ? node->then_ : node->else_;

    return !then || check_node(check, then, value, place);
}

static bool check_combined(struct check *check, const struct shape_node *node, const json_t *value,
                           const struct place *place)
{
    bool fits = true;

    for (size_t i = 0; i < node->all.count; i++)
        if (!check_node(check, node->all.at[i], value, place))
            fits = false;
    if (node->any.count && !check_any(check, node, value, place))
        fits = false;
    if (node->one.count && !check_one(check, node, value, place))
        fits = false;
    if (node->not &&fits_quietly(check, node->not, value))
        fits = fault(check, place, "is a value that is excluded here");
    if (node->if_ && !check_condition(check, node, value, place))
        fits = false;
    return fits;
}

/* --- the walk --- */

static bool fault_type(struct check *check, const struct shape_node *node,
                       const struct place *place)
{
    char text[160] = "";
    unsigned left = node->types;

    for (size_t i = SHAPE_TYPES; i-- > 0;) {
        if ((left & shape_types[i].type) != shape_types[i].type)
            continue;
        left &= ~shape_types[i].type;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? " or " : "",
                 shape_types[i].article);
    }
    return fault(check, place, "must be %s", text);
}

static bool fault_values(struct check *check, const struct shape_node *node,
                         const struct place *place)
{
    if (!check->report)
        return false;
    scoped(free) char *text = json_dumps(node->values, JSON_ENCODE_ANY);
    size_t len = text ? strlen(text) : 0;
    if (len < 3 || len > 300)
        return fault(check, place, "must be one of the %zu allowed values",
                     json_array_size(node->values));
    return fault(check, place, "must be one of %.*s", (int)len - 2, text + 1);
}

static bool is_listed(const json_t *values, const json_t *value)
{
    const json_t *item;
    size_t i;

    json_array_foreach(values, i, item) if (shape_same(item, value)) return true;
    return false;
}

static bool fault_constant(struct check *check, const struct shape_node *node,
                           const struct place *place)
{
    if (!check->report)
        return false;
    scoped(free) char *text = json_dumps(node->constant, JSON_ENCODE_ANY);
    return fault(check, place, "must be %.*s", 300, text ? text : "another value");
}

static bool check_value(struct check *check, const struct shape_node *node, const json_t *value,
                        const struct place *place)
{
    unsigned type = shape_type_of(value);
    bool fits = true;

    if (node->is_never)
        return fault(check, place, "is not allowed here");
    if (node->types && !(node->types & type))
        return fault_type(check, node, place);
    if (node->ref && !check_node(check, node->ref, value, place))
        fits = false;
    if (node->values &&
        (!spend(check, (int64_t)json_array_size(node->values)) || !is_listed(node->values, value)))
        fits = fault_values(check, node, place);
    if (node->constant && !shape_same(node->constant, value))
        fits = fault_constant(check, node, place);
    if (node->format && node->format->type & type && !node->format->accepts(value))
        fits = fault(check, place, "must be %s", node->format->meaning);
    if (type & (SHAPE_NUMBER | SHAPE_INTEGER) && !check_number(check, node, value, place))
        fits = false;
    if (type == SHAPE_STRING && !check_string(check, node, value, place))
        fits = false;
    if (type == SHAPE_ARRAY && !check_array(check, node, value, place))
        fits = false;
    if (type == SHAPE_OBJECT && !check_object(check, node, value, place))
        fits = false;
    return check_combined(check, node, value, place) && fits;
}

static bool check_node(struct check *check, const struct shape_node *node, const json_t *value,
                       const struct place *place)
{
    if (!spend(check, 1))
        return false;
    if (check->depth == LIMIT_SHAPE_DEPTH)
        return exhaust(check);
    check->depth++;
    bool fits = check_value(check, node, value, place);
    check->depth--;
    return fits && !check->is_exhausted;
}

bool shape_check(const struct shape *shape, const json_t *value, struct shape_report *report)
{
    struct check check = {.report = report, .steps = LIMIT_SHAPE_STEPS + 64 * count_values(value)};
    bool fits = check_node(&check, shape->root, value, NULL);

    if (check.is_exhausted && report)
        shape_report_add(report, TEXT(""), "is too complex to be checked");
    return fits;
}
