/* SPDX-License-Identifier: Apache-2.0 */
#include "http/wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/scoped.h"
#include "http/server.h"
#include "http/tls_priv.h"

#define READS_MAX 2                /* of the socket in a call; a record needs seldom more */
#define CONTENTLESS_MAX (64 << 10) /* bytes in a row; no record is half as long */

/* Of the socket, before and after each use. */
static long on_socket(BIO *bio, int use, const char *at, size_t len, int argi, long argl, int result,
                      size_t *count)
{
    struct wire *wire = (struct wire *)(void *)BIO_get_callback_arg(bio);

    if (use != BIO_CB_READ)
        return result;
    if (wire->reads_left-- > 0)
        return 1;
    BIO_set_retry_read(bio);
    return -1;
}

void wire_secure(struct wire *wire, const struct http_door *door)
{
    wire->tls = tls_ref(door->tls);
    wire->ssl = tls_begin(door->tls, wire->fd, door);
    BIO *bio = SSL_get_rbio(wire->ssl);
    BIO_set_callback_arg(bio, (char *)wire);
    BIO_set_callback_ex(bio, on_socket);
}

static uint64_t bytes_read(const struct wire *wire)
{
    return BIO_number_read(SSL_get_rbio(wire->ssl));
}

/* Whoever speaks plain HTTP here is told in the language it understands. */
static void answer_plainly(struct wire *wire)
{
    static const char answer[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 53\r\nConnection: close\r\n\r\n"
        "This port speaks HTTPS: the URL begins with https://.";

    (void)!send(wire->fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What a call of OpenSSL that did not succeed means in terms of recv() and send(). */
static ssize_t fail(struct wire *wire, int result)
{
    int system_error = errno;

    switch (SSL_get_error(wire->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        wire->wants_write = true;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        errno = system_error && system_error != EAGAIN ? system_error : ECONNRESET;
        return -1;
    default:
        errno = EPROTO;
        return -1;
    }
}

int wire_shake(struct wire *wire)
{
    ERR_clear_error();
    errno = 0;
    wire->wants_write = false;
    wire->reads_left = READS_MAX;
    int result = SSL_do_handshake(wire->ssl);
    if (result == 1) {
        wire->shaken = true;
        wire->content_at = bytes_read(wire);
        return 1;
    }
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST)
        answer_plainly(wire);
    return fail(wire, result) < 0 && errno == EAGAIN ? 0 : -1;
}

ssize_t wire_receive(struct wire *wire, void *at, size_t max)
{
    if (!wire->ssl)
        return recv(wire->fd, at, max, MSG_DONTWAIT);
    size_t count;
    ERR_clear_error();
    errno = 0;
    wire->wants_write = false;
    wire->drained = false;
    wire->reads_left = READS_MAX;
    int result = SSL_read_ex(wire->ssl, at, max, &count);
    if (result == 1) {
        wire->content_at = bytes_read(wire);
        return (ssize_t)count;
    }
    wire->drained = true;
    ssize_t failed = fail(wire, result);
    if (failed < 0 && bytes_read(wire) - wire->content_at > CONTENTLESS_MAX)
        errno = EPROTO;
    return failed;
}

static ssize_t send_plain(int fd, struct text first, struct text second)
{
    if (second.len == 0)
        return send(fd, first.at, first.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    struct iovec parts[] = {{(void *)(uintptr_t)first.at, first.len},
                            {(void *)(uintptr_t)second.at, second.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = COUNT_OF(parts)};
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Record by record, until the socket is full. */
static ssize_t send_secured(struct wire *wire, struct text bytes)
{
    size_t sent = 0, count;

    while (sent < bytes.len) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_write_ex(wire->ssl, bytes.at + sent, bytes.len - sent, &count);
        if (result != 1)
            return fail(wire, result) < 0 && errno == EAGAIN && sent > 0 ? (ssize_t)sent : -1;
        sent += count;
    }
    return (ssize_t)sent;
}

ssize_t wire_send(struct wire *wire, struct text first, struct text second)
{
    if (!wire->ssl)
        return send_plain(wire->fd, first, second);
    bool wanted_write = wire->wants_write; /* of a read; a write that waits is in `out` */
    ssize_t head = first.len > 0 ? send_secured(wire, first) : 0;
    ssize_t body = 0;
    if (head == (ssize_t)first.len && second.len > 0)
        body = send_secured(wire, second);
    wire->wants_write = wanted_write;
    if (body < 0 && head > 0 && errno == EAGAIN)
        body = 0;
    return head < 0 || body < 0 ? -1 : head + body;
}

bool wire_has_input(const struct wire *wire)
{
    return wire->ssl && wire->shaken && !wire->drained && SSL_has_pending(wire->ssl);
}

void wire_finish(struct wire *wire)
{
    if (wire->ssl && wire->shaken) {
        ERR_clear_error();
        (void)SSL_shutdown(wire->ssl);
    }
    (void)shutdown(wire->fd, SHUT_WR);
}

ssize_t wire_drop(struct wire *wire, void *at, size_t max)
{
    return recv(wire->fd, at, max, MSG_DONTWAIT);
}

void wire_done(struct wire *wire)
{
    SSL_free(wire->ssl);
    tls_unref(wire->tls);
    wire->ssl = NULL;
    wire->tls = NULL;
}

bool wire_speaks_h2(const struct wire *wire)
{
    const unsigned char *name;
    unsigned len;

    if (!wire->ssl)
        return false;
    SSL_get0_alpn_selected(wire->ssl, &name, &len);
    return text_equal(text_from(name, len), TEXT("h2"));
}
