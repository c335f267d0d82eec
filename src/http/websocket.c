/* SPDX-License-Identifier: Apache-2.0 */
#include "http/websocket.h"

#include "base/crypto.h"
#include "http/field.h"

#define HEAD_MIN 6 /* two bytes and the mask */
#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127
#define KEPT_MAX (16 << 10) /* of the memory of a message, between messages */

/* --- the opening handshake --- */

static bool lists(struct text value, struct text wanted)
{
    struct text member;

    while (field_list_next(&value, &member))
        if (text_equal_nocase(member, wanted))
            return true;
    return false;
}

bool websocket_is_upgrade(const struct http_request *request)
{
    if (text_is_set(request->tunnel))
        return text_equal(request->tunnel, TEXT("websocket"));
    return lists(http_header(request, TEXT("upgrade")), TEXT("websocket"));
}

static bool is_key(struct text key)
{
    scoped(buffer_done) struct buffer bytes = {0};

    return crypto_unbase64(key, &bytes) && bytes.len == 16;
}

int websocket_check(const struct http_request *request,
                    char accept[static WEBSOCKET_ACCEPT_LEN + 1])
{
    struct text key = http_header(request, TEXT("sec-websocket-key"));
    scoped(buffer_done) struct buffer source = {0}, encoded = {0};
    uint8_t hash[SHA1_LEN];

    accept[0] = '\0';
    if (text_is_set(request->tunnel)) /* RFC 8441 5: neither key nor Upgrade */
        return text_equal(http_header(request, TEXT("sec-websocket-version")), TEXT("13")) ? 0
                                                                                           : 426;
    if (request->method != METHOD_GET || request->http_1_0 || request->content_length != 0 ||
        !lists(http_header(request, TEXT("connection")), TEXT("upgrade")))
        return 400;
    if (!text_equal(http_header(request, TEXT("sec-websocket-version")), TEXT("13")))
        return 426;
    if (!is_key(key))
        return 400;
    buffer_add_text(&source, key);
    buffer_add_literal(&source, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"); /* RFC 6455 1.3 */
    crypto_sha1(buffer_text(&source), hash);
    crypto_base64(text_from(hash, sizeof hash), &encoded);
    memcpy(accept, encoded.at, WEBSOCKET_ACCEPT_LEN);
    accept[WEBSOCKET_ACCEPT_LEN] = '\0';
    return 0;
}

/* --- reading --- */

static enum websocket_result fail(struct websocket_reader *reader, struct websocket_message *ret,
                                  int code)
{
    reader->has_ended = true;
    *ret = (struct websocket_message){.opcode = WEBSOCKET_CLOSE, .code = code};
    return WEBSOCKET_BAD;
}

static enum websocket_opcode frame_opcode(const struct websocket_reader *reader)
{
    return reader->head[0] & OPCODE;
}

static bool is_control(const struct websocket_reader *reader)
{
    return frame_opcode(reader) >= WEBSOCKET_CLOSE;
}

static size_t head_size(const struct websocket_reader *reader)
{
    uint8_t length = reader->head_len < 2 ? 0 : reader->head[1] & LENGTH;

    return HEAD_MIN + (length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0);
}

static uint64_t payload_length(const struct websocket_reader *reader)
{
    uint8_t length = reader->head[1] & LENGTH;
    size_t count = length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
    uint64_t value = 0;

    if (count == 0)
        return length;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | reader->head[2 + i];
    return value;
}

/* Whether the shortest form was used, as 5.2 demands. */
static bool is_shortest(const struct websocket_reader *reader, uint64_t length)
{
    uint8_t form = reader->head[1] & LENGTH;

    return form < LENGTH_16 || (form == LENGTH_16 ? length >= LENGTH_16 : length > UINT16_MAX);
}

/* 0, or the code to close with. */
static int check_head(const struct websocket_reader *reader, uint64_t length)
{
    enum websocket_opcode opcode = frame_opcode(reader);

    if ((reader->head[0] & RESERVED) || !is_shortest(reader, length))
        return WEBSOCKET_PROTOCOL_ERROR;
    if (is_control(reader)) {
        bool known = opcode <= WEBSOCKET_PONG;
        bool whole = (reader->head[0] & FIN) && length <= WEBSOCKET_CONTROL_MAX;
        return known && whole ? 0 : WEBSOCKET_PROTOCOL_ERROR;
    }
    if (opcode > WEBSOCKET_BINARY || (opcode == WEBSOCKET_CONTINUATION) != reader->in_message)
        return WEBSOCKET_PROTOCOL_ERROR;
    if (length > reader->frame_max || length > reader->message_max - reader->message.len)
        return WEBSOCKET_TOO_BIG;
    return 0;
}

static void take_head(struct websocket_reader *reader, struct text *input)
{
    while (reader->head_len < head_size(reader) && input->len > 0) {
        reader->head[reader->head_len++] = (uint8_t)input->at[0];
        *input = text_skip(*input, 1);
    }
}

static void begin_payload(struct websocket_reader *reader, uint64_t length)
{
    reader->in_payload = true;
    reader->left = length;
    reader->at = 0;
    if (is_control(reader)) {
        reader->control_len = 0;
        return;
    }
    if (!reader->in_message)
        reader->opcode = frame_opcode(reader);
    reader->in_message = true;
}

static void take_payload(struct websocket_reader *reader, struct text *input)
{
    size_t count = input->len < reader->left ? input->len : (size_t)reader->left;
    const uint8_t *mask = reader->head + reader->head_len - 4;
    char *to = is_control(reader) ? reader->control + reader->control_len
                                  : buffer_room(&reader->message, count);

    for (size_t i = 0; i < count; i++)
        to[i] = (char)(input->at[i] ^ mask[(reader->at + i) & 3]);
    if (is_control(reader))
        reader->control_len += count;
    else
        buffer_added(&reader->message, count);
    reader->at += count;
    reader->left -= count;
    *input = text_skip(*input, count);
}

static bool is_close_code(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum websocket_result finish_close(struct websocket_reader *reader,
                                          struct websocket_message *ret)
{
    struct text payload = text_from(reader->control, reader->control_len);

    reader->has_ended = true;
    if (payload.len == 0) {
        *ret = (struct websocket_message){WEBSOCKET_CLOSE, TEXT(""), WEBSOCKET_NO_STATUS};
        return WEBSOCKET_GOT;
    }
    if (payload.len == 1)
        return fail(reader, ret, WEBSOCKET_PROTOCOL_ERROR);
    int code = (uint8_t)payload.at[0] << 8 | (uint8_t)payload.at[1];
    struct text reason = text_skip(payload, 2);
    if (!is_close_code(code))
        return fail(reader, ret, WEBSOCKET_PROTOCOL_ERROR);
    if (!text_is_utf8(reason))
        return fail(reader, ret, WEBSOCKET_BAD_DATA);
    *ret = (struct websocket_message){WEBSOCKET_CLOSE, reason, code};
    return WEBSOCKET_GOT;
}

static enum websocket_result finish_frame(struct websocket_reader *reader,
                                          struct websocket_message *ret)
{
    enum websocket_opcode opcode = frame_opcode(reader);
    bool is_last = reader->head[0] & FIN;

    reader->in_payload = false;
    reader->head_len = 0;
    if (opcode == WEBSOCKET_CLOSE)
        return finish_close(reader, ret);
    if (opcode > WEBSOCKET_CLOSE) {
        *ret =
            (struct websocket_message){opcode, text_from(reader->control, reader->control_len), 0};
        return WEBSOCKET_GOT;
    }
    if (!is_last)
        return WEBSOCKET_MORE;
    reader->in_message = false;
    if (reader->opcode == WEBSOCKET_TEXT && !text_is_utf8(buffer_text(&reader->message)))
        return fail(reader, ret, WEBSOCKET_BAD_DATA);
    *ret = (struct websocket_message){reader->opcode, buffer_text(&reader->message), 0};
    return WEBSOCKET_GOT;
}

static enum websocket_result begin_frame(struct websocket_reader *reader, struct text *input,
                                         struct websocket_message *ret)
{
    take_head(reader, input);
    if (reader->head_len >= 2 && !(reader->head[1] & MASKED)) /* a mask may never come */
        return fail(reader, ret, WEBSOCKET_PROTOCOL_ERROR);
    if (reader->head_len < head_size(reader))
        return WEBSOCKET_MORE;
    uint64_t length = payload_length(reader);
    int code = check_head(reader, length);
    if (code)
        return fail(reader, ret, code);
    begin_payload(reader, length);
    return WEBSOCKET_MORE;
}

enum websocket_result websocket_next(struct websocket_reader *reader, struct text *input,
                                     struct websocket_message *ret)
{
    enum websocket_result result = WEBSOCKET_MORE;

    *ret = (struct websocket_message){0};
    if (!reader->in_message)
        buffer_recycle(&reader->message, KEPT_MAX); /* it was told */
    while (result == WEBSOCKET_MORE && !reader->has_ended) {
        if (!reader->in_payload) {
            if (input->len == 0)
                break;
            result = begin_frame(reader, input, ret);
            continue;
        }
        take_payload(reader, input);
        if (reader->left > 0)
            break;
        result = finish_frame(reader, ret);
    }
    if (reader->has_ended && result == WEBSOCKET_MORE)
        *input = text_skip(*input, input->len);
    return result;
}

void websocket_reader_done(struct websocket_reader *reader)
{
    buffer_done(&reader->message);
}

/* --- writing --- */

void websocket_write(struct buffer *out, enum websocket_opcode opcode, struct text payload)
{
    size_t count = payload.len < LENGTH_16 ? 0 : payload.len <= UINT16_MAX ? 2 : 8;

    buffer_add_char(out, (char)(FIN | opcode));
    buffer_add_char(out, (char)(count == 0 ? payload.len : count == 2 ? LENGTH_16 : LENGTH_64));
    while (count > 0)
        buffer_add_char(out, (char)((uint64_t)payload.len >> 8 * --count));
    buffer_add_text(out, payload);
}

/* What of reason fits, in whole characters. */
static struct text cut_reason(struct text reason)
{
    size_t len = 0, next;

    while ((next = text_utf8_len(text_skip(reason, len))) > 0 && len + next <= WEBSOCKET_REASON_MAX)
        len += next;
    return text_slice(reason, 0, len);
}

void websocket_write_close(struct buffer *out, int code, struct text reason)
{
    char payload[WEBSOCKET_CONTROL_MAX] = {(char)(code >> 8), (char)code};
    struct text fitting = cut_reason(reason);

    if (code == WEBSOCKET_NO_STATUS) {
        websocket_write(out, WEBSOCKET_CLOSE, TEXT(""));
        return;
    }
    if (fitting.len > 0)
        memcpy(payload + 2, fitting.at, fitting.len);
    websocket_write(out, WEBSOCKET_CLOSE, text_from(payload, 2 + fitting.len));
}
