/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"
#include "base/mem.h"
#include "http/chunked.h"
#include "http/field.h"
#include "http/request_parser.h"
#include "test.h"

/*
 * What a connection makes of a stream of bytes, without the connection: how many
 * complete requests it holds before it ends, waits or is refused. The gadgets are the
 * families of defparam/smuggler (default, exhaustive, doubles) and payloads of the kind
 * the HTTP Garden collects.
 */
struct reading {
    int requests;
    bool refused;
};

/* Skips a body. False when it is refused or incomplete. */
static bool skip_body(const struct http_request *request, struct text *rest, bool *ret_refused)
{
    scoped(arena_done) struct arena arena = {0};
    struct chunked chunked = {0};
    struct text piece;
    enum chunked_result result;

    if (request->content_length >= 0) {
        bool complete = (int64_t)rest->len >= request->content_length;
        *rest = text_skip(*rest, (size_t)request->content_length);
        return complete;
    }
    do {
        result = chunked_next(&chunked, &arena, rest, &piece);
    } while (result == CHUNKED_PIECE);
    *ret_refused = result == CHUNKED_BAD;
    return result == CHUNKED_END;
}

static struct reading read_stream(struct text stream)
{
    struct reading reading = {0};
    scoped(free) char *bytes = mem_copy(stream.at, stream.len);
    struct text rest = text_from(bytes, stream.len);
    struct http_request request;
    struct http_field fields[HTTP_FIELDS_MAX];
    struct request_parser parser;
    size_t used;

    while (rest.len > 0) {
        request_parser_init(&parser, &request, fields);
        enum parse_result result =
            request_parse(&parser, bytes + (rest.at - bytes), rest.len, &used);
        reading.refused = result == PARSE_BAD;
        if (result != PARSE_DONE)
            return reading;
        rest = text_skip(rest, used);
        if (!skip_body(&request, &rest, &reading.refused))
            return reading;
        reading.requests++;
    }
    return reading;
}

#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

/* Two requests for whoever goes by the chunks. */
static void write_cl_te(struct buffer *out, struct text gadget)
{
    static const char body[] = "0\r\n\r\n" SMUGGLED;

    buffer_clear(out);
    buffer_add_format(out, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n",
                      sizeof body - 1);
    buffer_add_text(out, gadget);
    buffer_add_format(out, "\r\n\r\n%s", body);
}

/* Two requests for whoever goes by the length. */
static void write_te_cl(struct buffer *out, struct text gadget)
{
    buffer_clear(out);
    buffer_add_literal(out, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n");
    buffer_add_text(out, gadget);
    buffer_add_format(out, "\r\n\r\n%02zx\r\n" SMUGGLED "\r\n0\r\n\r\n", sizeof SMUGGLED - 1);
}

/* Where the mutated bytes stand. */
static const struct {
    const char *before, *after;
} families[] = {
    {"Transfer-Encoding:", "chunked"},        {"Transfer-Encoding", ": chunked"},
    {"", "Transfer-Encoding: chunked"},       {"Transfer-Encoding: chunked", ""},
    {"X: X", "Transfer-Encoding: chunked"},   {"Transfer-Encoding: chunked", "X: X"},
    {"X: X\r", "Transfer-Encoding: chunked"}, {"X: X", "\nTransfer-Encoding: chunked"},
    {"Transfer-Encoding: chunked\r", "X: X"}, {"Transfer-Encoding: chunked", "\nX: X"},
    {"Transfer", "Encoding: chunked"},        {"Transfer-", "Encoding: chunked"},
};

static bool is_honest_line(struct text line)
{
    size_t colon = text_find(line, ':');
    struct text name = text_slice(line, 0, colon);
    const struct http_field field = {name, text_skip(line, colon + 1)};

    if (text_equal_nocase(name, TEXT("transfer-encoding")) ||
        text_equal_nocase(name, TEXT("transfer_encoding")))
        return false;
    return colon < line.len && field_is_clean(&field);
}

/* Whether RFC 9110 leaves no doubt that these are some other headers. */
static bool is_honest(struct text gadget)
{
    size_t end = text_find_text(gadget, TEXT("\r\n"));

    if (!is_honest_line(text_slice(gadget, 0, end)))
        return false;
    return end == gadget.len || is_honest(text_skip(gadget, end + 2));
}

static void check_gadget(size_t family, struct text bytes)
{
    scoped(buffer_done) struct buffer gadget = {0}, stream = {0};

    buffer_add_text(&gadget, text_of(families[family].before));
    buffer_add_text(&gadget, bytes);
    buffer_add_text(&gadget, text_of(families[family].after));

    write_cl_te(&stream, buffer_text(&gadget));
    struct reading by_length = read_stream(buffer_text(&stream));
    CHECK_MSG(by_length.requests <= 1, "two requests by '%.*s'", TEXT_ARG(buffer_text(&gadget)));

    write_te_cl(&stream, buffer_text(&gadget));
    struct reading by_chunks = read_stream(buffer_text(&stream));
    bool ends_head = text_starts(buffer_text(&gadget), TEXT("\r\n"));
    bool honest = is_honest(buffer_text(&gadget));
    CHECK_MSG(honest || (by_chunks.requests == ends_head && by_chunks.refused),
              "not refused: '%.*s'", TEXT_ARG(buffer_text(&gadget)));
    CHECK((honest || ends_head) == (by_length.requests == 1));
}

TEST(no_byte_anywhere_in_a_transfer_encoding_smuggles_a_request)
{
    for (size_t family = 0; family < COUNT_OF(families); family++)
        for (int byte = 0; byte < 256; byte++) {
            char c = (char)byte;
            check_gadget(family, text_from(&c, 1));
        }
}

TEST(no_two_special_bytes_smuggle_a_request)
{
    static const uint8_t special[] = {0x00, 0x01, 0x04, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
                                      0x0d, 0x1f, 0x20, 0x22, 0x27, 0x2c, 0x2f, 0x3a,
                                      0x3b, 0x5c, 0x5f, 0x7f, 0x85, 0xa0, 0xff};

    for (size_t family = 0; family < COUNT_OF(families); family++)
        for (size_t i = 0; i < COUNT_OF(special) * COUNT_OF(special); i++) {
            char bytes[] = {(char)special[i / COUNT_OF(special)],
                            (char)special[i % COUNT_OF(special)]};
            check_gadget(family, text_from(bytes, 2));
        }
}

TEST(gadgets_known_from_other_servers_smuggle_nothing)
{
    static const struct text gadgets[] = {
        TEXT("Transfer-Encoding: chunked"),
        TEXT("transfer-encoding: CHUNKED"),
        TEXT("Transfer-Encoding: xchunked"),
        TEXT("Transfer-Encoding: chunkedx"),
        TEXT("Transfer-Encoding: chunk"),
        TEXT("Transfer-Encoding: identity"),
        TEXT("Transfer-Encoding: identity, chunked"),
        TEXT("Transfer-Encoding: chunked, identity"),
        TEXT("Transfer-Encoding: chunked, chunked"),
        TEXT("Transfer-Encoding: chunked;foo=bar"),
        TEXT("Transfer-Encoding: gzip, chunked"),
        TEXT("Transfer-Encoding: ,chunked"),
        TEXT("Transfer-Encoding: chunked,"),
        TEXT("Transfer-Encoding: \"chunked\""),
        TEXT("Transfer-Encoding: 'chunked'"),
        TEXT("Transfer-Encoding:\r\n chunked"),
        TEXT("Transfer-Encoding:\n chunked"),
        TEXT("Transfer-Encoding\r\n : chunked"),
        TEXT("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        TEXT("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
        TEXT("Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
        TEXT("Transfer-Encoding: \xef\xbb\xbf"
             "chunked"),
        TEXT("Transfer-Encoding: chun\0ked"),
        TEXT("Transfer-Encoding: chun\x08ked"),
        TEXT("Transfer_Encoding: chunked"),
        TEXT("TRANSFER_ENCODING: chunked"),
        TEXT("X: y\r\n Transfer-Encoding: chunked"),
        TEXT("X: y\nTransfer-Encoding: chunked"),
        TEXT("X: y\rTransfer-Encoding: chunked"),
        TEXT("\r\nTransfer-Encoding: chunked"),
        TEXT("Content-Length: 0"),
        TEXT("Content-Length: 4"),
        TEXT("Content-Length: 0x4"),
        TEXT("content_length: 0"),
        TEXT("Content-Length : 0"),
        TEXT(" Content-Length: 0"),
        TEXT("Content-Length: 4, 4"),
    };
    scoped(buffer_done) struct buffer stream = {0};

    for (size_t i = 0; i < COUNT_OF(gadgets); i++) {
        write_cl_te(&stream, gadgets[i]);
        CHECK_MSG(read_stream(buffer_text(&stream)).requests <= 1, "CL.TE by '%.*s'",
                  TEXT_ARG(gadgets[i]));
        write_te_cl(&stream, gadgets[i]);
        struct reading reading = read_stream(buffer_text(&stream));
        CHECK_MSG(reading.requests <= 1 && reading.refused, "TE.CL by '%.*s'",
                  TEXT_ARG(gadgets[i]));
    }
}

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

TEST(streams_hold_as_many_requests_as_they_should)
{
    static const struct {
        int requests;
        bool refused;
        struct text stream;
    } cases[] = {
        /* honest ones */
        {2, false, TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED)},
        {2, false, TEXT(HEAD "Content-Length: 3\r\n\r\nabc" SMUGGLED)},
        {2, false, TEXT(HEAD "Content-Length: 3\r\n\r\nabc\r\n" SMUGGLED)},
        {2, false, TEXT(CHUNKED "3\r\nabc\r\n0\r\n\r\n" SMUGGLED)},
        {2, false, TEXT(CHUNKED "3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n" SMUGGLED)},
        {1, false, TEXT("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\n" SMUGGLED)},
        /* a body without length is none; what follows must be a request */
        {1, true, TEXT(HEAD "\r\n3\r\nabc\r\n0\r\n\r\n")},
        /* chunk sizes that others read differently */
        {0, true, TEXT(CHUNKED "0x0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "+0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "-0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED " 0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "0 \r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "0_0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED ";\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "00000000000000000\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "100000000\n0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "10000000000000000\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "3\r\nabc0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "3\r\nabcXX0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "3\r\nabc\n0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "3\nabc\r\n0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "3\r\r\nabc\r\n0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "0\r\n\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "0\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "0\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "3;\nxx\r\nabc\r\n0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "3;x\ry\r\nabc\r\n0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "0\r\nX: y\r\n Z: w\r\n\r\n" SMUGGLED)},
        {0, true, TEXT(CHUNKED "0\r\n: y\r\n\r\n" SMUGGLED)},
        /* versions */
        {0, true, TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED)},
        {0, true, TEXT("GET / HTTP/1.1\r\nHost: a\r\n\nX: y\r\n\r\n" SMUGGLED)},
        {0, true, TEXT("GET / HTTP/0.9\r\n\r\n" SMUGGLED)},
        {0, true, TEXT("GET /\r\n\r\n" SMUGGLED)},
        /* a request line hidden in one */
        {0, true, TEXT("GET / HTTP/1.1 GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")},
        {0, true, TEXT("GET /\rHTTP/1.1\r\nHost: a\r\n\r\n")},
        {0, true, TEXT("GET / HTTP/1.1\0\r\nHost: a\r\n\r\n")},
        {0, true, TEXT("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")},
        {0, true, TEXT("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n")},
        {0, true, TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reading reading = read_stream(cases[i].stream);
        CHECK_MSG(reading.requests == cases[i].requests && reading.refused == cases[i].refused,
                  "case %zu: %d requests, refused %d: '%.*s'", i, reading.requests, reading.refused,
                  TEXT_ARG(cases[i].stream));
    }
}
