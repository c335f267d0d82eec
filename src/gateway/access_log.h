/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/scoped.h"
#include "base/text.h"
#include "loop/loop.h"

/*
 * One line a request, as nginx's "combined" format and three words more:
 *
 *     127.0.0.1 - - [31/Jan/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8" hello
 * ID 1.234
 *
 * (or as the configured format says): the function, the request id, and the milliseconds from the first byte of the head to the
 * end of the answer; then, of a request that was no HTTP we serve, why, in quotes. Bytes that could
 * forge a line are written as \xHH. Lines gather in memory and are appended to the file by the pool
 * every 100 ms or 64 KiB; the file is opened anew each time, so it may be moved away. When the disk
 * does not keep up, lines are dropped and counted in the daemon's log. Several logs (one a shard)
 * may share a file.
 */
struct access_format;
struct access_log;

#define ACCESS_WORD_MAX 2048 /* bytes of what a client chose; the rest is cut off */

struct access_entry {
    struct text peer, user;        /* user: the access key of a signed request */
    struct text principal, key_id; /* whom an authorizer found; the API key's id */
    struct text account;
    struct text time; /* common log format */
    int64_t epoch_ms;
    struct text protocol, method, target, path, domain, referer, agent;
    struct text api_id, stage, route_key; /* of an API */
    struct text function, request_id, trace;
    struct text refusal; /* empty: the request was understood */
    struct text error;   /* what the gateway itself answered; empty: something else did */
    /* What is behind the route: what it said, the milliseconds it took, and what went wrong. */
    int integration_status; /* 0: nothing */
    int64_t integration_us; /* -1: nothing was asked */
    struct text integration_error, integration_id;
    bool is_timeout; /* it took longer than is waited */
    int64_t received_bytes;
    /* Of a WebSocket API */
    struct text event_type, connection_id, message_id;
    int64_t connected_ms; /* 0: no connection */
    /* Other values, by what follows "$context."; or NULL. */
    struct text (*find)(void *arg, struct text name);
    void *arg;
    int status;          /* 0: the client left before there was an answer; written as 499 */
    int64_t bytes;
    int64_t us;
};

/* format: NULL is the one above; else it outlives the log. */
struct access_log *access_log_new(struct loop *loop, const char *path,
                                  const struct access_format *format);
void access_log_add(struct access_log *log, const struct access_entry *entry);
/* Writes all that was added; blocks. */
void access_log_flush(struct access_log *log);
void access_log_free(struct access_log *log); /* before its loop; unflushed lines are lost */
DEFINE_SCOPED(struct access_log *, access_log_free)
