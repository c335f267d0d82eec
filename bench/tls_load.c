/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scoped.h"
#include "base/text.h"

/*
 * Load for TLS handshakes: each client connects, shakes hands, has one CORS preflight answered
 * and resets the connection, again and again. The request makes sure that the server is done
 * with the handshake, and brings the tickets of TLS 1.3. Wrk and h2load keep their connections.
 *
 * usage: tls_load ADDRESS PORT PATH CLIENTS SECONDS full|resumed
 * prints: connections a second. Fails when a session that was to be resumed was not.
 */
static struct {
    const char *address;
    char request[512];
    int port;
    bool resumes;
    int64_t until_us;
    SSL_CTX *ctx;
    atomic_llong done;
} load;

static void die(const char *what)
{
    fprintf(stderr, "tls_load: %s\n", what);
    exit(1);
}

static int connect_client(void)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load.port)};
    const struct linger reset = {.l_onoff = 1}; /* leaves no port in TIME_WAIT */
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (inet_pton(AF_INET, load.address, &peer.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0)
        die("cannot connect");
    return fd;
}

/* The session that the next connection may resume. */
static SSL_SESSION *ask(SSL *ssl, SSL_SESSION *session)
{
    char answer[4096];

    if (session)
        SSL_set_session(ssl, session);
    if (SSL_connect(ssl) != 1)
        die("the handshake failed");
    if (session && !SSL_session_reused(ssl))
        die("the session was not resumed");
    if (SSL_write(ssl, load.request, (int)strlen(load.request)) <= 0 ||
        SSL_read(ssl, answer, sizeof answer) < 12 || memcmp(answer, "HTTP/1.1 204", 12) != 0)
        die("the request was not answered with 204");
    SSL_SESSION_free(session);
    return load.resumes ? SSL_get1_session(ssl) : NULL;
}

static void *run_client(void *arg)
{
    SSL_SESSION *session = NULL;

    while (clock_mono_us() < load.until_us) {
        int fd = connect_client();
        SSL *ssl = SSL_new(load.ctx);
        SSL_set_fd(ssl, fd);
        session = ask(ssl, session);
        SSL_set_quiet_shutdown(ssl, 1);
        (void)SSL_shutdown(ssl); /* else OpenSSL takes the session for a bad one */
        SSL_free(ssl);
        close(fd);
        atomic_fetch_add(&load.done, 1);
    }
    SSL_SESSION_free(session);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[256];
    int64_t port, count;

    if (argc != 7 || !text_to_int(text_of(argv[2]), 1, 65535, &port) ||
        !text_to_int(text_of(argv[4]), 1, COUNT_OF(threads), &count))
        die("usage: tls_load ADDRESS PORT PATH CLIENTS SECONDS full|resumed");
    load.address = argv[1];
    load.port = (int)port;
    snprintf(load.request, sizeof load.request,
             "OPTIONS %s HTTP/1.1\r\nHost: localhost\r\nOrigin: https://example.com\r\n"
             "Access-Control-Request-Method: GET\r\n\r\n",
             argv[3]);
    load.resumes = strcmp(argv[6], "resumed") == 0;
    load.ctx = SSL_CTX_new(TLS_client_method());
    double seconds = strtod(argv[5], NULL);
    load.until_us = clock_mono_us() + (int64_t)(seconds * 1e6);
    for (int64_t i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, run_client, NULL);
    for (int64_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    printf("%.0f\n", (double)atomic_load(&load.done) / seconds);
    return 0;
}
