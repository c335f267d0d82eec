/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scoped.h"
#include "test.h"

static const char *hex_of(const void *data, size_t len)
{
    static char out[2 * 64 + 1];
    crypto_hex(data, len, out);
    return out;
}

/* FIPS 180-2, appendix B. */
static const struct {
    struct text source;
    const char *hash;
} hashes[] = {
    {{NULL, 0}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {{"abc", 3}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56},
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

TEST(md5_gives_the_known_answers)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t digest[MD5_LEN];
        char hex[2 * MD5_LEN + 1];
        crypto_md5(text_of(cases[i].text), digest);
        crypto_hex(digest, sizeof digest, hex);
        CHECK_TEXT(text_of(hex), cases[i].hex);
    }
}

TEST(sha1_gives_the_known_answers)
{
    uint8_t digest[SHA1_LEN];
    char hex[2 * SHA1_LEN + 1];

    crypto_sha1(TEXT("abc"), digest);
    crypto_hex(digest, sizeof digest, hex);
    CHECK_TEXT(text_of(hex), "a9993e364706816aba3e25717850c26c9cd0d89d");
    crypto_sha1(TEXT(""), digest);
    crypto_hex(digest, sizeof digest, hex);
    CHECK_TEXT(text_of(hex), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(sha256_gives_the_known_answers)
{
    uint8_t out[SHA256_LEN];
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        crypto_sha256(hashes[i].source, out);
        CHECK_TEXT(text_of(hex_of(out, sizeof out)), hashes[i].hash);
    }
}

TEST(hashing_by_pieces_is_the_same)
{
    uint8_t out[SHA256_LEN], other[SHA256_LEN];
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        scoped(crypto_hash_free) struct crypto_hash *hash = crypto_hash_new();
        for (size_t at = 0; at < hashes[i].source.len; at += 5) {
            crypto_hash_add(hash, text_slice(hashes[i].source, at, at + 5));
            crypto_sha256(TEXT("in between"), other); /* must not disturb it */
        }
        crypto_hash_end(hash, out);
        CHECK_TEXT(text_of(hex_of(out, sizeof out)), hashes[i].hash);
    }
    crypto_hash_free(NULL);
}

/* RFC 4231: cases 1, 2, 3 and 6. */
TEST(hmac_gives_the_known_answers)
{
    char key_0b[20], key_aa[131], data_dd[50];
    memset(key_0b, 0x0b, sizeof key_0b);
    memset(key_aa, 0xaa, sizeof key_aa);
    memset(data_dd, 0xdd, sizeof data_dd);
    const struct {
        struct text key, source;
        const char *mac;
    } rows[] = {
        {text_from(key_0b, sizeof key_0b), TEXT("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {TEXT("Jefe"), TEXT("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {text_from(key_aa, 20), text_from(data_dd, sizeof data_dd),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {text_from(key_aa, sizeof key_aa),
         TEXT("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {TEXT_NONE, TEXT_NONE, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    uint8_t out[SHA256_LEN];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        crypto_hmac_sha256(rows[i].key, rows[i].source, out);
        CHECK_TEXT(text_of(hex_of(out, sizeof out)), rows[i].mac);
    }
}

TEST(hmac_may_write_over_its_key)
{
    uint8_t key[SHA256_LEN] = "secret", expected[SHA256_LEN];
    crypto_hmac_sha256(text_from(key, sizeof key), TEXT("x"), expected);
    crypto_hmac_sha256(text_from(key, sizeof key), TEXT("x"), key);
    CHECK(memcmp(key, expected, sizeof key) == 0);
}

TEST(random_bytes_differ_and_fill_what_was_asked)
{
    static const size_t sizes[] = {1, 16, 32, 1000, 1024, 4096, 10000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        static uint8_t a[10001], b[10001];
        bool differ = false;
        memset(a, 0, sizeof a);
        a[sizes[i]] = 0x5A;
        /* A last byte that stays zero eight times is one chance in 2^64. */
        for (int round = 0; round < 8; round++) {
            crypto_random(b, sizes[i]);
            for (size_t at = 0; at < sizes[i]; at++)
                a[at] |= b[at];
            differ |= round > 0 && memcmp(a, b, sizes[i]) != 0;
        }
        CHECK_MSG(a[sizes[i] - 1] != 0 && a[0] != 0, "size %zu", sizes[i]);
        CHECK(a[sizes[i]] == 0x5A);
        CHECK(differ);
    }
    crypto_random(NULL, 0);
}

TEST(a_forked_child_has_other_random_bytes)
{
    int ends[2];
    uint8_t ours[32], theirs[32];
    crypto_random(ours, sizeof ours);
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        crypto_random(theirs, sizeof theirs);
        _exit(write(ends[1], theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
    }
    crypto_random(ours, sizeof ours);
    CHECK(read(ends[0], theirs, sizeof theirs) == sizeof theirs);
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK(memcmp(ours, theirs, sizeof ours) != 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void *hash_in_thread(void *out)
{
    uint8_t random[16];
    crypto_random(random, sizeof random);
    crypto_sha256(TEXT("abc"), out);
    return NULL;
}

TEST(threads_hash_side_by_side_and_leave_nothing)
{
    pthread_t threads[8];
    uint8_t out[COUNT_OF(threads)][SHA256_LEN];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, hash_in_thread, out[i]) == 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK_TEXT(text_of(hex_of(out[i], SHA256_LEN)), hashes[1].hash);
    }
}

TEST(equality_is_of_all_bytes)
{
    CHECK(crypto_equal(TEXT("abc"), TEXT("abc")));
    CHECK(!crypto_equal(TEXT("abc"), TEXT("abd")));
    CHECK(!crypto_equal(TEXT("abc"), TEXT("ab")));
    CHECK(crypto_equal(TEXT_NONE, TEXT("")));
}

TEST(uuids_are_of_version_4)
{
    char a[UUID_LEN + 1], b[UUID_LEN + 1];
    crypto_uuid(a);
    crypto_uuid(b);
    CHECK(strlen(a) == UUID_LEN);
    for (size_t i = 0; i < UUID_LEN; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23)
            CHECK(a[i] == '-');
        else
            CHECK(memchr("0123456789abcdef", a[i], 16));
    CHECK(a[14] == '4');
    CHECK(memchr("89ab", a[19], 4));
    CHECK(strcmp(a, b) != 0);
}

TEST(hex_goes_both_ways)
{
    uint8_t out[4] = {0};
    CHECK_TEXT(text_of(hex_of("\x00\x0f\xa5\xff", 4)), "000fa5ff");
    CHECK_TEXT(text_of(hex_of("", 0)), "");
    CHECK(crypto_unhex(TEXT("000fA5Ff"), out) && memcmp(out, "\x00\x0f\xa5\xff", 4) == 0);
    CHECK(crypto_unhex(TEXT_NONE, out));
    CHECK(!crypto_unhex(TEXT("0"), out));
    CHECK(!crypto_unhex(TEXT("0g"), out));
    CHECK(!crypto_unhex(TEXT("-1"), out));
    CHECK(!crypto_unhex(TEXT(" 1"), out));
}

/* RFC 4648 10, and bytes that use every digit. */
TEST(base64_goes_both_ways)
{
    static const struct {
        struct text source;
        const char *encoded;
    } rows[] = {
        {{NULL, 0}, ""},
        {{"f", 1}, "Zg=="},
        {{"fo", 2}, "Zm8="},
        {{"foo", 3}, "Zm9v"},
        {{"foob", 4}, "Zm9vYg=="},
        {{"fooba", 5}, "Zm9vYmE="},
        {{"foobar", 6}, "Zm9vYmFy"},
        {{"\x00\x00\x00", 3}, "AAAA"},
        {{"\xFF\xFF\xFF", 3}, "////"},
        {{"\xFB\xEF\xBE", 3}, "++++"},
        {{"\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61\x96"
          "\x9b\x71\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3"
          "\x5d\xb7\xe3\x9e\xbb\xf3\xdf\xbf",
          48},
         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        scoped(buffer_done) struct buffer encoded = {0}, decoded = {0};
        crypto_base64(rows[i].source, &encoded);
        CHECK_TEXT(buffer_text(&encoded), rows[i].encoded);
        buffer_add_literal(&decoded, ">");
        CHECK(crypto_unbase64(buffer_text(&encoded), &decoded));
        CHECK(text_equal(text_skip(buffer_text(&decoded), 1), rows[i].source));
    }
}

TEST(base64_that_is_not_canonical_is_refused)
{
    static const char *const rows[] = {
        "Z",    "Zg",   "Zg=",  "Zm9",      "Zm9vY",  "Zh==",     "Zm9=",
        "Z===", "====", "=",    "Zg==Zg==", "Zm9v\n", "Zm\n9",    "Zm9-",
        "Zm9_", " Zm9", "=Zm9", "Z=g=",     "Zg=A",   "Zm9v====", "Zm9v\xC3\xA4\xC3\xA4",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        scoped(buffer_done) struct buffer decoded = {0};
        buffer_add_literal(&decoded, "kept");
        CHECK_MSG(!crypto_unbase64(text_of(rows[i]), &decoded), "'%s'", rows[i]);
        CHECK_TEXT(buffer_text(&decoded), "kept");
        CHECK(decoded.at[4] == '\0');
    }
}
