/* SPDX-License-Identifier: Apache-2.0 */
#include "http/wire.h"

#include <sys/ioctl.h>

#include "tls_peer.h"

static struct tls *make_tls(struct folder *folder)
{
    const struct tls_options options = {.certificates = folder->path};
    struct error err;

    folder_init(folder);
    folder_issue(folder, "default", "EC", "DNS:localhost");
    struct tls *tls = tls_open(&options, &err);
    CHECK_MSG(tls, "%s", err.text);
    return tls;
}

TEST(a_plain_wire_is_its_socket)
{
    struct pair pair;
    char heard[16];

    pair_open(&pair, NULL);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == -1 && errno == EAGAIN);
    CHECK(wire_send(&pair.wire, TEXT("one,"), TEXT("two")) == 7);
    CHECK(wire_send(&pair.wire, TEXT("!"), TEXT_NONE) == 1);
    CHECK(recv(pair.fd, heard, sizeof heard, 0) == 8 && memcmp(heard, "one,two!", 8) == 0);
    CHECK(send(pair.fd, "hello", 5, 0) == 5);
    CHECK(wire_receive(&pair.wire, heard, 3) == 3 && memcmp(heard, "hel", 3) == 0);
    CHECK(!wire_has_input(&pair.wire)); /* the socket says so itself */
    CHECK(!wire_speaks_h2(&pair.wire));
    wire_finish(&pair.wire);
    CHECK(recv(pair.fd, heard, sizeof heard, 0) == 0);
    CHECK(wire_drop(&pair.wire, heard, sizeof heard) == 2);
    close(pair.fd);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == 0);
    CHECK(wire_send(&pair.wire, TEXT("x"), TEXT_NONE) == -1 && errno == EPIPE);
    pair.fd = -1;
    pair_close(&pair);
}

TEST(what_tls_has_read_already_is_told_of)
{
    struct folder folder;
    struct tls *tls = make_tls(&folder);
    struct pair pair;
    char heard[16];
    size_t count;

    pair_open(&pair, tls);
    CHECK(pair_shake(&pair));
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == -1 && errno == EAGAIN);
    CHECK(!wire_has_input(&pair.wire));
    CHECK(SSL_write_ex(pair.client, "hello", 5, &count) == 1);
    CHECK(SSL_write_ex(pair.client, "world", 5, &count) == 1);
    CHECK(wire_receive(&pair.wire, heard, 3) == 3 && memcmp(heard, "hel", 3) == 0);
    CHECK(wire_has_input(&pair.wire)); /* the socket may have nothing more */
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == 2 && memcmp(heard, "lo", 2) == 0);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == 5 && memcmp(heard, "world", 5) == 0);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == -1 && errno == EAGAIN);
    CHECK(!wire_has_input(&pair.wire));
    SSL_shutdown(pair.client);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == 0);
    pair_close(&pair);
    tls_unref(tls);
    folder_done(&folder);
}

/* The client renews its keys count times, all of it in one piece on the socket. */
static void renew_keys(struct pair *pair, int count)
{
    BIO *all = BIO_new(BIO_s_mem()), *socket = SSL_get_wbio(pair->client);
    char *at;

    BIO_up_ref(socket);
    SSL_set0_wbio(pair->client, all);
    for (int i = 0; i < count; i++)
        CHECK(SSL_key_update(pair->client, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
              SSL_do_handshake(pair->client) == 1);
    long len = BIO_get_mem_data(all, &at);
    CHECK(send(pair->fd, at, (size_t)len, 0) == len);
    SSL_set0_wbio(pair->client, socket);
}

TEST(a_client_that_only_renews_its_keys_is_ended)
{
    struct folder folder;
    struct tls *tls = make_tls(&folder);
    struct pair pair;
    char heard[16];
    size_t count;
    int left, calls = 0;

    pair_open(&pair, tls);
    CHECK(pair_shake(&pair));
    renew_keys(&pair, 10);
    CHECK(SSL_write_ex(pair.client, "hello", 5, &count) == 1);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == 5);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == -1 && errno == EAGAIN);

    renew_keys(&pair, 3000);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == -1 && errno == EAGAIN);
    CHECK(ioctl(pair.wire.fd, FIONREAD, &left) == 0 && left > 0); /* others have their turn */
    while (wire_receive(&pair.wire, heard, sizeof heard) == -1 && errno == EAGAIN && calls < 100)
        calls++;
    CHECK_MSG(errno == EPROTO && calls < 100, "%s", strerror(errno));
    pair_close(&pair);
    tls_unref(tls);
    folder_done(&folder);
}

/* Takes what is there, so that the other side can go on. */
static size_t take_some(struct pair *pair, char *to, size_t max)
{
    size_t count, sum = 0;

    while (sum < max && SSL_read_ex(pair->client, to + sum, max - sum, &count) == 1)
        sum += count;
    return sum;
}

TEST(a_large_answer_goes_out_as_the_client_takes_it)
{
    enum { SIZE = 3 << 20, HEAD = 100 };
    struct folder folder;
    struct tls *tls = make_tls(&folder);
    struct pair pair;
    char *body = mem_alloc(SIZE), *heard = mem_alloc(SIZE);
    size_t sent = 0, got = 0;
    bool was_full = false;

    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 2654435761u >> 24);
    pair_open(&pair, tls);
    CHECK(pair_shake(&pair));
    while (sent < SIZE) {
        struct text rest = text_from(body + sent, SIZE - sent);
        /* At first a head and a body from where it is; what is left of both is gathered. */
        size_t first = sent == 0 ? HEAD : rest.len;
        ssize_t count = wire_send(&pair.wire, text_slice(rest, 0, first), text_skip(rest, first));
        sent += count > 0 ? (size_t)count : 0;
        if (count > 0)
            continue;
        CHECK(errno == EAGAIN);
        was_full = true;
        got += take_some(&pair, heard + got, SIZE - got);
    }
    got += take_some(&pair, heard + got, SIZE - got);
    CHECK(was_full && got == SIZE && memcmp(heard, body, SIZE) == 0);
    wire_finish(&pair.wire);
    CHECK(SSL_read(pair.client, heard, 1) == 0);
    CHECK(SSL_get_shutdown(pair.client) & SSL_RECEIVED_SHUTDOWN);
    pair_close(&pair);
    free(body);
    free(heard);
    tls_unref(tls);
    folder_done(&folder);
}

TEST(protocols_are_agreed_on)
{
    static const struct {
        const char *offered;
        bool shakes, is_h2;
    } cases[] = {
        {NULL, true, false},
        {"\x02h2", true, true},
        {"\x08http/1.1", true, false},
        {"\x08http/1.1\x02h2", true, true}, /* ours first */
        {"\x03"
         "foo\x08http/1.1",
         true, false},
        {"\x03"
         "foo",
         false, false},
    };
    struct folder folder;
    struct tls *tls = make_tls(&folder);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pair pair;
        pair_open(&pair, tls);
        if (cases[i].offered)
            CHECK(SSL_set_alpn_protos(pair.client, (const unsigned char *)cases[i].offered,
                                      (unsigned)strlen(cases[i].offered)) == 0);
        CHECK_MSG(pair_shake(&pair) == cases[i].shakes, "case %zu", i);
        CHECK_MSG(wire_speaks_h2(&pair.wire) == cases[i].is_h2, "case %zu", i);
        pair_close(&pair);
    }
    tls_unref(tls);
    folder_done(&folder);
}

TEST(who_speaks_no_tls_is_turned_away)
{
    static const char garbage[] = "\x16\x03\x01\x00\x02\xff\xff garbage";
    struct folder folder;
    struct tls *tls = make_tls(&folder);
    struct pair pair;
    char heard[300] = "";

    pair_open(&pair, tls);
    CHECK(wire_shake(&pair.wire) == 0); /* the client's turn */
    CHECK(send(pair.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0) == 18);
    CHECK(wire_shake(&pair.wire) == -1);
    CHECK(recv(pair.fd, heard, sizeof heard - 1, 0) > 0);
    CHECK(strncmp(heard, "HTTP/1.1 400 ", 13) == 0 && strstr(heard, "https://"));
    pair_close(&pair);

    pair_open(&pair, tls);
    CHECK(send(pair.fd, garbage, sizeof garbage, 0) > 0);
    CHECK(wire_shake(&pair.wire) == -1);
    pair_close(&pair);

    pair_open(&pair, tls); /* one that leaves */
    close(pair.fd);
    CHECK(wire_shake(&pair.wire) == -1);
    pair.fd = -1;
    pair_close(&pair);
    tls_unref(tls);
    folder_done(&folder);
}

TEST(a_connection_keeps_what_it_began_with)
{
    struct folder folder;
    struct tls *tls = make_tls(&folder);
    struct pair pair;
    char heard[8];
    size_t count;

    pair_open(&pair, tls);
    tls_unref(tls); /* read anew meanwhile */
    CHECK(pair_shake(&pair));
    CHECK(SSL_write_ex(pair.client, "hello", 5, &count) == 1);
    CHECK(wire_receive(&pair.wire, heard, sizeof heard) == 5);
    pair_close(&pair);
    folder_done(&folder);
}
