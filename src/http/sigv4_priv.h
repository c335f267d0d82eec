/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/crypto.h"
#include "http/sigv4.h"

/* The text of a request that is signed, and its signature: the same for who signs and for who
 * verifies. */

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR "aws4_request"
#define SIGV4_HEX_LEN (2 * SHA256_LEN)

/* How the names and values of a query are compared and signed. botocore signs them as
 * they stand, everybody else encoded anew; both are the same for most requests. */
enum query_form { QUERY_ENCODED, QUERY_RAW };

/* What is signed of a request. */
struct canonical {
    struct text method, path, query;
    const struct http_field *fields;
    size_t field_count;
    struct text signed_headers; /* "host;x-amz-date" */
    struct text body_sha256;
    struct text service;
};

struct signing_scope {
    struct text date, region, service, timestamp;
};

/* In hexadecimal. */
void sigv4_add_hash(struct buffer *out, struct text data);
void sigv4_sign_canonical(const struct canonical *canonical, enum query_form form,
                          const struct signing_scope *scope, struct text secret,
                          struct arena *arena, char signature[static SIGV4_HEX_LEN + 1]);
