/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "cli/session.h"

/* The calls several commands make. JSON results are the caller's; NULL and *err on failure. */

/* "/2015-03-31/functions/NAME" followed by rest; in the session's arena. */
const char *lambda_path(struct session *session, const char *name, const char *rest);

json_t *lambda_get(struct session *session, const char *path, struct error *err);
/* All functions, as an array of Lambda's FunctionConfiguration. */
json_t *lambda_list(struct session *session, struct error *err);
json_t *lambda_configuration(struct session *session, const char *name, struct error *err);
/* What Evoke knows beyond AWS: Configuration, ResolvedRuntime, LoadError, Url, Route. */
json_t *lambda_details(struct session *session, const char *name, struct error *err);
json_t *lambda_status(struct session *session, struct error *err);

/* Waits until a function is neither Pending nor being updated; its configuration then.
 * NULL when that takes longer than a deployment may, or the function is gone. */
json_t *lambda_wait(struct session *session, const char *name, struct error *err);

/* Whether a configuration says so. */
bool lambda_is_settled(const json_t *configuration);

/*
 * The function's URL. lambda_url_open() makes one, or changes who may call it; with auth
 * "NONE" it also gives everybody the permission, as a URL of that type is closed without.
 */
struct lambda_url {
    char id[64];           /* "" when it has none */
    const char *auth;      /* "NONE", "AWS_IAM"; in the session's arena */
    const char *path_form; /* http://gateway/urls/ID/, works everywhere */
    const char *host_form; /* http://ID.localhost:port/ */
};
/* Both forms of a URL as the API gives it; auth stays "". After session_ask_status(). */
void lambda_url_read(struct session *session, struct text url, struct lambda_url *ret);
int lambda_url_find(struct session *session, const char *name, struct lambda_url *ret,
                    struct error *err);
int lambda_url_open(struct session *session, const char *name, const char *auth, struct error *err);
int lambda_url_delete(struct session *session, const char *name, struct error *err);

/* A function error as a person reads it: "Type: message", then the stack trace. error is
 * what the runtime sent, whatever that is. */
void lambda_error_text(struct text error, struct buffer *out);
