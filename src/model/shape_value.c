/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/shape_priv.h"

unsigned shape_type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return SHAPE_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return SHAPE_BOOLEAN;
    case JSON_INTEGER:
        return SHAPE_INTEGER;
    case JSON_REAL:
        return trunc(json_real_value(value)) == json_real_value(value) ? SHAPE_INTEGER
                                                                       : SHAPE_NUMBER;
    case JSON_STRING:
        return SHAPE_STRING;
    case JSON_ARRAY:
        return SHAPE_ARRAY;
    case JSON_OBJECT:
        return SHAPE_OBJECT;
    }
    return 0;
}

long double shape_number_of(const json_t *value)
{
    return json_is_integer(value) ? (long double)json_integer_value(value)
                                  : (long double)json_real_value(value);
}

static bool same_objects(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *member;

    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)(uintptr_t)a, name, member)
    {
        const json_t *other = json_object_get(b, name);
        if (!other || !shape_same(member, other))
            return false;
    }
    return true;
}

bool shape_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return shape_number_of(a) == shape_number_of(b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_object(a))
        return same_objects(a, b);
    if (!json_is_array(a))
        return json_equal(a, b);
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!shape_same(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return true;
}

uint64_t shape_hash_of(const json_t *value)
{
    uint64_t hash = (uint64_t)json_typeof(value) * 0x9e3779b97f4a7c15u;
    const char *name;
    json_t *member;
    size_t i;

    if (json_is_number(value)) {
        long double number = shape_number_of(value);
        double parts[2] = {(double)number + 0.0};            /* -0 is 0 */
        parts[1] = (double)(number - (long double)parts[0]); /* what a double cannot hold */
        return map_hash(text_from(parts, sizeof parts));
    }
    if (json_is_string(value))
        return map_hash(text_from(json_string_value(value), json_string_length(value)));
    json_array_foreach(value, i, member) hash = hash * 31 + shape_hash_of(member);
    json_object_foreach((json_t *)(uintptr_t)value, name, member) hash +=
        map_hash(text_of(name)) ^ (shape_hash_of(member) * 0x9e3779b97f4a7c15u);
    return hash;
}
