/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * _X_AMZN_TRACE_ID in the process's environment, set before each event. The C library
 * keeps every value that setenv() was ever given; at ten thousand events a second that is
 * megabytes. So the variable lives in here, and is overwritten in place.
 */
#define EVOKE_TRACE_ENV_NAME "_X_AMZN_TRACE_ID="
#define EVOKE_TRACE_MAX 512

struct evoke_trace_env {
    char text[sizeof EVOKE_TRACE_ENV_NAME + EVOKE_TRACE_MAX];
    size_t len;  /* of the value */
    size_t slot; /* where in environ it was seen last */
};

/* A value of len bytes; none removes the variable. One longer than EVOKE_TRACE_MAX is cut.
 * env must live as long as the process. Returns whether the value differs from the last. */
int evoke_trace_env_set(struct evoke_trace_env *env, const char *value, size_t len);
