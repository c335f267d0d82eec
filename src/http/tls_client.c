/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "http/tls.h"

/* What was written since, into the arena. */
static struct text drain(BIO *bio, struct arena *arena)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    struct text text = arena_copy(arena, text_from(at, (size_t)len));

    (void)BIO_reset(bio);
    return text;
}

static struct text name_text(const X509_NAME *name, BIO *bio, struct arena *arena)
{
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
    return drain(bio, arena);
}

static struct text time_text(const ASN1_TIME *time, BIO *bio, struct arena *arena)
{
    ASN1_TIME_print(bio, time);
    return drain(bio, arena);
}

static struct text serial_text(const X509 *x509, BIO *bio, struct arena *arena)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);

    for (int i = 0; i < ASN1_STRING_length(serial); i++)
        BIO_printf(bio, "%s%02x", i > 0 ? ":" : "", bytes[i]);
    return drain(bio, arena);
}

const struct tls_client *tls_client_read(const struct ssl_st *ssl, struct arena *arena)
{
    X509 *x509 = ssl ? SSL_get0_peer_certificate(ssl) : NULL;

    if (!x509)
        return NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    assert(bio);
    struct tls_client *client = arena_zalloc(arena, sizeof *client);
    PEM_write_bio_X509(bio, x509);
    client->pem = drain(bio, arena);
    client->subject = name_text(X509_get_subject_name(x509), bio, arena);
    client->issuer = name_text(X509_get_issuer_name(x509), bio, arena);
    client->serial = serial_text(x509, bio, arena);
    client->not_before = time_text(X509_get0_notBefore(x509), bio, arena);
    client->not_after = time_text(X509_get0_notAfter(x509), bio, arena);
    BIO_free(bio);
    return client;
}
