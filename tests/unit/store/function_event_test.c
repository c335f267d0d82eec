/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/crypto.h"
#include "model/note.h"
#include "store/function_event.h"

TEST(a_function_arn_and_its_lane_name_the_same)
{
    static const struct {
        const char *arn, *lane, *qualifier;
    } cases[] = {
        {"arn:aws:lambda:us-east-1:000000000000:function:f", "function/000000000000/us-east-1/f",
         ""},
        {"arn:aws:lambda:us-east-1:000000000000:function:f:7", "function/000000000000/us-east-1/f",
         "7"},
        {"arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
         "function/000000000000/us-east-1/f", "$LATEST"},
        {"arn:aws:lambda:us-east-1:000000000000:function:", "", ""},
        {"arn:aws:lambda:us-east-1:000000000000:function:f:7:8", "", ""},
        {"arn:aws:lambda:us-east-1:000000000000:layer:f", "", ""},
        {"arn:aws:lambda:us-east-1::function:f", "", ""},
        {"arn:aws:lambda:us-east-1:000000000000:function:../f", "", ""},
        {"arn:aws:sqs:us-east-1:000000000000:f", "", ""},
        {"", "", ""},
    };
    scoped(arena_done) struct arena arena = {0};
    struct text qualifier;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text lane = function_lane_of_arn(text_of(cases[i].arn), &arena, &qualifier);
        CHECK_TEXT(lane, cases[i].lane);
        CHECK(text_is_set(lane) == (cases[i].lane[0] != '\0'));
        if (text_is_set(lane))
            CHECK_TEXT(qualifier, cases[i].qualifier);
    }
    CHECK_TEXT(function_arn_of_lane(TEXT("function/000000000000/us-east-1/f"), &arena),
               "arn:aws:lambda:us-east-1:000000000000:function:f");
    CHECK(!text_is_set(function_arn_of_lane(TEXT("queue/000000000000/us-east-1/f"), &arena)));
    CHECK(!text_is_set(function_arn_of_lane(TEXT("function/000000000000/us-east-1"), &arena)));
}

TEST(an_event_carries_what_its_sender_said)
{
    scoped(arena_done) struct arena arena = {0};
    struct event_change change;
    struct error err;
    struct note note;
    const struct function_event event = {
        .lane = TEXT("function/000000000000/us-east-1/f"),
        .qualifier = TEXT("7"),
        .body = TEXT("{\"a\":1}"),
        .trace = TEXT("Root=1-2-3"),
        .hops = 4,
        .source_arn = TEXT("arn:aws:events:us-east-1:000000000000:rule/r"),
    };

    function_event_put(&event, &arena, &change);
    CHECK(change.action == EVENT_PUT && change.due_ms == 0);
    CHECK_TEXT(change.lane, "function/000000000000/us-east-1/f");
    CHECK_TEXT(change.body, "{\"a\":1}");
    CHECK(note_parse(change.note, &arena, &note, &err) == 0);
    CHECK(note.request_id.len == UUID_LEN && note.first_ms > 0);
    CHECK(note.hops == 4 && note.attempts == 0);
    CHECK_TEXT(note.qualifier, "7");
    CHECK_TEXT(note.trace, "Root=1-2-3");
    CHECK_TEXT(note.source_arn, "arn:aws:events:us-east-1:000000000000:rule/r");
}
