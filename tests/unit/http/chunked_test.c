/* SPDX-License-Identifier: Apache-2.0 */
#include "http/chunked.h"

#include "base/buffer.h"
#include "test.h"

#define ALL CHUNKED_LINE_MAX * 64

/* Decodes source, given in steps of step bytes; what is decoded goes to out, what is
 * left over to *ret_rest. */
static enum chunked_result decode(struct chunked *chunked, struct arena *arena, struct text source,
                                  size_t step, struct buffer *out, struct text *ret_rest)
{
    size_t at = 0, known = 0;

    *chunked = (struct chunked){0};
    for (;;) {
        struct text input = text_slice(source, at, known), piece;
        enum chunked_result result = chunked_next(chunked, arena, &input, &piece);

        at = (size_t)(input.at - source.at);
        *ret_rest = text_skip(source, at);
        if (result == CHUNKED_PIECE)
            buffer_add_text(out, piece);
        else if (result != CHUNKED_MORE || known == source.len)
            return result;
        else
            known = known + step < source.len ? known + step : source.len;
    }
}

static void check_decodes(struct text source, const char *body, const char *rest)
{
    static const size_t steps[] = {1, 2, 3, 7, ALL};

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer out = {0};
        struct chunked chunked;
        struct text left;

        CHECK_MSG(decode(&chunked, &arena, source, steps[i], &out, &left) == CHUNKED_END,
                  "'%.*s' in steps of %zu", TEXT_ARG(source), steps[i]);
        CHECK_TEXT(buffer_text(&out), body);
        CHECK_TEXT(left, rest);
    }
}

TEST(chunks_are_joined_and_what_follows_is_left)
{
    check_decodes(TEXT("0\r\n\r\n"), "", "");
    check_decodes(TEXT("5\r\nhello\r\n0\r\n\r\n"), "hello", "");
    check_decodes(TEXT("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /"), "hello world", "GET /");
    check_decodes(TEXT("a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n"), "01234567890123456789",
                  "");
    check_decodes(TEXT("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", "");
    check_decodes(TEXT("000000000000005\r\nhello\r\n0\r\n\r\n"), "hello", "");
    check_decodes(TEXT("5;a=b;c\r\nhello\r\n0;x=\"y z\"\r\n\r\n"), "hello", "");
}

TEST(trailers_are_kept_in_the_grammar_of_headers)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer out = {0};
    struct chunked chunked;
    struct text rest;

    CHECK(decode(&chunked, &arena,
                 TEXT("1\r\nx\r\n0\r\nA-Type: one\r\nB: \t two \r\nc_d: no\r\n\r\n+"), 1, &out,
                 &rest) == CHUNKED_END);
    CHECK(chunked.trailer_count == 2);
    CHECK_TEXT(http_field_find(chunked.trailers, chunked.trailer_count, TEXT("a-type")), "one");
    CHECK_TEXT(http_field_find(chunked.trailers, chunked.trailer_count, TEXT("b")), "two");
    CHECK_TEXT(rest, "+");
}

TEST(anything_else_is_refused)
{
    static const struct text bad[] = {
        /* sizes */
        TEXT("\r\n"),
        TEXT("g\r\n"),
        TEXT("0x5\r\nhello\r\n"),
        TEXT("+5\r\nhello\r\n"),
        TEXT("-5\r\nhello\r\n"),
        TEXT(" 5\r\nhello\r\n"),
        TEXT("5 \r\nhello\r\n"),
        TEXT("5\t\r\nhello\r\n"),
        TEXT("5_0\r\nhello\r\n"),
        TEXT("5,5\r\nhello\r\n"),
        TEXT("5.0\r\nhello\r\n"),
        TEXT("\"5\"\r\nhello\r\n"),
        TEXT("0X5\r\n"),
        TEXT("5h\r\n"),
        TEXT("1000000000000000\r\n"),
        TEXT("ffffffffffffffff\r\n"),
        TEXT("10000000000000005\r\n"),
        TEXT("0000000000000005\r\n"),
        TEXT("5\0\r\nhello\r\n"),
        TEXT("\xef\xbc\x95\r\n"),
        /* line ends */
        TEXT("5\nhello\r\n0\r\n\r\n"),
        TEXT("5\rhello\r\n"),
        TEXT("5\r\r\nhello\r\n"),
        TEXT("5\r\nhello\n0\r\n\r\n"),
        TEXT("5\r\nhello\r0\r\n"),
        TEXT("5\r\nhelloo\r\n"),
        TEXT("5\r\nhelloXX0\r\n\r\n"),
        TEXT("0\r\n\n"),
        TEXT("0\n\r\n"),
        TEXT("0\n\n"),
        TEXT("5\r\nhello0\r\n\r\n"),
        /* extensions */
        TEXT("5;a\nb\r\nhello\r\n"),
        TEXT("5;a\rb\r\nhello\r\n"),
        TEXT("5;\x01\r\nhello\r\n"),
        TEXT("5;a\0b\r\nhello\r\n"),
        TEXT("5 ;a\r\nhello\r\n"),
        TEXT("5 a\r\nhello\r\n"),
        /* trailers */
        TEXT("0\r\nx\r\n\r\n"),
        TEXT("0\r\n x: y\r\n\r\n"),
        TEXT("0\r\nx : y\r\n\r\n"),
        TEXT("0\r\nx: a\n\r\n"),
        TEXT("0\r\nx: a\x01\r\n\r\n"),
        TEXT("0\r\nx: a\r\n folded\r\n\r\n"),
        TEXT("0\r\nContent-Length: 5\r\n\r\n"),
        TEXT("0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        TEXT("0\r\nContent_Length: 5\r\n\r\n"),
        TEXT("0\r\nHost: x\r\n\r\n"),
        TEXT("0\r\nGET / HTTP/1.1\r\n\r\n"),
    };
    static const size_t steps[] = {1, ALL};

    for (size_t i = 0; i < COUNT_OF(bad) * COUNT_OF(steps); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(buffer_done) struct buffer out = {0};
        struct chunked chunked;
        struct text rest, source = bad[i / 2];

        CHECK_MSG(decode(&chunked, &arena, source, steps[i % 2], &out, &rest) == CHUNKED_BAD,
                  "'%.*s' was accepted", TEXT_ARG(source));
    }
}

static enum chunked_result decode_repeated(const char *head, const char *unit, int count,
                                           const char *tail)
{
    scoped(arena_done) struct arena arena = {0};
    scoped(buffer_done) struct buffer out = {0}, source = {0};
    struct chunked chunked;
    struct text rest;

    buffer_add_text(&source, text_of(head));
    for (int i = 0; i < count; i++)
        buffer_add_text(&source, text_of(unit));
    buffer_add_text(&source, text_of(tail));
    return decode(&chunked, &arena, buffer_text(&source), ALL, &out, &rest);
}

TEST(lines_extensions_and_trailers_are_bounded)
{
    CHECK(decode_repeated("1;", "x", CHUNKED_LINE_MAX - 5, "\r\nx\r\n0\r\n\r\n") == CHUNKED_END);
    CHECK(decode_repeated("1;", "x", CHUNKED_LINE_MAX - 2, "\r\nx\r\n0\r\n\r\n") == CHUNKED_BAD);
    CHECK(decode_repeated("1;", "x", CHUNKED_LINE_MAX - 2, "") == CHUNKED_BAD);
    CHECK(decode_repeated("", "1;0123456789abcde\r\nx\r\n", 1000, "0\r\n\r\n") == CHUNKED_END);
    CHECK(decode_repeated("", "1;0123456789abcde\r\nx\r\n", 1025, "0\r\n\r\n") == CHUNKED_BAD);
    CHECK(decode_repeated("0\r\n", "a: b\r\n", CHUNKED_TRAILERS_MAX, "\r\n") == CHUNKED_END);
    CHECK(decode_repeated("0\r\n", "a: b\r\n", CHUNKED_TRAILERS_MAX + 1, "\r\n") == CHUNKED_BAD);
    CHECK(decode_repeated("0\r\na: ", "0123456789", 800, "\r\n\r\n") == CHUNKED_END);
    CHECK(decode_repeated("0\r\na: ", "0123456789", 820, "\r\n\r\n") == CHUNKED_BAD);
    CHECK(decode_repeated("0\r\na: ", "0123456789", 820, "") == CHUNKED_BAD);
}
