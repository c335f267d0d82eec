/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "http/http.h"

/*
 * AWS Signature Version 4: verifying requests (header and presigned query form) and
 * signing our own. It lives here because the API, the gateway (AWS_IAM) and the CLI all
 * need it. Source: the AWS test suite's rules, /reference in docs/compatibility.md.
 */

/* What a request says of itself, before any secret is known. */
struct sigv4_claim {
    struct text access_key, date /* YYYYMMDD */, region, service;
    struct text session_token; /* TEXT_NONE without */
    struct text credential;    /* all five; a malformed one has an empty access_key, and is
                                  refused by sigv4_verify(), in its place in AWS's order */
    struct text signature;     /* 64 hex digits, when it is right */
    struct text signed_headers;
    struct text timestamp; /* 20260131T120000Z */
    int64_t signed_at_ms;
    int64_t expires_ms; /* wall clock; presigned: date + X-Amz-Expires; else 0 */
    bool presigned;
};

/* Why a request is refused, in AWS's own words and order. */
struct sigv4_refusal {
    const char *code; /* "MissingAuthenticationToken", "IncompleteSignature",
                         "InvalidSignature", "UnrecognizedClient", "ExpiredToken", ... without
                         the "Exception" that JSON services append */
    char message[1200];
};

/* Reads the claim. 0, or -1 and *refusal: no or both forms, missing parts, wrong
 * algorithm, bad date, host not signed. */
int sigv4_read(const struct http_request *request, struct arena *arena, struct sigv4_claim *ret,
               struct sigv4_refusal *refusal);

struct sigv4_secret {
    struct text secret;        /* of claim.access_key */
    struct text session_token; /* what the claim's must equal; TEXT_NONE: must have none */
};

struct sigv4_scope {
    struct text region, service; /* what the credential must be scoped to */
    int64_t now_ms;
    int64_t skew_ms; /* 5 minutes for JSON services */
};

/* Checks scope, time and signature. body_sha256 is the lower-case hex of the body's
 * SHA-256 (ignored when x-amz-content-sha256 says UNSIGNED-PAYLOAD). secret NULL: the
 * access key is unknown (refused in its place in AWS's order). Compares in constant
 * time. */
int sigv4_verify(const struct http_request *request, const struct sigv4_claim *claim,
                 const struct sigv4_scope *scope, const struct sigv4_secret *secret,
                 struct text body_sha256, struct arena *arena, struct sigv4_refusal *refusal);

/* Signs a request of ours: appends "Authorization: ...\r\n" style values. headers must
 * include host; x-amz-date is what timestamp says. Returns the Authorization value in
 * arena. */
struct sigv4_signing {
    struct text method, path /* encoded */, query /* encoded or empty */;
    const struct http_field *headers; /* lower-case names, all are signed */
    size_t header_count;
    struct text body;
    struct text access_key, secret, region, service;
    int64_t now_ms; /* must agree with the x-amz-date header */
};
struct text sigv4_sign(const struct sigv4_signing *signing, struct arena *arena);
