/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/ranges.h"
#include "http/server.h"
#include "test.h"

/* A real server behind a listener that expects headers; it answers who its client is. */

static void on_request(struct http_stream *stream)
{
    const struct sockaddr_in *peer = (const struct sockaddr_in *)&stream->peer;
    char address[INET_ADDRSTRLEN], body[100];

    inet_ntop(AF_INET, &peer->sin_addr, address, sizeof address);
    int len = snprintf(body, sizeof body, "%s:%d>%d", address, ntohs(peer->sin_port), stream->port);
    http_respond(stream, 200, NULL, 0, text_from(body, (size_t)len));
}

static bool on_body(struct http_stream *stream, struct text chunk)
{
    return true;
}

static void on_end(struct http_stream *stream)
{
}

static void on_close(struct http_stream *stream, bool reset)
{
}

static const struct http_app app = {
    .on_request = on_request, .on_body = on_body, .on_end = on_end, .on_close = on_close};

static struct {
    struct loop *loop;
    struct http_server *server;
    struct ranges *trusted;
    struct http_door door;
    struct loop_message close;
    uint16_t port;
} f;

static void on_close_message(struct loop_message *message)
{
    http_server_close(f.server);
}

static void start(const char *trusted, int64_t head_ms)
{
    struct http_limits limits = http_limits_public;
    struct error err;

    limits.head_ms = head_ms;
    f.loop = loop_new("server");
    f.close.run = on_close_message;
    f.server = http_server_new(f.loop, &limits);
    f.trusted = ranges_of_list(text_of(trusted), &err);
    int fd = http_bind(TEXT("127.0.0.1:0"), &f.port, &err);
    CHECK(f.trusted && fd >= 0);
    f.door = (struct http_door){.app = &app, .port = f.port, .proxies = f.trusted};
    http_listen_door(f.server, fd, &f.door);
    CHECK(loop_start(f.loop, &err) == 0);
}

static void stop(void)
{
    loop_post(f.loop, &f.close);
    loop_stop(f.loop);
    loop_join(f.loop);
    loop_free(f.loop);
    ranges_free(f.trusted);
}

static int dial(void)
{
    const struct timeval patience = {.tv_sec = 10};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(f.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    return fd;
}

static void say(int fd, struct text text)
{
    (void)!send(fd, text.at, text.len, MSG_NOSIGNAL); /* it may be closed already */
}

/* Until the server closes. */
static struct text hear(int fd, struct buffer *heard)
{
    ssize_t count;

    do {
        char *room = buffer_room(heard, 4096);
        count = recv(fd, room, 4096, 0);
        CHECK(count >= 0 || errno == ECONNRESET);
        buffer_added(heard, count > 0 ? (size_t)count : 0);
    } while (count > 0);
    close(fd);
    return buffer_text(heard);
}

static struct text body_of(struct text answer)
{
    return text_skip(answer, text_find_text(answer, TEXT("\r\n\r\n")) + 4);
}

#define GET TEXT("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
#define V1 TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n")
#define V2 \
    TEXT("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb")

TEST(the_client_is_who_the_proxy_says)
{
    const struct text headers[] = {V1, V2};

    start("127.0.0.0/8", 10000);
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        scoped(buffer_done) struct buffer all = {0}, heard = {0};
        int fd = dial();
        buffer_add_text(&all, headers[i]);
        buffer_add_text(&all, GET);
        say(fd, buffer_text(&all));
        CHECK_TEXT(body_of(hear(fd, &heard)), "192.0.2.1:56324>443");
    }
    stop();
}

TEST(a_header_may_come_byte_by_byte)
{
    scoped(buffer_done) struct buffer heard = {0};
    const struct text header = V2;

    start("127.0.0.1", 10000);
    int fd = dial(), on = 1;
    CHECK(setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on) == 0);
    for (size_t i = 0; i < header.len; i++)
        say(fd, text_slice(header, i, i + 1));
    say(fd, GET);
    CHECK_TEXT(body_of(hear(fd, &heard)), "192.0.2.1:56324>443");
    stop();
}

TEST(a_proxy_may_speak_for_itself)
{
    scoped(buffer_done) struct buffer heard = {0};
    char own[100];

    start("127.0.0.1", 10000);
    int fd = dial();
    struct sockaddr_in name;
    socklen_t len = sizeof name;
    CHECK(getsockname(fd, (struct sockaddr *)&name, &len) == 0);
    snprintf(own, sizeof own, "127.0.0.1:%d>%d", ntohs(name.sin_port), f.port);
    say(fd, TEXT("PROXY UNKNOWN\r\n"));
    say(fd, GET);
    CHECK_TEXT(body_of(hear(fd, &heard)), own);
    stop();
}

TEST(whoever_says_nothing_proper_is_closed_without_an_answer)
{
    const struct text sayings[] = {GET, TEXT("PROXY TCP4 1 2 3 4\r\n"), TEXT("\x16\x03\x01"),
                                   TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 ")};

    start("127.0.0.1", 100); /* the last one is closed by time */
    for (size_t i = 0; i < COUNT_OF(sayings); i++) {
        scoped(buffer_done) struct buffer heard = {0};
        int fd = dial();
        say(fd, sayings[i]);
        CHECK_MSG(hear(fd, &heard).len == 0, "saying %zu", i);
    }
    int fd = dial(); /* one that only looks */
    close(fd);
    stop();
}

TEST(only_proxies_are_let_in)
{
    scoped(buffer_done) struct buffer heard = {0};

    start("10.0.0.0/8", 10000);
    int fd = dial();
    say(fd, V1);
    say(fd, GET);
    CHECK(hear(fd, &heard).len == 0);
    stop();
}
