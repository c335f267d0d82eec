/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "guard/authorizer_priv.h"
#include "model/alias.h"
#include "model/permission.h"

/* A function is asked, or what it answered to the same question is taken again. */

static void complain(const struct authorizer *authorizer, const char *reason)
{
    log_debug(
        "an authorizer could not decide",
        LOG_TEXT("authorizer", authorizer->is_guards ? authorizer->function : authorizer->arn),
        LOG_TEXT("reason", reason));
}

/* --- its answer --- */

static void decide(struct authorization *authorization, struct answer_kept *answer)
{
    int status;

    answer_apply(answer, authorization);
    status = authorization->status;
    memcpy(answer->key, authorization->cache_key, sizeof answer->key);
    if (authorization->may_keep)
        kept_put(authorization->authorizing, answer);
    else
        answer_free(answer);
    authorization_end(authorization, status);
}

static void on_done(struct invocation *invocation)
{
    struct authorization *authorization = invocation->owner;
    struct answer_kept *answer = NULL;
    struct error err = {.text = "its function failed"};

    if (!authorization) {
        invocation_free(invocation);
        return;
    }
    authorization->invocation = NULL;
    loop_timer_clear(&authorization->timer);
    if (invocation->outcome == INVOCATION_OK)
        answer = answer_parse(authorization->authorizer, buffer_text(&invocation->response), &err);
    invocation_free(invocation);
    if (answer) {
        decide(authorization, answer);
        return;
    }
    complain(authorization->authorizer, err.text);
    authorization_end(authorization, 500);
}

static const struct invocation_sink sink = {.on_done = on_done};

static void on_timeout(struct loop_timer *timer)
{
    struct authorization *authorization = container_of(timer, struct authorization, timer);

    complain(authorization->authorizer, "its function took too long");
    authorization_cancel(authorization);
    authorization_end(authorization, 500);
}

/* --- asking --- */

/* NULL: there is none, or API Gateway may not call it. */
static const struct version *find_version(const struct authorization *authorization)
{
    const struct authorizer *authorizer = authorization->authorizer;
    const bool is_guards = authorizer->is_guards;
    const struct function *function =
        directory_find(authorization->authorizing->directory,
                       is_guards ? authorization->account : text_of(authorizer->account),
                       is_guards ? authorization->region : text_of(authorizer->region),
                       text_of(authorizer->function));
    const struct permission_ask ask = {
        .service = TEXT("apigateway.amazonaws.com"),
        .action = TEXT("lambda:InvokeFunction"),
        .qualifier = text_of(authorizer->qualifier),
        .source_arn = text_of(authorizer->arn),
        .source_account = text_of(authorizer->account),
    };

    if (!function ||
        (!is_guards && !authorizer->has_credentials && !permission_lets(function, &ask)))
        return NULL;
    return alias_route(function, text_of(authorizer->qualifier));
}

static void ask(struct authorization *authorization, const struct text *sources)
{
    struct authorizing *authorizing = authorization->authorizing;
    const struct version *version = find_version(authorization);

    if (!version) {
        complain(authorization->authorizer,
                 "its function is not there, or does not let apigateway.amazonaws.com invoke it");
        authorization_end(authorization, 500);
        return;
    }
    struct invocation *invocation = invocation_new(version);
    invocation->sink = &sink;
    invocation->owner = authorization;
    invocation->kind = INVOKE_API;
    invocation->hops = authorization->hops;
    authorization->write_event(authorization, sources, authorization->authorizer->source_count,
                               &invocation->payload);
    authorization->invocation = invocation;
    authorization->timer.fire = on_timeout;
    loop_timer_set(authorizing->loop, &authorization->timer, AUTHORIZER_TIMEOUT_MS);
    authorizing->invoker->invoke(authorizing->invoker, invocation);
}

/* Lengths stand before the values, so that no two lists of values look the same. */
static void add_to_key(struct crypto_hash *hash, struct text value)
{
    uint64_t len = value.len;

    crypto_hash_add(hash, text_from(&len, sizeof len));
    crypto_hash_add(hash, value);
}

/* What clients identify themselves by is not kept, its hash is. */
static void make_cache_key(struct authorization *authorization, const struct text *sources)
{
    const struct authorizer *authorizer = authorization->authorizer;
    scoped(crypto_hash_free) struct crypto_hash *hash = crypto_hash_new();

    crypto_hash_add(hash, text_from(authorizer->seal, sizeof authorizer->seal));
    if (authorizer->is_guards)
        add_to_key(hash, authorization->guarded);
    for (size_t i = 0; i < authorizer->source_count; i++)
        add_to_key(hash, sources[i]);
    crypto_hash_end(hash, authorization->cache_key);
}

void authorize_by_function(struct authorization *authorization, const struct text *sources)
{
    const struct authorizer *authorizer = authorization->authorizer;
    const struct answer_kept *kept = NULL;

    authorization->may_keep = authorizer->ttl_ms > 0 && authorizer->source_count > 0;
    if (authorization->may_keep) {
        make_cache_key(authorization, sources);
        kept = kept_find(authorization->authorizing,
                         text_from(authorization->cache_key, sizeof authorization->cache_key));
    }
    if (!kept) {
        ask(authorization, sources);
        return;
    }
    answer_apply(kept, authorization);
    authorization_end(authorization, authorization->status);
}
