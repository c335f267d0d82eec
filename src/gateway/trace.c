/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "gateway/gateway_priv.h"

/* "Root=1-67891233-abcdef012345678912345678": version, seconds in hex, 96 random bits. */
#define ROOT_LEN 35
#define ID_LEN 16

static bool is_hex(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text_hex_digit(text.at[i]) < 0)
            return false;
    return true;
}

static bool is_root(struct text value)
{
    return value.len == ROOT_LEN && value.at[0] == '1' && value.at[1] == '-' &&
           value.at[10] == '-' && is_hex(text_slice(value, 2, 10)) && is_hex(text_skip(value, 11));
}

static bool is_parent(struct text value)
{
    return value.len == ID_LEN && is_hex(value);
}

static bool is_sampled(struct text value)
{
    return value.len == 1 && (value.at[0] == '0' || value.at[0] == '1' || value.at[0] == '?');
}

static const struct part {
    struct text name;
    bool (*is_valid)(struct text value);
} parts[] = {
    {TEXT("Root="), is_root},
    {TEXT("Self="), is_root},
    {TEXT("Parent="), is_parent},
    {TEXT("Sampled="), is_sampled},
};

/* The piece of given that is a valid part of that name, or TEXT_NONE. */
static struct text find_part(struct text given, const struct part *part)
{
    struct text piece;

    while (text_split(&given, ';', &piece)) {
        piece = text_trim(piece);
        if (text_starts(piece, part->name) && part->is_valid(text_skip(piece, part->name.len)))
            return piece;
    }
    return TEXT_NONE;
}

static void make_root(int64_t now_ms, char *ret)
{
    uint32_t seconds = (uint32_t)(now_ms / 1000);
    const uint8_t time[4] = {(uint8_t)(seconds >> 24), (uint8_t)(seconds >> 16),
                             (uint8_t)(seconds >> 8), (uint8_t)seconds};
    uint8_t random[12];

    crypto_random(random, sizeof random);
    memcpy(ret, "Root=1-", 7);
    crypto_hex(time, sizeof time, ret + 7);
    ret[15] = '-';
    crypto_hex(random, sizeof random, ret + 16);
}

int trace_hops(struct text given)
{
    struct text piece;
    int64_t hops = 0;

    while (text_split(&given, ';', &piece)) {
        piece = text_trim(piece);
        if (!text_starts(piece, TEXT("Lineage=")))
            continue;
        piece = text_skip(piece, sizeof "Lineage=" - 1);
        (void)text_to_int(text_slice(piece, 0, text_find(piece, ':')), 0, INT32_MAX / 2, &hops);
    }
    return (int)hops;
}

static size_t put_given(struct text given, char *ret)
{
    size_t len = 0;

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct text piece = find_part(given, &parts[i]);
        if (piece.len == 0)
            continue;
        len += (size_t)snprintf(ret + len, TRACE_BYTES - len, "%s%.*s", len ? ";" : "",
                                TEXT_ARG(piece));
    }
    return len;
}

void trace_make(struct text given, int hops, int64_t now_ms, char ret[static TRACE_BYTES])
{
    size_t len = sizeof "Root=" - 1 + ROOT_LEN;

    if (given.len > 0 && text_is_set(find_part(given, &parts[0])))
        len = put_given(given, ret);
    else
        make_root(now_ms, ret);
    if (hops > 0)
        snprintf(ret + len, TRACE_BYTES - len, ";Lineage=%d:00000000:0", hops);
}

/* --- W3C trace context --- */

#define TRACE_ID_LEN 32
#define SPAN_ID_LEN 16
#define STATE_MEMBERS_MAX 32
#define STATE_BYTES_MAX 512
#define FLAGS_KEPT 3 /* sampled, random trace id */

/* What a valid traceparent says. */
struct parent {
    struct text trace_id, span_id;
    unsigned flags;
};

static bool is_small_hex(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] >= 'A' && text.at[i] <= 'F')
            return false;
    return is_hex(text);
}

static bool is_zero(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != '0')
            return false;
    return true;
}

/* "00-TRACE ID-SPAN ID-FLAGS", all small hex; a later version may go on behind a "-". */
static bool read_parent(struct text given, struct parent *ret)
{
    struct text version = text_slice(given, 0, 2), flags = text_slice(given, 53, 55);

    if (given.len < TRACEPARENT_LEN || given.at[2] != '-' || given.at[35] != '-' ||
        given.at[52] != '-' || !is_small_hex(version) || !is_small_hex(flags))
        return false;
    if (text_equal(version, TEXT("ff")))
        return false;
    if (given.len > TRACEPARENT_LEN &&
        (text_equal(version, TEXT("00")) || given.at[TRACEPARENT_LEN] != '-'))
        return false;
    ret->trace_id = text_slice(given, 3, 3 + TRACE_ID_LEN);
    ret->span_id = text_slice(given, 36, 36 + SPAN_ID_LEN);
    ret->flags = (unsigned)text_hex_digit(flags.at[1]) & FLAGS_KEPT;
    return is_small_hex(ret->trace_id) && !is_zero(ret->trace_id) && is_small_hex(ret->span_id) &&
           !is_zero(ret->span_id);
}

/* Small letters, digits, "_", "-", "*" and slashes; at most 241 before an "@" and 14 behind it. */
static bool is_state_key(struct text key)
{
    size_t at = text_find(key, '@');

    if (key.len == 0 || key.len > 256 || (at < key.len && (at == 0 || at > 241)))
        return false;
    if (at < key.len && (key.len - at - 1 > 14 || at + 1 == key.len || key.at[at + 1] < 'a' ||
                         key.at[at + 1] > 'z'))
        return false;
    if (key.at[0] == '_' || key.at[0] == '-' || key.at[0] == '*' || key.at[0] == '/')
        return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
            c != '*' && c != '/' && i != at)
            return false;
    }
    return true;
}

static bool is_state_value(struct text value)
{
    if (value.len == 0 || value.len > 256 || value.at[value.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < 0x20 || value.at[i] > 0x7e || value.at[i] == ',' || value.at[i] == '=')
            return false;
    return true;
}

static bool has_state_key(struct text state, struct text key)
{
    struct text piece;

    while (text_split(&state, ',', &piece)) {
        piece = text_trim(piece);
        if (text_equal(text_slice(piece, 0, text_find(piece, '=')), key))
            return true;
    }
    return false;
}

/* A list of "key=value", no key twice; empty members are allowed. */
static bool is_state(struct text state)
{
    struct text rest = state, piece;
    int members = 0;

    if (state.len > STATE_BYTES_MAX)
        return false;
    while (text_split(&rest, ',', &piece)) {
        piece = text_trim(piece);
        if (piece.len == 0)
            continue;
        size_t equals = text_find(piece, '=');
        struct text key = text_slice(piece, 0, equals);
        if (++members > STATE_MEMBERS_MAX || equals == piece.len || !is_state_key(key) ||
            !is_state_value(text_skip(piece, equals + 1)) || has_state_key(rest, key))
            return false;
    }
    return members > 0;
}

static size_t count_headers(const struct http_request *request, struct text name)
{
    size_t count = 0;

    for (size_t i = 0; i < request->field_count; i++)
        count += text_equal(request->fields[i].name, name);
    return count;
}

static void make_span(char ret[static SPAN_ID_LEN + 1])
{
    uint8_t random[SPAN_ID_LEN / 2];

    do {
        crypto_random(random, sizeof random);
        crypto_hex(random, sizeof random, ret);
    } while (is_zero(text_from(ret, SPAN_ID_LEN)));
}

/* Of each request, so it is put together by hand. flags: FLAGS_KEPT at most. */
static void put_parent(struct trace_context *context, struct text trace_id, const char *span,
                       unsigned flags)
{
    char *at = mempcpy(context->parent, "00-", 3);

    at = mempcpy(at, trace_id.at, TRACE_ID_LEN);
    *at++ = '-';
    at = mempcpy(at, span, SPAN_ID_LEN);
    at = mempcpy(at, "-0", 2);
    *at++ = (char)('0' + flags);
    *at = '\0';
}

/* Of what trace_make() made: it begins with the root, whose digits are the trace id. */
static void from_amazon(const char *trace, const char *span, struct trace_context *ret)
{
    const char *root = trace + parts[0].name.len;
    struct text rest = text_of(root + ROOT_LEN);
    bool is_traced = rest.len > 0 && text_equal(find_part(rest, &parts[3]), TEXT("Sampled=1"));
    char id[TRACE_ID_LEN];

    memcpy(id, root + 2, 8);
    memcpy(id + 8, root + 11, 24);
    for (size_t i = 0; i < sizeof id; i++)
        id[i] |= 0x20; /* digits have that bit already */
    ret->state = TEXT_NONE;
    put_parent(ret, text_from(id, sizeof id), span, is_traced);
}

void trace_begin(const struct http_request *request, int hops, int64_t now_ms, struct arena *arena,
                 char ret[static TRACE_BYTES], struct trace_context *ret_context)
{
    struct text given = http_header(request, TEXT("traceparent"));
    char span[SPAN_ID_LEN + 1];
    struct parent parent;

    make_span(span);
    if (count_headers(request, TEXT("traceparent")) != 1 ||
        !read_parent(text_trim(given), &parent)) {
        trace_make(http_header(request, TEXT("x-amzn-trace-id")), hops, now_ms, ret);
        from_amazon(ret, span, ret_context);
        return;
    }
    struct text state =
        http_field_join(request->fields, request->field_count, TEXT("tracestate"), arena);
    ret_context->state = is_state(state) ? state : TEXT_NONE;
    put_parent(ret_context, parent.trace_id, span, parent.flags);
    scoped(free) char *amazon = mem_format(
        "Root=1-%.*s-%.*s;Parent=%s;Sampled=%u", TEXT_ARG(text_slice(parent.trace_id, 0, 8)),
        TEXT_ARG(text_skip(parent.trace_id, 8)), span, parent.flags & 1);
    trace_make(text_of(amazon), hops, now_ms, ret);
}
