/* SPDX-License-Identifier: Apache-2.0 */
#include "http/tls.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "http/tls_priv.h"

/*
 * One SSL_CTX, and the certificates beside it: the callback puts the ones of the name that
 * the client asked for into its SSL. A context for each certificate would have ticket keys
 * of its own, and resumption would depend on which one the first handshake began with.
 */

#define PEM_BYTES_MAX (1 << 20) /* of one file: hundreds of certificates */
#define CERTIFICATES_MAX 10000  /* in the folder */
#define TICKETS 2               /* browsers resume two connections at once */
#define CIPHERS                                                  \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256:P-384"

struct certificate {
    struct list link;
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

/* Those of one name, one for each kind of key. */
#define KINDS_MAX 4
struct named {
    const struct certificate *kinds[KINDS_MAX];
    size_t count;
};

struct tls {
    atomic_int references;
    SSL_CTX *ctx;
    struct list certificates;
    size_t count;
    struct map names;             /* "www.example.com", "*.example.com": struct named */
    const struct named *default_; /* the context has them already */
};

DEFINE_SCOPED(struct tls *, tls_unref)
DEFINE_SCOPED(BIO *, BIO_free_all)

static void certificate_free(struct certificate *certificate)
{
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    free(certificate);
}
DEFINE_SCOPED(struct certificate *, certificate_free)

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "it is not understood";
}

/* --- reading the folder --- */

static BIO *open_pem(const char *path, struct buffer *content, struct error *err)
{
    if (path_read(path, PEM_BYTES_MAX, content, err) < 0)
        return NULL;
    ERR_clear_error();
    return BIO_new_mem_buf(content->at ? content->at : "", (int)content->len);
}

/* Keys with a passphrase are refused, not asked for on a terminal. */
static int on_passphrase(char *out, int size, int writing, void *arg)
{
    return -1;
}

static int read_chain(struct certificate *certificate, const char *path, struct error *err)
{
    scoped(buffer_done) struct buffer content = {0};
    scoped(BIO_free_all) BIO *bio = open_pem(path, &content, err);

    if (!bio)
        return -1;
    certificate->leaf = PEM_read_bio_X509(bio, NULL, on_passphrase, NULL);
    if (!certificate->leaf)
        return error_set(err, ERROR_INVALID, "'%s' is not a PEM certificate: %s", path, reason());
    certificate->chain = sk_X509_new_null();
    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, on_passphrase, NULL));)
        sk_X509_push(certificate->chain, next);
    return 0;
}

static int read_key(struct certificate *certificate, const char *path, struct error *err)
{
    scoped(buffer_done) struct buffer content = {0};
    scoped(BIO_free_all) BIO *bio = open_pem(path, &content, err);

    if (!bio)
        return -1;
    certificate->key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, NULL);
    if (content.at)
        OPENSSL_cleanse(content.at, content.len);
    if (!certificate->key)
        return error_set(err, ERROR_INVALID, "'%s' is not a PEM private key without passphrase: %s",
                         path, reason());
    if (X509_check_private_key(certificate->leaf, certificate->key) != 1)
        return error_set(err, ERROR_INVALID, "'%s' is not the key of the certificate beside it",
                         path);
    return 0;
}

static struct certificate *read_certificate(const char *folder, struct text name, struct error *err)
{
    scoped(free) char *crt = mem_format("%s/%.*s.crt", folder, TEXT_ARG(name));
    scoped(free) char *key = mem_format("%s/%.*s.key", folder, TEXT_ARG(name));
    scoped(certificate_free) struct certificate *certificate = mem_new(struct certificate);

    if (read_chain(certificate, crt, err) < 0 || read_key(certificate, key, err) < 0)
        return NULL;
    return take(certificate);
}

static struct text lower(struct text name, char *out, size_t size)
{
    size_t len = name.len < size ? name.len : size;

    for (size_t i = 0; i < len; i++)
        out[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] | 0x20) : name.at[i];
    return text_from(out, len);
}

static struct named *add_name(struct tls *tls, struct text name,
                              const struct certificate *certificate)
{
    char low[256];
    name = lower(name, low, sizeof low);
    struct named *named = map_find(&tls->names, name);

    if (!named) {
        named = mem_new(struct named);
        map_put(&tls->names, name, named);
    }
    for (size_t i = 0; i < named->count; i++)
        if (EVP_PKEY_get_base_id(named->kinds[i]->key) == EVP_PKEY_get_base_id(certificate->key))
            return named; /* the first by file name serves it */
    if (named->count < KINDS_MAX)
        named->kinds[named->count++] = certificate;
    return named;
}

static void add_names(struct tls *tls, const struct certificate *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate->leaf, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            add_name(tls,
                     text_from(ASN1_STRING_get0_data(name->d.dNSName),
                               (size_t)ASN1_STRING_length(name->d.dNSName)),
                     certificate);
    }
    GENERAL_NAMES_free(names);
}

static int is_certificate(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && text_ends(text_of(entry->d_name), TEXT(".crt"));
}

static int read_one(struct tls *tls, const char *folder, struct text name, struct error *err)
{
    struct certificate *certificate = read_certificate(folder, name, err);

    if (!certificate)
        return -1;
    list_push(&tls->certificates, &certificate->link);
    tls->count++;
    add_names(tls, certificate);
    if (!tls->default_ || text_equal(name, TEXT("default")))
        tls->default_ = add_name(tls, TEXT("*"), certificate);
    return 0;
}

static int read_all(struct tls *tls, const char *folder, struct dirent **entries, int count,
                    struct error *err)
{
    if (count == 0)
        return error_set(err, ERROR_INVALID,
                         "there is no certificate in '%s': put NAME.crt and NAME.key there",
                         folder);
    if (count > CERTIFICATES_MAX)
        return error_set(err, ERROR_LIMIT, "'%s' holds more than %d certificates", folder,
                         CERTIFICATES_MAX);
    /* "default" before all others: it is what "*" stands for. */
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < count; i++) {
            struct text file = text_of(entries[i]->d_name);
            struct text name = text_slice(file, 0, file.len - 4);
            if (text_equal(name, TEXT("default")) == (pass == 0) &&
                read_one(tls, folder, name, err) < 0)
                return -1;
        }
    return 0;
}

static int read_folder(struct tls *tls, const char *folder, struct error *err)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_certificate, alphasort);

    if (count < 0)
        return error_system(err, "cannot read the certificates in '%s'", folder);
    int result = read_all(tls, folder, entries, count, err);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return result;
}

/* --- the context --- */

static void use(SSL *ssl, const struct named *named)
{
    SSL_certs_clear(ssl);
    for (size_t i = 0; i < named->count; i++)
        (void)SSL_use_cert_and_key(ssl, named->kinds[i]->leaf, named->kinds[i]->key,
                                   named->kinds[i]->chain, 1);
}

static const struct named *find_name(const struct tls *tls, struct text asked)
{
    char low[256];
    struct text name = lower(asked, low + 1, sizeof low - 1);
    const struct named *exact = map_find(&tls->names, name);
    size_t dot = text_find(name, '.');

    if (exact || dot == name.len || dot == 0)
        return exact;
    low[dot] = '*'; /* in place of the first label's last letter */
    return map_find(&tls->names, text_from(low + dot, name.len - dot + 1));
}

static bool is_default(const struct tls *tls, const struct named *named)
{
    return named->count == tls->default_->count && named->kinds[0] == tls->default_->kinds[0];
}

static int on_certificate(SSL *ssl, void *arg)
{
    const struct tls *tls = arg;
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct named *named = asked ? find_name(tls, text_of(asked)) : NULL;

    if (named && !is_default(tls, named))
        use(ssl, named);
    return 1;
}

/* A name that is taken is kept with the session: TLS 1.2 does not tell it again when one is
 * resumed. */
static int on_name(SSL *ssl, int *ret_alert, void *arg)
{
    return SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                   const unsigned char *offered, unsigned offered_len, void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;

    if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof ours - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int require_clients(struct tls *tls, const struct tls_options *options, struct error *err)
{
    if (options->client_auth == TLS_CLIENT_NONE)
        return 0;
    ERR_clear_error();
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(options->client_ca);
    if (!names || SSL_CTX_load_verify_file(tls->ctx, options->client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return error_set(err, ERROR_INVALID, "cannot read client authorities from '%s': %s",
                         options->client_ca, reason());
    }
    SSL_CTX_set_client_CA_list(tls->ctx, names);
    SSL_CTX_set_verify(
        tls->ctx,
        SSL_VERIFY_PEER |
            (options->client_auth == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    return 0;
}

static SSL_CTX *new_context(struct tls *tls)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    static const unsigned char id[] = "evoke";

    assert(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_num_tickets(ctx, TICKETS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need none, and no lock */
    int fine = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &
               SSL_CTX_set_cipher_list(ctx, CIPHERS) & (int)SSL_CTX_set1_groups_list(ctx, GROUPS) &
               SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    assert(fine);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
    SSL_CTX_set_client_hello_cb(ctx, tls_on_hello, NULL);
    SSL_CTX_set_cert_cb(ctx, on_certificate, tls);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    return ctx;
}

static int use_default(struct tls *tls, const char *folder, struct error *err)
{
    const struct named *named = tls->default_;

    for (size_t i = 0; i < named->count; i++)
        if (SSL_CTX_use_cert_and_key(tls->ctx, named->kinds[i]->leaf, named->kinds[i]->key,
                                     named->kinds[i]->chain, 1) != 1)
            return error_set(err, ERROR_INVALID, "the default certificate in '%s' is refused: %s",
                             folder, reason());
    return 0;
}

struct tls *tls_open(const struct tls_options *options, struct error *err)
{
    scoped(tls_unref) struct tls *tls = mem_new(struct tls);

    tls->references = 1;
    list_init(&tls->certificates);
    tls->ctx = new_context(tls);
    if (read_folder(tls, options->certificates, err) < 0 ||
        use_default(tls, options->certificates, err) < 0 || require_clients(tls, options, err) < 0)
        return NULL;
    return take(tls);
}

struct tls *tls_ref(struct tls *tls)
{
    atomic_fetch_add(&tls->references, 1);
    return tls;
}

void tls_unref(struct tls *tls)
{
    if (!tls || atomic_fetch_sub(&tls->references, 1) > 1)
        return;
    SSL_CTX_free(tls->ctx);
    struct map_cursor cursor = {0};
    while (map_next(&tls->names, &cursor))
        free(cursor.value);
    map_done(&tls->names);
    for (struct list *node; (node = list_pop(&tls->certificates));)
        certificate_free(container_of(node, struct certificate, link));
    free(tls);
}

size_t tls_certificate_count(const struct tls *tls)
{
    return tls->count;
}

/* --- a connection --- */

struct ssl_st *tls_begin(struct tls *tls, int fd, const struct http_door *door)
{
    SSL *ssl = SSL_new(tls->ctx);

    assert(ssl);
    int fine = SSL_set_fd(ssl, fd);
    assert(fine);
    SSL_set_app_data(ssl, (void *)(uintptr_t)door);
    SSL_set_accept_state(ssl);
    return ssl;
}
