/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/jwt.h"

#include "base/crypto.h"

#define MALFORMED "the token is malformed"

/* --- reading --- */

static json_t *read_object(struct text part, struct error *err)
{
    scoped(buffer_done) struct buffer bytes = {0};
    scoped(json_decref) json_t *json = NULL;

    if (crypto_unbase64_url(part, &bytes))
        json = json_parse(buffer_text(&bytes), err);
    if (json_is_object(json))
        return take(json);
    (void)error_set(err, ERROR_INVALID, MALFORMED);
    return NULL;
}

/* RFC 7515 4.1.11: what "crit" names must be understood, and nothing that it may name is. */
static int read_header(struct jwt *jwt, struct error *err)
{
    jwt->algorithm = jwk_algorithm_find(json_text(jwt->header, "alg"));
    jwt->kid = json_text(jwt->header, "kid");
    if (!jwt->algorithm)
        return error_set(err, ERROR_INVALID, "the token is not signed by an accepted algorithm");
    if (jwt->kid.len == 0)
        return error_set(err, ERROR_INVALID, "the token does not name its key");
    if (json_object_get(jwt->header, "crit"))
        return error_set(err, ERROR_INVALID, "the token has critical headers");
    return 0;
}

int jwt_parse(struct text token, struct jwt *ret, struct error *err)
{
    struct text rest = token, header, claims;

    *ret = (struct jwt){0};
    if (token.len > JWT_BYTES_MAX || !text_split(&rest, '.', &header) ||
        !text_split(&rest, '.', &claims) || text_contains(rest, '.'))
        return error_set(err, ERROR_INVALID, MALFORMED);
    ret->content = text_slice(token, 0, header.len + 1 + claims.len);
    if (!(ret->header = read_object(header, err)) || read_header(ret, err) < 0 ||
        !(ret->claims = read_object(claims, err)))
        return -1;
    if (!crypto_unbase64_url(rest, &ret->signature) || ret->signature.len == 0)
        return error_set(err, ERROR_INVALID, MALFORMED);
    return 0;
}

void jwt_done(struct jwt *jwt)
{
    json_decref(jwt->header);
    json_decref(jwt->claims);
    buffer_done(&jwt->signature);
    *jwt = (struct jwt){0};
}

/* --- checking --- */

static bool is_one_of(const json_t *value, const struct text *list, size_t count)
{
    struct text text = json_is_string(value)
                           ? text_from(json_string_value(value), json_string_length(value))
                           : TEXT_NONE;

    for (size_t i = 0; i < count; i++)
        if (text_is_set(text) && text_equal(text, list[i]))
            return true;
    return false;
}

static bool has_audience(const struct jwt *jwt, const struct jwt_rules *rules)
{
    const json_t *audience = json_object_get(jwt->claims, "aud"), *item;
    size_t index;

    if (!audience || json_is_null(audience))
        audience = json_object_get(jwt->claims, "client_id");
    if (!json_is_array(audience))
        return is_one_of(audience, rules->audiences, rules->audience_count);
    json_array_foreach(audience, index, item) if (is_one_of(item, rules->audiences,
                                                            rules->audience_count)) return true;
    return false;
}

/* Whether the moment of a claim has come: RFC 7519 NumericDate, seconds with fractions. */
enum moment { MOMENT_ABSENT, MOMENT_PAST, MOMENT_FUTURE, MOMENT_BROKEN };
static enum moment moment_of(const struct jwt *jwt, const char *name, int64_t now_ms)
{
    const json_t *claim = json_object_get(jwt->claims, name);

    if (!claim)
        return MOMENT_ABSENT;
    if (!json_is_number(claim))
        return MOMENT_BROKEN;
    return json_number_value(claim) * 1000 > (double)now_ms ? MOMENT_FUTURE : MOMENT_PAST;
}

static int check_times(const struct jwt *jwt, int64_t now_ms, struct error *err)
{
    static const struct {
        const char *name, *reason;
        bool is_needed;
        enum moment right;
    } times[] = {
        {"exp", "the token has expired", true, MOMENT_FUTURE},
        {"nbf", "the token is not valid yet", false, MOMENT_PAST},
        {"iat", "the token was issued in the future", false, MOMENT_PAST},
    };

    for (size_t i = 0; i < COUNT_OF(times); i++) {
        enum moment moment = moment_of(jwt, times[i].name, now_ms);
        if (moment == MOMENT_BROKEN || (moment == MOMENT_ABSENT && times[i].is_needed))
            return error_set(err, ERROR_INVALID, "the token does not have a valid %s claim",
                             times[i].name);
        if (moment != MOMENT_ABSENT && moment != times[i].right)
            return error_set(err, ERROR_INVALID, "%s", times[i].reason);
    }
    return 0;
}

int jwt_check(const struct jwt *jwt, const struct jwt_rules *rules, int64_t now_ms,
              struct error *err)
{
    if (!text_equal(json_text(jwt->claims, "iss"), rules->issuer) || rules->issuer.len == 0)
        return error_set(err, ERROR_INVALID, "the token does not have a valid issuer");
    if (!has_audience(jwt, rules))
        return error_set(err, ERROR_INVALID, "the token does not have a valid audience");
    return check_times(jwt, now_ms, err);
}

/* --- scopes --- */

typedef bool scope_f(struct text scope, void *context);

/* Of "scope", else "scp": words of a string, or a list. True once visit is. */
static bool scopes_any(const struct jwt *jwt, scope_f *visit, void *context)
{
    const json_t *claim = json_object_get(jwt->claims, "scope"), *item;
    size_t index;

    if (!claim)
        claim = json_object_get(jwt->claims, "scp");
    if (json_is_string(claim)) {
        struct text rest = text_from(json_string_value(claim), json_string_length(claim)), word;
        while (text_split(&rest, ' ', &word))
            if (word.len > 0 && visit(word, context))
                return true;
    }
    json_array_foreach(claim, index,
                       item) if (json_is_string(item) &&
                                 visit(text_from(json_string_value(item), json_string_length(item)),
                                       context)) return true;
    return false;
}

struct wanted {
    const struct text *scopes;
    size_t count;
};

static bool is_wanted(struct text scope, void *context)
{
    const struct wanted *wanted = context;

    for (size_t i = 0; i < wanted->count; i++)
        if (text_equal(scope, wanted->scopes[i]))
            return true;
    return false;
}

bool jwt_has_scope(const struct jwt *jwt, const struct text *scopes, size_t count)
{
    struct wanted wanted = {scopes, count};

    return scopes_any(jwt, is_wanted, &wanted);
}

/* --- as functions see it --- */

static void add_string(struct buffer *out, const json_t *value)
{
    size_t index;
    json_t *item;

    if (json_is_string(value)) {
        buffer_add(out, json_string_value(value), json_string_length(value));
        return;
    }
    if (!json_is_array(value)) {
        scoped(free) char *json = json_write(value);
        buffer_add_text(out, text_of(json));
        return;
    }
    buffer_add_char(out, '[');
    json_array_foreach(value, index, item)
    {
        if (index > 0)
            buffer_add_char(out, ' ');
        add_string(out, item);
    }
    buffer_add_char(out, ']');
}

static void write_claims(const struct jwt *jwt, struct buffer *out)
{
    scoped(buffer_done) struct buffer string = {0};
    const char *name, *separator = "";
    json_t *value;

    json_object_foreach(jwt->claims, name, value)
    {
        if (json_is_null(value))
            continue;
        buffer_clear(&string);
        add_string(&string, value);
        buffer_add_text(out, text_of(separator));
        buffer_add_json(out, text_of(name));
        buffer_add_char(out, ':');
        buffer_add_json(out, buffer_text(&string));
        separator = ",";
    }
}

static bool write_scope(struct text scope, void *context)
{
    struct buffer *out = context;

    if (out->at[out->len - 1] != '[')
        buffer_add_char(out, ',');
    buffer_add_json(out, scope);
    return false;
}

void jwt_write(const struct jwt *jwt, bool with_scopes, struct buffer *out)
{
    buffer_add_literal(out, "{\"claims\":{");
    write_claims(jwt, out);
    buffer_add_literal(out, "},\"scopes\":");
    if (with_scopes) {
        buffer_add_char(out, '[');
        (void)scopes_any(jwt, write_scope, out);
        buffer_add_char(out, ']');
    } else {
        buffer_add_literal(out, "null");
    }
    buffer_add_char(out, '}');
}
