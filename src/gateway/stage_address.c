/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "guard/address.h"
#include "guard/guard.h"

/* Whether this client may come at all. */
enum stage_verdict stage_address(struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;
    const struct http_stream *stream = exchange->stream;

    if (!guard || !guard->addresses)
        return STAGE_PASS;
    struct text agent = http_header(&stream->request, TEXT("user-agent"));
    if (addresses_check(guard->addresses, exchange->from.client, agent) == ADDRESS_PASS)
        return STAGE_PASS;
    reply_refuse_message(exchange, 403, "Forbidden", 0);
    return STAGE_ANSWERED;
}
