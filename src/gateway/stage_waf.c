/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "base/crypto.h"
#include "base/log.h"
#include "gateway/gateway_priv.h"
#include "guard/guard.h"
#include "guard/waf.h"

/* A request, head and body, held against the firewall's rules, on its threads. */

static void on_checked(struct waf_check *check)
{
    struct exchange *exchange = check->owner;
    int status = check->status;

    if (exchange->held) {
        waf_answer_checked(exchange);
        return;
    }
    report_finding(exchange, "request");
    if (status || !waf_looks_at_answers(exchange))
        waf_check_close(take(exchange->waf));
    if (status)
        reply_refuse_message(exchange, status, http_reason(status), 0);
    else
        exchange_continue(exchange);
}

static uint16_t port_of(const struct sockaddr_storage *peer)
{
    if (peer->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)peer)->sin_port);
    return peer->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)peer)->sin6_port) : 0;
}

/* What is dearer than allowed is refused, or looked at in part: without its body, or if its
 * head alone is too dear not at all. */
enum extent { EXTENT_ALL, EXTENT_HEAD, EXTENT_NONE, EXTENT_REFUSED };

static enum extent extent_of(const struct exchange *exchange, const struct waf_rules *rules,
                             struct error *err)
{
    const struct waf_limits *limits = waf_rules_limits(rules);
    const struct http_request *request = &exchange->stream->request;
    struct waf_cost cost;

    waf_cost_of(request, exchange->content, waf_rules_effort(rules), &cost);
    if (waf_cost_check(&cost, limits, err) == 0)
        return EXTENT_ALL;
    bool is_detecting = waf_rules_mode(rules) == WAF_DETECT;
    if (!is_detecting && !limits->is_skipping)
        return EXTENT_REFUSED;
    waf_cost_of(request, TEXT_NONE, waf_rules_effort(rules), &cost);
    if (waf_cost_check(&cost, limits, err) == 0)
        return EXTENT_HEAD;
    return is_detecting ? EXTENT_NONE : EXTENT_REFUSED;
}

static enum stage_verdict begin(struct exchange *exchange, const struct waf_rules *rules,
                                enum extent extent)
{
    struct http_stream *stream = exchange->stream;
    const struct waf_request request = {
        .head = &stream->request,
        .version = stream->request.http_1_0 ? "1.0" : "1.1",
        .client = exchange->source_ip,
        .client_port = port_of(&stream->peer),
        .port = exchange->from.port,
        .body = exchange->content,
        .is_body_skipped = extent == EXTENT_HEAD,
    };
    if (!exchange->request_id[0])
        crypto_uuid(exchange->request_id);
    exchange->waf = waf_check_request(exchange->gateway->options.waf, rules, &request, stream->loop,
                                      on_checked);
    if (!exchange->waf) {
        reply_refuse_message(exchange, 503, "Service Unavailable", 1000);
        return STAGE_ANSWERED;
    }
    exchange->waf->owner = exchange;
    exchange_keep_content(exchange);
    return STAGE_WAITS;
}

enum stage_verdict stage_waf(struct exchange *exchange)
{
    const struct guard *guard = exchange->route.guard;
    struct error err = {0};

    if (!guard || !guard->waf || waf_rules_mode(guard->waf) == WAF_OFF)
        return STAGE_PASS;
    enum extent extent = extent_of(exchange, guard->waf, &err);
    if (extent == EXTENT_REFUSED) {
        reply_refuse_message(exchange, 413, err.text, 0);
        return STAGE_ANSWERED;
    }
    if (extent == EXTENT_NONE) {
        log_warn("a request was too dear to inspect", LOG_TEXT("client", exchange->source_ip),
                 LOG_TEXT("why", err.text));
        return STAGE_PASS;
    }
    return begin(exchange, guard->waf, extent);
}
