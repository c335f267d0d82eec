/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/waf_cost.h"

#include <string.h>

/*
 * Measured by bench/waf.py with Debian's rule set: a request costs about half a millisecond,
 * each argument and each byte as below. Higher paranoia has more rules.
 */
#define BASE_US 700
#define ARGUMENT_NS 70000
#define BYTE_NS 600
/* Some expressions look at a run of signs once for each three of them, and at all signs of an
 * argument once for each two: 3,000 times "<" took 3.3 s. */
#define RUN_PS 130     /* times the third power of a run's length */
#define SIGNS_PS 5000  /* times the square of the number of signs */
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

/* An entity whose "&" takes len bytes, to its ";", which may be encoded: all of it, or the "&". */
static size_t entity_len(struct text text, size_t at, size_t len)
{
    for (size_t i = at + len; i < text.len && i < at + len + 9; i++) {
        if (text.at[i] == ';')
            return i + 1 - at;
        if (text.at[i] == '%' && i + 2 < text.len && text.at[i + 1] == '3' &&
            (text.at[i + 2] | 32) == 'b')
            return i + 3 - at;
    }
    return len;
}

/* How many bytes stand for one sign: "<", "%3c", "%253c", "&lt;", "&#x3c;", "\\u003c", "\\x3c". */
static size_t sign_len(struct text text, size_t at)
{
    size_t left = text.len - at, len = 1;

    switch (text.at[at]) {
    case '%':
        if (left >= 3 && text.at[at + 1] == '2' && text.at[at + 2] == '6')
            return entity_len(text, at, 3);
        len = left >= 5 && text.at[at + 1] == '2' && text.at[at + 2] == '5' ? 5 : 3;
        break;
    case '\\':
        len = left >= 2 && text.at[at + 1] == 'u' ? 6 : left >= 2 && text.at[at + 1] == 'x' ? 4 : 2;
        break;
    case '&':
        return entity_len(text, at, 1);
    default:
        return 1;
    }
    return len < left ? len : left;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

struct signs {
    int64_t run, all;
};

static void end_run(struct signs *signs, struct waf_cost *cost)
{
    int64_t run = signs->run < 100000 ? signs->run : 100000;

    cost->us += run * run * run / 1000 * RUN_PS / 1000;
    signs->run = 0;
}

static void end_argument(struct signs *signs, struct waf_cost *cost)
{
    end_run(signs, cost);
    cost->us += signs->all * signs->all * SIGNS_PS / 1000000;
    signs->all = 0;
}

/* separator: what ends an argument, 0: nothing does. A blank counts behind another sign only. */
static void count_signs(struct text text, char separator, struct waf_cost *cost)
{
    struct signs signs = {0};

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (separator && c == separator) {
            end_argument(&signs, cost);
        } else if (is_word(c)) {
            end_run(&signs, cost);
        } else if (signs.run > 0 || (c != ' ' && c != '+')) {
            signs.run++;
            signs.all++;
            i += sign_len(text, i) - 1;
        }
    }
    end_argument(&signs, cost);
}

static void count_form(struct text text, struct waf_cost *cost)
{
    if (text.len > 0)
        cost->arguments += count_char(text, '&') + 1;
    count_signs(text, '&', cost);
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
            count_signs(text_slice(text, i + 1, end), 0, cost);
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

/* Lines are not arguments, but what divides them. */
static void count_lines(struct text body, int64_t lines, struct waf_cost *cost)
{
    cost->arguments += count_char(body, '\n') / lines + 1;
    count_signs(body, '\n', cost);
}

static void count_body(struct text type, struct text body, struct waf_cost *cost)
{
    cost->bytes += (int64_t)body.len;
    if (has_json_type(type))
        count_json(body, cost);
    else if (text_starts(type, TEXT("multipart/")))
        count_lines(body, 4, cost);
    else if (text_find_text(type, TEXT("xml")) < type.len)
        count_lines(body, 1, cost);
    else
        count_form(body, cost);
}

void waf_cost_of(const struct http_request *request, struct text body, int paranoia,
                 struct waf_cost *ret)
{
    *ret = (struct waf_cost){.bytes = (int64_t)request->target.len};
    count_form(request->query, ret);
    for (size_t i = 0; i < request->field_count; i++) {
        ret->bytes += (int64_t)request->fields[i].value.len;
        count_signs(request->fields[i].value, 0, ret);
    }
    count_signs(request->path, '/', ret);
    ret->arguments += count_char(http_header(request, TEXT("cookie")), ';');
    if (body.len > 0)
        count_body(http_header(request, TEXT("content-type")), body, ret);
    ret->us += BASE_US + ret->arguments * ARGUMENT_NS / 1000 + ret->bytes * BYTE_NS / 1000;
    ret->us = ret->us * paranoia_percent[paranoia] / 100;
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
