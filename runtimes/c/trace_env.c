/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_env.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_LEN (sizeof EVOKE_TRACE_ENV_NAME - 1)

/* The function may have set the variable itself, or changed others. */
static bool is_in_place(const struct evoke_trace_env *env)
{
    for (size_t i = 0; i < env->slot; i++)
        if (!environ[i])
            return false;
    return environ[env->slot] == env->text;
}

static void put(struct evoke_trace_env *env)
{
    if (putenv(env->text) != 0)
        return;
    for (env->slot = 0; environ[env->slot] && environ[env->slot] != env->text;)
        env->slot++;
}

int evoke_trace_env_set(struct evoke_trace_env *env, const char *value, size_t len)
{
    char *at = env->text + NAME_LEN;

    if (len > EVOKE_TRACE_MAX)
        len = EVOKE_TRACE_MAX;
    bool is_same = len == env->len && memcmp(at, value, len) == 0;
    if (len == 0) {
        if (!is_same || env->text[0])
            (void)unsetenv("_X_AMZN_TRACE_ID");
        env->text[0] = '\0';
        env->len = 0;
        return !is_same;
    }
    if (is_same && is_in_place(env))
        return 0;

    memcpy(env->text, EVOKE_TRACE_ENV_NAME, NAME_LEN);
    memcpy(at, value, len);
    /* All of it: a thread that reads meanwhile never runs past the end. */
    memset(at + len, 0, EVOKE_TRACE_MAX + 1 - len);
    env->len = len;
    if (!is_in_place(env))
        put(env);
    return !is_same;
}
