/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/authorizer_priv.h"
#include "guard/jwt.h"

/* A token as who is asked. Refusals in RFC 6750's words, as API Gateway writes them. */

static void refuse_token(struct authorization *authorization, const char *reason)
{
    authorization->www_authenticate = text_of(
        arena_format(authorization->arena,
                     "Bearer scope=\"\" error=\"invalid_token\" error_description=\"%s\"", reason));
    authorization_end(authorization, 401);
}

static void refuse_scope(struct authorization *authorization)
{
    scoped(buffer_done) struct buffer scopes = {0};

    for (size_t i = 0; i < authorization->scope_count; i++) {
        if (i > 0)
            buffer_add_char(&scopes, ' ');
        buffer_add_text(&scopes, authorization->scopes[i]);
    }
    authorization->www_authenticate = text_of(
        arena_format(authorization->arena, "Bearer scope=\"%.*s\" error=\"insufficient_scope\"",
                     TEXT_ARG(buffer_text(&scopes))));
    authorization_end(authorization, 403);
}

static void let_pass(struct authorization *authorization, const struct jwt *jwt)
{
    scoped(buffer_done) struct buffer context = {0};

    jwt_write(jwt, authorization->scope_count > 0, &context);
    authorization->context = arena_copy(authorization->arena, buffer_text(&context));
    authorization->principal = arena_copy(authorization->arena, json_text(jwt->claims, "sub"));
    authorization_end(authorization, 0);
}

/* What can be seen without the key, before it is asked for. */
static int read_token(struct authorization *authorization, struct jwt *ret, struct error *err)
{
    const struct authorizer *authorizer = authorization->authorizer;
    const struct jwt_rules rules = {
        .issuer = text_of(authorizer->issuer),
        .audiences = authorizer->audiences,
        .audience_count = authorizer->audience_count,
    };

    if (jwt_parse(authorization->token, ret, err) < 0)
        return -1;
    return jwt_check(ret, &rules, authorization->now_ms, err);
}

static void on_key(struct jwks_wait *wait, const struct jwk *key, const char *reason)
{
    struct authorization *authorization = container_of(wait, struct authorization, key);
    scoped(jwt_done) struct jwt jwt = {0};
    struct error err;

    if (!key)
        refuse_token(authorization, reason);
    else if (read_token(authorization, &jwt, &err) < 0)
        refuse_token(authorization, err.text);
    else if (!jwk_verify(key, jwt.algorithm, jwt.content, buffer_text(&jwt.signature)))
        refuse_token(authorization, "the token's signature is not valid");
    else if (authorization->scope_count > 0 &&
             !jwt_has_scope(&jwt, authorization->scopes, authorization->scope_count))
        refuse_scope(authorization);
    else
        let_pass(authorization, &jwt);
}

void authorize_by_token(struct authorization *authorization, struct text token)
{
    const struct text scheme = TEXT("Bearer ");
    scoped(jwt_done) struct jwt jwt = {0};
    struct error err;

    if (text_equal_nocase(text_slice(token, 0, scheme.len), scheme))
        token = text_trim(text_skip(token, scheme.len));
    authorization->token = token;
    if (read_token(authorization, &jwt, &err) < 0) {
        refuse_token(authorization, err.text);
        return;
    }
    authorization->key.done = on_key;
    jwks_find(authorization->authorizing->jwks, text_of(authorization->authorizer->issuer),
              arena_copy(authorization->arena, jwt.kid), &authorization->key);
}
