/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/crypto.h"
#include "gateway/gateway_priv.h"
#include "gateway/sockets.h"
#include "http/websocket.h"
#include "model/service.h"

/*
 * A client of a WebSocket API. Its request goes through the stages like any other until
 * socket_connect(); from the 101 on the stream is the socket's. Every message is an
 * invocation of the route it selects; they run side by side, as with AWS.
 *
 *     socket.c          its life: $connect, frames, closing, $disconnect
 *     socket_call.c     what happens to it, and what the answer means
 *     socket_ask.c      what is behind a route, asked for it
 *     socket_context.c  $context
 *     socket_event.c    the events of functions
 *     socket_report.c   the stage's access log
 *     socket_select.c   which route a message means
 *     socket_manage.c   @connections
 */

#define SOCKET_ID_LEN 16                    /* 11 bytes in base64: the shard, then random ones */
#define SOCKET_FRAME_MAX (32 << 10)         /* API Gateway */
#define SOCKET_MESSAGE_MAX (128 << 10)      /* API Gateway: either way */
#define SOCKET_LIFE_MS (2 * 60 * 60 * 1000) /* API Gateway */
#define SOCKET_TIMEOUT_MS 29000             /* API Gateway: of an integration */
#define SOCKET_CALLS_MAX 32                 /* at a time; then the client has to wait */

struct sockets {
    int count;
    struct socket_shard {
        struct loop *loop;
        struct gateway *gateway;
    } shards[];
};

/* What happens to a connection. */
enum socket_event { SOCKET_CONNECT, SOCKET_MESSAGE, SOCKET_DISCONNECT };

/* ABSENT: there is nothing to ask. */
enum socket_outcome { SOCKET_OK, SOCKET_ABSENT, SOCKET_FAILED, SOCKET_THROTTLED, SOCKET_TIMEOUT };

/* One of those, while what is behind its route is asked, which goes on without the client. */
struct socket_call {
    struct list link; /* of the socket's, or of the gateway's unheard ones */
    struct gateway *gateway;
    struct socket *socket; /* NULL: the client is gone */
    struct http_api *api;  /* counted: what follows is valid throughout */
    const struct api_stage *stage;
    const struct api_route *route;
    enum socket_event event;
    char request_id[UUID_LEN + 1];
    int64_t now_ms;
    struct text message; /* while socket_ask() runs; none but of messages */
    struct arena arena;
    struct access_entry *entry; /* of the stage's log; NULL: it has none */
    int64_t began_us;
    bool *is_done;                            /* told at its end; or NULL: nobody asks any more */
    void (*cancel)(struct socket_call *call); /* of what is waited for */
    struct loop_timer timeout;
    struct invocation *invocation; /* each of one kind of integration */
    struct client_call http;
    struct service_call service;
    /* At its end. The answer's texts are gone afterwards. */
    enum socket_outcome outcome;
    const char *reason; /* of one that is not OK */
    struct answer answer;
};

struct socket {
    struct gateway *gateway;
    struct exchange *exchange; /* of its handshake; both end with the stream */
    char id[SOCKET_ID_LEN + 1];
    char accept[WEBSOCKET_ACCEPT_LEN + 1];
    int64_t connected_ms, active_ms;
    int64_t active_us; /* the last frame of the client */
    struct websocket_reader reader;
    struct loop_timer timer; /* of idleness and of its life's end */
    struct list calls;       /* under way */
    int call_count;          /* of messages */
    bool is_full;            /* the client does not take what it is sent */
    bool is_paused;          /* no more messages until calls have ended */
    int close_code;          /* 0: nobody said goodbye yet */
    char close_reason[WEBSOCKET_REASON_MAX + 1];
};

/* --- socket.c --- */

/* The route that stands for "$connect" where an API has none. */
extern const struct api_route socket_open_door;
/* By its key; NULL. */
const struct api_route *socket_route(const struct api_stage *stage, struct text key);
/* On its shard: the connection of that id, of that API and stage; NULL. */
struct socket *socket_find(struct gateway *gateway, struct text id, const struct http_api *api,
                           const struct api_stage *stage);
/* A text message. False: the client is slow, and it was not sent. */
bool socket_send(struct socket *socket, struct text message);
/* Says goodbye; the socket is gone afterwards. */
void socket_close(struct socket *socket, int code, struct text reason);
/* A call has ended. */
void socket_call_done(struct socket *socket);
/* 11 random bytes, the first replaced by first when >= 0; nothing but letters and digits. */
void socket_make_id(int first, char ret[static SOCKET_ID_LEN + 1]);
/* Which shard an id names; -1: it is no id. */
int socket_id_shard(struct text id);

/* The handshake goes on with what is behind "$connect" answered. */
void socket_connected(struct socket *socket, struct socket_call *call);

/* --- socket_call.c --- */

/* Asks what is behind "$connect": socket_connected() comes, or the client goes before. False: it
 * came before this returned, and the socket may be gone. */
bool socket_call_connect(struct socket *socket, const struct api_route *route);
/* Asks what is behind the route; its answer, or an error, goes to the client. */
void socket_call(struct socket *socket, const struct api_route *route, struct text message);
/* Tells what is behind "$disconnect", whose answer nobody hears. */
void socket_call_disconnect(struct socket *socket, const struct api_route *route);
/* The answers of the calls under way are nobody's any more. */
void socket_forget_calls(struct socket *socket);
/* Ends the calls that nobody hears. */
void socket_calls_done(struct gateway *gateway);
/* What a client is told of an outcome that is not OK. */
const char *socket_error_message(enum socket_outcome outcome);
/* {"message": "Forbidden", "connectionId": ..., "requestId": ...} */
void socket_send_error(struct socket *socket, const char *message, const char *request_id);

/* --- socket_ask.c --- */

/* The call ends by socket_call_end(), once, possibly before this returns. */
void socket_ask(struct socket_call *call);
void socket_call_end(struct socket_call *call); /* frees it */

/* --- socket_context.c --- */

const char *socket_event_type(enum socket_event event); /* "MESSAGE" */
/* What follows "$context.", while the client is there; TEXT_NONE: it has none. */
struct text socket_context_value(const struct socket_call *call, struct text name,
                                 struct arena *arena);
/* For mappings; arg is the call. */
struct text socket_context_find(void *arg, struct text name, struct arena *arena);

/* --- socket_report.c: the stage's log --- */

/* A call begins; a function was found for it; its client is gone; it ends. */
void socket_report_begin(struct socket_call *call);
void socket_report_function(struct socket_call *call, const struct invocation *invocation);
void socket_report_keep(struct socket_call *call);
void socket_report_end(struct socket_call *call);
/* A client was let in that nobody was asked about. */
void socket_report_open(struct socket *socket);
/* One is gone, and nobody is told. */
void socket_report_gone(struct socket *socket);
/* A message selected no route. */
void socket_report_unrouted(struct socket *socket, const char *request_id, struct text message);

/* --- socket_event.c --- */

/* The event that a function gets. */
void socket_event_write(const struct socket_call *call, struct buffer *out);

/* --- socket_select.c --- */

/* What routeSelectionExpression makes of a message, appended; false when the message is not
 * JSON, which selects "$default". */
bool socket_select(struct text expression, struct text json, struct buffer *out);

/* --- socket_manage.c --- */

/* Whether a path may be ".../@connections/ID". */
bool socket_manage_is_path(struct text path);
/* In on_request: the stream is its own from here on. */
void socket_manage_begin(struct gateway *gateway, struct http_stream *stream);
extern const struct http_app socket_manage_app;
