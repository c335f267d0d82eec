/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_message.h"

#include "base/json.h"

#include "test.h"

static json_t *parse(const char *json)
{
    struct error err;
    json_t *value = json_parse(text_of(json), &err);

    CHECK_MSG(value, "%s: %s", json, err.text);
    return value;
}

#define VALUE(name, type, member, value) \
    "{\"" name "\":{\"DataType\":\"" type "\",\"" member "\":\"" value "\"}}"
#define STRING(name) VALUE(name, "String", "StringValue", "v")

TEST(attributes_are_what_sqs_takes)
{
    static const char *const good[] = {
        "{}",
        STRING("name"),
        STRING("a-b_c.d"),
        STRING("øßä"),
        VALUE("n", "Number.float", "StringValue", "-1.5e3"),
        VALUE("n", "Number", "StringValue", "12"),
        VALUE("b", "Binary.png", "BinaryValue", "AP8="),
    };
    static const char *const bad[] = {
        STRING(""),
        STRING(".a"),
        STRING("a."),
        STRING("a..b"),
        STRING("aws.x"),
        STRING("Amazon.x"),
        STRING("a b"),
        VALUE("n", "", "StringValue", "v"),
        VALUE("n", "Text", "StringValue", "v"),
        VALUE("n", "Stringy", "StringValue", "v"),
        VALUE("n", "String", "StringValue", ""),
        VALUE("n", "String", "BinaryValue", "AP8="),
        VALUE("n", "String", "StringValue", "\\u0001"),
        VALUE("n", "Number", "StringValue", "one"),
        VALUE("n", "Number", "StringValue", "0x10"),
        VALUE("b", "Binary", "BinaryValue", "?"),
        "{\"n\":\"v\"}",
    };

    for (size_t i = 0; i < COUNT_OF(good) + COUNT_OF(bad); i++) {
        bool is_good = i < COUNT_OF(good);
        const char *text = is_good ? good[i] : bad[i - COUNT_OF(good)];
        struct error err = {0};
        size_t bytes;
        scoped(json_decref) json_t *attributes = parse(text);
        CHECK_MSG((sqs_attributes_check(attributes, &bytes, &err) == 0) == is_good, "%s: %s", text,
                  err.text);
    }
}

TEST(a_body_holds_what_xml_can_hold)
{
    CHECK(sqs_body_is_valid(TEXT("a\t\r\n\xc3\xa4\xf0\x9f\x99\x82\xef\xbf\xbd")));
    CHECK(!sqs_body_is_valid(TEXT("a\x01")));
    CHECK(!sqs_body_is_valid(text_from("a\0b", 3)));
    CHECK(!sqs_body_is_valid(TEXT("\xef\xbf\xbe")));
    CHECK(!sqs_body_is_valid(TEXT("\xef\xbf\xbf")));
}

TEST(ids_have_their_alphabets)
{
    CHECK(sqs_id_is_valid(TEXT("aZ9!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")));
    CHECK(!sqs_id_is_valid(TEXT("")) && !sqs_id_is_valid(TEXT("a b")) &&
          !sqs_id_is_valid(TEXT("\xc3\xa4")));
    CHECK(sqs_entry_id_is_valid(TEXT("a-B_9")));
    CHECK(!sqs_entry_id_is_valid(TEXT("a.b")) && !sqs_entry_id_is_valid(TEXT("")));
}
