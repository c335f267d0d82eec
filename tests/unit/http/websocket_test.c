/* SPDX-License-Identifier: Apache-2.0 */
#include "http/websocket.h"

#include "test.h"

#define ALL ((size_t)1 << 20)

/* A client's frame: masked. */
static void add_frame(struct buffer *out, uint8_t first, struct text payload)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

    buffer_add_char(out, (char)first);
    if (payload.len < 126) {
        buffer_add_char(out, (char)(0x80 | payload.len));
    } else if (payload.len <= UINT16_MAX) {
        buffer_add_char(out, (char)(0x80 | 126));
        buffer_add_char(out, (char)(payload.len >> 8));
        buffer_add_char(out, (char)payload.len);
    } else {
        buffer_add_char(out, (char)(0x80 | 127));
        for (int i = 7; i >= 0; i--)
            buffer_add_char(out, (char)((uint64_t)payload.len >> 8 * i));
    }
    buffer_add(out, mask, sizeof mask);
    for (size_t i = 0; i < payload.len; i++)
        buffer_add_char(out, (char)(payload.at[i] ^ mask[i & 3]));
}

/* What is read of source in steps, as "TEXT hello|PING x|CLOSE 1000 bye|". */
static void read_all(struct text source, size_t step, struct buffer *out)
{
    static const char *const names[] = {[WEBSOCKET_TEXT] = "TEXT",
                                        [WEBSOCKET_BINARY] = "BINARY",
                                        [WEBSOCKET_CLOSE] = "CLOSE",
                                        [WEBSOCKET_PING] = "PING",
                                        [WEBSOCKET_PONG] = "PONG"};
    struct websocket_reader reader = {.frame_max = 300, .message_max = 500};

    for (size_t at = 0; at < source.len; at += step) {
        struct text input = text_slice(source, at, at + step);
        struct websocket_message message;
        enum websocket_result result;

        while ((result = websocket_next(&reader, &input, &message)) == WEBSOCKET_GOT) {
            buffer_add_format(out, "%s", names[message.opcode]);
            if (message.code)
                buffer_add_format(out, " %d", message.code);
            buffer_add_format(out, " %.*s|", TEXT_ARG(message.payload));
        }
        if (result == WEBSOCKET_BAD) {
            buffer_add_format(out, "BAD %d|", message.code);
            break;
        }
        CHECK(input.len == 0);
    }
    websocket_reader_done(&reader);
}

static void check_reads(const struct buffer *source, const char *expected)
{
    static const size_t steps[] = {1, 2, 3, 5, 64, ALL};

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        scoped(buffer_done) struct buffer out = {0};
        read_all(buffer_text(source), steps[i], &out);
        CHECK_TEXT(buffer_text(&out), expected);
    }
}

static void check_bytes(struct text bytes, const char *expected)
{
    scoped(buffer_done) struct buffer source = {0};

    buffer_add_text(&source, bytes);
    check_reads(&source, expected);
}

TEST(the_example_of_the_rfc_is_read)
{
    check_bytes(TEXT("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "TEXT Hello|");
}

TEST(fragments_are_joined_and_control_frames_come_between)
{
    scoped(buffer_done) struct buffer source = {0};

    add_frame(&source, 0x01, TEXT("Hel"));
    add_frame(&source, 0x89, TEXT("are you there"));
    add_frame(&source, 0x00, TEXT(""));
    add_frame(&source, 0x80, TEXT("lo"));
    add_frame(&source, 0x82, TEXT("raw"));
    add_frame(&source, 0x81, TEXT(""));
    add_frame(&source, 0x8a, TEXT(""));
    add_frame(&source, 0x88,
              TEXT("\x03\xe8"
                   "bye"));
    add_frame(&source, 0x81, TEXT("ignored"));
    check_reads(&source, "PING are you there|TEXT Hello|BINARY raw|TEXT |PONG |CLOSE 1000 bye|");
}

TEST(longer_lengths_are_read)
{
    scoped(buffer_done) struct buffer source = {0}, expected = {0};
    char payload[300];

    memset(payload, 'x', sizeof payload);
    add_frame(&source, 0x81, text_from(payload, sizeof payload));
    buffer_add_literal(&expected, "TEXT ");
    buffer_add(&expected, payload, sizeof payload);
    buffer_add_char(&expected, '|');
    check_reads(&source, expected.at);
}

TEST(what_is_too_big_is_refused_before_it_is_read)
{
    scoped(buffer_done) struct buffer source = {0};
    char payload[301];

    memset(payload, 'x', sizeof payload);
    add_frame(&source, 0x81, text_from(payload, 301)); /* a frame */
    check_reads(&source, "BAD 1009|");
    buffer_clear(&source);
    add_frame(&source, 0x01, text_from(payload, 300)); /* a message */
    add_frame(&source, 0x80, text_from(payload, 201));
    check_reads(&source, "BAD 1009|");
    check_bytes(TEXT("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                     "mask"),
                "BAD 1009|");
}

TEST(breaches_of_the_protocol_are_told)
{
    check_bytes(TEXT("\x81\x05Hello??"), "BAD 1002|");          /* not masked */
    check_bytes(TEXT("\x81\x00"), "BAD 1002|");                 /* nor will it be */
    check_bytes(TEXT("\xc1\x80mask"), "BAD 1002|");             /* a reserved bit */
    check_bytes(TEXT("\x83\x80mask"), "BAD 1002|");             /* an unknown opcode */
    check_bytes(TEXT("\x8b\x80mask"), "BAD 1002|");             /* an unknown control frame */
    check_bytes(TEXT("\x80\x80mask"), "BAD 1002|");             /* continues nothing */
    check_bytes(TEXT("\x01\x80mask\x81\x80mask"), "BAD 1002|"); /* begins within a message */
    check_bytes(TEXT("\x09\x80mask"), "BAD 1002|");             /* a fragment of a ping */
    check_bytes(TEXT("\x89\xfe\x00\x7emask"), "BAD 1002|");     /* a ping of 126 bytes */
    check_bytes(TEXT("\x81\xfe\x00\x05mask"), "BAD 1002|");     /* 5 in the long form */
    check_bytes(TEXT("\x81\xff\0\0\0\0\0\0\xff\xffmask"), "BAD 1002|");
}

TEST(text_has_to_be_utf8)
{
    scoped(buffer_done) struct buffer source = {0};

    add_frame(&source, 0x01, TEXT("\xc3")); /* a character over two frames */
    add_frame(&source, 0x80, TEXT("\xa4"));
    add_frame(&source, 0x82, TEXT("\xff"));
    check_reads(&source, "TEXT \xc3\xa4|BINARY \xff|");
    buffer_clear(&source);
    add_frame(&source, 0x81, TEXT("\xff"));
    check_reads(&source, "BAD 1007|");
}

TEST(closing_codes_are_checked)
{
    static const struct {
        struct text payload;
        const char *expected;
    } cases[] = {
        {TEXT(""), "CLOSE 1005 |"},          {TEXT("\x03"), "BAD 1002|"},
        {TEXT("\x0f\xa0"), "CLOSE 4000 |"},  {TEXT("\x03\xed"), "BAD 1002|"}, /* 1005 */
        {TEXT("\x03\xee"), "BAD 1002|"},                                      /* 1006 */
        {TEXT("\x00\x00"), "BAD 1002|"},     {TEXT("\x13\x88"), "BAD 1002|"}, /* 5000 */
        {TEXT("\x03\xe8\xff"), "BAD 1007|"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        scoped(buffer_done) struct buffer source = {0};
        add_frame(&source, 0x88, cases[i].payload);
        check_reads(&source, cases[i].expected);
    }
}

static void check_head(enum websocket_opcode opcode, size_t len, struct text head)
{
    scoped(buffer_done) struct buffer out = {0}, payload = {0};

    memset(buffer_room(&payload, len + 1), 'x', len);
    buffer_added(&payload, len);
    websocket_write(&out, opcode, buffer_text(&payload));
    CHECK(out.len == head.len + len);
    CHECK(text_equal(text_slice(buffer_text(&out), 0, head.len), head));
}

TEST(frames_are_written_in_the_shortest_form)
{
    check_head(WEBSOCKET_TEXT, 0, TEXT("\x81\x00"));
    check_head(WEBSOCKET_BINARY, 125, TEXT("\x82\x7d"));
    check_head(WEBSOCKET_TEXT, 126, TEXT("\x81\x7e\x00\x7e"));
    check_head(WEBSOCKET_TEXT, 65535, TEXT("\x81\x7e\xff\xff"));
    check_head(WEBSOCKET_TEXT, 65536, TEXT("\x81\x7f\0\0\0\0\0\x01\0\0"));
}

TEST(a_closing_has_a_code_and_a_reason_that_fits)
{
    scoped(buffer_done) struct buffer out = {0}, reason = {0};

    websocket_write_close(&out, 1001, TEXT("idle"));
    CHECK(text_equal(buffer_text(&out), TEXT("\x88\x06\x03\xe9idle")));
    buffer_clear(&out);
    websocket_write_close(&out, WEBSOCKET_NO_STATUS, TEXT("never said"));
    CHECK(text_equal(buffer_text(&out), TEXT("\x88\x00")));
    for (int i = 0; i < 100; i++)
        buffer_add_literal(&reason, "\xc3\xa4");
    buffer_clear(&out);
    websocket_write_close(&out, 1000, buffer_text(&reason));
    CHECK(out.len == 2 + 2 + 122); /* 61 characters, not 61 and a half */
}

static int check_request(enum http_method method, const char *version, const char *key,
                         char *accept)
{
    const struct http_field fields[] = {
        {TEXT("upgrade"), TEXT("WebSocket")},
        {TEXT("connection"), TEXT("keep-alive, Upgrade")},
        {TEXT("sec-websocket-version"), text_of(version)},
        {TEXT("sec-websocket-key"), text_of(key)},
    };
    const struct http_request request = {
        .method = method, .fields = fields, .field_count = COUNT_OF(fields)};

    CHECK(websocket_is_upgrade(&request));
    return websocket_check(&request, accept);
}

TEST(the_handshake_is_answered)
{
    char accept[WEBSOCKET_ACCEPT_LEN + 1];

    CHECK(check_request(METHOD_GET, "13", "dGhlIHNhbXBsZSBub25jZQ==", accept) == 0);
    CHECK_TEXT(text_of(accept), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455 1.3 */
    CHECK(check_request(METHOD_POST, "13", "dGhlIHNhbXBsZSBub25jZQ==", accept) == 400);
    CHECK(check_request(METHOD_GET, "8", "dGhlIHNhbXBsZSBub25jZQ==", accept) == 426);
    CHECK(check_request(METHOD_GET, "13", "c2hvcnQ=", accept) == 400);
    CHECK(check_request(METHOD_GET, "13", "?", accept) == 400);
}

TEST(a_tunnel_has_neither_key_nor_upgrade)
{
    static const struct http_field version[] = {{TEXT("sec-websocket-version"), TEXT("13")}};
    struct http_request request = {.method = METHOD_GET, .tunnel = TEXT("websocket")};
    char accept[WEBSOCKET_ACCEPT_LEN + 1];

    CHECK(websocket_is_upgrade(&request));
    CHECK(websocket_check(&request, accept) == 426);
    request.fields = version;
    request.field_count = COUNT_OF(version);
    CHECK(websocket_check(&request, accept) == 0 && accept[0] == '\0');
    request.tunnel = TEXT("connect-udp");
    CHECK(!websocket_is_upgrade(&request));
}
