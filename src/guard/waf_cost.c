/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/waf_cost.h"

#include <string.h>

#include "base/crypto.h"
#include "base/json.h"

/*
 * Measured by bench/waf.py: a request costs about half a millisecond, each argument and each byte
 * as below. Higher paranoia has more rules.
 *
 * Signs cost more. Some expressions look from each "<" and the like over all the signs behind it,
 * twice: 3,000 times "<" took 3.3 s; those of rule set 4 do so from ends of lines: 400 took 74 ms.
 * Others look from each quote, "=" or "|" at the rest of the argument. And one tries every way to
 * divide the blanks among parentheses that are opened one behind the other: twenty times "( " reach
 * the limit of the library's matcher, 60 ms. Letters, also those of other scripts, and blanks are
 * no matter beyond their bytes.
 */
struct rates {
    int64_t base_us;
    int64_t argument_ns;
    int64_t byte_ns;   /* of arguments and headers */
    int64_t raw_ns;    /* a byte that few rules look at: of a body that is not taken apart */
    int64_t opener_ps; /* times the square of the length of the run of signs it stands in */
    int64_t line_ps;   /* likewise, of an end of a line */
    int64_t strong_ps; /* times the square of the number of quotes and the like */
    int64_t weak_ps;   /* and of other signs */
    int64_t way_ns;    /* to divide blanks among parentheses */
};
static const struct rates rates_3 = {700, 80000, 480, 120, 1000, 15, 6000, 1600, 230};
static const struct rates rates_4 = {1100, 124000, 480, 120, 1500, 1300, 6000, 1500, 480};

#define ATTRIBUTE_NS 5000 /* of XML */
#define HIGH_NS 800       /* of a byte beyond ASCII, in addition: it is written as "%u1234" first */
#define WAYS_MAX (1 << 20)
#define DEPTH_MAX 1024 /* of what is counted; beyond it one more is deep enough */

/* By paranoia: of a request, of what is in it. */
static const int base_percent[] = {100, 100, 150, 210, 270};
static const int more_percent[] = {100, 100, 150, 185, 200};

struct tally {
    struct waf_cost *cost;
    const struct rates *rates;
    int64_t bytes, raw_bytes, attributes, high_bytes;
    int64_t signs_us;
};

static int64_t count_char(struct text text, char c)
{
    int64_t count = 0;

    for (const char *at = text.at, *end = at + text.len;
         at && at < end && (at = memchr(at, c, (size_t)(end - at))); at++)
        count++;
    return count;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* --- what stands for a sign --- */

#define ANYTHING '\0' /* an escape of an escape: nobody follows it further */

static size_t hex_len(struct text text, size_t at, size_t max)
{
    size_t len = 0;

    while (len < max && at + len < text.len && text.at[at + len] &&
           strchr("0123456789abcdefABCDEF", text.at[at + len]))
        len++;
    return len;
}

/* Of two digits, which hex_len() has found. */
static char byte_of(const char *digits)
{
    uint8_t sign = 0;

    (void)crypto_unhex(text_from(digits, 2), &sign);
    return (char)sign;
}

/* "25" any number of times, then "3c" or "u003c": what may stand behind "%". */
static size_t percent_len(struct text text, size_t at, char *ret)
{
    size_t from = at, max = 2;

    while (text_starts(text_skip(text, at), TEXT("25")) && hex_len(text, at + 2, 2) == 2)
        at += 2;
    if (at < text.len && (text.at[at] | 32) == 'u') {
        at++;
        max = 4;
    }
    size_t len = hex_len(text, at, max);
    if (len == max)
        *ret = byte_of(text.at + at + max - 2);
    return len == max ? at + len - from : 0;
}

/* "x3c", "u003c", "74", "00003c": behind a backslash. */
static size_t backslash_len(struct text text, size_t at, char *ret)
{
    char c = at < text.len ? text.at[at] : 0;
    bool has_letter = c == 'u' || c == 'x';
    size_t len = hex_len(text, at + has_letter, c == 'u' ? 4 : c == 'x' ? 2 : 6);

    if (len >= 2)
        *ret = has_letter ? byte_of(text.at + at + has_letter + len - 2) : ANYTHING;
    return len >= 2 ? len + has_letter : 0;
}

/* "lt;", "lt", "#60;", "#x3c": behind "&"; "#" and ";" may be encoded. */
static size_t entity_len(struct text text, size_t at)
{
    static const struct text names[] = {TEXT("lt"), TEXT("gt"), TEXT("amp"), TEXT("quot"),
                                        TEXT("nbsp")};
    struct text rest = text_skip(text, at);
    size_t len = text_starts(rest, TEXT("#")) ? 1 : text_starts(rest, TEXT("%23")) ? 3 : 0;

    if (len > 0) {
        len += at + len < text.len && (text.at[at + len] | 32) == 'x';
        len += hex_len(text, at + len, 8);
    }
    for (size_t i = 0; len == 0 && i < COUNT_OF(names); i++)
        if (text_equal_nocase(text_slice(rest, 0, names[i].len), names[i]))
            len = names[i].len;
    if (len > 0 && text_starts(text_skip(rest, len), TEXT(";")))
        len++;
    else if (len > 0 && text_equal_nocase(text_slice(rest, len, len + 3), TEXT("%3b")))
        len += 3;
    return len;
}

/* A sign however it is written, and how many bytes that takes: "<", "%3c", "%253c", "&lt;",
 * "\\u003c", "%5cx3c". Each escape may hide the start of another. */
static size_t sign_len(struct text text, size_t at, char *ret)
{
    size_t len = 1, more = 1;

    *ret = text.at[at];
    if (*ret == '\\' && at + 1 < text.len) {
        char c = text.at[at + 1];
        *ret = c == 'n' || c == 'r' ? '\n' : c == 't' ? ' ' : c;
        len += backslash_len(text, at + 1, ret);
        len = len > 1 ? len : 2;
    }
    for (int i = 0; i < 4 && more > 0; i++) {
        size_t next = at + len;
        bool is_any = *ret == ANYTHING && len > 1;
        more = 0;
        if (*ret == '%' || is_any)
            more = percent_len(text, next, ret);
        if (more == 0 && (*ret == '\\' || is_any))
            more = backslash_len(text, next, ret);
        if (more == 0 && (*ret == '&' || is_any)) {
            more = entity_len(text, next);
            *ret = more ? ANYTHING : *ret;
        }
        len += more;
    }
    return len;
}

/* --- signs --- */

enum sign { SIGN_BLANK, SIGN_LINE, SIGN_OPENER, SIGN_STRONG, SIGN_WEAK };

struct signs {
    int64_t run, openers, lines; /* of the run */
    int64_t strong, weak;        /* of the argument */
    int64_t ways, blanks;        /* of parentheses that follow each other; ways 0: there are none */
};

static int64_t bounded(int64_t count)
{
    return count < 100000 ? count : 100000;
}

static void end_parentheses(struct signs *signs, struct tally *tally)
{
    tally->signs_us += signs->ways * tally->rates->way_ns / 1000;
    signs->ways = signs->blanks = 0;
}

static void count_parenthesis(struct signs *signs)
{
    int64_t ways = signs->ways * (signs->blanks + 1);

    signs->ways = signs->ways == 0 ? 1 : ways < WAYS_MAX ? ways : WAYS_MAX;
    signs->blanks = 0;
}

static void end_run(struct signs *signs, struct tally *tally)
{
    const struct rates *rates = tally->rates;
    int64_t run = bounded(signs->run);

    tally->signs_us +=
        run * run / 1000 *
        (bounded(signs->openers) * rates->opener_ps + bounded(signs->lines) * rates->line_ps) /
        1000;
    signs->run = signs->openers = signs->lines = 0;
    end_parentheses(signs, tally);
}

static void end_argument(struct signs *signs, struct tally *tally)
{
    const struct rates *rates = tally->rates;
    int64_t strong = bounded(signs->strong), weak = bounded(signs->weak);

    end_run(signs, tally);
    tally->signs_us +=
        (strong * strong / 1000 * rates->strong_ps + weak * weak / 1000 * rates->weak_ps) / 1000;
    signs->strong = signs->weak = 0;
}

static enum sign sign_of(char c)
{
    if (c == '\n' || c == '\r')
        return SIGN_LINE;
    if (c == ' ' || c == '\t' || c == '+' || (unsigned char)c >= 0x80)
        return SIGN_BLANK;
    if (c == '<' || c == '{' || c == '(' || c == '[')
        return SIGN_OPENER;
    return c && strchr("\"'`=|&", c) ? SIGN_STRONG : SIGN_WEAK;
}

/* A sign or a letter; returns its length. */
static size_t count_at(struct text text, size_t at, struct signs *signs, struct tally *tally)
{
    char c = text.at[at];

    if (is_word(c)) {
        end_run(signs, tally);
        return 1;
    }
    size_t len = sign_len(text, at, &c);
    bool is_any = len > 1 && c == ANYTHING;
    enum sign kind = sign_of(c);
    if (c == '(' || is_any)
        count_parenthesis(signs);
    else if (kind == SIGN_BLANK || kind == SIGN_LINE)
        signs->blanks++;
    else
        end_parentheses(signs, tally);
    /* "\u6f22" is three bytes. */
    tally->high_bytes += len == 6 && text.at[at + 1] == 'u' ? 3 : (unsigned char)c >= 0x80;
    signs->run++;
    signs->openers += kind == SIGN_OPENER || is_any;
    signs->lines += kind == SIGN_LINE || is_any;
    signs->strong += kind == SIGN_STRONG || is_any;
    signs->weak += kind == SIGN_OPENER || kind == SIGN_WEAK;
    return len;
}

/* separator: what ends an argument, 0: nothing does. */
static void count_signs(struct text text, char separator, struct tally *tally)
{
    struct signs signs = {0};

    for (size_t i = 0; i < text.len;) {
        if (separator && text.at[i] == separator) {
            end_argument(&signs, tally);
            i++;
        } else {
            i += count_at(text, i, &signs, tally);
        }
    }
    end_argument(&signs, tally);
}

static void count_form(struct text text, struct tally *tally)
{
    if (text.len > 0)
        tally->cost->arguments += count_char(text, '&') + 1;
    tally->bytes += (int64_t)text.len;
    count_signs(text, '&', tally);
}

/* --- XML --- */

/* An encoding in which every sign is the byte that we look for. */
static bool is_plain_encoding(struct text xml)
{
    static const struct text plain[] = {TEXT("utf-8"), TEXT("us-ascii"), TEXT("iso-8859-1"),
                                        TEXT("windows-1252")};
    struct text head = text_slice(xml, 0, text_find(text_slice(xml, 0, 1024), '>'));
    size_t at = text_find_text(head, TEXT("encoding"));

    if (xml.len &&
        (memchr(xml.at, 0, xml.len < 64 ? xml.len : 64) || (unsigned char)xml.at[0] >= 0xfe))
        return false;
    if (at == head.len)
        return true;
    struct text value = text_skip(head, at + 8);
    while (value.len > 0 && strchr(" \t\r\n='\"", value.at[0]))
        value = text_skip(value, 1);
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (text_equal_nocase(text_slice(value, 0, plain[i].len), plain[i]) &&
            value.len > plain[i].len && strchr("'\"", value.at[plain[i].len]))
            return true;
    return false;
}

/* Names and what else stands outside of quotes is for no rule. Returns where it ends; what it
 * takes for content or a value that is none is counted all the same. */
static size_t count_tag(struct text text, size_t at, struct tally *tally)
{
    for (size_t i = at + 1; i < text.len; i++) {
        char c = text.at[i];
        if (c == '>')
            return i + 1;
        if (c != '"' && c != '\'')
            continue;
        struct text value = text_skip(text, i + 1);
        value = text_slice(value, 0, text_find(value, c));
        tally->attributes++;
        tally->bytes += (int64_t)value.len;
        count_signs(value, 0, tally);
        i += value.len + 1;
    }
    return text.len;
}

static size_t skip_mark(size_t at, size_t len, bool *is_literal)
{
    *is_literal = !*is_literal;
    return at + len;
}

static size_t count_text(struct text text, size_t at, struct signs *signs, struct tally *tally)
{
    size_t len = count_at(text, at, signs, tally);

    tally->bytes += (int64_t)len;
    return len;
}

/* All text is one argument, across its tags. */
static void count_xml(struct text text, struct tally *tally)
{
    struct signs signs = {0};
    bool is_literal = false;
    size_t i = 0;

    tally->raw_bytes += (int64_t)text.len;
    tally->cost->arguments++;
    /* They are expanded before rules see the text. */
    if (text_find_text(text, TEXT("<!ENTITY")) < text.len)
        tally->cost->obstacle = "XML with declarations of entities";
    else if (!is_plain_encoding(text))
        tally->cost->obstacle = "XML in this encoding";
    while (i < text.len) {
        struct text rest = text_skip(text, i);
        if (!is_literal && text_starts(rest, TEXT("<![CDATA[")))
            i = skip_mark(i, 9, &is_literal);
        else if (is_literal && text_starts(rest, TEXT("]]>")))
            i = skip_mark(i, 3, &is_literal);
        else if (!is_literal && rest.at[0] == '<')
            i = count_tag(text, i, tally);
        else
            i += count_text(text, i, &signs, tally);
    }
    end_argument(&signs, tally);
}

/* --- JSON --- */

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

static void count_json(struct text text, struct tally *tally)
{
    struct json_walk walk = {.depth = 0};
    struct waf_cost *cost = tally->cost;

    tally->bytes += (int64_t)text.len;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '"') {
            size_t end = skip_string(text, i);
            count_signs(text_slice(text, i + 1, end), 0, tally);
            if (is_key(text, end + 1))
                walk.name = walk.names[walk.depth] + (int64_t)(end - i);
            i = end;
        } else if (c == '{' || c == '[') {
            enter(&walk, cost);
        } else if (c == '}' || c == ']' || c == ',') {
            cost->arguments++;
            cost->bytes += walk.name;
            tally->bytes += walk.name;
            if (c != ',' && walk.depth > 0)
                walk.depth--;
            if (c != ',')
                walk.name = walk.names[walk.depth];
        }
    }
}

/* --- bodies --- */

/* Lines are not arguments, but what divides them. */
static void count_multipart(struct text body, struct tally *tally)
{
    tally->bytes += (int64_t)body.len;
    tally->cost->arguments += count_char(body, '\n') / 4 + 1;
    count_signs(body, '\n', tally);
}

static bool has_word(struct text type, struct text word)
{
    for (size_t i = 0; i + word.len <= type.len; i++)
        if (text_equal_nocase(text_slice(type, i, i + word.len), word))
            return true;
    return false;
}

/* By every way in which the library might read it. */
static void count_body(const struct http_request *request, struct text body, struct tally *tally)
{
    static const struct {
        struct text word;
        void (*count)(struct text body, struct tally *tally);
    } kinds[] = {
        {TEXT("json"), count_json},
        {TEXT("multipart"), count_multipart},
        {TEXT("xml"), count_xml},
        {TEXT("urlencoded"), count_form},
    };

    bool is_json = json_may_be(body);

    tally->cost->bytes += (int64_t)body.len;
    tally->raw_bytes += (int64_t)body.len;
    if (is_json)
        count_json(body, tally);
    for (size_t i = 0; i < request->field_count; i++)
        for (size_t j = 0; j < COUNT_OF(kinds); j++)
            if (text_equal(request->fields[i].name, TEXT("content-type")) &&
                !(is_json && kinds[j].count == count_json) &&
                has_word(request->fields[i].value, kinds[j].word))
                kinds[j].count(body, tally);
}

static void count_head(const struct http_request *request, struct tally *tally)
{
    tally->bytes += (int64_t)request->target.len;
    tally->cost->bytes += (int64_t)request->target.len;
    tally->cost->arguments += count_char(http_header(request, TEXT("cookie")), ';');
    if (request->query.len > 0)
        tally->cost->arguments += count_char(request->query, '&') + 1;
    count_signs(request->query, '&', tally);
    count_signs(request->path, '/', tally);
    for (size_t i = 0; i < request->field_count; i++) {
        tally->bytes += (int64_t)request->fields[i].value.len;
        tally->cost->bytes += (int64_t)request->fields[i].value.len;
        count_signs(request->fields[i].value, 0, tally);
    }
}

void waf_cost_of(const struct http_request *request, struct text body,
                 const struct waf_effort *effort, struct waf_cost *ret)
{
    const struct rates *rates = effort->rule_set >= 4 ? &rates_4 : &rates_3;
    struct tally tally = {.cost = ret, .rates = rates};

    *ret = (struct waf_cost){0};
    count_head(request, &tally);
    if (body.len > 0)
        count_body(request, body, &tally);
    int64_t more_us = (ret->arguments * rates->argument_ns + tally.bytes * rates->byte_ns +
                       tally.raw_bytes * rates->raw_ns + tally.high_bytes * HIGH_NS +
                       tally.attributes * ATTRIBUTE_NS) /
                      1000;
    ret->us = (rates->base_us * base_percent[effort->paranoia] +
               (more_us + tally.signs_us) * more_percent[effort->paranoia]) /
              100;
}

int waf_cost_check(const struct waf_cost *cost, const struct waf_limits *limits, struct error *err)
{
    if (cost->obstacle)
        return error_set(err, ERROR_LIMIT, "what inspecting %s would take cannot be bounded",
                         cost->obstacle);
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
