/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/*
 * A minimal, strict HTTP/1.1 client for the Lambda Runtime API: one kept-alive
 * connection, one request at a time, blocking. It resolves no names, so that it can be
 * linked statically.
 */
#define EVOKE_API_BODY_MAX (16u << 20) /* Lambda's largest event has 6 MiB */
#define EVOKE_API_HEAD_MAX (64u << 10) /* of an answer; a client context is in there */

struct evoke_api {
    struct sockaddr_storage peer;
    socklen_t peer_len;
    int fd;        /* -1: not connected */
    int passed_fd; /* a connection to begin with, -1: none, or used up */
    char host[64];
    char *input; /* the answer, and what came behind it */
    size_t input_len, input_size;
    size_t used; /* bytes of input that are the last answer */
    int owed;    /* requests without an answer yet */
};

struct evoke_api_request {
    const char *method, *path; /* path begins with a slash */
    const char *error_type;    /* NULL: no Lambda-Runtime-Function-Error-Type */
    const char *content_type;  /* NULL with a method without body */
    bool streamed;             /* the body follows piece by piece; for evoke_api_begin() */
    const char *body;
    size_t body_len;
};

/* Borrowed until the next call. */
struct evoke_api_reply {
    int status;
    const char *head; /* the header lines, each ended by CR LF */
    size_t head_len;
    const char *body;
    size_t body_len;
};

/* address: "127.0.0.1:9001", "[::1]:9001" or "localhost:9001". -1: it is none of these.
 * Connects at the first call. passed_fd: a connection the process was born with, used until
 * the server closes it; -1: none. Closed with api. */
int evoke_api_open(struct evoke_api *api, const char *address, int passed_fd);
void evoke_api_close(struct evoke_api *api);

/* -1 with errno: no answer, or one that is not HTTP/1.1 within the limits above (EPROTO,
 * EMSGSIZE). A kept connection that the server has closed meanwhile is opened anew. */
int evoke_api_call(struct evoke_api *api, const struct evoke_api_request *request,
                   struct evoke_api_reply *ret_reply);

/* Two requests on their way together; each is owed one evoke_api_receive(), in order. A
 * connection that the server has closed meanwhile is an error here. -1 as above. */
int evoke_api_send_both(struct evoke_api *api, const struct evoke_api_request *first,
                        const struct evoke_api_request *second);
int evoke_api_receive(struct evoke_api *api, struct evoke_api_reply *ret_reply);

/* A request whose body is sent as it is made: its head, pieces (not empty), and the end,
 * which waits for the reply. error_type and error_body (base64): the body is not whole; or
 * both NULL. Nothing may be owed. -1 with errno: the connection is gone. */
int evoke_api_begin(struct evoke_api *api, const struct evoke_api_request *request);
int evoke_api_piece(struct evoke_api *api, const void *bytes, size_t len);
int evoke_api_end(struct evoke_api *api, const char *error_type, const char *error_body,
                  struct evoke_api_reply *ret_reply);

/* Value of a header of an answer, "" when it is not there; not NUL-terminated. */
const char *evoke_api_header(const struct evoke_api_reply *reply, const char *name,
                             size_t *ret_len);
