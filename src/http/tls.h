/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

/*
 * What new TLS connections begin with: certificates, chosen by the name the client asks
 * for (SNI), and who clients must be. Immutable and counted; any thread. TLS 1.2 and 1.3
 * with Mozilla's "intermediate" ciphers, no renegotiation, no compression, no early data;
 * resumption by tickets; ALPN h2 and http/1.1.
 */
struct tls;

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

struct tls_options {
    const char *certificates; /* folder of NAME.crt (chain, leaf first) and NAME.key, PEM */
    const char *client_ca;    /* PEM of the authorities whose client certificates count */
    enum tls_client_auth client_auth;
};

/* Reads the folder (blocks). A certificate serves the DNS names in it, wildcards of one label
 * included; "default", or else the first by name, serves all others and clients without SNI.
 * Several of one name may differ in their kind of key. Fails with a sentence that names the
 * file. */
struct tls *tls_open(const struct tls_options *options, struct error *err);
struct tls *tls_ref(struct tls *tls);
void tls_unref(struct tls *tls);
size_t tls_certificate_count(const struct tls *tls);

/*
 * Who the clients of one name must be, whatever struct tls says of others: authorities whose
 * certificates it takes, without one of which there is no connection. Immutable and counted; any
 * thread.
 */
struct tls_clients;
/* Of the authorities in a text of PEM. Fails when there is none, or more than AWS's 1,000. */
struct tls_clients *tls_clients_parse(struct text pem, struct error *err);
struct tls_clients *tls_clients_nobody(void); /* takes no certificate */
void tls_clients_unref(struct tls_clients *clients); /* NULL does nothing */

/* --- of a connection: stream->tls, an SSL of OpenSSL --- */

struct ssl_st;
/* The name that the client asked for, if that name has clients of its own and this is one of them;
 * else TEXT_NONE. */
struct text tls_proven_name(const struct ssl_st *ssl);

/* The certificate that the client proved to have; in the forms AWS's events show. */
struct tls_client {
    struct text pem;
    struct text subject, issuer;       /* RFC 2253, as "CN=alice,O=Example" */
    struct text serial;                /* "a1:0f:..." */
    struct text not_before, not_after; /* "May 28 12:30:02 2019 GMT" */
};
/* NULL when there is none; else in the arena. */
const struct tls_client *tls_client_read(const struct ssl_st *ssl, struct arena *arena);
