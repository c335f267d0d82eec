/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "http/http.h"

/*
 * A chunked body (RFC 9112 7.1), read strictly: sizes in plain hex, CR LF exactly where
 * it belongs, chunk extensions checked for their bytes and ignored, trailers in the same
 * grammar as headers. {0} is the start of a body.
 */
struct chunked {
    uint64_t left;                         /* private: of the current chunk */
    size_t extension_bytes, trailer_bytes; /* private */
    enum { CHUNKED_SIZE, CHUNKED_DATA, CHUNKED_DATA_END, CHUNKED_TRAILERS } at; /* private */
    struct http_field *trailers; /* once complete; in the arena */
    size_t trailer_count;
};

#define CHUNKED_LINE_MAX 1024             /* a size line with its extensions */
#define CHUNKED_EXTENSION_BYTES_MAX 16384 /* of a whole body */
#define CHUNKED_TRAILER_BYTES_MAX 8192    /* all of them; one line is at most this */
#define CHUNKED_TRAILERS_MAX 32

enum chunked_result {
    CHUNKED_MORE,  /* what is left of *input is an incomplete line: keep it, add to it */
    CHUNKED_PIECE, /* *ret_piece is not empty; call again */
    CHUNKED_END,   /* the body is complete; *input is what follows it */
    CHUNKED_BAD,
};

/* Takes what it can from *input. Pieces point into input. Trailers are copied to arena;
 * those that frame messages (Content-Length, Transfer-Encoding, Host) make it bad. */
enum chunked_result chunked_next(struct chunked *chunked, struct arena *arena, struct text *input,
                                 struct text *ret_piece);
