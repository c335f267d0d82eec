/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/jwt.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "jwt_tokens.h"
#include "test.h"

#define NOW_MS 1700000000000

static void encode(struct text text, struct buffer *out)
{
    size_t from = out->len;

    crypto_base64(text, out);
    for (size_t i = from; i < out->len; i++)
        out->at[i] = out->at[i] == '+' ? '-' : out->at[i] == '/' ? '_' : out->at[i];
    while (out->len > from && out->at[out->len - 1] == '=')
        out->at[--out->len] = '\0';
}

/* A token that is not signed by anybody. */
static struct buffer token_of(const char *header, const char *claims)
{
    struct buffer token = {0};

    encode(text_of(header), &token);
    buffer_add_char(&token, '.');
    encode(text_of(claims), &token);
    buffer_add_literal(&token, ".AAAA");
    return token;
}

TEST(each_algorithm_is_checked_with_its_key_only)
{
    struct error err;
    scoped(jwk_set_free) struct jwk_set *set = jwk_set_parse(TEXT(KEY_SET), &err);

    CHECK(set && jwk_set_count(set) == 6);
    for (size_t i = 0; i < COUNT_OF(signed_tokens); i++) {
        scoped(jwt_done) struct jwt jwt;
        CHECK(jwt_parse(text_of(signed_tokens[i].token), &jwt, &err) == 0);
        CHECK_TEXT(text_of(jwt.algorithm->name), signed_tokens[i].algorithm);
        for (size_t j = 0; j < COUNT_OF(signed_tokens); j++) {
            const struct jwk *key = jwk_set_find(set, text_of(signed_tokens[j].kid));
            bool right = strcmp(signed_tokens[i].kid, signed_tokens[j].kid) == 0;
            CHECK_MSG(jwk_verify(key, jwt.algorithm, jwt.content, buffer_text(&jwt.signature)) ==
                          right,
                      "%s with %s", signed_tokens[i].algorithm, signed_tokens[j].kid);
        }
    }
}

TEST(each_changed_byte_is_seen)
{
    struct error err;
    scoped(jwk_set_free) struct jwk_set *set = jwk_set_parse(TEXT(KEY_SET), &err);

    for (size_t i = 0; i < COUNT_OF(signed_tokens); i++) {
        scoped(jwt_done) struct jwt jwt;
        CHECK(jwt_parse(text_of(signed_tokens[i].token), &jwt, &err) == 0);
        const struct jwk *key = jwk_set_find(set, jwt.kid);
        for (size_t j = 0; j < jwt.signature.len; j += 7) {
            jwt.signature.at[j] ^= 1;
            CHECK(!jwk_verify(key, jwt.algorithm, jwt.content, buffer_text(&jwt.signature)));
            jwt.signature.at[j] ^= 1;
        }
        CHECK(!jwk_verify(key, jwt.algorithm, text_skip(jwt.content, 1),
                          buffer_text(&jwt.signature)));
        CHECK(!jwk_verify(key, jwt.algorithm, jwt.content,
                          text_slice(buffer_text(&jwt.signature), 0, jwt.signature.len - 1)));
    }
}

TEST(keys_that_must_not_be_used_are_not)
{
    struct error err;
    scoped(jwk_set_free) struct jwk_set *set = jwk_set_parse(TEXT(KEY_SET), &err);
    scoped(jwt_done) struct jwt small, other;

    CHECK(!jwk_set_find(set, TEXT("enc")) && !jwk_set_find(set, TEXT("oct")));
    CHECK(jwt_parse(TEXT(SMALL_TOKEN), &small, &err) == 0);
    CHECK(!jwk_set_find(set, small.kid));
    CHECK(jwt_parse(TEXT(OTHER_ALGORITHM_TOKEN), &other, &err) == 0);
    CHECK(!jwk_verify(jwk_set_find(set, other.kid), other.algorithm, other.content,
                      buffer_text(&other.signature)));
}

/* RFC 8037 A.4 */
TEST(the_example_of_ed25519_is_right)
{
    struct error err;
    scoped(jwk_set_free) struct jwk_set *set =
        jwk_set_parse(TEXT("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
                           "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"),
                      &err);
    scoped(buffer_done) struct buffer signature = {0};

    CHECK(set && crypto_unbase64_url(TEXT("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4"
                                          "iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"),
                                     &signature));
    CHECK(jwk_verify(jwk_set_find(set, TEXT("a")), jwk_algorithm_find(TEXT("EdDSA")),
                     TEXT("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"),
                     buffer_text(&signature)));
}

TEST(what_is_no_token_is_refused)
{
    static const struct {
        const char *header, *reason;
    } cases[] = {
        {"{\"alg\":\"none\",\"kid\":\"a\"}", "the token is not signed by an accepted algorithm"},
        {"{\"alg\":\"HS256\",\"kid\":\"a\"}", "the token is not signed by an accepted algorithm"},
        {"{\"alg\":\"rs256\",\"kid\":\"a\"}", "the token is not signed by an accepted algorithm"},
        {"{\"kid\":\"a\"}", "the token is not signed by an accepted algorithm"},
        {"{\"alg\":[\"RS256\"],\"kid\":\"a\"}", "the token is not signed by an accepted algorithm"},
        {"{\"alg\":\"RS256\"}", "the token does not name its key"},
        {"{\"alg\":\"RS256\",\"kid\":\"a\",\"crit\":[\"b64\"]}", "the token has critical headers"},
        {"{\"alg\":\"RS256\",\"alg\":\"none\",\"kid\":\"a\"}", "the token is malformed"},
        {"[]", "the token is malformed"},
    };
    static const char *const broken[] = {
        "", ".", "..", "a.b", "e30.e30.", "e30.e30.AA.AA", "e30=.e30.AAAA"};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err;
        scoped(buffer_done) struct buffer token = token_of(cases[i].header, "{}");
        scoped(jwt_done) struct jwt jwt;
        CHECK(jwt_parse(buffer_text(&token), &jwt, &err) < 0);
        CHECK_TEXT(text_of(err.text), cases[i].reason);
    }
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct error err;
        scoped(jwt_done) struct jwt jwt;
        CHECK_MSG(jwt_parse(text_of(broken[i]), &jwt, &err) < 0, "%s", broken[i]);
    }
}

#define FINE "\"iss\":\"https://i\",\"exp\":1700000001"
TEST(claims_are_checked)
{
    static const struct text audiences[] = {TEXT("one"), TEXT("two")};
    static const struct jwt_rules rules = {TEXT("https://i"), audiences, 2};
    static const struct {
        const char *claims, *reason;
    } cases[] = {
        {"{" FINE ",\"aud\":\"two\"}", NULL},
        {"{" FINE ",\"aud\":[\"x\",\"one\"]}", NULL},
        {"{" FINE ",\"client_id\":\"one\"}", NULL},
        {"{" FINE ",\"aud\":\"one\",\"nbf\":1700000000,\"iat\":1699999999.5}", NULL},
        {"{" FINE "}", "the token does not have a valid audience"},
        {"{" FINE ",\"aud\":\"x\",\"client_id\":\"one\"}",
         "the token does not have a valid audience"},
        {"{" FINE ",\"aud\":[],\"client_id\":\"one\"}", "the token does not have a valid audience"},
        {"{" FINE ",\"aud\":\"One\"}", "the token does not have a valid audience"},
        {"{\"iss\":\"https://i/\",\"exp\":1700000001,\"aud\":\"one\"}",
         "the token does not have a valid issuer"},
        {"{\"exp\":1700000001,\"aud\":\"one\"}", "the token does not have a valid issuer"},
        {"{\"iss\":\"https://i\",\"exp\":1700000000,\"aud\":\"one\"}", "the token has expired"},
        {"{\"iss\":\"https://i\",\"aud\":\"one\"}", "the token does not have a valid exp claim"},
        {"{\"iss\":\"https://i\",\"exp\":\"1700000001\",\"aud\":\"one\"}",
         "the token does not have a valid exp claim"},
        {"{" FINE ",\"aud\":\"one\",\"nbf\":1700000001}", "the token is not valid yet"},
        {"{" FINE ",\"aud\":\"one\",\"iat\":1700000000.5}", "the token was issued in the future"},
        {"{" FINE ",\"aud\":\"one\",\"nbf\":null}", "the token does not have a valid nbf claim"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(buffer_done) struct buffer token =
            token_of("{\"alg\":\"RS256\",\"kid\":\"a\"}", cases[i].claims);
        scoped(jwt_done) struct jwt jwt;
        CHECK(jwt_parse(buffer_text(&token), &jwt, &err) == 0);
        CHECK_MSG((jwt_check(&jwt, &rules, NOW_MS, &err) == 0) == !cases[i].reason, "%s: %s",
                  cases[i].claims, err.text);
        if (cases[i].reason)
            CHECK_TEXT(text_of(err.text), cases[i].reason);
    }
}

TEST(functions_see_claims_as_strings)
{
    static const struct text wanted[] = {TEXT("write")};
    static const struct {
        const char *claims, *written;
        bool has_scope, with_scopes;
    } cases[] = {
        {"{\"a\":1,\"b\":true,\"c\":null,\"d\":[\"admin\",\"power user\",2],\"e\":{\"f\":[1]},"
         "\"g\":\"h\\\"\",\"i\":1.5}",
         "{\"claims\":{\"a\":\"1\",\"b\":\"true\",\"d\":\"[admin power user 2]\","
         "\"e\":\"{\\\"f\\\":[1]}\",\"g\":\"h\\\"\",\"i\":\"1.5\"},\"scopes\":null}",
         false, false},
        {"{\"scope\":\"read write\"}",
         "{\"claims\":{\"scope\":\"read write\"},\"scopes\":[\"read\",\"write\"]}", true, true},
        {"{\"scp\":[\"read\"]}", "{\"claims\":{\"scp\":\"[read]\"},\"scopes\":[\"read\"]}", false,
         true},
        {"{\"scope\":\"read\",\"scp\":\"write\"}",
         "{\"claims\":{\"scope\":\"read\",\"scp\":\"write\"},\"scopes\":[\"read\"]}", false, true},
        {"{\"scope\":\"\"}", "{\"claims\":{\"scope\":\"\"},\"scopes\":[]}", false, true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error err = {0};
        scoped(buffer_done) struct buffer out = {0},
                                          token = token_of("{\"alg\":\"RS256\",\"kid\":\"a\"}",
                                                           cases[i].claims);
        scoped(jwt_done) struct jwt jwt;
        CHECK(jwt_parse(buffer_text(&token), &jwt, &err) == 0);
        CHECK(jwt_has_scope(&jwt, wanted, 1) == cases[i].has_scope);
        jwt_write(&jwt, cases[i].with_scopes, &out);
        CHECK_TEXT(buffer_text(&out), cases[i].written);
    }
}
