/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/scoped.h"
#include "base/text.h"
#include "model/function.h"

/*
 * function.yaml: what a package says of itself. The schema is the tables of
 * manifest_keys.c, from which parsing, limits and the reference page come:
 *
 *     name: thumbnail              # function name
 *     runtime: nodejs              # nodejs, nodejs20.x, python3.x, python3.12, provided, ...
 *     handler: index.handler
 *     description: makes thumbnails
 *     memory: 256                  # MB, 128 to 10240
 *     timeout: 10                  # seconds, 1 to 900
 *     tmp: 512                     # MB of /tmp
 *     environment: {LEVEL: debug}  # names and values
 *     calls: [resize, store]       # functions it may call
 *     queues: [thumbs, log.fifo]   # queues it may send to
 *     buses: [default, shop]       # event buses it may put events into
 *     network: none                # none, or host: no network isolation, trusted code only
 *     log-format: text             # text or json
 *     http:                        # gives it a function URL
 *       auth: none                 # none or iam
 *       mode: buffered             # buffered or stream
 *       routes: [GET /thumbs, /thumbs/{proxy+}]  # on the gateway; route: for one
 *       methods: [GET, POST]       # of those that name none
 *       limits: {rate: 100}        # and authorizer, addresses, waf, signature, filter, conversion
 *       cors: {origins: ["*"], methods: [GET], headers: [], expose: [], max-age: 60, credentials:
 * false} schedule:                    # starts it at times; or just: schedule: rate(5 minutes)
 *       expression: 0 9 * * 1-5    # rate(...), cron(...), at(...) or a line of a crontab
 *       timezone: Europe/Berlin
 *       input: '{"day": true}'     # JSON: what it is given
 *     events:                      # a rule that gives it events
 *       bus: shop                  # default without
 *       pattern: {source: [shop]}  # or filters: [...]
 *     async:                       # events for it: how often they are tried, what follows
 *       retries: 2
 *       max-age: 3600              # seconds
 *       on-failure: queue:failed   # function:NAME, queue:NAME, bus:NAME or an ARN
 *     inputs:                      # what a request must hold: model/typed.h
 *       name: {type: string, required: true, max: 80}
 *     outputs: {greeting: string}
 *     outputs-strict: refuse       # or log
 *
 * Every key is optional here; who uses the file says what is missing.
 */
struct manifest {
    char *name, *runtime, *handler, *description, *network, *log_format; /* NULL: not given */
    int64_t memory_mb, timeout_s, tmp_mb;                                /* -1: not given */
    struct variable *variables;
    size_t variable_count;
    bool has_environment;
    char **calls;
    size_t call_count;
    char **queues;
    size_t queue_count;
    char **buses;
    size_t bus_count;
    bool has_http;
    char *http_auth, *http_mode; /* NULL: not given */
    json_t *routing;             /* route, routes and methods as they stand; NULL: none */
    char **routes;               /* what they say: route keys, model/route_key.h */
    size_t route_count;
    struct cors cors;
    bool has_schedule;
    char *schedule;                           /* given if has_schedule */
    char *schedule_timezone, *schedule_input; /* NULL: not given */
    bool has_events;
    char *events_bus;    /* NULL: default */
    json_t *events_rule; /* its pattern or filters */
    bool has_async;
    int64_t async_retries, async_max_age_s;           /* -1: not given */
    char *async_success, *async_failure, *async_dead; /* NULL: not given */
    json_t *guard; /* the keys of http that guard/guard.h knows, as they stand; NULL: none */
    json_t *types; /* inputs, outputs, outputs-strict: model/typed.h; NULL: none */
    struct manifest_place *places; /* of what is in both */
    size_t place_count;
};

struct manifest_place {
    char *path; /* "limits.client.rate", "filter.redact[0]" */
    size_t line, column;
};

/* Fails with the line and column of what is wrong: unknown key, wrong type, value out of
 * range, duplicate key, not YAML, aliases or tags (not supported), too large or deep. */
struct manifest *manifest_parse(struct text source, struct error *err);
/* guard and, as its "types", types: what guard/guard.h compiles. New; NULL: neither is there. */
json_t *manifest_guard(const struct manifest *manifest);
/* What is wrong with guard or types, for a reason that begins with the path of what is wrong: the
 * same with its line and column. -1. */
int manifest_refuse(const struct manifest *manifest, const struct error *reason, struct error *err);
void manifest_free(struct manifest *manifest);
DEFINE_SCOPED(struct manifest *, manifest_free)

/* The schema as a Markdown table, for docs/function-yaml.md. */
struct buffer;
void manifest_markdown(struct buffer *out);
