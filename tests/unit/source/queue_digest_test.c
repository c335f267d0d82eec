/* SPDX-License-Identifier: Apache-2.0 */
#include "source/queue_digest.h"

#include "base/json.h"

#include "test.h"

static json_t *parse(const char *json)
{
    struct error err;
    json_t *value = json_parse(text_of(json), &err);

    CHECK_MSG(value, "%s: %s", json, err.text);
    return value;
}

/* What AWS's documentation and SDKs compute. */
TEST(attributes_have_aws_digest)
{
    static const struct {
        const char *attributes, *digest;
    } cases[] = {
        {"{\"x\":{\"DataType\":\"String\",\"StringValue\":\"1\"}}",
         "4282151a8e15d1dfa856acee2d05b0e6"},
        {"{\"timestamp\":{\"DataType\":\"Number\",\"StringValue\":\"1493147359900\"}}",
         "235c5c510d26fb653d073faed50ae77c"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char digest[QUEUE_DIGEST_LEN + 1];
        scoped(json_decref) json_t *attributes = parse(cases[i].attributes);
        CHECK(queue_digest_attributes(attributes, NULL, NULL, digest));
        CHECK_TEXT(text_of(digest), cases[i].digest);
    }
}

static bool is_not_b(const void *arg, struct text name)
{
    (void)arg;
    return !text_equal(name, TEXT("b"));
}

TEST(a_digest_covers_what_is_wanted_in_the_order_of_names)
{
    char all[QUEUE_DIGEST_LEN + 1], some[QUEUE_DIGEST_LEN + 1], same[QUEUE_DIGEST_LEN + 1];
    scoped(json_decref) json_t *three =
        parse("{\"c\":{\"DataType\":\"Binary\",\"BinaryValue\":\"AP8=\"},"
              "\"b\":{\"DataType\":\"String\",\"StringValue\":\"2\"},"
              "\"a\":{\"DataType\":\"String\",\"StringValue\":\"1\"}}");
    scoped(json_decref) json_t *two =
        parse("{\"a\":{\"DataType\":\"String\",\"StringValue\":\"1\"},"
              "\"c\":{\"DataType\":\"Binary\",\"BinaryValue\":\"AP8=\"}}");

    CHECK(queue_digest_attributes(three, NULL, NULL, all));
    CHECK(queue_digest_attributes(three, is_not_b, NULL, some));
    CHECK(queue_digest_attributes(two, NULL, NULL, same));
    CHECK_TEXT(text_of(some), same);
    CHECK(strcmp(all, some) != 0);
    scoped(json_decref) json_t *none = json_object();
    CHECK(!queue_digest_attributes(none, NULL, NULL, all));
    CHECK(!queue_digest_attributes(NULL, NULL, NULL, all));
}
