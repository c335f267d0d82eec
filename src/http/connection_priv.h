/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/http_priv.h"
#include "http/wire.h"

/*
 * A connection reads heads into a block and bodies through it (or through the pool's
 * scratch when their length is known), hands one request at a time to the application,
 * and gathers answers in `out`.
 *
 * Everything that happens enters by on_ready, on_task or on_timer ("entered"), does what
 * is possible, and ends in settle(), which sends what was gathered (one send for all
 * answers to pipelined requests) and brings watching, deadline and memory in line with
 * the state. Calls of the application from elsewhere leave that to on_task: so a call of
 * the application never leads to another request being handed to it before it returns,
 * and the answers of one turn of the loop go out one after the other when all else is
 * done. A peer on another core is woken by the first of them and busy during the rest;
 * to wake it is most of what a send costs.
 *
 * Deadlines move without touching the timer: it is set anew when it fires early, or when
 * a deadline is earlier than it.
 */

#define OUT_HIGH (64 << 10) /* gathered beyond this: the client is slow */
#define OUT_LOW (16 << 10)
#define DROP_MAX (256 << 10) /* of a body nobody wants, to keep the connection */

enum reading {
    READ_HEAD,
    READ_BODY,
    READ_DONE,    /* the request is complete; the next is not looked at yet */
    READ_NOTHING, /* no further request will be read */
    READ_TUNNEL,  /* another protocol: everything is the application's */
    READ_LINGER,  /* the answer is out; what comes is dropped until the client closes */
};

enum writing {
    WRITE_NONE,
    WRITE_LENGTH,
    WRITE_CHUNKED,
    WRITE_UNTIL_CLOSE,
    WRITE_NO_BODY,
    WRITE_TUNNEL,
};

struct connection {
    struct http_stream stream;
    struct loop_io io;
    struct wire wire;
    struct loop_timer timer;
    struct loop_task task;
    struct list link;
    struct http_server *server;
    const struct http_app *app;

    struct input_block *block;
    uint32_t start, end; /* what is unread in the block */
    uint32_t floor;      /* what is before it belongs to the head of the stream */
    enum reading reading;
    struct request_parser parser;
    struct chunked chunked;
    int64_t body_left;     /* of a known length */
    int64_t body_received; /* or dropped */

    struct proxy_reader *proxy; /* while the header of the PROXY protocol is awaited */
    struct h2 *h2;              /* once it speaks HTTP/2: then all from here but `out` is unused */
    struct buffer out;
    enum writing writing;
    int64_t write_left; /* of a known length */

    int64_t opened_us; /* while it shakes hands */
    int64_t received_us, sent_us, body_began_us, paused_us, linger_us;
    int64_t timer_due_us;
    int64_t unsent;          /* in the server's sum */
    int64_t taken, taken_us; /* how much of `out` and before it the client had when; -1: unknown */

    bool has_served; /* a request: it cannot turn into HTTP/2 any more */
    bool live;       /* the application has the stream */
    bool entered;    /* settle() will follow */
    bool paused;     /* the application does not want more body */
    bool joins_next; /* what is gathered waits for the answer to the request behind it */
    bool expecting;  /* the client waits for 100 Continue */
    bool keep_alive; /* of the request under way */
    bool told_full;  /* http_write() said false */
    bool stuck;      /* the socket took nothing when last asked */
    bool unread;     /* closing before the request was read */
    bool ended;      /* no more input comes */
    bool closing;    /* once `out` is sent */
    bool broken;     /* nothing more can be sent or received */
    bool reset;      /* close so that the client sees an error */
    bool closed;
};

static inline int64_t connection_now_us(const struct connection *c)
{
    return loop_now_us(c->server->loop);
}

/* --- connection_http1.c: its life --- */

/* The exchange is over for the application. */
void connection_end_stream(struct connection *c, bool reset);
void connection_close_now(struct connection *c);

/* --- connection_proxy.c --- */

/* Before the connection says anything of its own. It may be closed when this returns. */
void connection_proxy_begin(struct connection *c, const struct http_door *door);
/* Reads of the header what is there. */
void connection_proxy_read(struct connection *c);
void connection_proxy_fail(struct connection *c, const char *reason); /* closes and tells */

/* --- connection_h2.c --- */

/* The connection speaks HTTP/2 from here on, beginning with what is in the block. */
void connection_h2_begin(struct connection *c);
/* All is said: frees c->h2 and drops what still comes until the client closes, for a while. */
void connection_leave_h2(struct connection *c);
void h2_settle(struct connection *c);
void h2_close_streams(struct h2 *h2); /* each gets on_close(reset) */
void h2_done(struct h2 *h2);
void h2_drain(struct h2 *h2);

/* --- connection_output.c: answers --- */

extern const struct http_transport connection_transport;
struct buffer *connection_output(struct connection *c); /* what is gathered */
void connection_flush(struct connection *c);
/* At the end of a turn of the connection, of whose answers unsent bytes wait in all: the
 * client's time to take them begins or goes on. When too many wait in the whole server, the
 * connection that has waited longest is closed: perhaps this one. */
void connection_note_unsent(struct connection *c, int64_t unsent);
/* When the client has to have taken some of `out`; INT64_MAX: nothing waits for it. */
int64_t connection_take_deadline(const struct connection *c);
/* At that time: whether it takes too little. */
bool connection_takes_little(struct connection *c);
/* Answers for the application, which may have the stream already, and ends the
 * connection. Where an answer has begun, cutting it off is all that is left. */
void connection_refuse(struct connection *c, int status, const char *reason);

/* --- connection_request.c: heads and bodies, from what is in the block --- */

/* As far as the input goes; not while the client does not take its answers. */
void connection_advance(struct connection *c);
/* A piece of a body whose length is known. */
void connection_read_known(struct connection *c, struct text piece);
void connection_stop_reading(struct connection *c);

/* --- connection_input.c: from the socket into the block --- */

bool connection_wants_input(const struct connection *c);
void connection_receive(struct connection *c);
