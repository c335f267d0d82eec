/* SPDX-License-Identifier: Apache-2.0 */
#include "source/schedule_target.h"

#include "base/json.h"
#include "test.h"

#define ARN(service, rest) "arn:aws:" service ":us-east-1:000000000000:" rest
#define SDK(action) "arn:aws:scheduler:::aws-sdk:" action

/* NULL: it can be started; otherwise what is wrong. The text lives until the next call. */
static const char *check(const char *arn, const char *input, const char *parameters)
{
    static struct error err;
    scoped(json_decref) json_t *target = json_pack("{s:s}", "Arn", arn);

    if (input)
        json_object_set_new(target, "Input", json_string(input));
    if (parameters)
        json_object_set_new(target, "EventBridgeParameters", json_parse(text_of(parameters), &err));
    return schedule_target_check(target, &err) == 0 ? NULL : err.text;
}

static void check_refused(const char *arn, const char *input, const char *why)
{
    const char *text = check(arn, input, NULL);

    CHECK_MSG(text, "'%s' is accepted", arn);
    CHECK_MSG(strstr(text, why), "'%s': '%s', not '%s'", arn, text, why);
}

TEST(functions_queues_and_buses_can_be_started)
{
    CHECK(!check(ARN("lambda", "function:f"), NULL, NULL));
    CHECK(!check(ARN("lambda", "function:f:7"), "{\"a\": 1}", NULL));
    CHECK(!check(ARN("sqs", "q"), "any text", NULL));
    CHECK(!check(ARN("events", "event-bus/default"), "{}",
                 "{\"DetailType\": \"Tick\", \"Source\": \"me\"}"));
    CHECK(!check(SDK("lambda:invoke"), "{\"FunctionName\": \"f\"}", NULL));
    CHECK(!check(SDK("sqs:sendMessage"), "{}", NULL));
    CHECK(!check(SDK("events:putEvents"), "{}", NULL));
}

TEST(others_are_refused_when_the_schedule_is_made)
{
    check_refused("", NULL, "not in correct format");
    check_refused("f", NULL, "not in correct format");
    check_refused(ARN("lambda", "layer:f"), NULL, "lambda is not a supported service");
    check_refused(ARN("lambda", "function:"), NULL, "lambda is not a supported service");
    check_refused(ARN("states", "stateMachine:m"), NULL, "states is not a supported service");
    check_refused(SDK("cobol:run"), "{}", "cobol is not a supported service for a target.");
    check_refused(SDK("sqs:receiveMessage"), "{}",
                  "receiveMessage is not a supported api for a target.");
    check_refused(SDK("lambda"), "{}", "is not a supported api");
}

TEST(an_input_is_json_where_the_target_needs_it)
{
    check_refused(ARN("lambda", "function:f"), "{", "Input must be valid JSON.");
    check_refused(SDK("sqs:sendMessage"), "hello", "Input must be valid JSON.");
    check_refused(SDK("lambda:invoke"), NULL, "Input must be valid JSON.");
    check_refused(ARN("events", "event-bus/default"), "{}", "EventBridgeParameters");
}
