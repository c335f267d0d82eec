/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/waf_cost.h"

#include <string.h>

/*
 * Measured by bench/waf.py with Debian's rule set: a request costs about half a millisecond,
 * each argument and each byte as below. Higher paranoia has more rules.
 */
#define BASE_US 700
#define ARGUMENT_NS 50000
#define BYTE_NS 500
#define DEPTH_MAX 1024 /* of what is counted; beyond it one more is deep enough */

static const int paranoia_percent[] = {100, 100, 150, 210, 270};

static int64_t count_char(struct text text, char c)
{
    int64_t count = 0;

    for (const char *at = text.at, *end = at + text.len;
         at && at < end && (at = memchr(at, c, (size_t)(end - at))); at++)
        count++;
    return count;
}

static void count_form(struct text text, struct waf_cost *cost)
{
    if (text.len > 0)
        cost->arguments += count_char(text, '&') + 1;
}

/* Of each nesting object or array: how long the name of what is in it is. */
struct json_walk {
    int64_t names[DEPTH_MAX + 1];
    int64_t depth, name;
};

static size_t skip_string(struct text text, size_t at)
{
    for (at++; at < text.len && text.at[at] != '"'; at++)
        if (text.at[at] == '\\')
            at++;
    return at < text.len ? at : text.len;
}

static void enter(struct json_walk *walk, struct waf_cost *cost)
{
    if (walk->depth < DEPTH_MAX)
        walk->depth++;
    walk->names[walk->depth] = walk->name + 1;
    if (walk->depth > cost->depth)
        cost->depth = walk->depth;
}

static bool is_key(struct text text, size_t after)
{
    while (after < text.len && strchr(" \t\r\n", text.at[after]) && text.at[after])
        after++;
    return after < text.len && text.at[after] == ':';
}

static void count_json(struct text text, struct waf_cost *cost)
{
    struct json_walk walk = {.depth = 0};

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '"') {
            size_t end = skip_string(text, i);
            if (is_key(text, end + 1))
                walk.name = walk.names[walk.depth] + (int64_t)(end - i);
            i = end;
        } else if (c == '{' || c == '[') {
            enter(&walk, cost);
        } else if (c == '}' || c == ']' || c == ',') {
            cost->arguments++;
            cost->bytes += walk.name;
            if (c != ',' && walk.depth > 0)
                walk.depth--;
            if (c != ',')
                walk.name = walk.names[walk.depth];
        }
    }
}

static bool has_json_type(struct text type)
{
    static const char word[] = "json";

    for (size_t i = 0; i + sizeof word - 1 <= type.len; i++)
        if (text_equal_nocase(text_slice(type, i, i + 4), text_of(word)))
            return true;
    return false;
}

static void count_body(struct text type, struct text body, struct waf_cost *cost)
{
    cost->bytes += (int64_t)body.len;
    if (has_json_type(type))
        count_json(body, cost);
    else if (text_starts(type, TEXT("multipart/")))
        cost->arguments += count_char(body, '\n') / 4;
    else if (text_find_text(type, TEXT("xml")) < type.len)
        cost->arguments += count_char(body, '=') + 1;
    else
        count_form(body, cost);
}

void waf_cost_of(const struct http_request *request, struct text body, int paranoia,
                 struct waf_cost *ret)
{
    *ret = (struct waf_cost){.bytes = (int64_t)request->target.len};
    count_form(request->query, ret);
    for (size_t i = 0; i < request->field_count; i++)
        ret->bytes += (int64_t)request->fields[i].value.len;
    ret->arguments += count_char(http_header(request, TEXT("cookie")), ';');
    if (body.len > 0)
        count_body(http_header(request, TEXT("content-type")), body, ret);
    int64_t us = BASE_US + ret->arguments * ARGUMENT_NS / 1000 + ret->bytes * BYTE_NS / 1000;
    ret->us = us * paranoia_percent[paranoia] / 100;
}

int waf_cost_check(const struct waf_cost *cost, const struct waf_limits *limits, struct error *err)
{
    if (cost->bytes > limits->bytes)
        return error_set(err, ERROR_LIMIT,
                         "%lld bytes to inspect are more than waf.limits.bytes %lld",
                         (long long)cost->bytes, (long long)limits->bytes);
    if (cost->arguments > limits->arguments)
        return error_set(err, ERROR_LIMIT, "%lld arguments are more than waf.limits.arguments %lld",
                         (long long)cost->arguments, (long long)limits->arguments);
    if (cost->depth > limits->depth)
        return error_set(err, ERROR_LIMIT, "depth %lld is more than waf.limits.depth %lld",
                         (long long)cost->depth, (long long)limits->depth);
    if (cost->us > limits->budget_ms * 1000)
        return error_set(err, ERROR_LIMIT,
                         "inspecting would take about %lld ms, more than waf.limits.budget %lld",
                         (long long)(cost->us / 1000), (long long)limits->budget_ms);
    return 0;
}
