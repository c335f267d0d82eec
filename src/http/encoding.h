/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "base/scoped.h"
#include "http/http.h"

/*
 * Content codings (RFC 9110 8.4): which of ours a client wants, and the encoders.
 */

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BR };

struct acceptance {
    enum coding coding; /* the one it likes best; br before gzip where it likes both the same */
    bool insists;       /* it takes nothing that is not encoded: "identity;q=0" */
};

/* By Accept-Encoding; identity without one. What is malformed in it is not there. */
struct acceptance encoding_choose(const struct http_request *request);
const char *encoding_name(enum coding coding); /* "gzip" */

/* Encodes one body, in pieces. Of one thread. About 300 KB each for gzip, 500 KB for br. */
struct encoder;

enum encoder_end {
    ENCODER_MORE,  /* what comes out may come later */
    ENCODER_FLUSH, /* all that was added so far can be decoded */
    ENCODER_LAST,  /* and nothing follows */
};

struct encoder *encoder_new(enum coding coding); /* not for identity */
/* Appends to out. */
void encoder_add(struct encoder *encoder, struct text piece, enum encoder_end end,
                 struct buffer *out);
void encoder_free(struct encoder *encoder); /* NULL does nothing */
DEFINE_SCOPED(struct encoder *, encoder_free)
