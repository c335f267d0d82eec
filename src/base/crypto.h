/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

/* Thin helpers over OpenSSL. None can fail but by the library's own breakage, which
 * ends the process. Any thread. */

#define SHA256_LEN 32

void crypto_sha256(struct text data, uint8_t out[static SHA256_LEN]);
void crypto_hmac_sha256(struct text key, struct text data, uint8_t out[static SHA256_LEN]);

/* For digests whose form AWS or an RFC fixed, such as a message's; they protect nothing. */
#define MD5_LEN 16
void crypto_md5(struct text data, uint8_t out[static MD5_LEN]);
#define SHA1_LEN 20
void crypto_sha1(struct text data, uint8_t out[static SHA1_LEN]);

/* Incremental SHA-256. */
struct crypto_hash;
struct crypto_hash *crypto_hash_new(void);
void crypto_hash_add(struct crypto_hash *hash, struct text data);
void crypto_hash_end(struct crypto_hash *hash, uint8_t out[static SHA256_LEN]);
void crypto_hash_free(struct crypto_hash *hash);
DEFINE_SCOPED(struct crypto_hash *, crypto_hash_free)

void crypto_random(void *out, size_t len); /* from the kernel; buffered per thread */
/* Equality in time that depends on the lengths only. */
bool crypto_equal(struct text a, struct text b);

#define UUID_LEN 36
void crypto_uuid(char out[static UUID_LEN + 1]); /* version 4, lower case */

/* lower-case hex; out has room for 2 * len + 1 */
void crypto_hex(const void *data, size_t len, char *out);
bool crypto_unhex(struct text hex, uint8_t *out); /* exactly hex.len / 2 bytes; either case */

void crypto_base64(struct text data, struct buffer *out); /* appended, padded, no newlines */
/* Appends what is decoded; false (and nothing appended) for anything but canonical
 * base64: alphabet, length and padding are checked, newlines are not allowed. */
bool crypto_unbase64(struct text data, struct buffer *out);
/* The same in the alphabet of URLs (- and _), which is never padded (RFC 7515 2). */
bool crypto_unbase64_url(struct text data, struct buffer *out);
