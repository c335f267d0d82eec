/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "http/server.h"
#include "http/tls_priv.h"

/*
 * A name with authorities of its own is found in the ClientHello, before a session is looked for:
 * a session that began under another name, or under other authorities, must not be resumed, for
 * then nobody would ask for the certificate. The context of the session's id keeps them apart,
 * and its first byte tells afterwards what a handshake was held to.
 */

#define MARK 'M' /* of other handshakes it begins "evoke" */
#define AUTHORITIES_MAX 1000 /* AWS's */

struct tls_clients {
    atomic_int references;
    X509_STORE *store;
    STACK_OF(X509_NAME) * names;
    uint8_t id[SHA256_LEN];
};

DEFINE_SCOPED(struct tls_clients *, tls_clients_unref)
DEFINE_SCOPED(BIO *, BIO_free_all)

static int on_passphrase(char *out, int size, int writing, void *arg)
{
    return -1;
}

static int add_authority(struct tls_clients *clients, X509 *authority, struct error *err)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(authority));
    bool is_added = sk_X509_NAME_num(clients->names) < AUTHORITIES_MAX &&
                    X509_STORE_add_cert(clients->store, authority) == 1;

    X509_free(authority);
    sk_X509_NAME_push(clients->names, name);
    return is_added ? 0
                    : error_set(err, ERROR_LIMIT, "there are more than %d authorities in it",
                                AUTHORITIES_MAX);
}

static int read_authorities(struct tls_clients *clients, struct text pem, struct error *err)
{
    scoped(BIO_free_all) BIO *bio = BIO_new_mem_buf(pem.len ? pem.at : "", (int)pem.len);

    for (X509 *next; (next = PEM_read_bio_X509(bio, NULL, on_passphrase, NULL));)
        if (add_authority(clients, next, err) < 0)
            return -1;
    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (is_end && sk_X509_NAME_num(clients->names) > 0)
        return 0;
    return error_set(err, ERROR_INVALID, is_end ? "there is no PEM certificate in it"
                                                : "a PEM certificate in it is not understood");
}

struct tls_clients *tls_clients_parse(struct text pem, struct error *err)
{
    scoped(tls_clients_unref) struct tls_clients *clients = tls_clients_nobody();

    crypto_sha256(pem, clients->id);
    clients->id[0] = MARK;
    ERR_clear_error();
    if (read_authorities(clients, pem, err) < 0)
        return NULL;
    return take(clients);
}

struct tls_clients *tls_clients_nobody(void)
{
    struct tls_clients *clients = mem_new(struct tls_clients);

    atomic_init(&clients->references, 1);
    clients->store = X509_STORE_new();
    clients->names = sk_X509_NAME_new_null();
    clients->id[0] = MARK;
    assert(clients->store && clients->names);
    return clients;
}

void tls_clients_unref(struct tls_clients *clients)
{
    if (!clients || atomic_fetch_sub(&clients->references, 1) > 1)
        return;
    X509_STORE_free(clients->store);
    sk_X509_NAME_pop_free(clients->names, X509_NAME_free);
    free(clients);
}

/* --- a handshake --- */

/* RFC 6066 3: a list of names, of which clients send one. */
static struct text asked_name(SSL *ssl)
{
    const unsigned char *at;
    size_t len;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &len) != 1 || len < 5 ||
        at[2] != TLSEXT_NAMETYPE_host_name)
        return TEXT_NONE;
    return text_slice(text_from(at + 5, len - 5), 0, (size_t)at[3] << 8 | at[4]);
}

static void demand(SSL *ssl, const struct tls_clients *clients)
{
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    int fine = (int)SSL_set1_verify_cert_store(ssl, clients->store) &
               SSL_set_session_id_context(ssl, clients->id, sizeof clients->id);
    assert(fine);
    SSL_set_client_CA_list(ssl, SSL_dup_CA_list(clients->names));
}

int tls_on_hello(struct ssl_st *ssl, int *ret_alert, void *arg)
{
    const struct http_door *door = SSL_get_app_data(ssl);
    struct text name = door && door->clients ? asked_name(ssl) : TEXT_NONE;
    const struct tls_clients *clients =
        name.len > 0 ? door->clients(door->context, name) : NULL;

    if (clients)
        demand(ssl, clients);
    return SSL_CLIENT_HELLO_SUCCESS;
}

struct text tls_proven_name(const struct ssl_st *ssl)
{
    const SSL_SESSION *session = ssl ? SSL_get_session(ssl) : NULL;
    unsigned len = 0;
    const unsigned char *id = session ? SSL_SESSION_get0_id_context(session, &len) : NULL;

    if (len != SHA256_LEN || id[0] != MARK || !SSL_get0_peer_certificate(ssl) ||
        SSL_get_verify_result(ssl) != X509_V_OK)
        return TEXT_NONE;
    return text_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
}
