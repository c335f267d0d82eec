/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_message.h"

#include "base/json.h"

#define PUNCTUATION "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

/* --- bodies and ids --- */

/* U+FFFE and U+FFFF; other characters above the controls are allowed, and what is no UTF-8
 * did not come through the JSON parser. */
static bool is_noncharacter(const char *at, size_t left)
{
    return left >= 3 && (unsigned char)at[0] == 0xef && (unsigned char)at[1] == 0xbf &&
           (unsigned char)at[2] >= 0xbe;
}

bool sqs_body_is_valid(struct text body)
{
    for (size_t i = 0; i < body.len; i++) {
        unsigned char c = (unsigned char)body.at[i];
        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') ||
            is_noncharacter(body.at + i, body.len - i))
            return false;
    }
    return true;
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool consists_of(struct text text, size_t max, const char *others)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_alphanumeric(text.at[i]) && (text.at[i] == '\0' || !strchr(others, text.at[i])))
            return false;
    return text.len > 0 && text.len <= max;
}

bool sqs_id_is_valid(struct text id)
{
    return consists_of(id, 128, PUNCTUATION);
}

bool sqs_entry_id_is_valid(struct text id)
{
    return consists_of(id, 80, "-_");
}

/* --- attributes --- */

/* Letters beyond ASCII pass in practice. */
static bool name_is_valid(struct text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_alphanumeric(name.at[i]) && (unsigned char)name.at[i] < 0x80 &&
            (name.at[i] == '\0' || !strchr("-_.", name.at[i])))
            return false;
    return name.len > 0 && name.len <= SQS_ATTRIBUTE_NAME_MAX && name.at[0] != '.' &&
           name.at[name.len - 1] != '.' && text_find_text(name, TEXT("..")) == name.len &&
           !text_equal_nocase(text_slice(name, 0, 4), TEXT("AWS.")) &&
           !text_equal_nocase(text_slice(name, 0, 7), TEXT("Amazon."));
}

static bool is_binary(struct text type)
{
    return text_starts(type, TEXT("Binary"));
}

static bool type_is_valid(struct text type)
{
    static const char *const types[] = {"String", "Number", "Binary"};

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct text rest = text_skip(type, strlen(types[i]));
        if (text_starts(type, text_of(types[i])) && (rest.len == 0 || rest.at[0] == '.'))
            return type.len <= SQS_ATTRIBUTE_NAME_MAX;
    }
    return false;
}

static bool is_number(struct text value)
{
    scoped(free) char *copy = text_dup(value);
    char *end;

    (void)strtod(copy, &end);
    return value.len > 0 && *end == '\0' && strlen(copy) == value.len &&
           strspn(copy, "+-.0123456789eE") == value.len;
}

/* The value as the digest sees it. False: binary that is no base64. */
static bool value_of(const json_t *attribute, struct buffer *out)
{
    if (is_binary(json_text(attribute, "DataType")))
        return crypto_unbase64(json_text(attribute, "BinaryValue"), out);
    buffer_add_text(out, json_text(attribute, "StringValue"));
    return true;
}

static int check_value(struct text name, const json_t *attribute, size_t *bytes, struct error *err)
{
    struct text type = json_text(attribute, "DataType");
    scoped(buffer_done) struct buffer value = {0};
    const char *general = is_binary(type)                     ? "Binary"
                          : text_starts(type, TEXT("Number")) ? "Number"
                                                              : "String";

    if (!value_of(attribute, &value) || value.len == 0)
        return error_set(err, ERROR_INVALID,
                         "Message (user) attribute '%.*s' must contain a non-empty value of type "
                         "'%s'.",
                         TEXT_ARG(name), general);
    if (!is_binary(type) && !sqs_body_is_valid(buffer_text(&value)))
        return error_set(err, ERROR_INVALID,
                         "Message (user) attribute '%.*s' contains characters that are not "
                         "allowed.",
                         TEXT_ARG(name));
    if (*general == 'N' && !is_number(buffer_text(&value)))
        return error_set(err, ERROR_INVALID,
                         "Can't cast the value of message (user) attribute '%.*s' to a number.",
                         TEXT_ARG(name));
    *bytes += name.len + type.len + value.len;
    return 0;
}

static int check_attribute(struct text name, const json_t *attribute, size_t *bytes,
                           struct error *err)
{
    struct text type = json_text(attribute, "DataType");

    if (!name_is_valid(name))
        return error_set(err, ERROR_INVALID, "Invalid message (user) attribute name '%.*s'.",
                         TEXT_ARG(name));
    if (type.len == 0)
        return error_set(err, ERROR_INVALID,
                         "The message (user) attribute '%.*s' must contain a non-empty message "
                         "attribute type.",
                         TEXT_ARG(name));
    if (!type_is_valid(type))
        return error_set(err, ERROR_INVALID,
                         "The type of message (user) attribute '%.*s' is invalid. You must use "
                         "only the following supported type prefixes: Binary, Number, String.",
                         TEXT_ARG(name));
    return check_value(name, attribute, bytes, err);
}

int sqs_attributes_check(const json_t *attributes, size_t *ret_bytes, struct error *err)
{
    const char *key;
    size_t key_len;
    json_t *attribute;

    *ret_bytes = 0;
    if (json_object_size(attributes) > SQS_ATTRIBUTES_MAX)
        return error_set(err, ERROR_INVALID,
                         "Number of message attributes [%zu] exceeds the allowed maximum [%d].",
                         json_object_size(attributes), SQS_ATTRIBUTES_MAX);
    json_object_keylen_foreach((json_t *)(uintptr_t)attributes, key, key_len, attribute)
    {
        if (check_attribute(text_from(key, key_len), attribute, ret_bytes, err) < 0)
            return -1;
    }
    return 0;
}
