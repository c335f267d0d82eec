/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/fields.h"

#include <string.h>

#include "base/buffer.h"

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static int refuse_unknown(const char *at, const char *name, const char *const *names,
                          struct error *err)
{
    scoped(buffer_done) struct buffer list = {0};

    for (const char *const *n = names; *n; n++)
        buffer_add_format(&list, "%s%s", n == names ? "" : ", ", *n);
    return error_set(err, ERROR_INVALID, "%s has no setting '%.80s'; there are %s", at, name,
                     list.at);
}

int fields_check(const json_t *object, const char *at, const char *const *names, struct error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "%s must be an object", at);
    json_object_foreach((json_t *)(uintptr_t)object, name,
                        value) if (!is_among(name, names)) return refuse_unknown(at, name, names,
                                                                                 err);
    return 0;
}

int fields_int(const json_t *object, const char *at, const char *name, int64_t min, int64_t max,
               int64_t *ret, struct error *err)
{
    const json_t *value = json_object_get(object, name);

    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return error_set(err, ERROR_INVALID, "%s.%s must be a whole number from %lld to %lld", at,
                         name, (long long)min, (long long)max);
    *ret = json_integer_value(value);
    return 0;
}

int fields_number(const json_t *object, const char *at, const char *name, double min, double max,
                  double *ret, struct error *err)
{
    const json_t *value = json_object_get(object, name);

    if (!value)
        return 0;
    if (!json_is_number(value) || !(json_number_value(value) >= min) ||
        !(json_number_value(value) <= max))
        return error_set(err, ERROR_INVALID, "%s.%s must be a number from %.15g to %.15g", at,
                         name, min, max);
    *ret = json_number_value(value);
    return 0;
}

int fields_text(const json_t *object, const char *at, const char *name, struct text *ret,
                struct error *err)
{
    if (!json_object_get(object, name))
        return 0;
    struct text value = json_text(object, name);
    if (value.len == 0 || memchr(value.at, 0, value.len))
        return error_set(err, ERROR_INVALID, "%s.%s must be a text that is not empty", at, name);
    *ret = value;
    return 0;
}

int fields_texts(const json_t *object, const char *at, const char *name, const json_t **ret,
                 struct error *err)
{
    const json_t *list = json_object_get(object, name), *item;
    size_t i;

    if (!list)
        return 0;
    if (!json_is_array(list))
        return error_set(err, ERROR_INVALID, "%s.%s must be a list of texts", at, name);
    json_array_foreach(
        list, i, item) if (!json_is_string(item) ||
                           json_string_length(item) ==
                               0) return error_set(err, ERROR_INVALID,
                                                   "%s.%s[%zu] must be a text that is not empty",
                                                   at, name, i);
    *ret = list;
    return 0;
}
