/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "guard/waf_cost.h"
#include "http/http.h"
#include "loop/loop.h"

/*
 * The web application firewall: requests and answers held against the OWASP Core Rule Set, by
 * libmodsecurity on threads of its own. One a process, for all shards. Where the daemon was
 * built without the library, waf_new() says so.
 */
struct waf;

struct waf_options {
    int threads;        /* 1 to WAF_THREADS_MAX */
    int queue_max;      /* checks waiting for a thread; more are refused */
    const char *folder; /* of the rule set; NULL: Debian's modsecurity-crs */
};
#define WAF_THREADS_MAX 64

/* Before any other thread starts (the library's set-up is not made for threads). */
struct waf *waf_new(const struct waf_options *options, struct error *err);
/* Every check is closed and every rule set unreferenced; waits for the threads. */
void waf_free(struct waf *waf);
DEFINE_SCOPED(struct waf *, waf_free)

enum waf_mode { WAF_OFF, WAF_DETECT, WAF_BLOCK };

/* What of an answer is looked at. */
enum waf_response { WAF_RESPONSE_OFF, WAF_RESPONSE_HEAD, WAF_RESPONSE_BODY };

/*
 * A route's setting, compiled: "off", "detect", "block", or
 *   {mode, paranoia: 1..4, threshold, exclude: [...], rules, rules-after,
 *    response: off|head|body, outbound-threshold,
 *    limits: {bytes, arguments, depth, budget, response}, oversize: refuse|skip}
 * The rule set (some 16 MB, 60 to 150 ms) is built for the first of them, all point into it, and
 * equal settings are one. Blocks meanwhile; any thread. Immutable and counted. waf may be NULL:
 * only "off" compiles then.
 */
struct waf_rules;
struct waf_rules *waf_rules_compile(struct waf *waf, const json_t *part, struct error *err);
void waf_rules_unref(struct waf_rules *rules);
DEFINE_SCOPED(struct waf_rules *, waf_rules_unref)
enum waf_mode waf_rules_mode(const struct waf_rules *rules);
const struct waf_effort *waf_rules_effort(const struct waf_rules *rules);
enum waf_response waf_rules_response(const struct waf_rules *rules);
const struct waf_limits *waf_rules_limits(const struct waf_rules *rules);

/* A rule that matched. */
struct waf_match {
    int64_t id;
    char message[96];  /* the rule's own words */
    char variable[64]; /* where: "ARGS:q"; in part of the client's choosing */
};
#define WAF_MATCHES_MAX 32

struct waf_request {
    const struct http_request *head;
    const char *version; /* "1.1", "2.0" */
    const char *client;  /* address */
    uint16_t client_port, port;
    struct text body;
    bool is_body_skipped; /* it is not looked at, the rest is */
};

/*
 * One exchange under inspection. The caller's thread owns it but between waf_check_request() or
 * _answer() and done(), which runs on the loop that is given. waf_check_close() ends it at any
 * time: no done() comes afterwards.
 */
struct waf_check {
    /* After done(): */
    int status;          /* 0: passed; what the rules say to answer (403 mostly) */
    bool is_logged_only; /* detect: it would have been blocked */
    int64_t score;       /* of anomalies, when there were enough to block; else 0 */
    size_t match_count;  /* of the request, after the answer's done() of the answer */
    struct waf_match matches[WAF_MATCHES_MAX];
    int64_t us;  /* of a processor, spent by the rules so far */
    void *owner; /* the caller's */
};

/* Copies what it needs of the request and begins; NULL when too many wait (503). */
struct waf_check *waf_check_request(struct waf *waf, const struct waf_rules *rules,
                                    const struct waf_request *request, struct loop *loop,
                                    void (*done)(struct waf_check *check));
/* The same with the answer, after done() said pass, if the rules are for answers too; it always
 * finds a place in the queue. Of body only as much is copied as the rules look at. */
void waf_check_answer(struct waf_check *check, int status, const struct http_field *fields,
                      size_t count, struct text body);
void waf_check_close(struct waf_check *check); /* NULL is fine */

/* Reads the rule set's files and those of routes again, for every setting in use: requests that
 * come later are inspected by what is in them now. What cannot be loaded stays as it was. Blocks
 * for long; any thread. The number of settings, and each fault as a sentence into faults. */
int waf_reload(struct waf *waf, json_t *faults);

/* "waf-rules": what the rule set says of itself ("OWASP_CRS/3.3.4"); for logs and tests. */
const char *waf_version(const struct waf *waf);
