/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include "base/clock.h"
#include "server_world.h"

TEST(pipelined_requests_are_answered_in_order)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/hello") GET("/later")
                GET("/hello") "POST /echo HTTP/1.1\r\nHost: a\r\n"
                              "Content-Length: 3\r\n\r\nabc" GET(
                                  "/later") "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                            "chunked\r\n\r\n"
                                            "3\r\ndef\r\n0\r\n\r\n" GET("/hello"));
    hear(fd, HELLO LATER HELLO OK("3") "abc" LATER OK("3") "def" HELLO);
    close(fd);
    stop(&fixture, 7, 0);
}

TEST(a_flood_of_pipelined_requests_is_answered_completely)
{
    enum { COUNT = 3000 };
    struct fixture fixture;
    scoped(buffer_done) struct buffer requests = {0}, heard = {0};

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    for (int i = 0; i < COUNT; i++)
        buffer_add_text(&requests, text_of(i % 3 ? GET("/hello")
                                                 : "POST /echo HTTP/1.1\r\nHost: a\r\n"
                                                   "Transfer-Encoding: chunked\r\n\r\n"
                                                   "5\r\nhello\r\n0\r\n\r\n"));
    for (size_t at = 0; at < requests.len;) { /* both ways at once, or both sides wait */
        ssize_t count = send(fd, requests.at + at, requests.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0)
            at += (size_t)count;
        else
            CHECK(hear_some(fd, &heard));
    }
    shutdown(fd, SHUT_WR);
    while (hear_some(fd, &heard))
        ;
    int answers = 0;
    struct text rest = buffer_text(&heard);
    for (size_t at; (at = text_find_text(rest, TEXT("\r\n\r\nhello"))) < rest.len; answers++)
        rest = text_skip(rest, at + 9);
    CHECK_MSG(answers == COUNT && rest.len == 0, "%d answers", answers);
    close(fd);
    stop(&fixture, COUNT, 0);
}

TEST(bytes_may_come_one_by_one)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                                  "\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n" GET("/hello");
    struct fixture fixture;
    int on = 1;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    CHECK(setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on) == 0);
    for (const char *c = request; *c; c++)
        CHECK(send(fd, c, 1, MSG_NOSIGNAL) == 1);
    hear(fd, OK("5") "abcde" HELLO);
    close(fd);
    stop(&fixture, 2, 0);
}

TEST(the_application_hears_that_a_waiting_client_sent_its_end)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, GET("/wait"));
    while (counts.ends == 0)
        sched_yield();
    shutdown(fd, SHUT_WR);
    hear_last(fd, HELLO);
    stop(&fixture, 1, 0);
}

TEST(ambiguous_requests_are_refused_and_the_connection_ends)
{
    static const char *const bad[] = {
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n" GET("/hello"),
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc" GET(
            "/hello"),
        "GET /hello HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n" GET("/hello"),
        "GET /hello HTTP/1.1\nHost: a\n\n" GET("/hello"),
        "GET /hello HTTP/1.1\r\n\r\n" GET("/hello"),
        "\x16\x03\x01\x02",
    };
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int fd = dial(&fixture);
        say(fd, bad[i]);
        hear_refusal(fd, 400);
    }
    stop(&fixture, 0, 0);
}

TEST(the_application_hears_of_requests_that_never_became_one)
{
    static const struct http_limits limits = {.head_ms = 100, .body_max = 1, .connections_max = 10};
    static const char *const bad[] = {
        GET("/hello") "GET /hello HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET /x HTTP/9.1\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "PUT /late HTTP/1.1\r\nHo",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789", /* a stream */
    };
    struct fixture fixture;
    char answers[4096];

    start(&fixture, &limits);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int fd = dial(&fixture);
        say(fd, bad[i]);
        while (recv(fd, answers, sizeof answers, 0) > 0)
            ;
        close(fd);
    }
    stop(&fixture, 2, 1);
    CHECK_TEXT(buffer_text(&refusals), "400 GET /hello 17 There is no Host.\n"
                                       "400   17 This is not HTTP.\n"
                                       "505 GET /x 43 Only HTTP/1.1 and HTTP/1.0 are spoken here.\n"
                                       "400 POST /x 35 The Content-Length is not a number.\n"
                                       "408 PUT /late 33 The request did not come in time.\n");
}

TEST(a_client_that_asks_is_told_to_continue)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hear(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "abc");
    hear(fd, OK("3") "abc");
    /* It does not wait: no need to tell it. */
    say(fd,
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
    hear(fd, OK("3") "abc");
    /* Nobody wants the body: nobody knows whether it comes, so the connection ends. */
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hear_refusal(fd, 200);
    fd = dial(&fixture);
    say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    hear_refusal(fd, 413);
    fd = dial(&fixture);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: more\r\n\r\n");
    hear_refusal(fd, 417);
    stop(&fixture, 4, 1);
}

TEST(deadlines_end_what_takes_too_long)
{
    static const struct http_limits limits = {
        .head_ms = 200,
        .idle_ms = 200, /* a client that is held up is not to be taken for an idle one */
        .body_idle_ms = 200,
        .write_idle_ms = 200,
        .body_max = 1000,
        .connections_max = 10,
    };
    struct fixture fixture;

    start(&fixture, &limits);
    hear_last(dial(&fixture), ""); /* idle */
    int fd = dial(&fixture);
    say(fd, GET("/hello"));
    hear_last(fd, HELLO);
    fd = dial(&fixture); /* a head */
    say(fd, "GET /hello HTTP/1.1\r\n");
    hear_refusal(fd, 408);
    fd = dial(&fixture); /* a body */
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na");
    hear_refusal(fd, 408);
    fd = dial(&fixture); /* a body that is dropped */
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na");
    hear_last(fd, HELLO);
    stop(&fixture, 3, 1);
}

TEST(a_head_that_trickles_in_still_has_one_deadline)
{
    static const struct http_limits limits = {.head_ms = 30, .body_max = 1, .connections_max = 10};
    struct fixture fixture;
    int64_t began_us = clock_mono_us();
    char c;

    start(&fixture, &limits);
    int fd = dial(&fixture);
    say(fd, "GET /hello HTTP/1.1\r\n");
    const struct timeval moment = {.tv_usec = 5000};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment) == 0);
    while (recv(fd, &c, 1, 0) < 0 && errno == EAGAIN)
        if (send(fd, "X: y\r\n", 6, MSG_NOSIGNAL) < 0)
            break;
    CHECK(clock_mono_us() - began_us >= 30000);
    close(fd);
    stop(&fixture, 0, 0);
}

/* What is answered to a connection that begins as HTTP/2 does, a byte every 20 ms: its first byte. */
static char trickle_preface(struct fixture *fixture)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const struct timeval moment = {.tv_usec = 20000};
    int fd = dial(fixture);
    char c = 0;

    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment) == 0);
    for (size_t i = 0; i < sizeof preface - 1; i++) {
        if (send(fd, preface + i, 1, MSG_NOSIGNAL) < 0 || recv(fd, &c, 1, 0) >= 0 ||
            errno != EAGAIN)
            break;
    }
    close(fd);
    return c;
}

/* The deadline is met long before the last byte, but by a loop that has no processor until then:
 * it would see all at once. */
TEST(the_beginning_of_http_2_has_the_same_deadline)
{
    static const struct http_limits limits = {.head_ms = 30, .body_max = 1, .connections_max = 10};
    struct fixture fixture;
    char answer = 0;

    start(&fixture, &limits);
    for (int tries = 0; tries < 5 && answer != 'H'; tries++)
        answer = trickle_preface(&fixture);
    CHECK_MSG(answer == 'H', "%d", answer); /* "HTTP/1.1 408" */
    stop(&fixture, 0, 0);
}
