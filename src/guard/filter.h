/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/scoped.h"
#include "http/http.h"

/*
 * The content filter: what a request must look like before a function sees it, and what of it,
 * and of the answer, is hidden. docs/content-filter.md has the settings.
 *
 * A filter never changes: any thread may use it. All texts that come out are in the arena that
 * goes in, or as long-lived as what went in.
 */
struct filter;

/* Of a guard's "filter". Fails with a text that begins with the setting ("filter.depth must...").
 */
struct filter *filter_compile(const json_t *part, struct error *err);
/* The same of typed inputs and outputs (model/typed.h): values that are text are read as what
 * the types say, defaults go in, outputs are judged. */
struct filter *filter_compile_types(const json_t *types, struct error *err);
void filter_free(struct filter *filter);
DEFINE_SCOPED(struct filter *, filter_free)

struct filter_input {
    const struct http_request *request;
    struct text path;                  /* decoded */
    const struct text *names, *values; /* of the path's parameters, decoded */
    size_t parameter_count;
    struct text body;
    struct arena *arena;
};

struct filter_result {
    int status;         /* 0: it may pass; or 400, 403, 413, 415 */
    struct text reason; /* JSON: the answer to give */
    bool is_changed;
    struct text body, query; /* if it is changed: what is to go on in their place */
};

/* *ret says whether the request may pass, and as what. */
void filter_request(const struct filter *filter, const struct filter_input *input,
                    struct filter_result *ret);

/* Whether answers are. */
bool filter_has_answers(const struct filter *filter);
/* An answer's body, of that content type. *ret->status: 0, or 502 when it must not go out, and
 * ret->reason says why, for the log; with status 0 a reason is worth a log line as well. */
void filter_answer(const struct filter *filter, int status, struct text type, struct text body,
                   struct arena *arena, struct filter_result *ret);
