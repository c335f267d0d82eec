/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "http/field.h"
#include "http/http_priv.h"

/* Longest of what is written besides the application's fields. */
#define OWN_BYTES_MAX 256

bool response_has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static char *put(char *at, struct text text)
{
    memcpy(at, text.at, text.len);
    return at + text.len;
}

static char *put_number(char *at, uint64_t number, unsigned base)
{
    char digits[20];
    int count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

static char *put_field(char *at, const struct http_field *field)
{
    at = put(at, field->name);
    at = put(at, TEXT(": "));
    if (field->value.len > 0)
        at = put(at, field->value);
    return put(at, TEXT("\r\n"));
}

/* Of the message or the connection, and therefore not the application's. Asked for each
 * field of each answer: by length, few names are compared. */
bool response_field_is_ours(struct text name)
{
    switch (name.len) {
    case sizeof "te" - 1:
        return text_equal_nocase(name, TEXT("te"));
    case sizeof "upgrade" - 1:
        return text_equal_nocase(name, TEXT("upgrade"));
    case sizeof "connection" - 1:
        return text_equal_nocase(name, TEXT("connection")) ||
               text_equal_nocase(name, TEXT("keep-alive"));
    case sizeof "content-length" - 1:
        return text_equal_nocase(name, TEXT("content-length"));
    case sizeof "proxy-connection" - 1:
        return text_equal_nocase(name, TEXT("proxy-connection"));
    case sizeof "transfer-encoding" - 1:
        return text_equal_nocase(name, TEXT("transfer-encoding"));
    default:
        return false;
    }
}

static bool asks_close(const struct http_field *field)
{
    struct text rest = field->value, member;

    if (!text_equal_nocase(field->name, TEXT("connection")))
        return false;
    while (field_list_next(&rest, &member))
        if (text_equal_nocase(member, TEXT("close")))
            return true;
    return false;
}

/* What a 426 has to say (RFC 9110 15.5.22). */
static bool is_demand(int status, const struct http_field *field)
{
    return status == 426 && text_equal_nocase(field->name, TEXT("upgrade")) &&
           field_is_clean(field);
}

static size_t fields_size(const struct http_field *fields, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += fields[i].name.len + fields[i].value.len + 4;
    return size;
}

static char *put_status(char *at, int status)
{
    at = put(at, TEXT("HTTP/1.1 "));
    at = put_number(at, (uint64_t)status, 10);
    *at++ = ' ';
    at = put(at, text_of(http_reason(status)));
    return put(at, TEXT("\r\n"));
}

static char *put_own(char *at, struct http_pool *pool, const struct response_head *head,
                     bool has_date)
{
    if (!has_date) {
        at = put(at, TEXT("Date: "));
        at = put(at, http_pool_date(pool));
        at = put(at, TEXT("\r\n"));
    }
    if (head->chunked)
        at = put(at, TEXT("Transfer-Encoding: chunked\r\n"));
    if (head->content_length >= 0) {
        at = put(at, TEXT("Content-Length: "));
        at = put_number(at, (uint64_t)head->content_length, 10);
        at = put(at, TEXT("\r\n"));
    }
    if (head->upgrade.len > 0) {
        at = put(at, TEXT("Connection: Upgrade\r\nUpgrade: "));
        at = put(at, head->upgrade);
        at = put(at, TEXT("\r\n"));
    }
    if (!head->keep_alive)
        at = put(at, TEXT("Connection: close\r\n"));
    else if (head->http_1_0)
        at = put(at, TEXT("Connection: keep-alive\r\n"));
    return put(at, TEXT("\r\n"));
}

void response_write_head(struct http_pool *pool, struct buffer *out, struct response_head *head)
{
    char *start = buffer_room(out, OWN_BYTES_MAX + fields_size(head->fields, head->count));
    char *at = put_status(start, head->status);
    bool has_date = false;

    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (response_field_is_ours(field->name)) {
            head->keep_alive = head->keep_alive && !asks_close(field);
            if (is_demand(head->status, field))
                head->upgrade = field->value;
            continue;
        }
        if (!field_is_clean(field))
            continue;
        has_date |= text_equal_nocase(field->name, TEXT("date"));
        at = put_field(at, field);
    }
    at = put_own(at, pool, head, has_date);
    buffer_added(out, (size_t)(at - start));
}

void response_write_chunk(struct buffer *out, struct text chunk)
{
    char *start = buffer_room(out, chunk.len + 32);
    char *at = put_number(start, chunk.len, 16);

    at = put(at, TEXT("\r\n"));
    at = put(at, chunk);
    at = put(at, TEXT("\r\n"));
    buffer_added(out, (size_t)(at - start));
}

void response_write_last_chunk(struct buffer *out, const struct http_field *trailers, size_t count)
{
    char *start = buffer_room(out, 8 + fields_size(trailers, count));
    char *at = put(start, TEXT("0\r\n"));

    for (size_t i = 0; i < count; i++)
        if (!response_field_is_ours(trailers[i].name) && field_is_clean(&trailers[i]))
            at = put_field(at, &trailers[i]);
    at = put(at, TEXT("\r\n"));
    buffer_added(out, (size_t)(at - start));
}
