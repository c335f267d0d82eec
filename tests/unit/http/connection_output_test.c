/* SPDX-License-Identifier: Apache-2.0 */
#include "server_world.h"

TEST(answers_are_framed_for_their_request)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {GET("/chunks"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\none\r\n3\r\ntwo\r\n0\r\nX-Trailer: t\r\n\r\n"},
        {GET("/length"), OK("6") "onetwo"},
        {GET("/long"), OK("5") "onetw"},
        {GET("/empty"), "HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n"},
        {"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"},
        {"HEAD /chunks HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"HEAD /short HTTP/1.1\r\nHost: a\r\n\r\n", OK("7")},
        {GET("/inject"), "HTTP/1.1 299 Unknown\r\nX-Good: yes\r\nContent-Length: 1\r\n\r\nx"},
        {"POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\nX-Trailer: yes\r\n\r\n",
         OK("3") "yes"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\n\r\n", OK("0")},
        {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
         "Connection: keep-alive\r\n\r\nhello"},
    };
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        say(fd, cases[i].request);
        hear(fd, cases[i].answer);
    }
    close(fd);
    stop(&fixture, COUNT_OF(cases), 0);
}

TEST(the_last_answer_of_a_connection_says_so)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {"GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/hello"),
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
         "Connection: close\r\n\r\nlater"},
        {"GET /length HTTP/1.0\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nonetwo"},
        {"GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwo"},
        {GET("/close") GET("/hello"),
         "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye"},
        {GET("/hello") GET("/short"), HELLO OK("7") "onetwo"},
        {GET("/cut"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n"},
        {GET("/hello") GET("/abort"), HELLO},
    };
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int fd = dial(&fixture);
        say(fd, cases[i].request);
        hear_last(fd, cases[i].answer);
    }
    stop(&fixture, 9, 3);
}

TEST(a_slow_client_makes_the_application_wait)
{
    struct fixture fixture;
    scoped(buffer_done) struct buffer heard = {0};

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "GET /pieces HTTP/1.0\r\n\r\n");
    while (hear_some(fd, &heard))
        ;
    CHECK_MSG(heard.len > (size_t)PIECE_BYTES * PIECES, "%zu bytes", heard.len);
    CHECK(counts.writables > 0);
    close(fd);
    fd = dial(&fixture); /* and one that goes away meanwhile */
    say(fd, GET("/pieces"));
    CHECK(hear_some(fd, &heard));
    const struct linger abort = {.l_onoff = 1};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
    close(fd);
    stop(&fixture, 2, 1);
}

static void check_dropped_beside_another(const struct http_limits *limits)
{
    struct fixture fixture;

    start(&fixture, limits);
    int fd = dial(&fixture), idle = dial(&fixture);
    say(fd, GET("/pieces"));
    while (counts.resets == 0) { /* the other connection is served meanwhile */
        say(idle, GET("/hello"));
        hear(idle, HELLO);
    }
    close(fd);
    close(idle);
    int requests = counts.requests;
    stop(&fixture, requests, 1);
}

TEST(a_client_that_takes_nothing_is_dropped)
{
    static const struct http_limits limits = {.write_idle_ms = 20, .connections_max = 10};

    check_dropped_beside_another(&limits);
}

/* Each byte that it takes puts the deadline for nothing at all off. */
TEST(a_client_that_takes_too_little_is_dropped)
{
    static const struct http_limits limits = {
        .write_idle_ms = 10000,
        .rate_grace_ms = 10,
        .take_rate_min = INT64_C(1) << 40,
        .connections_max = 10,
    };
    struct fixture fixture;
    size_t count = 0;
    char c;

    start(&fixture, &limits);
    int fd = dial(&fixture), little = 4096;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little) == 0);
    say(fd, GET("/pieces"));
    while (counts.resets == 0 && recv(fd, &c, 1, 0) == 1)
        count++;
    CHECK(count > 0 && count < (size_t)PIECE_BYTES * PIECES);
    close(fd);
    stop(&fixture, 1, 1);
}

TEST(when_too_much_waits_the_slowest_client_is_dropped)
{
    static const struct http_limits limits = {.unsent_max = 1, .connections_max = 10};

    check_dropped_beside_another(&limits);
}
