/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "http/connection_priv.h"

/*
 * A connection that speaks HTTP/2 (RFC 9113): nghttp2 reads and writes frames, this keeps
 * the streams, the limits and the time. A stream is answered (its application is done with
 * it) before it is closed (its frames are sent).
 *
 * What a client may cause without being answered costs from an allowance that refills with
 * time and with work done: resets, refused and malformed requests, trailers, SETTINGS, PING,
 * PRIORITY, WINDOW_UPDATE, DATA that is empty or padding, unknown frames. One account for all of them, so that mixing does
 * not help. When it is used up the connection ends with ENHANCE_YOUR_CALM.
 */

#define H2_STREAMS_MAX 100
#define H2_STREAM_WINDOW (64 << 10)
#define H2_CONNECTION_WINDOW (1 << 20)
#define H2_REQUESTS_MAX 100000   /* then GOAWAY: what a connection holds is renewed */
#define H2_UNSENT_MAX (16 << 20) /* answers a client did not take yet; no more requests above */
#define H2_LINGER_MS 2000        /* for a client to end a tunnel that we ended */
#define H2_PROGRESS 4096         /* bytes of an answer; fewer do not put off its deadline */
#define H2_ALLOWANCE 1000
#define H2_STRANGE_MAX (1 << 20) /* bytes of unknown frames in a row; the library hides those */
#define H2_ALLOWANCE_PER_S 50

struct h2 {
    struct connection *connection;
    nghttp2_session *session;
    struct list streams;
    struct list writable; /* streams whose application waits for room that is there now */
    int64_t allowance, allowance_us;
    int64_t requests;
    size_t strange;           /* bytes since the last frame of a known type */
    int64_t head_us;          /* a head is being received since; 0: none */
    int32_t last_id;          /* highest of a request so far */
    int32_t gap_from, gap_to; /* ids the client left out last */
    int64_t unsent;           /* bytes in the streams' out */
    int open_count;           /* streams */
    int tunnel_count;         /* those that carry another protocol, and wait for nothing */
    bool entered;             /* settle() will follow */
    bool said_farewell;       /* the client, by GOAWAY */
    bool over;                /* nothing more is read; close when what is gathered is out */
};

struct h2_stream {
    struct http_stream stream;
    struct list link, writable;
    struct h2 *h2;
    int32_t id;

    struct http_field *fields; /* HTTP_FIELDS_MAX, in the arena */
    size_t field_count, head_bytes;
    struct text scheme, authority, host;
    char *cookie; /* in the arena, as are the texts */
    size_t cookie_len, cookie_room;
    int refusal; /* status to answer the head with */
    const char *reason;

    struct buffer in; /* came while the application had paused */
    int64_t received, received_us, body_began_us;

    struct buffer out;
    enum writing writing;
    int64_t write_left, sent_us, sent_since;
    struct http_field *trailers;
    size_t trailer_count;

    bool live, has_head, has_length, expecting, paused, ended_in, told_end;
    bool switched; /* to another protocol */
    bool answered, told_full, deferred;
};

/* --- connection_h2.c --- */

/* After the application called from elsewhere. */
void h2_left(struct h2 *h2);
void h2_charge(struct h2 *h2, int cost);
void h2_earn(struct h2 *h2, int worth);
bool h2_is_over(const struct h2 *h2);
void h2_go_away(struct h2 *h2); /* no further requests */

/* --- h2_stream.c: requests --- */

void h2_set_request_callbacks(nghttp2_session_callbacks *callbacks);
/* The exchange is over for the application. */
void h2_stream_end(struct h2_stream *s, bool reset);
void h2_stream_free(struct h2_stream *s);
/* Hands on what is there of a body and its end. */
void h2_stream_advance(struct h2_stream *s);

/* --- h2_answer.c --- */

extern const struct http_transport h2_transport;
void h2_set_answer_callbacks(nghttp2_session_callbacks *callbacks);
/* Answers for the application, which may have the stream already. */
void h2_refuse(struct h2_stream *s, int status, const char *reason);
/* The client has ended its half of a tunnel: the other follows. */
void h2_hang_up(struct h2_stream *s);
