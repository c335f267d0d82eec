/* SPDX-License-Identifier: Apache-2.0 */
#include "router/envelope.h"

#include "test.h"

#define LITERAL(text)          \
    {                          \
        text, sizeof(text) - 1 \
    }

static const struct envelope order = {
    .id = LITERAL("7b0c"),
    .detail_type = LITERAL("order \"placed\""),
    .source = LITERAL("shop"),
    .account = LITERAL("000000000000"),
    .region = LITERAL("us-east-1"),
    .time_ms = 1769860800999,
    .detail = LITERAL(" { \"a b\" : [ 1.0, \"x \\\" y\" ] }\n"),
};

TEST(an_envelope_is_compact_and_in_aws_s_order)
{
    scoped(buffer_done) struct buffer out = {0};

    envelope_write(&order, &out);
    CHECK_TEXT(buffer_text(&out),
               "{\"version\":\"0\",\"id\":\"7b0c\",\"detail-type\":\"order \\\"placed\\\"\","
               "\"source\":\"shop\",\"account\":\"000000000000\",\"time\":\"2026-01-31T12:00:00Z\","
               "\"region\":\"us-east-1\",\"resources\":[],"
               "\"detail\":{\"a b\":[1.0,\"x \\\" y\"]}}");
}

TEST(a_replayed_envelope_has_its_replay_behind_the_region)
{
    scoped(buffer_done) struct buffer out = {0}, again = {0}, once_more = {0}, want = {0};
    struct envelope replayed = order;

    envelope_write(&order, &out);
    envelope_add_replay(buffer_text(&out), TEXT("r1"), &again);
    replayed.replay_name = TEXT("r1");
    envelope_write(&replayed, &want);
    CHECK_TEXT(buffer_text(&again), buffer_text(&want).at);
    /* A replay of a replay names the last one only. */
    envelope_add_replay(buffer_text(&again), TEXT("r1"), &once_more);
    CHECK_TEXT(buffer_text(&once_more), buffer_text(&want).at);
}

TEST(blanks_go_only_between_tokens)
{
    static const struct {
        const char *source, *want;
    } rows[] = {
        {"{}", "{}"},
        {" [ 1 ,\t2 ]\r\n", "[1,2]"},
        {"\"a b\"", "\"a b\""},
        {"{\"a\\\\\" : \" \\\" \"}", "{\"a\\\\\":\" \\\" \"}"},
        {"", ""},
        {"\"unended \\", "\"unended \\"}, /* not JSON: kept, and not read beyond */
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        scoped(buffer_done) struct buffer out = {0};
        envelope_add_compact(text_of(rows[i].source), &out);
        CHECK_TEXT(buffer_text(&out), rows[i].want);
    }
}
