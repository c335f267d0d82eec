/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/mem.h"

/*
 * What a thread keeps, so that neither a digest nor a random number costs an allocation,
 * a look-up or a system call each time. The random bytes live in a page that the kernel
 * empties in a forked child: parent and child never give out the same ones.
 */
#define POOL_BYTES 4096

struct pool {
    size_t left; /* at the end of bytes; what was given out is wiped */
    uint8_t bytes[POOL_BYTES - sizeof(size_t)];
};

static _Thread_local struct thread_state {
    bool known; /* to thread_key, which has it released */
    EVP_MD_CTX *digest;
    struct pool *pool;
} thread_state;

static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static EVP_MD *sha256, *sha1, *md5;

static void release_thread(void *value)
{
    struct thread_state *state = value;

    EVP_MD_CTX_free(state->digest);
    if (state->pool) {
        OPENSSL_cleanse(state->pool, sizeof *state->pool);
        munmap(state->pool, sizeof *state->pool);
    }
    *state = (struct thread_state){0};
}

static void prepare(void)
{
    int failed = pthread_key_create(&thread_key, release_thread);
    assert(!failed);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    assert(sha256 && sha1 && md5);
}

static struct thread_state *this_thread(void)
{
    struct thread_state *state = &thread_state;

    if (!state->known) {
        pthread_once(&prepared, prepare);
        state->known = pthread_setspecific(thread_key, state) == 0;
        assert(state->known);
    }
    return state;
}

static void digest_start(EVP_MD_CTX *digest)
{
    int ok = EVP_DigestInit_ex2(digest, sha256, NULL);
    assert(ok);
}

static void digest_add(EVP_MD_CTX *digest, struct text data)
{
    int ok = EVP_DigestUpdate(digest, data.at, data.len);
    assert(ok);
}

static void digest_end(EVP_MD_CTX *digest, uint8_t out[static SHA256_LEN])
{
    int ok = EVP_DigestFinal_ex(digest, out, NULL);
    assert(ok);
}

static EVP_MD_CTX *thread_digest(void)
{
    struct thread_state *state = this_thread();

    if (!state->digest) {
        state->digest = EVP_MD_CTX_new();
        assert(state->digest);
    }
    return state->digest;
}

void crypto_sha256(struct text data, uint8_t out[static SHA256_LEN])
{
    EVP_MD_CTX *digest = thread_digest();

    digest_start(digest);
    digest_add(digest, data);
    digest_end(digest, out);
}

/* kind is there only once the thread is prepared. */
static void digest_of(EVP_MD *const *kind, struct text data, uint8_t *out)
{
    EVP_MD_CTX *digest = thread_digest();
    int ok = EVP_DigestInit_ex2(digest, *kind, NULL);
    assert(ok);

    digest_add(digest, data);
    ok = EVP_DigestFinal_ex(digest, out, NULL);
    assert(ok);
}

void crypto_md5(struct text data, uint8_t out[static MD5_LEN])
{
    digest_of(&md5, data, out);
}

void crypto_sha1(struct text data, uint8_t out[static SHA1_LEN])
{
    digest_of(&sha1, data, out);
}

#define HMAC_BLOCK 64

static void hmac_pass(const uint8_t block[static HMAC_BLOCK], uint8_t pad, struct text data,
                      uint8_t out[static SHA256_LEN])
{
    EVP_MD_CTX *digest = thread_digest();
    uint8_t padded[HMAC_BLOCK];

    for (size_t i = 0; i < HMAC_BLOCK; i++)
        padded[i] = block[i] ^ pad;
    digest_start(digest);
    digest_add(digest, text_from(padded, HMAC_BLOCK));
    digest_add(digest, data);
    digest_end(digest, out);
    OPENSSL_cleanse(padded, sizeof padded);
}

/* RFC 2104, over the thread's digest: EVP_MAC allocates and copies a context each time. */
void crypto_hmac_sha256(struct text key, struct text data, uint8_t out[static SHA256_LEN])
{
    uint8_t block[HMAC_BLOCK] = {0}, inner[SHA256_LEN];

    if (key.len > HMAC_BLOCK)
        crypto_sha256(key, block);
    else if (key.len > 0)
        memcpy(block, key.at, key.len);
    hmac_pass(block, 0x36, data, inner);
    hmac_pass(block, 0x5c, text_from(inner, sizeof inner), out);
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(inner, sizeof inner);
}

struct crypto_hash {
    EVP_MD_CTX *digest;
};

struct crypto_hash *crypto_hash_new(void)
{
    struct crypto_hash *hash = mem_new(struct crypto_hash);

    (void)this_thread(); /* fetches the algorithm */
    hash->digest = EVP_MD_CTX_new();
    assert(hash->digest);
    digest_start(hash->digest);
    return hash;
}

void crypto_hash_add(struct crypto_hash *hash, struct text data)
{
    digest_add(hash->digest, data);
}

void crypto_hash_end(struct crypto_hash *hash, uint8_t out[static SHA256_LEN])
{
    digest_end(hash->digest, out);
}

void crypto_hash_free(struct crypto_hash *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->digest);
    free(hash);
}

static void kernel_random(uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t count = getrandom(out, len, 0);
        assert(count > 0 || errno == EINTR);
        if (count > 0) {
            out += count;
            len -= (size_t)count;
        }
    }
}

/* NULL where the kernel cannot empty the page in children: then nothing is buffered. */
static struct pool *pool_new(void)
{
    struct pool *pool =
        mmap(NULL, sizeof *pool, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pool == MAP_FAILED)
        return NULL;
    if (madvise(pool, sizeof *pool, MADV_WIPEONFORK) == 0)
        return pool;
    munmap(pool, sizeof *pool);
    return NULL;
}

void crypto_random(void *out, size_t len)
{
    struct thread_state *state = this_thread();

    if (len == 0)
        return;
    if (len > sizeof state->pool->bytes / 4) {
        kernel_random(out, len);
        return;
    }
    if (!state->pool)
        state->pool = pool_new();
    struct pool *pool = state->pool;
    if (!pool) {
        kernel_random(out, len);
        return;
    }
    if (pool->left < len) {
        kernel_random(pool->bytes, sizeof pool->bytes);
        pool->left = sizeof pool->bytes;
    }
    uint8_t *given = pool->bytes + sizeof pool->bytes - pool->left;
    pool->left -= len;
    memcpy(out, given, len);
    explicit_bzero(given, len);
}

bool crypto_equal(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}

/* RFC 9562 5.4 */
void crypto_uuid(char out[static UUID_LEN + 1])
{
    static const size_t groups[] = {8, 4, 4, 4, 12};
    uint8_t bytes[16];
    char hex[2 * sizeof bytes + 1];
    const char *from = hex;

    crypto_random(bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    crypto_hex(bytes, sizeof bytes, hex);
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        memcpy(out, from, groups[i]);
        from += groups[i];
        out += groups[i];
        *out++ = i + 1 < COUNT_OF(groups) ? '-' : '\0';
    }
}

void crypto_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

bool crypto_unhex(struct text hex, uint8_t *out)
{
    if (hex.len % 2 != 0)
        return false;
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = text_hex_digit(hex.at[i]), low = text_hex_digit(hex.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_group(uint32_t group, char out[static 4])
{
    out[0] = base64_digits[group >> 18];
    out[1] = base64_digits[group >> 12 & 63];
    out[2] = base64_digits[group >> 6 & 63];
    out[3] = base64_digits[group & 63];
}

void crypto_base64(struct text data, struct buffer *out)
{
    const size_t count = (data.len + 2) / 3 * 4;
    const uint8_t *in = (const uint8_t *)data.at;
    char *at = buffer_room(out, count);
    size_t left = data.len;

    for (; left >= 3; left -= 3, in += 3, at += 4)
        encode_group((uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2], at);
    if (left > 0) {
        encode_group((uint32_t)in[0] << 16 | (left == 2 ? (uint32_t)in[1] << 8 : 0), at);
        at[3] = '=';
        if (left == 1)
            at[2] = '=';
    }
    buffer_added(out, count);
}

/* The value of each digit plus one; 0 for what is none. */
#define DIGITS_10(first, value)                                                                   \
    [first] = value, value + 1, value + 2, value + 3, value + 4, value + 5, value + 6, value + 7, \
    value + 8, value + 9
#define LETTERS(first, value)                                   \
    DIGITS_10(first, value), DIGITS_10(first + 10, value + 10), \
        [first + 20] = value + 20, value + 21, value + 22, value + 23, value + 24, value + 25
static const uint8_t base64_values[256] = {LETTERS('A', 1), LETTERS('a', 27),
                                           DIGITS_10('0', 53), ['+'] = 63, ['/'] = 64};

/* Four digits to 24 bits; false when one is none. Missing ones (padding) count as zero. */
static bool decode_group(const char *in, size_t digits, uint32_t *ret)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        uint8_t value = i < digits ? base64_values[(uint8_t)in[i]] : 1;
        if (value == 0)
            return false;
        group = group << 6 | (uint32_t)(value - 1);
    }
    *ret = group;
    return true;
}

static size_t padding(struct text data)
{
    if (data.len == 0 || data.at[data.len - 1] != '=')
        return 0;
    return data.at[data.len - 2] == '=' ? 2 : 1;
}

static bool decode(struct text data, size_t pad, uint8_t *at)
{
    const size_t whole = data.len / 4 - (pad > 0);
    const char *in = data.at;
    uint32_t group;

    for (size_t i = 0; i < whole; i++, in += 4, at += 3) {
        if (!decode_group(in, 4, &group))
            return false;
        at[0] = (uint8_t)(group >> 16);
        at[1] = (uint8_t)(group >> 8);
        at[2] = (uint8_t)group;
    }
    if (pad == 0)
        return true;
    /* Bits that no byte takes must be zero, else several texts mean the same. */
    if (!decode_group(in, 4 - pad, &group) || (group & (pad == 2 ? 0xFFFF : 0xFF)) != 0)
        return false;
    at[0] = (uint8_t)(group >> 16);
    if (pad == 1)
        at[1] = (uint8_t)(group >> 8);
    return true;
}

bool crypto_unbase64(struct text data, struct buffer *out)
{
    if (data.len % 4 != 0)
        return false;
    const size_t pad = padding(data), count = data.len / 4 * 3;
    bool ok = decode(data, pad, (uint8_t *)buffer_room(out, count));

    buffer_added(out, ok ? count - pad : 0); /* also puts the NUL back */
    return ok;
}

bool crypto_unbase64_url(struct text data, struct buffer *out)
{
    scoped(buffer_done) struct buffer standard = {0};

    for (size_t i = 0; i < data.len; i++) {
        char c = data.at[i];
        if (c == '+' || c == '/' || c == '=')
            return false;
        buffer_add_char(&standard, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    while (standard.len % 4 != 0)
        buffer_add_char(&standard, '=');
    return crypto_unbase64(buffer_text(&standard), out);
}
