/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192 /* a check takes its square */
#define EXPONENT_BYTES_MAX 8
#define KID_BYTES_MAX 1024

struct jwk {
    enum jwk_type type;
    char *kid, *algorithm /* NULL: any of its type */, *curve;
    EVP_PKEY *key;
};

struct jwk_set {
    struct jwk *keys;
    size_t count;
};

DEFINE_SCOPED(BIGNUM *, BN_free)
DEFINE_SCOPED(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free)
DEFINE_SCOPED(OSSL_PARAM *, OSSL_PARAM_free)
DEFINE_SCOPED(EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
DEFINE_SCOPED(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_SCOPED(ECDSA_SIG *, ECDSA_SIG_free)

static const struct jwk_algorithm algorithms[] = {
    {"RS256", JWK_RSA, "SHA256"},
    {"RS384", JWK_RSA, "SHA384"},
    {"RS512", JWK_RSA, "SHA512"},
    {"PS256", JWK_RSA, "SHA256", .is_pss = true},
    {"PS384", JWK_RSA, "SHA384", .is_pss = true},
    {"PS512", JWK_RSA, "SHA512", .is_pss = true},
    {"ES256", JWK_EC, "SHA256", "P-256"},
    {"ES384", JWK_EC, "SHA384", "P-384"},
    {"ES512", JWK_EC, "SHA512", "P-521"},
    {"EdDSA", JWK_OKP, NULL, "Ed25519"},
};

static const struct {
    const char *name;
    size_t bytes; /* of a coordinate */
} curves[] = {{"P-256", 32}, {"P-384", 48}, {"P-521", 66}};

const struct jwk_algorithm *jwk_algorithm_find(struct text name)
{
    for (size_t i = 0; i < COUNT_OF(algorithms); i++)
        if (text_equal(name, text_of(algorithms[i].name)))
            return &algorithms[i];
    return NULL;
}

/* --- reading keys --- */

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *builder)
{
    scoped(OSSL_PARAM_free) OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    scoped(EVP_PKEY_CTX_free) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return NULL;
    return key;
}

static BIGNUM *read_number(const json_t *json, const char *name, size_t bytes_max)
{
    scoped(buffer_done) struct buffer bytes = {0};

    if (!crypto_unbase64_url(json_text(json, name), &bytes) || bytes.len == 0 ||
        bytes.len > bytes_max)
        return NULL;
    return BN_bin2bn((const unsigned char *)bytes.at, (int)bytes.len, NULL);
}

static EVP_PKEY *read_rsa(const json_t *json)
{
    scoped(BN_free) BIGNUM *modulus = read_number(json, "n", RSA_BITS_MAX / 8 + 1);
    scoped(BN_free) BIGNUM *exponent = read_number(json, "e", EXPONENT_BYTES_MAX);
    scoped(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();

    if (!modulus || !exponent || !builder || BN_num_bits(modulus) < RSA_BITS_MIN ||
        BN_num_bits(modulus) > RSA_BITS_MAX || !BN_is_odd(exponent) || BN_is_one(exponent) ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        return NULL;
    return make_key("RSA", builder);
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *read_ec(const json_t *json)
{
    struct text curve = json_text(json, "crv");
    scoped(buffer_done) struct buffer point = {0};
    scoped(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    size_t bytes = 0;

    for (size_t i = 0; i < COUNT_OF(curves); i++)
        if (text_equal(curve, text_of(curves[i].name)))
            bytes = curves[i].bytes;
    buffer_add_char(&point, 4); /* uncompressed */
    if (bytes == 0 || !builder || !crypto_unbase64_url(json_text(json, "x"), &point) ||
        point.len != 1 + bytes || !crypto_unbase64_url(json_text(json, "y"), &point) ||
        point.len != 1 + 2 * bytes ||
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve.at, curve.len) !=
            1 ||
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.at, point.len) !=
            1)
        return NULL;
    return make_key("EC", builder);
}

static EVP_PKEY *read_okp(const json_t *json)
{
    scoped(buffer_done) struct buffer bytes = {0};

    if (!text_equal(json_text(json, "crv"), TEXT("Ed25519")) ||
        !crypto_unbase64_url(json_text(json, "x"), &bytes) || bytes.len != 32)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)bytes.at,
                                       bytes.len);
}

static const struct {
    const char *name;
    enum jwk_type type;
    EVP_PKEY *(*read)(const json_t *json);
} types[] = {{"RSA", JWK_RSA, read_rsa}, {"EC", JWK_EC, read_ec}, {"OKP", JWK_OKP, read_okp}};

static bool is_for_checking(const json_t *json)
{
    struct text use = json_text(json, "use");
    const json_t *operations = json_object_get(json, "key_ops"), *operation;
    size_t index;

    if (text_is_set(use) && !text_equal(use, TEXT("sig")))
        return false;
    if (!operations)
        return true;
    json_array_foreach(operations, index, operation) if (json_is_string(operation) &&
                                                         strcmp(json_string_value(operation),
                                                                "verify") == 0) return true;
    return false;
}

static char *dup_if_set(struct text text)
{
    return text_is_set(text) ? text_dup(text) : NULL;
}

static void add_key(struct jwk_set *set, const json_t *json)
{
    struct text kid = json_text(json, "kid");
    EVP_PKEY *key = NULL;

    if (kid.len == 0 || kid.len > KID_BYTES_MAX || !is_for_checking(json) ||
        set->count == JWK_KEYS_MAX)
        return;
    for (size_t i = 0; i < COUNT_OF(types) && !key; i++) {
        if (!text_equal(json_text(json, "kty"), text_of(types[i].name)) ||
            !(key = types[i].read(json)))
            continue;
        set->keys[set->count++] = (struct jwk){
            .type = types[i].type,
            .kid = text_dup(kid),
            .algorithm = dup_if_set(json_text(json, "alg")),
            .curve = dup_if_set(json_text(json, "crv")),
            .key = key,
        };
    }
}

struct jwk_set *jwk_set_parse(struct text source, struct error *err)
{
    scoped(json_decref) json_t *json = json_parse(source, err);
    const json_t *keys = json_object_get(json, "keys"), *key;
    size_t index;

    if (!json)
        return NULL;
    if (!json_is_array(keys)) {
        (void)error_set(err, ERROR_INVALID, "a key set is an object with an array of keys");
        return NULL;
    }
    struct jwk_set *set = mem_new(struct jwk_set);
    set->keys = mem_zalloc(JWK_KEYS_MAX * sizeof *set->keys);
    json_array_foreach(keys, index, key) add_key(set, key);
    return set;
}

void jwk_set_free(struct jwk_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++) {
        free(set->keys[i].kid);
        free(set->keys[i].algorithm);
        free(set->keys[i].curve);
        EVP_PKEY_free(set->keys[i].key);
    }
    free(set->keys);
    free(set);
}

const struct jwk *jwk_set_find(const struct jwk_set *set, struct text kid)
{
    for (size_t i = 0; i < set->count; i++)
        if (text_equal(text_of(set->keys[i].kid), kid))
            return &set->keys[i];
    return NULL;
}

size_t jwk_set_count(const struct jwk_set *set)
{
    return set->count;
}

/* --- checking --- */

static bool fits(const struct jwk *key, const struct jwk_algorithm *algorithm)
{
    if (key->type != algorithm->type ||
        (key->algorithm && !text_equal(text_of(key->algorithm), text_of(algorithm->name))))
        return false;
    return !algorithm->curve ||
           (key->curve && text_equal(text_of(key->curve), text_of(algorithm->curve)));
}

/* RFC 7518 3.4: both numbers in full length, one behind the other; OpenSSL wants them in DER. */
static bool to_der(struct text signature, size_t bytes, struct buffer *out)
{
    scoped(ECDSA_SIG_free) ECDSA_SIG *pair = ECDSA_SIG_new();
    const unsigned char *at = (const unsigned char *)signature.at;
    unsigned char *der = NULL;

    if (signature.len != 2 * bytes || !pair)
        return false;
    BIGNUM *r = BN_bin2bn(at, (int)bytes, NULL), *s = BN_bin2bn(at + bytes, (int)bytes, NULL);
    if (!r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return false;
    }
    int len = i2d_ECDSA_SIG(pair, &der);
    if (len > 0)
        buffer_add(out, der, (size_t)len);
    OPENSSL_free(der);
    return len > 0;
}

static bool convert(const struct jwk_algorithm *algorithm, struct text *signature,
                    struct buffer *der)
{
    if (algorithm->type != JWK_EC)
        return true;
    for (size_t i = 0; i < COUNT_OF(curves); i++)
        if (text_equal(text_of(algorithm->curve), text_of(curves[i].name)) &&
            to_der(*signature, curves[i].bytes, der)) {
            *signature = buffer_text(der);
            return true;
        }
    return false;
}

/* RFC 7518 3.5: MGF1 with the same hash, a salt as long as it. */
static bool set_pss(EVP_PKEY_CTX *context, const struct jwk_algorithm *algorithm)
{
    return !algorithm->is_pss ||
           (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);
}

bool jwk_verify(const struct jwk *key, const struct jwk_algorithm *algorithm, struct text content,
                struct text signature)
{
    scoped(EVP_MD_CTX_free) EVP_MD_CTX *context = EVP_MD_CTX_new();
    scoped(buffer_done) struct buffer der = {0};
    EVP_PKEY_CTX *settings = NULL;

    return context && fits(key, algorithm) && convert(algorithm, &signature, &der) &&
           EVP_DigestVerifyInit_ex(context, &settings, algorithm->hash, NULL, NULL, key->key,
                                   NULL) == 1 &&
           set_pss(settings, algorithm) &&
           EVP_DigestVerify(context, (const unsigned char *)signature.at, signature.len,
                            (const unsigned char *)content.at, content.len) == 1;
}
