/* SPDX-License-Identifier: Apache-2.0 */
#include "api/validate.h"

#include "base/json.h"

#define PLACE_MAX 128 /* bytes of a path such as "cors.allowMethods" */

struct report {
    struct buffer errors; /* without the head */
    int count;
    const char *wrong_type; /* the first wrong JSON type */
};

/* "; Value 'x' at 'place' failed to satisfy constraint: " */
static void begin_error(struct report *report, const char *place, const struct text *value)
{
    if (report->count++ > 0)
        buffer_add_literal(&report->errors, "; ");
    buffer_add_literal(&report->errors, "Value ");
    if (value)
        buffer_add_format(&report->errors, "'%.*s' ", TEXT_ARG(*value));
    buffer_add_format(&report->errors, "at '%s' failed to satisfy constraint: ", place);
}

static void report_null(struct report *report, const char *place)
{
    if (report->count++ > 0)
        buffer_add_literal(&report->errors, "; ");
    buffer_add_format(&report->errors,
                      "Value null at '%s' failed to satisfy constraint: Member must not be null",
                      place);
}

static void report_limit(struct report *report, const char *place, const struct text *value,
                         const char *what, const char *relation, int64_t limit)
{
    begin_error(report, place, value);
    buffer_add_format(&report->errors, "Member must have %s %s than or equal to %lld", what,
                      relation, (long long)limit);
}

static void check_limits(struct report *report, const struct param *param, const char *place,
                         const struct text *value, int64_t number)
{
    const char *what = param->type == PARAM_INT ? "value" : "length";

    if (param->max == 0)
        return;
    if (number > param->max)
        report_limit(report, place, value, what, "less", param->max);
    if (number < param->min)
        report_limit(report, place, value, what, "greater", param->min);
}

static bool is_one_of(struct text value, const char *values)
{
    struct text rest = text_of(values), one;

    while (text_split(&rest, ',', &one))
        if (text_equal(text_trim(one), value))
            return true;
    return false;
}

/* Java counts UTF-16 units. */
static int64_t java_length(struct text text)
{
    int64_t units = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        units += (c & 0xc0) != 0x80;
        units += c >= 0xf0;
    }
    return units;
}

static void check_string(struct report *report, const struct param *param, const char *place,
                         struct text value)
{
    const struct text *shown = param->sensitive ? NULL : &value;

    if (!param->pattern_first)
        check_limits(report, param, place, shown, java_length(value));
    if (param->matches && !param->matches(value)) {
        begin_error(report, place, shown);
        buffer_add_format(&report->errors, "Member must satisfy regular expression pattern: %s",
                          param->pattern);
    }
    if (param->pattern_first)
        check_limits(report, param, place, shown, java_length(value));
    if (param->values && !is_one_of(value, param->values)) {
        begin_error(report, place, shown);
        buffer_add_format(&report->errors, "Member must satisfy enum value set: [%s]",
                          param->values);
    }
}

static void check_int(struct report *report, const struct param *param, const char *place,
                      int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)number);
    struct text value = text_from(digits, (size_t)len);

    check_limits(report, param, place, &value, number);
}

/* The name a JSON type has where it was not expected. */
static const char *type_error(const struct param *param, const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "Start of structure or map found where not expected.";
    case JSON_ARRAY:
        return "Start of list found where not expected";
    case JSON_STRING:
        return param->type == PARAM_INT ? "STRING_VALUE can not be converted to an Integer"
               : param->type == PARAM_NUMBER
                   ? "STRING_VALUE can not be converted to milliseconds since epoch"
               : param->type == PARAM_BOOL ? "STRING_VALUE can not be converted to a Boolean"
                                           : "Unexpected field type";
    case JSON_INTEGER:
    case JSON_REAL:
        return param->type == PARAM_STRING ? "NUMBER_VALUE can not be converted to a String"
                                           : "Unexpected field type";
    case JSON_TRUE:
        return param->type == PARAM_STRING ? "TRUE_VALUE can not be converted to a String"
                                           : "Unexpected field type";
    case JSON_FALSE:
        return param->type == PARAM_STRING ? "FALSE_VALUE can not be converted to a String"
                                           : "Unexpected field type";
    case JSON_NULL:
        break;
    }
    return "Unexpected field type";
}

static bool has_type(const struct param *param, const json_t *json)
{
    switch (param->type) {
    case PARAM_STRING:
        return json_is_string(json);
    case PARAM_INT:
        return json_is_integer(json);
    case PARAM_NUMBER:
        return json_is_number(json);
    case PARAM_BOOL:
        return json_is_boolean(json);
    case PARAM_LIST:
        return json_is_array(json);
    case PARAM_MAP:
    case PARAM_OBJECT:
        return json_is_object(json);
    }
    return false;
}

static void check_members(struct report *report, const struct param *params, const json_t *object,
                          const char *prefix);
static void check_json(struct report *report, const struct param *param, const char *place,
                       json_t *json);

/* "[Member must have length less than or equal to 6, ..., Member must not be null]": how AWS
 * tells what the values of a list and of a map must be. */
static void add_element_constraint(struct buffer *out, const struct param *element)
{
    buffer_add_literal(out, "Member must satisfy constraint: [");
    if (element->max > 0)
        buffer_add_format(out,
                          "Member must have length less than or equal to %lld, "
                          "Member must have length greater than or equal to %lld, ",
                          (long long)element->max, (long long)element->min);
    if (element->pattern)
        buffer_add_format(out, "Member must satisfy regular expression pattern: %s, ",
                          element->pattern);
    if (element->values)
        buffer_add_format(out, "Member must satisfy enum value set: [%s], ", element->values);
    buffer_add_literal(out, "Member must not be null]");
}

static bool element_is_valid(const struct param *element, struct text value)
{
    struct report ignored = {0};

    check_string(&ignored, element, "", value);
    buffer_done(&ignored.errors);
    return ignored.count == 0;
}

/* As Java's toString() shows a value: "[Target(id=a, arn=null)]". */
static void add_java(struct buffer *out, const struct param *param, const json_t *json)
{
    const json_t *element;
    const char *key;
    size_t index, first = out->len;

    if (json_is_string(json)) {
        buffer_add(out, json_string_value(json), json_string_length(json));
    } else if (json_is_array(json)) {
        buffer_add_char(out, '[');
        json_array_foreach(json, index, element)
        {
            if (index > 0)
                buffer_add_literal(out, ", ");
            add_java(out, param->members, element);
        }
        buffer_add_char(out, ']');
    } else if (json_is_object(json) && param && param->type == PARAM_OBJECT) {
        buffer_add_format(out, "%s(", param->java_name ? param->java_name : "");
        for (const struct param *row = param->members; row->place != PARAM_END; row++) {
            buffer_add_format(out, "%s%s=", row == param->members ? "" : ", ", row->at);
            add_java(out, row, json_object_get(json, row->name));
        }
        buffer_add_char(out, ')');
    } else if (json_is_object(json)) {
        buffer_add_char(out, '{');
        json_object_foreach((json_t *)(uintptr_t)json, key, element)
        {
            buffer_add_format(out, "%s%s=", out->len > first + 1 ? ", " : "", key);
            add_java(out, NULL, element);
        }
        buffer_add_char(out, '}');
    } else if (json_is_integer(json)) {
        buffer_add_int(out, json_integer_value(json));
    } else if (json_is_real(json)) {
        buffer_add_format(out, "%.15g", json_real_value(json));
    } else {
        buffer_add_text(out, text_of(json_is_true(json) ? "true" : json ? "false" : "null"));
    }
}

/* Each element has a place of its own: "targets.1.member.id". */
static void check_objects(struct report *report, const struct param *param, const char *place,
                          const json_t *list)
{
    scoped(buffer_done) struct buffer shown = {0};
    char element_place[PLACE_MAX];
    json_t *element;
    size_t index;

    if (param->max > 0 && json_array_size(list) > (size_t)param->max)
        add_java(&shown, param, list);
    else
        buffer_add_literal(&shown, "[]"); /* what is too short is empty */
    struct text value = buffer_text(&shown);
    check_limits(report, param, place, &value, (int64_t)json_array_size(list));
    json_array_foreach(list, index, element)
    {
        snprintf(element_place, sizeof element_place, "%s.%zu.member", place, index + 1);
        check_json(report, param->members, element_place, element);
    }
}

static void check_list(struct report *report, const struct param *param, const char *place,
                       const json_t *list)
{
    if (param->members && param->members->type == PARAM_OBJECT) {
        check_objects(report, param, place, list);
        return;
    }
    scoped(buffer_done) struct buffer shown = {0};
    bool valid = true;
    size_t index;
    json_t *element;

    buffer_add_char(&shown, '[');
    json_array_foreach(list, index, element)
    {
        if (!json_is_string(element)) {
            if (param->members && !report->wrong_type)
                report->wrong_type = type_error(param->members, element);
            continue;
        }
        struct text text = text_from(json_string_value(element), json_string_length(element));
        buffer_add_format(&shown, "%s%.*s", index > 0 ? ", " : "", TEXT_ARG(text));
        valid = valid && (!param->members || element_is_valid(param->members, text));
    }
    buffer_add_char(&shown, ']');
    struct text value = buffer_text(&shown);
    check_limits(report, param, place, &value, (int64_t)json_array_size(list));
    if (valid)
        return;
    begin_error(report, place, &value);
    add_element_constraint(&report->errors, param->members);
}

static bool key_is_valid(const struct param *map, struct text key)
{
    return (map->key_max == 0 || java_length(key) <= map->key_max) &&
           (!map->key_matches || map->key_matches(key));
}

static void add_key_constraint(struct buffer *out, const struct param *map)
{
    buffer_add_literal(out, "Map keys must satisfy constraint: [");
    if (map->key_max > 0)
        buffer_add_format(out,
                          "Member must have length less than or equal to %lld, Member must have "
                          "length greater than or equal to 0, ",
                          (long long)map->key_max);
    buffer_add_format(out, "Member must satisfy regular expression pattern: %s]", map->key_pattern);
}

static void check_map(struct report *report, const struct param *param, const char *place,
                      json_t *map)
{
    scoped(buffer_done) struct buffer shown = {0};
    bool keys_valid = true, values_valid = true;
    const char *key;
    size_t key_len;
    json_t *value;

    buffer_add_char(&shown, '{');
    json_object_keylen_foreach(map, key, key_len, value)
    {
        struct text text = text_from(json_string_value(value), json_string_length(value));
        if (!json_is_string(value) && param->members && !report->wrong_type)
            report->wrong_type = type_error(param->members, value);
        buffer_add_format(&shown, "%s%s=%.*s", shown.len > 1 ? ", " : "", key, TEXT_ARG(text));
        keys_valid = keys_valid && key_is_valid(param, text_from(key, key_len));
        values_valid = values_valid && (!param->members || element_is_valid(param->members, text));
    }
    buffer_add_char(&shown, '}');
    struct text all = buffer_text(&shown);
    check_limits(report, param, place, param->sensitive ? NULL : &all,
                 (int64_t)json_object_size(map));
    if (!keys_valid) {
        begin_error(report, place, param->sensitive ? NULL : &all);
        add_key_constraint(&report->errors, param);
    }
    if (!values_valid) {
        begin_error(report, place, param->sensitive ? NULL : &all);
        buffer_add_literal(&report->errors, "Map value must satisfy constraint: [");
        add_element_constraint(&report->errors, param->members);
        buffer_add_char(&report->errors, ']');
    }
}

static void check_json(struct report *report, const struct param *param, const char *place,
                       json_t *json)
{
    if (!has_type(param, json)) {
        if (!report->wrong_type)
            report->wrong_type = type_error(param, json);
        return;
    }
    switch (param->type) {
    case PARAM_STRING:
        check_string(report, param, place,
                     text_from(json_string_value(json), json_string_length(json)));
        break;
    case PARAM_INT:
        check_int(report, param, place, json_integer_value(json));
        break;
    case PARAM_BOOL:
    case PARAM_NUMBER:
        break;
    case PARAM_LIST:
        check_list(report, param, place, json);
        break;
    case PARAM_MAP:
        check_map(report, param, place, json);
        break;
    case PARAM_OBJECT:
        check_members(report, param->members, json, place);
        break;
    }
}

static void check_member(struct report *report, const struct param *param, const json_t *object,
                         const char *prefix)
{
    char place[PLACE_MAX];
    json_t *json = json_object_get(object, param->name);

    snprintf(place, sizeof place, "%s%s%s", prefix, *prefix ? "." : "", param->at);
    if (json && !json_is_null(json))
        check_json(report, param, place, json);
    else if (param->required)
        report_null(report, place);
}

static void check_members(struct report *report, const struct param *params, const json_t *object,
                          const char *prefix)
{
    for (const struct param *param = params; param->place != PARAM_END; param++)
        check_member(report, param, object, prefix);
}

static void check_text(struct report *report, const struct param *param, struct text value)
{
    int64_t number;

    if (!text_is_set(value)) {
        if (param->required)
            report_null(report, param->at);
        return;
    }
    if (param->type != PARAM_INT) {
        check_string(report, param, param->at, value);
        return;
    }
    bool negative = text_starts(value, TEXT("-"));
    if (text_to_int(text_skip(value, negative), 0, INT32_MAX, &number))
        check_int(report, param, param->at, negative ? -number : number);
    else if (!report->wrong_type)
        report->wrong_type = "STRING_VALUE can not be converted to an Integer";
}

static void check_all(struct report *report, const struct param *params,
                      const struct param_source *source)
{
    for (const struct param *param = params; param && param->place != PARAM_END; param++) {
        if (param->place == PARAM_ALSO)
            check_all(report, param->members, source);
        else if (param->place == PARAM_BODY)
            check_member(report, param, source->body, "");
        else
            check_text(report, param, source->get(source->arg, param->place, param->name));
    }
}

enum validity validate(const struct param *params, const struct param_source *source,
                       struct buffer *out)
{
    struct report report = {0};

    check_all(&report, params, source);
    scoped(buffer_done) struct buffer errors = report.errors;
    if (report.wrong_type) {
        buffer_add_text(out, text_of(report.wrong_type));
        return INVALID_TYPE;
    }
    if (report.count == 0)
        return VALID;
    buffer_add_format(out, "%d validation error%s detected: ", report.count,
                      report.count == 1 ? "" : "s");
    buffer_add_text(out, buffer_text(&errors));
    return INVALID_VALUE;
}
