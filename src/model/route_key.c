/* SPDX-License-Identifier: Apache-2.0 */
#include "model/route_key.h"

#include "base/scoped.h"
#include "model/route_tree.h"

bool route_key_is_method(struct text method)
{
    static const char *const methods[] = {"GET",  "HEAD",  "OPTIONS", "PUT",
                                          "POST", "PATCH", "DELETE",  "ANY"};

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (text_equal(method, text_of(methods[i])))
            return true;
    return false;
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

/* Beyond what a route's path is: what API Gateway refuses. */
static int check_path(struct text path, struct error *err)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] <= ' ' || path.at[i] > '~')
            return error_set(err, ERROR_INVALID, "a path has no blanks, and nothing beyond ASCII");
    if (path.len > 1 && text_ends(path, TEXT("/")))
        return error_set(err, ERROR_INVALID, "a path other than / does not end with a slash");
    if (text_find_text(path, TEXT("//")) < path.len)
        return error_set(err, ERROR_INVALID, "a path has no empty segments");
    return route_path_check(path, err);
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
