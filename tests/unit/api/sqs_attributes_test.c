/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sqs_attributes.h"

#include "base/json.h"

#include "test.h"

static json_t *parse(const char *json)
{
    struct error err;
    json_t *value = json_parse(text_of(json), &err);

    CHECK_MSG(value, "%s: %s", json, err.text);
    return value;
}

TEST(truth_values_are_spelled_small)
{
    static const struct {
        const char *given, *kept;
    } cases[] = {
        {"{}", "{}"},
        {"{\"FifoQueue\":\"True\"}", "{\"FifoQueue\":\"true\"}"},
        {"{\"SqsManagedSseEnabled\":\"FALSE\",\"DelaySeconds\":\"1\"}",
         "{\"SqsManagedSseEnabled\":\"false\",\"DelaySeconds\":\"1\"}"},
        {"{\"ContentBasedDeduplication\":\"yes\"}", "{\"ContentBasedDeduplication\":\"yes\"}"},
        {"{\"KmsMasterKeyId\":\"True\"}", "{\"KmsMasterKeyId\":\"True\"}"},
        {"{\"FifoQueue\":1}", "{\"FifoQueue\":1}"},
        {"[\"FifoQueue\"]", "[\"FifoQueue\"]"},
    };

    sqs_attributes_normalise(NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(json_decref) json_t *got = parse(cases[i].given);
        scoped(json_decref) json_t *want = parse(cases[i].kept);
        sqs_attributes_normalise(got);
        CHECK_MSG(json_equal(got, want), "%s", cases[i].given);
    }
}

#define DEAD "arn:aws:sqs:us-east-1:000000000000:dead"
#define POLICY(arn, count)                                       \
    "{\"RedrivePolicy\":\"{\\\"deadLetterTargetArn\\\":\\\"" arn \
    "\\\",\\\"maxReceiveCount\\\":" count "}\"}"

static bool is_dead(void *arg, struct text arn)
{
    return text_equal(arn, text_of(arg));
}

TEST(a_redrive_policy_names_a_queue_by_its_arn)
{
    static const struct {
        const char *attributes, *reason; /* NULL: valid */
    } cases[] = {
        {POLICY(DEAD, "3"), NULL},
        {POLICY("dead", "3"), "Invalid value for deadLetterTargetArn."},
        {POLICY("", "0"), "Invalid value for deadLetterTargetArn."},
        {POLICY("arn:aws:sns:us-east-1:000000000000:dead", "3"),
         "Invalid value for deadLetterTargetArn."},
        {POLICY(DEAD "ly", "3"), "Dead letter target does not exist."},
        {POLICY(DEAD ".fifo", "3"), "Dead letter target does not exist."},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(json_decref) json_t *attributes = parse(cases[i].attributes);
        struct sqs_complaint complaint = {0};
        const struct sqs_check check = {
            .attributes = attributes, .exists = is_dead, .arg = (char[]){DEAD}};
        bool is_valid = sqs_attributes_valid(&check, &complaint);
        CHECK_MSG(is_valid == !cases[i].reason, "%s: %s", cases[i].attributes, complaint.text);
        if (cases[i].reason)
            CHECK_MSG(text_ends(text_of(complaint.text), text_of(cases[i].reason)), "%s",
                      complaint.text);
    }
}
