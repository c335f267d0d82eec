/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/http.h"

/*
 * Compresses what an application answers, by what the client accepts. It stands between the
 * application and the transport: http_respond() and its kin are called as always, and what
 * http_write() is given reaches the client at once. Not compressed is what would gain nothing
 * (short, or of a type that is compressed by itself), what may not be changed (an answer with
 * a Content-Encoding, Cache-Control: no-transform, a digest, or a part of a range), and
 * bodiless answers. Answers that others would get compressed say "Vary: Accept-Encoding".
 *
 * An answer above COMPRESS_SLICE_BYTES that is given by http_respond() is compressed in turns
 * of the loop, so that others are served between: on_close comes later then.
 */

#define COMPRESS_BYTES_MIN 1024
#define COMPRESS_SLICE_BYTES (64 << 10)
#define COMPRESS_ENCODERS_MAX 256 /* at work on one loop; answers above it go as they are */

/* What the streams of a loop share. {0} at first; outlives them. */
struct compressing {
    int encoders;
};

/* Answers of the stream from here on. */
void compress_attach(struct compressing *compressing, struct http_stream *stream);
