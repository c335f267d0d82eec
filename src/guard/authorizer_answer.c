/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "guard/authorizer_priv.h"

/* What functions answer that are asked, and keeping it. */

/* --- reading --- */

/* Version 1.0 passes on what has no parts, and keeps the name "claims" for tokens. */
static int check_context(const struct authorizer *authorizer, const json_t *context,
                         struct error *err)
{
    const char *name;
    json_t *value;

    if (context && !json_is_object(context))
        return error_set(err, ERROR_INVALID, "its function's context is no object");
    if (authorizer->payload_version != 1)
        return 0;
    json_object_foreach(
        (json_t *)(uintptr_t)context, name,
        value) if (strcmp(name, "claims") == 0 || json_is_object(value) ||
                   json_is_array(value)) return error_set(err, ERROR_INVALID,
                                                          "its function's context has '%s', which "
                                                          "version 1.0 does not take",
                                                          name);
    return 0;
}

static int read_decision(struct answer_kept *answer, const struct authorizer *authorizer,
                         const json_t *json, struct error *err)
{
    const json_t *allowed = json_object_get(json, "isAuthorized");

    if (authorizer->is_simple) {
        answer->is_allowed = json_is_true(allowed);
        return json_is_boolean(allowed)
                   ? 0
                   : error_set(err, ERROR_INVALID, "its function did not answer isAuthorized");
    }
    const json_t *document = json_object_get(json, "policyDocument");
    if (!document)
        return error_set(err, ERROR_INVALID, "its function did not answer a policyDocument");
    answer->policy = policy_compile(document, POLICY_OF_IDENTITY, err);
    answer->principal = text_dup(json_text(json, "principalId"));
    return answer->policy ? 0 : -1;
}

struct answer_kept *answer_parse(const struct authorizer *authorizer, struct text response,
                                 struct error *err)
{
    scoped(answer_free) struct answer_kept *answer = mem_new(struct answer_kept);
    scoped(json_decref) json_t *json = json_parse(response, err);
    const json_t *context = json_object_get(json, "context");

    if (!json)
        return NULL;
    if (json_is_null(context))
        context = NULL;
    answer->usage_key = text_dup(json_text(json, "usageIdentifierKey"));
    if (read_decision(answer, authorizer, json, err) < 0 ||
        check_context(authorizer, context, err) < 0)
        return NULL;
    answer->context = context ? json_write(context) : NULL;
    answer->bytes = sizeof *answer + response.len * 2;
    answer->expires_ms = clock_mono_us() / 1000 + authorizer->ttl_ms;
    return take(answer);
}

void answer_free(struct answer_kept *answer)
{
    if (!answer)
        return;
    policy_free(answer->policy);
    free(answer->context);
    free(answer->principal);
    free(answer->usage_key);
    free(answer);
}

/* --- deciding --- */

/* A policy is for all routes: each request asks it anew. */
static bool allows(const struct answer_kept *answer, const struct authorization *authorization)
{
    char time[32], epoch[32];
    const struct text now = text_of(clock_format_iso(authorization->now_ms, time));
    const struct text agent = http_header(authorization->request, TEXT("user-agent"));
    const struct text referer = http_header(authorization->request, TEXT("referer"));
    const struct text secure = authorization->is_secure ? TEXT("true") : TEXT("false");
    snprintf(epoch, sizeof epoch, "%lld", (long long)(authorization->now_ms / 1000));
    const struct text seconds = text_of(epoch);
    const struct policy_key keys[] = {
        {TEXT("aws:SourceIp"), &authorization->source_ip, authorization->source_ip.len > 0},
        {TEXT("aws:CurrentTime"), &now, 1},
        {TEXT("aws:EpochTime"), &seconds, 1},
        {TEXT("aws:SecureTransport"), &secure, 1},
        {TEXT("aws:UserAgent"), &agent, text_is_set(agent)},
        {TEXT("aws:Referer"), &referer, text_is_set(referer)},
    };
    const struct policy_request request = {
        .action = TEXT("execute-api:Invoke"),
        .resource = authorization->route_arn,
        .keys = keys,
        .key_count = COUNT_OF(keys),
    };

    return answer->policy ? policy_evaluate(answer->policy, &request) == POLICY_ALLOW
                          : answer->is_allowed;
}

static struct text copy_if_set(struct arena *arena, const char *string)
{
    return string && *string ? arena_copy(arena, text_of(string)) : TEXT_NONE;
}

void answer_apply(const struct answer_kept *answer, struct authorization *authorization)
{
    if (!allows(answer, authorization)) {
        authorization->status = 403;
        return;
    }
    authorization->status = 0;
    authorization->context = copy_if_set(authorization->arena, answer->context);
    authorization->principal = copy_if_set(authorization->arena, answer->principal);
    authorization->usage_key = copy_if_set(authorization->arena, answer->usage_key);
}

/* --- keeping --- */

static void drop(struct authorizing *authorizing, struct answer_kept *answer)
{
    (void)map_remove(&authorizing->kept, text_from(answer->key, sizeof answer->key));
    list_remove(&answer->link);
    authorizing->kept_bytes -= answer->bytes;
    answer_free(answer);
}

const struct answer_kept *kept_find(struct authorizing *authorizing, struct text key)
{
    struct answer_kept *answer = map_find(&authorizing->kept, key);

    if (!answer)
        return NULL;
    if (answer->expires_ms <= clock_mono_us() / 1000) {
        drop(authorizing, answer);
        return NULL;
    }
    list_remove(&answer->link);
    list_push_front(&authorizing->kept_list, &answer->link);
    return answer;
}

void kept_put(struct authorizing *authorizing, struct answer_kept *answer)
{
    struct text key = text_from(answer->key, sizeof answer->key);
    struct answer_kept *before = map_find(&authorizing->kept, key);

    if (before)
        drop(authorizing, before);
    map_put(&authorizing->kept, key, answer);
    list_push_front(&authorizing->kept_list, &answer->link);
    authorizing->kept_bytes += answer->bytes;
    while (authorizing->kept.count > 1 && (authorizing->kept.count > AUTHORIZING_KEPT_MAX ||
                                           authorizing->kept_bytes > AUTHORIZING_KEPT_BYTES))
        drop(authorizing, container_of(authorizing->kept_list.prev, struct answer_kept, link));
}

void kept_clear(struct authorizing *authorizing)
{
    while (!list_empty(&authorizing->kept_list))
        drop(authorizing, container_of(authorizing->kept_list.next, struct answer_kept, link));
}
