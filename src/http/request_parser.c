/* SPDX-License-Identifier: Apache-2.0 */
#include "http/request_parser.h"

#include "http/field.h"

static enum parse_result bad(struct request_parser *parser, int status, const char *reason)
{
    parser->status = status;
    parser->reason = reason;
    return PARSE_BAD;
}

void request_parser_init(struct request_parser *parser, struct http_request *request,
                         struct http_field *fields)
{
    *request = (struct http_request){.fields = fields};
    *parser = (struct request_parser){.request = request, .fields = fields};
}

enum http_method request_method_find(struct text name)
{
    static const struct text names[] = {
        [METHOD_GET] = TEXT("GET"),         [METHOD_HEAD] = TEXT("HEAD"),
        [METHOD_POST] = TEXT("POST"),       [METHOD_PUT] = TEXT("PUT"),
        [METHOD_DELETE] = TEXT("DELETE"),   [METHOD_PATCH] = TEXT("PATCH"),
        [METHOD_OPTIONS] = TEXT("OPTIONS"),
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (text_equal(name, names[i]))
            return (enum http_method)i;
    return METHOD_OTHER;
}

/* "http://host:1/path": its host counts, whatever Host says (RFC 9112 3.2.2). */
static bool split_absolute(struct http_request *request, struct text *ret_rest)
{
    struct text target = request->target;
    size_t scheme = text_find_text(target, TEXT("://"));

    if (!text_equal_nocase(text_slice(target, 0, scheme), TEXT("http")) &&
        !text_equal_nocase(text_slice(target, 0, scheme), TEXT("https")))
        return false;
    struct text rest = text_skip(target, scheme + 3);
    size_t end = 0;
    while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?')
        end++;
    request->host = text_slice(rest, 0, end);
    *ret_rest = text_skip(rest, end);
    return field_is_host(request->host);
}

bool request_target_read(struct http_request *request)
{
    struct text rest = request->target;

    if (!field_is_target(rest))
        return false;
    if (text_equal(rest, TEXT("*"))) {
        request->path = rest;
        return request->method == METHOD_OPTIONS;
    }
    if (rest.at[0] != '/' && !split_absolute(request, &rest))
        return false;

    size_t mark = text_find(rest, '?');
    request->path = mark > 0 ? text_slice(rest, 0, mark) : TEXT("/");
    if (mark < rest.len)
        request->query = text_skip(rest, mark + 1);
    return true;
}

static size_t count_beyond_ascii(struct text text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += (uint8_t)text.at[i] >= 0x80;
    return count;
}

void request_target_encode(struct http_request *request, struct arena *arena)
{
    const char *const digits = "0123456789ABCDEF";
    struct text raw = request->target;
    size_t count = count_beyond_ascii(raw);

    if (count == 0)
        return;
    char *at = arena_alloc(arena, raw.len + 2 * count);
    request->target = text_from(at, raw.len + 2 * count);
    for (size_t i = 0; i < raw.len; i++) {
        uint8_t byte = (uint8_t)raw.at[i];
        if (byte < 0x80) {
            *at++ = (char)byte;
            continue;
        }
        *at++ = '%';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    bool is_read = request_target_read(request);
    assert(is_read);
}

static bool is_version(struct text text)
{
    return text.len == 8 && text_starts(text, TEXT("HTTP/")) && text.at[5] >= '0' &&
           text.at[5] <= '9' && text.at[6] == '.' && text.at[7] >= '0' && text.at[7] <= '9';
}

static enum parse_result read_request_line(struct request_parser *parser, struct text line)
{
    struct http_request *request = parser->request;
    size_t first = text_find(line, ' ');
    struct text rest = text_skip(line, first + 1);
    size_t second = text_find(rest, ' ');
    struct text version = text_skip(rest, second + 1);

    request->method_text = text_slice(line, 0, first);
    request->target = text_slice(rest, 0, second);
    if (!field_is_token(request->method_text) || !is_version(version))
        return bad(parser, 400, "The request line is malformed.");
    if (version.at[5] != '1' || version.at[7] > '1')
        return bad(parser, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    request->http_1_0 = version.at[7] == '0';
    request->method = request_method_find(request->method_text);
    if (text_equal(request->method_text, TEXT("CONNECT")))
        return bad(parser, 501, "CONNECT is not served.");
    if (!request_target_read(request))
        return bad(parser, 400, "The request target is malformed.");
    parser->has_request_line = true;
    return PARSE_MORE;
}

static enum parse_result read_length(struct request_parser *parser, struct text value)
{
    if (parser->has_length)
        return bad(parser, 400, "There is more than one Content-Length.");
    parser->has_length = true;
    if (!text_to_int(value, 0, INT64_MAX, &parser->request->content_length))
        return bad(parser, 400, "The Content-Length is not a number.");
    return PARSE_MORE;
}

static bool is_known_coding(struct text name)
{
    static const struct text names[] = {TEXT("gzip"), TEXT("deflate"), TEXT("compress"),
                                        TEXT("x-gzip"), TEXT("x-compress")};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (text_equal_nocase(name, names[i]))
            return true;
    return false;
}

/* "gzip, chunked" is well framed and merely not served. Any other list is a way to make
 * two servers disagree about where the body ends. */
static bool is_framed_coding(struct text value)
{
    size_t comma = value.len;

    while (comma > 0 && value.at[comma - 1] != ',')
        comma--;
    if (comma == 0 || !text_equal_nocase(text_trim(text_skip(value, comma)), TEXT("chunked")))
        return false;
    struct text others = text_slice(value, 0, comma - 1), member;
    if (text_trim(others).len == 0)
        return false;
    while (text_split(&others, ',', &member))
        if (!is_known_coding(text_trim(member)))
            return false;
    return true;
}

static enum parse_result read_coding(struct request_parser *parser, struct text value)
{
    if (parser->has_coding)
        return bad(parser, 400, "There is more than one Transfer-Encoding.");
    parser->has_coding = true;
    if (text_equal_nocase(value, TEXT("chunked")))
        return PARSE_MORE;
    if (is_framed_coding(value))
        return bad(parser, 501, "No transfer coding but chunked is served.");
    return bad(parser, 400, "The Transfer-Encoding is not exactly \"chunked\".");
}

static enum parse_result read_host(struct request_parser *parser, struct http_field *field)
{
    static const struct text name = TEXT("host");
    const struct http_request *request = parser->request;

    for (size_t i = 0; i < request->field_count; i++)
        if (text_equal(request->fields[i].name, name))
            return bad(parser, 400, "There is more than one Host.");
    if (!field_is_host(field->value))
        return bad(parser, 400, "The Host is malformed.");
    if (text_is_set(request->host))
        field->value = request->host;
    else
        parser->request->host = field->value;
    return PARSE_MORE;
}

static enum parse_result read_connection(struct request_parser *parser, struct text value)
{
    struct text member;

    while (field_list_next(&value, &member)) {
        parser->asks_close |= text_equal_nocase(member, TEXT("close"));
        parser->asks_keep_alive |= text_equal_nocase(member, TEXT("keep-alive"));
    }
    return PARSE_MORE;
}

static enum parse_result read_expect(struct request_parser *parser, struct text value)
{
    if (parser->request->http_1_0)
        return PARSE_MORE;
    if (!text_equal_nocase(value, TEXT("100-continue")))
        return bad(parser, 417, "Only \"100-continue\" can be expected.");
    parser->expect_continue = true;
    return PARSE_MORE;
}

/* The headers that concern the connection; all others are the application's. */
static enum parse_result read_meaning(struct request_parser *parser, struct http_field *field)
{
    static const struct text host = TEXT("host"), expect = TEXT("expect"),
                             connection = TEXT("connection"), length = TEXT("content-length"),
                             coding = TEXT("transfer-encoding");

    switch (field->name.len) {
    case sizeof "host" - 1:
        return text_equal(field->name, host) ? read_host(parser, field) : PARSE_MORE;
    case sizeof "expect" - 1:
        return text_equal(field->name, expect) ? read_expect(parser, field->value) : PARSE_MORE;
    case sizeof "connection" - 1:
        return text_equal(field->name, connection) ? read_connection(parser, field->value)
                                                   : PARSE_MORE;
    case sizeof "content-length" - 1:
        return text_equal(field->name, length) ? read_length(parser, field->value) : PARSE_MORE;
    case sizeof "transfer-encoding" - 1:
        return text_equal(field->name, coding) ? read_coding(parser, field->value) : PARSE_MORE;
    }
    return PARSE_MORE;
}

static enum parse_result skip_field(struct request_parser *parser, struct text name)
{
    if (field_looks_like(name, TEXT("content-length")) ||
        field_looks_like(name, TEXT("transfer-encoding")))
        return bad(parser, 400, "A header looks like one that frames the body.");
    return PARSE_MORE;
}

static enum parse_result read_field(struct request_parser *parser, char *line, size_t len)
{
    struct http_field field;

    if (!field_parse(line, len, &field))
        return bad(parser, 400, "A header is malformed.");
    if (text_contains(field.name, '_'))
        return skip_field(parser, field.name);
    if (parser->request->field_count == HTTP_FIELDS_MAX)
        return bad(parser, 431, "There are too many headers.");

    enum parse_result result = read_meaning(parser, &field);
    if (result == PARSE_MORE)
        parser->fields[parser->request->field_count++] = field;
    return result;
}

/* RFC 9112 6.3, without its leniencies. */
static enum parse_result finish(struct request_parser *parser)
{
    struct http_request *request = parser->request;

    if (parser->has_coding && parser->has_length)
        return bad(parser, 400, "There is both a Content-Length and a Transfer-Encoding.");
    if (parser->has_coding && request->http_1_0)
        return bad(parser, 400, "HTTP/1.0 has no Transfer-Encoding.");
    if (!request->http_1_0 && !text_is_set(http_header(request, TEXT("host"))))
        return bad(parser, 400, "There is no Host.");
    if (parser->has_coding)
        request->content_length = -1;
    parser->keep_alive = !parser->asks_close && (!request->http_1_0 || parser->asks_keep_alive);
    return PARSE_DONE;
}

static enum parse_result read_line(struct request_parser *parser, char *line, size_t len,
                                   bool is_first)
{
    if (len == 0 || line[len - 1] != '\r')
        return bad(parser, 400, "A line does not end with CR LF.");
    len--;
    if (parser->has_request_line)
        return len == 0 ? finish(parser) : read_field(parser, line, len);
    if (len == 0 && is_first) /* some clients end a body with one CR LF too many */
        return PARSE_MORE;
    return read_request_line(parser, text_from(line, len));
}

static enum parse_result want_more(struct request_parser *parser, const char *at, size_t len)
{
    /* What can never become a request needs no deadline: TLS, other protocols. */
    if (len > 0 && !parser->has_request_line && at[0] != '\r' && !field_is_token(text_from(at, 1)))
        return bad(parser, 400, "This is not HTTP.");
    if (len < HTTP_HEAD_BYTES_MAX)
        return PARSE_MORE;
    return parser->has_request_line ? bad(parser, 431, "The headers are too long.")
                                    : bad(parser, 414, "The request line is too long.");
}

enum parse_result request_parse(struct request_parser *parser, char *at, size_t len,
                                size_t *ret_used)
{
    if (len > HTTP_HEAD_BYTES_MAX)
        len = HTTP_HEAD_BYTES_MAX;
    for (char *end; (end = memchr(at + parser->scanned, '\n', len - parser->scanned));) {
        char *line = at + parser->line;
        parser->scanned = parser->line = (size_t)(end - at) + 1;

        enum parse_result result = read_line(parser, line, (size_t)(end - line), line == at);
        if (result != PARSE_MORE) {
            *ret_used = parser->line;
            return result;
        }
    }
    parser->scanned = len;
    return want_more(parser, at, len);
}
