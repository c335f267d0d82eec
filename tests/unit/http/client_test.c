/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include "upstream.h"

struct calling {
    struct client_call call;
    struct loop_message message;
    struct client *client;
    struct loop_timer cancel;
    bool is_done, cancels;
};

static void on_done(struct client_call *call)
{
    container_of(call, struct calling, call)->is_done = true;
    loop_stop(loop_current());
}

static void on_cancel(struct loop_timer *timer)
{
    client_cancel(&container_of(timer, struct calling, cancel)->call);
    loop_stop(loop_current());
}

static void send_it(struct loop_message *message)
{
    struct calling *calling = container_of(message, struct calling, message);

    client_send(calling->client, &calling->call);
    if (calling->cancels)
        loop_timer_set(loop_current(), &calling->cancel, 20);
}

static bool may_not(const void *arg, const struct sockaddr_storage *address)
{
    return *(const int *)arg != address->ss_family;
}

static void run(struct calling *calling, const struct upstream *upstream, const int *refused)
{
    struct loop *loop = loop_new("test");
    scoped(free) char *url = mem_format("http://127.0.0.1:%d/a/../b%%2F?x=1", upstream->port);

    calling->client = client_new(loop);
    if (refused)
        client_restrict(calling->client, may_not, refused);
    calling->call.url = url;
    calling->call.done = on_done;
    calling->call.timeout_ms = calling->call.timeout_ms ? calling->call.timeout_ms : 10000;
    calling->cancel.fire = on_cancel;
    calling->message.run = send_it;
    loop_post(loop, &calling->message);
    loop_run(loop);
    client_free(calling->client);
    loop_free(loop);
}

static void release(struct calling *calling, struct upstream *upstream)
{
    buffer_done(&calling->call.answer);
    buffer_done(&calling->call.head);
    upstream_done(upstream);
}

TEST(a_relayed_request_and_its_answer_stay_as_they_are)
{
    struct calling calling = {
        .call = {.method = "DELETE", .is_relayed = true},
    };
    scoped(arena_done) struct arena arena = {0};
    struct upstream upstream;
    size_t count;

    upstream_start(&upstream, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                              "HTTP/1.1 404 None\r\nSet-Cookie: a=1\r\nset-cookie:b=2\r\n"
                              "X-Empty:\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n");
    client_append_header(&calling.call, TEXT("X-A"), TEXT("1"));
    client_append_header(&calling.call, TEXT("X-A"), TEXT("2"));
    client_append_header(&calling.call, TEXT("X-Empty"), TEXT(""));
    client_append_header(&calling.call, TEXT("X-Split"), TEXT("1\r\nX-Not: 1"));
    run(&calling, &upstream, NULL);
    struct text asked = upstream_join(&upstream);
    scoped(free) char *want = mem_format("DELETE /a/../b%%2F?x=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                                         "X-A: 1\r\nX-A: 2\r\nX-Empty:\r\n\r\n",
                                         upstream.port);
    CHECK_TEXT(asked, want);
    CHECK(calling.is_done && calling.call.failure == CLIENT_OK && calling.call.status == 404);
    CHECK_TEXT(buffer_text(&calling.call.answer), "hi");
    struct http_field *fields = client_read_fields(&calling.call, &arena, &count);
    CHECK(count == 4);
    CHECK_TEXT(fields[0].name, "Set-Cookie");
    CHECK_TEXT(fields[1].value, "b=2");
    CHECK_TEXT(fields[2].value, "");
    release(&calling, &upstream);
}

TEST(a_body_goes_along_and_an_answer_that_is_too_long_is_cut)
{
    struct calling calling = {
        .call = {.method = "POST", .is_relayed = true, .body = TEXT("body"), .answer_max = 3},
    };
    struct upstream upstream;

    upstream_start(&upstream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    run(&calling, &upstream, NULL);
    struct text asked = upstream_join(&upstream);
    CHECK(text_ends(asked, TEXT("Content-Length: 4\r\n\r\nbody")));
    CHECK(text_find_text(asked, TEXT("Content-Type")) == asked.len);
    CHECK(calling.call.status == 200 && calling.call.is_cut);
    CHECK_TEXT(buffer_text(&calling.call.answer), "hel");
    release(&calling, &upstream);
}

TEST(a_call_ends_in_time)
{
    struct calling calling = {.call = {.method = "GET", .timeout_ms = 50}};
    struct upstream upstream;

    upstream_start(&upstream, NULL);
    run(&calling, &upstream, NULL);
    CHECK(calling.is_done && calling.call.failure == CLIENT_TIMEOUT);
    upstream_join(&upstream);
    release(&calling, &upstream);
}

TEST(a_call_that_is_cancelled_is_not_heard_of_again)
{
    struct calling calling = {.call = {.method = "GET"}, .cancels = true};
    struct upstream upstream;

    upstream_start(&upstream, NULL);
    run(&calling, &upstream, NULL);
    CHECK(!calling.is_done);
    upstream_join(&upstream);
    release(&calling, &upstream);
}

TEST(an_address_that_may_not_be_called_is_not_connected_to)
{
    struct calling calling = {.call = {.method = "GET"}};
    static const int refused = AF_INET;
    struct upstream upstream = {.port = 1};

    run(&calling, &upstream, &refused);
    CHECK(calling.is_done && calling.call.failure == CLIENT_REFUSED);
    release(&calling, &upstream);
}
