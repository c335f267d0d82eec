/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apigateway_truststores.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "base/path.h"
#include "http/tls.h"
#include "test.h"

/* A certificate that signs itself, in PEM. */
static void make_certificate(const char *name, struct buffer *out)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *at;

    CHECK(key && x509 && bio);
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    CHECK(X509_sign(x509, key, EVP_sha256()) > 0);
    PEM_write_bio_X509(bio, x509);
    long len = BIO_get_mem_data(bio, &at);
    buffer_add(out, at, (size_t)len);
    BIO_free(bio);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static char *make_folder(void)
{
    char *folder = mem_strdup("/tmp/evoke-truststores-XXXXXX");
    struct error err;

    CHECK(mkdtemp(folder));
    scoped(free) char *bucket = path_join(folder, "truststores/bucket");
    CHECK(path_make_folders(bucket, 0700, &err) == 0);
    return folder;
}

static void remove_folder(char *folder)
{
    struct error err;

    CHECK(path_remove_tree(folder, &err) == 0);
    free(folder);
}

static void write_file(const char *folder, const char *name, struct text content)
{
    scoped(free) char *path = path_join(folder, name);
    struct error err;

    CHECK(path_write(path, content, 0600, &err) == 0);
}

TEST(authorities_are_certificates_in_pem)
{
    scoped(buffer_done) struct buffer pem = {0};
    struct error err;

    make_certificate("one", &pem);
    size_t one = pem.len;
    buffer_add_literal(&pem, "a comment\n");
    make_certificate("two", &pem);
    struct tls_clients *clients = tls_clients_parse(buffer_text(&pem), &err);
    CHECK_MSG(clients, "%s", err.text);
    tls_clients_unref(clients);
    CHECK(!tls_clients_parse(TEXT(""), &err) && strstr(err.text, "no PEM certificate"));
    pem.at[one / 2] = '!';
    CHECK(!tls_clients_parse(text_slice(buffer_text(&pem), 0, one), &err));
    CHECK_MSG(strstr(err.text, "not understood"), "%s", err.text);
    clients = tls_clients_nobody();
    CHECK(clients);
    tls_clients_unref(clients);
}

TEST(a_truststore_is_a_file_by_any_of_its_names)
{
    char *folder = make_folder();
    scoped(buffer_done) struct buffer pem = {0};
    scoped(free) char *path = mem_format("%s/truststores/bucket/a.pem", folder);
    scoped(free) char *url = mem_format("file://%s", path);
    const char *const uris[] = {path, url, "s3://bucket/a.pem"};

    make_certificate("one", &pem);
    write_file(folder, "truststores/bucket/a.pem", buffer_text(&pem));
    for (size_t i = 0; i < COUNT_OF(uris); i++) {
        struct truststore_file file;
        struct error err;
        CHECK_MSG(truststores_read(folder, text_of(uris[i]), &file, &err) == 0, "%s", err.text);
        CHECK(text_equal(buffer_text(&file.pem), buffer_text(&pem)) && file.seen.st_ino);
        buffer_done(&file.pem);
    }
    remove_folder(folder);
}

TEST(what_is_no_truststore_is_refused_with_its_reason)
{
    char *folder = make_folder();
    static const struct {
        const char *uri, *says;
    } cases[] = {
        {"", "file:///PATH"},
        {"relative.pem", "file:///PATH"},
        {"https://example.com/a.pem", "file:///PATH"},
        {"s3://bucket", "file:///PATH"},
        {"s3://bucket/", "no file"},
        {"s3://bucket/../../etc/passwd", "file:///PATH"},
        {"s3://bucket/./a", "file:///PATH"},
        {"s3://bucket/none.pem", "none.pem"},
        {"s3://bucket/bad.pem", "no PEM certificate"},
        {"/dev/zero", "no file"},
        {"/nonexistent", "/nonexistent"},
    };

    write_file(folder, "truststores/bucket/bad.pem", TEXT("nonsense"));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct truststore_file file;
        struct error err = {0};
        CHECK_MSG(truststores_read(folder, text_of(cases[i].uri), &file, &err) < 0, "%s",
                  cases[i].uri);
        CHECK_MSG(strstr(err.text, cases[i].says), "%s", err.text);
        CHECK(!file.pem.at);
    }
    remove_folder(folder);
}

struct watching {
    struct truststores *all;
    const char *folder;
    struct loop_message message;
    struct buffer *next;
    int changes;
};

static void on_changed(void *arg)
{
    struct watching *watching = arg;

    watching->changes++;
    CHECK(text_equal(truststores_find(watching->all, TEXT("s3://bucket/a.pem")),
                     buffer_text(watching->next)));
    loop_stop(loop_current());
}

static void begin(struct loop_message *message)
{
    struct watching *watching = container_of(message, struct watching, message);

    truststores_begin(watching->all);
    CHECK(truststores_find(watching->all, TEXT("s3://bucket/a.pem")).len > 0);
    CHECK(truststores_find(watching->all, TEXT("s3://bucket/never.pem")).len == 0);
    write_file(watching->folder, "truststores/bucket/a.pem", buffer_text(watching->next));
}

TEST(a_file_that_changes_is_read_anew)
{
    char *folder = make_folder();
    struct loop *loop = loop_new("test");
    scoped(buffer_done) struct buffer one = {0}, two = {0};
    struct watching watching = {truststores_new(loop, folder), folder, {.run = begin}, &two, 0};

    make_certificate("one", &one);
    make_certificate("two", &two);
    write_file(folder, "truststores/bucket/a.pem", buffer_text(&one));
    truststores_load(watching.all, TEXT("s3://bucket/a.pem"));
    truststores_watch(watching.all, on_changed, &watching);
    loop_post(loop, &watching.message);
    loop_run(loop);
    CHECK(watching.changes == 1);
    truststores_free(watching.all);
    loop_free(loop);
    remove_folder(folder);
}
