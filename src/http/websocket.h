/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "base/text.h"
#include "http/http.h"

/*
 * WebSocket (RFC 6455), the server's side of the wire: the opening handshake and frames.
 * Reads from what has come and writes into a buffer; sockets and time are the caller's.
 * No extensions are offered, so every reserved bit is an error.
 */

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

/* Status codes of a closing (RFC 6455 7.4.1). */
enum {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_PROTOCOL_ERROR = 1002,
    WEBSOCKET_UNSUPPORTED = 1003,
    WEBSOCKET_NO_STATUS = 1005, /* never on the wire: the peer gave none */
    WEBSOCKET_ABNORMAL = 1006,  /* never on the wire: the connection broke */
    WEBSOCKET_BAD_DATA = 1007,
    WEBSOCKET_TOO_BIG = 1009,
    WEBSOCKET_INTERNAL_ERROR = 1011,
};

#define WEBSOCKET_CONTROL_MAX 125 /* bytes of a control frame's payload */
#define WEBSOCKET_REASON_MAX 123  /* bytes of a closing's reason */
#define WEBSOCKET_ACCEPT_LEN 28

/* Whether a request wants to become a WebSocket: "Upgrade: websocket", or a tunnel of HTTP/2. */
bool websocket_is_upgrade(const struct http_request *request);
/* Whether it may: 0, and accept is the answer's Sec-WebSocket-Accept ("" of a tunnel, which has
 * none); else the status to refuse with: 400, or 426 for another version than 13. */
int websocket_check(const struct http_request *request,
                    char accept[static WEBSOCKET_ACCEPT_LEN + 1]);

/* {0} but for the limits is the start of a connection. */
struct websocket_reader {
    size_t frame_max, message_max; /* bytes; beyond: TOO_BIG */
    /* private */
    uint8_t head[14];
    size_t head_len;
    uint64_t left; /* of the frame's payload */
    uint64_t at;   /* in the payload: which byte of the mask is next */
    bool in_payload, in_message, has_ended;
    enum websocket_opcode opcode; /* of the message under way */
    struct buffer message;
    char control[WEBSOCKET_CONTROL_MAX];
    size_t control_len;
};

enum websocket_result {
    WEBSOCKET_MORE, /* all input was taken */
    WEBSOCKET_GOT,  /* *ret is a message or control frame; call again */
    WEBSOCKET_BAD,  /* ret->code says how to close; nothing more can be read */
};

struct websocket_message {
    enum websocket_opcode opcode; /* never CONTINUATION */
    struct text payload;          /* valid until the next call; of CLOSE: the reason */
    int code;                     /* of CLOSE and BAD */
};

/* Takes what it can from *input and changes it (unmasks in a copy, input stays). After a
 * CLOSE every further byte is ignored. */
enum websocket_result websocket_next(struct websocket_reader *reader, struct text *input,
                                     struct websocket_message *ret);
void websocket_reader_done(struct websocket_reader *reader);

/* One whole frame, unmasked, appended. */
void websocket_write(struct buffer *out, enum websocket_opcode opcode, struct text payload);
/* NO_STATUS writes none. A long reason is cut at a character. */
void websocket_write_close(struct buffer *out, int code, struct text reason);
