/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/tokens.h"

#include "base/json.h"
#include "base/mem.h"
#include "guard/fields.h"

#define AT "authorizer"
#define USUAL_SOURCE TEXT("$request.header.Authorization")

/* --- tokens --- */

/* A text alone stands for a list of it. New; NULL and *err. */
static json_t *read_texts(const json_t *part, const char *name, struct error *err)
{
    json_t *value = json_object_get(part, name);
    const json_t *list = NULL;

    if (json_is_string(value) && json_string_length(value) > 0)
        return json_pack("[O]", value);
    if (fields_texts(part, AT, name, &list, err) < 0)
        return NULL;
    return list ? json_deep_copy(list) : json_array();
}

static int read_issuer(const json_t *part, struct text *ret, struct error *err)
{
    if (fields_text(part, AT, "issuer", ret, err) < 0)
        return -1;
    if (text_starts(*ret, TEXT("https://")) || text_starts(*ret, TEXT("http://")))
        return 0;
    return error_set(err, ERROR_INVALID, AT ".issuer must be the URL of who makes the tokens");
}

static int read_source(const json_t *part, struct text *ret, struct error *err)
{
    *ret = USUAL_SOURCE;
    if (fields_text(part, AT, "from", ret, err) < 0)
        return -1;
    if (text_starts(*ret, TEXT("$request.header.")) ||
        text_starts(*ret, TEXT("$request.querystring.")))
        return 0;
    return error_set(err, ERROR_INVALID,
                     AT ".from must be $request.header.NAME or $request.querystring.NAME");
}

static int read_scopes(struct tokens *tokens, const json_t *part, struct error *err)
{
    scoped(json_decref) json_t *scopes = read_texts(part, "scopes", err);
    const json_t *scope;
    size_t index;

    if (!scopes)
        return -1;
    tokens->scopes = mem_zalloc((json_array_size(scopes) + 1) * sizeof *tokens->scopes);
    json_array_foreach(scopes, index, scope) tokens->scopes[tokens->scope_count++] =
        mem_strdup(json_string_value(scope));
    return 0;
}

/* As AWS writes it. */
static json_t *make_token_document(const json_t *part, struct error *err)
{
    static const char *const names[] = {"issuer", "audience", "scopes", "from", NULL};
    struct text issuer = TEXT_NONE, source;

    if (fields_check(part, AT, names, err) < 0 || read_issuer(part, &issuer, err) < 0 ||
        read_source(part, &source, err) < 0)
        return NULL;
    scoped(json_decref) json_t *audience = read_texts(part, "audience", err);
    if (!audience)
        return NULL;
    if (json_array_size(audience) == 0) {
        error_set(err, ERROR_INVALID,
                  AT ".audience must say for whom tokens are, or any token of the issuer would do");
        return NULL;
    }
    return json_pack("{s:s,s:[o],s:{s:o,s:O}}", "authorizerType", "JWT", "identitySource",
                     json_from_text(source), "jwtConfiguration", "issuer", json_from_text(issuer),
                     "audience", audience);
}

/* --- a function --- */

static bool is_name(struct text text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            !strchr(others, c))
            return false;
    }
    return text.len > 0;
}

/* "NAME" or "NAME:VERSION" */
static int read_function(const json_t *part, struct text *ret, struct error *err)
{
    if (fields_text(part, AT, "function", ret, err) < 0)
        return -1;
    struct text version = *ret, name;
    bool has_version = text_contains(version, ':');
    (void)text_split(&version, ':', &name);
    if (is_name(name, "-_") && (!has_version || is_name(version, "$-_")))
        return 0;
    return error_set(err, ERROR_INVALID,
                     AT ".function must be the name of a function of the same account, or "
                        "NAME:VERSION");
}

static int check_identity(const json_t *sources, struct error *err)
{
    static const struct text kinds[] = {TEXT("$request.header."), TEXT("$request.querystring."),
                                        TEXT("$context.")};
    const json_t *source;
    size_t index;

    json_array_foreach(sources, index, source)
    {
        struct text text = text_of(json_string_value(source));
        bool found = false;
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            found |= text_starts(text, kinds[i]) && text.len > kinds[i].len;
        if (!found)
            return error_set(err, ERROR_INVALID,
                             AT ".identity has no '%.*s': there are $request.header.NAME, "
                                "$request.querystring.NAME and $context.NAME",
                             TEXT_ARG(text));
    }
    return 0;
}

static int read_answer(const json_t *part, bool *ret_simple, struct error *err)
{
    struct text answer = TEXT("simple");

    if (fields_text(part, AT, "answer", &answer, err) < 0)
        return -1;
    *ret_simple = text_equal(answer, TEXT("simple"));
    if (*ret_simple || text_equal(answer, TEXT("policy")))
        return 0;
    return error_set(err, ERROR_INVALID, AT ".answer must be simple or policy");
}

static json_t *make_function_document(const json_t *part, struct error *err)
{
    static const char *const names[] = {"function", "identity", "ttl", "answer", NULL};
    struct text function = TEXT_NONE;
    bool is_simple = true;
    int64_t ttl_s = 0;

    if (fields_check(part, AT, names, err) < 0 || read_function(part, &function, err) < 0 ||
        fields_int(part, AT, "ttl", 0, AUTHORIZER_TTL_MAX_S, &ttl_s, err) < 0 ||
        read_answer(part, &is_simple, err) < 0)
        return NULL;
    scoped(json_decref) json_t *sources = read_texts(part, "identity", err);
    if (!sources || check_identity(sources, err) < 0)
        return NULL;
    if (json_array_size(sources) == 0)
        json_array_append_new(sources, json_from_text(USUAL_SOURCE));
    return json_pack("{s:s,s:O,s:s,s:b,s:I,s:o}", "authorizerType", "REQUEST", "identitySource",
                     sources, "authorizerPayloadFormatVersion", "2.0", "enableSimpleResponses",
                     is_simple, "authorizerResultTtlInSeconds", (json_int_t)ttl_s, "authorizerUri",
                     json_sprintf("arn:aws:lambda:::function:%.*s", TEXT_ARG(function)));
}

/* --- either --- */

struct tokens *tokens_compile(const json_t *part, struct error *err)
{
    scoped(tokens_free) struct tokens *tokens = mem_new(struct tokens);
    bool asks = json_object_get(part, "function") != NULL;
    scoped(json_decref) json_t *document =
        asks ? make_function_document(part, err) : make_token_document(part, err);

    if (!document || read_scopes(tokens, part, err) < 0)
        return NULL;
    const struct authorizer_place place = {.is_guards = true};
    tokens->authorizer = authorizer_compile(document, &place, err);
    return tokens->authorizer ? take(tokens) : NULL;
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens)
        return;
    for (size_t i = 0; i < tokens->scope_count; i++)
        free(tokens->scopes[i]);
    free(tokens->scopes);
    authorizer_free(tokens->authorizer);
    free(tokens);
}
