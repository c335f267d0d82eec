/* SPDX-License-Identifier: Apache-2.0 */
#include "http/request_parser.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/mem.h"
#include "test.h"

/* A parse with all that it needs. source is copied, and given in steps. */
struct parse {
    char *bytes;
    struct http_request request;
    struct http_field fields[HTTP_FIELDS_MAX];
    struct request_parser parser;
    enum parse_result result;
    size_t used;
};

static void parse_done(struct parse *parse)
{
    free(parse->bytes);
}
static inline void parse_done_scoped(struct parse *parse)
{
    parse_done(parse);
}

static void parse_run(struct parse *parse, struct text source, size_t step)
{
    size_t known = 0;

    parse->bytes = mem_copy(source.at, source.len ? source.len : 1);
    request_parser_init(&parse->parser, &parse->request, parse->fields);
    do {
        known = known + step < source.len ? known + step : source.len;
        parse->result = request_parse(&parse->parser, parse->bytes, known, &parse->used);
    } while (parse->result == PARSE_MORE && known < source.len);
}

static const size_t steps[] = {1, 3, SIZE_MAX / 2};

TEST(a_request_is_taken_apart)
{
    static const struct text source = TEXT("POST /a%20b/c?x=1&y=?z HTTP/1.1\r\n"
                                           "Host: example.com:8080\r\n"
                                           "Content-Length: 5\r\n"
                                           "X-Thing:  some thing \r\n"
                                           "EXPECT: 100-Continue\r\n"
                                           "\r\n"
                                           "hello");

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        scoped(parse_done) struct parse parse;
        const struct http_request *request = &parse.request;

        parse_run(&parse, source, steps[i]);
        CHECK(parse.result == PARSE_DONE);
        CHECK(parse.used == source.len - 5);
        CHECK(request->method == METHOD_POST);
        CHECK_TEXT(request->method_text, "POST");
        CHECK_TEXT(request->target, "/a%20b/c?x=1&y=?z");
        CHECK_TEXT(request->path, "/a%20b/c");
        CHECK_TEXT(request->query, "x=1&y=?z");
        CHECK_TEXT(request->host, "example.com:8080");
        CHECK(request->field_count == 4);
        CHECK_TEXT(http_header(request, TEXT("x-thing")), "some thing");
        CHECK(request->content_length == 5);
        CHECK(!request->http_1_0);
        CHECK(parse.parser.keep_alive && parse.parser.expect_continue);
    }
}

TEST(a_target_beyond_ascii_becomes_one_of_escapes)
{
    static const struct {
        const char *target, *path, *query, *whole;
    } cases[] = {
        {"/a%20b?x", "/a%20b", "x", "/a%20b?x"},
        {"/caf\xc3\xa9", "/caf%C3%A9", "", "/caf%C3%A9"},
        {"/\xff\x80?\xc3\xa4=%e4?\xe4", "/%FF%80", "%C3%A4=%e4?%E4", "/%FF%80?%C3%A4=%e4?%E4"},
        {"http://a:1/\xa0?\x85", "/%A0", "%85", "http://a:1/%A0?%85"},
        {"http://a:1?\xa0", "/", "%A0", "http://a:1?%A0"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(arena_done) struct arena arena = {0};
        scoped(parse_done) struct parse parse;
        scoped(free) char *source =
            mem_format("GET %s HTTP/1.1\r\nHost: a:1\r\n\r\n", cases[i].target);
        const struct http_request *request = &parse.request;

        parse_run(&parse, text_of(source), 1);
        CHECK_MSG(parse.result == PARSE_DONE, "%s: %s", cases[i].whole, parse.parser.reason);
        request_target_encode(&parse.request, &arena);
        CHECK_TEXT(request->target, cases[i].whole);
        CHECK_TEXT(request->path, cases[i].path);
        CHECK_TEXT(request->query, cases[i].query);
        CHECK_TEXT(request->host, "a:1");
    }
}

TEST(methods_are_tokens_and_the_usual_ones_have_names)
{
    static const struct {
        const char *name;
        enum http_method method;
    } cases[] = {
        {"GET", METHOD_GET},         {"HEAD", METHOD_HEAD},     {"POST", METHOD_POST},
        {"PUT", METHOD_PUT},         {"DELETE", METHOD_DELETE}, {"PATCH", METHOD_PATCH},
        {"OPTIONS", METHOD_OPTIONS}, {"get", METHOD_OTHER},     {"PROPFIND", METHOD_OTHER},
        {"M-SEARCH", METHOD_OTHER},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(parse_done) struct parse parse;
        char source[128];

        snprintf(source, sizeof source, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].name);
        parse_run(&parse, text_of(source), SIZE_MAX / 2);
        CHECK(parse.result == PARSE_DONE);
        CHECK_MSG(parse.request.method == cases[i].method, "%s", cases[i].name);
        CHECK_TEXT(parse.request.method_text, cases[i].name);
    }
}

TEST(targets_come_in_three_forms)
{
    static const struct {
        const char *method, *target, *path, *query, *host;
        bool has_query;
    } cases[] = {
        {"GET", "/", "/", "", "a", false},
        {"GET", "/?", "/", "", "a", true},
        {"GET", "/x?y?z", "/x", "y?z", "a", true},
        {"GET", "//x/../y", "//x/../y", "", "a", false},
        {"GET", "/|{}\"<>^`\\", "/|{}\"<>^`\\", "", "a", false},
        {"GET", "http://b.c/d?e", "/d", "e", "b.c", true},
        {"GET", "HTTPS://b.c:81", "/", "", "b.c:81", false},
        {"GET", "http://b?x=/y", "/", "x=/y", "b", true},
        {"GET", "http://[::1]:1/", "/", "", "[::1]:1", false},
        {"OPTIONS", "*", "*", "", "a", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(parse_done) struct parse parse;
        char source[128];

        snprintf(source, sizeof source, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].method,
                 cases[i].target);
        parse_run(&parse, text_of(source), SIZE_MAX / 2);
        CHECK_MSG(parse.result == PARSE_DONE, "%s", cases[i].target);
        CHECK_TEXT(parse.request.target, cases[i].target);
        CHECK_TEXT(parse.request.path, cases[i].path);
        CHECK_TEXT(parse.request.query, cases[i].query);
        CHECK(text_is_set(parse.request.query) == cases[i].has_query);
        CHECK_TEXT(parse.request.host, cases[i].host);
        CHECK_TEXT(http_header(&parse.request, TEXT("host")), cases[i].host);
    }
}

TEST(keep_alive_is_what_version_and_connection_say)
{
    static const struct {
        const char *version, *header;
        bool want;
    } cases[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: CLOSE\r\n", false},
        {"1.1", "Connection: x, close ,y\r\n", false},
        {"1.1", "Connection: x\r\nConnection: close\r\n", false},
        {"1.1", "Connection: keep-alive\r\n", true},
        {"1.1", "Connection: keep-alive, close\r\n", false},
        {"1.1", "Connection: closed\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: keep-alive\r\n", true},
        {"1.0", "Connection: close\r\n", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(parse_done) struct parse parse;
        char source[128];

        snprintf(source, sizeof source, "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", cases[i].version,
                 cases[i].header);
        parse_run(&parse, text_of(source), SIZE_MAX / 2);
        CHECK(parse.result == PARSE_DONE);
        CHECK_MSG(parse.parser.keep_alive == cases[i].want, "%s", source);
    }
}

#define REQUEST "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

TEST(bodies_are_framed_as_they_say)
{
    static const struct {
        struct text source;
        int64_t content_length;
    } cases[] = {
        {TEXT(REQUEST HOST "\r\n"), 0},
        {TEXT(POST "Content-Length: 0\r\n\r\n"), 0},
        {TEXT(POST "Content-Length: 007\r\n\r\n"), 7},
        {TEXT(POST "Content-Length:9223372036854775807\r\n\r\n"), INT64_MAX},
        {TEXT(POST "Transfer-Encoding: chunked\r\n\r\n"), -1},
        {TEXT(POST "tRANSFER-eNCODING:\tChunked \r\n\r\n"), -1},
        {TEXT("\r\n" POST "Content-Length: 3\r\n\r\n"), 3},
        {TEXT("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n"), 3},
    };

    for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(steps); i++) {
        scoped(parse_done) struct parse parse;
        size_t c = i / COUNT_OF(steps);

        parse_run(&parse, cases[c].source, steps[i % COUNT_OF(steps)]);
        CHECK_MSG(parse.result == PARSE_DONE, "%.*s", TEXT_ARG(cases[c].source));
        CHECK_MSG(parse.request.content_length == cases[c].content_length, "%.*s",
                  TEXT_ARG(cases[c].source));
        CHECK(parse.used == cases[c].source.len);
    }
}

TEST(headers_with_underscores_do_not_reach_anybody)
{
    scoped(parse_done) struct parse parse;

    parse_run(&parse, TEXT(REQUEST HOST "X_Real_Ip: 1\r\nx-real-ip: 2\r\n\r\n"), SIZE_MAX / 2);
    CHECK(parse.result == PARSE_DONE);
    CHECK(parse.request.field_count == 2);
    CHECK_TEXT(http_header(&parse.request, TEXT("x-real-ip")), "2");
}

TEST(malformed_heads_are_refused)
{
    static const struct {
        int status;
        struct text source;
    } cases[] = {
        /* request lines */
        {400, TEXT("\x16\x03\x01")},
        {400, TEXT(" GET / HTTP/1.1\r\n")},
        {400, TEXT("GET\r\n")},
        {400, TEXT("GET /\r\n")},
        {400, TEXT("GET / \r\n")},
        {400, TEXT("GET  / HTTP/1.1\r\n")},
        {400, TEXT("GET /  HTTP/1.1\r\n")},
        {400, TEXT("GET / HTTP/1.1 \r\n")},
        {400, TEXT("GET\t/ HTTP/1.1\r\n")},
        {400, TEXT("GET /\tHTTP/1.1\r\n")},
        {400, TEXT("GET / http/1.1\r\n")},
        {400, TEXT("GET / HTTP/1\r\n")},
        {400, TEXT("GET / HTTP/1.\r\n")},
        {400, TEXT("GET / HTTP/11\r\n")},
        {400, TEXT("GET / HTTP/1.10\r\n")},
        {400, TEXT("GET / HTTP/+1.1\r\n")},
        {400, TEXT("GET / HTTP/1,1\r\n")},
        {400, TEXT("GET / XTTP/1.1\r\n")},
        {400, TEXT("GET / HTTP/1.1 HTTP/1.1\r\n")},
        {505, TEXT("GET / HTTP/2.0\r\n")},
        {505, TEXT("PRI * HTTP/2.0\r\n")},
        {505, TEXT("GET / HTTP/0.9\r\n")},
        {505, TEXT("GET / HTTP/1.2\r\n")},
        {501, TEXT("CONNECT a:80 HTTP/1.1\r\n")},
        {400, TEXT("G@T / HTTP/1.1\r\n")},
        {400, TEXT("GET x HTTP/1.1\r\n")},
        {400, TEXT("GET * HTTP/1.1\r\n")},
        {400, TEXT("GET ?x HTTP/1.1\r\n")},
        {400, TEXT("GET /a#b HTTP/1.1\r\n")},
        {400, TEXT("GET \xc3\xa9 HTTP/1.1\r\n")},
        {400, TEXT("GET\xa0/ HTTP/1.1\r\n")},
        {400, TEXT("GET /\xa0HTTP/1.1\r\n")},
        {400, TEXT("GET http://\xc3\xa9/ HTTP/1.1\r\n")},
        {400, TEXT("GET http://a\x85/ HTTP/1.1\r\n")},
        {400, TEXT("GET /\xc3\xa9 x HTTP/1.1\r\n")},
        {400, TEXT("GET /\xc3\xa9\x85 HTTP/1.1\xa0\r\n")},
        {400, TEXT("GET /\x7f HTTP/1.1\r\n")},
        {400, TEXT("GET /\0 HTTP/1.1\r\n")},
        {400, TEXT("GET ftp://a/ HTTP/1.1\r\n")},
        {400, TEXT("GET http:///x HTTP/1.1\r\n")},
        {400, TEXT("GET http://u@a/ HTTP/1.1\r\n")},
        {400, TEXT("GET http://a:b/ HTTP/1.1\r\n")},
        {400, TEXT("GET a:80 HTTP/1.1\r\n")},
        /* line ends */
        {400, TEXT("GET / HTTP/1.1\n")},
        {400, TEXT("GET / HTTP/1.1\r\r\n")},
        {400, TEXT("\nGET / HTTP/1.1\r\n")},
        {400, TEXT("\r\n\r\nGET / HTTP/1.1\r\n")},
        {400, TEXT(REQUEST "Host: a\n")},
        {400, TEXT(REQUEST "Host: a\rX: b\r\n")},
        {400, TEXT(REQUEST HOST "\n")},
        {400, TEXT(REQUEST HOST "\r\r\n")},
        {400, TEXT(REQUEST HOST "X: \r \r\n")},
        /* fields */
        {400, TEXT(REQUEST " Host: a\r\n")},
        {400, TEXT(REQUEST HOST "X: a\r\n b\r\n")},
        {400, TEXT(REQUEST HOST "X: a\r\n\tb\r\n")},
        {400, TEXT(REQUEST HOST " \r\n")},
        {400, TEXT(REQUEST HOST "X : a\r\n")},
        {400, TEXT(REQUEST HOST "X\r\n")},
        {400, TEXT(REQUEST HOST ": a\r\n")},
        {400, TEXT(REQUEST HOST "X: a\0b\r\n")},
        {400, TEXT(REQUEST HOST "X: a\x1f\r\n")},
        /* hosts */
        {400, TEXT(REQUEST "\r\n")},
        {400, TEXT(REQUEST "X: y\r\n\r\n")},
        {400, TEXT(REQUEST "Host:\r\n")},
        {400, TEXT(REQUEST HOST HOST)},
        {400, TEXT(REQUEST HOST "host: b\r\n")},
        {400, TEXT(REQUEST "Host: a b\r\n")},
        {400, TEXT(REQUEST "Host: a/b\r\n")},
        {400, TEXT("GET http://a/ HTTP/1.1\r\n\r\n")},
        /* framing */
        {400, TEXT(POST "Content-Length: 1\r\nContent-Length: 1\r\n")},
        {400, TEXT(POST "Content-Length: 1\r\nContent-Length: 2\r\n")},
        {400, TEXT(POST "Content-Length: 1, 1\r\n")},
        {400, TEXT(POST "Content-Length:\r\n")},
        {400, TEXT(POST "Content-Length: +1\r\n")},
        {400, TEXT(POST "Content-Length: -1\r\n")},
        {400, TEXT(POST "Content-Length: 0x1\r\n")},
        {400, TEXT(POST "Content-Length: 1e1\r\n")},
        {400, TEXT(POST "Content-Length: 1 2\r\n")},
        {400, TEXT(POST "Content-Length: 1_0\r\n")},
        {400, TEXT(POST "Content-Length: 9223372036854775808\r\n")},
        {400, TEXT(POST "Content-Length: 18446744073709551617\r\n")},
        {400, TEXT(POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")},
        {400, TEXT(POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n")},
        {400, TEXT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
        {400, TEXT(POST "Transfer-Encoding: chunked, chunked\r\n")},
        {400, TEXT(POST "Transfer-Encoding: chunked, gzip\r\n")},
        {400, TEXT(POST "Transfer-Encoding: gzip\r\n")},
        {400, TEXT(POST "Transfer-Encoding: identity\r\n")},
        {400, TEXT(POST "Transfer-Encoding: \"chunked\"\r\n")},
        {400, TEXT(POST "Transfer-Encoding: chunked;q=1\r\n")},
        {400, TEXT(POST "Transfer-Encoding: ,chunked\r\n")},
        {400, TEXT(POST "Transfer-Encoding:\r\n")},
        {501, TEXT(POST "Transfer-Encoding: gzip, chunked\r\n")},
        {501, TEXT(POST "Transfer-Encoding: deflate,gzip ,CHUNKED\r\n")},
        {400, TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")},
        {400, TEXT(POST "Content_Length: 1\r\n")},
        {400, TEXT(POST "Transfer_Encoding: chunked\r\n")},
        {417, TEXT(POST "Expect: 200-ok\r\n")},
    };

    for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(steps); i++) {
        scoped(parse_done) struct parse parse;
        size_t c = i / COUNT_OF(steps);

        parse_run(&parse, cases[c].source, steps[i % COUNT_OF(steps)]);
        CHECK_MSG(parse.result == PARSE_BAD, "'%.*s' was accepted", TEXT_ARG(cases[c].source));
        CHECK_MSG(parse.parser.status == cases[c].status, "'%.*s' is %d", TEXT_ARG(cases[c].source),
                  parse.parser.status);
        CHECK(parse.parser.reason[0] != '\0');
    }
}

static int repeated_status(const char *head, const char *unit, size_t count, const char *tail)
{
    scoped(parse_done) struct parse parse;
    scoped(buffer_done) struct buffer source = {0};

    buffer_add_text(&source, text_of(head));
    for (size_t i = 0; i < count; i++)
        buffer_add_text(&source, text_of(unit));
    buffer_add_text(&source, text_of(tail));
    parse_run(&parse, buffer_text(&source), SIZE_MAX / 2);
    return parse.result == PARSE_DONE ? 200 : parse.result == PARSE_BAD ? parse.parser.status : 0;
}

TEST(heads_are_bounded)
{
    static const char rest[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t room = HTTP_HEAD_BYTES_MAX - (sizeof "GET /" - 1) - (sizeof rest - 1);

    CHECK(repeated_status("GET /", "x", room, rest) == 200);
    CHECK(repeated_status("GET /", "x", room + 1, rest) == 431);
    CHECK(repeated_status("GET /", "x", HTTP_HEAD_BYTES_MAX, rest) == 414);
    CHECK(repeated_status("GET /", "x", HTTP_HEAD_BYTES_MAX, "") == 414);
    CHECK(repeated_status("GET /", "x", HTTP_HEAD_BYTES_MAX - 6, "") == 0);
    CHECK(repeated_status(REQUEST HOST "x: ", "y", HTTP_HEAD_BYTES_MAX, "") == 431);
    CHECK(repeated_status(REQUEST HOST, "x: y\r\n", HTTP_FIELDS_MAX - 1, "\r\n") == 200);
    CHECK(repeated_status(REQUEST HOST, "x: y\r\n", HTTP_FIELDS_MAX, "\r\n") == 431);
}

TEST(an_incomplete_head_waits)
{
    static const struct text source = TEXT(REQUEST HOST "X: y\r\n\r\n");

    for (size_t len = 1; len < source.len; len++) {
        scoped(parse_done) struct parse parse;
        parse_run(&parse, text_slice(source, 0, len), SIZE_MAX / 2);
        CHECK_MSG(parse.result == PARSE_MORE, "%zu bytes", len);
    }
}
