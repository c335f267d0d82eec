/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "api_client.h"
#include "evoke.h"
#include "ring_client.h"

/* What the files that answer an event share. */

#define API_PREFIX "/2018-06-01/runtime/"
#define REQUEST_ID_MAX 64 /* a UUID has 36 */
#define TYPE_MAX 127

/* What evoke_run() holds. */
struct session {
    evoke_handler *handler;
    void *data;
    bool on_ring;
    bool on_evoke; /* whose Runtime API takes the answer and the next question at once */
    struct evoke_ring ring;
    struct evoke_api api;
    char *event; /* the event's texts, each with its NUL; grows to the largest seen */
    size_t event_size;
};

/* One event; handlers see its first member. */
struct call {
    struct evoke_context context;
    struct session *session;
    bool by_api; /* came by the Runtime API */
    bool answered;
    bool streaming; /* the answer has begun and not ended */
};

#define ANSWER_PATH_MAX (sizeof API_PREFIX + REQUEST_ID_MAX + sizeof "invocation//response")
/* kind: "response" or "error". */
void evoke_answer_path(const struct call *call, const char *kind, char path[ANSWER_PATH_MAX]);

/* -1 when the platform did not take an answer; one that was too large it did. */
int evoke_check_posted(const struct evoke_api_reply *reply);

/* Says on stderr why it cannot go on, by errno. Returns 1. */
int evoke_give_up(const char *what);

/* An error type as it can travel in a header. */
void evoke_clean_type(const char *type, char clean[TYPE_MAX + 1]);

/* The JSON of an error. The caller frees the text; NULL when there is no memory for it, and
 * then there is evoke_out_of_memory. */
char *evoke_format_error(const char *type, const char *message);
extern const char evoke_out_of_memory[];
