/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/conversion.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "http/uri.h"

static const struct {
    const char *name;
    enum conversion_kind kind;
} kinds[] = {
    {"payload-2.0", CONVERT_PAYLOAD_2},
    {"payload-1.0", CONVERT_PAYLOAD_1},
    {"cloudevents", CONVERT_CLOUDEVENTS},
    {"s3", CONVERT_S3},
    {"raw", CONVERT_RAW},
};

struct conversion *conversion_compile(const json_t *part, struct error *err)
{
    const char *name = json_string_value(part);

    for (size_t i = 0; name && i < COUNT_OF(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0) {
            struct conversion *conversion = mem_new(struct conversion);
            conversion->kind = kinds[i].kind;
            return conversion;
        }
    error_set(err, ERROR_INVALID,
              "conversion must be payload-2.0, payload-1.0, cloudevents, s3 or raw");
    return NULL;
}

void conversion_free(struct conversion *conversion)
{
    free(conversion);
}

/* --- object stores --- */

static struct text without_s3(struct text name)
{
    return text_starts(name, TEXT("s3:")) ? text_skip(name, 3) : name;
}

/* What all of AWS's kind have is kept; what differs is made AWS's. */
static json_t *normal_record(const json_t *record)
{
    json_t *copy = json_deep_copy(record);
    struct text source = json_text(record, "eventSource");

    json_object_set_new(copy, "eventName",
                        json_from_text(without_s3(json_text(record, "eventName"))));
    json_object_set_new(copy, "eventSource", json_string("aws:s3"));
    json_object_set_new(copy, "originalEventSource",
                        json_from_text(text_is_set(source) ? source : TEXT("aws:s3")));
    return copy;
}

static json_t *encoded(struct text key)
{
    scoped(buffer_done) struct buffer out = {0};

    uri_encode(&out, key, true);
    return out.len ? json_from_text(buffer_text(&out)) : json_string("");
}

static json_t *text_of_member(const json_t *object, const char *key)
{
    struct text text = json_text(object, key);

    return text_is_set(text) ? json_from_text(text) : json_null();
}

/* Alibaba's: names of its own, another nesting, keys as they are. */
static json_t *oss_record(const json_t *event)
{
    const json_t *oss = json_object_get(event, "oss"), *bucket = json_object_get(oss, "bucket");
    const json_t *object = json_object_get(oss, "object");
    struct text source = json_text(event, "eventSource");

    return json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:o,s:{s:o},s:{s:o},s:{s:o},s:{s:s,s:o,s:{s:o,s:{s:o},s:o},"
        "s:{s:o,s:I,s:o}}}",
        "eventVersion", "2.1", "eventSource", "aws:s3", "originalEventSource",
        json_from_text(text_is_set(source) ? source : TEXT("acs:oss")), "awsRegion",
        text_of_member(event, "region"), "eventTime", text_of_member(event, "eventTime"),
        "eventName", text_of_member(event, "eventName"), "userIdentity", "principalId",
        text_of_member(json_object_get(event, "userIdentity"), "principalId"), "requestParameters",
        "sourceIPAddress",
        text_of_member(json_object_get(event, "requestParameters"), "sourceIPAddress"),
        "responseElements", "x-amz-request-id",
        text_of_member(json_object_get(event, "responseElements"), "requestId"), "s3",
        "s3SchemaVersion", "1.0", "configurationId", text_of_member(oss, "ruleId"), "bucket",
        "name", text_of_member(bucket, "name"), "ownerIdentity", "principalId",
        text_of_member(bucket, "ownerIdentity"), "arn", text_of_member(bucket, "arn"), "object",
        "key", encoded(json_text(object, "key")), "size", (json_int_t)json_int(object, "size", 0),
        "eTag", text_of_member(object, "eTag"));
}

static bool is_record(const json_t *record, const char *part)
{
    const json_t *inner = json_object_get(record, part);

    return text_is_set(json_text(record, "eventName")) &&
           text_is_set(json_text(json_object_get(inner, "bucket"), "name")) &&
           text_is_set(json_text(json_object_get(inner, "object"), "key"));
}

static bool is_test(const json_t *body)
{
    return text_equal(without_s3(json_text(body, "Event")), TEXT("TestEvent")) ||
           text_equal(without_s3(json_text(body, "EventName")), TEXT("TestEvent"));
}

int conversion_s3(struct text body, struct buffer *out, struct error *err)
{
    struct error reason;
    scoped(json_decref) json_t *json = json_parse(body, &reason);
    scoped(json_decref) json_t *records = json_array();
    const json_t *list = json_object_get(json, "Records"), *record;
    bool is_oss = !list;
    size_t i;

    if (!json)
        return error_set(err, ERROR_INVALID, "The body is not JSON: %s", reason.text);
    if (is_test(json))
        return 0;
    if (is_oss)
        list = json_object_get(json, "events");
    if (json_array_size(list) == 0)
        return error_set(err, ERROR_INVALID,
                         "The body is no notification: it has neither Records nor events");
    json_array_foreach(list, i, record)
    {
        if (!is_record(record, is_oss ? "oss" : "s3"))
            return error_set(err, ERROR_INVALID,
                             "The notification's record %zu lacks its eventName, bucket or object",
                             i);
        json_array_append_new(records, is_oss ? oss_record(record) : normal_record(record));
    }
    scoped(json_decref) json_t *event = json_pack("{s:O}", "Records", records);
    scoped(free) char *text = json_write(event);
    buffer_add_text(out, text_of(text));
    return 0;
}
