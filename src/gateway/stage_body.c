/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "gateway/gateway_priv.h"

/* Waiting for the body, and what can be said only with it. */

enum stage_verdict stage_body(struct exchange *exchange)
{
    if (exchange->stream->request.content_length > exchange->content_max) {
        reply_refuse(exchange, REFUSE_TOO_LARGE);
        return STAGE_ANSWERED;
    }
    exchange->needs_body = !exchange->is_complete;
    return exchange->is_complete ? STAGE_PASS : STAGE_WAITS;
}

static struct text hash_content(struct exchange *exchange, char hex[static 65])
{
    uint8_t hash[SHA256_LEN];

    if (exchange->hash)
        crypto_hash_end(exchange->hash, hash);
    else
        crypto_sha256(exchange->content, hash);
    crypto_hex(hash, sizeof hash, hex);
    return text_of(hex);
}

/* The signature of a caller of a URL. */
enum stage_verdict stage_signed(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    struct sigv4_refusal refusal;
    char hex[2 * SHA256_LEN + 1];

    if (!exchange->caller || exchange->route.api)
        return STAGE_PASS;
    struct text hash =
        auth_needs_hash(&exchange->stream->request) ? hash_content(exchange, hex) : TEXT_NONE;
    if (auth_verify(&gateway->options, exchange->stream, exchange->caller, hash, &refusal) < 0) {
        reply_refuse_signature(exchange, &refusal);
        return STAGE_ANSWERED;
    }
    if (caller_may_call(&gateway->options, exchange->origin, exchange->caller,
                        exchange->route.function))
        return STAGE_PASS;
    reply_refuse(exchange, REFUSE_FORBIDDEN);
    return STAGE_ANSWERED;
}
