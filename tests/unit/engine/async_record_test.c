/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/async_priv.h"

#include "base/json.h"
#include "test.h"

#define LANE "function/000000000000/us-east-1/f"
#define QUEUE "arn:aws:sqs:us-east-1:000000000000:q"
#define BUS "arn:aws:events:us-east-1:000000000000:event-bus/b"
#define REQUEST "8e13f0a0-0000-4000-8000-000000000001"

/* An event on its way, and what its function said of it. */
struct fixture {
    struct lane lane;
    struct task task;
    struct event event;
    struct invocation invocation;
    struct version *version;
    char lane_name[64];
};

static void fixture_init(struct fixture *f, const char *body, const char *response)
{
    *f = (struct fixture){.lane_name = LANE, .version = version_new()};
    f->lane.name = f->lane_name;
    CHECK(function_lane_parse(text_of(f->lane.name), &f->lane.names));
    f->task.lane = &f->lane;
    f->task.event = &f->event;
    f->task.note = (struct note){.request_id = TEXT(REQUEST), .attempts = 2, .hops = 3};
    f->task.change_count = 1;
    buffer_add_text(&f->event.body, text_of(body));
    model_set(&f->version->number, TEXT("$LATEST"));
    f->invocation.version = f->version;
    f->invocation.outcome = INVOCATION_FUNCTION_ERROR;
    snprintf(f->invocation.error_kind, sizeof f->invocation.error_kind, "Unhandled");
    buffer_add_text(&f->invocation.response, text_of(response));
}

static void fixture_done(struct fixture *f)
{
    buffer_done(&f->event.body);
    buffer_done(&f->invocation.response);
    buffer_done(&f->task.record);
    arena_done(&f->task.arena);
    version_unref(f->version);
}

static struct outcome failed(struct fixture *f)
{
    return (struct outcome){.task = &f->task,
                            .invocation = &f->invocation,
                            .condition = "RetriesExhausted",
                            .error_code = TEXT("200"),
                            .error_message = TEXT("no"),
                            .hops = 4};
}

/* A record without its timestamp, which is of 24 characters. */
static void check_record(struct text record, const char *head, const char *rest)
{
    CHECK_TEXT(text_slice(record, 0, strlen(head)), head);
    CHECK_TEXT(text_skip(record, strlen(head) + 24), rest);
}

#define HEAD "{\"version\":\"1.0\",\"timestamp\":\""
#define CONTEXT(condition)                                                          \
    "\",\"requestContext\":{\"requestId\":\"" REQUEST "\","                         \
    "\"functionArn\":\"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST\"," \
    "\"condition\":\"" condition "\",\"approximateInvokeCount\":2},"

TEST(a_record_has_lambdas_members_in_lambdas_order)
{
    struct fixture f;
    struct note note;
    struct error err;

    fixture_init(&f, "{\"n\": 1}", "{\"errorMessage\":\"no\"}");
    struct outcome outcome = failed(&f);
    CHECK(record_put(&outcome, TEXT(QUEUE), &f.task));
    check_record(f.task.changes[1].body, HEAD,
                 CONTEXT("RetriesExhausted") "\"requestPayload\":{\"n\": 1},"
                                             "\"responseContext\":{\"statusCode\":200,"
                                             "\"executedVersion\":\"$LATEST\","
                                             "\"functionError\":\"Unhandled\"},"
                                             "\"responsePayload\":{\"errorMessage\":\"no\"}}");
    CHECK_TEXT(f.task.changes[1].lane, "queue/000000000000/us-east-1/q");
    CHECK(note_parse(f.task.changes[1].note, &f.task.arena, &note, &err) == 0);
    CHECK(note.hops == 4);
    fixture_done(&f);
}

TEST(what_is_no_json_stands_as_a_string)
{
    struct fixture f;

    fixture_init(&f, "{}", "it \"works\"");
    f.invocation.outcome = INVOCATION_OK;
    struct outcome outcome = failed(&f);
    outcome.condition = "Success";
    CHECK(record_put(&outcome, TEXT(QUEUE), &f.task));
    check_record(
        f.task.changes[1].body, HEAD,
        CONTEXT(
            "Success") "\"requestPayload\":{},"
                       "\"responseContext\":{\"statusCode\":200,\"executedVersion\":\"$LATEST\"},"
                       "\"responsePayload\":\"it \\\"works\\\"\"}");
    fixture_done(&f);
}

TEST(a_function_that_did_not_run_said_nothing)
{
    struct fixture f;

    fixture_init(&f, "{}", "");
    struct outcome outcome = failed(&f);
    outcome.invocation = NULL;
    outcome.condition = "ZeroReservedConcurrency";
    CHECK(record_put(&outcome, TEXT(QUEUE), &f.task));
    check_record(f.task.changes[1].body, HEAD,
                 CONTEXT("ZeroReservedConcurrency") "\"requestPayload\":{}}");
    fixture_done(&f);
}

TEST(on_a_bus_the_record_is_the_detail_of_an_event)
{
    struct fixture f;
    struct error err;

    fixture_init(&f, "{}", "{}");
    struct outcome outcome = failed(&f);
    CHECK(record_put(&outcome, TEXT(BUS), &f.task));
    scoped(json_decref) json_t *event = json_parse(f.task.changes[1].body, &err);
    CHECK_MSG(event, "%s", err.text);
    CHECK_TEXT(f.task.changes[1].lane, "bus/000000000000/us-east-1/b");
    CHECK_TEXT(json_text(event, "source"), "lambda");
    CHECK_TEXT(json_text(event, "detail-type"), "Lambda Function Invocation Result - Failure");
    const json_t *resources = json_object_get(event, "resources");
    CHECK_TEXT(text_of(json_string_value(json_array_get(resources, 0))), BUS);
    CHECK_TEXT(text_of(json_string_value(json_array_get(resources, 1))),
               "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST");
    CHECK_TEXT(json_text(json_object_get(event, "detail"), "version"), "1.0");
    fixture_done(&f);
}

TEST(a_function_gets_the_record_as_its_event)
{
    struct fixture f;
    struct note note;
    struct error err;

    fixture_init(&f, "{}", "{}");
    struct outcome outcome = failed(&f);
    CHECK(
        record_put(&outcome, TEXT("arn:aws:lambda:us-east-1:000000000000:function:g:7"), &f.task));
    CHECK_TEXT(f.task.changes[1].lane, "function/000000000000/us-east-1/g");
    CHECK(note_parse(f.task.changes[1].note, &f.task.arena, &note, &err) == 0);
    CHECK_TEXT(note.qualifier, "7");
    CHECK(!text_equal(note.request_id, TEXT(REQUEST)));
    fixture_done(&f);
}

TEST(nothing_is_sent_to_what_is_no_destination)
{
    static const char *const arns[] = {"arn:aws:sns:us-east-1:000000000000:t", "kafka://topic",
                                       "arn:aws:events:us-east-1:000000000000:rule/r"};

    for (size_t i = 0; i < COUNT_OF(arns); i++) {
        struct fixture f;
        fixture_init(&f, "{}", "{}");
        struct outcome outcome = failed(&f);
        CHECK_MSG(!record_put(&outcome, text_of(arns[i]), &f.task), "%s", arns[i]);
        fixture_done(&f);
    }
}

TEST(a_dead_letter_is_the_event_itself)
{
    struct fixture f;
    struct note note;
    struct error err;

    fixture_init(&f, "{\"n\": 1}", "{}");
    struct outcome outcome = failed(&f);
    CHECK(record_dead_letter(&outcome, TEXT(QUEUE), &f.task));
    CHECK_TEXT(f.task.changes[1].body, "{\"n\": 1}");
    CHECK(note_parse(f.task.changes[1].note, &f.task.arena, &note, &err) == 0);
    CHECK_TEXT(note.attributes,
               "{\"RequestID\":{\"DataType\":\"String\",\"StringValue\":\"" REQUEST "\"},"
               "\"ErrorCode\":{\"DataType\":\"Number\",\"StringValue\":\"200\"},"
               "\"ErrorMessage\":{\"DataType\":\"String\",\"StringValue\":\"no\"}}");
    fixture_done(&f);
}

TEST(an_error_message_is_the_first_kilobyte_of_what_was_said)
{
    static const struct {
        const char *response, *message;
    } cases[] = {
        {"{\"errorType\":\"E\",\"errorMessage\":\"a \\\"b\\\"\"}", "a \"b\""},
        {"{\"errorMessage\":7}", ""},
        {"not json", ""},
        {"", ""},
    };
    char text[1100] = "{\"errorMessage\":\"";

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        fixture_init(&f, "{}", cases[i].response);
        CHECK_TEXT(record_error_message(&f.invocation, &f.task.arena), cases[i].message);
        fixture_done(&f);
    }
    /* 1023 bytes and a character of two: it is not cut in the middle. */
    size_t head = strlen(text);
    memset(text + head, 'x', 1023);
    memcpy(text + head + 1023, "\xc3\xa4\"}", 5);
    struct fixture f;
    fixture_init(&f, "{}", text);
    CHECK(record_error_message(&f.invocation, &f.task.arena).len == 1023);
    fixture_done(&f);
}
