/* SPDX-License-Identifier: Apache-2.0 */
#include "router/trigger_priv.h"

#include "base/buffer.h"
#include "router/pattern.h"

/*
 * A form is what of a filter a pattern can say: a list of values for some fields, all of
 * which must hold, and perhaps alternatives, one of which must hold. A pattern has each
 * field once and one "$or"; what comes second is left out, and the form then does not
 * decide alone.
 */
struct clause {
    struct text name;   /* of an attribute */
    struct text values; /* the pattern's list, without brackets */
};

struct form {
    struct clause *clauses;
    size_t count;
    struct form *alternatives;
    size_t alternative_count;
    bool decides;
};

#define CLAUSES_MAX 64
#define ALTERNATIVES_MAX 100 /* a pattern may have 1000 in all */

static void make_form(const struct filter *filter, struct arena *arena, struct form *form);

static bool is_empty(const struct form *form)
{
    return form->count == 0 && form->alternative_count == 0;
}

static bool has_name(const struct form *form, struct text name)
{
    for (size_t i = 0; i < form->count; i++)
        if (text_equal(form->clauses[i].name, name))
            return true;
    for (size_t i = 0; i < form->alternative_count; i++)
        if (has_name(&form->alternatives[i], name))
            return true;
    return false;
}

static void add_clause(struct form *form, struct clause clause, struct arena *arena)
{
    if (form->count == CLAUSES_MAX || has_name(form, clause.name)) {
        form->decides = false;
        return;
    }
    if (!form->clauses)
        form->clauses = arena_alloc(arena, CLAUSES_MAX * sizeof form->clauses[0]);
    form->clauses[form->count++] = clause;
}

/* Whether the names of one are used by the other. */
static bool overlaps(const struct form *form, const struct form *other)
{
    for (size_t i = 0; i < other->count; i++)
        if (has_name(form, other->clauses[i].name))
            return true;
    for (size_t i = 0; i < other->alternative_count; i++)
        if (overlaps(form, &other->alternatives[i]))
            return true;
    return false;
}

static bool is_one_of(struct text name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(name, text_of(names[i])))
            return true;
    return false;
}

/* The envelope does not say these as the filter compares them. */
static bool is_unsayable(struct text name)
{
    static const char *const names[] = {"time", "specversion", "datacontenttype", "datamediatype"};

    return is_one_of(name, names, COUNT_OF(names));
}

static bool is_always_string(struct text name)
{
    static const char *const names[] = {"id", "source", "type", "subject", "dataschema"};

    return is_one_of(name, names, COUNT_OF(names));
}

/* A number as JSON writes it, but for zero, which JSON writes in two ways. */
static bool is_number(struct text value)
{
    struct text digits = text_skip(value, value.len > 0 && value.at[0] == '-');
    int64_t number;

    return text_to_int(digits, 1, INT64_C(2147483648), &number) && digits.at[0] != '0';
}

static bool is_truth(struct text value)
{
    return text_equal(value, TEXT("true")) || text_equal(value, TEXT("false"));
}

/* Whether some number or truth may have the value at its beginning or end. */
static bool may_be_part(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!strchr("-0123456789truefals", value.at[i]) || !value.at[i])
            return false;
    return true;
}

/* The values that a pair asks for. False when they are more than the pair asks for. */
static bool add_values(enum filter_kind kind, struct text name, struct text value,
                       struct buffer *out)
{
    bool is_typed = !is_always_string(name);

    if (kind == FILTER_ATTRIBUTES && value.len == 0) {
        buffer_add_literal(out, "{\"exists\":true}");
        return !is_typed;
    }
    if ((kind == FILTER_PREFIX || kind == FILTER_SUFFIX) && is_typed && may_be_part(value)) {
        buffer_add_literal(out, "{\"exists\":true}");
        return false;
    }
    if (kind == FILTER_PREFIX || kind == FILTER_SUFFIX) {
        buffer_add_format(out, "{\"%s\":", kind == FILTER_PREFIX ? "prefix" : "suffix");
        buffer_add_json(out, value);
        buffer_add_char(out, '}');
        return true;
    }
    buffer_add_json(out, value);
    if (kind == FILTER_ATTRIBUTES || !is_typed)
        return true;
    if (text_equal(value, TEXT("0")) || text_equal(value, TEXT("-0"))) {
        buffer_add_literal(out, ",0");
        return false;
    }
    if (is_number(value) || is_truth(value)) {
        buffer_add_char(out, ',');
        buffer_add_text(out, value);
    }
    return true;
}

static void make_pairs(const struct filter *filter, struct arena *arena, struct form *form)
{
    form->decides = true;
    for (size_t i = 0; i < filter->pair_count; i++) {
        scoped(buffer_done) struct buffer values = {0};
        struct clause clause = {.name = filter->pairs[i].name};
        if (text_equal(clause.name, TEXT("schemaurl")))
            clause.name = TEXT("dataschema");
        if (is_unsayable(clause.name)) {
            form->decides = false;
            continue;
        }
        form->decides &= add_values(filter->kind, clause.name, filter->pairs[i].value, &values);
        clause.values = arena_copy(arena, buffer_text(&values));
        add_clause(form, clause, arena);
    }
}

static void make_all(const struct filter *filter, struct arena *arena, struct form *form)
{
    form->decides = true;
    for (size_t i = 0; i < filter->inner_count; i++) {
        struct form inner = {0};
        if (filter->inner[i]->is_void)
            continue;
        make_form(filter->inner[i], arena, &inner);
        form->decides &= inner.decides;
        for (size_t j = 0; j < inner.count; j++)
            add_clause(form, inner.clauses[j], arena);
        if (inner.alternative_count == 0)
            continue;
        struct form choice = {.alternatives = inner.alternatives,
                              .alternative_count = inner.alternative_count};
        if (form->alternative_count > 0 || overlaps(form, &choice)) {
            form->decides = false;
            continue;
        }
        form->alternatives = inner.alternatives;
        form->alternative_count = inner.alternative_count;
    }
}

/* Alternatives that ask for values of one and the same field are one list of values. */
static bool merge(struct form *form, struct arena *arena)
{
    const struct form *first = &form->alternatives[0];
    scoped(buffer_done) struct buffer values = {0};

    for (size_t i = 0; i < form->alternative_count; i++) {
        const struct form *one = &form->alternatives[i];
        if (one->count != 1 || one->alternative_count > 0 ||
            !text_equal(one->clauses[0].name, first->clauses[0].name))
            return false;
        if (i > 0)
            buffer_add_char(&values, ',');
        buffer_add_text(&values, one->clauses[0].values);
    }
    struct clause clause = {first->clauses[0].name, arena_copy(arena, buffer_text(&values))};
    form->alternative_count = 0;
    add_clause(form, clause, arena);
    return true;
}

static void make_any(const struct filter *filter, struct arena *arena, struct form *form)
{
    struct form *alternatives = arena_zalloc(arena, (filter->inner_count + 1) * sizeof *form);
    size_t count = 0;

    form->decides = true;
    for (size_t i = 0; i < filter->inner_count; i++) {
        if (filter->inner[i]->is_void)
            continue;
        make_form(filter->inner[i], arena, &alternatives[count]);
        form->decides &= alternatives[count].decides;
        if (is_empty(&alternatives[count]) || count == ALTERNATIVES_MAX) {
            form->decides = false;
            return;
        }
        count++;
    }
    form->alternatives = alternatives;
    form->alternative_count = count;
    if (!merge(form, arena) && count == 1)
        *form = alternatives[0];
}

static void make_form(const struct filter *filter, struct arena *arena, struct form *form)
{
    *form = (struct form){0};
    switch (filter->kind) {
    case FILTER_NONE:
        form->decides = true;
        return;
    case FILTER_ATTRIBUTES:
    case FILTER_EXACT:
    case FILTER_PREFIX:
    case FILTER_SUFFIX:
        make_pairs(filter, arena, form);
        return;
    case FILTER_ALL:
        make_all(filter, arena, form);
        return;
    case FILTER_ANY:
        make_any(filter, arena, form);
        return;
    case FILTER_NOT:
    case FILTER_CESQL:
        return;
    }
}

/* The envelope's own field for an attribute, or NULL: it is in "cloudevent". */
static const char *field_of(struct text name)
{
    if (text_equal(name, TEXT("type")))
        return "detail-type";
    if (text_equal(name, TEXT("id")))
        return "id";
    return text_equal(name, TEXT("source")) ? "source" : NULL;
}

static void write_field(const char *name, size_t len, struct text values, struct buffer *out)
{
    buffer_add_format(out, "\"%.*s\":[%.*s],", (int)len, name, TEXT_ARG(values));
}

static void write_form(const struct form *form, struct buffer *out)
{
    size_t inside = 0;

    buffer_add_char(out, '{');
    for (size_t i = 0; i < form->count; i++) {
        const char *field = field_of(form->clauses[i].name);
        if (field)
            write_field(field, strlen(field), form->clauses[i].values, out);
        inside += !field;
    }
    if (inside > 0)
        buffer_add_literal(out, "\"cloudevent\":{");
    for (size_t i = 0; i < form->count; i++)
        if (!field_of(form->clauses[i].name))
            write_field(form->clauses[i].name.at, form->clauses[i].name.len,
                        form->clauses[i].values, out);
    if (inside > 0) {
        out->at[out->len - 1] = '}';
        buffer_add_char(out, ',');
    }
    if (form->alternative_count > 0) {
        buffer_add_literal(out, "\"$or\":[");
        for (size_t i = 0; i < form->alternative_count; i++) {
            write_form(&form->alternatives[i], out);
            buffer_add_char(out, ',');
        }
        out->at[out->len - 1] = ']';
        buffer_add_char(out, ',');
    }
    out->at[out->len - 1] = '}'; /* was a comma */
}

bool trigger_pattern(const struct trigger *trigger, struct buffer *out)
{
    static const struct text everything = TEXT("{\"id\":[{\"exists\":true}]}");
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer pattern = {0};
    struct error err;
    struct form form;

    if (trigger->root->is_void) {
        buffer_add_text(out, everything);
        return true;
    }
    make_form(trigger->root, &arena, &form);
    if (is_empty(&form)) {
        buffer_add_text(out, everything);
        return form.decides;
    }
    write_form(&form, &pattern);
    /* Names of extensions may be words that patterns keep for themselves. */
    scoped(pattern_unref) struct pattern *compiled =
        pattern_compile(buffer_text(&pattern), NULL, &err);
    buffer_add_text(out, compiled ? buffer_text(&pattern) : everything);
    return compiled && form.decides;
}
