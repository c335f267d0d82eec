/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "http/server.h"
#include "http/tls_priv.h"
#include "http/wire.h"
#include "test.h"

/* Certificates in a folder of their own, and an OpenSSL client at the other end of a socket. */

struct folder {
    char path[64];
};

static inline void folder_init(struct folder *folder)
{
    snprintf(folder->path, sizeof folder->path, "/tmp/evoke-tls-test-XXXXXX");
    CHECK(mkdtemp(folder->path));
}

static inline char *folder_file(const struct folder *folder, const char *name)
{
    return path_join(folder->path, name);
}

static inline void folder_write(const struct folder *folder, const char *name, const char *content)
{
    scoped(free) char *path = folder_file(folder, name);
    FILE *file = fopen(path, "we");

    CHECK(file && fputs(content, file) >= 0 && fclose(file) == 0);
}

static inline void folder_remove(const struct folder *folder, const char *name)
{
    scoped(free) char *path = folder_file(folder, name);

    (void)unlink(path);
}

static inline void folder_done(const struct folder *folder)
{
    scoped(free) char *command = mem_format("rm -r %s", folder->path);

    CHECK(system(command) == 0);
}

/* --- making them --- */

static inline void add_extension(X509 *certificate, int kind, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    CHECK(extension && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/* Self-signed, for names as "DNS:a.example,DNS:*.b.example", which may be NULL. */
static inline X509 *make_certificate(EVP_PKEY *key, const char *common_name, const char *names)
{
    X509 *made = X509_new();

    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 0xa10f);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               (const unsigned char *)common_name, -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(made));
    add_extension(made, NID_basic_constraints, "CA:TRUE");
    if (names)
        add_extension(made, NID_subject_alt_name, names);
    CHECK(X509_sign(made, key, EVP_sha256()) > 0);
    return made;
}

static inline EVP_PKEY *make_key(const char *kind)
{
    EVP_PKEY *key =
        strcmp(kind, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    CHECK(key);
    return key;
}

static inline void folder_put_key(const struct folder *folder, const char *file, EVP_PKEY *key,
                                  const char *passphrase)
{
    scoped(free) char *path = folder_file(folder, file);
    FILE *out = fopen(path, "we");

    CHECK(out && PEM_write_PrivateKey(out, key, passphrase ? EVP_aes_128_cbc() : NULL,
                                      (const unsigned char *)passphrase,
                                      passphrase ? (int)strlen(passphrase) : 0, NULL, NULL) == 1);
    CHECK(fclose(out) == 0);
}

/* NAME.crt and NAME.key. */
static inline void folder_issue(const struct folder *folder, const char *name, const char *kind,
                                const char *names)
{
    scoped(free) char *crt = mem_format("%s/%s.crt", folder->path, name);
    scoped(free) char *key_file = mem_format("%s.key", name);
    EVP_PKEY *key = make_key(kind);
    X509 *certificate = make_certificate(key, name, names);
    FILE *out = fopen(crt, "we");

    CHECK(out && PEM_write_X509(out, certificate) == 1 && fclose(out) == 0);
    folder_put_key(folder, key_file, key, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* --- both ends of a connection --- */

struct pair {
    struct http_door door;
    struct wire wire; /* the server's */
    int fd;           /* the client's */
    SSL_CTX *context;
    SSL *client; /* NULL: it speaks no TLS */
    int server_state;
};

static inline void pair_open(struct pair *pair, struct tls *tls)
{
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    *pair = (struct pair){.door = {.tls = tls}, .wire = {.fd = fds[0]}, .fd = fds[1]};
    if (!tls)
        return;
    wire_secure(&pair->wire, &pair->door);
    pair->context = SSL_CTX_new(TLS_client_method());
    pair->client = SSL_new(pair->context);
    CHECK(SSL_set_fd(pair->client, pair->fd) == 1);
    SSL_set_connect_state(pair->client);
}

/* Whether both sides shook hands. */
static inline bool pair_shake(struct pair *pair)
{
    int client = 0, server = 0;

    for (int turn = 0; turn < 20 && (client <= 0 || server == 0); turn++) {
        if (client <= 0) {
            client = SSL_do_handshake(pair->client);
            if (client <= 0 && SSL_get_error(pair->client, client) != SSL_ERROR_WANT_READ)
                break;
        }
        if (server == 0)
            server = wire_shake(&pair->wire);
        if (server < 0)
            break;
    }
    if (server == 0) /* what the client said last */
        server = wire_shake(&pair->wire);
    pair->server_state = server;
    return client > 0 && server > 0;
}

static inline void pair_close(struct pair *pair)
{
    wire_done(&pair->wire);
    close(pair->wire.fd);
    SSL_free(pair->client);
    SSL_CTX_free(pair->context);
    close(pair->fd);
    ERR_clear_error();
}
