/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "gateway/gateway_priv.h"
#include "guard/guard.h"
#include "guard/signature.h"

/* The signature of a webhook, over the body as it came. */
enum stage_verdict stage_signature(struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;
    struct error err;
    struct text id;

    if (!guard || !guard->signature)
        return STAGE_PASS;
    if (signature_check(guard->signature, &exchange->stream->request, exchange->content,
                        exchange->now_ms / 1000, &id, &err) == 0)
        return STAGE_PASS;
    log_debug("a webhook is not signed right", LOG_TEXT("reason", err.text));
    reply_refuse(exchange, REFUSE_UNAUTHORIZED);
    return STAGE_ANSWERED;
}
