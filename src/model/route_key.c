/* SPDX-License-Identifier: Apache-2.0 */
#include "model/route_key.h"

#include "base/scoped.h"

#define PARAMETER_MAX 128 /* bytes of a name in braces */

bool route_key_is_method(struct text method)
{
    static const char *const methods[] = {"GET",  "HEAD",  "OPTIONS", "PUT",
                                          "POST", "PATCH", "DELETE",  "ANY"};

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (text_equal(method, text_of(methods[i])))
            return true;
    return false;
}

static bool is_parameter_name(struct text name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && c != '_' && c != '-' && c != '.' && c != ':' && c != '$')
            return false;
    }
    return name.len > 0 && name.len <= PARAMETER_MAX;
}

bool route_key_next_parameter(struct text *rest, struct text *ret_name, bool *ret_greedy)
{
    struct text at = text_skip(*rest, text_find(*rest, '{') + 1);

    if (at.len == 0)
        return false;
    *ret_name = text_slice(at, 0, text_find(at, '}'));
    *rest = text_skip(at, ret_name->len + 1);
    *ret_greedy = text_ends(*ret_name, TEXT("+"));
    if (*ret_greedy)
        ret_name->len--;
    return true;
}

static int check_segment(struct text segment, bool is_last, struct error *err)
{
    struct text rest = segment, name;
    bool greedy;

    if (segment.len == 0)
        return error_set(err, ERROR_INVALID, "a path has no empty segments");
    if (!text_contains(segment, '{') && !text_contains(segment, '}'))
        return 0;
    if (!route_key_next_parameter(&rest, &name, &greedy) || name.len + greedy + 2 != segment.len ||
        !text_starts(segment, TEXT("{")) || !text_ends(segment, TEXT("}")))
        return error_set(err, ERROR_INVALID,
                         "a path variable must be a whole segment, '%.*s' is not",
                         TEXT_ARG(segment));
    if (!is_parameter_name(name))
        return error_set(err, ERROR_INVALID,
                         "'%.*s' is no name of a path variable: letters, digits, '_', '-', '.', "
                         "':' and '$' are allowed",
                         TEXT_ARG(name));
    if (greedy && !is_last)
        return error_set(err, ERROR_INVALID,
                         "a greedy path variable such as {%.*s+} must be the last segment",
                         TEXT_ARG(name));
    return 0;
}

/* Whether a name stands in it twice. */
static int check_names(struct text path, struct error *err)
{
    struct text rest = path, name, other;
    bool greedy;

    while (route_key_next_parameter(&rest, &name, &greedy)) {
        struct text after = rest;
        while (route_key_next_parameter(&after, &other, &greedy))
            if (text_equal(name, other))
                return error_set(err, ERROR_INVALID, "the path variable {%.*s} is there twice",
                                 TEXT_ARG(name));
    }
    return 0;
}

static int check_path(struct text path, struct error *err)
{
    struct text rest = text_skip(path, 1), segment;

    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] <= ' ' || path.at[i] > '~' || path.at[i] == '?' || path.at[i] == '#')
            return error_set(err, ERROR_INVALID,
                             "a path has no blanks, no '?' and no '#', and nothing beyond ASCII");
    if (path.len > 1 && text_ends(path, TEXT("/")))
        return error_set(err, ERROR_INVALID, "a path other than / does not end with a slash");
    while (rest.len > 0 && text_split(&rest, '/', &segment))
        if (check_segment(segment, rest.len == 0, err) < 0)
            return -1;
    return check_names(path, err);
}

int route_key_check(struct text key, struct error *err)
{
    struct text path = key, method;

    if (text_equal(key, TEXT(ROUTE_KEY_DEFAULT)))
        return 0;
    if (key.len > ROUTE_KEY_MAX)
        return error_set(err, ERROR_INVALID, "a route key has at most %d bytes", ROUTE_KEY_MAX);
    if (!text_split(&path, ' ', &method) || !route_key_is_method(method) ||
        !text_starts(path, TEXT("/")))
        return error_set(err, ERROR_INVALID,
                         "The provided route key is not formatted properly for HTTP protocol. "
                         "Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"");
    return check_path(path, err);
}
