/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/conversion.h"

#include "base/json.h"
#include "test.h"

static json_t *convert(const char *body, struct error *err)
{
    scoped(buffer_done) struct buffer out = {0};

    if (conversion_s3(text_of(body), &out, err) < 0)
        return NULL;
    return out.len ? json_parse(buffer_text(&out), err) : json_null();
}

static const json_t *first(const json_t *event)
{
    return json_array_get(json_object_get(event, "Records"), 0);
}

TEST(notifications_of_all_stores_get_one_shape)
{
    static const struct {
        const char *body, *source;
    } cases[] = {
        {"{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"eventName\":"
         "\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"a+b."
         "txt\","
         "\"size\":3}}}]}",
         "aws:s3"},
        {"{\"EventName\":\"s3:ObjectCreated:Put\",\"Key\":\"b/a+b.txt\",\"Records\":[{"
         "\"eventSource\":\"minio:s3\",\"eventName\":\"s3:ObjectCreated:Put\",\"s3\":{\"bucket\":"
         "{\"name\":\"b\"},\"object\":{\"key\":\"a+b.txt\",\"size\":3}}}]}",
         "minio:s3"},
        {"{\"Records\":[{\"eventSource\":\"ceph:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{"
         "\"bucket\":{\"name\":\"b\",\"id\":\"x\"},\"object\":{\"key\":\"a+b.txt\",\"size\":3}}}]}",
         "ceph:s3"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(json_decref) json_t *event = convert(cases[i].body, &err);
        CHECK_MSG(event, "%s", err.text);
        const json_t *record = first(event), *s3 = json_object_get(record, "s3");
        CHECK_TEXT(json_text(record, "eventName"), "ObjectCreated:Put");
        CHECK_TEXT(json_text(record, "eventSource"), "aws:s3");
        CHECK_TEXT(json_text(record, "originalEventSource"), cases[i].source);
        CHECK_TEXT(json_text(json_object_get(s3, "object"), "key"), "a+b.txt");
    }
}

TEST(oss_notifications_are_turned_inside_out)
{
    struct error err = {0};
    scoped(json_decref) json_t *event =
        convert("{\"events\":[{\"eventName\":\"ObjectCreated:PutObject\",\"eventSource\":"
                "\"acs:oss\",\"eventTime\":\"2026-01-01T00:00:00.000Z\",\"region\":\"cn-hangzhou\","
                "\"oss\":{\"bucket\":{\"name\":\"b\",\"ownerIdentity\":\"7\",\"arn\":\"acs:x\"},"
                "\"object\":{\"key\":\"a b/c.txt\",\"size\":9,\"eTag\":\"E\"},\"ruleId\":\"r\"},"
                "\"responseElements\":{\"requestId\":\"q\"}}]}",
                &err);
    CHECK_MSG(event, "%s", err.text);
    const json_t *record = first(event), *s3 = json_object_get(record, "s3");

    CHECK_TEXT(json_text(record, "awsRegion"), "cn-hangzhou");
    CHECK_TEXT(json_text(record, "originalEventSource"), "acs:oss");
    CHECK_TEXT(json_text(json_object_get(s3, "object"), "key"), "a%20b/c.txt");
    CHECK(json_int(json_object_get(s3, "object"), "size", 0) == 9);
    CHECK_TEXT(json_text(json_object_get(record, "responseElements"), "x-amz-request-id"), "q");
}

TEST(what_is_no_notification_is_refused_and_a_test_is_nothing)
{
    struct error err = {0};
    scoped(json_decref) json_t *test =
        convert("{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Bucket\":\"b\"}", &err);

    CHECK(json_is_null(test));
    CHECK(!convert("{\"Records\":[]}", &err) && strstr(err.text, "neither Records nor events"));
    CHECK(!convert("{\"Records\":[{}]}", &err) && strstr(err.text, "record 0 lacks"));
    CHECK(!convert("[", &err) && strstr(err.text, "not JSON"));
}
