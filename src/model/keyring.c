/* SPDX-License-Identifier: Apache-2.0 */
#include "model/keyring.h"

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/path.h"

/*
 * The key id of an instance is "ASIA" and 80 bits in base32: a slot and a random nonce.
 * The key is alive while its slot holds its nonce. Nothing else is kept: secret and seal
 * are HMACs of the key id under a master that dies with the daemon, and the session token
 * carries the holder. A table of keys would need a lock, or a copy for each thread.
 */
#define SLOTS 65536 /* of 16 bits; more instances than a machine runs */
#define NONCE_LEN 8
#define ID_LEN (2 + NONCE_LEN)
#define ID_AT 4       /* after "ASIA" or "AKIA" */
#define SECRET_LEN 30 /* becomes SECRET_KEY_LEN characters of base64 */
#define HOLDER_MAX (sizeof(((struct key *)0)->holder) - 1)
#define TOKEN_MAX (sizeof(((struct key *)0)->session_token) - 1)

#define FILE_NAME "credentials"
#define FILE_MAX (64 << 10) /* bytes; ours has 130 */
#define PROFILE "[default]"

struct keyring {
    char root_key[ACCESS_KEY_LEN + 1];
    char root_secret[SECRET_KEY_LEN + 1];
    uint8_t master[SHA256_LEN];
    atomic_uint_fast32_t next_slot;
    atomic_uint_fast64_t nonces[SLOTS]; /* 0: the slot is free */
};

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* 5 bytes are 8 characters. */
static void format_id(const uint8_t id[static ID_LEN], char *out)
{
    for (size_t i = 0; i < ID_LEN; i += 5) {
        uint64_t bits = 0;
        for (size_t j = 0; j < 5; j++)
            bits = bits << 8 | id[i + j];
        for (int shift = 35; shift >= 0; shift -= 5)
            *out++ = base32[bits >> shift & 31];
    }
    *out = '\0';
}

static bool parse_id(const char *from, uint8_t id[static ID_LEN])
{
    for (size_t i = 0; i < ID_LEN; i += 5) {
        uint64_t bits = 0;
        for (size_t j = 0; j < 8; j++) {
            const char *digit = *from ? strchr(base32, *from) : NULL;
            if (!digit)
                return false;
            bits = bits << 5 | (uint64_t)(digit - base32);
            from++;
        }
        for (size_t j = 0; j < 5; j++)
            id[i + j] = (uint8_t)(bits >> (32 - 8 * j));
    }
    return true;
}

static size_t slot_of(const uint8_t id[static ID_LEN])
{
    return (size_t)id[0] << 8 | id[1];
}

static uint64_t nonce_of(const uint8_t id[static ID_LEN])
{
    uint64_t nonce;

    memcpy(&nonce, id + 2, NONCE_LEN);
    return nonce;
}

/* Base64 of SECRET_LEN bytes, which needs no padding. */
static void format_secret(const uint8_t *bytes, char out[static SECRET_KEY_LEN + 1])
{
    scoped(buffer_done) struct buffer base64 = {0};

    crypto_base64(text_from(bytes, SECRET_LEN), &base64);
    memcpy(out, base64.at, SECRET_KEY_LEN);
    out[SECRET_KEY_LEN] = '\0';
}

/* purpose keeps one HMAC from being taken for another. */
static void derive(const struct keyring *keyring, char purpose, const char *access_key,
                   struct text holder, uint8_t out[static SHA256_LEN])
{
    char message[1 + ACCESS_KEY_LEN + HOLDER_MAX];

    message[0] = purpose;
    memcpy(message + 1, access_key, ACCESS_KEY_LEN);
    if (holder.len > 0)
        memcpy(message + 1 + ACCESS_KEY_LEN, holder.at, holder.len);
    crypto_hmac_sha256(text_from(keyring->master, sizeof keyring->master),
                       text_from(message, 1 + ACCESS_KEY_LEN + holder.len), out);
}

static void derive_secret(const struct keyring *keyring, const char *access_key,
                          char out[static SECRET_KEY_LEN + 1])
{
    uint8_t bytes[SHA256_LEN];

    derive(keyring, 's', access_key, TEXT_NONE, bytes);
    format_secret(bytes, out);
}

/* The token is base64url without padding, as it may travel in a query string. */
static void seal_token(const struct keyring *keyring, const char *access_key, struct text holder,
                       char out[static TOKEN_MAX + 1])
{
    scoped(buffer_done) struct buffer plain = {0}, base64 = {0};
    uint8_t seal[SHA256_LEN];

    derive(keyring, 't', access_key, holder, seal);
    buffer_add_text(&plain, holder);
    buffer_add(&plain, seal, sizeof seal);
    crypto_base64(buffer_text(&plain), &base64);
    assert(base64.len <= TOKEN_MAX);

    size_t len = 0;
    for (; len < base64.len && base64.at[len] != '='; len++) {
        char c = base64.at[len];
        out[len] = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    out[len] = '\0';
}

static bool unpack_token(struct text token, struct buffer *plain)
{
    char base64[TOKEN_MAX + 4];
    size_t len = token.len;

    if (len == 0 || len > TOKEN_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = token.at[i];
        if (c == '+' || c == '/')
            return false;
        base64[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    while (len % 4 != 0)
        base64[len++] = '=';
    return crypto_unbase64(text_from(base64, len), plain);
}

/* Reads the holder out of the token, when the token belongs to this key. */
static bool open_token(const struct keyring *keyring, const char *access_key, struct text token,
                       char holder[static HOLDER_MAX + 1])
{
    scoped(buffer_done) struct buffer plain = {0};
    uint8_t seal[SHA256_LEN];

    if (!unpack_token(token, &plain) || plain.len < SHA256_LEN ||
        plain.len - SHA256_LEN > HOLDER_MAX)
        return false;
    struct text name = {plain.at, plain.len - SHA256_LEN};
    derive(keyring, 't', access_key, name, seal);
    if (!crypto_equal(text_from(plain.at + name.len, SHA256_LEN), text_from(seal, sizeof seal)))
        return false;
    memcpy(holder, name.at, name.len);
    holder[name.len] = '\0';
    return true;
}

/* Puts the nonce into a free slot. With all slots taken there is none, and the key is dead
 * from its birth: the function runs, its calls of the API are refused. */
static size_t claim_slot(struct keyring *keyring, uint64_t nonce)
{
    size_t slot = 0;

    for (size_t tried = 0; tried < SLOTS; tried++) {
        uint_fast64_t free_slot = 0;
        slot = atomic_fetch_add_explicit(&keyring->next_slot, 1, memory_order_relaxed) % SLOTS;
        if (atomic_compare_exchange_strong(&keyring->nonces[slot], &free_slot, nonce))
            break;
    }
    return slot;
}

void keyring_issue(struct keyring *keyring, struct text holder, struct instance_key *ret)
{
    uint8_t id[ID_LEN];

    assert(holder.len <= HOLDER_MAX);
    do
        crypto_random(id + 2, NONCE_LEN);
    while (nonce_of(id) == 0);
    size_t slot = claim_slot(keyring, nonce_of(id));
    id[0] = (uint8_t)(slot >> 8);
    id[1] = (uint8_t)slot;

    memcpy(ret->access_key, "ASIA", ID_AT);
    format_id(id, ret->access_key + ID_AT);
    derive_secret(keyring, ret->access_key, ret->secret);
    seal_token(keyring, ret->access_key, holder, ret->session_token);
}

static bool parse_instance_key(const char *access_key, uint8_t id[static ID_LEN])
{
    return strlen(access_key) == ACCESS_KEY_LEN && memcmp(access_key, "ASIA", ID_AT) == 0 &&
           parse_id(access_key + ID_AT, id);
}

void keyring_revoke(struct keyring *keyring, const char *access_key)
{
    uint8_t id[ID_LEN];

    if (!parse_instance_key(access_key, id))
        return;
    uint_fast64_t nonce = nonce_of(id);
    (void)atomic_compare_exchange_strong(&keyring->nonces[slot_of(id)], &nonce, 0);
}

static bool is_alive(const struct keyring *keyring, const uint8_t id[static ID_LEN])
{
    uint64_t nonce = nonce_of(id);

    return nonce != 0 && atomic_load(&keyring->nonces[slot_of(id)]) == nonce;
}

static enum key_kind find_root(const struct keyring *keyring, struct text session_token,
                               struct key *ret)
{
    if (session_token.len > 0)
        return KEY_UNKNOWN;
    ret->kind = KEY_ROOT;
    memcpy(ret->secret, keyring->root_secret, sizeof ret->secret);
    return KEY_ROOT;
}

enum key_kind keyring_find(const struct keyring *keyring, struct text access_key,
                           struct text session_token, struct key *ret)
{
    char name[ACCESS_KEY_LEN + 1];
    uint8_t id[ID_LEN];

    ret->kind = KEY_UNKNOWN;
    ret->secret[0] = ret->session_token[0] = ret->holder[0] = '\0';
    if (text_equal(access_key, text_of(keyring->root_key)))
        return find_root(keyring, session_token, ret);
    if (access_key.len != ACCESS_KEY_LEN)
        return KEY_UNKNOWN;
    memcpy(name, access_key.at, ACCESS_KEY_LEN);
    name[ACCESS_KEY_LEN] = '\0';
    if (!parse_instance_key(name, id) || !is_alive(keyring, id) ||
        !open_token(keyring, name, session_token, ret->holder))
        return KEY_UNKNOWN;

    ret->kind = KEY_INSTANCE;
    derive_secret(keyring, name, ret->secret);
    memcpy(ret->session_token, session_token.at, session_token.len);
    ret->session_token[session_token.len] = '\0';
    return KEY_INSTANCE;
}

const char *keyring_root_key(const struct keyring *keyring)
{
    return keyring->root_key;
}

static int make_root(struct keyring *keyring, const char *path, struct error *err)
{
    scoped(buffer_done) struct buffer content = {0};
    uint8_t id[ID_LEN], secret[SECRET_LEN];

    crypto_random(id, sizeof id);
    memcpy(keyring->root_key, "AKIA", ID_AT);
    format_id(id, keyring->root_key + ID_AT);
    crypto_random(secret, sizeof secret);
    format_secret(secret, keyring->root_secret);

    buffer_add_format(&content, "%s\naws_access_key_id = %s\naws_secret_access_key = %s\n", PROFILE,
                      keyring->root_key, keyring->root_secret);
    return path_write(path, buffer_text(&content), 0600, err);
}

static bool is_key_id(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!(value.at[i] >= 'A' && value.at[i] <= 'Z') &&
            !(value.at[i] >= '0' && value.at[i] <= '9'))
            return false;
    return value.len == ACCESS_KEY_LEN && !text_starts(value, TEXT("ASIA"));
}

static bool is_secret(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] <= ' ' || value.at[i] > '~')
            return false;
    return value.len == SECRET_KEY_LEN;
}

/* The two settings of the profile. */
static const struct setting {
    const char *name;
    bool (*is_valid)(struct text value);
    size_t offset; /* of the string in the keyring */
    const char *expected;
} file_settings[] = {
    {"aws_access_key_id", is_key_id, offsetof(struct keyring, root_key),
     "20 capital letters and digits that do not begin with ASIA"},
    {"aws_secret_access_key", is_secret, offsetof(struct keyring, root_secret),
     "40 characters without blanks"},
};

static int read_setting(struct keyring *keyring, struct text line, struct error *err)
{
    size_t equals = text_find(line, '=');
    struct text name = text_trim(text_slice(line, 0, equals));
    struct text value = text_trim(text_skip(line, equals + 1));

    if (equals == line.len)
        return error_set(err, ERROR_INVALID, "expected 'name = value'");
    for (size_t i = 0; i < COUNT_OF(file_settings); i++) {
        const struct setting *setting = &file_settings[i];
        char *field = (char *)keyring + setting->offset;
        if (!text_equal(name, text_of(setting->name)))
            continue;
        if (*field)
            return error_set(err, ERROR_INVALID, "'%s' is given twice", setting->name);
        if (!setting->is_valid(value))
            return error_set(err, ERROR_INVALID, "'%s' must be %s", setting->name,
                             setting->expected);
        memcpy(field, value.at, value.len);
        field[value.len] = '\0';
        return 0;
    }
    return error_set(err, ERROR_INVALID, "'%.*s' is not known here", TEXT_ARG(name));
}

static int read_line(struct keyring *keyring, struct text line, bool *in_profile, struct error *err)
{
    if (line.len == 0 || *line.at == '#' || *line.at == ';')
        return 0;
    if (*line.at != '[') {
        if (!*in_profile)
            return error_set(err, ERROR_INVALID, "expected '%s' first", PROFILE);
        return read_setting(keyring, line, err);
    }
    if (*in_profile || !text_equal(line, TEXT(PROFILE)))
        return error_set(err, ERROR_INVALID, "the file has one profile, '%s'", PROFILE);
    *in_profile = true;
    return 0;
}

static int read_root(struct keyring *keyring, const char *path, struct text content,
                     struct error *err)
{
    bool in_profile = false;
    struct text line;

    for (int number = 1; text_split(&content, '\n', &line); number++) {
        if (text_ends(line, TEXT("\r")))
            line.len--;
        if (read_line(keyring, text_trim(line), &in_profile, err) < 0)
            return error_set(err, err->code, "%s:%d: %s", path, number, err->text);
    }
    for (size_t i = 0; i < COUNT_OF(file_settings); i++)
        if (!*((char *)keyring + file_settings[i].offset))
            return error_set(err, ERROR_INVALID,
                             "%s: '%s' is missing; remove the file to get a new key", path,
                             file_settings[i].name);
    return 0;
}

struct keyring *keyring_open(const char *data_folder, struct error *err)
{
    scoped(keyring_free) struct keyring *keyring = mem_new(struct keyring);
    scoped(free) char *path = path_join(data_folder, FILE_NAME);
    scoped(buffer_done) struct buffer content = {0};

    crypto_random(keyring->master, sizeof keyring->master);
    if (path_read(path, FILE_MAX, &content, err) == 0) {
        if (read_root(keyring, path, buffer_text(&content), err) < 0)
            return NULL;
    } else if (err->code != ERROR_NOT_FOUND || make_root(keyring, path, err) < 0) {
        return NULL;
    }
    return take(keyring);
}

void keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;
    explicit_bzero(keyring->master, sizeof keyring->master);
    explicit_bzero(keyring->root_secret, sizeof keyring->root_secret);
    free(keyring);
}
