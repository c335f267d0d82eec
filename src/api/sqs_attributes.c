/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_attributes.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "model/limits.h"
#include "store/queue_message.h"

enum kind { KIND_NUMBER, KIND_BOOL, KIND_CHOICE, KIND_JSON, KIND_TEXT };

static const struct attribute {
    const char *name;
    enum kind kind;
    int64_t min, max;
    const char *choices; /* of KIND_CHOICE */
    const char *absent;  /* shown when it was not set; NULL: not shown */
    bool fifo_only;
} attributes[] = {
    {"VisibilityTimeout", KIND_NUMBER, 0, 43200, .absent = "30"},
    {"DelaySeconds", KIND_NUMBER, 0, 900, .absent = "0"},
    {"ReceiveMessageWaitTimeSeconds", KIND_NUMBER, 0, 20, .absent = "0"},
    {"MessageRetentionPeriod", KIND_NUMBER, 60, 1209600, .absent = "345600"},
    {"MaximumMessageSize", KIND_NUMBER, 1024, 1048576, .absent = "1048576"},
    {"KmsDataKeyReusePeriodSeconds", KIND_NUMBER, 60, 86400},
    {"KmsMasterKeyId", KIND_TEXT},
    {"SqsManagedSseEnabled", KIND_BOOL, .absent = "true"},
    {"Policy", KIND_JSON},
    {"RedrivePolicy", KIND_JSON},
    {"RedriveAllowPolicy", KIND_JSON},
    {"FifoQueue", KIND_BOOL, .absent = "true", .fifo_only = true},
    {"ContentBasedDeduplication", KIND_BOOL, .absent = "false", .fifo_only = true},
    {"DeduplicationScope", KIND_CHOICE, .choices = "queue,messageGroup", .absent = "queue",
     .fifo_only = true},
    {"FifoThroughputLimit", KIND_CHOICE, .choices = "perQueue,perMessageGroupId",
     .absent = "perQueue", .fifo_only = true},
};

/* Shown, never set. */
static const char *const read_only[] = {
    "All",
    "QueueArn",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
};

static const struct attribute *find_attribute(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(attributes); i++)
        if (text_equal(text_of(attributes[i].name), name))
            return &attributes[i];
    return NULL;
}

bool sqs_attribute_is_known(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(read_only); i++)
        if (text_equal(text_of(read_only[i]), name))
            return true;
    return find_attribute(name) != NULL;
}

const char *sqs_attribute_name(size_t index)
{
    return index < COUNT_OF(attributes) ? attributes[index].name : NULL;
}

/* --- complaints --- */

__attribute__((format(printf, 3, 4))) static bool
complain(struct sqs_complaint *complaint, const char *code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(complaint->text, sizeof complaint->text, format, arguments);
    va_end(arguments);
    complaint->code = code;
    return false;
}

static bool complain_value(struct sqs_complaint *complaint, const char *name)
{
    return complain(complaint, "InvalidAttributeValue", "Invalid value for the parameter %s.",
                    name);
}

static bool complain_policy(struct sqs_complaint *complaint, const char *name, struct text value,
                            const char *reason)
{
    return complain(complaint, "InvalidParameterValueException",
                    "Value %.*s for parameter %s is invalid. Reason: %s",
                    TEXT_ARG(text_slice(value, 0, 700)), name, reason);
}

/* --- values --- */

static bool is_one_of(struct text value, const char *choices)
{
    struct text rest = text_of(choices), one;

    while (text_split(&rest, ',', &one))
        if (text_equal(one, value))
            return true;
    return false;
}

static bool has_form(const struct attribute *attribute, struct text value)
{
    int64_t number;
    struct error err;

    switch (attribute->kind) {
    case KIND_NUMBER:
        return text_to_int(value, attribute->min, attribute->max, &number);
    case KIND_BOOL:
        return is_one_of(value, "true,false");
    case KIND_CHOICE:
        return is_one_of(value, attribute->choices);
    case KIND_TEXT:
        return value.len <= 2048;
    case KIND_JSON:
        break;
    }
    scoped(json_decref) json_t *json = value.len > 0 ? json_parse(value, &err) : NULL;
    return value.len == 0 || (json_is_object(json) && value.len <= LIMIT_POLICY_BYTES);
}

/* --- redrive --- */

static bool check_receives(const json_t *policy, struct text value, struct sqs_complaint *complaint)
{
    const json_t *member = json_object_get(policy, "maxReceiveCount");
    int64_t count = json_int(policy, "maxReceiveCount", 0);
    char reason[160];

    if (json_is_string(member))
        (void)text_to_int(json_text(policy, "maxReceiveCount"), 0, INT32_MAX, &count);
    if (count >= 1 && count <= 1000)
        return true;
    snprintf(reason, sizeof reason,
             "Invalid value for maxReceiveCount: %lld, valid values are from 1 to 1000 both "
             "inclusive.",
             (long long)count);
    return complain_policy(complaint, "RedrivePolicy", value, reason);
}

static bool is_queue_arn(struct text arn)
{
    scoped(arena_done) struct arena arena = {0};

    return text_is_set(queue_lane_of_arn(arn, &arena));
}

static bool check_redrive(const struct sqs_check *check, struct text value,
                          struct sqs_complaint *complaint)
{
    static const char *const members[] = {"deadLetterTargetArn", "maxReceiveCount"};
    struct error err;
    char reason[160];

    if (value.len == 0)
        return true;
    scoped(json_decref) json_t *policy = json_parse(value, &err);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        if (json_object_get(policy, members[i]))
            continue;
        snprintf(reason, sizeof reason, "Redrive policy does not contain mandatory attribute: %s.",
                 members[i]);
        return complain_policy(complaint, "RedrivePolicy", value, reason);
    }
    struct text arn = json_text(policy, "deadLetterTargetArn");
    if (!is_queue_arn(arn))
        return complain_policy(complaint, "RedrivePolicy", value,
                               "Invalid value for deadLetterTargetArn.");
    if (!check_receives(policy, value, complaint))
        return false;
    if (!check->exists(check->arg, arn))
        return complain_policy(complaint, "RedrivePolicy", value,
                               "Dead letter target does not exist.");
    if (text_ends(arn, TEXT(".fifo")) != check->is_fifo)
        return complain_policy(complaint, "RedrivePolicy", value,
                               "Dead-letter queue must be same type of queue as the source.");
    return true;
}

static bool check_allow(struct text value, struct sqs_complaint *complaint)
{
    struct error err;

    if (value.len == 0)
        return true;
    scoped(json_decref) json_t *policy = json_parse(value, &err);
    struct text permission = json_text(policy, "redrivePermission");
    size_t count = json_array_size(json_object_get(policy, "sourceQueueArns"));
    bool is_by_queue = text_equal(permission, TEXT("byQueue"));

    if (!is_one_of(permission, "allowAll,denyAll,byQueue") || (count > 0) != is_by_queue ||
        count > 10)
        return complain_policy(complaint, "RedriveAllowPolicy", value,
                               "Amazon SQS can't create the redrive allow policy, as it's in an "
                               "unsupported format.");
    return true;
}

/* --- all of them --- */

static bool check_fifo(const struct sqs_check *check, const struct attribute *attribute,
                       struct text value, struct sqs_complaint *complaint)
{
    bool is_type = strcmp(attribute->name, "FifoQueue") == 0;

    if (check->is_fifo) {
        if (is_type && text_equal(value, TEXT("false")))
            return complain(complaint, "InvalidAttributeValue",
                            "Invalid value for the parameter FifoQueue. Reason: Modifying queue "
                            "type is not supported.");
        return true;
    }
    if (is_type || attribute->kind == KIND_BOOL)
        return complain(complaint, "InvalidAttributeName", "Unknown Attribute %s.",
                        attribute->name);
    return complain(complaint, "InvalidAttributeName",
                    "You can specify the %s only when FifoQueue is set to true.", attribute->name);
}

static bool check_one(const struct sqs_check *check, struct text name, const json_t *json,
                      struct sqs_complaint *complaint)
{
    const struct attribute *attribute = find_attribute(name);
    struct text value = text_from(json_string_value(json), json_string_length(json));

    if (!attribute)
        return complain(complaint, "InvalidAttributeName", "Unknown Attribute %.*s.",
                        TEXT_ARG(text_slice(name, 0, 256)));
    if (attribute->fifo_only && !check_fifo(check, attribute, value, complaint))
        return false;
    if (!json_is_string(json) || !has_form(attribute, value))
        return complain_value(complaint, attribute->name);
    if (strcmp(attribute->name, "RedrivePolicy") == 0)
        return check_redrive(check, value, complaint);
    if (strcmp(attribute->name, "RedriveAllowPolicy") == 0)
        return check_allow(value, complaint);
    return true;
}

static bool is_text(const json_t *object, const char *name, const char *value)
{
    return text_equal(json_text(object, name), text_of(value));
}

/* Keys of KMS's, or SQS's own: one at a time. */
static bool check_encryption(const struct sqs_check *check, struct sqs_complaint *complaint)
{
    if (json_text(check->attributes, "KmsMasterKeyId").len == 0 ||
        !is_text(check->attributes, "SqsManagedSseEnabled", "true"))
        return true;
    return complain(complaint, "InvalidAttributeName",
                    "You can use one type of server-side encryption (SSE) at one time. You can "
                    "either enable KMS SSE or SQS SSE.");
}

bool sqs_attributes_valid(const struct sqs_check *check, struct sqs_complaint *complaint)
{
    const char *key;
    size_t key_len;
    json_t *value;

    json_object_keylen_foreach((json_t *)(uintptr_t)check->attributes, key, key_len, value)
    {
        if (!check_one(check, text_from(key, key_len), value, complaint))
            return false;
    }
    return check_encryption(check, complaint);
}

void sqs_attributes_normalise(json_t *given)
{
    static const char *const values[] = {"true", "false"};

    for (size_t i = 0; i < COUNT_OF(attributes); i++)
        for (size_t j = 0; attributes[i].kind == KIND_BOOL && j < COUNT_OF(values); j++)
            if (text_equal_nocase(json_text(given, attributes[i].name), text_of(values[j])))
                (void)json_object_set_new(given, attributes[i].name, json_string(values[j]));
}

void sqs_attributes_apply(json_t *current, const json_t *changes)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)changes, key, value)
    {
        const struct attribute *attribute = find_attribute(text_of(key));
        bool is_cleared = json_string_length(value) == 0 &&
                          (attribute->kind == KIND_JSON || attribute->kind == KIND_TEXT);
        if (is_cleared)
            (void)json_object_del(current, key);
        else
            (void)json_object_set(current, key, value);
    }
    if (json_text(changes, "KmsMasterKeyId").len > 0)
        (void)json_object_set_new(current, "SqsManagedSseEnabled", json_string("false"));
    if (is_text(changes, "SqsManagedSseEnabled", "true")) {
        (void)json_object_del(current, "KmsMasterKeyId");
        (void)json_object_del(current, "KmsDataKeyReusePeriodSeconds");
    }
    if (is_text(current, "KmsDataKeyReusePeriodSeconds", "300") &&
        !json_object_get(current, "KmsMasterKeyId"))
        (void)json_object_del(current, "KmsDataKeyReusePeriodSeconds");
}

const char *sqs_attribute_shown(const json_t *current, bool is_fifo, const char *name)
{
    const struct attribute *attribute = find_attribute(text_of(name));
    const char *set = json_string_value(json_object_get(current, name));

    if (!attribute || (attribute->fifo_only && !is_fifo))
        return NULL;
    return set ? set : attribute->absent;
}

const char *sqs_attributes_conflict(const json_t *current, bool is_fifo, const json_t *wanted)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        const char *shown = sqs_attribute_shown(current, is_fifo, key);
        if (strcmp(shown ? shown : "", json_string_value(value)) != 0)
            return key;
    }
    return NULL;
}
