/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "http/http.h"

/*
 * What inspecting a request will cost, counted in one quick pass before it is done: the rules
 * go over every argument, and over every byte of names and values, many times. A member of a
 * JSON document is an argument whose name is the way to it, so depth multiplies bytes.
 */
struct waf_limits {
    int64_t bytes;     /* of arguments, names and bodies */
    int64_t arguments; /* of query and body */
    int64_t depth;     /* of JSON */
    int64_t budget_ms; /* of an estimated time, at paranoia 1 on the machine of docs/waf.md */
    int64_t response;  /* bytes of an answer's body; what follows them is not inspected */
    bool is_skipping;  /* beyond them the body is not inspected instead of refused */
};

struct waf_cost {
    int64_t bytes, arguments, depth;
    int64_t us;           /* estimated */
    const char *obstacle; /* why it cannot be estimated; NULL: it can */
};

/* What the rules are, as far as they cost. */
struct waf_effort {
    int paranoia; /* 1 to 4 */
    int rule_set; /* 3 or 4: of the OWASP Core Rule Set */
};

void waf_cost_of(const struct http_request *request, struct text body,
                 const struct waf_effort *effort, struct waf_cost *ret);
/* 0, or -1 and *err with what is over which limit. */
int waf_cost_check(const struct waf_cost *cost, const struct waf_limits *limits, struct error *err);
