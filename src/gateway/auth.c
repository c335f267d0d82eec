/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway_priv.h"
#include "model/permission.h"

#define SKEW_MS (5 * 60 * 1000)

bool auth_is_public(const struct route *route)
{
    const struct permission_ask ask = {
        .action = TEXT("lambda:InvokeFunctionUrl"),
        .qualifier = route->qualifier,
        .url_auth_type = TEXT("NONE"),
    };

    return route_url(route)->auth == URL_AUTH_NONE && permission_lets(route->function, &ask);
}

/* account/region/name */
static struct text holder_part(const struct key *key, int index)
{
    struct text rest = text_of(key->holder), part = TEXT_NONE;

    for (int i = 0; i <= index; i++)
        if (!text_split(&rest, '/', &part))
            return TEXT_NONE;
    return part;
}

/* The version that is the caller: the very one in whose sandbox the request was made, if
 * it was made in one; else what the function of the key is now. */
static const struct version *calling_version(const struct gateway_options *options,
                                             const struct origin *origin,
                                             const struct caller *caller)
{
    if (origin->inside && origin->access_key &&
        text_equal(text_of(origin->access_key), caller->claim.access_key))
        return origin->inside;
    const struct function *function =
        directory_find(options->directory, holder_part(&caller->key, 0),
                       holder_part(&caller->key, 1), holder_part(&caller->key, 2));
    return function ? function->latest : NULL;
}

/* As IAM names them: the root user by its account, an instance as a session of its function's
 * role. A session's name has at least two characters; Lambda helps a shorter one. */
static void name_caller(struct caller *caller, const struct gateway_options *options,
                        const struct origin *origin, struct arena *arena)
{
    if (caller->key.kind != KEY_INSTANCE) {
        caller->account = caller->id = text_of(options->account);
        caller->arn = text_of(arena_format(arena, "arn:aws:iam::%s:root", options->account));
        return;
    }
    const struct version *version = calling_version(options, origin, caller);
    struct text name = holder_part(&caller->key, 2);
    struct text role = version ? text_of(version->config.role) : TEXT("evoke");
    const char *session =
        arena_format(arena, "%.*s%s", TEXT_ARG(name), name.len < 2 ? "@lambda_function" : "");

    caller->role = arena_copy(arena, role);
    while (text_contains(role, '/'))
        role = text_skip(role, text_find(role, '/') + 1);
    caller->account = holder_part(&caller->key, 0);
    caller->id = text_of(arena_format(arena, "AROAEVOKE:%s", session));
    caller->arn = text_of(arena_format(arena, "arn:aws:sts::%.*s:assumed-role/%.*s/%s",
                                       TEXT_ARG(caller->account), TEXT_ARG(role), session));
}

/* A key of an instance opens nothing inside another instance's sandbox. */
static bool key_belongs_here(const struct caller *caller, const struct origin *origin)
{
    return caller->key.kind != KEY_INSTANCE || !origin->inside ||
           (origin->access_key &&
            text_equal(caller->claim.access_key, text_of(origin->access_key)));
}

static int verify(const struct gateway_options *options, struct http_stream *stream,
                  const struct caller *caller, struct text body_sha256,
                  struct sigv4_refusal *refusal)
{
    const struct sigv4_scope scope = {
        .region = text_of(options->region),
        .service = caller->service,
        .now_ms = caller->now_ms,
        .skew_ms = SKEW_MS,
    };
    const struct sigv4_secret secret = {
        .secret = text_of(caller->key.secret),
        .session_token =
            caller->key.session_token[0] ? text_of(caller->key.session_token) : TEXT_NONE,
    };

    return sigv4_verify(&stream->request, &caller->claim, &scope,
                        caller->key.kind == KEY_UNKNOWN ? NULL : &secret, body_sha256,
                        &stream->arena, refusal);
}

struct caller *auth_read(const struct gateway_options *options, struct http_stream *stream,
                         struct text service, int64_t now_ms, struct sigv4_refusal *refusal)
{
    struct caller *caller = arena_zalloc(&stream->arena, sizeof *caller);

    caller->service = service;
    caller->now_ms = now_ms;
    if (sigv4_read(&stream->request, &stream->arena, &caller->claim, refusal) < 0)
        return NULL;
    keyring_find(options->keyring, caller->claim.access_key, caller->claim.session_token,
                 &caller->key);
    if (!key_belongs_here(caller, stream->context))
        caller->key.kind = KEY_UNKNOWN;
    if (caller->key.kind == KEY_UNKNOWN) {
        (void)verify(options, stream, caller, TEXT_NONE, refusal);
        return NULL;
    }
    name_caller(caller, options, stream->context, &stream->arena);
    return caller;
}

bool auth_needs_hash(const struct http_request *request)
{
    return !text_equal(http_header(request, TEXT("x-amz-content-sha256")),
                       TEXT("UNSIGNED-PAYLOAD"));
}

int auth_verify(const struct gateway_options *options, struct http_stream *stream,
                const struct caller *caller, struct text body_sha256, struct sigv4_refusal *refusal)
{
    return verify(options, stream, caller, body_sha256, refusal);
}

int auth_verify_body(const struct gateway_options *options, struct http_stream *stream,
                     const struct caller *caller, struct text body, struct sigv4_refusal *refusal)
{
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1] = "";

    if (auth_needs_hash(&stream->request)) {
        crypto_sha256(body, digest);
        crypto_hex(digest, sizeof digest, hex);
    }
    return verify(options, stream, caller, hex[0] ? text_of(hex) : TEXT_NONE, refusal);
}

static bool is_listed(const struct gateway_options *options, const struct origin *origin,
                      const struct caller *caller, const struct function *function)
{
    const struct version *version = calling_version(options, origin, caller);

    return version && text_equal(text_of(version->account), text_of(function->account)) &&
           version_may_call(version, text_of(function->name));
}

static bool may_call(const struct gateway_options *options, const struct origin *origin,
                     const struct caller *caller, const struct function *function,
                     struct permission_ask ask)
{
    if (caller->key.kind == KEY_ROOT || is_listed(options, origin, caller, function))
        return true;
    ask.role = caller->role;
    ask.session = caller->arn;
    return permission_lets(function, &ask);
}

bool caller_may_call(const struct gateway_options *options, const struct origin *origin,
                     const struct caller *caller, const struct function *function)
{
    return may_call(options, origin, caller, function,
                    (struct permission_ask){.action = TEXT("lambda:InvokeFunction")});
}

bool caller_may_call_url(const struct gateway_options *options, const struct origin *origin,
                         const struct caller *caller, const struct route *route)
{
    return may_call(options, origin, caller, route->function,
                    (struct permission_ask){.action = TEXT("lambda:InvokeFunctionUrl"),
                                            .qualifier = route->qualifier,
                                            .url_auth_type = TEXT("AWS_IAM")});
}

bool caller_is_function(const struct caller *caller, struct text name)
{
    return caller->key.kind == KEY_INSTANCE && text_equal(holder_part(&caller->key, 2), name);
}

bool caller_may_put(const struct gateway_options *options, const struct origin *origin,
                    const struct caller *caller, struct text bus)
{
    if (caller->key.kind == KEY_ROOT)
        return true;
    const struct version *version = calling_version(options, origin, caller);
    return version && version_may_put(version, bus);
}
