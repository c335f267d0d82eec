/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gateway/gateway_priv.h"
#include "gateway/sockets.h"
#include "http/websocket.h"

/*
 * A client of a WebSocket API. Its request goes through the stages like any other until
 * socket_connect(); from the 101 on the stream is the socket's. Every message is an
 * invocation of the route it selects; they run side by side, as with AWS.
 *
 *     socket.c          its life: $connect, frames, closing, $disconnect
 *     socket_call.c     an invocation for it, and what its answer means
 *     socket_event.c    the events
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
    int call_count;
    bool is_open;   /* 101 was sent */
    bool is_full;   /* the client does not take what it is sent */
    bool is_paused; /* no more messages until calls have ended */
    int close_code; /* 0: nobody said goodbye yet */
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

/* --- socket_call.c --- */

/* The version behind a route's integration; NULL: there is none, or it may not be called. */
const struct version *socket_version(const struct exchange *exchange,
                                     const struct api_route *route);
/* Runs the route's function with the message; its answer, or an error, goes to the client. */
void socket_call(struct socket *socket, const struct api_route *route, struct text message);
/* Runs the function of "$disconnect", whose answer nobody hears. */
void socket_call_disconnect(struct socket *socket, const struct api_route *route);
/* The answers of the calls under way are nobody's any more. */
void socket_forget_calls(struct socket *socket);
/* {"message": "Forbidden", "connectionId": ..., "requestId": ...} */
void socket_send_error(struct socket *socket, const char *message, const char *request_id);

/* --- socket_event.c --- */

void socket_event_connect(const struct socket *socket, struct buffer *out);
void socket_event_message(const struct socket *socket, const struct api_route *route,
                          const char *request_id, struct text message, struct buffer *out);
void socket_event_disconnect(const struct socket *socket, const char *request_id,
                             struct buffer *out);

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
