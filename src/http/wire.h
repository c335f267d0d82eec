/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"

struct tls;
struct http_door;

/*
 * The bytes of a connection: those of its socket, or what TLS makes of them. Never blocks.
 * {.fd = fd} is a plain one. Of the connection's loop.
 */
struct wire {
    int fd;
    struct ssl_st *ssl; /* NULL: plain */
    struct tls *tls;    /* private: what it was made from */
    bool shaken;        /* the TLS handshake is done */
    bool wants_write;   /* to go on reading, or with the handshake, the socket must take bytes */
    bool drained;       /* private: the last read found nothing */
    int reads_left;     /* private: of the socket, by the call under way */
    uint64_t content_at; /* private: bytes read up to the last that were somebody's */
};

/* Makes it TLS; the handshake waits for wire_shake(). */
void wire_secure(struct wire *wire, const struct http_door *door);
/* Goes on with the handshake. 1: done; 0: the client's turn; -1: it failed, close. */
int wire_shake(struct wire *wire);

/* Like recv(): 0 at the end, -1 with EAGAIN when there is nothing now. A call takes no longer than
 * a few records do: what TLS has to say to itself (new keys, renegotiations that are refused) it
 * would read as long as it comes, and whoever sends nothing else is ended with EPROTO. */
ssize_t wire_receive(struct wire *wire, void *at, size_t max);
/* Like writev() of both. After EAGAIN the same bytes have to come again, perhaps with more
 * behind them and from another place. */
ssize_t wire_send(struct wire *wire, struct text first, struct text second);
/* Bytes that have arrived at the other side so far; -1 when that is not known. What was sent may
 * wait in the kernel for long. */
int64_t wire_taken(const struct wire *wire);
/* Whether a read may find bytes that the socket does not announce any more. */
bool wire_has_input(const struct wire *wire);
/* No more will be sent. */
void wire_finish(struct wire *wire);
/* Reads what still comes and forgets it; like recv() into at. Only after wire_finish(). */
ssize_t wire_drop(struct wire *wire, void *at, size_t max);
/* Frees what TLS needs; the descriptor stays the caller's. */
void wire_done(struct wire *wire);
/* "h2" was agreed on. */
bool wire_speaks_h2(const struct wire *wire);
