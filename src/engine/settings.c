/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/settings.h"

#include "base/scoped.h"
#include "base/text.h"
#include "model/function.h"

#define AT(field) offsetof(struct settings, field)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

const struct option settings_options[] = {
    {"data", OPTION_STRING, AT(data), NULL, 0, 0, "DIR",
     "folder of all state; unset: $EVOKE_DATA, else /var/lib/evoke as root, else "
     "$XDG_DATA_HOME/evoke"},
    {"api", OPTION_STRING, AT(api), "localhost:9000", 0, 0, "HOST:PORT",
     "where the control API listens; localhost is 127.0.0.1 and [::1], port 0 a free one"},
    {"gateway", OPTION_STRING, AT(gateway), "localhost:8080", 0, 0, "HOST:PORT",
     "where function URLs and routes are served; as for api"},
    {"api-tls", OPTION_STRING, AT(api_tls), NULL, 0, 0, "HOST:PORT",
     "where the control API listens with TLS too; unset: nowhere"},
    {"gateway-tls", OPTION_STRING, AT(gateway_tls), NULL, 0, 0, "HOST:PORT",
     "where function URLs and routes are served with TLS too; unset: nowhere"},
    {"tls-certificates", OPTION_STRING, AT(tls_certificates), NULL, 0, 0, "DIR",
     "folder of NAME.crt and NAME.key (PEM), chosen by the name the client asks for"},
    {"tls-client-ca", OPTION_STRING, AT(tls_client_ca), NULL, 0, 0, "FILE",
     "authorities (PEM) whose certificates clients of gateway-tls present"},
    {"tls-client-auth", OPTION_STRING, AT(tls_client_auth), "required", 0, 0, "required|optional",
     "whether clients of gateway-tls may come without a certificate; with tls-client-ca"},
    {"shards", OPTION_INT, AT(shards), "0", 0, VERSION_SHARDS_MAX, "NUMBER",
     "threads that serve requests and own instances; 0: one a core"},
    {"region", OPTION_STRING, AT(region), "us-east-1", 0, 0, "NAME",
     "AWS region that requests are signed for and ARNs name"},
    {"account", OPTION_STRING, AT(account), "000000000000", 0, 0, "ID",
     "AWS account id in ARNs, 12 digits"},
    {"runtimes", OPTION_STRING, AT(runtimes), NULL, 0, 0, "DIR",
     "folder of the language runtimes; unset: found beside the program"},
    {"concurrency", OPTION_INT, AT(concurrency), "1000", 1, SETTINGS_CONCURRENCY_MAX, "NUMBER",
     "invocations of all functions at one time; more are answered 429"},
    {"memory", OPTION_BYTES, AT(memory), "0", 0, 0, "SIZE",
     "memory all instances together may be given; 0: twice the machine's"},
    {"idle-timeout", OPTION_MILLIS, AT(idle_timeout_ms), "10m", 100, 7 * DAY_MS, "DURATION",
     "an instance that had nothing to do for so long ends"},
    {"freeze-after", OPTION_MILLIS, AT(freeze_after_ms), "100ms", 0, HOUR_MS, "DURATION",
     "an instance that had nothing to do for so long is frozen; 0: never"},
    {"drain", OPTION_MILLIS, AT(drain_ms), "30s", 0, HOUR_MS, "DURATION",
     "how long running invocations may take after SIGTERM"},
    {"async-retry", OPTION_MILLIS, AT(async_retry_ms), "1m", 1, HOUR_MS, "DURATION",
     "an event its function failed at is tried again after it, and a second time after twice that"},
    {"async-backoff", OPTION_MILLIS, AT(async_backoff_ms), "1s", 1, HOUR_MS, "DURATION",
     "events wait so long when there is no room for their function, then twice as long"},
    {"async-backoff-max", OPTION_MILLIS, AT(async_backoff_max_ms), "5m", 1, HOUR_MS, "DURATION",
     "the longest that events wait before it is looked again whether there is room"},
    {"log-retention", OPTION_MILLIS, AT(log_retention_ms), "336h", HOUR_MS, 3653 * DAY_MS,
     "DURATION", "function logs whose last message is older are removed"},
    {"events-max-bytes", OPTION_BYTES, AT(events_max_bytes), "8G", 1 << 20, 0, "SIZE",
     "events that may wait to be delivered, together; more are refused with 429"},
    {"cpu-min", OPTION_INT, AT(cpu_min_percent), "100", 1, 1000, "PERCENT",
     "share of one core that an instance of the smallest memory size may use"},
    {"trusted-proxies", OPTION_STRING, AT(trusted_proxies), NULL, 0, 0, "NETWORKS",
     "proxies before the gateway that are believed who the client is: 10.0.0.0/8,192.0.2.7"},
    {"forwarded-header", OPTION_STRING, AT(forwarded_header), "x-forwarded-for", 0, 0,
     "x-forwarded-for|forwarded", "the header in which they say so"},
    {"gateway-proxy-protocol", OPTION_BOOL, AT(gateway_proxied), "false", 0, 0, NULL,
     "connections to gateway begin with a header of the PROXY protocol, from trusted-proxies only"},
    {"gateway-tls-proxy-protocol", OPTION_BOOL, AT(gateway_tls_proxied), "false", 0, 0, NULL,
     "likewise those to gateway-tls, before the TLS handshake"},
    {"gateway-compression", OPTION_BOOL, AT(gateway_compression), "false", 0, 0, NULL,
     "compress answers (br, gzip) for clients that accept it, where a route does not say otherwise"},
    {"websocket-idle", OPTION_INT, AT(websocket_idle_s), "600", 1, 7200, "SECONDS",
     "a WebSocket client that sends nothing for so long is disconnected"},
    {"waf-threads", OPTION_INT, AT(waf_threads), "0", 0, 64, "NUMBER",
     "threads of the web application firewall (0: half the cores)"},
    {"waf-queue", OPTION_INT, AT(waf_queue), "256", 1, 100000, "NUMBER",
     "requests that may wait for them; more get 503"},
    {"waf-rules", OPTION_STRING, AT(waf_rules), NULL, 0, 0, "DIR",
     "folder of the firewall's rule set (default: Debian's modsecurity-crs)"},
    {"upstream-networks", OPTION_STRING, AT(upstream_networks), NULL, 0, 0, "NETWORKS",
     "networks beside the public ones that HTTP integrations, API destinations and what fetches "
     "issuers' keys may call, such as 10.1.0.0/16; private: this machine and all private ones; "
     "unset: none"},
    {"upstream-ca", OPTION_STRING, AT(upstream_ca), NULL, 0, 0, "FILE",
     "authorities (PEM) that HTTPS integrations are checked with; unset: the system's"},
    {"access-log", OPTION_BOOL, AT(access_log), "true", 0, 0, NULL,
     "write one line for each request to the gateway into access.log in the data folder"},
    {"access-log-format", OPTION_STRING, AT(access_log_format), NULL, 0, 0, "FORMAT",
     "how such a line looks, with API Gateway's $context variables; unset: nginx's combined format "
     "and more"},
    {"log-level", OPTION_STRING, AT(log_level), "info", 0, 0, "debug|info|warn|error",
     "least level of the daemon's own log on stderr"},
    {"log-format", OPTION_STRING, AT(log_format), "text", 0, 0, "text|json",
     "form of the daemon's own log: key=value lines or JSON objects"},
    {0},
};

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(value, *words) == 0)
            return true;
    return false;
}

static bool is_region(struct text region)
{
    for (size_t i = 0; i < region.len; i++) {
        char c = region.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (c != '-' || i == 0))
            return false;
    }
    return region.len > 0 && region.len <= SETTINGS_REGION_MAX;
}

int settings_check(const struct settings *settings, struct error *err)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    static const char *const formats[] = {"text", "json", NULL};
    static const char *const client_auths[] = {"required", "optional", NULL};
    static const char *const forwarded_headers[] = {"x-forwarded-for", "forwarded", NULL};
    int64_t number;

    if (strlen(settings->account) != 12 ||
        !text_to_int(text_of(settings->account), 0, INT64_MAX, &number))
        return error_set(err, ERROR_INVALID, "'account' must be 12 digits");
    if (!is_region(text_of(settings->region)))
        return error_set(err, ERROR_INVALID,
                         "'region' must be small letters, digits and '-', such as us-east-1");
    if (!is_one_of(settings->log_level, levels))
        return error_set(err, ERROR_INVALID, "'log-level' must be debug, info, warn or error");
    if (!is_one_of(settings->log_format, formats))
        return error_set(err, ERROR_INVALID, "'log-format' must be text or json");
    if ((settings->api_tls || settings->gateway_tls) && !settings->tls_certificates)
        return error_set(err, ERROR_INVALID,
                         "'%s' needs 'tls-certificates', a folder of NAME.crt and NAME.key",
                         settings->gateway_tls ? "gateway-tls" : "api-tls");
    if (settings->tls_client_ca && !settings->gateway_tls)
        return error_set(err, ERROR_INVALID, "'tls-client-ca' is for 'gateway-tls', which is unset");
    if (!is_one_of(settings->tls_client_auth, client_auths))
        return error_set(err, ERROR_INVALID, "'tls-client-auth' must be required or optional");
    if (!is_one_of(settings->forwarded_header, forwarded_headers))
        return error_set(err, ERROR_INVALID,
                         "'forwarded-header' must be x-forwarded-for or forwarded");
    if ((settings->gateway_proxied || settings->gateway_tls_proxied) && !settings->trusted_proxies)
        return error_set(err, ERROR_INVALID,
                         "'%s' needs 'trusted-proxies', the networks that such headers come from",
                         settings->gateway_proxied ? "gateway-proxy-protocol"
                                                   : "gateway-tls-proxy-protocol");
    if (settings->gateway_tls_proxied && !settings->gateway_tls)
        return error_set(err, ERROR_INVALID,
                         "'gateway-tls-proxy-protocol' is for 'gateway-tls', which is unset");
    return 0;
}
