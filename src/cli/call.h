/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/session.h"
#include "http/http.h"

/* One signed request to the daemon, and what it answered. */
struct call {
    const char *method;
    const char *path;                 /* encoded, with the query if any */
    const char *service;              /* the signature's; NULL: "lambda" */
    const char *target;               /* X-Amz-Target, for JSON 1.1 services; NULL: none */
    const struct http_field *headers; /* more, names in lower case */
    size_t header_count;
    struct text body;
    const char *uploading; /* what the progress line says; NULL: nothing is shown */
    const char *waiting;
};

struct answer {
    int status;
    struct buffer body;
    struct buffer head; /* private: lines "name: value" */
};

#define CALL_HEADERS_MAX 4

/* -1 when no answer came (session->unreachable is set if nobody is there). Any status is
 * an answer. */
int call_send(struct session *session, const struct call *call, struct answer *ret,
              struct error *err);

/* The value of a header (its name in lower case), or TEXT_NONE. */
struct text answer_header(const struct answer *answer, const char *name);

/* *err from an answer that is not 2xx: the code by its status, the daemon's own sentence. */
int answer_fail(const struct session *session, const struct answer *answer, struct error *err);

/* Sends, and gives the JSON of a 2xx answer (null for an empty one); NULL and *err for
 * everything else. */
json_t *call_json(struct session *session, const struct call *call, struct error *err);

void answer_done(struct answer *answer);
static inline void answer_done_scoped(struct answer *answer)
{
    answer_done(answer);
}
