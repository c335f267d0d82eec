/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include "server_world.h"

TEST(a_connection_serves_many_requests_one_after_another)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    for (int i = 0; i < 100; i++) {
        say(fd, GET("/hello"));
        hear(fd, HELLO);
        say(fd, GET("/later"));
        hear(fd, LATER);
    }
    say(fd, GET("/missing"));
    hear(fd, "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n");
    say(fd, GET("/context"));
    hear(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\ncontext");
    close(fd);
    stop(&fixture, 202, 0);
}

TEST(a_half_closed_client_still_gets_its_answers)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/later") GET("/hello"));
    shutdown(fd, SHUT_WR);
    hear_last(fd, LATER HELLO);
    stop(&fixture, 2, 0);
}

#define SWITCHED \
    "HTTP/1.1 101 Switching Protocols\r\nX-Own: 1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

TEST(a_stream_can_carry_another_protocol)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/hello") GET("/tunnel") "early");
    hear(fd, HELLO SWITCHED "early");
    say(fd, GET("/hello"));
    hear(fd, GET("/hello"));
    say(fd, "bye");
    hear_last(fd, "bye");

    int gone = dial(&fixture);
    say(gone, GET("/tunnel"));
    hear(gone, SWITCHED);
    CHECK(shutdown(gone, SHUT_WR) == 0);
    hear_last(gone, "");
    stop(&fixture, 3, 1);
}

TEST(another_protocol_ends_when_the_server_drains)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/tunnel"));
    hear(fd, SWITCHED);
    loop_post(fixture.loop, &fixture.drain);
    hear_last(fd, "the end");
    loop_join(fixture.loop);
    loop_free(fixture.loop);
    check_counts(1, 0);
}

TEST(a_client_that_resets_its_connection_resets_its_stream)
{
    struct fixture fixture;
    const struct linger abort = {.l_onoff = 1};

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/hello") GET("/silence"));
    hear(fd, HELLO);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
    close(fd);
    stop(&fixture, 2, 1);
}

TEST(connections_beyond_the_limit_wait)
{
    static const struct http_limits limits = {.connections_max = 1, .body_max = 1};
    struct fixture fixture;

    start(&fixture, &limits);
    int first = dial(&fixture), second = dial(&fixture);
    say(second, GET("/hello"));
    say(first, GET("/later"));
    hear(first, LATER);
    CHECK(counts.requests == 1);
    close(first);
    hear(second, HELLO);
    close(second);
    stop(&fixture, 2, 0);
}

TEST(a_server_drains_after_the_answers_under_way)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int idle = dial(&fixture), busy = dial(&fixture), streaming = dial(&fixture);
    say(idle, GET("/hello"));
    hear(idle, HELLO);
    say(streaming, GET("/cut"));
    hear(streaming, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
    say(busy,
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hear(busy, "HTTP/1.1 100 Continue\r\n\r\n");
    loop_post(fixture.loop, &fixture.drain);
    hear_last(idle, "");
    say(busy, "abc");
    hear_last(busy, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    hear_last(streaming, "");
    loop_join(fixture.loop); /* drained() has stopped it */
    loop_free(fixture.loop);
    check_counts(3, 1);
}

TEST(a_closed_server_resets_what_is_under_way)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/hello") GET("/silence"));
    hear(fd, HELLO);
    stop(&fixture, 2, 1);
    hear_last(fd, "");
}

TEST(an_address_is_numeric_and_has_a_port)
{
    static const char *const bad[] = {
        "",      "127.0.0.1",   "127.0.0.1:", ":80",   "localhost:80", "::1:80",
        "[::1]", "[::1]:65536", "1.2.3:80",   "[]:80", "127.0.0.1:x"};
    struct error err;
    uint16_t port, same;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_MSG(http_bind(text_of(bad[i]), &port, &err) < 0, "'%s' was accepted", bad[i]);
        CHECK(err.code == ERROR_INVALID);
    }
    int first = http_bind(TEXT("127.0.0.1:0"), &port, &err);
    CHECK_MSG(first >= 0 && port > 0, "%s", err.text);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    int second = http_bind(text_of(address), &same, &err); /* the next shard's */
    CHECK_MSG(second >= 0 && same == port, "%s", err.text);
    close(first);
    close(second);
}
