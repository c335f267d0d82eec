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

static bool is_signed_right(struct exchange *exchange, struct sigv4_refusal *refusal)
{
    char hex[2 * SHA256_LEN + 1];
    struct text hash =
        auth_needs_hash(&exchange->stream->request) ? hash_content(exchange, hex) : TEXT_NONE;

    return auth_verify(&exchange->gateway->options, exchange->stream, exchange->caller, hash,
                       refusal) == 0;
}

/* An instance may use a route that leads to a function it may call. */
static bool may_use_route(const struct exchange *exchange)
{
    const struct gateway_options *options = &exchange->gateway->options;
    const struct function *function =
        integration_called(options, exchange->route.matched->integration);

    if (exchange->caller->key.kind == KEY_ROOT)
        return true;
    return function && caller_may_call(options, exchange->origin, exchange->caller, function);
}

static enum stage_verdict check_api(struct exchange *exchange)
{
    struct sigv4_refusal refusal;

    if (!is_signed_right(exchange, &refusal) || !may_use_route(exchange)) {
        reply_refuse(exchange, REFUSE_FORBIDDEN);
        return STAGE_ANSWERED;
    }
    exchange->authorizer = event_caller(exchange->caller, &exchange->stream->arena);
    exchange->principal = exchange->caller->arn;
    return STAGE_PASS;
}

/* The signature of a caller. */
enum stage_verdict stage_signed(struct exchange *exchange)
{
    struct sigv4_refusal refusal;

    if (!exchange->caller)
        return STAGE_PASS;
    if (exchange->route.api)
        return check_api(exchange);
    if (!is_signed_right(exchange, &refusal)) {
        reply_refuse_signature(exchange, &refusal);
        return STAGE_ANSWERED;
    }
    if (caller_may_call_url(&exchange->gateway->options, exchange->origin, exchange->caller,
                            &exchange->route))
        return STAGE_PASS;
    reply_refuse(exchange, REFUSE_FORBIDDEN);
    return STAGE_ANSWERED;
}
