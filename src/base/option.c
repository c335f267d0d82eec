/* SPDX-License-Identifier: Apache-2.0 */
#include "base/option.h"

#include <stdbool.h>

#include "base/nearest.h"
#include "base/path.h"
#include "base/scoped.h"

/* A unit of a number; the first row of a list is what a bare number means. */
struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {0}};
static const struct unit time_units[] = {{"", 1},      {"ms", 1},      {"s", 1000},
                                         {"m", 60000}, {"h", 3600000}, {0}};
static const struct unit byte_units[] = {
    {"", 1}, {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {0}};

struct number_type {
    const struct unit *units;
    const char *expected;
};

static const struct number_type number_types[] = {
    [OPTION_INT] = {no_units, "a whole number"},
    [OPTION_MILLIS] = {time_units, "a duration such as 250ms, 10s, 5m or 2h"},
    [OPTION_BYTES] = {byte_units, "a size such as 64k, 10M or 1G"},
};

static const char *const value_names[] = {
    [OPTION_STRING] = "TEXT",     [OPTION_BOOL] = "true|false", [OPTION_INT] = "NUMBER",
    [OPTION_MILLIS] = "DURATION", [OPTION_BYTES] = "SIZE",
};

static int64_t most(const struct option *option)
{
    return option->max ? option->max : INT64_MAX;
}

static int parse_string(const struct option *option, void *field, struct text value,
                        struct error *err)
{
    if (text_contains(value, '\0'))
        return error_set(err, ERROR_INVALID, "'%s' may not contain a NUL", option->name);
    free(*(char **)field);
    *(char **)field = text_dup(value);
    return 0;
}

static int parse_bool(const struct option *option, void *field, struct text value,
                      struct error *err)
{
    bool on = text_equal(value, TEXT("true"));

    if (!on && !text_equal(value, TEXT("false")))
        return error_set(err, ERROR_INVALID, "'%s' must be true or false", option->name);
    *(bool *)field = on;
    return 0;
}

static const struct unit *find_unit(const struct unit *units, struct text name)
{
    for (; units->name; units++)
        if (text_equal_nocase(text_of(units->name), name))
            return units;
    return NULL;
}

/* In the largest unit that divides it: "90s", "64k". */
static void format_number(const struct unit *units, int64_t number, char out[static 32])
{
    const struct unit *best = units;

    for (const struct unit *u = units; u->name; u++)
        if (number != 0 && number % u->factor == 0)
            best = u;
    snprintf(out, 32, "%lld%s", (long long)(number / best->factor), best->name);
}

static int fail_range(const struct option *option, const struct unit *units, struct error *err)
{
    char least[32], greatest[32];

    format_number(units, option->min, least);
    format_number(units, most(option), greatest);
    if (option->max == 0)
        return error_set(err, ERROR_INVALID, "'%s' must be at least %s", option->name, least);
    return error_set(err, ERROR_INVALID, "'%s' must be %s to %s", option->name, least, greatest);
}

static int parse_number(const struct option *option, void *field, struct text value,
                        struct error *err)
{
    const struct number_type *type = &number_types[option->type];
    int64_t number;
    size_t digits = 0;

    while (digits < value.len && value.at[digits] >= '0' && value.at[digits] <= '9')
        digits++;
    const struct unit *unit = find_unit(type->units, text_skip(value, digits));
    if (digits == 0 || !unit)
        return error_set(err, ERROR_INVALID, "'%s' must be %s", option->name, type->expected);
    if (!text_to_int(text_slice(value, 0, digits), 0, INT64_MAX, &number) ||
        __builtin_mul_overflow(number, unit->factor, &number) || number < option->min ||
        number > most(option))
        return fail_range(option, type->units, err);
    *(int64_t *)field = number;
    return 0;
}

typedef int option_parse_f(const struct option *option, void *field, struct text value,
                           struct error *err);

static option_parse_f *const parsers[] = {
    [OPTION_STRING] = parse_string, [OPTION_BOOL] = parse_bool,    [OPTION_INT] = parse_number,
    [OPTION_MILLIS] = parse_number, [OPTION_BYTES] = parse_number,
};

static void *field_of(const struct option *option, void *object)
{
    return (char *)object + option->offset;
}

static void clear_field(const struct option *option, void *field)
{
    switch (option->type) {
    case OPTION_STRING:
        *(char **)field = NULL;
        return;
    case OPTION_BOOL:
        *(bool *)field = false;
        return;
    case OPTION_INT:
    case OPTION_MILLIS:
    case OPTION_BYTES:
        *(int64_t *)field = 0;
        return;
    case OPTION_END:
        return;
    }
}

void option_defaults(const struct option *options, void *object)
{
    struct error err;

    for (const struct option *o = options; o->type != OPTION_END; o++) {
        void *field = field_of(o, object);
        clear_field(o, field);
        if (o->default_value) {
            int failed = parsers[o->type](o, field, text_of(o->default_value), &err);
            assert(!failed);
        }
    }
}

const struct option *option_find(const struct option *options, struct text name)
{
    for (const struct option *o = options; o && o->type != OPTION_END; o++)
        if (text_equal(name, text_of(o->name)))
            return o;
    return NULL;
}

void option_offer(const struct option *options, struct nearest *nearest)
{
    for (const struct option *o = options; o && o->type != OPTION_END; o++)
        nearest_offer(nearest, o->name);
}

int option_set(const struct option *options, void *object, struct text name, struct text value,
               struct error *err)
{
    const struct option *option = option_find(options, name);
    if (option)
        return parsers[option->type](option, field_of(option, object), value, err);

    struct nearest nearest = {.typed = name};
    char guess[NEAREST_HINT_MAX];
    option_offer(options, &nearest);
    return error_set(err, ERROR_NOT_FOUND, "unknown setting '%.*s'%s", TEXT_ARG(name),
                     nearest_hint(&nearest, "", guess));
}

void option_done(const struct option *options, void *object)
{
    for (const struct option *o = options; o->type != OPTION_END; o++)
        if (o->type == OPTION_STRING) {
            char **field = field_of(o, object);
            free(take(*field));
        }
}

/* One line of a configuration file. Where parsing stands is known by rest; a failure is
 * told of the place where at stands. */
struct line {
    struct text rest;
    const char *at;
    struct text name, value;
    struct buffer unquoted; /* holds value when it was in quotes */
};

static bool line_ended(struct line *line)
{
    line->rest = text_trim(line->rest);
    line->at = line->rest.at;
    return line->rest.len == 0 || *line->rest.at == '#';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static int parse_name(struct line *line, struct error *err)
{
    size_t len = 0;

    while (len < line->rest.len && is_name_char(line->rest.at[len]))
        len++;
    line->name = text_slice(line->rest, 0, len);
    line->rest = text_skip(line->rest, len);
    if (len == 0)
        return error_set(err, ERROR_INVALID, "expected 'name = value'");
    if (line_ended(line) || *line->rest.at != '=')
        return error_set(err, ERROR_INVALID, "expected '=' after '%.*s'", TEXT_ARG(line->name));
    line->rest = text_skip(line->rest, 1);
    return 0;
}

static int parse_quoted(struct line *line, struct error *err)
{
    struct text rest = text_skip(line->rest, 1);

    for (; rest.len > 0 && *rest.at != '"'; rest = text_skip(rest, 1)) {
        if (*rest.at == '\\') {
            rest = text_skip(rest, 1);
            if (rest.len == 0 || (*rest.at != '"' && *rest.at != '\\')) {
                line->at = rest.at - 1;
                return error_set(err, ERROR_INVALID, "only \\\" and \\\\ are escapes");
            }
        }
        buffer_add_char(&line->unquoted, *rest.at);
    }
    if (rest.len == 0)
        return error_set(err, ERROR_INVALID, "the closing quote is missing");
    line->value = buffer_text(&line->unquoted);
    line->rest = text_skip(rest, 1);

    const char *value_at = line->at;
    if (!line_ended(line))
        return error_set(err, ERROR_INVALID, "nothing may follow the closing quote");
    line->at = value_at;
    return 0;
}

static int parse_value(struct line *line, struct error *err)
{
    if (line_ended(line))
        return error_set(err, ERROR_INVALID, "'%.*s' has no value; write \"\" for an empty one",
                         TEXT_ARG(line->name));
    if (*line->rest.at == '"')
        return parse_quoted(line, err);
    line->value = text_trim(text_slice(line->rest, 0, text_find(line->rest, '#')));
    return 0;
}

static int read_line(const struct option *options, void *object, struct line *line,
                     struct error *err)
{
    if (line_ended(line))
        return 0;
    const char *name_at = line->at;
    if (parse_name(line, err) < 0 || parse_value(line, err) < 0)
        return -1;
    int result = option_set(options, object, line->name, line->value, err);
    if (result < 0 && err->code == ERROR_NOT_FOUND)
        line->at = name_at;
    return result;
}

static struct text next_line(struct text *rest)
{
    size_t end = text_find(*rest, '\n');
    struct text line = text_slice(*rest, 0, end);

    *rest = text_skip(*rest, end + 1);
    return text_ends(line, TEXT("\r")) ? text_slice(line, 0, line.len - 1) : line;
}

int option_read_file(const struct option *options, void *object, const char *path,
                     struct error *err)
{
    scoped(buffer_done) struct buffer content = {0};

    if (path_read(path, OPTION_FILE_MAX, &content, err) < 0)
        return -1;
    struct text rest = buffer_text(&content);
    for (int number = 1; rest.len > 0; number++) {
        struct text source = next_line(&rest);
        struct line line = {.rest = source, .at = source.at};
        int result = read_line(options, object, &line, err);
        buffer_done(&line.unquoted);
        if (result < 0)
            return error_set(err, err->code, "%s:%d:%d: %s", path, number,
                             (int)(line.at - source.at) + 1, err->text);
    }
    return 0;
}

const char *option_value_name(const struct option *option)
{
    return option->value_name ? option->value_name : value_names[option->type];
}

static int left_width(const struct option *option)
{
    return (int)(strlen(option->name) + strlen(option_value_name(option)) + 1);
}

void option_help(const struct option *options, struct buffer *out)
{
    int width = 0;

    for (const struct option *o = options; o->type != OPTION_END; o++)
        if (left_width(o) > width)
            width = left_width(o);
    for (const struct option *o = options; o->type != OPTION_END; o++) {
        buffer_add_format(out, "  --%s %s%*s   %s", o->name, option_value_name(o), width - left_width(o),
                          "", o->summary);
        if (o->default_value)
            buffer_add_format(out, " (default %s)", o->default_value);
        buffer_add_char(out, '\n');
    }
}

/* A bar would end the table's cell. */
static void add_cell(struct buffer *out, const char *string)
{
    for (; *string; string++) {
        if (*string == '|')
            buffer_add_char(out, '\\');
        buffer_add_char(out, *string);
    }
}

void option_markdown(const struct option *options, struct buffer *out)
{
    buffer_add_literal(out, "| setting | value | default | meaning |\n|---|---|---|---|\n");
    for (const struct option *o = options; o->type != OPTION_END; o++) {
        buffer_add_format(out, "| `%s` | ", o->name);
        add_cell(out, option_value_name(o));
        buffer_add_literal(out, " | ");
        if (o->default_value) {
            buffer_add_char(out, '`');
            add_cell(out, o->default_value);
            buffer_add_literal(out, "` | ");
        } else {
            buffer_add_literal(out, "| ");
        }
        add_cell(out, o->summary);
        buffer_add_literal(out, " |\n");
    }
}
