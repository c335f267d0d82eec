/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "model/shape_priv.h"

/* The formats of JSON Schema and OpenAPI that say something a program may rely on. */

static struct text string_of(const json_t *value)
{
    return text_from(json_string_value(value), json_string_length(value));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Takes count digits off the front. */
static bool take_digits(struct text *text, size_t count, int64_t min, int64_t max, int64_t *ret)
{
    struct text digits = text_slice(*text, 0, count);

    *text = text_skip(*text, count);
    return digits.len == count && text_to_int(digits, min, max, ret);
}

static bool take_char(struct text *text, char c, char other)
{
    bool is_there = text->len > 0 && (text->at[0] == c || text->at[0] == other);

    *text = text_skip(*text, is_there);
    return is_there;
}

static bool take_date(struct text *text)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year, month, day;

    if (!take_digits(text, 4, 0, 9999, &year) || !take_char(text, '-', '-') ||
        !take_digits(text, 2, 1, 12, &month) || !take_char(text, '-', '-') ||
        !take_digits(text, 2, 1, 31, &day))
        return false;
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && is_leap);
}

/* RFC 3339: a leap second is at 23:59:60 UTC. */
static bool take_time(struct text *text)
{
    int64_t hour, minute, second, zone_hour = 0, zone_minute = 0;

    if (!take_digits(text, 2, 0, 23, &hour) || !take_char(text, ':', ':') ||
        !take_digits(text, 2, 0, 59, &minute) || !take_char(text, ':', ':') ||
        !take_digits(text, 2, 0, 60, &second))
        return false;
    if (take_char(text, '.', '.')) {
        size_t digits = 0;
        while (digits < text->len && is_digit(text->at[digits]))
            digits++;
        *text = text_skip(*text, digits);
        if (digits == 0)
            return false;
    }
    if (!take_char(text, 'Z', 'z')) {
        int sign = text->len && text->at[0] == '-' ? -1 : 1;
        if (!take_char(text, '+', '-') || !take_digits(text, 2, 0, 23, &zone_hour) ||
            !take_char(text, ':', ':') || !take_digits(text, 2, 0, 59, &zone_minute))
            return false;
        zone_hour *= sign;
        zone_minute *= sign;
    }
    int64_t utc = (hour - zone_hour) * 60 + minute - zone_minute;
    return second < 60 || (utc + 2880) % 1440 == 1439;
}

static bool is_date(const json_t *value)
{
    struct text text = string_of(value);

    return take_date(&text) && text.len == 0;
}

static bool is_time(const json_t *value)
{
    struct text text = string_of(value);

    return take_time(&text) && text.len == 0;
}

static bool is_date_time(const json_t *value)
{
    struct text text = string_of(value);

    return take_date(&text) && take_char(&text, 'T', 't') && take_time(&text) && text.len == 0;
}

static bool is_uuid(const json_t *value)
{
    struct text text = string_of(value);

    if (text.len != 36)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text.at[i] != '-' : text_hex_digit(text.at[i]) < 0)
            return false;
    }
    return true;
}

static bool is_numeric(struct text text, int family)
{
    char copy[INET6_ADDRSTRLEN + 1];
    uint8_t address[16];

    if (text.len >= sizeof copy || text_contains(text, '\0') || text.len == 0)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, address) == 1;
}

static bool is_ipv4(const json_t *value)
{
    return is_numeric(string_of(value), AF_INET);
}

static bool is_ipv6(const json_t *value)
{
    return is_numeric(string_of(value), AF_INET6);
}

static bool is_label(struct text label)
{
    if (label.len == 0 || label.len > 63 || label.at[0] == '-' || label.at[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_alnum(label.at[i]) && label.at[i] != '-')
            return false;
    return true;
}

static bool is_host(struct text host)
{
    struct text label;

    if (host.len == 0 || host.len > 253 || host.at[host.len - 1] == '.')
        return false;
    while (text_split(&host, '.', &label))
        if (!is_label(label))
            return false;
    return true;
}

static bool is_hostname(const json_t *value)
{
    return is_host(string_of(value));
}

static bool is_quoted_local(struct text local)
{
    return local.len > 2 && local.at[0] == '"' && local.at[local.len - 1] == '"' &&
           !text_contains(text_slice(local, 1, local.len - 1), '"');
}

/* RFC 5321, without comments and what only a mail server knows. */
static bool is_local(struct text local)
{
    char last = '.';

    if (is_quoted_local(local))
        return true;
    if (local.len == 0 || local.len > 64)
        return false;
    for (size_t i = 0; i < local.len; i++) {
        char c = local.at[i];
        if (c == '.' ? last == '.'
                     : !is_alnum(c) && !((unsigned char)c & 0x80) &&
                           !memchr("!#$%&'*+/=?^_`{|}~-", c, 19))
            return false;
        last = c;
    }
    return last != '.';
}

/* "[127.0.0.1]", "[IPv6:::1]" */
static bool is_literal(struct text host)
{
    const struct text v6 = TEXT("[IPv6:");

    if (host.len < 3 || host.at[0] != '[' || host.at[host.len - 1] != ']')
        return false;
    return text_starts(host, v6) ? is_numeric(text_slice(host, v6.len, host.len - 1), AF_INET6)
                                 : is_numeric(text_slice(host, 1, host.len - 1), AF_INET);
}

static bool is_email(const json_t *value)
{
    struct text text = string_of(value);
    const char *at = text.len ? memrchr(text.at, '@', text.len) : NULL;

    if (!at || text.len > 320)
        return false;
    struct text host = text_skip(text, (size_t)(at - text.at) + 1);
    return is_local(text_slice(text, 0, (size_t)(at - text.at))) &&
           (is_literal(host) || is_host(host));
}

/* RFC 3986's characters, with complete escapes. */
static bool is_uri_text(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '%') {
            if (i + 2 >= text.len || text_hex_digit(text.at[i + 1]) < 0 ||
                text_hex_digit(text.at[i + 2]) < 0)
                return false;
        } else if (!is_alnum(c) && (!c || !strchr("-._~:/?#[]@!$&'()*+,;=", c))) {
            return false;
        }
    }
    return true;
}

static bool is_uri_reference(const json_t *value)
{
    return is_uri_text(string_of(value));
}

static bool is_uri(const json_t *value)
{
    struct text text = string_of(value), scheme = text_slice(text, 0, text_find(text, ':'));

    if (scheme.len == 0 || scheme.len == text.len || is_digit(scheme.at[0]) ||
        !is_alnum(scheme.at[0]))
        return false;
    for (size_t i = 0; i < scheme.len; i++)
        if (!is_alnum(scheme.at[i]) && !memchr("+-.", scheme.at[i], 3))
            return false;
    return is_uri_text(text);
}

/* Standard alphabet, padded (OpenAPI's byte). */
static bool is_base64(const json_t *value)
{
    struct text text = string_of(value);
    size_t pad = text_ends(text, TEXT("==")) ? 2 : text_ends(text, TEXT("="));

    for (size_t i = 0; i < text.len - pad; i++)
        if (!is_alnum(text.at[i]) && text.at[i] != '+' && text.at[i] != '/')
            return false;
    return text.len % 4 == 0;
}

static bool is_json_pointer(const json_t *value)
{
    struct text text = string_of(value);

    if (text.len > 0 && text.at[0] != '/')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == '~' &&
            (i + 1 == text.len || (text.at[i + 1] != '0' && text.at[i + 1] != '1')))
            return false;
    return true;
}

static bool is_int32(const json_t *value)
{
    double number = json_number_value(value);

    return number >= INT32_MIN && number <= INT32_MAX;
}

static const struct shape_format formats[] = {
    {"date-time", SHAPE_STRING, is_date_time, "a date and time such as 2026-11-27T08:30:00Z"},
    {"date", SHAPE_STRING, is_date, "a date such as 2026-11-27"},
    {"time", SHAPE_STRING, is_time, "a time such as 08:30:00Z"},
    {"email", SHAPE_STRING, is_email, "an e-mail address"},
    {"hostname", SHAPE_STRING, is_hostname, "the name of a host"},
    {"ipv4", SHAPE_STRING, is_ipv4, "an IPv4 address"},
    {"ipv6", SHAPE_STRING, is_ipv6, "an IPv6 address"},
    {"uri", SHAPE_STRING, is_uri, "a URI such as https://example.com/"},
    {"uri-reference", SHAPE_STRING, is_uri_reference, "a URI or the end of one"},
    {"uuid", SHAPE_STRING, is_uuid, "a UUID"},
    {"byte", SHAPE_STRING, is_base64, "base64"},
    {"json-pointer", SHAPE_STRING, is_json_pointer, "a JSON pointer"},
    {"int32", SHAPE_NUMBER | SHAPE_INTEGER, is_int32, "from -2147483648 to 2147483647"},
};

const struct shape_format *shape_format_find(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        if (text_equal(name, text_of(formats[i].name)))
            return &formats[i];
    return NULL;
}
