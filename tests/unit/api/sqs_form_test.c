/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_form.h"

#include "base/json.h"

#include "test.h"

TEST(a_form_becomes_what_a_json_client_sends)
{
    static const struct {
        const char *form, *json;
    } cases[] = {
        {"Action=SendMessage&Version=2012-11-05", "{}"},
        {"QueueUrl=http%3A%2F%2Fh%2F000000000000%2Fq&MessageBody=a+b%26&DelaySeconds=5",
         "{\"QueueUrl\":\"http://h/000000000000/q\",\"MessageBody\":\"a b&\",\"DelaySeconds\":5}"},
        {"VisibilityTimeout=-1&WaitTimeSeconds=x",
         "{\"VisibilityTimeout\":-1,\"WaitTimeSeconds\":\"x\"}"},
        {"Attribute.1.Name=A&Attribute.1.Value=1&Attribute.2.Name=B&Attribute.2.Value=",
         "{\"Attributes\":{\"A\":\"1\",\"B\":\"\"}}"},
        {"Tag.1.Key=k&Tag.1.Value=v&TagKey.2=b&TagKey.1=a",
         "{\"Tags\":{\"k\":\"v\"},\"TagKeys\":[\"a\",\"b\"]}"},
        {"AttributeName.10=j&AttributeName.9=i&AttributeName.1=a",
         "{\"AttributeNames\":[\"a\",\"i\",\"j\"]}"},
        {"MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=String&"
         "MessageAttribute.1.Value.StringValue=s",
         "{\"MessageAttributes\":{\"n\":{\"DataType\":\"String\",\"StringValue\":\"s\"}}}"},
        {"SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.1.Id=a&"
         "SendMessageBatchRequestEntry.1.DelaySeconds=1&"
         "SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&"
         "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=Number",
         "{\"Entries\":[{\"Id\":\"a\",\"DelaySeconds\":1,\"MessageAttributes\":"
         "{\"n\":{\"DataType\":\"Number\"}}},{\"Id\":\"b\"}]}"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err;
        scoped(arena_done) struct arena arena = {0};
        scoped(json_decref) json_t *got = sqs_form_parse(text_of(cases[i].form), &arena);
        scoped(json_decref) json_t *want = json_parse(text_of(cases[i].json), &err);
        scoped(free) char *shown = json_write(got);
        CHECK(want);
        CHECK_MSG(json_equal(got, want), "%s: %s", cases[i].form, shown);
    }
}

TEST(what_is_no_parameter_is_left_out)
{
    static const char *const forms[] = {
        "",
        "&&=&a",
        "Attribute=x",
        "Attribute.0.Name=x",
        "Attribute.1001.Name=x&Attribute.99999999999999999999.Name=x",
        "Attribute.x.Name=x",
        "MessageBody=%zz",
        "MessageBody=%00",
        "Foo.1.Bar=x",
    };

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(json_decref) json_t *got = sqs_form_parse(text_of(forms[i]), &arena);
        scoped(free) char *shown = json_write(got);
        CHECK_MSG(json_object_size(got) == 0, "%s: %s", forms[i], shown);
    }
}

TEST(names_and_values_with_nul_count_for_nothing)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(json_decref) json_t *got = sqs_form_parse(
        TEXT("MessageBody=a\0b&MessageAttribute.1.Name=n&MessageAttribute.1.Value.Data\0Type=s"
             "&Tag.1.Key=k\0&Tag.1.Value=v&Attribute.1.\0=x&MessageGroupId=g"),
        &arena);
    scoped(free) char *shown = json_write(got);

    CHECK_TEXT(text_of(shown),
               "{\"MessageAttributes\":{\"n\":\"\"},\"Tags\":{},\"MessageGroupId\":\"g\"}");
}

TEST(a_batch_does_not_hold_batches)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(json_decref) json_t *got = sqs_form_parse(
        TEXT("SendMessageBatchRequestEntry.1.SendMessageBatchRequestEntry.1.Id=a"), &arena);
    scoped(free) char *shown = json_write(got);

    CHECK_TEXT(text_of(shown), "{\"Entries\":[{}]}");
}

TEST(the_path_of_a_queue_is_an_account_and_a_name)
{
    CHECK(sqs_is_queue_path(TEXT("/000000000000/q")));
    CHECK(sqs_is_queue_path(TEXT("/123456789012/q.fifo")));
    CHECK(!sqs_is_queue_path(TEXT("/")));
    CHECK(!sqs_is_queue_path(TEXT("/123456789012")));
    CHECK(!sqs_is_queue_path(TEXT("/123456789012/")));
    CHECK(!sqs_is_queue_path(TEXT("/12345678901x/q")));
    CHECK(!sqs_is_queue_path(TEXT("/123456789012/q/r")));
    CHECK(!sqs_is_queue_path(TEXT("/2015-03-31/functions")));
}
