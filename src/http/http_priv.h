/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/list.h"
#include "http/chunked.h"
#include "http/http.h"
#include "http/request_parser.h"
#include "http/server.h"

/* Where a connection's input stands while a head is read, and as long as its stream
 * lives. Twice a head: what follows a head always finds room. */
#define INPUT_BYTES (2 * HTTP_HEAD_BYTES_MAX)
struct input_block {
    struct input_block *next;
    struct http_field fields[HTTP_FIELDS_MAX];
    char bytes[INPUT_BYTES];
};

/* What the connections of a loop share, so that an idle one holds almost nothing and a
 * busy one finds warm memory: spare input blocks, output buffers and arenas. */
#define POOL_BLOCKS_MAX 32
#define POOL_OUTPUTS_MAX 32
#define POOL_ARENAS_MAX 32
#define POOL_OUTPUT_BYTES (8 << 10) /* larger buffers are kept one at a time */
#define POOL_LARGE_BYTES (256 << 10)
#define POOL_SCRATCH_BYTES (64 << 10)
struct http_pool {
    struct loop *loop;
    int users;
    struct input_block *blocks;
    int block_count;
    struct buffer outputs[POOL_OUTPUTS_MAX], large_output;
    int output_count;
    struct arena arenas[POOL_ARENAS_MAX];
    int arena_count;
    int64_t date_until_us;
    char date[32];
    char scratch[POOL_SCRATCH_BYTES];
};

struct http_pool *http_pool_ref(struct loop *loop);
void http_pool_unref(struct http_pool *pool);
struct input_block *http_pool_take_block(struct http_pool *pool);
void http_pool_give_block(struct http_pool *pool, struct input_block *block);
/* Empty, with or without memory; what is given may have contents. */
struct buffer http_pool_take_output(struct http_pool *pool);
void http_pool_give_output(struct http_pool *pool, struct buffer *output);
struct arena http_pool_take_arena(struct http_pool *pool);
void http_pool_give_arena(struct http_pool *pool, struct arena *arena);
struct text http_pool_date(struct http_pool *pool); /* now, as the Date header has it */

struct http_server {
    struct loop *loop;
    struct http_limits limits;
    struct http_pool *pool;
    struct list listeners, connections;
    int connection_count;
    int64_t unsent; /* bytes of answers in all connections, as of their last turn */
    int open_count; /* listeners and connections whose descriptors are not closed yet */
    bool draining, closing, full;
    int64_t warned_us; /* when a connection without its PROXY header was last told of */
    struct loop_task drained_task;
    void (*drained)(void *arg);
    void *drained_arg;
};

struct listener {
    struct loop_io io;
    struct loop_timer retry;
    struct list link;
    struct http_server *server;
    struct http_door own; /* of http_listen() */
    const struct http_door *door;
};

/* After an accept; takes fd. */
void connection_open(struct http_server *server, int fd, const struct sockaddr_storage *peer,
                     const struct http_door *door);
/* Now, whatever goes on: its stream gets on_close(reset). */
void connection_close(struct list *link);
/* Closes it if no request is under way; else the answer will be the last. */
void connection_drain(struct list *link);
/* A connection's or a listener's descriptor is closed. */
void server_closed_one(struct http_server *server, bool connection);

/*
 * The head of an answer, written as HTTP/1.1.
 */
struct response_head {
    int status;
    const struct http_field *fields;
    size_t count;
    int64_t content_length; /* -1: none is sent */
    bool chunked;
    bool keep_alive; /* out: false when the application sent "Connection: close" */
    bool http_1_0;
    struct text upgrade; /* of a 101: the protocol that follows */
};
/* Fields that frame the message or belong to the connection are ours and left out; so
 * is every field that is not clean. */
void response_write_head(struct http_pool *pool, struct buffer *out, struct response_head *head);
void response_write_chunk(struct buffer *out, struct text chunk); /* not empty */
void response_write_last_chunk(struct buffer *out, const struct http_field *trailers, size_t count);
bool response_has_no_body(int status);
/* Of the message or the connection, and therefore not the application's. */
bool response_field_is_ours(struct text name);
