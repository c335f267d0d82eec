/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/log.h"
#include "gateway/access_format.h"
#include "gateway/gateway_priv.h"
#include "guard/waf.h"
#include "store/log_store.h"

/* What is told of a request that is over: a line of the access log, and its route's numbers. */

/* Of a function: the one it ran, or the one its URL leads to now. "" when there is none. */
static struct text function_name(const struct exchange *exchange)
{
    const struct invocation *invocation = exchange->invocation;

    if (invocation)
        return text_of(invocation->version->name);
    const struct function *function =
        *exchange->url_id
            ? directory_find_url(exchange->gateway->options.directory, text_of(exchange->url_id))
            : NULL;
    return function ? text_of(function->name) : TEXT("");
}

static int64_t received_bytes(const struct exchange *exchange)
{
    int64_t length = exchange->stream->request.content_length;

    return length > 0 ? length : 0;
}

static struct text stage_name(const struct exchange *exchange)
{
    return exchange->route.stage ? text_of(exchange->route.stage->name) : TEXT_NONE;
}

static struct text api_id(const struct exchange *exchange)
{
    return exchange->route.api ? text_of(exchange->route.api->id) : TEXT_NONE;
}

static struct text find(void *arg, struct text name)
{
    struct exchange *exchange = arg;

    return exchange->route.matched ? context_value(exchange, name, &exchange->stream->arena)
                                   : TEXT_NONE;
}

/* By what is behind the route: of a function's URL it is the request's own. */
static struct text integration_id(const struct exchange *exchange)
{
    const struct invocation *invocation = exchange->invocation;

    return invocation && exchange->route.api ? text_of(invocation->request_id) : TEXT_NONE;
}

struct access_entry report_entry(struct exchange *exchange, int64_t us)
{
    const struct http_stream *stream = exchange->stream;
    const struct http_request *request = &stream->request;
    const struct route *route = &exchange->route;
    const struct invocation *invocation = exchange->invocation;
    return (struct access_entry){
        .peer = text_of(exchange->source_ip),
        .user = exchange->caller ? exchange->caller->claim.access_key : TEXT_NONE,
        .principal = exchange->principal,
        .key_id = exchange->key_id,
        .account = text_of(exchange->gateway->options.account),
        .time = text_of(exchange_time(exchange)),
        .epoch_ms = exchange->now_ms,
        .protocol = request->http_1_0 ? TEXT("HTTP/1.0") : TEXT("HTTP/1.1"),
        .method = request->method_text,
        .target = request->target,
        .path = request->path,
        .domain = text_slice(request->host, 0, text_find(request->host, ':')),
        .referer = http_header(request, TEXT("referer")),
        .agent = http_header(request, TEXT("user-agent")),
        .api_id = api_id(exchange),
        .stage = stage_name(exchange),
        .route_key = route->key,
        .function = invocation ? text_of(invocation->version->name) : TEXT_NONE,
        .trace = invocation ? text_of(invocation->trace) : TEXT_NONE,
        .request_id =
            text_of(invocation && !route->api ? invocation->request_id : exchange->request_id),
        .status = stream->status,
        .bytes = stream->sent_bytes,
        .us = us,
        .error = exchange->error,
        .integration_status = exchange->integration_status,
        .integration_us = exchange->integration_us,
        .integration_error = text_of(exchange->integration_error),
        .integration_id = integration_id(exchange),
        .is_timeout = exchange->is_timeout,
        .received_bytes = received_bytes(exchange),
        .find = find,
        .arg = exchange,
    };
}

/* --- of stages: lines of log groups --- */

static struct log_stream *stage_log(struct gateway *gateway, struct text group)
{
    const struct gateway_options *options = &gateway->options;
    struct log_stream *stream = map_find(&gateway->stage_logs, group);
    char name[UUID_LEN + 1];

    if (stream)
        return stream;
    crypto_uuid(name);
    stream = log_stream_open(options->logs, text_of(options->account), text_of(options->region),
                             group, text_of(name));
    map_put(&gateway->stage_logs, group, stream);
    return stream;
}

bool report_has_stage_log(const struct gateway *gateway, const struct api_stage *stage)
{
    return stage && stage->log_format && gateway->options.logs;
}

void report_stage_line(struct gateway *gateway, const struct api_stage *stage,
                       const struct access_entry *entry)
{
    struct buffer *line = &gateway->scratch;

    buffer_clear(line);
    access_format_write(stage->log_format, entry, line);
    log_stream_add(stage_log(gateway, text_of(stage->log_group)), entry->epoch_ms,
                   text_slice(buffer_text(line), 0, line->len - 1));
}

#define PREFIX TEXT("/functions/")
#define ROUTE_BYTES (sizeof "/functions/" + LIMIT_FUNCTION_NAME)

/* room: for the name of a function's. */
static struct text route_name(const struct exchange *exchange, char room[static ROUTE_BYTES])
{
    const struct route *route = &exchange->route;
    struct text function =
        route->api ? TEXT("") : text_slice(function_name(exchange), 0, LIMIT_FUNCTION_NAME);

    if (route->key.len > 0)
        return route->key;
    if (function.len == 0)
        return METER_NO_ROUTE;
    /* Of each request: without snprintf. */
    char *end = mempcpy(mempcpy(room, PREFIX.at, PREFIX.len), function.at, function.len);
    return text_from(room, (size_t)(end - room));
}

static void count(const struct exchange *exchange, int64_t us)
{
    const struct http_stream *stream = exchange->stream;
    char room[ROUTE_BYTES];
    const struct meter_entry entry = {
        .api = api_id(exchange),
        .stage = stage_name(exchange),
        .route = route_name(exchange, room),
        .client = text_of(exchange->source_ip),
        .status = stream->status,
        .received_bytes = received_bytes(exchange),
        .sent_bytes = stream->sent_bytes,
        .us = us,
    };

    meter_add(exchange->gateway->options.meter, &entry, loop_now_us(stream->loop));
}

/* --- what the firewall found --- */

#define IDS_BYTES 256 /* of a log line: some thirty rules */

static void format_ids(const int64_t *ids, size_t count, char out[static IDS_BYTES])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count && len + 12 < IDS_BYTES; i++)
        len +=
            (size_t)snprintf(out + len, IDS_BYTES - len, "%s%lld", i ? "," : "", (long long)ids[i]);
}

/* Rules that match without enough of a score to block do so for many a plain request. */
static void log_finding(const struct exchange *exchange, const char *what,
                        const struct meter_finding *finding)
{
    const struct waf_check *check = exchange->waf;
    char ids[IDS_BYTES];
    scoped(free) char *route = text_dup(finding->route);

    format_ids(finding->rules, finding->rule_count, ids);
    log_at(finding->was_blocked || finding->would_block ? LEVEL_WARN : LEVEL_DEBUG,
           finding->was_blocked   ? "the firewall blocked"
           : finding->would_block ? "the firewall would have blocked"
                                  : "the firewall noticed",
           LOG_TEXT("what", what), LOG_TEXT("client", exchange->source_ip),
           LOG_TEXT("api", exchange->route.api ? exchange->route.api->id : ""),
           LOG_TEXT("route", route), LOG_TEXT("rules", ids),
           LOG_TEXT("rule", check->matches[0].message), LOG_TEXT("in", check->matches[0].variable),
           LOG_NUM("score", check->score), LOG_NUM("status", check->status),
           LOG_NUM("us", check->us), LOG_TEXT("request", exchange->request_id));
}

void report_finding(const struct exchange *exchange, const char *what)
{
    const struct waf_check *check = exchange->waf;
    int64_t ids[WAF_MATCHES_MAX];
    char room[ROUTE_BYTES];

    if (check->match_count == 0)
        return;
    for (size_t i = 0; i < check->match_count; i++)
        ids[i] = check->matches[i].id;
    const struct meter_finding finding = {
        .api = api_id(exchange),
        .stage = stage_name(exchange),
        .route = route_name(exchange, room),
        .was_blocked = check->status != 0,
        .would_block = check->is_logged_only,
        .rules = ids,
        .rule_count = check->match_count,
    };
    log_finding(exchange, what, &finding);
    if (exchange->gateway->options.meter)
        meter_add_finding(exchange->gateway->options.meter, &finding);
}

/* --- requests that are over --- */

void report_exchange(struct exchange *exchange)
{
    struct gateway *gateway = exchange->gateway;
    const struct api_stage *stage = exchange->route.stage;
    bool has_stage_log = report_has_stage_log(gateway, stage) && !exchange->is_stage_told;
    const struct http_stream *stream = exchange->stream;
    int64_t us = loop_now_us(stream->loop) - stream->began_us;

    if (us < 0)
        us = 0;
    if (gateway->log || has_stage_log) {
        struct access_entry entry = report_entry(exchange, us);
        if (exchange->route.api && exchange->route.api->protocol == API_WEBSOCKET)
            entry.event_type = TEXT("CONNECT");
        if (gateway->log)
            access_log_add(gateway->log, &entry);
        if (has_stage_log)
            report_stage_line(gateway, stage, &entry);
    }
    if (gateway->options.meter)
        count(exchange, us);
}
