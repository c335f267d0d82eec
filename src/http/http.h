/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/text.h"
#include "loop/loop.h"

/*
 * One HTTP exchange as the application sees it, whatever carries it: HTTP/1.1 or
 * HTTP/2, plain or by TLS. A request is a stream: head, body chunks, end,
 * or a reset at any time. All on the loop of the connection.
 */
struct http_stream;

enum http_method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_PATCH,
    METHOD_OPTIONS,
    METHOD_OTHER, /* a well-formed token we have no name for */
};

/* A header or trailer. Names of a request are in lower case; values are trimmed. */
struct http_field {
    struct text name, value;
};

#define HTTP_FIELDS_MAX 100
#define HTTP_HEAD_BYTES_MAX (16 << 10) /* request line and headers; 431 (line: 414) above */

struct http_request {
    enum http_method method;
    struct text method_text;
    struct text target; /* as it came: "/a%20b?x=1", but in ASCII */
    struct text path;   /* before "?", still encoded, starts with "/" (or is "*") */
    struct text query;  /* after "?", still encoded; TEXT_NONE without "?" */
    struct text host;   /* Host header; never absent in HTTP/1.1 */
    const struct http_field *fields;
    size_t field_count;
    int64_t content_length; /* of the body; -1: chunked, ends when it ends */
    bool http_1_0;
    /* The protocol that an extended CONNECT of HTTP/2 asks for (RFC 8441), as for http_switch():
     * the request is a GET otherwise. TEXT_NONE: it is no such request. */
    struct text tunnel;
    /* After a chunked body, from on_end on. */
    const struct http_field *trailers;
    size_t trailer_count;
};

/* First value with that lower-case name, or TEXT_NONE. */
struct text http_field_find(const struct http_field *fields, size_t count, struct text name);
/* All values of that name in any case, joined by commas (of the arena when there are several),
 * or TEXT_NONE. */
struct text http_field_join(const struct http_field *fields, size_t count, struct text name,
                            struct arena *arena);
static inline struct text http_header(const struct http_request *request, struct text name)
{
    return http_field_find(request->fields, request->field_count, name);
}

/*
 * What an application does with a stream. Borrowed text is valid during the call, but
 * for the request head, which lives as long as the stream. After on_close no call
 * follows and the stream is gone; it is called exactly once for each on_request.
 */
struct http_app {
    /* The head is there. May answer at once (the rest of the body is then read and
     * dropped up to a limit, or the connection closed). */
    void (*on_request)(struct http_stream *stream);
    /* A piece of the body. Return false to pause reading until http_resume(). */
    bool (*on_body)(struct http_stream *stream, struct text chunk);
    /* The body is complete (called for empty bodies too). */
    void (*on_end)(struct http_stream *stream);
    /* After http_write() said false: there is room again. Optional. */
    void (*on_writable)(struct http_stream *stream);
    /* The exchange is over: answered in full (reset false), or the client went away or
     * broke the protocol (reset true). Release what belongs to it. */
    void (*on_close)(struct http_stream *stream, bool reset);
    /* A request whose head is malformed or did not come in time: it was answered, was and
     * will be no stream of the application's, and the connection ends. What is known of it
     * can be read: context, peer, began_us, status, sent_bytes, and what was understood of
     * request (the method may be missing, fields be some of its own). reason is a sentence
     * that lasts. Optional. */
    void (*on_refused)(const struct http_stream *stream, const char *reason);
    /* The client sent its end while it waits for the answer: it is gone, most likely, but may
     * still read. Optional. */
    void (*on_half_close)(struct http_stream *stream);
    /* The server is to end, and the stream carries another protocol (http_switch): the
     * application ends it soon. Optional. */
    void (*on_drain)(struct http_stream *stream);
    /* Requests for tunnels are handed on, and clients told that they may send them. Of others they
     * are refused with 501. */
    bool takes_tunnels;
};

/* The transport's side; one table per protocol. */
struct http_transport {
    void (*switch_to)(struct http_stream *stream, struct text protocol,
                      const struct http_field *fields, size_t count);
    void (*respond)(struct http_stream *stream, int status, const struct http_field *fields,
                    size_t count, struct text body);
    void (*begin)(struct http_stream *stream, int status, const struct http_field *fields,
                  size_t count, int64_t content_length);
    bool (*write)(struct http_stream *stream, struct text chunk);
    void (*end)(struct http_stream *stream, const struct http_field *trailers, size_t count);
    void (*abort)(struct http_stream *stream);
    void (*resume)(struct http_stream *stream);
};

struct http_stream {
    const struct http_transport *transport;
    const struct http_app *app; /* on_request may name another for the rest of the stream */
    void *context;              /* of the listener: what http_listen() was given */
    void *owner;                /* the application's, NULL at first */
    struct loop *loop;
    struct http_request request;
    struct arena arena;           /* freed when the stream is gone */
    bool is_half_closed;          /* no more input comes: the client may be gone */
    struct sockaddr_storage peer; /* AF_UNSPEC for what is not TCP */
    uint16_t port;                /* that the client came to, 0: not TCP, or unknown */
    struct compress *compress;    /* private to compress.c */
    const struct ssl_st *tls;     /* for tls_client() and others of tls.h; NULL: plain */
    int64_t began_us;             /* monotonic: first byte of the head */
    int64_t body_max;             /* 413 above; the application may change it in on_request */
    int status;                   /* of the answer, 0 before; for the access log */
    int64_t sent_bytes;           /* of the answer's body, so far */
    /* Set before answering: a client that has sent its next request already does not wait for
     * this answer alone, so both may go out together. */
    bool joins_next;
};

/* Answers completely. Copies what it needs. Content-Length and Date are added, and
 * Content-Type only if given. The stream may be gone when this returns. */
static inline void http_respond(struct http_stream *stream, int status,
                                const struct http_field *fields, size_t count, struct text body)
{
    stream->transport->respond(stream, status, fields, count, body);
}
/* Begins an answer whose body follows; content_length -1: chunked. */
static inline void http_begin(struct http_stream *stream, int status,
                              const struct http_field *fields, size_t count, int64_t content_length)
{
    stream->transport->begin(stream, status, fields, count, content_length);
}
/* A piece of the body, copied. False: the client is slow, wait for on_writable before
 * the next one (this one was taken). */
static inline bool http_write(struct http_stream *stream, struct text chunk)
{
    return stream->transport->write(stream, chunk);
}
/* The body is complete; trailers only after content_length -1. */
static inline void http_end(struct http_stream *stream, const struct http_field *trailers,
                            size_t count)
{
    stream->transport->end(stream, trailers, count);
}
/* Cuts the exchange off so that the client can tell (connection closed without a last
 * chunk). on_close(reset) follows, possibly before this returns. */
static inline void http_abort(struct http_stream *stream)
{
    stream->transport->abort(stream);
}
/* From here on the stream carries another protocol (RFC 9110 7.8): bytes of the client come by
 * on_body, http_write() sends bytes, http_end() ends both directions; the client's end comes as
 * on_close(reset). Answers with 101; only after on_end, for a request without a body, of HTTP/1.1;
 * or with 200 to one for a tunnel, which no other 2xx may answer. No deadline but that of writing
 * holds any more: idle ones are the application's to end. */
static inline void http_switch(struct http_stream *stream, struct text protocol,
                               const struct http_field *fields, size_t count)
{
    stream->transport->switch_to(stream, protocol, fields, count);
}
/* Reading goes on after on_body returned false. */
static inline void http_resume(struct http_stream *stream)
{
    stream->transport->resume(stream);
}

const char *http_reason(int status); /* "Not Found" */
