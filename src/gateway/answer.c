/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "gateway/gateway_priv.h"
#include "base/scan.h"

#define SCRATCH_KEPT_BYTES (64 << 10) /* between two decoded bodies */

/* What the outermost object says that has a meaning; the last of a name counts. */
struct members {
    struct scan_value status, headers, multi_headers, cookies, body, is_base64;
};

static void on_member(void *arg, const struct scan_value *name, const struct scan_value *value)
{
    static const struct {
        struct text name;
        size_t offset;
    } known[] = {
        {TEXT("statusCode"), offsetof(struct members, status)},
        {TEXT("headers"), offsetof(struct members, headers)},
        {TEXT("multiValueHeaders"), offsetof(struct members, multi_headers)},
        {TEXT("cookies"), offsetof(struct members, cookies)},
        {TEXT("body"), offsetof(struct members, body)},
        {TEXT("isBase64Encoded"), offsetof(struct members, is_base64)},
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (scan_is(name, known[i].name)) {
            *(struct scan_value *)((char *)arg + known[i].offset) = *value;
            return;
        }
}

/* A number or a string of digits. */
static bool read_status(const struct scan_value *value, int *ret)
{
    int64_t status;

    if (value->kind != SCAN_NUMBER && value->kind != SCAN_STRING)
        return false;
    if (!text_to_int(value->text, 200, 599, &status))
        return false;
    *ret = (int)status;
    return true;
}

static bool is_absent(const struct scan_value *value)
{
    return value->kind == SCAN_NONE || value->kind == SCAN_NULL;
}

static bool add_field(struct answer *answer, struct text name, struct text value)
{
    if (answer->count == ANSWER_FIELDS_MAX)
        return false;
    answer->has_content_type |= text_equal_nocase(name, TEXT("content-type"));
    answer->fields[answer->count++] = (struct http_field){name, value};
    return true;
}

/* Strings, and what is readily written as one; null is no header. */
static bool add_header(struct answer *answer, const struct scan_value *name,
                       const struct scan_value *value)
{
    switch (value->kind) {
    case SCAN_STRING:
        return add_field(answer, scan_unescape(name), scan_unescape(value));
    case SCAN_NUMBER:
    case SCAN_TRUE:
    case SCAN_FALSE:
        return add_field(answer, scan_unescape(name), value->text);
    case SCAN_NULL:
        return true;
    case SCAN_NONE:
    case SCAN_OBJECT:
    case SCAN_ARRAY:
        return false;
    }
    return false;
}

static bool read_headers(struct answer *answer, const struct scan_value *headers)
{
    struct scan_value name, value;

    if (is_absent(headers))
        return true;
    if (headers->kind != SCAN_OBJECT)
        return false;
    struct scan scan = scan_open(headers);
    while (scan_member(&scan, &name, &value))
        if (!add_header(answer, &name, &value))
            return false;
    return true;
}

static bool read_cookies(struct answer *answer, const struct scan_value *cookies)
{
    struct scan_value item;

    if (is_absent(cookies))
        return true;
    if (cookies->kind != SCAN_ARRAY)
        return false;
    struct scan scan = scan_open(cookies);
    while (scan_item(&scan, &item))
        if (item.kind != SCAN_STRING ||
            !add_field(answer, TEXT("Set-Cookie"), scan_unescape(&item)))
            return false;
    return true;
}

/* What is not a string is its JSON. */
static bool read_body(struct answer *answer, const struct members *members, struct buffer *scratch)
{
    answer->body = TEXT("");
    if (is_absent(&members->body))
        return true;
    answer->body = members->body.text;
    if (members->body.kind != SCAN_STRING)
        return true;
    answer->body = scan_unescape(&members->body);
    if (members->is_base64.kind != SCAN_TRUE)
        return true;
    bool decoded = crypto_unbase64(answer->body, scratch);
    answer->body = buffer_text(scratch);
    return decoded;
}

static bool read_head(struct answer *answer, const struct members *members)
{
    return read_headers(answer, &members->headers) && read_cookies(answer, &members->cookies);
}

static bool read_document(struct buffer *json, struct buffer *scratch, struct members *members,
                          struct scan_value *whole, struct answer *ret)
{
    buffer_recycle(scratch, SCRATCH_KEPT_BYTES);
    ret->status = 200;
    ret->count = 0;
    ret->has_content_type = ret->is_inferred = false;
    *members = (struct members){0};
    return scan_document(buffer_text(json), on_member, members, whole);
}

/* Lambda writes the value anew: the blanks that a runtime put between its parts are gone. */
static void read_value(struct answer *answer, const struct scan_value *whole,
                       struct buffer *scratch)
{
    if (whole->kind == SCAN_STRING) {
        answer->body = scan_unescape(whole);
        return;
    }
    scan_add_json(whole, scratch);
    answer->body = buffer_text(scratch);
}

bool answer_read(struct buffer *json, struct buffer *scratch, struct answer *ret)
{
    struct members members;
    struct scan_value whole;

    if (!read_document(json, scratch, &members, &whole, ret))
        return false;
    if (members.status.kind == SCAN_NONE) {
        read_value(ret, &whole, scratch);
        return true;
    }
    return read_status(&members.status, &ret->status) && read_head(ret, &members) &&
           read_body(ret, &members, scratch);
}

/* Each of the values of a name of multiValueHeaders; a name that headers has too says it here. */
static bool read_multi_headers(struct answer *answer, const struct scan_value *headers)
{
    struct scan_value name, values, value;

    if (is_absent(headers))
        return true;
    if (headers->kind != SCAN_OBJECT)
        return false;
    struct scan scan = scan_open(headers);
    while (scan_member(&scan, &name, &values)) {
        if (values.kind != SCAN_ARRAY)
            return false;
        struct scan items = scan_open(&values);
        while (scan_item(&items, &value))
            if (!add_header(answer, &name, &value))
                return false;
    }
    return true;
}

/* Of headers that both name, multiValueHeaders counts. */
static bool read_headers_1(struct answer *answer, const struct members *members)
{
    if (!read_multi_headers(answer, &members->multi_headers))
        return false;
    size_t multiple = answer->count, kept = multiple;
    if (!read_headers(answer, &members->headers))
        return false;
    for (size_t i = multiple; i < answer->count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < multiple && !is_there; j++)
            is_there = text_equal_nocase(answer->fields[j].name, answer->fields[i].name);
        if (!is_there)
            answer->fields[kept++] = answer->fields[i];
    }
    answer->count = kept;
    return true;
}

bool answer_read_api(struct buffer *json, struct buffer *scratch, int version, struct answer *ret)
{
    struct members members;
    struct scan_value whole;

    if (!read_document(json, scratch, &members, &whole, ret))
        return false;
    if (members.status.kind != SCAN_NONE) {
        /* cookies come first: array entries before a set-cookie of headers */
        return read_status(&members.status, &ret->status) &&
               (version == 1 ? read_headers_1(ret, &members)
                             : read_cookies(ret, &members.cookies) &&
                                   read_headers(ret, &members.headers)) &&
               read_body(ret, &members, scratch);
    }
    if (version == 1)
        return false;
    ret->is_inferred = true;
    ret->body = whole.text;
    if (whole.kind == SCAN_STRING) /* with its quotes */
        ret->body = text_from(whole.text.at - 1, whole.text.len + 2);
    return true;
}

bool answer_read_prelude(struct buffer *json, size_t len, struct answer *ret)
{
    struct members members = {0};
    struct scan_value whole;

    ret->status = 200;
    ret->count = 0;
    ret->has_content_type = false;
    ret->body = TEXT_NONE;
    if (!scan_document(text_slice(buffer_text(json), 0, len), on_member, &members, &whole) ||
        whole.kind != SCAN_OBJECT)
        return false;
    if (members.status.kind != SCAN_NONE && !read_status(&members.status, &ret->status))
        return false;
    return read_head(ret, &members);
}
