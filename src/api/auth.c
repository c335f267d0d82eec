/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_priv.h"

#include <arpa/inet.h>

#include "base/clock.h"
#include "model/lineage.h"
#include "model/permission.h"

/*
 * Who calls, and what they may do. The root key may do everything. A function's key may do
 * what the actions table allows functions, and Invoke checks the list in its function.yaml.
 */

static bool is_loopback(const struct sockaddr_storage *peer)
{
    if (peer->ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)peer)->sin_addr.s_addr) >> 24) == 127;
    if (peer->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)peer)->sin6_addr);
    return false;
}

static bool needs_signature(const struct call *call)
{
    const struct http_stream *stream = call->stream;

    switch (call->action->access) {
    case ACCESS_OPEN:
        return false;
    case ACCESS_LOOPBACK:
        return call->origin->inside || !is_loopback(&stream->peer);
    case ACCESS_SIGNED:
    case ACCESS_FUNCTIONS:
        break;
    }
    return true;
}

static void refuse(struct call *call, const struct sigv4_refusal *refusal)
{
    char code[64];

    errors_signature_code(call->protocol, refusal->code, code);
    call_fail_text(call, code, text_of(refusal->message));
}

/* A key of an instance opens nothing inside another instance's sandbox. */
static bool key_belongs_here(const struct call *call)
{
    return call->key->kind != KEY_INSTANCE || !call->origin->inside ||
           (call->origin->access_key &&
            text_equal(call->claim->access_key, text_of(call->origin->access_key)));
}

static bool find_key(struct call *call)
{
    call->key = arena_zalloc(&call->arena, sizeof *call->key);
    return keyring_find(call->api->options->keyring, call->claim->access_key,
                        call->claim->session_token, call->key) != KEY_UNKNOWN &&
           key_belongs_here(call);
}

static int verify(struct call *call, const struct sigv4_secret *secret, struct text body_sha256,
                  struct sigv4_refusal *refusal)
{
    struct sigv4_scope scope = {
        .region = call->api->region,
        .service = text_of(call->action->service),
        .now_ms = clock_now_ms(),
        .skew_ms = API_SKEW_MS,
    };

    /* STS has a global endpoint, which is in us-east-1 wherever the caller is. */
    if (text_equal(scope.service, TEXT("sts")) &&
        text_equal(call->claim->region, TEXT("us-east-1")))
        scope.region = call->claim->region;
    return sigv4_verify(&call->stream->request, call->claim, &scope, secret, body_sha256,
                        &call->arena, refusal);
}

bool auth_check_early(struct call *call)
{
    struct sigv4_refusal refusal;

    if (!needs_signature(call))
        return true;
    call->claim = arena_zalloc(&call->arena, sizeof *call->claim);
    if (sigv4_read(&call->stream->request, &call->arena, call->claim, &refusal) < 0) {
        refuse(call, &refusal);
        return false;
    }
    if (find_key(call))
        return true;
    /* Refused for the first reason in AWS's order, which may be another one. */
    if (verify(call, NULL, TEXT(""), &refusal) == 0)
        refusal = (struct sigv4_refusal){"UnrecognizedClient",
                                         "The security token included in the request is invalid."};
    refuse(call, &refusal);
    return false;
}

const struct function *auth_calling_function(const struct call *call)
{
    struct text rest = call->key ? text_of(call->key->holder) : TEXT_NONE, account, region;

    if (call->caller != KEY_INSTANCE || !text_split(&rest, '/', &account) ||
        !text_split(&rest, '/', &region))
        return NULL;
    return directory_find(shard_directory(call->shard->shard), account, region, rest);
}

static struct text function_of_holder(const struct call *call)
{
    struct text rest = text_of(call->key->holder), piece;

    (void)text_split(&rest, '/', &piece);
    (void)text_split(&rest, '/', &piece);
    return rest;
}

const char *auth_caller_arn(struct call *call)
{
    const struct function *function = auth_calling_function(call);

    if (call->caller != KEY_INSTANCE)
        return arena_format(&call->arena, "arn:aws:iam::%.*s:root", TEXT_ARG(call->api->account));
    struct text role = function ? text_of(function->latest->config.role) : TEXT("evoke");
    while (text_contains(role, '/'))
        role = text_skip(role, text_find(role, '/') + 1);
    /* A session's name has at least two characters; Lambda helps a shorter one. */
    struct text name = function_of_holder(call);
    return arena_format(&call->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%.*s%s",
                        TEXT_ARG(call->api->account), TEXT_ARG(role), TEXT_ARG(name),
                        name.len < 2 ? "@lambda_function" : "");
}

/* Inside, the socket tells which version it is. */
static const struct version *calling_version(const struct call *call)
{
    const struct function *function = auth_calling_function(call);

    if (call->stream && call->origin->inside)
        return call->origin->inside;
    return function ? function->latest : NULL;
}

/* By the policy of the one that is called. */
static bool is_let(struct call *call, struct text name)
{
    const struct function *self = auth_calling_function(call);
    const struct function *function =
        self ? directory_find(shard_directory(call->shard->shard), text_of(self->account),
                              text_of(self->region), name)
             : NULL;
    const struct permission_ask ask = {
        .action = TEXT("lambda:InvokeFunction"),
        .role = self ? text_of(self->latest->config.role) : TEXT_NONE,
        .session = text_of(auth_caller_arn(call)),
    };

    return function && permission_lets(function, &ask);
}

bool auth_may_call(struct call *call, struct text name)
{
    const struct version *version = calling_version(call);

    return version && (version_may_call(version, name) || is_let(call, name));
}

bool auth_may_put(const struct call *call, struct text bus)
{
    const struct version *version = calling_version(call);

    return version && version_may_put(version, bus);
}

bool auth_may_send(const struct call *call, struct text queue)
{
    const struct version *version = calling_version(call);

    return version && version_may_send(version, queue);
}

int auth_hops(const struct call *call, struct text trace)
{
    if (call->inner)
        return call->inner->hops;
    return call->caller == KEY_INSTANCE ? lineage_hops(trace) + 1 : 0;
}

void auth_deny(struct call *call, const char *permission, struct text resource)
{
    call_fail(call, "AccessDeniedException",
              "User: %s is not authorized to perform: %s on resource: %.*s because no "
              "identity-based policy allows the %s action",
              auth_caller_arn(call), permission, TEXT_ARG(resource), permission);
}

bool auth_authorize(struct call *call)
{
    const struct action *action = call->action;

    if (call->caller != KEY_INSTANCE || action->access == ACCESS_FUNCTIONS ||
        action->access == ACCESS_OPEN)
        return true;
    const char *permission =
        action->permission ? action->permission
                           : arena_format(&call->arena, "%s:%s", action->service, action->name);
    auth_deny(call, permission, TEXT("*"));
    return false;
}

bool auth_check(struct call *call, struct text body_sha256)
{
    struct sigv4_refusal refusal;

    if (!call->claim)
        return true;
    const struct sigv4_secret secret = {
        text_of(call->key->secret),
        *call->key->session_token ? text_of(call->key->session_token) : TEXT_NONE,
    };
    if (verify(call, &secret, body_sha256, &refusal) < 0) {
        refuse(call, &refusal);
        return false;
    }
    call->caller = call->key->kind;
    return auth_authorize(call);
}
