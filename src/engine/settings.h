/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/option.h"

#define SETTINGS_CONCURRENCY_MAX 60000 /* below the number of instance keys there can be */
#define SETTINGS_REGION_MAX 32

/* Everything a person may set: command line, configuration file and reference page come
 * from the one table in settings.c. */
struct settings {
    char *data;          /* data folder; NULL: by user, see settings.c */
    char *api, *gateway; /* "HOST:PORT", or "localhost:PORT" for 127.0.0.1 and [::1] */
    char *api_tls, *gateway_tls; /* likewise, with TLS; NULL: none */
    char *tls_certificates, *tls_client_ca, *tls_client_auth;
    int64_t shards;      /* 0: one a core */
    char *region, *account;
    char *runtimes;          /* folder of runtimes; NULL: found beside the program */
    int64_t concurrency;     /* of the account */
    int64_t memory;          /* bytes all instances together may be given; 0: twice the machine's */
    int64_t idle_timeout_ms; /* an idle instance ends after it */
    int64_t freeze_after_ms; /* an idle instance is frozen after it; 0: never */
    int64_t drain_ms;        /* how long running invocations may take at SIGTERM */
    int64_t async_retry_ms;  /* before an event's first retry; twice that before its second */
    int64_t async_backoff_ms; /* a lane's first pause when there is no room */
    int64_t async_backoff_max_ms;
    int64_t log_retention_ms;
    int64_t events_max_bytes; /* that may wait in lanes */
    int64_t cpu_min_percent; /* what an instance of the smallest memory gets, of one core */
    int64_t websocket_idle_s; /* before a silent WebSocket client is sent away */
    int64_t waf_threads, waf_queue; /* of the firewall; threads 0: half the cores */
    char *waf_rules;         /* folder of its rule set; NULL: Debian's */
    char *upstream_networks; /* that may be called for clients; NULL: public ones only */
    char *upstream_ca;       /* file of authorities for them; NULL: the system's */
    char *trusted_proxies;   /* NULL: none */
    char *forwarded_header;  /* that they write */
    bool gateway_proxied, gateway_tls_proxied; /* by the PROXY protocol */
    bool gateway_compression; /* where no route says otherwise */
    bool access_log;         /* one line a request in DIR/access.log */
    char *access_log_format; /* NULL: combined */
    char *log_level, *log_format;
};
extern const struct option settings_options[];

/* What a row of the table cannot say: account, region, log-level and log-format. For
 * settings that hold their defaults at least; ERROR_INVALID names the setting. */
int settings_check(const struct settings *settings, struct error *err);
