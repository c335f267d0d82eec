/* SPDX-License-Identifier: Apache-2.0 */
#include "model/note.h"

#include "test.h"

static const struct note full = {
    .request_id = TEXT("8f0c1d1e-0000-4000-8000-000000000001"),
    .trace = TEXT("Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=a:1"),
    .hops = 3,
    .attempts = 2,
    .first_ms = 1767225600123,
    .error_code = TEXT("SDK_CLIENT_ERROR"),
    .error_message = TEXT("it said \"no\"\nand \\ went\x01 caf\xc3\xa9"),
    .source_arn = TEXT("arn:aws:events:us-east-1:000000000000:rule/a"),
    .target_id = TEXT("1"),
    .target_arn = TEXT("arn:aws:lambda:us-east-1:000000000000:function:f"),
    .dead_letter = TEXT("arn:aws:sqs:us-east-1:000000000000:dead"),
    .has_max_attempts = true,
    .max_attempts = 185,
    .max_age_s = 86400,
    .qualifier = TEXT("live"),
    .client_context = TEXT("{\"custom\":{\"a\":1}}"),
    .attributes = TEXT("{}"),
    .group = TEXT("g"),
    .dedup = TEXT("d"),
    .sender = TEXT("000000000000"),
    .origin_arn = TEXT("arn:aws:sqs:us-east-1:000000000000:main"),
    .sequence = TEXT("18849496460467696128"),
    .receives = 4,
    .first_received_ms = 1767225600999,
    .sent_ms = 1767225600000,
    .extra = TEXT("[1]"),
};

static void check_format(const struct note *note, const char *want)
{
    scoped(buffer_done) struct buffer out = {0};

    note_format(note, &out);
    CHECK_TEXT(buffer_text(&out), want);
}

TEST(only_members_that_are_set_are_written)
{
    check_format(&(struct note){0}, "{}");
    check_format(&(struct note){.qualifier = TEXT("")}, "{}");
    check_format(&(struct note){.request_id = TEXT("a"), .attempts = 1},
                 "{\"id\":\"a\",\"attempts\":1}");
    check_format(&(struct note){.max_attempts = 5}, "{}");
}

TEST(no_retries_are_told_from_no_word_about_retries)
{
    scoped(arena_done) struct arena arena = {0};
    struct note note;
    struct error err;

    check_format(&(struct note){.has_max_attempts = true}, "{\"maxAttempts\":0}");
    CHECK(note_parse(TEXT("{\"maxAttempts\":0}"), &arena, &note, &err) == 0);
    CHECK(note.has_max_attempts && note.max_attempts == 0);
    CHECK(note_parse(TEXT("{}"), &arena, &note, &err) == 0);
    CHECK(!note.has_max_attempts);
}

TEST(what_was_written_is_read_back)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer first = {0}, second = {0};
    struct note note;
    struct error err;

    note_format(&full, &first);
    CHECK_MSG(note_parse(buffer_text(&first), &arena, &note, &err) == 0, "%s", err.text);
    CHECK(text_equal(note.error_message, full.error_message));
    CHECK(text_equal(note.client_context, full.client_context));
    CHECK(text_equal(note.extra, full.extra));
    CHECK(note.hops == 3 && note.attempts == 2 && note.first_ms == 1767225600123);
    CHECK(note.max_attempts == 185 && note.max_age_s == 86400 && note.receives == 4);
    note_format(&note, &second);
    CHECK(text_equal(buffer_text(&first), buffer_text(&second)));
}

TEST(numbers_are_read_to_their_ends)
{
    static const struct {
        const char *json;
        int64_t want;
    } cases[] = {
        {"{\"hops\":0}", 0},
        {"{\"hops\":9223372036854775807}", INT64_MAX},
        {"{\"hops\":-9223372036854775808}", INT64_MIN},
        {"{\"hops\":-1}", -1},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct note note;
        struct error err;

        CHECK_MSG(note_parse(text_of(cases[i].json), &arena, &note, &err) == 0, "%s: %s",
                  cases[i].json, err.text);
        CHECK_MSG(note.hops == cases[i].want, "%s", cases[i].json);
    }
}

TEST(members_come_in_any_order_and_strings_may_hold_anything)
{
    scoped(arena_done) struct arena arena = {0};
    struct note note;
    struct error err;

    CHECK(note_parse(TEXT("{\"sender\":\"s\\u0000t\",\"trace\":\"\",\"id\":\"\\\\\\\"\"}"), &arena,
                     &note, &err) == 0);
    CHECK(text_equal(note.sender, TEXT("s\0t")));
    CHECK(note.trace.len == 0);
    CHECK_TEXT(note.request_id, "\\\"");
}

TEST(anything_else_is_refused)
{
    static const char *const cases[] = {
        "",
        "{",
        "}",
        "[]",
        "null",
        "{}x",
        " {}",
        "{ }",
        "{,}",
        "{\"id\":\"a\",}",
        "{\"id\":\"a\"",
        "{\"id\":\"a",
        "{\"id\":\"a\\",
        "{\"id\":\"a\\\"}",
        "{\"id\"",
        "{\"id",
        "{\"",
        "{id:\"a\"}",
        "{xid\":\"a\"}",
        "{\"id\" :\"a\"}",
        "{\"id\"x\"a\"}",
        "{\"id\":a}",
        "{\"id\":1}",
        "{\"id\":null}",
        "{\"id\":\"a\",\"id\":\"b\"}",
        "{\"id\":\"a\"\"hops\":1}",
        "{\"id\":\"a\nb\"}",
        "{\"id\":\"a\\x\"}",
        "{\"id\":\"a\\u00\"}",
        "{\"id\":\"a\\u0041\"}",
        "{\"id\":\"\\ud800\"}",
        "{\"id\":\"\xff\"}",
        "{\"hops\":\"1\"}",
        "{\"hops\":}",
        "{\"hops\":-}",
        "{\"hops\":-0}",
        "{\"hops\":01}",
        "{\"hops\":1.5}",
        "{\"hops\":1e3}",
        "{\"hops\":9223372036854775808}",
        "{\"hops\":-9223372036854775809}",
        "{\"hops\":99999999999999999999}",
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        struct note note;
        struct error err = {0};

        CHECK_MSG(note_parse(text_of(cases[i]), &arena, &note, &err) < 0, "%s", cases[i]);
        CHECK_MSG(err.code == ERROR_INVALID, "%s", cases[i]);
    }
}

TEST(a_member_of_a_newer_evoke_is_named)
{
    scoped(arena_done) struct arena arena = {0};
    struct note note;
    struct error err;

    CHECK(note_parse(TEXT("{\"id\":\"a\",\"colour\":\"red\"}"), &arena, &note, &err) < 0);
    CHECK_TEXT(text_of(err.text), "a note has a member 'colour' that is not known here");
}
