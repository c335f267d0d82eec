/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "guard/authorizer_priv.h"
#include "http/uri.h"

/* --- compiling --- */

static int add_source(struct authorizer *authorizer, struct text text, struct error *err)
{
    static const struct {
        struct text prefix;
        enum source_kind kind;
        size_t keep; /* of the prefix, which belongs to a value's name */
    } kinds[] = {
        {TEXT("request.header."), SOURCE_HEADER, 0},
        {TEXT("request.querystring."), SOURCE_QUERY, 0},
        {TEXT("context."), SOURCE_VALUE, sizeof "context." - 1},
        {TEXT("stageVariables."), SOURCE_VALUE, sizeof "stageVariables." - 1},
    };
    struct text rest = text_starts(text, TEXT("$")) ? text_skip(text, 1) : text;

    if (text_starts(rest, TEXT("route.request."))) /* as WebSocket APIs write it */
        rest = text_skip(rest, sizeof "route." - 1);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!text_starts(rest, kinds[i].prefix) || rest.len == kinds[i].prefix.len)
            continue;
        char *name = text_dup(text_skip(rest, kinds[i].prefix.len - kinds[i].keep));
        for (char *c = name; *c && kinds[i].kind == SOURCE_HEADER; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        authorizer->sources[authorizer->source_count++] = (struct source){kinds[i].kind, name};
        return 0;
    }
    return error_set(err, ERROR_INVALID,
                     "identitySource has no '%.*s': there are $request.header.NAME, "
                     "$request.querystring.NAME, $context.NAME and $stageVariables.NAME",
                     TEXT_ARG(text));
}

/* A list; REST and WebSocket tools write one string with commas. */
static int read_sources(struct authorizer *authorizer, const json_t *document, struct error *err)
{
    const json_t *list = json_object_get(document, "identitySource"), *item;
    size_t index;

    if (json_array_size(list) > AUTHORIZER_SOURCES_MAX)
        return error_set(err, ERROR_LIMIT, "identitySource has at most %d members",
                         AUTHORIZER_SOURCES_MAX);
    json_array_foreach(list, index, item)
    {
        if (!json_is_string(item))
            return error_set(err, ERROR_INVALID, "identitySource must be a list of strings");
        if (add_source(authorizer, text_of(json_string_value(item)), err) < 0)
            return -1;
    }
    return 0;
}

static int read_jwt(struct authorizer *authorizer, const json_t *document, struct error *err)
{
    const json_t *settings = json_object_get(document, "jwtConfiguration");
    const json_t *audiences = json_object_get(settings, "audience"), *item;
    struct text issuer = json_text(settings, "issuer");
    size_t index;

    if (!text_starts(issuer, TEXT("https://")) && !text_starts(issuer, TEXT("http://")))
        return error_set(err, ERROR_INVALID, "jwtConfiguration.issuer must be a URL");
    if (authorizer->source_count != 1 || authorizer->sources[0].kind == SOURCE_VALUE)
        return error_set(
            err, ERROR_INVALID,
            "identitySource of a JWT authorizer must be one header or query parameter");
    if (json_array_size(audiences) > AUTHORIZER_AUDIENCES_MAX)
        return error_set(err, ERROR_INVALID, "jwtConfiguration.audience has at most %d members",
                         AUTHORIZER_AUDIENCES_MAX);
    authorizer->issuer = text_dup(issuer);
    json_array_foreach(audiences, index, item)
    {
        if (!json_is_string(item) || json_string_length(item) == 0)
            return error_set(err, ERROR_INVALID,
                             "jwtConfiguration.audience must be a list of strings");
        authorizer->audiences[authorizer->audience_count++] =
            text_of(text_dup(text_of(json_string_value(item))));
    }
    return 0;
}

/* "arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations", or the ARN. */
static int read_function(struct authorizer *authorizer, struct text uri, struct error *err)
{
    const struct text before = TEXT("/functions/"), after = TEXT("/invocations");
    size_t at = text_find_text(uri, before), count = 0;
    struct text rest = at < uri.len ? text_skip(uri, at + before.len) : uri, parts[8] = {0};

    if (text_ends(rest, after))
        rest.len -= after.len;
    while (count < COUNT_OF(parts) && text_split(&rest, ':', &parts[count]))
        count++;
    if (count < 7 || rest.len > 0 || !text_equal(parts[2], TEXT("lambda")) ||
        !text_equal(parts[5], TEXT("function")) || parts[6].len == 0)
        return error_set(
            err, ERROR_INVALID,
            "authorizerUri must be "
            "arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations");
    authorizer->region = text_dup(parts[3]);
    authorizer->account = text_dup(parts[4]);
    authorizer->function = text_dup(parts[6]);
    authorizer->qualifier = text_dup(parts[7]);
    return 0;
}

static int read_request(struct authorizer *authorizer, const json_t *document, struct error *err)
{
    struct text version = json_text(document, "authorizerPayloadFormatVersion");
    int64_t ttl_s = json_int(document, "authorizerResultTtlInSeconds", 0);

    authorizer->payload_version = text_equal(version, TEXT("2.0")) ? 2 : 1;
    authorizer->is_simple = json_bool(document, "enableSimpleResponses", false);
    authorizer->has_credentials = json_text(document, "authorizerCredentialsArn").len > 0;
    authorizer->ttl_ms = ttl_s * 1000;
    if (ttl_s < 0 || ttl_s > AUTHORIZER_TTL_MAX_S)
        return error_set(err, ERROR_INVALID, "authorizerResultTtlInSeconds must be 0 to %d",
                         AUTHORIZER_TTL_MAX_S);
    if (authorizer->is_simple && authorizer->payload_version != 2)
        return error_set(err, ERROR_INVALID,
                         "enableSimpleResponses needs authorizerPayloadFormatVersion 2.0");
    return read_function(authorizer, json_text(document, "authorizerUri"), err);
}

static void seal(struct authorizer *authorizer, const json_t *document,
                 const struct authorizer_place *place)
{
    scoped(free) char *text = json_write(document);
    scoped(free) char *whole = mem_format("%.*s/%.*s/%lld/%s", TEXT_ARG(place->api_id),
                                          TEXT_ARG(place->stage), (long long)place->resets, text);

    crypto_sha256(text_of(whole), authorizer->seal);
    authorizer->is_guards = place->is_guards;
    authorizer->arn =
        mem_format("arn:aws:execute-api:%.*s:%.*s:%.*s/authorizers/%.*s", TEXT_ARG(place->region),
                   TEXT_ARG(place->account), TEXT_ARG(place->api_id),
                   TEXT_ARG(json_text(document, "authorizerId")));
}

struct authorizer *authorizer_compile(const json_t *document, const struct authorizer_place *place,
                                      struct error *err)
{
    scoped(authorizer_free) struct authorizer *authorizer = mem_new(struct authorizer);
    struct text type = json_text(document, "authorizerType");

    if (read_sources(authorizer, document, err) < 0)
        return NULL;
    seal(authorizer, document, place);
    authorizer->type = text_equal(type, TEXT("JWT")) ? AUTHORIZER_JWT : AUTHORIZER_REQUEST;
    if (authorizer->type == AUTHORIZER_REQUEST && !text_equal(type, TEXT("REQUEST"))) {
        (void)error_set(err, ERROR_INVALID, "authorizerType must be JWT or REQUEST");
        return NULL;
    }
    if ((authorizer->type == AUTHORIZER_JWT ? read_jwt : read_request)(authorizer, document, err) <
        0)
        return NULL;
    return take(authorizer);
}

void authorizer_free(struct authorizer *authorizer)
{
    if (!authorizer)
        return;
    for (size_t i = 0; i < authorizer->source_count; i++)
        free(authorizer->sources[i].name);
    for (size_t i = 0; i < authorizer->audience_count; i++)
        free((char *)(uintptr_t)authorizer->audiences[i].at);
    free(authorizer->issuer);
    free(authorizer->account);
    free(authorizer->region);
    free(authorizer->function);
    free(authorizer->qualifier);
    free(authorizer->arn);
    free(authorizer);
}

bool authorizer_takes_tokens(const struct authorizer *authorizer)
{
    return authorizer->type == AUTHORIZER_JWT;
}

struct text authorizer_function(const struct authorizer *authorizer, struct text *ret_qualifier)
{
    *ret_qualifier = text_of(authorizer->qualifier);
    return text_of(authorizer->function);
}

int authorizer_payload_version(const struct authorizer *authorizer)
{
    return authorizer->payload_version;
}

/* --- one request --- */

/* What comes twice is joined as the event has it: the answer of a function that looked at both
 * must not be kept for who sends the first alone. */
static struct text join(struct arena *arena, struct text before, struct text value)
{
    if (!text_is_set(before))
        return text_is_set(value) ? value : TEXT("");
    return text_of(arena_format(arena, "%.*s,%.*s", TEXT_ARG(before), TEXT_ARG(value)));
}

static struct text find_parameter(const struct authorization *authorization, struct text name)
{
    struct text rest = authorization->request->query, encoded, value, decoded, found = TEXT_NONE;

    while (uri_query_next(&rest, &encoded, &value)) {
        if (!uri_decode(authorization->arena, encoded, true, &decoded) ||
            !text_equal(decoded, name))
            continue;
        if (!uri_decode(authorization->arena, value, true, &decoded))
            return TEXT_NONE;
        found = join(authorization->arena, found, decoded);
    }
    return found;
}

static struct text resolve(struct authorization *authorization, const struct source *source)
{
    switch (source->kind) {
    case SOURCE_HEADER:
        return http_field_join(authorization->request->fields, authorization->request->field_count,
                               text_of(source->name), authorization->arena);
    case SOURCE_QUERY:
        return find_parameter(authorization, text_of(source->name));
    case SOURCE_VALUE:
        return authorization->value(authorization, text_of(source->name));
    }
    return TEXT_NONE;
}

void authorization_end(struct authorization *authorization, int status)
{
    authorization->status = status;
    authorization->done(authorization);
}

void authorize(struct authorizing *authorizing, const struct authorizer *authorizer,
               struct authorization *authorization)
{
    struct text *sources =
        arena_zalloc(authorization->arena, (authorizer->source_count + 1) * sizeof *sources);

    authorization->authorizing = authorizing;
    authorization->authorizer = authorizer;
    for (size_t i = 0; i < authorizer->source_count; i++) {
        sources[i] = resolve(authorization, &authorizer->sources[i]);
        if (sources[i].len > 0)
            continue;
        if (authorizer->type == AUTHORIZER_JWT)
            authorization->www_authenticate = TEXT("Bearer");
        authorization_end(authorization, 401);
        return;
    }
    if (authorizer->type == AUTHORIZER_JWT)
        authorize_by_token(authorization, sources[0]);
    else
        authorize_by_function(authorization, sources);
}

void authorization_cancel(struct authorization *authorization)
{
    jwks_cancel(&authorization->key);
    loop_timer_clear(&authorization->timer);
    if (authorization->invocation)
        authorization->invocation->owner = NULL;
    authorization->invocation = NULL;
}

/* --- on a loop --- */

struct authorizing *authorizing_new(struct loop *loop, struct invoker *invoker,
                                    const struct directory *directory,
                                    const struct upstreams *upstreams)
{
    struct authorizing *authorizing = mem_new(struct authorizing);

    authorizing->loop = loop;
    authorizing->invoker = invoker;
    authorizing->directory = directory;
    authorizing->jwks = jwks_new(loop, upstreams);
    list_init(&authorizing->kept_list);
    return authorizing;
}

void authorizing_free(struct authorizing *authorizing)
{
    if (!authorizing)
        return;
    jwks_free(authorizing->jwks);
    kept_clear(authorizing);
    map_done(&authorizing->kept);
    free(authorizing);
}
