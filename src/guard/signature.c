/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/signature.h"

#include <fcntl.h>
#include <openssl/evp.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/mem.h"
#include "guard/fields.h"

#define TOLERANCE_S 300
#define SECRET_BYTES_MAX 4096
#define SIGNATURES_MAX 16 /* looked at in one request */
#define ED25519_LEN 64

struct secret {
    struct buffer bytes;
    EVP_PKEY *key; /* an Ed25519 public key; NULL: bytes are for HMAC */
};

/* What is looked at in a request. */
struct check {
    const struct signature *signature;
    const struct http_request *request;
    struct text body;
    int64_t now_s;
    struct signed_delivery *delivery;
    struct error *err;
};

struct scheme {
    const char *name;
    bool is_encoded; /* secrets are base64 behind "whsec_" or "whpk_" */
    bool is_timed;   /* the time is signed */
    int (*check)(struct check *check);
};

struct signature {
    const struct scheme *scheme;
    int64_t tolerance_s;
    enum signature_replay replay;
    struct secret secrets[SIGNATURE_SECRETS_MAX];
    size_t count;
};

/* --- checking --- */

static int refuse(struct check *check, const char *reason)
{
    return error_set(check->err, ERROR_DENIED, "%s", reason);
}

static int refuse_wrong(struct check *check)
{
    return refuse(check, "the signature is not right");
}

/* The HMAC of a few pieces, one behind the other. */
static void hmac(const struct secret *secret, const struct text *pieces, size_t count,
                 uint8_t out[static SHA256_LEN])
{
    scoped(buffer_done) struct buffer content = {0};

    for (size_t i = 0; i < count; i++)
        buffer_add_text(&content, pieces[i]);
    crypto_hmac_sha256(buffer_text(&secret->bytes), buffer_text(&content), out);
}

static bool hmac_matches(const struct check *check, const struct text *pieces, size_t count,
                         struct text given)
{
    bool found = false;

    for (size_t i = 0; i < check->signature->count; i++) {
        uint8_t right[SHA256_LEN];
        if (check->signature->secrets[i].key)
            continue;
        hmac(&check->signature->secrets[i], pieces, count, right);
        found |= crypto_equal(text_from(right, sizeof right), given);
        if (found)
            memcpy(check->delivery->digest, given.at, sizeof right);
    }
    return found;
}

static bool hex_matches(const struct check *check, const struct text *pieces, size_t count,
                        struct text hex)
{
    uint8_t given[SHA256_LEN];

    return hex.len == sizeof given * 2 && crypto_unhex(hex, given) &&
           hmac_matches(check, pieces, count, text_from(given, sizeof given));
}

/* What was sent long ago is somebody's recording. */
static int check_time(struct check *check, struct text timestamp)
{
    int64_t sent_s;

    if (!text_to_int(timestamp, 0, INT64_MAX / 2, &sent_s))
        return refuse(check, "the signature has no valid timestamp");
    if (sent_s < check->now_s - check->signature->tolerance_s ||
        sent_s > check->now_s + check->signature->tolerance_s)
        return refuse(check, "the signature's timestamp is not of now");
    check->delivery->until_s = sent_s + check->signature->tolerance_s;
    return 0;
}

static int check_github(struct check *check)
{
    struct text given = http_header(check->request, TEXT("x-hub-signature-256"));
    const struct text prefix = TEXT("sha256=");

    if (!text_starts(given, prefix))
        return refuse(check, "there is no X-Hub-Signature-256");
    return hex_matches(check, &check->body, 1, text_skip(given, prefix.len)) ? 0
                                                                             : refuse_wrong(check);
}

static int check_stripe(struct check *check)
{
    struct text rest = http_header(check->request, TEXT("stripe-signature")), item, name;
    struct text timestamp = TEXT_NONE, given[SIGNATURES_MAX];
    size_t count = 0;

    if (!text_is_set(rest))
        return refuse(check, "there is no Stripe-Signature");
    while (text_split(&rest, ',', &item)) {
        item = text_trim(item);
        if (!text_split(&item, '=', &name))
            continue;
        if (text_equal(name, TEXT("t")))
            timestamp = item;
        else if (text_equal(name, TEXT("v1")) && count < COUNT_OF(given))
            given[count++] = item;
    }
    if (check_time(check, timestamp) < 0)
        return -1;
    const struct text pieces[] = {timestamp, TEXT("."), check->body};
    for (size_t i = 0; i < count; i++)
        if (hex_matches(check, pieces, COUNT_OF(pieces), given[i]))
            return 0;
    return refuse_wrong(check);
}

static int check_slack(struct check *check)
{
    struct text given = http_header(check->request, TEXT("x-slack-signature"));
    struct text timestamp = http_header(check->request, TEXT("x-slack-request-timestamp"));
    const struct text pieces[] = {TEXT("v0:"), timestamp, TEXT(":"), check->body};

    if (!text_starts(given, TEXT("v0=")))
        return refuse(check, "there is no X-Slack-Signature");
    if (check_time(check, timestamp) < 0)
        return -1;
    return hex_matches(check, pieces, COUNT_OF(pieces), text_skip(given, 3)) ? 0
                                                                             : refuse_wrong(check);
}

static bool key_matches(const struct check *check, const struct text *pieces, size_t count,
                        struct text given)
{
    scoped(buffer_done) struct buffer content = {0};
    bool found = false;

    if (given.len != ED25519_LEN)
        return false;
    for (size_t i = 0; i < count; i++)
        buffer_add_text(&content, pieces[i]);
    for (size_t i = 0; i < check->signature->count; i++) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY *key = check->signature->secrets[i].key;
        found =
            found || (key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                      EVP_DigestVerify(context, (const unsigned char *)given.at, given.len,
                                       (const unsigned char *)content.at, content.len) == 1);
        EVP_MD_CTX_free(context);
    }
    return found;
}

static int check_standard(struct check *check)
{
    struct text rest = http_header(check->request, TEXT("webhook-signature")), item, version;
    struct text timestamp = http_header(check->request, TEXT("webhook-timestamp"));
    struct text id = http_header(check->request, TEXT("webhook-id"));
    const struct text pieces[] = {id, TEXT("."), timestamp, TEXT("."), check->body};

    if (!text_is_set(rest) || id.len == 0)
        return refuse(check, "there is no webhook-signature or webhook-id");
    if (check_time(check, timestamp) < 0)
        return -1;
    check->delivery->id = id;
    for (size_t i = 0; i < SIGNATURES_MAX && text_split(&rest, ' ', &item); i++) {
        scoped(buffer_done) struct buffer given = {0};
        if (!text_split(&item, ',', &version) || !crypto_unbase64(item, &given))
            continue;
        if ((text_equal(version, TEXT("v1")) &&
             hmac_matches(check, pieces, COUNT_OF(pieces), buffer_text(&given))) ||
            (text_equal(version, TEXT("v1a")) &&
             key_matches(check, pieces, COUNT_OF(pieces), buffer_text(&given))))
            return 0;
    }
    return refuse_wrong(check);
}

static const struct scheme schemes[] = {
    {"github", false, false, check_github},
    {"stripe", false, true, check_stripe},
    {"slack", false, true, check_slack},
    {"standard", true, true, check_standard},
};

int signature_check(const struct signature *signature, const struct http_request *request,
                    struct text body, int64_t now_s, struct signed_delivery *ret_delivery,
                    struct error *err)
{
    struct check check = {signature, request, body, now_s, ret_delivery, err};

    *ret_delivery = (struct signed_delivery){.until_s = INT64_MAX};
    if (signature->scheme->check(&check) < 0)
        return -1;
    if (!text_is_set(ret_delivery->id))
        ret_delivery->id = text_from(ret_delivery->digest, sizeof ret_delivery->digest);
    return 0;
}

enum signature_replay signature_replay(const struct signature *signature)
{
    return signature->replay;
}

/* --- compiling --- */

static int read_file(struct text path, struct buffer *out, struct error *err)
{
    scoped(free) char *name = text_dup(path);
    scoped(close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return error_system(err, "signature.secrets: '%s' cannot be read", name);
    ssize_t got = read(fd, buffer_room(out, SECRET_BYTES_MAX + 1), SECRET_BYTES_MAX + 1);
    if (got < 0)
        return error_system(err, "signature.secrets: '%s' cannot be read", name);
    if (got > SECRET_BYTES_MAX)
        return error_set(err, ERROR_LIMIT, "signature.secrets: '%s' has more than %d bytes", name,
                         SECRET_BYTES_MAX);
    buffer_added(out, (size_t)got);
    while (out->len > 0 && (out->at[out->len - 1] == '\n' || out->at[out->len - 1] == '\r'))
        out->at[--out->len] = '\0';
    return 0;
}

static int read_source(struct text source, struct buffer *out, struct error *err)
{
    const struct text env = TEXT("env:"), file = TEXT("file:");

    if (text_starts(source, file))
        return read_file(text_skip(source, file.len), out, err);
    if (!text_starts(source, env)) {
        buffer_add_text(out, source);
        return 0;
    }
    scoped(free) char *name = text_dup(text_skip(source, env.len));
    const char *value = getenv(name);
    if (!value)
        return error_set(err, ERROR_INVALID,
                         "signature.secrets: the daemon's environment has no '%s'", name);
    buffer_add_text(out, text_of(value));
    return 0;
}

/* "whsec_BASE64", "whpk_BASE64", or BASE64, which is a secret. */
static int decode(struct secret *secret, struct error *err)
{
    scoped(buffer_done) struct buffer encoded = buffer_take(&secret->bytes);
    struct text text = buffer_text(&encoded);
    bool is_key = text_starts(text, TEXT("whpk_"));

    if (is_key || text_starts(text, TEXT("whsec_")))
        text = text_skip(text, text_find(text, '_') + 1);
    if (!crypto_unbase64(text, &secret->bytes) || secret->bytes.len == 0)
        return error_set(err, ERROR_INVALID,
                         "signature.secrets: one of scheme standard is base64 behind \"whsec_\" "
                         "or, for a public key, \"whpk_\"");
    if (!is_key)
        return 0;
    secret->key = EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, NULL, (const unsigned char *)secret->bytes.at, secret->bytes.len);
    return secret->key ? 0
                       : error_set(err, ERROR_INVALID,
                                   "signature.secrets: a public key of Ed25519 has 32 bytes");
}

static int add_secret(struct signature *signature, struct text source, struct error *err)
{
    if (signature->count == SIGNATURE_SECRETS_MAX)
        return error_set(err, ERROR_LIMIT, "signature.secrets has at most %d members",
                         SIGNATURE_SECRETS_MAX);
    struct secret *secret = &signature->secrets[signature->count++];
    if (read_source(source, &secret->bytes, err) < 0)
        return -1;
    if (secret->bytes.len == 0)
        return error_set(err, ERROR_INVALID, "signature.secrets: a secret is empty");
    return signature->scheme->is_encoded ? decode(secret, err) : 0;
}

static int set_scheme(struct signature *signature, struct text name, struct error *err)
{
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (text_equal(name, text_of(schemes[i].name)))
            signature->scheme = &schemes[i];
    if (!signature->scheme)
        return error_set(err, ERROR_INVALID,
                         "signature.scheme must be github, stripe, slack or standard");
    signature->replay = signature->scheme->is_timed ? SIGNATURE_REFUSE : SIGNATURE_ALLOW;
    return 0;
}

static int set_replay(struct signature *signature, struct text name, struct error *err)
{
    static const char *const names[] = {
        [SIGNATURE_ALLOW] = "allow", [SIGNATURE_REFUSE] = "refuse", [SIGNATURE_IGNORE] = "ignore"};

    if (!text_is_set(name))
        return 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!text_equal(name, text_of(names[i])))
            continue;
        signature->replay = (enum signature_replay)i;
        return 0;
    }
    return error_set(err, ERROR_INVALID,
                     "signature.replay must be refuse, ignore or allow: what becomes of a delivery "
                     "that was taken and comes again");
}

/* "github env:NAME" */
static int read_short(struct signature *signature, struct text text, struct error *err)
{
    struct text scheme = TEXT_NONE, secret;

    (void)text_split(&text, ' ', &scheme);
    if (set_scheme(signature, scheme, err) < 0)
        return -1;
    while (text_split(&text, ' ', &secret))
        if (secret.len > 0 && add_secret(signature, secret, err) < 0)
            return -1;
    return 0;
}

static int read_long(struct signature *signature, const json_t *part, struct error *err)
{
    static const char *const names[] = {"scheme", "secrets", "tolerance", "replay", NULL};
    struct text scheme = TEXT_NONE, replay = TEXT_NONE;
    const json_t *secrets = NULL, *secret;
    size_t index;

    if (fields_check(part, "signature", names, err) < 0 ||
        fields_text(part, "signature", "scheme", &scheme, err) < 0 ||
        set_scheme(signature, scheme, err) < 0 ||
        fields_int(part, "signature", "tolerance", 1, SIGNATURE_TOLERANCE_MAX_S,
                   &signature->tolerance_s, err) < 0 ||
        fields_text(part, "signature", "replay", &replay, err) < 0 ||
        set_replay(signature, replay, err) < 0 ||
        fields_texts(part, "signature", "secrets", &secrets, err) < 0)
        return -1;
    json_array_foreach(secrets, index,
                       secret) if (add_secret(signature, text_of(json_string_value(secret)), err) <
                                   0) return -1;
    return 0;
}

struct signature *signature_compile(const json_t *part, struct error *err)
{
    scoped(signature_free) struct signature *signature = mem_new(struct signature);
    int result;

    signature->tolerance_s = TOLERANCE_S;
    if (json_is_string(part))
        result = read_short(signature, text_of(json_string_value(part)), err);
    else
        result = read_long(signature, part, err);
    if (result < 0)
        return NULL;
    if (signature->count == 0) {
        (void)error_set(err, ERROR_INVALID, "signature.secrets must name a secret");
        return NULL;
    }
    return take(signature);
}

void signature_free(struct signature *signature)
{
    if (!signature)
        return;
    for (size_t i = 0; i < signature->count; i++) {
        EVP_PKEY_free(signature->secrets[i].key);
        buffer_done(&signature->secrets[i].bytes);
    }
    free(signature);
}
