/* SPDX-License-Identifier: Apache-2.0 */
#include "http/tls.h"

#include "tls_peer.h"

static struct tls *open_folder(const struct folder *folder)
{
    const struct tls_options options = {.certificates = folder->path};
    struct error err;
    struct tls *tls = tls_open(&options, &err);

    CHECK_MSG(tls, "%s", err.text);
    return tls;
}

/* The common name of the certificate that is served for a name; kind: of signatures the client
 * takes. */
static void served(struct tls *tls, const char *name, const char *kind, char out[static 64])
{
    struct pair pair;

    pair_open(&pair, tls);
    if (name)
        CHECK(SSL_set_tlsext_host_name(pair.client, name) == 1);
    if (kind)
        CHECK(SSL_set1_sigalgs_list(pair.client, kind) == 1);
    snprintf(out, 64, "-");
    if (pair_shake(&pair)) {
        X509 *certificate = SSL_get1_peer_certificate(pair.client);
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, out, 64);
        X509_free(certificate);
    }
    pair_close(&pair);
}

TEST(certificates_are_chosen_by_name)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"a.example", "a"},       {"A.EXAMPLE", "a"},        {"www.a.example", "default"},
        {"b.example", "b"},       {"x.b.example", "b"},      {"x.y.b.example", "default"},
        {"own.b.example", "own"}, {"c.example", "default"},  {"localhost", "default"},
        {NULL, "default"},        {".b.example", "default"}, {"b", "default"},
    };
    struct folder folder;

    folder_init(&folder);
    folder_issue(&folder, "a", "EC", "DNS:a.example,IP:192.0.2.1");
    folder_issue(&folder, "b", "EC", "DNS:b.example,DNS:*.b.example");
    folder_issue(&folder, "default", "EC", "DNS:localhost");
    folder_issue(&folder, "own", "EC", "DNS:own.b.example");
    folder_write(&folder, "readme.txt", "not looked at");
    folder_write(&folder, ".hidden.crt", "not looked at");
    struct tls *tls = open_folder(&folder);
    CHECK(tls_certificate_count(tls) == 4);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char got[64];
        served(tls, cases[i].name, NULL, got);
        CHECK_MSG(strcmp(got, cases[i].want) == 0, "%s: %s", cases[i].name, got);
    }
    tls_unref(tls);
    folder_done(&folder);
}

TEST(the_first_serves_the_rest_where_none_is_called_default)
{
    struct folder folder;
    char got[64];

    folder_init(&folder);
    folder_issue(&folder, "one", "EC", "DNS:one.example");
    folder_issue(&folder, "two", "EC",
                 "DNS:two.example,DNS:one.example"); /* one.example's is one */
    struct tls *tls = open_folder(&folder);
    served(tls, "other.example", NULL, got);
    CHECK_TEXT(text_of(got), "one");
    served(tls, "one.example", NULL, got);
    CHECK_TEXT(text_of(got), "one");
    served(tls, "two.example", NULL, got);
    CHECK_TEXT(text_of(got), "two");
    tls_unref(tls);
    folder_done(&folder);
}

TEST(a_name_may_have_a_certificate_of_each_kind_of_key)
{
    struct folder folder;
    char got[64];

    folder_init(&folder);
    folder_issue(&folder, "default", "EC", "DNS:a.example");
    folder_issue(&folder, "rsa", "RSA", "DNS:a.example");
    struct tls *tls = open_folder(&folder);
    served(tls, "a.example", "ecdsa_secp256r1_sha256", got);
    CHECK_TEXT(text_of(got), "default");
    served(tls, "a.example", "rsa_pss_rsae_sha256", got);
    CHECK_TEXT(text_of(got), "rsa");
    tls_unref(tls);
    folder_done(&folder);
}

TEST(old_versions_are_refused)
{
    struct folder folder;
    static const struct {
        int version;
        bool want;
    } cases[] = {{TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};

    folder_init(&folder);
    folder_issue(&folder, "default", "EC", "DNS:a.example");
    struct tls *tls = open_folder(&folder);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pair pair;
        pair_open(&pair, tls);
        SSL_set_security_level(pair.client, 0); /* else it would refuse itself */
        SSL_set_min_proto_version(pair.client, cases[i].version);
        SSL_set_max_proto_version(pair.client, cases[i].version);
        CHECK_MSG(pair_shake(&pair) == cases[i].want, "version %x", (unsigned)cases[i].version);
        if (cases[i].want)
            CHECK_TEXT(text_of(SSL_get_version(pair.wire.ssl)),
                       cases[i].version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
        pair_close(&pair);
    }
    tls_unref(tls);
    folder_done(&folder);
}

/* The reason that the folder is refused for. */
static void check_refused(const struct folder *folder, const char *want)
{
    const struct tls_options options = {.certificates = folder->path};
    struct error err = {0};

    CHECK_MSG(!tls_open(&options, &err), "it was taken: %s", want);
    CHECK_MSG(strstr(err.text, want) && strstr(err.text, folder->path), "%s", err.text);
}

TEST(a_folder_that_cannot_be_used_is_refused_with_the_file)
{
    struct folder folder, nowhere = {"/nonexistent-evoke"};
    EVP_PKEY *key = make_key("EC");

    check_refused(&nowhere, "cannot read the certificates");
    folder_init(&folder);
    check_refused(&folder, "there is no certificate");
    folder_issue(&folder, "a", "EC", "DNS:a.example");
    folder_remove(&folder, "a.key");
    check_refused(&folder, "a.key");
    folder_write(&folder, "a.key",
                 "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    check_refused(&folder, "a.key' is not a PEM private key");
    folder_put_key(&folder, "a.key", key, NULL);
    check_refused(&folder, "a.key' is not the key of the certificate beside it");
    folder_put_key(&folder, "a.key", key, "secret");
    check_refused(&folder, "without passphrase");
    folder_write(&folder, "a.crt", "hello");
    check_refused(&folder, "a.crt' is not a PEM certificate");
    folder_write(&folder, "a.crt", "");
    check_refused(&folder, "a.crt' is not a PEM certificate");
    EVP_PKEY_free(key);
    folder_done(&folder);
}

/* --- clients --- */

static bool shake_as(struct tls *tls, X509 *certificate, EVP_PKEY *key, struct pair *pair)
{
    pair_open(pair, tls);
    if (certificate)
        CHECK(SSL_use_certificate(pair->client, certificate) == 1 &&
              SSL_use_PrivateKey(pair->client, key) == 1);
    return pair_shake(pair);
}

TEST(clients_prove_who_they_are)
{
    struct folder folder, authorities;
    struct error err;
    scoped(arena_done) struct arena arena = {0};
    struct pair pair;
    EVP_PKEY *key = make_key("EC");
    X509 *alice = make_certificate(key, "alice", NULL),
         *mallory = make_certificate(key, "mallory", NULL);

    folder_init(&folder);
    folder_init(&authorities);
    folder_issue(&folder, "default", "EC", "DNS:a.example");
    scoped(free) char *ca = folder_file(&authorities, "ca.pem");
    FILE *out = fopen(ca, "we");
    CHECK(out && PEM_write_X509(out, alice) == 1 && fclose(out) == 0);
    struct tls_options options = {folder.path, ca, TLS_CLIENT_REQUIRED};
    struct tls *tls = tls_open(&options, &err);
    CHECK_MSG(tls, "%s", err.text);

    CHECK(shake_as(tls, alice, key, &pair));
    const struct tls_client *client = tls_client_read(pair.wire.ssl, &arena);
    CHECK_TEXT(client->subject, "CN=alice");
    CHECK_TEXT(client->issuer, "CN=alice");
    CHECK_TEXT(client->serial, "a1:0f");
    CHECK(text_starts(client->pem, TEXT("-----BEGIN CERTIFICATE-----\n")));
    CHECK(text_ends(client->not_before, TEXT(" GMT")) &&
          text_ends(client->not_after, TEXT(" GMT")));
    pair_close(&pair);
    (void)shake_as(tls, mallory, key, &pair);
    CHECK(pair.server_state < 0);
    pair_close(&pair);
    (void)shake_as(tls, NULL, NULL, &pair);
    CHECK(pair.server_state < 0);
    pair_close(&pair);
    tls_unref(tls);

    options.client_auth = TLS_CLIENT_OPTIONAL;
    tls = tls_open(&options, &err);
    CHECK(tls && shake_as(tls, NULL, NULL, &pair));
    CHECK(!tls_client_read(pair.wire.ssl, &arena) && !tls_client_read(NULL, &arena));
    pair_close(&pair);
    (void)shake_as(tls, mallory, key, &pair);
    CHECK(pair.server_state < 0);
    pair_close(&pair);
    tls_unref(tls);

    folder_write(&authorities, "ca.pem", "nothing");
    CHECK(!tls_open(&options, &err) && strstr(err.text, "ca.pem"));
    X509_free(alice);
    X509_free(mallory);
    EVP_PKEY_free(key);
    folder_done(&folder);
    folder_done(&authorities);
}
