/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

/* EventBridge's names, matched by hand as those of api/names.c. */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and extra; at least one. */
static bool consists_of(struct text text, const char *extra)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!is_letter(c) && !is_digit(c) && (!c || !strchr(extra, c)))
            return false;
    }
    return text.len > 0;
}

bool name_is_event_name(struct text text)
{
    return consists_of(text, ".-_");
}

bool name_is_bus(struct text text)
{
    return consists_of(text, "/.-_");
}

/* "arn:PARTITION:events:REGION:ACCOUNT:" from the front. */
static bool skip_arn_head(struct text *text)
{
    struct text piece;

    return text_split(text, ':', &piece) && text_equal(piece, TEXT("arn")) &&
           text_split(text, ':', &piece) && text_starts(piece, TEXT("aws")) &&
           consists_of(piece, "-_") && text_split(text, ':', &piece) &&
           text_equal(piece, TEXT("events")) && text_split(text, ':', &piece) &&
           consists_of(piece, "-") && text_split(text, ':', &piece) &&
           (piece.len == 0 || name_is_account(piece));
}

bool name_is_bus_or_arn(struct text text)
{
    struct text rest = text;

    if (!text_contains(text, ':'))
        return name_is_bus(text);
    return skip_arn_head(&rest) && text_starts(rest, TEXT("event-bus/")) &&
           name_is_bus(text_skip(rest, sizeof "event-bus/" - 1));
}

/* "arn:aws...:events:REGION:ACCOUNT:KIND/NAME", whatever the kind. */
bool name_is_source_arn(struct text text)
{
    if (!skip_arn_head(&text) || text_contains(text, '\n'))
        return false;
    size_t slash = text_find(text, '/');
    return slash > 0 && slash + 1 < text.len;
}

/* What a '.' of Java matches, any number of times: no end of a line, in none of its forms. */
bool name_is_one_line(struct text text)
{
    static const char *const ends[] = {"\n", "\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};

    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (text_find_text(text, text_of(ends[i])) < text.len)
            return false;
    return true;
}

bool name_is_kms_key(struct text text)
{
    return text.len == 0 || consists_of(text, "_-/:");
}

bool name_is_partner_source(struct text text)
{
    return text_starts(text, TEXT("aws.partner/")) && consists_of(text, "/.-_") &&
           !text_ends(text, TEXT("/")) && text_find_text(text, TEXT("//")) == text.len &&
           text_contains(text_skip(text, sizeof "aws.partner/" - 1), '/');
}

/* --- of HTTP requests --- */

bool name_is_header_key(struct text text)
{
    return consists_of(text, "!#$%&'*+,-.^_`|~");
}

/* Printable characters and tabs, something besides tabs. */
bool name_is_header_value(struct text text)
{
    bool printable = false;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '\t' && (text.at[i] < ' ' || text.at[i] > '~'))
            return false;
        printable = printable || text.at[i] != '\t';
    }
    return printable;
}

static bool has_control_but(struct text text, const char *allowed)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < ' ' || c == 0x7f) && (!c || !strchr(allowed, c)))
            return true;
    }
    return false;
}

bool name_is_query_key(struct text text)
{
    return text.len > 0 && !has_control_but(text, "");
}

bool name_is_query_value(struct text text)
{
    return text.len > 0 && !has_control_but(text, "\n\r");
}

/* Not blanks alone, and one line. */
bool name_is_path_value(struct text text)
{
    return text_trim(text).len > 0 && name_is_one_line(text);
}

bool name_is_path_key(struct text text)
{
    return consists_of(text, "_-");
}

bool name_is_events_action(struct text text)
{
    if (!text_starts(text, TEXT("events:")) || text.len == sizeof "events:" - 1)
        return false;
    for (size_t i = sizeof "events:" - 1; i < text.len; i++)
        if (!is_letter(text.at[i]))
            return false;
    return true;
}

bool name_is_account_or_all(struct text text)
{
    return text_equal(text, TEXT("*")) || name_is_account(text);
}

/* No control characters and no colon, but tabs and blanks; something besides those. */
bool name_is_credential(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < ' ' && c != '\t') || c == ':' || c == 0x7f)
            return false;
    }
    return text_trim(text).len > 0;
}

bool name_is_endpoint(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '%' && i + 2 < text.len) {
            uint8_t byte;
            if (!crypto_unhex(text_slice(text, i + 1, i + 3), &byte))
                return false;
            i += 2;
        } else if (!consists_of(text_slice(text, i, i + 1), "-()_.!~*';/?:@&=+$,")) {
            return false;
        }
    }
    return text.len > 0;
}

bool name_is_connection_arn(struct text text)
{
    if (!skip_arn_head(&text) || !text_starts(text, TEXT("connection/")))
        return false;
    text = text_skip(text, sizeof "connection/" - 1);
    size_t slash = text_find(text, '/');
    return name_is_event_name(text_slice(text, 0, slash)) &&
           consists_of(text_skip(text, slash + 1), "-");
}
