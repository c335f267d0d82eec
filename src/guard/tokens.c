/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/tokens.h"

#include "base/json.h"
#include "base/mem.h"
#include "guard/fields.h"

#define AT "authorizer"
#define USUAL_SOURCE TEXT("$request.header.Authorization")

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
static json_t *make_document(const json_t *part, struct error *err)
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

struct tokens *tokens_compile(const json_t *part, struct error *err)
{
    scoped(tokens_free) struct tokens *tokens = mem_new(struct tokens);
    scoped(json_decref) json_t *document = make_document(part, err);

    if (!document || read_scopes(tokens, part, err) < 0)
        return NULL;
    tokens->authorizer = authorizer_compile(document, &(struct authorizer_place){0}, err);
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
