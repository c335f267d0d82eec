/* SPDX-License-Identifier: Apache-2.0 */
#include "server_world.h"

TEST(a_broken_body_is_refused_or_cut_off)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n");
    hear_refusal(fd, 400);
    fd = dial(&fixture); /* the client goes in the middle */
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    shutdown(fd, SHUT_WR);
    hear_last(fd, "");
    fd = dial(&fixture);
    say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc");
    shutdown(fd, SHUT_WR);
    hear_last(fd, "");
    stop(&fixture, 3, 3);
}

TEST(bodies_beyond_their_limit_are_refused)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    hear_refusal(fd, 413);
    fd = dial(&fixture);
    say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    hear_refusal(fd, 413);
    CHECK(counts.ends == 0);
    stop(&fixture, 2, 2);
}

TEST(the_body_of_an_early_answer_is_dropped)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    hear(fd, HELLO);
    say(fd, "12345" GET("/later"));
    hear(fd, LATER);
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
    hear(fd, HELLO);
    say(fd, "c\r\n0\r\nX-Y: z\r\n\r\n" GET("/later"));
    hear(fd, LATER);
    /* Too much to drop: the answer says that the connection ends, and arrives. */
    say(fd, "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
    CHECK(send(fd, big, 1000000, MSG_NOSIGNAL) == 1000000);
    hear_refusal(fd, 200);
    stop(&fixture, 5, 0);
}

TEST(large_bodies_pass_both_ways)
{
    struct fixture fixture;
    scoped(buffer_done) struct buffer heard = {0};
    char head[128];

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    snprintf(head, sizeof head,
             "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n"
             "Connection: close\r\n\r\n",
             BIG_BYTES);
    say(fd, head);
    CHECK(send(fd, big, BIG_BYTES, MSG_NOSIGNAL) == BIG_BYTES);
    while (hear_some(fd, &heard))
        ;
    struct text body =
        text_skip(buffer_text(&heard), text_find_text(buffer_text(&heard), TEXT("\r\n\r\n")) + 4);
    CHECK(text_equal(body, text_from(big, BIG_BYTES)));
    close(fd);
    stop(&fixture, 1, 0);
}

TEST(a_body_can_be_paused)
{
    struct fixture fixture;

    start(&fixture, &http_limits_public);
    int fd = dial(&fixture);
    say(fd, "POST /pause HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n" GET("/hello"));
    hear(fd, OK("3") "abc" HELLO);
    say(fd, "POST /pause HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    say(fd, "cd" GET("/hello"));
    hear(fd, OK("4") "abcd" HELLO);
    close(fd);
    stop(&fixture, 4, 0);
}
